#include "cli/period_facts.h"

#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "holdfast/err.h"

enum { CLAUSE_FACTS_MAX = 8 };

static bool is_on(const json_t *j, const char *key)
{
	return json_is_true(json_object_get(j, key));
}

/* ---- which drills count ---- */

typedef bool drill_test(const json_t *drill);

static bool is_done(const json_t *d) { return json_int(d, "finished") > 0; }
static bool is_passed(const json_t *d) { return strcmp(json_text(d, "state"), "passed") == 0; }
static bool is_failed(const json_t *d) { return strcmp(json_text(d, "state"), "failed") == 0; }
static bool is_unverified(const json_t *d)
{
	return strcmp(json_text(d, "state"), "could-not-verify") == 0;
}
static bool is_lost(const json_t *d) { return strcmp(json_text(d, "state"), "not-finished") == 0; }
static bool has_rto(const json_t *d) { return is_done(d) && json_int(d, "rto_target_ms") > 0; }
static bool met_rto(const json_t *d)
{
	return has_rto(d) && json_object_get(d, "rto_ms") &&
	       json_int(d, "rto_ms") <= json_int(d, "rto_target_ms");
}
static bool has_rpo(const json_t *d) { return is_done(d) && json_int(d, "rpo_target_s") > 0; }
static bool met_rpo(const json_t *d)
{
	return has_rpo(d) && json_object_get(d, "rpo_s") &&
	       json_int(d, "rpo_s") <= json_int(d, "rpo_target_s");
}
static bool is_checked(const json_t *d)
{
	return is_done(d) && json_int(d, "passed") > 0 && json_int(d, "failed") == 0 &&
	       json_int(d, "skipped") == 0;
}
static bool is_offsite(const json_t *d) { return is_done(d) && is_on(d, "offsite"); }
static bool is_apart(const json_t *d)
{
	return is_done(d) && is_on(d, "other_machine") && is_on(d, "private_network");
}
static bool is_drawn(const json_t *d)
{
	return is_done(d) && strcmp(json_text(d, "rule"), "named") != 0 && *json_text(d, "rule");
}
static bool has_runbook(const json_t *d) { return is_done(d) && is_on(d, "runbook"); }
static bool is_approved(const json_t *d) { return is_done(d) && *json_text(d, "approved_by"); }
static bool has_report(const json_t *d) { return is_done(d) && !is_on(d, "no_report"); }

static int64_t count(const json_t *doc, drill_test *test)
{
	int64_t n = 0;
	const json_t *d;
	size_t i;
	json_array_foreach(json_object_get(doc, "drills"), i, d)
		n += test(d);
	return n;
}

static int64_t add_up(const json_t *doc, const char *list, const char *key)
{
	int64_t n = 0;
	const json_t *one;
	size_t i;
	json_array_foreach(json_object_get(doc, list), i, one)
		n += json_int(one, key);
	return n;
}

static int64_t size_of(const json_t *doc, const char *list)
{
	return (int64_t)json_array_size(json_object_get(doc, list));
}

static int64_t stores_with(const json_t *doc, const char *key, const char *value)
{
	int64_t n = 0;
	const json_t *s;
	size_t i;
	json_array_foreach(json_object_get(doc, "stores"), i, s)
		n += value ? strcmp(json_text(s, key), value) == 0 : *json_text(s, key) != '\0';
	return n;
}

static int64_t findings_closed(const json_t *doc)
{
	int64_t n = 0;
	const json_t *f;
	size_t i;
	json_array_foreach(json_object_get(doc, "findings"), i, f)
		n += json_int(f, "closed") > 0;
	return n;
}

/* ---- sums ---- */

static int add_sums(json_t *doc, struct err *err)
{
	json_int_t failed = (json_int_t)add_up(doc, "days", "failed");
	json_t *sums = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
		"drills", (json_int_t)count(doc, is_done), "passed", (json_int_t)count(doc, is_passed),
		"failed", (json_int_t)count(doc, is_failed), "unverified",
		(json_int_t)count(doc, is_unverified), "lost", (json_int_t)count(doc, is_lost), "missed",
		(json_int_t)size_of(doc, "missed"), "stores", (json_int_t)size_of(doc, "stores"), "drilled",
		(json_int_t)stores_with(doc, "verdict", NULL), "backups",
		(json_int_t)add_up(doc, "days", "good") + failed, "backups_failed", failed);
	return sums && json_object_set_new(doc, "sums", sums) == 0 ? 0 : err_no_memory(err);
}

/* ---- facts ---- */

static int add_fact(json_t *facts, const char *name, int64_t good, int64_t of, struct err *err)
{
	json_t *one = json_pack("{s:s, s:I, s:I}", "fact", name, "good", (json_int_t)good, "of",
	                        (json_int_t)of);
	return one && json_array_append_new(facts, one) == 0 ? 0 : err_no_memory(err);
}

static int add_facts(json_t *doc, struct err *err)
{
	json_t *facts = json_array(), *sums = json_object_get(doc, "sums");
	if (json_object_set_new(doc, "facts", facts) != 0)
		return err_no_memory(err);
	int64_t done = count(doc, is_done), lost = count(doc, is_lost), all = done + lost;
	int64_t bad = count(doc, is_failed) + count(doc, is_unverified) + lost;
	const struct { const char *name; int64_t good, of; } table[] = {
		{ "backups", json_int(sums, "backups") - json_int(sums, "backups_failed"),
		  json_int(sums, "backups") },
		{ "restored", count(doc, is_passed), all },
		{ "every-store", stores_with(doc, "verdict", "passed"), size_of(doc, "stores") },
		{ "cadence", done, done + size_of(doc, "missed") },
		{ "rto", count(doc, met_rto), count(doc, has_rto) },
		{ "rpo", count(doc, met_rpo), count(doc, has_rpo) },
		{ "checks", count(doc, is_checked), all },
		{ "offsite", count(doc, is_offsite), all },
		{ "apart", count(doc, is_apart), all },
		{ "drawn", count(doc, is_drawn), all },
		{ "runbook", count(doc, has_runbook), all },
		{ "reports", count(doc, has_report), all },
		/* there is something to do only where something went wrong */
		{ "corrective", findings_closed(doc), bad > size_of(doc, "findings")
		                                      ? bad : size_of(doc, "findings") },
		{ "epochs", size_of(doc, "epochs"), size_of(doc, "epochs") },
		{ "inventory", stores_with(doc, "asset", NULL), size_of(doc, "stores") },
		{ "approval", count(doc, is_approved), done },
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (add_fact(facts, table[i].name, table[i].good, table[i].of, err) != 0)
			return err->code;
	return 0;
}

bool period_has_evidence(const json_t *fact)
{
	return json_int(fact, "good") > 0;
}

/* Where nothing went wrong nothing had to be corrected. */
bool period_has_gap(const json_t *fact)
{
	int64_t good = json_int(fact, "good"), of = json_int(fact, "of");
	return good < of || (of == 0 && strcmp(json_text(fact, "fact"), "corrective") != 0);
}

const json_t *period_fact(const json_t *doc, const char *name)
{
	const json_t *one;
	size_t i;
	json_array_foreach(json_object_get(doc, "facts"), i, one)
		if (strcmp(json_text(one, "fact"), name) == 0)
			return one;
	return NULL;
}

/* ---- clauses: docs/EVIDENCE.md has the same table ---- */

static const struct {
	const char *clause;
	const char *facts[CLAUSE_FACTS_MAX];
} clauses[] = {
	{ "ISO/IEC 27001:2022 A.8.13", { "backups", "restored", "every-store", "cadence", "checks" } },
	{ "ISO/IEC 27001:2022 A.5.30", { "rto", "rpo", "runbook" } },
	{ "SOC 2 A1.2", { "backups", "offsite", "cadence" } },
	{ "SOC 2 A1.3", { "restored", "checks", "approval" } },
	{ "NIST SP 800-53 CP-4", { "restored", "corrective", "approval", "runbook" } },
	{ "NIST SP 800-53 CP-9(1)(2)", { "backups", "checks", "drawn" } },
	{ "NIST SP 800-53 CP-10", { "restored", "rto", "rpo" } },
	{ "PCI DSS 4.0.1 9.4.1, 3.7", { "offsite", "inventory", "epochs" } },
	{ "HIPAA 164.308(a)(7)(ii)(A,B,D)", { "backups", "restored", "checks", "cadence" } },
	{ "GDPR 32(1)(b)(c)(d)", { "rto", "restored", "cadence" } },
	{ "DORA 12", { "backups", "apart", "restored", "checks", "cadence" } },
	{ "NIS2 CIR 2024/2690 4.2", { "backups", "checks", "runbook", "corrective", "reports" } },
	{ "GB/T 22239-2019 8.1.4.9, 8.1.10.13", { "backups", "offsite", "restored", "reports" } },
};

static int add_clauses(json_t *doc, struct err *err)
{
	json_t *list = json_array();
	if (json_object_set_new(doc, "clauses", list) != 0)
		return err_no_memory(err);
	for (size_t i = 0; i < sizeof clauses / sizeof *clauses; i++) {
		json_t *facts = json_array();
		for (size_t k = 0; k < CLAUSE_FACTS_MAX && clauses[i].facts[k]; k++)
			json_array_append_new(facts, json_string(clauses[i].facts[k]));
		json_t *one = json_pack("{s:s, s:o}", "clause", clauses[i].clause, "facts", facts);
		if (!one || json_array_append_new(list, one) != 0)
			return err_no_memory(err);
	}
	return 0;
}

int period_add_facts(json_t *doc, struct err *err)
{
	return add_sums(doc, err) == 0 && add_facts(doc, err) == 0 ? add_clauses(doc, err) : err->code;
}
