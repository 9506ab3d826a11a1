/* stats - what the stores take in the vault. */
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

struct stats {
	uint64_t snapshots, kinds[3], new_bytes, newest_listed_bytes;
};

struct counting {
	struct cli *cli;
	struct table *table;
	struct stats all;
};

static struct stats count(const struct snapshot_info *list, size_t n)
{
	struct stats st = { .snapshots = n };
	for (size_t i = 0; i < n; i++) {
		st.kinds[list[i].kind]++;
		st.new_bytes += stores_new_bytes(&list[i]);
		st.newest_listed_bytes = list[i].listed_bytes;
	}
	return st;
}

static json_t *as_json(const char *name, const struct stats *st)
{
	return json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "store", output_json_text(name),
	                 "snapshots", (json_int_t)st->snapshots, "full",
	                 (json_int_t)st->kinds[SNAPSHOT_FULL], "incremental",
	                 (json_int_t)st->kinds[SNAPSHOT_INCREMENTAL], "unchanged",
	                 (json_int_t)st->kinds[SNAPSHOT_UNCHANGED], "new_bytes",
	                 (json_int_t)st->new_bytes, "listed_bytes",
	                 (json_int_t)st->newest_listed_bytes);
}

static int add_row(struct table *t, const char *name, const struct stats *st, struct err *err)
{
	char count[4][24], sum[TEXT_MAX], mean[TEXT_MAX], fetch[TEXT_MAX];
	snprintf(count[3], sizeof count[3], "%" PRIu64, st->snapshots);
	for (int i = 0; i < 3; i++)
		snprintf(count[i], sizeof count[i], "%" PRIu64, st->kinds[i]);
	return TABLE_ROW(t, err, name, count[3], count[SNAPSHOT_FULL], count[SNAPSHOT_INCREMENTAL],
	                 count[SNAPSHOT_UNCHANGED], text_size(sum, st->new_bytes),
	                 text_size(mean, st->snapshots ? st->new_bytes / st->snapshots : 0),
	                 text_size(fetch, st->newest_listed_bytes));
}

static int add_store(void *arg, const struct store_entry *store, const struct snapshot_info *list, size_t n,
                     struct err *err)
{
	struct counting *c = arg;
	struct stats st = count(list, n), *all = &c->all;
	all->snapshots += st.snapshots;
	for (int i = 0; i < 3; i++)
		all->kinds[i] += st.kinds[i];
	all->new_bytes += st.new_bytes;
	all->newest_listed_bytes += st.newest_listed_bytes;
	return c->cli->options.json ? output_json(as_json(store->label, &st), err)
	                            : add_row(c->table, store->label, &st, err);
}

static int run(struct cli *cli, struct err *err)
{
	const struct options *o = &cli->options;
	if (cli_open(cli, err) != 0)
		return err->code;
	AUTO(stores) list = stores_load(cli, STORES_ASK, err);
	AUTO(table) t = table_new("lrrrrrrr", err);
	if (!list || !t || stores_keep(list, o->operands, o->n_operands, err) != 0 ||
	    TABLE_ROW(t, err, "STORE", "SNAPSHOTS", "FULL", "INCREMENTAL", "UNCHANGED", "STORED",
	              "EACH", "NEWEST") != 0)
		return err->code;
	struct counting c = { .cli = cli, .table = t };
	if (asking_snapshots(cli->vault, list, add_store, &c, err) != 0)
		return err->code;
	if (o->json)
		return 0;
	if (list->n > 1 && add_row(t, "all", &c.all, err) != 0)
		return err->code;
	table_print(t);
	return 0;
}

const struct command cmd_stats = {
	.name = "stats",
	.summary = "count snapshots and what they take",
	.usage = "[STORE|PATTERN...]",
	.about = "For each store: its snapshots by kind, what they stored in all and each on average, and\n"
	         "what a restore of the newest fetches at most.\n",
	.reads = true,
	.reads_late = true,
	.run = run,
};
