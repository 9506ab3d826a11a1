#include "cli/period.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hex.h"
#include "base/json.h"
#include "cli/asking.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/period_drills.h"
#include "cli/period_facts.h"
#include "cli/stores.h"
#include "holdfast/enrol.h"
#include "holdfast/err.h"
#include "holdfast/ledger.h"

struct gathering {
	struct cli *cli;
	json_t *doc;
	json_t *days;                   /* by date */
	int64_t from_s, to_s;
	/* of the store that is looked at */
	json_t *store;
	int64_t snapshots, epoch;
};

static void count(json_t *j, const char *key, int64_t more)
{
	json_object_set_new(j, key, json_integer((json_int_t)(json_int(j, key) + more)));
}

static int append(json_t *doc, const char *key, json_t *one, struct err *err)
{
	return one && json_array_append_new(json_object_get(doc, key), one) == 0 ? 0 : err_no_memory(err);
}

/* ---- backups, day by day ---- */

static void day_text(int64_t t, char out[16])
{
	time_t at = (time_t)t;
	struct tm tm = { 0 };
	localtime_r(&at, &tm);
	strftime(out, 16, "%Y-%m-%d", &tm);
}

static json_t *day_of(struct gathering *g, int64_t t)
{
	char day[16];
	day_text(t, day);
	json_t *one = json_object_get(g->days, day);
	if (one)
		return one;
	one = json_pack("{s:s, s:i, s:i, s:i}", "day", day, "runs", 0, "good", 0, "failed", 0);
	return one && json_object_set_new(g->days, day, one) == 0 ? one : NULL;
}

static int take_run(void *arg, const struct ledger_line *line, struct err *err)
{
	struct gathering *g = arg;
	int64_t at = (int64_t)line->time_s;
	if (strcmp(line->kind, "run") != 0 || at < g->from_s || at >= g->to_s)
		return 0;
	JSON_AUTO j = json_decode(line->json, line->json_len, "ledger entry", err);
	json_t *day = j ? day_of(g, at) : NULL;
	if (!day)
		return j ? err_no_memory(err) : (int)err->code;
	count(day, "runs", 1);
	count(day, "good", json_int(j, "stores") - json_int(j, "failed"));
	count(day, "failed", json_int(j, "failed"));
	return 0;
}

static int compare_days(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int list_days(struct gathering *g, struct err *err)
{
	size_t n = 0, all = json_object_size(g->days);
	const char **names = calloc(all + 1, sizeof *names), *name;
	json_t *day;
	int rc = 0;
	if (!names)
		return err_no_memory(err);
	json_object_foreach(g->days, name, day)
		names[n++] = name;
	qsort(names, n, sizeof *names, compare_days);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = append(g->doc, "days", json_incref(json_object_get(g->days, names[i])), err);
	free(names);
	return rc;
}

static int add_days(struct gathering *g, struct err *err)
{
	const struct ledger_show_options o = { .since_s = (uint64_t)(g->from_s > 0 ? g->from_s : 0) };
	if (ledger_show(g->cli->vault, &o, take_run, g, err) != 0)
		return err->code;
	return list_days(g, err);
}

/* ---- stores and epochs ---- */

static int add_epoch(struct gathering *g, const struct snapshot_info *s, struct err *err)
{
	g->epoch = s->epoch;
	return append(g->doc, "epochs",
	              json_pack("{s:O, s:O, s:I, s:I}", "store", json_object_get(g->store, "id"), "name",
	                        json_object_get(g->store, "name"), "epoch", (json_int_t)s->epoch, "since",
	                        (json_int_t)s->time_s), err);
}

static int take_snapshot(struct gathering *g, const struct snapshot_info *s, struct err *err)
{
	if (s->time_s >= g->to_s)
		return 0;
	g->snapshots += s->time_s >= g->from_s;
	json_object_set_new(g->store, "newest", json_integer((json_int_t)s->time_s));
	return (int64_t)s->epoch != g->epoch ? add_epoch(g, s, err) : 0;
}

/* The first drill of the configuration that has a store says whose it is. */
static void add_asset(const struct cli *cli, const struct store_entry *e, json_t *store)
{
	for (size_t i = 0; i < cli->config->n; i++) {
		const struct config_section *s = &cli->config->sections[i];
		const char *list = s->kind == CONFIG_DRILL ? config_get(cli->config, s, "stores") : NULL;
		const char *asset = config_get(cli->config, s, "asset"), *owner;
		char pattern[VAULT_NAME_MAX + 80];
		bool has = s->kind == CONFIG_DRILL && !list;
		for (size_t k = 0; list && config_list_item(list, k, pattern, sizeof pattern); k++)
			has |= stores_match(e, pattern);
		if (!has)
			continue;
		owner = config_get(cli->config, s, "owner");
		json_object_set_new(store, "planned", json_true());
		json_object_set_new(store, "asset", output_json_text(asset ? asset : ""));
		json_object_set_new(store, "owner", output_json_text(owner ? owner : ""));
		return;
	}
}

/* Drills of the span, of this store: how many, and how the last one ended. */
static void add_drills_of(const json_t *doc, json_t *store)
{
	const json_t *d;
	size_t i;
	json_array_foreach(json_object_get(doc, "drills"), i, d) {
		if (strcmp(json_text(d, "store"), json_text(store, "id")) != 0 ||
		    strcmp(json_text(d, "writer"), json_text(store, "writer_id")) != 0)
			continue;
		count(store, "drills", 1);
		if (json_int(d, "finished") < json_int(store, "drilled"))
			continue;
		json_object_set(store, "drilled", json_object_get(d, "finished"));
		json_object_set(store, "verdict", json_object_get(d, "state"));
		if (!*json_text(store, "asset"))
			json_object_set(store, "asset", json_object_get(d, "asset"));
	}
}

static int add_store(void *arg, const struct store_entry *e, const struct snapshot_info *list, size_t n,
                     struct err *err)
{
	struct gathering *g = arg;
	char id[33], writer[33];
	hex_encode(id, e->info.store, 16);
	hex_encode(writer, e->info.writer, 16);
	g->store = json_pack("{s:s, s:s, s:o, s:o, s:s, s:s, s:i, s:i, s:s}", "id", id, "writer_id", writer,
	                     "writer", output_json_text(e->info.writer_name), "name",
	                     output_json_text(e->info.name ? e->info.name : ""), "asset", "", "owner", "",
	                     "drills", 0, "drilled", 0, "verdict", "");
	if (append(g->doc, "stores", g->store, err) != 0)
		return err->code;
	g->snapshots = g->epoch = 0;
	add_asset(g->cli, e, g->store);
	add_drills_of(g->doc, g->store);
	for (size_t i = 0; i < n; i++)
		if (take_snapshot(g, &list[i], err) != 0)
			return err->code;
	count(g->store, "snapshots", g->snapshots);
	return 0;
}

static int add_stores(struct gathering *g, struct err *err)
{
	AUTO(stores) all = stores_load(g->cli, STORES_AS_THEY_ARE, err);
	return all ? asking_snapshots(g->cli->vault, all, add_store, g, err) : err->code;
}

/* ---- keys ---- */

static int take_key(void *arg, const struct enrol_machine *m, struct err *err)
{
	struct gathering *g = arg;
	char roles[ROLES_TEXT_MAX];
	return append(g->doc, "keys",
	              json_pack("{s:s, s:o, s:s, s:I, s:o, s:s}", "id", m->id, "name",
	                        output_json_text(m->name), "roles", roles_text(roles, m->roles), "enrolled",
	                        (json_int_t)m->enrolled_s, "by", output_json_text(m->by), "fingerprint",
	                        m->fingerprint), err);
}

/* ---- all of it ---- */

static int gather(struct gathering *g, struct err *err)
{
	if (period_add_drills(g->doc, g->cli, err) != 0 || add_days(g, err) != 0 || add_stores(g, err) != 0 ||
	    enrol_machines(g->cli->vault, take_key, g, err) != 0)
		return err->code;
	return period_add_facts(g->doc, err);
}

json_t *period_document(struct cli *cli, int64_t from_s, int64_t to_s, struct err *err)
{
	bool unlocked;
	if (cli_open(cli, err) != 0 || cli_unlock_if_given(cli, false, &unlocked, err) != 0)
		return NULL;
	const char *machine = vault_machine(cli->vault);
	JSON_AUTO days = json_object();
	JSON_AUTO doc = json_pack("{s:i, s:I, s:I, s:I, s:s, s:o, s:[], s:[], s:[], s:[]}", "v", 1, "from",
	                          (json_int_t)from_s, "to", (json_int_t)to_s, "made",
	                          (json_int_t)time(NULL), "vault", vault_id_text(cli->vault), "machine",
	                          output_json_text(machine ? machine : ""), "stores", "days", "keys",
	                          "epochs");
	if (!doc || !days) {
		err_no_memory(err);
		return NULL;
	}
	struct gathering g = { .cli = cli, .doc = doc, .days = days, .from_s = from_s, .to_s = to_s };
	return gather(&g, err) == 0 ? json_incref(doc) : NULL;
}
