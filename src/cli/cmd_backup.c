/* backup - take snapshots of the stores of the configuration. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "cli/backup_report.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/plan.h"
#include "cli/runlog.h"
#include "cli/session.h"
#include "cli/stop.h"
#include "holdfast/fleet.h"
#include "holdfast/vault.h"

enum { FULL, REREAD, ACCEPT_MISSING };

static const struct option_spec options[] = {
	[FULL] = { "full", 0, NULL, "full snapshots, even where incremental ones would do" },
	[REREAD] = { "reread", 0, NULL, "read stores again that say they are unchanged" },
	[ACCEPT_MISSING] = { "accept-missing", 0, NULL,
	                     "files that vanished from a fleet are gone on purpose" },
	{ 0 },
};

static uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool is_tried(const struct plan *plan, const struct backup_result *results)
{
	for (size_t i = 0; i < plan->n; i++)
		if (results[i].err.code != ERR_NONE)
			return true;
	return false;
}

/* ERR_* only for what stopped all of it; what befell single stores is in the results. */
static int run_plan(struct session *s, struct backup_report *r, struct err *err)
{
	const struct options *o = &s->options;
	struct backup_options how = {
		.full = o->own[FULL] != NULL,
		.reread = o->own[REREAD] != NULL,
		.dry_run = o->dry_run,
		.progress = session_progress(s),
	};
	uint64_t start = now_ms();
	int rc = r->plan->n ? backup_run(s->vault, r->plan->stores, r->plan->n, &how, r->results, err)
	                    : 0;
	r->duration_ms = now_ms() - start;
	return rc != 0 && !is_tried(r->plan, r->results) ? rc : 0;
}

static void keep_records(struct session *s, struct backup_report *r)
{
	struct err err = { 0 };
	JSON_AUTO run = backup_report_run(r, "backup");
	if (s->options.dry_run)
		return;
	if (plan_remember(r->plan, s, s->options.own[ACCEPT_MISSING] != NULL, &err) != 0 ||
	    (s->state && runlog_append(s->state, run, &err) != 0)) {
		output_error(&err);
		if (r->exit == EXIT_DONE)
			r->exit = EXIT_DEGRADED;
	}
}

static int report(struct session *s, struct backup_report *r, struct err *err)
{
	r->dry_run = s->options.dry_run;
	r->exit = *stop_flag() ? EXIT_STOPPED : backup_report_exit(r);
	keep_records(s, r);
	if (!(s->options.quiet && r->exit == EXIT_DONE)) {
		backup_report_messages(r);
		int rc = s->options.json ? backup_report_json(r, err)
		                         : backup_report_print(r, s->options.verbose, err);
		if (rc != 0)
			return rc;
	}
	return (int)r->exit;
}

static int run(struct session *s, struct err *err)
{
	if (session_open(s, err) != 0)
		return err->code;
	AUTO(plan) plan = plan_make(s, err);
	if (!plan)
		return err->code;
	struct backup_report r = { .plan = plan };
	r.accepted = s->options.own[ACCEPT_MISSING] != NULL;
	r.results = calloc(plan->n + 1, sizeof *r.results);
	int rc = r.results ? run_plan(s, &r, err) : err_set(err, ERR_NOMEM, "out of memory");
	if (rc == 0)
		rc = report(s, &r, err);
	free(r.results);
	return rc;
}

const struct command cmd_backup = {
	.name = "backup",
	.summary = "take snapshots of stores",
	.usage = "[STORE|PATTERN...] [--full] [--reread]",
	.about = "Back up the named stores of the configuration, or all. A name may be a section's name\n"
	         "(for a fleet: all its members), a store's name, or a pattern such as 'tenants/*'.\n"
	         "No passphrase is needed. Exit status 0: all done; 3: some of several stores failed;\n"
	         "4: done, but something is to be known; 11: another backup of the store is running.\n",
	.options = options,
	.changes = true,
	.run = run,
};
