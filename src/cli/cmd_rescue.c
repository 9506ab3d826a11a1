/* rescue - rebuild files from packs and keys when snapshots are lost. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/choice.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/live.h"
#include "cli/output.h"
#include "cli/stores.h"
#include "cli/text.h"
#include "holdfast/err.h"
#include "holdfast/restore.h"

enum { TO };

static const struct option_spec options[] = {
	[TO] = { "to", 0, "DIR", "the folder to write into" },
	{ 0 },
};

static int report(struct cli *cli, const struct store_entry *store, struct restore_result *r,
                  struct err *err)
{
	char size[TEXT_MAX];
	choice_wrap(cli, store->label, &r->warning);
	if (r->warning.code != ERR_NONE)
		output_error(&r->warning);
	if (cli->options.json && output_json(json_pack("{s:o, s:I, s:I, s:I, s:o}", "store",
						       output_json_text(store->label), "files",
						       (json_int_t)r->files, "bytes_written",
	                                             (json_int_t)r->bytes_written, "bytes_fetched",
						       (json_int_t)r->bytes_fetched, "warning",
						       output_json_text(r->warning.msg)), err) != 0)
		return err->code;
	if (!cli->options.json)
		printf("%s: %" PRIu64 " file%s rebuilt in %s, %s\n", store->label, r->files,
		       r->files == 1 ? "" : "s", cli->options.own[TO],
		       text_size(size, r->bytes_written));
	return EXIT_DEGRADED;
}

static int run(struct cli *cli, struct err *err)
{
	const struct options *o = &cli->options;
	struct restore_result result = { 0 };
	if (options_operands(o, &cmd_rescue, 1, 1, err) != 0)
		return err->code;
	if (!o->own[TO]) {
		err_set(err, ERR_INVALID, "rescue: no folder to write into is given");
		return err_hint(err, "add --to DIR");
	}
	AUTO(stores) list = stores_load_to_read(cli, o->operands[0], err);
	const struct store_entry *store = list ? stores_one(list, o->operands[0], err) : NULL;
	if (!store)
		return err->code;
	int rc = restore_rescue(cli->vault, &store->info, o->own[TO], cli_progress(cli), &result, err);
	live_clear();
	if (rc != 0)
		return choice_wrap(cli, store->label, err);
	return report(cli, store, &result, err);
}

const struct command cmd_rescue = {
	.name = "rescue",
	.summary = "rebuild files from packs when snapshots are lost",
	.usage = "STORE --to DIR",
	.about = "Rebuild the page files of a store (SQLite databases) from the packs and keys alone. For\n"
	         "every page the newest pack found wins. Nothing proves which moment the result is:\n"
	         "check it with the database's own tools. Where a snapshot is left, restore is better.\n"
	         "Exit status 4 when files were rebuilt.\n",
	.options = options,
	.reads = true,
	.run = run,
};
