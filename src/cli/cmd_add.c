/* add - put a store into the configuration. */
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/config_edit.h"
#include "cli/config_value.h"
#include "cli/paths.h"
#include "holdfast/err.h"
#include "holdfast/fleet.h"

enum { TYPE };

static const struct option_spec options[] = {
	[TYPE] = { "type", 0, "TYPE", "sqlite, files, command, mariadb-dump or postgres-dump" },
	{ 0 },
};

enum { SECTION_MAX = 4096 };

static bool is_sqlite(const char *path)
{
	static const char magic[16] = "SQLite format 3";
	char head[16];
	size_t got;
	struct err err;
	IO_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd >= 0 && io_read(fd, head, sizeof head, &got, &err) == 0 && got == sizeof head &&
	       memcmp(head, magic, sizeof magic) == 0;
}

static int guess_type(const char *path, const char **type, struct err *err)
{
	struct stat st;
	if (fleet_is_pattern(path)) {
		*type = "sqlite";
		return 0;
	}
	if (stat(path, &st) != 0)
		return err_sys(err, "add: %s", path);
	if (access(path, R_OK) != 0)
		return err_sys(err, "add: %s", path);
	*type = S_ISDIR(st.st_mode) ? "files" : is_sqlite(path) ? "sqlite" : NULL;
	if (*type)
		return 0;
	err_set(err, ERR_INVALID, "add: %s: neither a SQLite database nor a folder", path);
	return err_hint(err, "a dump command: 'holdfast add NAME COMMAND --type command'");
}

static int check_pattern(const char *path, struct err *err)
{
	glob_t found;
	int rc = glob(path, 0, NULL, &found);
	if (rc == 0)
		globfree(&found);
	return rc == 0 ? 0 : err_set(err, ERR_ABSENT, "add: nothing matches %s", path);
}

static int check_readable(const char *path, const char *type, struct err *err)
{
	if (strcmp(type, "files") == 0) {
		DIR *dir = opendir(path);
		if (!dir)
			return err_sys(err, "add: %s", path);
		closedir(dir);
		return 0;
	}
	if (fleet_is_pattern(path))
		return check_pattern(path, err);
	if (access(path, R_OK) != 0)
		return err_sys(err, "add: %s", path);
	return is_sqlite(path) ? 0
	                       : err_set(err, ERR_INVALID, "add: %s: not a SQLite database", path);
}

struct section {
	const char *name, *type, *operand;
	const char *key;   /* what the operand is called in the configuration */
};

/* Dumps are described by their command or database, the other types by a path. */
static int describe(struct section *out, const char *type, struct err *err)
{
	out->type = type;
	out->key = strcmp(type, "command") == 0 ? "command"
	           : strstr(type, "-dump")      ? "database"
	                                        : "path";
	if (config_value_check(VALUE_TYPE, type, err) != 0)
		return err_wrap(err, "add");
	return strcmp(out->key, "path") == 0 ? check_readable(out->operand, type, err) : 0;
}

static int compose(const struct section *in, struct buf *out, struct err *err)
{
	bool fleet = strcmp(in->key, "path") == 0 && strcmp(in->type, "sqlite") == 0 &&
	             fleet_is_pattern(in->operand);
	if (buf_printf(out, err, "[store %s]\ntype = %s\n%s = %s\n", in->name, in->type, in->key,
	               in->operand) != 0)
		return err->code;
	return fleet ? buf_printf(out, err, "name = %s/{stem}\n", in->name) : 0;
}

static int check_name(const struct cli *cli, const char *name, struct err *err)
{
	if (!config_name_ok(name) || strlen(name) > 43) {
		err_set(err, ERR_INVALID, "add: a store cannot be called '%s'", name);
		return err_hint(err,
		                "up to 43 bytes without @ * ? [ ] { } \\ and control characters");
	}
	const struct config_section *twin = config_find(cli->config, CONFIG_STORE, name);
	return twin ? err_set(err, ERR_EXISTS, "add: [store %s] is already at %s:%u", name,
	                      twin->file, twin->line)
	            : 0;
}

static int write_section(const struct cli *cli, const struct section *section, struct err *err)
{
	AUTO(buf) text = buf_new(SECTION_MAX, err);
	if (!text || compose(section, text, err) != 0)
		return err->code;
	const char *shown = buf_text(text, err);
	if (!shown)
		return err->code;
	if (cli->options.dry_run) {
		fputs(shown, stdout);
		return 0;
	}
	if (config_edit_append(cli->config->path, shown, err) != 0)
		return err->code;
	if (!cli->options.quiet)
		printf("%s: added [store %s], type %s\nNext: holdfast backup %s\n",
		       cli->config->path, section->name, section->type, section->name);
	return 0;
}

static int add(struct cli *cli, char *path, struct err *err)
{
	const struct options *o = &cli->options;
	const char *type = o->own[TYPE];
	struct section section = { .name = o->operands[0],
		                   .operand = path ? path : o->operands[1] };
	if (!type && guess_type(path, &type, err) != 0)
		return err->code;
	if (describe(&section, type, err) != 0 ||
	    config_edit_check(section.key, section.operand, err) != 0)
		return err->code;
	return write_section(cli, &section, err);
}

static int run(struct cli *cli, struct err *err)
{
	const struct options *o = &cli->options;
	const char *type = o->own[TYPE];
	if (options_operands(o, &cmd_add, 2, 2, err) != 0 || cli_config(cli, err) != 0)
		return err->code;
	if (!cli->config->path) {
		err_set(err, ERR_INVALID, "add: there is no configuration yet");
		return err_hint(err, "begin with 'holdfast init --vault URL'");
	}
	if (check_name(cli, o->operands[0], err) != 0)
		return err->code;
	bool has_path = !type || strcmp(type, "sqlite") == 0 || strcmp(type, "files") == 0;
	char *path = has_path ? paths_absolute(o->operands[1], err) : NULL;
	int rc = has_path && !path ? err->code : add(cli, path, err);
	free(path);
	return rc;
}

const struct command cmd_add = {
	.name = "add",
	.summary = "put a store into the configuration",
	.usage = "NAME PATH [--type TYPE]",
	.about = "Append a [store NAME] section. PATH may be a SQLite database, a folder, or a quoted\n"
	         "pattern such as '/srv/tenants/*.db': one store for each file. With --type command it\n"
	         "is the dump command, with the dump presets the database's name.\n",
	.options = options,
	.changes = true,
	.run = run,
};
