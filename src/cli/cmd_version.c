/* version - of the program, the format and the libraries. */
#include <archive.h>
#include <jansson.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <zstd.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/output.h"
#include "holdfast/err.h"
#include "holdfast/vault.h"

static int run(struct cli *cli, struct err *err)
{
	if (options_operands(&cli->options, &cmd_version, 0, 0, err) != 0)
		return err->code;
	if (cli->options.json)
		return output_json(json_pack("{s:s, s:i, s:{s:s, s:s, s:s, s:s, s:s}}", "version",
		                             HOLDFAST_VERSION, "format", (int)VAULT_FORMAT,
		                             "libraries", "libsodium", sodium_version_string(),
		                             "zstd", ZSTD_versionString(), "sqlite",
		                             sqlite3_libversion(), "libarchive",
		                             archive_version_string(), "jansson",
		                             jansson_version_str()), err);
	printf("holdfast %s, vault format %d\n", HOLDFAST_VERSION, (int)VAULT_FORMAT);
	printf("libsodium %s, zstd %s, SQLite %s, %s, jansson %s\n", sodium_version_string(),
	       ZSTD_versionString(), sqlite3_libversion(), archive_version_string(),
	       jansson_version_str());
	return 0;
}

const struct command cmd_version = {
	.name = "version",
	.summary = "versions of program, format and libraries",
	.usage = "",
	.about = "Print the version of the program, of the vault format it writes, and of the libraries.\n",
	.run = run,
};
