/* run - do everything that is due, unattended. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/due.h"
#include "cli/duty.h"
#include "cli/live.h"
#include "cli/logger.h"
#include "cli/notify.h"
#include "cli/outcomes.h"
#include "cli/output.h"
#include "cli/plan.h"
#include "cli/run_lock.h"
#include "cli/run_news.h"
#include "cli/run_text.h"
#include "cli/runlog.h"
#include "cli/stop.h"
#include "cli/text.h"
#include "holdfast/err.h"
#include "holdfast/vault.h"

enum { SUMMARY_MAX = 16 << 20, LONG_RUN_S = 86400 };

const struct duty *const duties[] = { &duty_backup, &duty_copy, &duty_drill, NULL };

/* ---- what went wrong beside the backups ---- */

static int on_problem(void *arg, const struct err *problem, struct err *err)
{
	struct duty_run *r = arg;
	/* the same at the start and at the end is one */
	if (run_summary_has(r->summary, problem->msg))
		return 0;
	if (r->log)
		logger_line(r->log, LOGGER_WARNING, "%s", problem->msg);
	if (r->report.exit == EXIT_DONE)
		r->report.exit = EXIT_DEGRADED;
	return run_summary_add(r->summary, &(struct run_line){
		.kind = RUN_NOTE, .object = "", .fact = problem->msg, .more = "", .next = problem->hint,
	}, err);
}

/* ---- nothing to do ---- */

static bool any_due(struct duty_run *r)
{
	for (const struct duty *const *d = duties; *d; d++)
		if ((*d)->is_due(r))
			return true;
	return false;
}

/* The next slot of any store or drill. */
static int64_t next_turn(const struct duty_run *r, const struct config_section **which)
{
	int64_t next = duty_drill_next(r, which);
	const struct config *c = r->cli->config;
	for (size_t i = 0; i < c->n; i++) {
		const struct config_section *s = &c->sections[i];
		struct outcome last;
		struct due due;
		if (s->kind != CONFIG_STORE)
			continue;
		outcomes_get(r->outcomes, config_store_is_fleet(s) ? "fleet" : "backup",
		             config_store_is_fleet(s) ? s->name : config_store_name(s), &last);
		config_store_due(c, s, &due);
		int64_t at = due_next(&due, last.good_s, r->report.began_s);
		if (at < next) {
			next = at;
			*which = s;
		}
	}
	return next;
}

static int nothing_to_run(const struct cli *cli, struct err *err)
{
	err_set(err, ERR_INVALID, "run: %s: there is no store to back up, and no drill",
	        cli->config->path ? cli->config->path : "no configuration");
	return err_hint(err, "'holdfast add NAME PATH' adds one");
}

static int tell_idle(struct duty_run *r, struct err *err)
{
	char day[TEXT_MAX], name[4 * VAULT_NAME_MAX];
	const struct config_section *which = NULL;
	int64_t next = next_turn(r, &which);
	if (!which)
		return nothing_to_run(r->cli, err);
	if (r->cli->options.json)
		return output_json(json_pack("{s:b, s:I}", "due", 0, "next", (json_int_t)next), err);
	if (!r->cli->options.quiet)
		printf("nothing is due; next: %s%s, %s\n", which->kind == CONFIG_DRILL ? "drill " : "",
		       text_escape(name, sizeof name, which->name),
		       text_day(day, next, r->report.began_s));
	return EXIT_DONE;
}

/* ---- a run ---- */

/* What leaves no sense in going on is told like a vault that is away: nothing could be done. */
static void carry_out_all(struct duty_run *r)
{
	struct err why;
	int rc = cli_open(r->cli, &why);
	if (rc == 0)
		rc = outcomes_of_vault(r->outcomes, vault_id_text(r->cli->vault), r->cli->url, &why);
	for (const struct duty *const *d = duties; rc == 0 && *d && !*stop_flag(); d++)
		rc = (*d)->carry_out(r, &why);
	live_clear();
	if (rc == 0)
		return;
	/* a plan of which nothing was done must not be reported as done */
	plan_free(TAKE(r->plan));
	r->report.plan = NULL;
	r->vault = why;
}

/* A drill that did not pass outranks what is only to be known. */
static enum exit_code with_drills(const struct duty_run *r, enum exit_code code)
{
	size_t bad;
	bool to_be_known = false, forked = false;
	duty_drill_count(r, &bad);
	for (size_t i = 0; i < r->n_drills; i++) {
		to_be_known |= r->drills[i].unread || r->drills[i].why.code != ERR_NONE;
		forked |= r->drills[i].why.code == ERR_FORK;
	}
	if (code != EXIT_DONE && code != EXIT_DEGRADED)
		return code;
	return bad ? EXIT_DRILL : forked ? EXIT_DAMAGE : to_be_known ? EXIT_DEGRADED : code;
}

static enum exit_code exit_of(const struct duty_run *r)
{
	size_t failed = 0, sections = 0;
	const struct config *c = r->cli->config;
	if (*stop_flag())
		return EXIT_STOPPED;
	if (r->vault.code != ERR_NONE)
		return r->cli->no_vault ? EXIT_NO_VAULT : exit_code_of(r->vault.code);
	if (r->plan)
		backup_report_stores(&r->report, &failed);
	for (size_t i = 0; i < c->n; i++)
		sections += c->sections[i].kind == CONFIG_STORE;
	/* the others had their turn at another time */
	return with_drills(r, failed > 0 && sections > 1 ? EXIT_SOME_FAILED
	                                                 : backup_report_exit(&r->report));
}

static int note_all(const struct duty_run *r, struct outcomes *o, struct err *err)
{
	for (const struct duty *const *d = duties; *d; d++)
		if ((*d)->note(r, o, err) != 0)
			return err->code;
	return 0;
}

static int keep_outcomes(const struct duty_run *r, struct err *err)
{
	const struct cli *cli = r->cli;
	AUTO(outcomes) o = outcomes_load(cli->state, true, NULL, err);
	const char *id = cli->vault ? vault_id_text(cli->vault) : NULL;
	if (!o || outcomes_of_vault(o, id, cli->url, err) != 0 || note_all(r, o, err) != 0)
		return err->code;
	if (r->plan && plan_remember(r->plan, r->cli, false, err) != 0)
		return err->code;
	return outcomes_store(o, err);
}

static int sum_up(struct duty_run *r, struct err *err)
{
	if (note_all(r, r->outcomes, err) != 0)
		return err->code;
	for (const struct duty *const *d = duties; *d; d++)
		if ((*d)->sum_up(r, err) != 0)
			return err->code;
	return 0;
}

static int compose(const struct duty_run *r, struct buf *out, struct err *err)
{
	buf_clear(out);
	return run_text_head(r, out, err) == 0 ? run_text_rest(r, out, err) : err->code;
}

static void log_summary(void *arg, const struct run_line *line)
{
	struct duty_run *r = arg;
	if (line->kind == RUN_NOTE)
		logger_line(r->log, LOGGER_WARNING, "%s%s%s", line->object, *line->object ? ": " : "",
		            line->fact);
}

/* Others are told before it is known whether telling succeeds: what they get lacks at most that. */
static int tell_others(struct duty_run *r, const struct notify *n, struct err *err)
{
	AUTO(buf) text = buf_new(SUMMARY_MAX, err);
	const char *summary = text && compose(r, text, err) == 0 ? buf_text(text, err) : NULL;
	if (!summary)
		return err->code;
	JSON_AUTO news = run_news_object(r, summary);
	return notify_end(n, r->report.exit == EXIT_DONE, summary, news, err);
}

static int keep_records(struct duty_run *r, struct err *err)
{
	struct err why;
	if (keep_outcomes(r, &why) != 0 && on_problem(r, &why, err) != 0)
		return err->code;
	JSON_AUTO record = run_news_record(r);
	if (runlog_append(r->cli->state, record, &why) != 0 && on_problem(r, &why, err) != 0)
		return err->code;
	logger_line(r->log, r->report.exit == EXIT_DONE ? LOGGER_INFO : LOGGER_ERROR, "run ends: exit %d",
	            (int)r->report.exit);
	return logger_end(r->log, &why) != 0 ? on_problem(r, &why, err) : 0;
}

static int print(struct duty_run *r, struct err *err)
{
	const struct options *o = &r->cli->options;
	AUTO(buf) head = buf_new(SUMMARY_MAX, err);
	AUTO(buf) rest = buf_new(SUMMARY_MAX, err);
	if (o->quiet && r->report.exit == EXIT_DONE)
		return 0;
	if (!head || !rest || run_text_head(r, head, err) != 0 || run_text_rest(r, rest, err) != 0)
		return err->code;
	if (o->json) {
		int rc = buf_append(head, rest->bytes, rest->len, err);
		const char *text = rc == 0 ? buf_text(head, err) : NULL;
		return text ? output_json(run_news_object(r, text), err) : err->code;
	}
	fwrite(head->bytes, 1, head->len, stdout);
	if (!o->quiet && r->plan && backup_report_print(&r->report, o->verbose, err) != 0)
		return err->code;
	fwrite(rest->bytes, 1, rest->len, stdout);
	return 0;
}

static int run_due(struct duty_run *r, struct err *err)
{
	const struct notify others = { r->cli->config, on_problem, r };
	logger_line(r->log, LOGGER_INFO, "run begins");
	if (notify_start(&others, err) != 0)
		return err->code;
	enum exit_code before = r->report.exit;
	carry_out_all(r);
	r->report.exit = exit_of(r);
	if (r->report.exit == EXIT_DONE)
		r->report.exit = before;
	if (sum_up(r, err) != 0)
		return err->code;
	run_summary_each(r->summary, log_summary, r);
	if (r->vault.code != ERR_NONE)
		logger_line(r->log, LOGGER_ERROR, "nothing was done: %s", r->vault.msg);
	if (tell_others(r, &others, err) != 0 || keep_records(r, err) != 0 || print(r, err) != 0)
		return err->code;
	return (int)r->report.exit;
}

static int run_idle(struct duty_run *r, struct err *err)
{
	const struct notify others = { r->cli->config, on_problem, r };
	int rc = tell_idle(r, err);
	if (rc != EXIT_DONE || r->cli->options.dry_run)
		return rc;
	/* the watchdog hears that runs run; nobody else wants to know */
	if (notify_start(&others, err) != 0 ||
	    notify_end(&others, true, "nothing was due\n", NULL, err) != 0)
		return err->code;
	return r->report.exit == EXIT_DONE || print(r, err) == 0 ? (int)r->report.exit : err->code;
}

/* ---- ready to run ---- */

static int dry_run(struct duty_run *r, struct err *err)
{
	for (const struct duty *const *d = duties; *d; d++)
		if ((*d)->tell(r, err) != 0)
			return err->code;
	return EXIT_DONE;
}

static int with_memory(struct duty_run *r, struct err *err)
{
	bool lost = false;
	r->outcomes = outcomes_load(r->cli->state, false, &lost, err);
	if (!r->outcomes || outcomes_of_vault(r->outcomes, NULL, r->cli->url, err) != 0)
		return err->code;
	struct err damaged;
	err_set(&damaged, ERR_CORRUPT, "%s/outcomes.json: is damaged, and begun anew", r->cli->state);
	if (lost && on_problem(r, &damaged, err) != 0)
		return err->code;
	if (!any_due(r))
		return run_idle(r, err);
	return r->cli->options.dry_run ? dry_run(r, err) : run_due(r, err);
}

static int with_log(struct duty_run *r, struct err *err)
{
	struct err why;
	const char *to = r->cli->options.dry_run ? NULL : config_run_value(r->cli->config, "log");
	r->log = logger_open(to, LOGGER_JOURNAL, r->report.id, &why);
	/* a log that cannot be written is no reason to make no backup */
	if (!r->log) {
		r->log = logger_open(NULL, NULL, r->report.id, err);
		if (!r->log || on_problem(r, &why, err) != 0)
			return err->code;
	}
	return with_memory(r, err);
}

static int busy(const struct cli *cli, const struct run_holder *holder, struct err *err)
{
	bool hangs = holder->pid > 0 && (int64_t)time(NULL) - holder->since_s > LONG_RUN_S;
	/* under cron a long first run is no news each night; one that hangs for a day is */
	if (err->code != ERR_BUSY || !cli->options.quiet || hangs)
		return err->code;
	return EXIT_STORE_BUSY;
}

static int run_locked(struct cli *cli, struct err *err)
{
	struct duty_run r = { .cli = cli };
	backup_report_begin(&r.report);
	r.report.catch_up = true;
	struct run_holder holder;
	IO_AUTO_FD lock = cli->options.dry_run ? -1
	                                       : run_lock_take(cli->state, r.report.began_s, &holder, err);
	if (lock < 0 && !cli->options.dry_run)
		return busy(cli, &holder, err);
	r.summary = run_summary_new(err);
	int rc = r.summary ? with_log(&r, err) : err->code;
	run_summary_free(r.summary);
	logger_free(r.log);
	outcomes_free(r.outcomes);
	plan_free(r.plan);
	free(r.report.results);
	free(r.report.copies);
	free(r.drills);
	return rc;
}

static int run(struct cli *cli, struct err *err)
{
	if (options_operands(&cli->options, &cmd_run, 0, 0, err) != 0 || cli_place(cli, err) != 0)
		return err->code;
	if (!cli->state)
		return err_set(err, ERR_INVALID, "run: no state folder");
	cli->unattended = true;
	return run_locked(cli, err);
}

const struct command cmd_run = {
	.name = "run",
	.summary = "do everything that is due, unattended",
	.usage = "[-q]",
	.about = "Back up the stores whose turn has come (every, at), copy what other vaults lack, and do\n"
	         "the drills that are due, where a grant or a passphrase-command opens what they restore.\n"
	         "What was missed while the machine was off is caught up, once. For a timer or cron:\n"
	         "'holdfast schedule install'. With -q nothing is printed when all went well. Exit status\n"
	         "0: all done, or nothing was due; 3: some stores failed; 4: done, but something is to be\n"
	         "known; 6: a drill did not pass; 11: another run has not ended yet (-q: not told before\n"
	         "it has taken a day).\n",
	.changes = true,
	.run = run,
};
