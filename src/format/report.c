#include "format/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/wire.h"
#include "crypto/sha256.h"
#include "holdfast/err.h"

static const char what[] = "report.json";
static const char what_detail[] = "detail of a drill";

static const char *const verdicts[] = { "passed", "failed", "could-not-verify", NULL };
static const char *const results[] = { "passed", "failed", "skipped", NULL };
static const char *const completes[] = { "equal", "differs", "skipped", "none", NULL };
static const char *const rules[] = { "drawn", "newest", "named", NULL };
static const char *const places[] = { "local", "s3", "sftp", "webdav", "other", NULL };
static const char *const bases[] = { "none", "restored-data", "snapshot-time", NULL };
static const char *const snapshot_kinds[] = { "full", "incremental", "unchanged", NULL };
static const char *const operators[] = { "timer", "person", NULL };
static const char *const kinds[] = { "drill-report", NULL };
static const char *const detail_kinds[] = { "drill-detail", NULL };

const char *report_verdict_word(enum report_verdict v) { return verdicts[v]; }

/* ---- tables: S is the struct that holds the member ---- */

#define MEMBER(k, t, m) .key = (k), .type = (t), .at = offsetof(struct S, m)
#define NUMBER(key, m) { MEMBER(key, RECORD_NUMBER, m), .max = INT64_MAX }
#define NUMBER_IF(key, m) { MEMBER(key, RECORD_NUMBER, m), .max = INT64_MAX, .optional = true }
#define FLAG(key, m) { MEMBER(key, RECORD_FLAG, m) }
#define HEX(key, m) { MEMBER(key, RECORD_HEX, m), .size = sizeof((struct S *)0)->m }
#define HEX_IF(key, m)                                                                             \
	{ MEMBER(key, RECORD_HEX, m), .size = sizeof((struct S *)0)->m, .optional = true }
#define WORD(key, m) { MEMBER(key, RECORD_WORD, m), .size = REPORT_WORD_MAX }
#define WORD_IF(key, m) { MEMBER(key, RECORD_WORD, m), .size = REPORT_WORD_MAX, .optional = true }
#define CHOICE(key, m, list) { MEMBER(key, RECORD_CHOICE, m), .words = (list) }
#define CHOICE_IF(key, m, list) { MEMBER(key, RECORD_CHOICE, m), .words = (list), .optional = true }
#define TEXT(key, m) { MEMBER(key, RECORD_TEXT, m), .max = REPORT_TEXT_MAX, .optional = true }
/* the members of a part are placed from the beginning of the whole struct */
#define PART(k, table) { .key = (k), .type = RECORD_PART, .members = (table) }
#define PART_IF(k, table) { .key = (k), .type = RECORD_PART, .members = (table), .optional = true }
#define LIST(key, m, item, most, table)                                                            \
	{ MEMBER(key, RECORD_LIST, m), .size = sizeof(struct item), .max = (most), .members = (table) }
#define END { .key = NULL }

#define S report_phase
static const struct record_member phase[] = { WORD("name", name), NUMBER("ms", ms), END };
#undef S

#define S report_check
static const struct record_member check[] = {
	WORD("kind", kind), CHOICE("result", result, results), NUMBER("ms", ms), WORD_IF("why", why), END
};
static const struct record_member check_detail[] = {
	TEXT("name", name), TEXT("statement", statement), TEXT("expected", expected),
	TEXT("actual", actual), TEXT("message", message), END
};
#undef S

#define S report_step
static const struct record_member step[] = { WORD("name", name), FLAG("done", done), END };
#undef S

#define S report_finding
static const struct record_member finding[] = {
	HEX("id", id), WORD("severity", severity), NUMBER("opened", opened_s), NUMBER_IF("due", due_s),
	NUMBER_IF("closed", closed_s), END
};
static const struct record_member finding_detail[] = { TEXT("ticket", ticket), TEXT("text", text), END };
#undef S

#define S report_person
static const struct record_member person[] = { TEXT("name", name), TEXT("part", part), END };
#undef S

#define S report
static const struct record_member policy[] = {
	HEX("sha256", policy.sha256), NUMBER("every", policy.every_s), END
};
static const struct record_member snapshot[] = {
	HEX("writer", snapshot.writer), HEX("store", snapshot.store), HEX("head", snapshot.head),
	NUMBER("seq", snapshot.seq), NUMBER("epoch", snapshot.epoch), NUMBER("time", snapshot.time_s),
	CHOICE("kind", snapshot.kind, snapshot_kinds), END
};
static const struct record_member source[] = {
	CHOICE("kind", source.kind, places), FLAG("offsite", source.offsite), END
};
static const struct record_member isolation[] = {
	FLAG("other_machine", isolation.other_machine), FLAG("own_user", isolation.own_user),
	FLAG("private_network", isolation.private_network),
	FLAG("private_socket", isolation.private_socket), END
};
static const struct record_member selection[] = {
	CHOICE("rule", selection.rule, rules), HEX_IF("seed", selection.seed),
	NUMBER("population", selection.population), NUMBER("chosen", selection.chosen),
	NUMBER("attempt", selection.attempt), END
};
static const struct record_member rto[] = {
	NUMBER_IF("target_ms", rto.target_ms), FLAG("measured", rto.measured),
	NUMBER_IF("value_ms", rto.value_ms), END
};
static const struct record_member rpo[] = {
	NUMBER_IF("target_s", rpo.target_s), FLAG("measured", rpo.measured),
	NUMBER_IF("value_s", rpo.value_s), CHOICE_IF("basis", rpo.basis, bases), END
};
static const struct record_member complete[] = {
	CHOICE("tables", complete.tables, completes), CHOICE("rows", complete.rows, completes), END
};
static const struct record_member stopped[] = {
	WORD("phase", stopped.phase), NUMBER("code", stopped.code), END
};
static const struct record_member counts[] = {
	NUMBER_IF("tables_expected", counts.tables_expected),
	NUMBER_IF("tables_actual", counts.tables_actual),
	NUMBER_IF("rows_expected", counts.rows_expected), NUMBER_IF("rows_actual", counts.rows_actual), END
};

static const struct record_member clear[] = {
	NUMBER("v", v), CHOICE("kind", kind, kinds), HEX("drill", drill), HEX("vault", vault),
	HEX("machine", machine), NUMBER("due", due_s), NUMBER("started", started_s),
	NUMBER("finished", finished_s), NUMBER("fresh_until", fresh_until_s),
	CHOICE("operator", operator_kind, operators), WORD("version", version),
	WORD("scenario", scenario), PART("policy", policy), HEX_IF("runbook", runbook),
	PART("snapshot", snapshot), PART("source", source), PART("isolation", isolation),
	PART("selection", selection), LIST("phases", phases, report_phase, REPORT_PHASES_MAX, phase),
	PART("rto", rto), PART("rpo", rpo),
	LIST("checks", checks, report_check, REPORT_CHECKS_MAX, check),
	PART("complete", complete), NUMBER_IF("restored_time", restored_time_s),
	LIST("teardown", teardown, report_step, REPORT_STEPS_MAX, step),
	FLAG("approval_needed", approval_needed),
	LIST("findings", findings, report_finding, REPORT_FINDINGS_MAX, finding),
	PART_IF("stopped", stopped), CHOICE("verdict", verdict, verdicts), HEX("detail", detail), END
};

static const struct record_member sealed[] = {
	NUMBER("v", v), CHOICE("kind", kind, detail_kinds), HEX("drill", drill), HEX("salt", salt),
	TEXT("drill_name", drill_name), TEXT("store_name", store_name), TEXT("asset", asset),
	TEXT("owner", owner), TEXT("operator", operator), TEXT("source_url", source_url),
	TEXT("position", position), PART_IF("counts", counts),
	LIST("checks", checks, report_check, REPORT_CHECKS_MAX, check_detail),
	LIST("findings", findings, report_finding, REPORT_FINDINGS_MAX, finding_detail),
	LIST("people", people, report_person, REPORT_PEOPLE_MAX, person), END
};
#undef S

/* ---- rules ---- */

static bool any_check(const struct report *r, enum report_result result)
{
	const struct report_check *c = r->checks.items;
	for (size_t i = 0; i < r->checks.n; i++)
		if (c[i].result == result)
			return true;
	return false;
}

static bool any_step_undone(const struct report *r)
{
	const struct report_step *s = r->teardown.items;
	for (size_t i = 0; i < r->teardown.n; i++)
		if (!s[i].done)
			return true;
	return false;
}

enum report_verdict report_judge(const struct report *r)
{
	bool late = r->rto.target_ms && r->rto.measured && r->rto.value_ms > r->rto.target_ms;
	bool old = r->rpo.target_s && r->rpo.measured && r->rpo.value_s > r->rpo.target_s;
	if (any_check(r, RESULT_FAILED) || r->complete.tables == COMPLETE_DIFFERS ||
	    r->complete.rows == COMPLETE_DIFFERS || late || old || any_step_undone(r))
		return REPORT_FAILED;
	bool unmeasured = (r->rto.target_ms && !r->rto.measured) ||
	                  (r->rpo.target_s && !r->rpo.measured);
	if (r->stopped.phase[0] || r->checks.n == 0 || any_check(r, RESULT_SKIPPED) ||
	    r->complete.tables == COMPLETE_SKIPPED || r->complete.rows == COMPLETE_SKIPPED ||
	    unmeasured || r->teardown.n == 0)
		return REPORT_UNVERIFIED;
	return REPORT_PASSED;
}

uint64_t report_draw(const uint8_t seed[32], uint64_t population)
{
	struct wire w = wire_over(seed, 32);
	return population ? wire_u64(&w) % population : 0;
}

/* What cannot be, or NULL. */
static const char *nonsense(const struct report *r)
{
	if (r->finished_s < r->started_s)
		return "the drill ends before it starts";
	if (r->fresh_until_s < r->finished_s)
		return "the report is out of date before the drill ends";
	if (r->selection.chosen >= r->selection.population)
		return "the chosen candidate is none of the population";
	if (r->selection.rule == RULE_DRAWN &&
	    r->selection.chosen != report_draw(r->selection.seed, r->selection.population))
		return "the chosen candidate is not the one that the seed draws";
	if ((r->rto.value_ms && !r->rto.measured) ||
	    ((r->rpo.value_s || r->rpo.basis) && !r->rpo.measured))
		return "a value that was not measured";
	return NULL;
}

/* ---- encoding and decoding ---- */

static int append(const struct record_member *table, const struct report *r, const char *name,
                  struct buf *out, struct err *err)
{
	JSON_AUTO j = record_encode(table, r, name, err);
	return j ? json_encode(j, out, err) : err->code;
}

int report_encode(struct report *r, struct buf *report, struct buf *detail, struct err *err)
{
	const char *wrong = nonsense(r);
	size_t start = detail->len;
	if (wrong)
		return err_set(err, ERR_INVALID, "%s: %s", what, wrong);
	r->v = REPORT_VERSION;
	r->kind = 0;
	r->verdict = report_judge(r);
	if (append(sealed, r, what_detail, detail, err) != 0)
		return err->code;
	sha256(r->detail, detail->bytes + start, detail->len - start);
	return append(clear, r, what, report, err);
}

static json_t *parse(const uint8_t *bytes, size_t len, const char *name, struct err *err)
{
	if (len > REPORT_MAX) {
		err_set(err, ERR_CORRUPT, "%s: longer than any can be", name);
		return NULL;
	}
	JSON_AUTO j = json_decode_canonical((const char *)bytes, len, name, err);
	uint64_t v;
	if (!j || json_get_u64(j, "v", INT64_MAX, &v, name, err) != 0)
		return NULL;
	if (v <= REPORT_VERSION)
		return json_incref(j);
	err_set(err, ERR_NEWER, "%s: version %llu, this program knows up to %d", name,
	        (unsigned long long)v, REPORT_VERSION);
	err_hint(err, "install a newer Holdfast");
	return NULL;
}

int report_decode(struct report *r, const uint8_t *bytes, size_t len, struct err *err)
{
	*r = (struct report){ .v = 0 };
	JSON_AUTO j = parse(bytes, len, what, err);
	if (!j || record_decode(clear, r, j, what, err) != 0)
		return err->code;
	const char *wrong = nonsense(r);
	if (wrong)
		return err_set(err, ERR_CORRUPT, "%s: %s", what, wrong);
	if (r->verdict != report_judge(r))
		return err_set(err, ERR_CORRUPT, "%s: says '%s', but its facts say '%s'", what,
		               verdicts[r->verdict], verdicts[report_judge(r)]);
	return 0;
}

int report_add_detail(struct report *r, const uint8_t *bytes, size_t len, struct err *err)
{
	uint8_t hash[SHA256_BYTES], drill[16];
	sha256(hash, bytes, len);
	if (memcmp(hash, r->detail, sizeof hash) != 0)
		return err_set(err, ERR_CORRUPT, "%s: is not what the report names", what_detail);
	memcpy(drill, r->drill, sizeof drill);
	size_t checks = r->checks.n, findings = r->findings.n;
	JSON_AUTO j = parse(bytes, len, what_detail, err);
	if (!j || record_decode(sealed, r, j, what_detail, err) != 0)
		return err->code;
	if (memcmp(drill, r->drill, sizeof drill) != 0 || r->checks.n != checks ||
	    r->findings.n != findings)
		return err_set(err, ERR_CORRUPT, "%s: is of another drill", what_detail);
	return 0;
}

void report_clear(struct report *r)
{
	/* the table of the sealed members has all texts, so it comes before the lists go */
	record_clear(sealed, r);
	record_clear(clear, r);
}
