/* log - what was run on this machine, and how it went. */
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/runlog.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/when.h"
#include "holdfast/err.h"

enum { SINCE, RUN };

static const struct option_spec options[] = {
	[SINCE] = { "since", 0, "T", "yesterday, today, 7d, 2026-11-22, 2026-11-22T02:15" },
	[RUN] = { "run", 0, "ID", "this run, as its summary names it" },
	{ 0 },
};

struct listing {
	const struct options *options;
	struct table *table;
	int64_t since_s;
	size_t runs;
};

static bool is_asked(const struct listing *l, const char *store)
{
	for (size_t i = 0; i < l->options->n_operands; i++)
		if (strcmp(l->options->operands[i], store) == 0 ||
		    fnmatch(l->options->operands[i], store, 0) == 0)
			return true;
	return l->options->n_operands == 0;
}

static int store_row(struct listing *l, const char *when, const json_t *store, struct err *err)
{
	const char *result = json_text(store, "result"), *error = json_text(store, "error");
	char snapshot[TEXT_MAX] = "", stored[TEXT_MAX] = "", took[TEXT_MAX];
	bool failed = strcmp(result, "failed") == 0;
	if (!failed) {
		snprintf(snapshot, sizeof snapshot, "snapshot %" PRIu64,
		         json_count(store, "snapshot"));
		text_size(stored, json_count(store, "bytes_stored"));
	}
	return TABLE_ROW(l->table, err, when, json_text(store, "store"),
	                 failed ? "FAILED" : json_text(store, "kind"), snapshot, stored,
	                 text_took(took, json_count(store, "duration_ms")), error);
}

struct tally {
	size_t done, failed;
	uint64_t stored;
};

static struct tally count(const json_t *stores)
{
	struct tally t = { 0 };
	for (size_t i = 0; i < json_array_size(stores); i++) {
		const json_t *store = json_array_get(stores, i);
		bool failed = strcmp(json_text(store, "result"), "failed") == 0;
		t.done += !failed;
		t.failed += failed;
		t.stored += json_count(store, "bytes_stored");
	}
	return t;
}

static int run_row(struct listing *l, const char *when, const json_t *run, struct err *err)
{
	struct tally t = count(json_object_get(run, "stores"));
	char stores[64], status[32], stored[TEXT_MAX], took[TEXT_MAX];
	int used = snprintf(stores, sizeof stores, "%zu done", t.done);
	if (t.failed)
		snprintf(stores + used, sizeof stores - (size_t)used, ", %zu FAILED", t.failed);
	snprintf(status, sizeof status, "exit %" PRIu64, json_count(run, "exit"));
	return TABLE_ROW(l->table, err, when, json_text(run, "command"), stores, status,
	                 text_size(stored, t.stored),
	                 text_took(took, json_count(run, "duration_ms")), json_text(run, "id"));
}

static int note_rows(struct listing *l, const json_t *notes, struct err *err)
{
	for (size_t i = 0; i < json_array_size(notes); i++) {
		const char *note = json_string_value(json_array_get(notes, i));
		if (note && TABLE_ROW(l->table, err, "", "", "NOTE", "", "", "", note) != 0)
			return err->code;
	}
	return 0;
}

/* A run in one line and its failures below; all asked stores where some are named, or with -v. */
static int show(struct listing *l, const json_t *run, struct err *err)
{
	char when[TEXT_MAX];
	const json_t *stores = json_object_get(run, "stores");
	bool named = l->options->n_operands > 0;
	text_time(when, (int64_t)json_count(run, "time"));
	if (!named && (run_row(l, when, run, err) != 0 ||
	               note_rows(l, json_object_get(run, "notes"), err) != 0))
		return err->code;
	for (size_t i = 0; i < json_array_size(stores); i++) {
		const json_t *store = json_array_get(stores, i);
		bool told = named || l->options->verbose || l->options->own[RUN] ||
		            *json_text(store, "error");
		if (told && is_asked(l, json_text(store, "store")) &&
		    store_row(l, named ? when : "", store, err) != 0)
			return err->code;
	}
	return 0;
}

static bool concerns(const struct listing *l, const json_t *run)
{
	const json_t *stores = json_object_get(run, "stores");
	for (size_t i = 0; i < json_array_size(stores); i++)
		if (is_asked(l, json_text(json_array_get(stores, i), "store")))
			return true;
	return l->options->n_operands == 0;
}

static bool is_named(const struct listing *l, const json_t *run)
{
	const char *id = l->options->own[RUN];
	return !id || strcmp(id, json_text(run, "id")) == 0;
}

static int visit(void *arg, const json_t *run, struct err *err)
{
	struct listing *l = arg;
	if ((int64_t)json_count(run, "time") < l->since_s || !is_named(l, run) || !concerns(l, run))
		return 0;
	l->runs++;
	return l->options->json ? output_json(json_deep_copy(run), err) : show(l, run, err);
}

static int run(struct cli *cli, struct err *err)
{
	const struct options *o = &cli->options;
	const char *since = o->own[SINCE];
	struct listing l = { .options = o };
	if (since && !when_since(since, (int64_t)time(NULL), &l.since_s)) {
		err_set(err, ERR_INVALID, "log: '%s' is not a time", since);
		return err_hint(err, "for example yesterday, 7d, 2026-11-22 or 2026-11-22T02:15");
	}
	if (cli_place(cli, err) != 0)
		return err->code;
	AUTO(table) t = table_new("llllrrl", err);
	l.table = t;
	if (!t || !cli->state || runlog_read(cli->state, visit, &l, err) != 0)
		return cli->state ? err->code : err_set(err, ERR_INVALID, "log: no state folder");
	table_print(t);
	if (l.runs == 0 && o->own[RUN]) {
		err_set(err, ERR_ABSENT, "log: no run %.20s is recorded here", o->own[RUN]);
		return err_hint(err, "'holdfast log' lists them");
	}
	if (l.runs == 0 && !o->quiet)
		output_note("nothing was run on this machine%s", since ? " in that time" : "");
	return 0;
}

const struct command cmd_log = {
	.name = "log",
	.summary = "what was run on this machine",
	.usage = "[STORE|PATTERN...] [--since T] [--run ID]",
	.about = "List the backups and runs of this machine, oldest first: each in a line, with its\n"
	         "failures; with stores named (or -v, or --run), what befell each. The record lies in the\n"
	         "state folder.\n",
	.options = options,
	.run = run,
};
