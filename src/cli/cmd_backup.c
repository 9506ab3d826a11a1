/* backup - take snapshots of the stores of the configuration. */
#include <stdlib.h>
#include <time.h>

#include "base/json.h"
#include "cli/after_backup.h"
#include "cli/backup_report.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/live.h"
#include "cli/output.h"
#include "cli/plan.h"
#include "cli/runlog.h"
#include "cli/stop.h"
#include "holdfast/err.h"

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
static int run_plan(struct cli *cli, struct backup_report *r, struct err *err)
{
	const struct options *o = &cli->options;
	struct backup_options how = {
		.full = o->own[FULL] != NULL,
		.reread = o->own[REREAD] != NULL,
		.dry_run = o->dry_run,
		.progress = cli_progress(cli),
		.warning = &r->warning,
	};
	uint64_t start = now_ms();
	int rc = r->plan->n
	             ? backup_run(cli->vault, r->plan->stores, r->plan->n, &how, r->results, err)
	             : 0;
	live_clear();
	r->duration_ms = now_ms() - start;
	return rc != 0 && !is_tried(r->plan, r->results) ? rc : 0;
}

static void keep_records(struct cli *cli, struct backup_report *r)
{
	struct err err = { 0 };
	JSON_AUTO run = backup_report_run(r, "backup");
	if (cli->options.dry_run)
		return;
	if (plan_remember(r->plan, cli, cli->options.own[ACCEPT_MISSING] != NULL, &err) != 0 ||
	    (cli->state && runlog_append(cli->state, run, &err) != 0)) {
		output_error(&err);
		if (r->exit == EXIT_DONE)
			r->exit = EXIT_DEGRADED;
	}
}

static int report(struct cli *cli, struct backup_report *r, struct err *err)
{
	r->dry_run = cli->options.dry_run;
	r->exit = *stop_flag() ? EXIT_STOPPED : backup_report_exit(r);
	keep_records(cli, r);
	if (!(cli->options.quiet && r->exit == EXIT_DONE)) {
		backup_report_messages(r);
		int rc = cli->options.json ? backup_report_json(r, err)
		                         : backup_report_print(r, cli->options.verbose, err);
		if (rc != 0)
			return rc;
	}
	return (int)r->exit;
}

/* The night's work is done, whatever becomes of its copies. */
static void copy_elsewhere(struct cli *cli, struct backup_report *r)
{
	struct err why = { 0 };
	if (*stop_flag() || after_backup(cli, r, &why) == 0)
		return;
	r->copies_failed = true;
	err_wrap(&why, "copy to other vaults");
	output_error(&why);
}

static int run(struct cli *cli, struct err *err)
{
	if (cli_open(cli, err) != 0)
		return err->code;
	AUTO(plan) plan = plan_make(cli, err);
	if (!plan)
		return err->code;
	struct backup_report r = { .plan = plan };
	r.accepted = cli->options.own[ACCEPT_MISSING] != NULL;
	r.results = calloc(plan->n + 1, sizeof *r.results);
	int rc = r.results ? run_plan(cli, &r, err) : err_set(err, ERR_NOMEM, "out of memory");
	if (rc == 0)
		copy_elsewhere(cli, &r);
	if (rc == 0)
		rc = report(cli, &r, err);
	free(r.copies);
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
