#include "cli/backup_job.h"

#include <time.h>

#include "base/json.h"
#include "cli/after_backup.h"
#include "cli/cli.h"
#include "cli/due.h"
#include "cli/live.h"
#include "cli/outcomes.h"
#include "cli/output.h"
#include "cli/plan.h"
#include "cli/runlog.h"
#include "cli/stop.h"
#include "holdfast/vault.h"

static uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool is_tried(const struct backup_report *r)
{
	for (size_t i = 0; i < r->plan->n; i++)
		if (r->results[i].err.code != ERR_NONE)
			return true;
	return false;
}

int backup_job_run(struct cli *cli, struct backup_report *r, const struct backup_options *how,
                   struct err *err)
{
	uint64_t start = now_ms();
	int rc = r->plan->n
	             ? backup_run(cli->vault, r->plan->stores, r->plan->n, how, r->results, err)
	             : 0;
	live_clear();
	r->duration_ms = now_ms() - start;
	return rc != 0 && !is_tried(r) ? rc : 0;
}

/* The night's work is done, whatever becomes of its copies. */
void backup_job_copy(struct cli *cli, struct backup_report *r, const struct outcomes *late)
{
	struct err why = { 0 };
	if (*stop_flag() || after_backup(cli, r, late, &why) == 0)
		return;
	r->copies_failed = true;
	err_wrap(&why, "copy to other vaults");
	r->copies_error = why;
}

/* ---- what is remembered ---- */

static int note(struct outcomes *o, const char *kind, const char *name, const struct backup_report *r,
                const struct due *due, const struct err *failure, struct err *err)
{
	/* who was stopped did not fail; it is due as before */
	if (failure->code == ERR_STOPPED)
		return 0;
	if (failure->code == ERR_NONE)
		return outcomes_note_good(o, kind, name, r->began_s, err);
	return outcomes_note_failed(o, kind, name, r->began_s, due_slot(due, r->began_s), failure->msg,
	                            err);
}

static int note_group(const struct cli *cli, const struct backup_report *r, const struct plan_group *g,
                      struct outcomes *o, struct err *err)
{
	const struct err *failure = &g->err;
	struct due due;
	config_store_due(cli->config, g->section, &due);
	for (size_t i = g->first; i < g->first + g->n; i++) {
		if (note(o, "backup", r->plan->stores[i].source.name, r, &due, &r->results[i].err, err) != 0)
			return err->code;
		if (r->results[i].err.code != ERR_NONE)
			failure = &r->results[i].err;
	}
	bool told = g->err.code != ERR_NONE || (g->whole && g->n > 0);
	return told && config_store_is_fleet(g->section)
	           ? note(o, "fleet", g->section->name, r, &due, failure, err) : 0;
}

static int note_copy(const struct backup_report *r, const struct backup_copy *copy,
                     struct outcomes *o, struct err *err)
{
	struct err failure = copy->err;
	if (failure.code == ERR_NONE && copy->sum.problems)
		err_set(&failure, ERR_CORRUPT, "damaged objects were left out");
	/* what was missing before is missing still: it stays late */
	if (failure.code == ERR_NONE && copy->partial)
		return 0;
	return note(o, "copy", copy->to, r, &DUE_DEFAULT, &failure, err);
}

int backup_job_note(const struct cli *cli, const struct backup_report *r, struct outcomes *o,
                    struct err *err)
{
	for (size_t i = 0; i < r->plan->n_groups; i++)
		if (note_group(cli, r, &r->plan->groups[i], o, err) != 0)
			return err->code;
	return 0;
}

int backup_job_note_copies(const struct backup_report *r, struct outcomes *o, struct err *err)
{
	for (size_t i = 0; i < r->n_copies; i++)
		if (note_copy(r, &r->copies[i], o, err) != 0)
			return err->code;
	return 0;
}

static int keep_outcomes(const struct cli *cli, const struct backup_report *r, struct err *err)
{
	AUTO(outcomes) o = outcomes_load(cli->state, true, NULL, err);
	if (!o || outcomes_of_vault(o, vault_id_text(cli->vault), cli->url, err) != 0 ||
	    backup_job_note(cli, r, o, err) != 0 || backup_job_note_copies(r, o, err) != 0)
		return err->code;
	return outcomes_store(o, err);
}

int backup_job_remember(struct cli *cli, const struct backup_report *r, struct err *err)
{
	if (r->dry_run)
		return 0;
	if (plan_remember(r->plan, cli, r->accepted, err) != 0 || !cli->state)
		return cli->state ? err->code : 0;
	JSON_AUTO run = backup_report_run(r, "backup");
	if (keep_outcomes(cli, r, err) != 0)
		return err->code;
	return runlog_append(cli->state, run, err);
}
