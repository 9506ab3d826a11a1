#include "cli/run_news.h"

#include <stdio.h>
#include <time.h>

#include "base/json.h"
#include "cli/config.h"
#include "cli/duty.h"
#include "cli/outcomes.h"
#include "cli/output.h"
#include "cli/plan.h"
#include "cli/run_text.h"

enum { LINES_MAX = 200 };

/* ---- for the log ---- */

static void add_note(void *arg, const struct run_line *line)
{
	if (line->kind == RUN_NOTE)
		json_array_append_new(arg, output_json_text(line->fact));
}

/* "drill weekly: failed: crm: ..." */
static json_t *drill_note(const struct duty_drill_done *d)
{
	char text[900];
	snprintf(text, sizeof text, "drill %.200s: %s", d->section->name, d->id[0] ? d->fact : d->why.msg);
	return output_json_text(text);
}

json_t *run_news_record(const struct duty_run *r)
{
	static const struct plan nothing = { 0 };
	struct backup_report report = r->report;
	if (!report.plan)
		report.plan = &nothing;
	json_t *record = backup_report_run(&report, "run"), *notes = json_array();
	if (!record || !notes) {
		json_decref(record);
		json_decref(notes);
		return NULL;
	}
	if (r->vault.code != ERR_NONE)
		json_array_append_new(notes, output_json_text(r->vault.msg));
	run_summary_each(r->summary, add_note, notes);
	for (size_t i = 0; i < r->n_drills; i++)
		if (!r->drills[i].passed && !r->drills[i].unread)
			json_array_append_new(notes, drill_note(&r->drills[i]));
	json_object_set_new(record, "notes", notes);
	/* backups are not all that a run takes time for */
	json_object_set_new(record, "duration_ms",
	                    json_integer(((json_int_t)time(NULL) - r->report.began_s) * 1000));
	return record;
}

/* ---- for others ---- */

static void add_line(void *arg, const struct run_line *line)
{
	json_t *lines = arg;
	if (json_array_size(lines) >= LINES_MAX)
		return;
	json_array_append_new(lines, json_pack("{s:s, s:o, s:o, s:o, s:o}", "kind",
	                                       line->kind == RUN_FAILED ? "failed" : "note", "object",
	                                       output_json_text(line->object), "fact",
	                                       output_json_text(line->fact), "more",
	                                       output_json_text(line->more), "next",
	                                       output_json_text(line->next)));
}

static const char *result_word(enum exit_code code)
{
	return code == EXIT_DONE ? "success" : code == EXIT_DEGRADED ? "warning" : "failure";
}

static json_t *drills_of(const struct duty_run *r)
{
	json_t *all = json_array();
	for (size_t i = 0; all && i < r->n_drills; i++) {
		const struct duty_drill_done *d = &r->drills[i];
		json_array_append_new(all, json_pack("{s:o, s:s, s:s}", "drill",
		                                     output_json_text(d->section->name), "id", d->id,
		                                     "verdict", d->unread ? "not read" : d->id[0]
		                                     ? d->verdict : "not done"));
	}
	return all;
}

json_t *run_news_object(const struct duty_run *r, const char *summary)
{
	char host[RUN_TEXT_HOST_MAX];
	size_t failed = 0, stores = r->plan ? backup_report_stores(&r->report, &failed) : 0;
	json_t *lines = json_array();
	run_summary_each(r->summary, add_line, lines);
	return json_pack("{s:o, s:s, s:i, s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "host",
	                 output_json_text(run_text_host(r, host)), "run", r->report.id, "exit",
	                 (int)r->report.exit, "result", result_word(r->report.exit), "started",
	                 (json_int_t)r->report.began_s, "finished", (json_int_t)time(NULL), "stores",
	                 (json_int_t)stores, "failed", (json_int_t)failed, "summary",
	                 output_json_text(summary), "lines", lines, "drills", drills_of(r));
}
