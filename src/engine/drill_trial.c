/* The second half of a drill: what is asked of the restored store in its sandbox, and what it says. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/expect.h"
#include "base/json.h"
#include "engine/drill_report.h"
#include "engine/drill_talk.h"
#include "engine/drilling.h"

enum {
	DEFAULT_TIMEOUT_S = 3600,
	TIMEOUT_MAX_S = 7 * 86400,
	RUN_FACTOR = 8,              /* the whole may take so often what one thing may */
	/* two clocks may differ by it, or a dump read so long; no two time zones differ by less */
	SKEW_S = 15 * 60,
};

/* What came back so far. */
struct reply {
	struct drilling *d;
	json_t *facts;               /* NULL: none */
	bool *answered;              /* for each query */
	bool ended;
	bool stopped;                /* by an error inside */
};

/* ---- the question ---- */

static bool asks_rpo(const struct drilling *d)
{
	return d->c->store->rpo_sql != NULL;
}

static size_t count_queries(const struct drilling *d)
{
	return d->c->store->n_assertions + asks_rpo(d);
}

static unsigned timeout_ms(const struct drilling *d)
{
	unsigned s = d->o->timeout_s ? d->o->timeout_s : DEFAULT_TIMEOUT_S;
	return (s < TIMEOUT_MAX_S ? s : TIMEOUT_MAX_S) * 1000;
}

static int make_request(const struct drilling *d, struct buf *out, struct err *err)
{
	const struct drill_store *s = d->c->store;
	char folder[DRILL_PATH_MAX], scratch[DRILL_PATH_MAX];
	snprintf(folder, sizeof folder, "%s/restored", sandbox_inside(d->box));
	snprintf(scratch, sizeof scratch, "%s/scratch", sandbox_inside(d->box));
	struct drill_query *queries = calloc(count_queries(d) + 1, sizeof *queries);
	if (!queries)
		return err_no_memory(err);
	for (size_t i = 0; i < s->n_assertions; i++)
		queries[i] = (struct drill_query){ s->assertions[i].database, s->assertions[i].sql };
	if (asks_rpo(d))
		queries[s->n_assertions].sql = s->rpo_sql;
	const struct drill_request request = {
		.trial = { .type = d->type, .folder = folder, .scratch = scratch, .file = d->file,
		           .database = d->database, .restore_command = s->restore_command,
		           .shell = s->shell, .any_keys = s->any_keys, .timeout_ms = timeout_ms(d) },
		.check_command = s->check_command, .check_shell = s->check_shell,
		.queries = queries, .n_queries = count_queries(d),
	};
	int rc = drill_request_encode(&request, out, err);
	free(queries);
	return rc;
}

/* ---- the answers ---- */

static int on_check(struct reply *r, const struct drill_line *line, struct err *err)
{
	const struct drill_finding f = {
		.kind = line->name, .name = line->name, .expected = line->expected, .actual = line->text,
		.result = line->verdict == TRIAL_PASSED ? RESULT_PASSED
		          : line->verdict == TRIAL_FAILED ? RESULT_FAILED : RESULT_SKIPPED,
		.why = line->verdict == TRIAL_FAILED ? "not-met" : "not-done",
	};
	return drill_add_check(&r->d->report, &f, err);
}

static int on_assertion(struct reply *r, const struct drill_line *line, struct err *err)
{
	const struct drill_assertion *a = &r->d->c->store->assertions[line->number];
	struct expect e;
	struct drill_finding f = { .kind = "assertion", .name = a->name, .statement = a->sql,
	                           .expected = a->expect, .why = "not-met" };
	if (line->said == SAID_NO_VALUE) {
		/* the statement itself fails: what it asks for is not there */
		f.result = line->code == ERR_SOURCE ? RESULT_FAILED : RESULT_SKIPPED;
		f.why = f.result == RESULT_FAILED ? "not-met" : "not-done";
		f.message = line->text;
		return drill_add_check(&r->d->report, &f, err);
	}
	if (expect_parse(&e, a->expect, err) != 0)
		return err_wrap(err, "assert %.60s: expect", a->name);
	f.actual = line->null ? "NULL" : line->text;
	f.result = expect_met(&e, line->null ? NULL : line->text) ? RESULT_PASSED : RESULT_FAILED;
	return drill_add_check(&r->d->report, &f, err);
}

/* No later change can be in a snapshot. Taken for one it would make the RPO 0, whatever was lost. */
static bool too_new(const struct drilling *d, int64_t last)
{
	return last > d->c->time_s + SKEW_S;
}

static int on_rpo(struct reply *r, const struct drill_line *line, struct err *err)
{
	struct drilling *d = r->d;
	int64_t last;
	struct drill_finding f = { .kind = "rpo", .name = "last change inside the restored data",
	                           .statement = d->c->store->rpo_sql, .expected = "a time",
	                           .actual = line->null ? "NULL" : line->text };
	bool known = line->said == SAID_VALUE && !line->null && drill_parse_time(line->text, &last);
	if (known && too_new(d, last)) {
		known = false;
		f.message = "later than the snapshot: milliseconds, a date that is planned, or local time "
		            "without its zone?";
	}
	f.result = known ? RESULT_PASSED : RESULT_SKIPPED;
	f.why = "not-known";
	if (known)
		d->report.restored_time_s = (uint64_t)last;
	return drill_add_check(&d->report, &f, err);
}

static int on_value(struct reply *r, const struct drill_line *line, struct err *err)
{
	size_t n = r->d->c->store->n_assertions;
	if (line->number >= count_queries(r->d) || r->answered[line->number])
		return err_set(err, ERR_CORRUPT, "the sandbox's answer: to no question");
	r->answered[line->number] = true;
	return line->number < n ? on_assertion(r, line, err) : on_rpo(r, line, err);
}

/* The phases end when they are told, as long as that is possible at all. */
static int on_phase(struct reply *r, const struct drill_line *line, struct err *err)
{
	int64_t longest = clock_ms() - r->d->phase_ms;
	uint64_t ms = longest > 0 && line->ms > (uint64_t)longest ? (uint64_t)longest : line->ms;
	return drill_add_phase(&r->d->report, line->phase, ms, err);
}

static int on_stopped(struct reply *r, const struct drill_line *line, struct err *err)
{
	struct err why = { .code = line->code };
	snprintf(why.msg, sizeof why.msg, "%.599s", line->text);
	r->stopped = true;
	return drill_add_stop(&r->d->report, line->phase, line->code == ERR_SOURCE, &why, err);
}

static int on_line(struct reply *r, const struct drill_line *line, struct err *err)
{
	if (r->ended)
		return err_set(err, ERR_CORRUPT, "the sandbox's answer: goes on after its end");
	switch (line->said) {
	case SAID_PHASE: return on_phase(r, line, err);
	case SAID_CHECK: return on_check(r, line, err);
	case SAID_FACTS:
		json_drop(&r->facts);
		r->facts = json_incref(line->facts);
		return 0;
	case SAID_VALUE:
	case SAID_NO_VALUE: return on_value(r, line, err);
	case SAID_STOPPED: return on_stopped(r, line, err);
	case SAID_END: r->ended = true; return 0;
	}
	return 0;
}

static int read_reply(struct reply *r, const struct buf *output, struct err *err)
{
	const char *at = (const char *)output->bytes, *end = at ? at + output->len : at;
	struct drill_line line = { .facts = NULL };
	int rc = 0;
	while (rc == 0 && (rc = drill_line_next(&line, &at, end, err)) == 1) {
		rc = on_line(r, &line, err);
		json_drop(&line.facts);
	}
	return rc;
}

/* A question without an answer must not be forgotten. */
static int add_unanswered(struct reply *r, struct err *err)
{
	for (size_t i = 0; i < count_queries(r->d); i++) {
		struct drill_line line = { .said = SAID_NO_VALUE, .number = i, .code = ERR_STOPPED,
		                           .text = "was not asked" };
		if (!r->answered[i] && on_value(r, &line, err) != 0)
			return err->code;
	}
	return 0;
}

/* ---- the objectives ---- */

/* What would have been lost, had the disaster come just before the next snapshot; if there is none
 * yet, now. Without a statement that knows the last change, it is the snapshot's own time that counts. */
static void measure_rpo(struct drilling *d)
{
	struct report *r = &d->report;
	int64_t next = drill_next_time(d->v, d->c);
	int64_t until = next ? next : (int64_t)r->started_s;
	int64_t last = asks_rpo(d) ? (int64_t)r->restored_time_s : d->c->time_s;
	r->rpo.measured = last > 0;
	r->rpo.basis = last <= 0 ? BASIS_NONE : asks_rpo(d) ? BASIS_DATA : BASIS_SNAPSHOT;
	r->rpo.value_s = last > 0 && until > last ? (uint64_t)(until - last) : 0;
	r->position = drill_text(asks_rpo(d) ? "last change inside the restored data, by rpo-sql"
	                                     : "time of the snapshot: no rpo-sql is configured");
}

static int conclude(struct reply *r, struct err *err)
{
	struct drilling *d = r->d;
	if (add_unanswered(r, err) != 0 ||
	    drill_compare_facts(&d->report, d->recorded, r->facts, err) != 0)
		return err->code;
	measure_rpo(d);
	if (r->ended && !r->stopped)
		d->checked_ms = clock_ms();
	return 0;
}

static int run(struct drilling *d, struct buf *output, struct err *err)
{
	AUTO(buf) request = buf_new(DRILL_REQUEST_MAX, err);
	if (!request || make_request(d, request, err) != 0)
		return err->code;
	const char *program = d->o->program ? d->o->program : "/proc/self/exe";
	const struct sandbox_program p = {
		.argv = (const char *const[]){ program, DRILL_TRIAL_WORD, NULL },
		.input = request->bytes, .input_len = request->len,
		.timeout_ms = timeout_ms(d) < UINT_MAX / RUN_FACTOR ? timeout_ms(d) * RUN_FACTOR : UINT_MAX,
	};
	return sandbox_run(d->box, &p, output, err);
}

/* What was found before it ended counts, however it ended. */
static int ask(struct reply *r, struct err *err)
{
	struct err failed = { .code = ERR_NONE };
	AUTO(buf) output = buf_new(DRILL_REPLY_MAX, err);
	if (!output)
		return err->code;
	run(r->d, output, &failed);
	if (read_reply(r, output, err) != 0)
		return err->code;
	if (failed.code == ERR_NONE && !r->ended)
		err_set(&failed, ERR_CORRUPT, "the sandbox's answer: has no end");
	if (failed.code != ERR_NONE && !r->stopped &&
	    drill_add_stop(&r->d->report, "checks", false, &failed, err) != 0)
		return err->code;
	r->stopped = r->stopped || failed.code != ERR_NONE;
	return 0;
}

int drilling_trial(struct drilling *d, struct err *err)
{
	struct reply r = { .d = d };
	r.answered = calloc(count_queries(d) + 1, sizeof *r.answered);
	if (!r.answered)
		return err_no_memory(err);
	int rc = drilling_phase(d, NULL, err);
	d->phase = "checks";
	d->phase_ms = clock_ms();
	if (rc == 0)
		rc = ask(&r, err);
	if (rc == 0)
		rc = conclude(&r, err);
	d->phase = NULL;
	json_drop(&r.facts);
	free(r.answered);
	return rc;
}
