/* snapshots - list what can be restored. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/asking.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/stores.h"
#include "cli/table.h"
#include "cli/text.h"
#include "holdfast/err.h"

struct listing {
	const struct store_entry *store;
	struct table *table;   /* NULL: JSON */
	size_t n;
};

static json_t *as_json(const struct listing *l, const struct snapshot_info *i)
{
	const struct store_info *info = &l->store->info;
	json_t *j = json_pack("{s:o, s:I, s:I, s:s, s:i, s:i, s:i, s:I, s:I, s:s}", "store",
	                      output_json_text(info->name ? info->name : l->store->label),
	                      "snapshot", (json_int_t)i->seq, "time", (json_int_t)i->time_s, "kind",
	                      snapshot_kind_text(i->kind), "epoch", (int)i->epoch, "packs",
	                      (int)i->packs, "new_packs", (int)i->new_packs, "listed_bytes",
	                      (json_int_t)i->listed_bytes, "new_bytes", (json_int_t)stores_new_bytes(i),
	                      "id", i->id);
	if (j && info->writer_name)
		json_object_set_new(j, "machine", output_json_text(info->writer_name));
	return j;
}

static int tell(const struct listing *l, const struct snapshot_info *i, struct err *err)
{
	char name[sizeof l->store->label + 24], when[TEXT_MAX], added[TEXT_MAX], fetch[TEXT_MAX];
	if (!l->table)
		return output_json(as_json(l, i), err);
	snprintf(name, sizeof name, "%s@%" PRIu64, l->store->label, i->seq);
	return TABLE_ROW(l->table, err, name, text_time(when, i->time_s),
	                 snapshot_kind_text(i->kind), text_size(added, stores_new_bytes(i)),
	                 text_size(fetch, i->listed_bytes), i->id);
}

static int visit(void *arg, const struct store_entry *store, const struct snapshot_info *list, size_t n,
                 struct err *err)
{
	struct listing *l = arg;
	l->store = store;
	l->n += n;
	for (size_t i = 0; i < n; i++)
		if (tell(l, &list[i], err) != 0)
			return err->code;
	return 0;
}

static int run(struct cli *cli, struct err *err)
{
	const struct options *o = &cli->options;
	if (cli_open(cli, err) != 0)
		return err->code;
	AUTO(stores) stores = stores_load(cli, STORES_ASK, err);
	AUTO(table) t = table_new("lllrrl", err);
	if (!stores || !t || stores_keep(stores, o->operands, o->n_operands, err) != 0)
		return err->code;
	struct listing l = { .table = o->json ? NULL : t };
	if (TABLE_ROW(t, err, "SNAPSHOT", "TIME", "KIND", "NEW", "TO FETCH", "ID") != 0 ||
	    asking_snapshots(cli->vault, stores, visit, &l, err) != 0)
		return err->code;
	if (!o->json && l.n > 0)
		table_print(t);
	if (l.n == 0 && !o->quiet)
		output_note("vault %s holds no snapshots", vault_short_id(cli->vault));
	return 0;
}

const struct command cmd_snapshots = {
	.name = "snapshots",
	.summary = "list snapshots",
	.usage = "[STORE|PATTERN...]",
	.about = "List the snapshots of the named stores, or of all, oldest first. NEW is what the\n"
	         "snapshot added to the vault, TO FETCH what a restore of it reads at most.\n"
	         "Names of stores that are not in the configuration need the passphrase.\n",
	.reads = true,
	.falls_back = true,
	.reads_late = true,
	.run = run,
};
