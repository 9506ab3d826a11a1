/* duty_backup - stores whose turn has come, by `every` and `at`. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/backup_job.h"
#include "cli/cli.h"
#include "cli/due.h"
#include "cli/duty.h"
#include "cli/logger.h"
#include "cli/outcomes.h"
#include "cli/output.h"
#include "cli/plan.h"
#include "cli/stores.h"
#include "cli/text.h"
#include "holdfast/err.h"

/* ---- what is due ---- */

static bool is_fleet(const struct config_section *s)
{
	return config_store_is_fleet(s);
}

static void outcome_of(const struct outcomes *o, const struct config_section *s, struct outcome *out)
{
	if (is_fleet(s))
		outcomes_get(o, "fleet", s->name, out);
	else
		outcomes_get(o, "backup", config_store_name(s), out);
}

static bool section_is_due(const struct duty_run *r, const struct outcomes *o,
                           const struct config_section *s)
{
	struct outcome last;
	struct due due;
	if (s->kind != CONFIG_STORE)
		return false;
	outcome_of(o, s, &last);
	config_store_due(r->cli->config, s, &due);
	return due_now(&due, last.good_s, r->report.began_s);
}

static bool is_due(struct duty_run *r)
{
	for (size_t i = 0; i < r->cli->config->n; i++)
		if (section_is_due(r, r->outcomes, &r->cli->config->sections[i]))
			return true;
	return false;
}

static int tell_one(const struct duty_run *r, const char *name, int64_t good_s, struct err *err)
{
	char safe[4 * VAULT_NAME_MAX], day[TEXT_MAX];
	if (r->cli->options.json) {
		json_t *j = json_pack("{s:s, s:o}", "due", "backup", "store", output_json_text(name));
		if (j && good_s)
			json_object_set_new(j, "last_good", json_integer((json_int_t)good_s));
		return output_json(j, err);
	}
	printf("backup  %s%s%s\n", text_escape(safe, sizeof safe, name),
	       good_s ? ", last good " : ", for the first time",
	       good_s ? text_day(day, good_s, r->report.began_s) : "");
	return 0;
}

static int tell(struct duty_run *r, struct err *err)
{
	for (size_t i = 0; i < r->cli->config->n; i++) {
		const struct config_section *s = &r->cli->config->sections[i];
		struct outcome last;
		if (!section_is_due(r, r->outcomes, s))
			continue;
		outcome_of(r->outcomes, s, &last);
		if (tell_one(r, is_fleet(s) ? s->name : config_store_name(s), last.good_s, err) != 0)
			return err->code;
	}
	return 0;
}

/* ---- backing up ---- */

struct chooser {
	struct duty_run *r;
	struct stores *there;    /* what the vault holds; loaded when first needed */
	struct err err;
};

/* What is not remembered, the vault knows: then the state was lost, or another machine's taken over. */
static int64_t ask_vault(struct chooser *c, const char *name)
{
	struct cli *cli = c->r->cli;
	const char *machine = vault_machine(cli->vault);
	struct snapshot_info newest;
	bool found = false;
	if (!c->there)
		c->there = stores_load(cli, STORES_AS_THEY_ARE, &c->err);
	for (size_t i = 0; c->there && machine && i < c->there->n; i++) {
		const struct store_entry *e = &c->there->entries[i];
		if (e->info.name && strcmp(e->info.name, name) == 0 &&
		    strcmp(e->info.writer_name, machine) == 0 &&
		    stores_newest(cli, e, &newest, &found, &c->err) == 0 && found)
			return newest.time_s;
	}
	return 0;
}

static bool wants(void *arg, const struct plan_group *g, const struct backup_store *store)
{
	struct chooser *c = arg;
	struct outcome last;
	struct due due;
	config_store_due(c->r->cli->config, g->section, &due);
	outcomes_get(c->r->outcomes, "backup", store->source.name, &last);
	/* what the vault cannot tell now is backed up: too early is better than not at all */
	if (last.tried_s == 0)
		last.good_s = ask_vault(c, store->source.name);
	return due_now(&due, last.good_s, c->r->report.began_s);
}

static void drop_fleets_not_due(struct duty_run *r)
{
	for (size_t i = 0; i < r->plan->n_groups; i++) {
		struct plan_group *g = &r->plan->groups[i];
		if (g->err.code != ERR_NONE && !section_is_due(r, r->outcomes, g->section))
			g->err.code = ERR_NONE;
	}
}

static void log_results(const struct duty_run *r)
{
	for (size_t i = 0; i < r->plan->n; i++) {
		const struct backup_result *result = &r->report.results[i];
		const char *name = r->plan->stores[i].source.name;
		char size[TEXT_MAX], took[TEXT_MAX];
		if (result->err.code != ERR_NONE)
			logger_line(r->log, LOGGER_ERROR, "%s: FAILED: %s", name, result->err.msg);
		else
			logger_line(r->log, LOGGER_INFO, "%s: %s, snapshot %" PRIu64 ", %s stored, %s", name,
			            snapshot_kind_text(result->kind), result->seq,
			            text_size(size, result->bytes_stored),
			            text_took(took, result->duration_ms));
	}
}

static int carry_out(struct duty_run *r, struct err *err)
{
	struct chooser chooser = { .r = r };
	const struct backup_options how = { .progress = cli_progress(r->cli),
	                                    .warning = &r->report.warning };
	if (!is_due(r))
		return 0;
	r->report.plan = r->plan = plan_make(r->cli, err);
	if (!r->plan)
		return err->code;
	drop_fleets_not_due(r);
	plan_keep(r->plan, wants, &chooser);
	stores_free(chooser.there);
	r->report.results = calloc(r->plan->n + 1, sizeof *r->report.results);
	if (!r->report.results)
		return err_no_memory(err);
	if (backup_job_run(r->cli, &r->report, &how, err) != 0)
		return err->code;
	backup_report_explain(&r->report);
	log_results(r);
	return 0;
}

/* ---- what is remembered ---- */

static int note_away(const struct duty_run *r, struct outcomes *o, struct err *err)
{
	for (size_t i = 0; i < r->cli->config->n; i++) {
		const struct config_section *s = &r->cli->config->sections[i];
		struct due due;
		if (!section_is_due(r, o, s))
			continue;
		config_store_due(r->cli->config, s, &due);
		if (outcomes_note_failed(o, is_fleet(s) ? "fleet" : "backup",
		                         is_fleet(s) ? s->name : config_store_name(s), r->report.began_s,
		                         due_slot(&due, r->report.began_s), r->vault.msg, err) != 0)
			return err->code;
	}
	return 0;
}

static int note(const struct duty_run *r, struct outcomes *o, struct err *err)
{
	if (r->vault.code != ERR_NONE)
		return note_away(r, o, err);
	return r->plan ? backup_job_note(r->cli, &r->report, o, err) : 0;
}

/* ---- what is said ---- */

enum { MORE_MAX = 200 };

/* "second night", or "second time in a row" where turns are no nights; "" for the first. */
static void in_a_row(uint64_t failures, const struct due *due, char *out, size_t cap)
{
	static const char *const ordinals[] = { "second", "third", "fourth", "fifth", "sixth", "seventh" };
	const char *turn = due->every_s == 86400 ? "night" : "time in a row";
	out[0] = '\0';
	if (failures < 2)
		return;
	if (failures - 2 < sizeof ordinals / sizeof *ordinals)
		snprintf(out, cap, "; %s %s", ordinals[failures - 2], turn);
	else
		snprintf(out, cap, "; %s %" PRIu64 " in a row", due->every_s == 86400 ? "night" : "time",
		         failures);
}

/* "no snapshot made; second night; last good Sat 21 Nov 02:15" */
static void history(const struct duty_run *r, const char *fact, const struct outcome *o,
                    const struct due *due, char out[MORE_MAX])
{
	char row[64], day[TEXT_MAX];
	in_a_row(o->failures, due, row, sizeof row);
	if (o->good_s)
		snprintf(out, MORE_MAX, "%s%s; last good %s", fact, row,
		         text_day(day, o->good_s, r->report.began_s));
	else
		snprintf(out, MORE_MAX, "%s%s; no good one is known here", fact, row);
}

/* A message begins with the store's name, which stands before it already. */
static const char *without_name(const char *message, const char *name)
{
	size_t len = strlen(name);
	return strncmp(message, name, len) == 0 && strncmp(message + len, ": ", 2) == 0
	           ? message + len + 2 : message;
}

static int add_failure(struct duty_run *r, const struct plan_group *g, const char *kind,
                       const char *name, const struct err *why, struct err *err)
{
	char more[MORE_MAX], next[300];
	struct outcome outcome;
	struct due due;
	config_store_due(r->cli->config, g->section, &due);
	outcomes_get(r->outcomes, kind, name, &outcome);
	history(r, "no snapshot made", &outcome, &due, more);
	snprintf(next, sizeof next, "holdfast backup %s", name);
	return run_summary_add(r->summary, &(struct run_line){
		.kind = RUN_FAILED, .object = name, .fact = without_name(why->msg, name), .more = more,
		.next = why->hint[0] ? why->hint : next, .group = g->fleet ? g->section->name : NULL,
	}, err);
}

static int add_note(struct duty_run *r, const char *name, const struct err *what, struct err *err)
{
	return run_summary_add(r->summary, &(struct run_line){
		.kind = RUN_NOTE, .object = name, .fact = without_name(what->msg, name), .more = "",
		.next = what->hint,
	}, err);
}

static int sum_up_group(struct duty_run *r, const struct plan_group *g, struct err *err)
{
	struct err missing = backup_report_missing(&r->report, g);
	int rc = 0;
	if (g->err.code != ERR_NONE)
		rc = add_failure(r, g, "fleet", g->section->name, &g->err, err);
	if (rc == 0 && missing.code != ERR_NONE)
		rc = add_note(r, g->section->name, &missing, err);
	for (size_t i = g->first; rc == 0 && i < g->first + g->n; i++) {
		const struct backup_result *result = &r->report.results[i];
		const char *name = r->plan->stores[i].source.name;
		if (result->err.code != ERR_NONE)
			rc = add_failure(r, g, "backup", name, &result->err, err);
		else if (result->warning.code != ERR_NONE)
			rc = add_note(r, name, &result->warning, err);
	}
	return rc;
}

/* The store that has waited longest speaks for all. */
static int sum_up_away(struct duty_run *r, struct err *err)
{
	struct outcome worst = { 0 };
	struct due due = DUE_DEFAULT;
	char more[MORE_MAX];
	for (size_t i = 0; i < r->cli->config->n; i++) {
		const struct config_section *s = &r->cli->config->sections[i];
		struct outcome o;
		if (!section_is_due(r, r->outcomes, s))
			continue;
		outcome_of(r->outcomes, s, &o);
		if (o.failures < worst.failures || (o.failures == worst.failures && o.good_s > worst.good_s))
			continue;
		worst = o;
		config_store_due(r->cli->config, s, &due);
	}
	if (is_due(r))
		history(r, "nothing was backed up", &worst, &due, more);
	else
		snprintf(more, sizeof more, "nothing was done");
	return run_summary_add(r->summary, &(struct run_line){
		.kind = RUN_FAILED, .object = "vault", .fact = r->vault.msg, .more = more,
		.next = r->vault.hint,
	}, err);
}

static int sum_up(struct duty_run *r, struct err *err)
{
	if (r->vault.code != ERR_NONE)
		return sum_up_away(r, err);
	for (size_t i = 0; r->plan && i < r->plan->n_groups; i++)
		if (sum_up_group(r, &r->plan->groups[i], err) != 0)
			return err->code;
	/* of the vault's ledger, whatever becomes of the stores */
	return r->report.warning.code == ERR_NONE ? 0 : add_note(r, "ledger", &r->report.warning, err);
}

const struct duty duty_backup = { "backup", is_due, tell, carry_out, note, sum_up };
