/* backup - take snapshots of the stores of the configuration. */
#include <stdlib.h>

#include "cli/backup_job.h"
#include "cli/backup_report.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/outcomes.h"
#include "cli/output.h"
#include "cli/plan.h"
#include "cli/stop.h"
#include "holdfast/err.h"
#include "holdfast/vault.h"

enum { FULL, REREAD, ACCEPT_MISSING };

static const struct option_spec options[] = {
	[FULL] = { "full", 0, NULL, "full snapshots, even where incremental ones would do" },
	[REREAD] = { "reread", 0, NULL, "read stores again that say they are unchanged" },
	[ACCEPT_MISSING] = { "accept-missing", 0, NULL,
	                     "files that vanished from a fleet are gone on purpose" },
	{ 0 },
};

static void keep_records(struct cli *cli, struct backup_report *r)
{
	struct err err = { 0 };
	if (backup_job_remember(cli, r, &err) == 0)
		return;
	output_error(&err);
	if (r->exit == EXIT_DONE)
		r->exit = EXIT_DEGRADED;
}

static int report(struct cli *cli, struct backup_report *r, struct err *err)
{
	r->exit = *stop_flag() ? EXIT_STOPPED : backup_report_exit(r);
	keep_records(cli, r);
	if (cli->options.quiet && r->exit == EXIT_DONE)
		return EXIT_DONE;
	backup_report_messages(r);
	int rc = cli->options.json ? backup_report_json(r, err)
	                           : backup_report_print(r, cli->options.verbose, err);
	return rc != 0 ? rc : (int)r->exit;
}

static int back_up(struct cli *cli, struct backup_report *r, struct err *err)
{
	const struct options *o = &cli->options;
	struct backup_options how = {
		.full = o->own[FULL] != NULL,
		.reread = o->own[REREAD] != NULL,
		.dry_run = o->dry_run,
		.progress = cli_progress(cli),
		.warning = &r->warning,
	};
	struct err ignored;
	AUTO(outcomes) late = cli->state ? outcomes_load(cli->state, false, NULL, &ignored) : NULL;
	if (late && outcomes_of_vault(late, vault_id_text(cli->vault), cli->url, err) != 0)
		return err->code;
	if (backup_job_run(cli, r, &how, err) != 0)
		return err->code;
	backup_job_copy(cli, r, late);
	return 0;
}

static int run(struct cli *cli, struct err *err)
{
	if (cli_open(cli, err) != 0)
		return err->code;
	AUTO(plan) plan = plan_make(cli, err);
	if (!plan)
		return err->code;
	struct backup_report r = { .plan = plan };
	backup_report_begin(&r);
	r.dry_run = cli->options.dry_run;
	r.accepted = cli->options.own[ACCEPT_MISSING] != NULL;
	r.results = calloc(plan->n + 1, sizeof *r.results);
	int rc = r.results ? back_up(cli, &r, err) : err_no_memory(err);
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
