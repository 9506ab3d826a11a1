#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "crypto/sha256.h"
#include "format/report.h"
#include "holdfast/err.h"
#include "sample_report.h"

struct sample {
	struct report r;
	struct buf *report, *detail;
};

static int set_up(void **state)
{
	struct err err;
	struct sample *s = calloc(1, sizeof *s);
	assert_non_null(s);
	sample_report(&s->r);
	s->report = buf_new(REPORT_MAX, &err);
	s->detail = buf_new(REPORT_MAX, &err);
	assert_int_equal(report_encode(&s->r, s->report, s->detail, &err), 0);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct sample *s = *state;
	report_clear(&s->r);
	buf_free(s->report);
	buf_free(s->detail);
	free(s);
	return 0;
}

static enum err_code decode(const char *text, size_t len)
{
	struct report r;
	struct err err;
	int rc = report_decode(&r, (const uint8_t *)text, len, &err);
	report_clear(&r);
	return (enum err_code)rc;
}

/* The sample's report.json with one piece of text replaced. */
static enum err_code decode_with(struct sample *s, const char *from, const char *to)
{
	struct err err;
	const char *text = buf_text(s->report, &err), *at = strstr(text, from);
	if (!at)
		fail_msg("no '%s' in %s", from, text);
	AUTO(buf) b = buf_new(REPORT_MAX, &err);
	assert_int_equal(buf_printf(b, &err, "%.*s%s%s", (int)(at - text), text, to,
	                            at + strlen(from)), 0);
	return decode((const char *)b->bytes, b->len);
}

/* ---- both ways ---- */

static void a_report_comes_back(void **state)
{
	struct sample *s = *state;
	struct report r;
	struct err err;
	assert_int_equal(report_decode(&r, s->report->bytes, s->report->len, &err), 0);
	assert_int_equal(r.verdict, REPORT_PASSED);
	assert_memory_equal(r.snapshot.head, s->r.snapshot.head, 32);
	assert_int_equal(r.snapshot.seq, 42);
	assert_int_equal(r.snapshot.kind, SNAPSHOT_INCREMENTAL);
	assert_int_equal(r.rto.value_ms, 1120000);
	assert_int_equal(r.selection.population, 31);
	assert_int_equal(r.checks.n, 3);
	const struct report_check *c = r.checks.items;
	assert_string_equal(c[1].kind, "assertion");
	assert_null(c[1].statement);
	assert_true(r.isolation.own_user && !r.isolation.private_network);
	assert_int_equal(report_add_detail(&r, s->detail->bytes, s->detail->len, &err), 0);
	c = r.checks.items;
	assert_string_equal(c[1].expected, ">= 1");
	assert_string_equal(c[1].actual, "3117");
	assert_string_equal(r.store_name, "crm");
	assert_int_equal(r.counts.rows_actual, 8114902);
	const struct report_person *p = r.people.items;
	assert_string_equal(p[0].name, "B. Chen");

	AUTO(buf) report = buf_new(REPORT_MAX, &err);
	AUTO(buf) detail = buf_new(REPORT_MAX, &err);
	assert_int_equal(report_encode(&r, report, detail, &err), 0);
	assert_int_equal(report->len, s->report->len);
	assert_memory_equal(report->bytes, s->report->bytes, report->len);
	assert_memory_equal(detail->bytes, s->detail->bytes, detail->len);
	report_clear(&r);
}

static void nothing_of_people_or_data_stands_in_the_clear(void **state)
{
	struct sample *s = *state;
	static const char *const secrets[] = { "crm", "CRM-01", "Chen", "orders", "3117", "acme", "8114902",
	                                       "212", "OPS-311", "amcheck", "weekly", "0/3A001F8" };
	struct err err;
	const char *text = buf_text(s->report, &err), *sealed = buf_text(s->detail, &err);
	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
		assert_null(strstr(text, secrets[i]));
		assert_non_null(strstr(sealed, secrets[i]));
	}
}

static void sha256sum_of_the_detail_is_in_the_report(void **state)
{
	struct sample *s = *state;
	struct err err;
	uint8_t hash[32];
	char hex[65], member[100];
	sha256(hash, s->detail->bytes, s->detail->len);
	snprintf(member, sizeof member, "\"detail\":\"%s\"", hex_encode(hex, hash, 32));
	assert_non_null(strstr(buf_text(s->report, &err), member));
}

static void equal_details_have_other_digests_with_another_salt(void **state)
{
	struct sample *s = *state;
	struct err err;
	uint8_t before[32];
	memcpy(before, s->r.detail, 32);
	s->r.salt[0] ^= 1;
	AUTO(buf) report = buf_new(REPORT_MAX, &err);
	AUTO(buf) detail = buf_new(REPORT_MAX, &err);
	assert_int_equal(report_encode(&s->r, report, detail, &err), 0);
	assert_memory_not_equal(before, s->r.detail, 32);
	/* so it is not that of the first report, though of the same drill */
	struct report r;
	assert_int_equal(report_decode(&r, s->report->bytes, s->report->len, &err), 0);
	assert_int_equal(report_add_detail(&r, detail->bytes, detail->len, &err), ERR_CORRUPT);
	report_clear(&r);
}

static void a_detail_of_another_report_is_refused(void **state)
{
	struct sample *s = *state;
	struct err err;
	struct report r;
	AUTO(buf) report = buf_new(REPORT_MAX, &err);
	AUTO(buf) detail = buf_new(REPORT_MAX, &err);
	s->r.drill[0] ^= 1;
	assert_int_equal(report_encode(&s->r, report, detail, &err), 0);
	assert_int_equal(report_decode(&r, s->report->bytes, s->report->len, &err), 0);
	assert_int_equal(report_add_detail(&r, detail->bytes, detail->len, &err), ERR_CORRUPT);
	/* nor one that the report does name, but that has other checks or is of another drill */
	sha256(r.detail, detail->bytes, detail->len);
	assert_int_equal(report_add_detail(&r, detail->bytes, detail->len, &err), ERR_CORRUPT);
	report_clear(&r);
	assert_int_equal(report_decode(&r, s->report->bytes, s->report->len, &err), 0);
	free(r.checks.items);
	r.checks = (struct record_list){ NULL, 0 };
	assert_int_equal(report_add_detail(&r, s->detail->bytes, s->detail->len, &err), ERR_CORRUPT);
	report_clear(&r);
}

/* ---- verdicts ---- */

static struct report_check *check(struct sample *s, size_t i)
{
	return (struct report_check *)s->r.checks.items + i;
}

static void a_failed_check_fails_the_drill(void **state)
{
	struct sample *s = *state;
	assert_int_equal(report_judge(&s->r), REPORT_PASSED);
	check(s, 2)->result = RESULT_FAILED;
	assert_int_equal(report_judge(&s->r), REPORT_FAILED);
	/* whatever else was skipped or stopped */
	check(s, 0)->result = RESULT_SKIPPED;
	strcpy(s->r.stopped.phase, "checks");
	assert_int_equal(report_judge(&s->r), REPORT_FAILED);
}

static void a_skipped_check_is_never_green(void **state)
{
	struct sample *s = *state;
	check(s, 0)->result = RESULT_SKIPPED;
	assert_int_equal(report_judge(&s->r), REPORT_UNVERIFIED);
}

static void a_drill_without_checks_is_never_green(void **state)
{
	struct sample *s = *state;
	size_t n = s->r.checks.n;
	s->r.checks.n = 0;
	assert_int_equal(report_judge(&s->r), REPORT_UNVERIFIED);
	s->r.checks.n = n;
}

static void an_incomplete_teardown_fails_the_drill(void **state)
{
	struct sample *s = *state;
	((struct report_step *)s->r.teardown.items)[1].done = false;
	assert_int_equal(report_judge(&s->r), REPORT_FAILED);
	size_t n = s->r.teardown.n;
	s->r.teardown.n = 0;
	assert_int_equal(report_judge(&s->r), REPORT_UNVERIFIED);
	s->r.teardown.n = n;
}

static void a_missed_objective_fails_the_drill(void **state)
{
	struct sample *s = *state;
	s->r.rto.value_ms = s->r.rto.target_ms;
	s->r.rpo.value_s = s->r.rpo.target_s;
	assert_int_equal(report_judge(&s->r), REPORT_PASSED);
	s->r.rto.value_ms++;
	assert_int_equal(report_judge(&s->r), REPORT_FAILED);
	s->r.rto.target_ms = 0;
	assert_int_equal(report_judge(&s->r), REPORT_PASSED);
	s->r.rpo.value_s++;
	assert_int_equal(report_judge(&s->r), REPORT_FAILED);
}

static void an_objective_that_was_not_measured_is_never_green(void **state)
{
	struct sample *s = *state;
	s->r.rpo.measured = false;
	assert_int_equal(report_judge(&s->r), REPORT_UNVERIFIED);
	s->r.rpo.target_s = 0;
	assert_int_equal(report_judge(&s->r), REPORT_PASSED);
	s->r.rto.measured = false;
	assert_int_equal(report_judge(&s->r), REPORT_UNVERIFIED);
}

static void missing_rows_fail_and_uncounted_ones_are_never_green(void **state)
{
	struct sample *s = *state;
	s->r.complete.rows = COMPLETE_NONE;
	assert_int_equal(report_judge(&s->r), REPORT_PASSED);
	s->r.complete.rows = COMPLETE_SKIPPED;
	assert_int_equal(report_judge(&s->r), REPORT_UNVERIFIED);
	s->r.complete.tables = COMPLETE_DIFFERS;
	assert_int_equal(report_judge(&s->r), REPORT_FAILED);
}

static void a_drill_that_was_stopped_is_never_green(void **state)
{
	struct sample *s = *state;
	strcpy(s->r.stopped.phase, "fetch");
	assert_int_equal(report_judge(&s->r), REPORT_UNVERIFIED);
}

static void a_verdict_that_its_facts_do_not_carry_is_refused(void **state)
{
	struct sample *s = *state;
	assert_int_equal(decode_with(s, "\"verdict\":\"passed\"", "\"verdict\":\"failed\""), ERR_CORRUPT);
	assert_int_equal(decode_with(s, "\"done\":true", "\"done\":false"), ERR_CORRUPT);
	assert_int_equal(decode_with(s, "\"result\":\"passed\"", "\"result\":\"skipped\""), ERR_CORRUPT);
	assert_int_equal(decode_with(s, "\"value_ms\":1120000", "\"value_ms\":3600001"), ERR_CORRUPT);
	/* and the encoder sets it, whatever it was */
	struct err err;
	AUTO(buf) report = buf_new(REPORT_MAX, &err);
	AUTO(buf) detail = buf_new(REPORT_MAX, &err);
	check(s, 1)->result = RESULT_FAILED;
	s->r.verdict = REPORT_PASSED;
	assert_int_equal(report_encode(&s->r, report, detail, &err), 0);
	assert_non_null(strstr(buf_text(report, &err), "\"verdict\":\"failed\""));
}

/* ---- what cannot be ---- */

static void what_cannot_be_is_refused(void **state)
{
	struct sample *s = *state;
	struct err err;
	struct report r = s->r;
	AUTO(buf) out = buf_new(REPORT_MAX, &err);
	r.finished_s = r.started_s - 1;
	assert_int_equal(report_encode(&r, out, out, &err), ERR_INVALID);
	r = s->r;
	r.selection.chosen = 31;
	assert_int_equal(report_encode(&r, out, out, &err), ERR_INVALID);
	r = s->r;
	r.selection.chosen = 6;
	assert_int_equal(report_encode(&r, out, out, &err), ERR_INVALID);
	r.selection.rule = RULE_NAMED;
	assert_int_equal(report_encode(&r, out, out, &err), 0);
	r = s->r;
	strcpy(r.scenario, "Restore it!");
	assert_int_equal(report_encode(&r, out, out, &err), ERR_INVALID);
	r = s->r;
	r.rto.measured = false;
	assert_int_equal(report_encode(&r, out, out, &err), ERR_INVALID);
	r = s->r;
	r.rpo.measured = false;
	r.rpo.value_s = 0;
	assert_int_equal(report_encode(&r, out, out, &err), ERR_INVALID);
	assert_int_equal(decode_with(s, "\"chosen\":5", "\"chosen\":6"), ERR_CORRUPT);
	assert_int_equal(decode_with(s, "\"fresh_until\":1772936400", "\"fresh_until\":1"), ERR_CORRUPT);
}

static void a_seed_draws_what_everybody_can_compute(void **state)
{
	uint8_t seed[32] = { 1, 1 };   /* 257 */
	(void)state;
	assert_int_equal(report_draw(seed, 100), 57);
	assert_int_equal(report_draw(seed, 1), 0);
	assert_int_equal(report_draw(seed, 0), 0);
	seed[7] = 0x80;                /* 2^63 + 257 */
	assert_int_equal(report_draw(seed, 1000), 65);
}

static void a_second_spelling_is_refused(void **state)
{
	struct sample *s = *state;
	assert_int_equal(decode_with(s, "{\"approval_needed\":true", "{\"approval_needed\":true,\"bonus\":1"),
	                 ERR_CORRUPT);
	assert_int_equal(decode_with(s, "\"attempt\":1,", "\"attempt\":1, "), ERR_CORRUPT);
	assert_int_equal(decode_with(s, "\"due\":1772330000,", ""), ERR_CORRUPT);
	assert_int_equal(decode_with(s, "\"offsite\":true", "\"offsite\":1"), ERR_CORRUPT);
	assert_int_equal(decode_with(s, "\"kind\":\"s3\"", "\"kind\":\"S3\""), ERR_CORRUPT);
	assert_int_equal(decode_with(s, "\"closed\":1772000000", "\"closed\":0"), ERR_CORRUPT);
	assert_int_equal(decode_with(s, "\"version\":\"0.1.0\"", "\"version\":\"\""), ERR_CORRUPT);
	assert_int_equal(decode_with(s, "\"v\":1,", "\"v\":2,"), ERR_NEWER);
	assert_int_equal(decode_with(s, "\"kind\":\"drill-report\"", "\"kind\":\"drill-detail\""),
	                 ERR_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		T(a_report_comes_back),
		T(nothing_of_people_or_data_stands_in_the_clear),
		T(sha256sum_of_the_detail_is_in_the_report),
		T(equal_details_have_other_digests_with_another_salt),
		T(a_detail_of_another_report_is_refused),
		T(a_failed_check_fails_the_drill),
		T(a_skipped_check_is_never_green),
		T(a_drill_without_checks_is_never_green),
		T(an_incomplete_teardown_fails_the_drill),
		T(a_missed_objective_fails_the_drill),
		T(an_objective_that_was_not_measured_is_never_green),
		T(missing_rows_fail_and_uncounted_ones_are_never_green),
		T(a_drill_that_was_stopped_is_never_green),
		T(a_verdict_that_its_facts_do_not_carry_is_refused),
		T(what_cannot_be_is_refused),
		T(a_seed_draws_what_everybody_can_compute),
		T(a_second_spelling_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
