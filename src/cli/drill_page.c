#include "cli/drill_page.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/output.h"
#include "cli/text.h"
#include "holdfast/drill.h"
#include "holdfast/err.h"

enum { SHOWN_MAX = 300, WIDTH = 100, INDENT = 11 };

struct page {
	json_t *report, *detail;     /* detail NULL: sealed to others */
};

static void page_end(struct page *p)
{
	json_drop(&p->report);
	json_drop(&p->detail);
}
#define PAGE_AUTO __attribute__((cleanup(page_end))) struct page

static int page_begin(struct page *p, const struct drill_result *r, struct err *err)
{
	p->report = json_decode(r->report, strlen(r->report), "report.json", err);
	p->detail = p->report && r->detail
	            ? json_decode(r->detail, strlen(r->detail), "detail of the drill", err) : NULL;
	return p->report && (p->detail || !r->detail) ? 0 : (int)err->code;
}

/* ---- members ---- */

static bool is_true(const json_t *j, const char *key)
{
	return json_is_true(json_object_get(j, key));
}

static const char *shown(char out[4 * SHOWN_MAX], const char *text)
{
	char cut[SHOWN_MAX];
	snprintf(cut, sizeof cut, "%s", text);
	return text_escape(out, 4 * SHOWN_MAX, cut);
}

static const json_t *detail_of(const struct page *p, size_t i)
{
	return json_array_get(json_object_get(p->detail, "checks"), i);
}

/* ---- lines ---- */

static void head_line(const struct page *p, const struct drill_result *r)
{
	char verdict[24], name[4 * SHOWN_MAX];
	size_t n = 0;
	for (const char *v = json_text(p->report, "verdict"); *v && n + 1 < sizeof verdict; v++)
		verdict[n++] = (char)toupper((unsigned char)*v);
	verdict[n] = '\0';
	printf("RECOVERY DRILL %.12s %s%*s%s\n", r->id, shown(name, json_text(p->detail, "drill_name")), 8,
	       "", verdict);
}

static void people_line(const struct page *p)
{
	static const char *const keys[][2] = { { "asset", "Asset" }, { "owner", "owner" },
	                                       { "operator", "operator" } };
	char text[4 * SHOWN_MAX];
	bool any = false;
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		if (!*json_text(p->detail, keys[i][0]))
			continue;
		printf("%s%s %s", any ? ", " : "", keys[i][1],
		       shown(text, json_text(p->detail, keys[i][0])));
		any = true;
	}
	if (any)
		putchar('\n');
}

static void restored_line(const struct page *p)
{
	const json_t *s = json_object_get(p->report, "snapshot"), *from;
	char store[4 * SHOWN_MAX], when[TEXT_MAX], url[4 * SHOWN_MAX];
	from = json_object_get(p->report, "source");
	const char *name = json_text(p->detail, "store_name");
	printf("%-*s%s snapshot %lld of %s, %s%s%s%s, on %s\n", INDENT, "Restored",
	       *name ? shown(store, name) : json_text(s, "store"), (long long)json_int(s, "seq"),
	       json_int(s, "time") ? text_time(when, json_int(s, "time")) : "an unknown time",
	       is_true(from, "offsite") ? "offsite" : "from a local vault", p->detail ? " (" : "",
	       shown(url, json_text(p->detail, "source_url")), p->detail ? ")" : "",
	       is_true(json_object_get(p->report, "isolation"), "other_machine")
	               ? "a machine that does not write it" : "the machine that writes it");
}

static void chosen_line(const struct page *p)
{
	const json_t *s = json_object_get(p->report, "selection");
	const char *rule = json_text(s, "rule");
	char seed[9];
	snprintf(seed, sizeof seed, "%.8s", json_text(s, "seed"));
	printf("%-*s", INDENT, "Chosen");
	if (strcmp(rule, "drawn") == 0)
		printf("%lld of %lld candidates, drawn (seed %s...): not by us",
		       (long long)json_int(s, "chosen") + 1, (long long)json_int(s, "population"), seed);
	else
		printf("%s", strcmp(rule, "newest") == 0 ? "the only candidate" : "named by who ran it");
	if (json_int(s, "attempt") > 1)
		printf("; RETRY: attempt %lld for this date", (long long)json_int(s, "attempt"));
	putchar('\n');
}

static void phases(const struct page *p)
{
	const json_t *list = json_object_get(p->report, "phases"), *phase;
	size_t i;
	json_array_foreach(list, i, phase) {
		char took[TEXT_MAX];
		printf("  %s %s", json_text(phase, "name"),
		       text_took(took, (uint64_t)json_int(phase, "ms")));
	}
	putchar('\n');
}

static void rto_line(const struct page *p)
{
	const json_t *rto = json_object_get(p->report, "rto");
	json_int_t target = json_int(rto, "target_ms"), value = json_int(rto, "value_ms");
	char text[TEXT_MAX];
	printf("%-*s", INDENT, "RTO");
	if (is_true(rto, "measured"))
		printf("measured %s", text_took(text, (uint64_t)value));
	else
		printf("not measured");
	if (target)
		printf("   objective %s   %s", text_took(text, (uint64_t)target),
		       !is_true(rto, "measured") ? "NOT KNOWN" : value <= target ? "met" : "MISSED");
	printf("\n%*s", INDENT - 2, "");
	phases(p);
}

static void rpo_line(const struct page *p)
{
	const json_t *rpo = json_object_get(p->report, "rpo");
	json_int_t target = json_int(rpo, "target_s"), value = json_int(rpo, "value_s");
	char text[TEXT_MAX];
	printf("%-*s", INDENT, "RPO");
	if (is_true(rpo, "measured"))
		printf("measured %s", text_took(text, (uint64_t)value * 1000));
	else
		printf("not measured");
	if (target)
		printf("   objective %s   %s", text_took(text, (uint64_t)target * 1000),
		       !is_true(rpo, "measured") ? "NOT KNOWN" : value <= target ? "met" : "MISSED");
	if (*json_text(p->detail, "position"))
		printf("   %s", json_text(p->detail, "position"));
	else if (*json_text(rpo, "basis"))
		printf("   by %s", json_text(rpo, "basis"));
	putchar('\n');
}

static void isolation_line(const struct page *p)
{
	const json_t *i = json_object_get(p->report, "isolation");
	printf("%-*s%s, %s\n", INDENT, "Isolation", is_true(i, "private_network")
	       ? "no network, own processes and files"
	       : "private socket only; NO namespaces (kernel refused, or it did not come so far)",
	       is_true(i, "own_user") ? "own user" : "the user who ran it");
}

static void count_checks(const struct page *p, size_t *passed, size_t *failed, size_t *skipped)
{
	const json_t *c;
	size_t i;
	*passed = *failed = *skipped = 0;
	json_array_foreach(json_object_get(p->report, "checks"), i, c) {
		const char *result = json_text(c, "result");
		*(strcmp(result, "passed") == 0 ? passed
		  : strcmp(result, "failed") == 0 ? failed : skipped) += 1;
	}
}

static void check_line(const struct page *p, size_t i, const json_t *c)
{
	const json_t *d = detail_of(p, i);
	char name[4 * SHOWN_MAX], expected[4 * SHOWN_MAX], actual[4 * SHOWN_MAX];
	const char *result = json_text(c, "result"), *said = json_text(d, "actual");
	if (!*said)
		said = json_text(d, "message");
	printf("%*s%s %s", INDENT, "", strcmp(result, "passed") == 0 ? "ok     "
	       : strcmp(result, "failed") == 0 ? "FAILED " : "skipped",
	       *json_text(d, "name") ? shown(name, json_text(d, "name")) : json_text(c, "kind"));
	if (d)
		printf(": expected %s, got %s", shown(expected, json_text(d, "expected")),
		       shown(actual, said));
	else if (*json_text(c, "why"))
		printf(" (%s)", json_text(c, "why"));
	if (*json_text(d, "actual") && *json_text(d, "message"))
		printf(" (%s)", shown(expected, json_text(d, "message")));
	putchar('\n');
}

static void check_lines(const struct page *p)
{
	size_t passed, failed, skipped, i;
	const json_t *c;
	count_checks(p, &passed, &failed, &skipped);
	printf("%-*s%zu of %zu passed", INDENT, "Checks", passed, passed + failed + skipped);
	if (failed)
		printf(", %zu FAILED", failed);
	if (skipped)
		printf(", %zu SKIPPED", skipped);
	printf("%s\n", failed + skipped ? "" : ", none skipped");
	json_array_foreach(json_object_get(p->report, "checks"), i, c)
		check_line(p, i, c);
	const json_t *counts = json_object_get(p->detail, "counts");
	if (json_int(counts, "rows_actual"))
		printf("%*s%lld rows in the restored tables\n", INDENT, "",
		       (long long)json_int(counts, "rows_actual"));
}

static void teardown_line(const struct page *p)
{
	const json_t *list = json_object_get(p->report, "teardown"), *step;
	bool done = json_array_size(list) > 0;
	size_t i;
	json_array_foreach(list, i, step)
		done = done && is_true(step, "done");
	printf("%-*s%s\n", INDENT, "Teardown", done ? "complete, verified before signing" : "INCOMPLETE");
}

static void finding_lines(const struct page *p)
{
	const json_t *list = json_object_get(p->report, "findings"), *f;
	char ticket[4 * SHOWN_MAX], when[TEXT_MAX];
	size_t i;
	printf("%-*s%s\n", INDENT, "Findings", json_array_size(list) ? "" : "none");
	json_array_foreach(list, i, f) {
		const json_t *d = json_array_get(json_object_get(p->detail, "findings"), i);
		printf("%*s%s ", INDENT, "", shown(ticket, json_text(d, "ticket")));
		if (json_int(f, "closed"))
			printf("closed %s\n", text_time(when, json_int(f, "closed")));
		else if (json_int(f, "due"))
			printf("open, due %s\n", text_time(when, json_int(f, "due")));
		else
			printf("open\n");
	}
}

static void approval_line(const struct page *p, const struct drill_result *r)
{
	char who[4 * SHOWN_MAX], when[TEXT_MAX];
	if (r->approved_s)
		printf("%-*sby %s, %s\n", INDENT, "Approved", shown(who, r->approved_by),
		       text_time(when, r->approved_s));
	else if (is_true(p->report, "approval_needed"))
		printf("%-*sasked for, and not there yet\n", INDENT, "Approval");
}

int drill_page_print(const struct drill_result *r, struct err *err)
{
	PAGE_AUTO p = { NULL, NULL };
	if (page_begin(&p, r, err) != 0)
		return err->code;
	head_line(&p, r);
	people_line(&p);
	restored_line(&p);
	chosen_line(&p);
	rto_line(&p);
	rpo_line(&p);
	isolation_line(&p);
	check_lines(&p);
	teardown_line(&p);
	finding_lines(&p);
	approval_line(&p, r);
	if (!p.detail)
		printf("Names, statements and values are sealed: read them on the machine that ran it, "
		       "or with\nthe recovery code.\n");
	return 0;
}

int drill_page_json(const struct drill_result *r, struct err *err)
{
	PAGE_AUTO p = { NULL, NULL };
	if (page_begin(&p, r, err) != 0)
		return err->code;
	json_t *j = json_pack("{s:s, s:s, s:O}", "id", r->id, "verdict", drill_verdict_text(r->verdict),
	                      "report", p.report);
	if (j && p.detail)
		json_object_set(j, "detail", p.detail);
	if (j && r->evidence)
		json_object_set_new(j, "evidence", output_json_text(r->evidence));
	if (j && r->approved_s) {
		json_object_set_new(j, "approved", json_integer((json_int_t)r->approved_s));
		json_object_set_new(j, "approved_by", output_json_text(r->approved_by));
	}
	if (j && r->set_back.code != ERR_NONE)
		json_object_set_new(j, "set_back", output_json_text(r->set_back.msg));
	if (j && r->unstamped.code != ERR_NONE)
		json_object_set_new(j, "unstamped", output_json_text(r->unstamped.msg));
	return output_json(j, err);
}

static bool is_missed(const json_t *report, const char *objective, const char *target, const char *value)
{
	const json_t *o = json_object_get(report, objective);
	return is_true(o, "measured") && json_int(o, target) &&
	       json_int(o, value) > json_int(o, target);
}

void drill_page_why(const struct drill_result *r, char *out, size_t cap)
{
	struct err ignored;
	PAGE_AUTO p = { NULL, NULL };
	const json_t *c, *stopped;
	size_t i;
	snprintf(out, cap, "%s", drill_verdict_text(r->verdict));
	if (page_begin(&p, r, &ignored) != 0)
		return;
	json_array_foreach(json_object_get(p.report, "checks"), i, c) {
		const json_t *d = detail_of(&p, i);
		const char *what = *json_text(d, "actual") ? json_text(d, "actual") : json_text(d, "message");
		if (strcmp(json_text(c, "result"), "passed") == 0)
			continue;
		snprintf(out, cap, "%s: %.100s: %s %s: %.200s", drill_verdict_text(r->verdict),
		         json_text(p.detail, "store_name"), *json_text(d, "name") ? json_text(d, "name")
		         : json_text(c, "kind"), json_text(c, "result"), *what ? what : json_text(c, "why"));
		return;
	}
	stopped = json_object_get(p.report, "stopped");
	if (*json_text(stopped, "phase"))
		snprintf(out, cap, "%s: stopped in '%s'", drill_verdict_text(r->verdict),
		         json_text(stopped, "phase"));
	else if (is_missed(p.report, "rto", "target_ms", "value_ms"))
		snprintf(out, cap, "%s: it took longer than 'rto'", drill_verdict_text(r->verdict));
	else if (is_missed(p.report, "rpo", "target_s", "value_s"))
		snprintf(out, cap, "%s: what came back is older than 'rpo'", drill_verdict_text(r->verdict));
}

void drill_page_troubles(const struct drill_result *r)
{
	struct err ignored;
	PAGE_AUTO p = { NULL, NULL };
	const json_t *c;
	size_t i;
	if (page_begin(&p, r, &ignored) != 0)
		return;
	json_array_foreach(json_object_get(p.report, "checks"), i, c) {
		const json_t *d = detail_of(&p, i);
		char name[4 * SHOWN_MAX], said[4 * SHOWN_MAX], store[4 * SHOWN_MAX];
		if (strcmp(json_text(c, "result"), "passed") == 0)
			continue;
		const char *what = *json_text(d, "actual") ? json_text(d, "actual") : json_text(d, "message");
		output_note("drill %.12s of %s: %s %s: %s", r->id,
		            shown(store, json_text(p.detail, "store_name")),
		            shown(name, json_text(d, "name")), json_text(c, "result"), shown(said, what));
	}
}
