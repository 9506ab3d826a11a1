/* What a span of time gives evidence of, and where gaps are: counted from its drills. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/period_facts.h"
#include "base/json.h"
#include "holdfast/err.h"

static const char text[] =
	"{\"days\":[{\"good\":9,\"failed\":1},{\"good\":10,\"failed\":0}],\"missed\":[{}],"
	"\"findings\":[{\"closed\":5},{\"closed\":0}],\"keys\":[],\"epochs\":[{}],"
	"\"stores\":[{\"asset\":\"A\",\"verdict\":\"passed\"},{\"asset\":\"\",\"verdict\":\"\"}],"
	"\"drills\":["
	"{\"state\":\"passed\",\"finished\":9,\"rto_ms\":10,\"rto_target_ms\":20,\"passed\":3,"
	"\"offsite\":true,\"approved_by\":\"m.li@example.com\","
	"\"rule\":\"drawn\",\"other_machine\":true,\"private_network\":true},"
	"{\"state\":\"failed\",\"finished\":9,\"rto_ms\":30,\"rto_target_ms\":20,\"passed\":3,\"failed\":1,"
	"\"rule\":\"named\",\"other_machine\":true},"
	"{\"state\":\"could-not-verify\",\"finished\":9,\"rto_target_ms\":20,\"passed\":3,\"skipped\":1},"
	"{\"state\":\"not-finished\",\"finished\":0}]}";

static json_t *make(const char *from)
{
	struct err err = { 0 };
	json_t *doc = json_loads(from, 0, NULL);
	assert_non_null(doc);
	assert_int_equal(period_add_facts(doc, &err), 0);
	return doc;
}

static void expect(const json_t *doc, const char *name, int64_t good, int64_t of)
{
	const json_t *fact = period_fact(doc, name);
	assert_non_null(fact);
	if (json_int(fact, "good") != good || json_int(fact, "of") != of)
		fail_msg("%s: %lld of %lld", name, (long long)json_int(fact, "good"),
		         (long long)json_int(fact, "of"));
}

static void facts_are_counted_and_a_lost_drill_counts_against(void **state)
{
	(void)state;
	json_t *doc = make(text);
	expect(doc, "backups", 19, 20);
	expect(doc, "restored", 1, 4);
	expect(doc, "every-store", 1, 2);
	expect(doc, "cadence", 3, 4);
	expect(doc, "rto", 1, 3);        /* one that was not measured did not meet it */
	expect(doc, "rpo", 0, 0);
	expect(doc, "checks", 1, 4);     /* a skipped check is no passed one */
	expect(doc, "offsite", 1, 4);
	expect(doc, "apart", 1, 4);
	expect(doc, "drawn", 1, 4);
	expect(doc, "corrective", 1, 3); /* three went wrong */
	expect(doc, "inventory", 1, 2);
	expect(doc, "approval", 1, 3);
	json_decref(doc);
}

static void a_gap_is_what_lacks_and_what_is_not_there_at_all(void **state)
{
	(void)state;
	json_t *doc = make(text), *empty = make("{\"drills\":[],\"stores\":[],\"days\":[]}");
	assert_true(period_has_gap(period_fact(doc, "restored")));
	assert_true(period_has_evidence(period_fact(doc, "restored")));
	assert_true(period_has_gap(period_fact(doc, "rpo")));
	assert_false(period_has_evidence(period_fact(doc, "rpo")));
	assert_false(period_has_gap(period_fact(doc, "epochs")));
	const json_t *f;
	size_t i;
	json_array_foreach(json_object_get(empty, "facts"), i, f) {
		assert_false(period_has_evidence(f));
		assert_int_equal(period_has_gap(f), strcmp(json_text(f, "fact"), "corrective") != 0);
	}
	json_decref(doc);
	json_decref(empty);
}

static void every_clause_names_facts_that_there_are(void **state)
{
	(void)state;
	json_t *doc = make(text);
	const json_t *c, *name;
	size_t i, k;
	assert_true(json_array_size(json_object_get(doc, "clauses")) >= 10);
	json_array_foreach(json_object_get(doc, "clauses"), i, c) {
		assert_true(json_array_size(json_object_get(c, "facts")) > 0);
		json_array_foreach(json_object_get(c, "facts"), k, name)
			assert_non_null(period_fact(doc, json_string_value(name)));
	}
	json_decref(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_are_counted_and_a_lost_drill_counts_against),
		cmocka_unit_test(a_gap_is_what_lacks_and_what_is_not_there_at_all),
		cmocka_unit_test(every_clause_names_facts_that_there_are),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
