#include "cli/period_drills.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/crew.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/drill_listing.h"
#include "cli/drill_page.h"
#include "cli/output.h"
#include "holdfast/drill.h"
#include "holdfast/err.h"
#include "holdfast/vault.h"

enum { WHY_MAX = 600 };

static void set_number(json_t *to, const char *key, int64_t n)
{
	json_object_set_new(to, key, json_integer((json_int_t)n));
}

static void set_text(json_t *to, const char *key, const char *text)
{
	json_object_set_new(to, key, output_json_text(text));
}

static bool is_true(const json_t *j, const char *part, const char *key)
{
	return json_is_true(json_object_get(json_object_get(j, part), key));
}

/* ---- one drill ---- */

static void take_objective(json_t *out, const json_t *report, const char *what, const char *unit)
{
	char value[24], target[24], key[40];
	const json_t *o = json_object_get(report, what);
	snprintf(value, sizeof value, "value_%s", unit);
	snprintf(target, sizeof target, "target_%s", unit);
	if (json_is_true(json_object_get(o, "measured"))) {
		snprintf(key, sizeof key, "%s_%s", what, unit);
		set_number(out, key, json_int(o, value));
	}
	snprintf(key, sizeof key, "%s_target_%s", what, unit);
	set_number(out, key, json_int(o, target));
}

static void count_checks(json_t *out, const json_t *report)
{
	static const char *const words[] = { "passed", "failed", "skipped" };
	int64_t n[3] = { 0, 0, 0 };
	const json_t *c;
	size_t i;
	json_array_foreach(json_object_get(report, "checks"), i, c)
		for (int w = 0; w < 3; w++)
			n[w] += strcmp(json_text(c, "result"), words[w]) == 0;
	for (int w = 0; w < 3; w++)
		set_number(out, words[w], n[w]);
}

static void take_report(json_t *out, const json_t *report)
{
	static const struct { const char *part, *key, *as; } truths[] = {
		{ "source", "offsite", "offsite" }, { "isolation", "other_machine", "other_machine" },
		{ "isolation", "private_network", "private_network" },
	};
	const json_t *s = json_object_get(report, "snapshot");
	const json_t *selection = json_object_get(report, "selection");
	set_text(out, "store", json_text(s, "store"));
	set_text(out, "writer", json_text(s, "writer"));
	set_number(out, "seq", json_int(s, "seq"));
	set_number(out, "taken", json_int(s, "time"));
	set_text(out, "rule", json_text(selection, "rule"));
	json_object_set_new(out, "retry", json_boolean(json_int(selection, "attempt") > 1));
	set_number(out, "population", json_int(selection, "population"));
	set_number(out, "fresh_until", json_int(report, "fresh_until"));
	set_number(out, "every_s", json_int(json_object_get(report, "policy"), "every"));
	set_text(out, "policy", json_text(json_object_get(report, "policy"), "sha256"));
	set_text(out, "tables", json_text(json_object_get(report, "complete"), "tables"));
	json_object_set_new(out, "runbook", json_boolean(*json_text(report, "runbook") != '\0'));
	json_object_set_new(out, "approval_needed",
	                    json_boolean(json_is_true(json_object_get(report, "approval_needed"))));
	for (size_t i = 0; i < sizeof truths / sizeof *truths; i++)
		json_object_set_new(out, truths[i].as,
		                    json_boolean(is_true(report, truths[i].part, truths[i].key)));
	take_objective(out, report, "rto", "ms");
	take_objective(out, report, "rpo", "s");
	set_text(out, "rpo_basis", json_text(json_object_get(report, "rpo"), "basis"));
	count_checks(out, report);
}

static void take_detail(json_t *out, const json_t *detail)
{
	set_text(out, "name", json_text(detail, "drill_name"));
	set_text(out, "store_name", json_text(detail, "store_name"));
	set_text(out, "asset", json_text(detail, "asset"));
	set_text(out, "owner", json_text(detail, "owner"));
}

/* ---- what is done about it ---- */

/* Each report repeats what is open: the last one that names a finding counts. */
static int take_findings(json_t *findings, const json_t *report, const json_t *detail, struct err *err)
{
	const json_t *f;
	size_t i;
	json_array_foreach(json_object_get(report, "findings"), i, f) {
		const json_t *d = json_array_get(json_object_get(detail, "findings"), i);
		const char *id = json_text(f, "id");
		json_t *one = json_object();
		if (!one || json_object_set_new(findings, id, one) != 0)
			return err_no_memory(err);
		set_text(one, "id", id);
		set_text(one, "ticket", json_text(d, "ticket"));
		set_text(one, "text", json_text(d, "text"));
		set_number(one, "opened", json_int(f, "opened"));
		set_number(one, "due", json_int(f, "due"));
		set_number(one, "closed", json_int(f, "closed"));
	}
	return 0;
}

/* ---- all of them ---- */

/* Reports over a network are fetched so many at once, and kept until their turn comes. */
enum { BATCH = 64 };

/* What came of loading one drill's report. */
struct loaded {
	struct drill_result result;
	struct err why;              /* it tells nothing */
};

struct gathering {
	struct cli *cli;
	const struct listed_drill *batch;
	struct loaded loaded[BATCH];
	json_t *drills, *findings;      /* findings: by id */
	json_t *earlier;                /* that ended before the span, and may be fresh in it */
	int64_t from_s, to_s, sealed;
};

static bool ended_earlier(const struct gathering *g, const struct listed_drill *d)
{
	return d->finished_s && d->finished_s < g->from_s;
}

static bool is_in_span(const struct gathering *g, const struct listed_drill *d)
{
	int64_t at = d->finished_s ? d->finished_s : d->started_s ? d->started_s : d->due_s;
	return at >= g->from_s && at < g->to_s;
}

/* What its report cannot tell is a fact about the drill, and hides no other. */
static int load_one(void *arg, uint64_t number, struct err *err)
{
	struct gathering *g = arg;
	struct loaded *l = &g->loaded[number];
	const struct listed_drill *d = &g->batch[number];
	const struct drill_known known = { .report = d->report,
		                           .signers = cli_place_value(g->cli, "allowed-signers") };
	*l = (struct loaded){ .why.code = ERR_NONE };
	if (!d->finished_s || (!ended_earlier(g, d) && !is_in_span(g, d)))
		return 0;
	int rc = drill_load(g->cli->vault, d->id, &known, &l->result, &l->why);
	if (rc == 0 || rc == ERR_ABSENT || rc == ERR_CORRUPT)
		return 0;
	*err = l->why;
	return rc;
}

static int open_result(struct gathering *g, json_t *out, const struct drill_result *r, bool earlier,
                       struct err *err)
{
	char why[WHY_MAX];
	JSON_AUTO report = json_decode(r->report, strlen(r->report), "report.json", err);
	JSON_AUTO detail = report && r->detail
	                   ? json_decode(r->detail, strlen(r->detail), "detail of a drill", err) : NULL;
	if (!report || (r->detail && !detail))
		return err->code;
	take_report(out, report);
	take_detail(out, detail);
	if (earlier)
		return 0;
	if (r->approved_s) {
		set_text(out, "approved_by", r->approved_by);
		set_number(out, "approved", r->approved_s);
	}
	g->sealed += !detail;
	if (r->verdict != DRILL_PASSED) {
		drill_page_why(r, why, sizeof why);
		set_text(out, "why", why);
	}
	return take_findings(g->findings, report, detail, err);
}

static const char *state_of(const struct listed_drill *d)
{
	return d->finished_s ? d->verdict : d->lost ? "not-finished" : d->started_s ? "running" : "planned";
}

static json_t *as_listed(const struct listed_drill *d)
{
	return json_pack("{s:s, s:o, s:s, s:I, s:I, s:I, s:b}", "id", d->id, "machine",
	                 output_json_text(d->machine), "state", state_of(d), "due", (json_int_t)d->due_s,
	                 "started", (json_int_t)d->started_s, "finished", (json_int_t)d->finished_s, "retry",
	                 d->retry);
}

/* Of the earlier ones, one whose report tells nothing leaves the one before it as the last of its kind. */
static int add_one(struct gathering *g, const struct listed_drill *d, struct loaded *l, struct err *err)
{
	bool earlier = ended_earlier(g, d);
	if (!earlier && !is_in_span(g, d))
		return 0;
	JSON_AUTO one = as_listed(d);
	if (!one)
		return err_no_memory(err);
	if (l->result.report && open_result(g, one, &l->result, earlier, &l->why) != 0 &&
	    l->why.code != ERR_CORRUPT) {
		*err = l->why;
		return err->code;
	}
	if (l->why.code != ERR_NONE && earlier)
		return 0;
	if (l->why.code != ERR_NONE) {
		set_text(one, "why", l->why.msg);
		json_object_set_new(one, "no_report", json_true());
	}
	return json_array_append(earlier ? g->earlier : g->drills, one) == 0 ? 0 : err_no_memory(err);
}

static int add_batch(struct gathering *g, const struct listed_drill *first, size_t n, struct err *err)
{
	g->batch = first;
	int rc = crew_run(vault_at_once(g->cli->vault), n, load_one, g, err);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = add_one(g, &first[i], &g->loaded[i], err);
	for (size_t i = 0; i < n; i++)
		drill_result_clear(&g->loaded[i].result);
	return rc;
}

/* ---- turns that were missed ---- */

/* Of one machine and, by its configuration, one drill. */
static bool is_same_series(const json_t *a, const json_t *b)
{
	const char *key = *json_text(a, "name") && *json_text(b, "name") ? "name" : "policy";
	return strcmp(json_text(a, "machine"), json_text(b, "machine")) == 0 &&
	       strcmp(json_text(a, key), json_text(b, key)) == 0;
}

static int64_t next_start(const json_t *drills, size_t at, int64_t otherwise)
{
	const json_t *d = json_array_get(drills, at), *other;
	int64_t started = json_int(d, "started"), next = INT64_MAX;
	size_t i;
	json_array_foreach(drills, i, other) {
		int64_t s = json_int(other, "started");
		if (i != at && is_same_series(d, other) && s >= started && s < next &&
		    (s > started || i > at))
			next = s;
	}
	return next == INT64_MAX ? otherwise : next;
}

/* Was one missing in the span, between the end of what d says and the start of the next? Where names are
 * sealed the policy stands for them: a new one ends a series, so that an old one proves no gap. */
static bool leaves_gap(const json_t *d, int64_t next_s, int64_t from_s)
{
	int64_t fresh = json_int(d, "fresh_until");
	return fresh && json_int(d, "every_s") && next_s > fresh && next_s > from_s &&
	       (fresh >= from_s || *json_text(d, "name"));
}

/* Each report says until when it is fresh: later than that, one was missing. */
static int find_missed(json_t *missed, const json_t *drills, int64_t from_s, int64_t end_s, struct err *err)
{
	const json_t *d;
	size_t i;
	json_array_foreach(drills, i, d) {
		int64_t fresh = json_int(d, "fresh_until"), next = next_start(drills, i, end_s);
		if (!leaves_gap(d, next, from_s))
			continue;
		json_t *one = json_pack("{s:o, s:o, s:I, s:I}", "name",
		                        output_json_text(json_text(d, "name")), "machine",
		                        output_json_text(json_text(d, "machine")), "since",
		                        (json_int_t)fresh, "until", (json_int_t)next);
		if (!one || json_array_append_new(missed, one) != 0)
			return err_no_memory(err);
	}
	return 0;
}

static int list_findings(json_t *list, json_t *by_id, struct err *err)
{
	const char *id;
	json_t *one;
	json_object_foreach(by_id, id, one)
		if (json_array_append(list, one) != 0)
			return err_no_memory(err);
	return 0;
}

static int add_missed(const struct gathering *g, int64_t made_s, json_t *missed, struct err *err)
{
	JSON_AUTO all = json_copy(g->earlier);
	if (!all || json_array_extend(all, g->drills) != 0)
		return err_no_memory(err);
	return find_missed(missed, all, g->from_s, g->to_s < made_s ? g->to_s : made_s, err);
}

int period_add_drills(json_t *doc, struct cli *cli, struct err *err)
{
	json_t *missed = json_array(), *list = json_array();
	struct gathering g = { .cli = cli, .drills = json_array(), .from_s = json_int(doc, "from"),
	                       .to_s = json_int(doc, "to") };
	JSON_AUTO by_id = g.findings = json_object();
	JSON_AUTO earlier = g.earlier = json_array();
	/* from here on they are the document's */
	if (json_object_set_new(doc, "drills", g.drills) != 0 ||
	    json_object_set_new(doc, "missed", missed) != 0 ||
	    json_object_set_new(doc, "findings", list) != 0 || !by_id || !earlier)
		return err_no_memory(err);
	/* the last drill of its kind may be years old, or never have ended */
	AUTO(drill_listing) l = drill_listing_new(cli, 0, err);
	if (!l)
		return err->code;
	for (size_t i = 0; i < l->n; i += BATCH)
		if (add_batch(&g, &l->all[i], l->n - i < BATCH ? l->n - i : BATCH, err) != 0)
			return err->code;
	set_number(doc, "sealed", g.sealed);
	return add_missed(&g, json_int(doc, "made"), missed, err) == 0 ? list_findings(list, by_id, err)
	                                                              : (int)err->code;
}
