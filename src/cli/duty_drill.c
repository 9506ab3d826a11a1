/* duty_drill - drills whose turn has come, where something opens what they restore. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/drill_job.h"
#include "cli/drill_page.h"
#include "cli/due.h"
#include "cli/duty.h"
#include "cli/live.h"
#include "cli/logger.h"
#include "cli/outcomes.h"
#include "cli/output.h"
#include "cli/stop.h"
#include "cli/text.h"
#include "holdfast/err.h"

/* One that nothing here can read is told of once a day: shorter, so that a timer finds it again. */
enum { ASK_AGAIN_S = 20 * 3600, NAME_SHOWN_MAX = 4 * 200, OBJECT_MAX = 220 };

/* ---- what is due ---- */

static bool has_secret(const struct duty_run *r)
{
	struct passphrase_source source = cli_passphrase_source(r->cli);
	return passphrase_is_given(&source);
}

static int64_t told_s(const struct duty_run *r, const struct config_section *s)
{
	struct outcome told;
	outcomes_get(r->outcomes, "drill-told", s->name, &told);
	return told.good_s;
}

static bool section_is_due(const struct duty_run *r, const struct config_section *s, int64_t *turn_s)
{
	int64_t now = r->report.began_s, told = told_s(r, s);
	if (s->kind != CONFIG_DRILL || !drill_is_due(r->cli, s, r->outcomes, now, turn_s))
		return false;
	return has_secret(r) || told > now || now - told >= ASK_AGAIN_S;
}

static bool is_due(struct duty_run *r)
{
	int64_t turn;
	for (size_t i = 0; i < r->cli->config->n; i++)
		if (section_is_due(r, &r->cli->config->sections[i], &turn))
			return true;
	return false;
}

static int64_t next_of(const struct duty_run *r, const struct config_section *s)
{
	struct outcome last;
	struct due due;
	int64_t now = r->report.began_s, turn;
	outcomes_get(r->outcomes, "drill", s->name, &last);
	config_store_due(r->cli->config, s, &due);
	if (drill_is_due(r->cli, s, r->outcomes, now, &turn))
		return section_is_due(r, s, &turn) ? now : told_s(r, s) + ASK_AGAIN_S;
	return due_next(&due, last.tried_s > last.good_s ? last.tried_s : last.good_s, now);
}

int64_t duty_drill_next(const struct duty_run *r, const struct config_section **which)
{
	int64_t next = INT64_MAX;
	for (size_t i = 0; i < r->cli->config->n; i++) {
		const struct config_section *s = &r->cli->config->sections[i];
		int64_t at = s->kind == CONFIG_DRILL ? next_of(r, s) : INT64_MAX;
		if (at < next) {
			next = at;
			*which = s;
		}
	}
	return next;
}

static int tell(struct duty_run *r, struct err *err)
{
	for (size_t i = 0; i < r->cli->config->n; i++) {
		const struct config_section *s = &r->cli->config->sections[i];
		char safe[NAME_SHOWN_MAX];
		int64_t turn;
		if (!section_is_due(r, s, &turn))
			continue;
		if (!r->cli->options.json)
			printf("drill   %s\n", text_escape(safe, sizeof safe, s->name));
		else if (output_json(json_pack("{s:s, s:o}", "due", "drill", "drill",
		                               output_json_text(s->name)), err) != 0)
			return err->code;
	}
	return 0;
}

/* ---- drilling ---- */

static struct duty_drill_done *add(struct duty_run *r, const struct config_section *s, struct err *err)
{
	struct duty_drill_done *grown = reallocarray(r->drills, r->n_drills + 1, sizeof *grown);
	if (!grown) {
		err_no_memory(err);
		return NULL;
	}
	r->drills = grown;
	grown[r->n_drills] = (struct duty_drill_done){ .section = s, .start_s = (int64_t)time(NULL) };
	return &grown[r->n_drills++];
}

static void take_result(struct duty_drill_done *d, struct drill_result *result)
{
	snprintf(d->id, sizeof d->id, "%s", result->id);
	d->verdict = drill_verdict_text(result->verdict);
	d->passed = result->verdict == DRILL_PASSED;
	if (!d->passed)
		drill_page_why(result, d->fact, sizeof d->fact);
	d->why = result->unrecorded.code != ERR_NONE ? result->unrecorded
	         : result->set_back.code != ERR_NONE ? result->set_back : result->unstamped;
	drill_result_clear(result);
}

/* A writer alone opens nothing. To drill all the same would be could-not-verify each time. */
static bool is_readable(const struct duty_run *r, struct duty_drill_done *d, const struct drill_job *j)
{
	const struct store_entry *sealed = drill_job_unreadable(r->cli, j);
	char label[NAME_SHOWN_MAX];
	if (!sealed || has_secret(r))
		return true;
	d->unread = true;
	snprintf(d->fact, sizeof d->fact, "is due, and nothing here opens %.100s",
	         text_escape(label, sizeof label, sealed->label));
	return false;
}

static void drill(struct duty_run *r, struct duty_drill_done *d)
{
	struct drill_result result;
	AUTO(drill_job) j = drill_job_new(r->cli, d->section, NULL, &d->why);
	if (!j || !is_readable(r, d, j))
		return;
	d->turn_s = j->options.due_s;
	j->options.by_timer = true;
	if (drill_run(r->cli->vault, &j->options, &result, &d->why) == 0)
		take_result(d, &result);
	live_clear();
}

static void log_done(const struct duty_run *r, const struct duty_drill_done *d)
{
	if (d->unread || d->why.code == ERR_STOPPED)
		return;
	if (d->id[0])
		logger_line(r->log, d->passed ? LOGGER_INFO : LOGGER_ERROR, "drill %s: %s, %.12s",
		            d->section->name, d->passed ? d->verdict : d->fact, d->id);
	else
		logger_line(r->log, LOGGER_ERROR, "drill %s: not done: %s", d->section->name, d->why.msg);
}

static int carry_out(struct duty_run *r, struct err *err)
{
	for (size_t i = 0; i < r->cli->config->n && !*stop_flag(); i++) {
		const struct config_section *s = &r->cli->config->sections[i];
		int64_t turn;
		if (!section_is_due(r, s, &turn))
			continue;
		struct duty_drill_done *d = add(r, s, err);
		if (!d)
			return err->code;
		drill(r, d);
		log_done(r, d);
	}
	return 0;
}

/* ---- what is remembered ---- */

/* What came to no report is due as before. */
static int note(const struct duty_run *r, struct outcomes *o, struct err *err)
{
	for (size_t i = 0; i < r->n_drills; i++) {
		const struct duty_drill_done *d = &r->drills[i];
		int rc = 0;
		if (d->unread)
			rc = outcomes_note_good(o, "drill-told", d->section->name, r->report.began_s, err);
		else if (d->passed)
			rc = outcomes_note_good(o, "drill", d->section->name, d->start_s, err);
		else if (d->id[0])
			rc = outcomes_note_failed(o, "drill", d->section->name, d->start_s, d->turn_s,
			                          d->verdict, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* ---- what is said ---- */

size_t duty_drill_count(const struct duty_run *r, size_t *bad)
{
	size_t n = 0;
	*bad = 0;
	for (size_t i = 0; i < r->n_drills; i++) {
		n += !r->drills[i].unread;
		*bad += !r->drills[i].unread && !r->drills[i].passed;
	}
	return n;
}

static int add_line(struct duty_run *r, enum run_line_kind kind, const struct duty_drill_done *d,
                    const char *fact, const char *next, struct err *err)
{
	char object[OBJECT_MAX], more[TEXT_MAX + 40], day[TEXT_MAX];
	struct outcome o;
	outcomes_get(r->outcomes, "drill", d->section->name, &o);
	snprintf(object, sizeof object, "drill %.200s", d->section->name);
	if (o.good_s)
		snprintf(more, sizeof more, "last passed %s", text_day(day, o.good_s, r->report.began_s));
	else
		snprintf(more, sizeof more, "none has passed that is known here");
	return run_summary_add(r->summary, &(struct run_line){
		.kind = kind, .object = object, .fact = fact, .more = more, .next = next,
	}, err);
}

static int sum_up_one(struct duty_run *r, const struct duty_drill_done *d, struct err *err)
{
	char next[80];
	if (d->unread)
		return add_line(r, RUN_NOTE, d, d->fact, "with the recovery code: holdfast drill run --due",
		                err);
	if (!d->id[0])
		return add_line(r, RUN_FAILED, d, d->why.msg, d->why.hint, err);
	snprintf(next, sizeof next, "holdfast drill show %.12s", d->id);
	if (!d->passed && add_line(r, RUN_FAILED, d, d->fact, next, err) != 0)
		return err->code;
	return d->why.code != ERR_NONE ? add_line(r, RUN_NOTE, d, d->why.msg, d->why.hint, err) : 0;
}

static int sum_up(struct duty_run *r, struct err *err)
{
	for (size_t i = 0; i < r->n_drills; i++)
		if (sum_up_one(r, &r->drills[i], err) != 0)
			return err->code;
	return 0;
}

const struct duty duty_drill = { "drill", is_due, tell, carry_out, note, sum_up };
