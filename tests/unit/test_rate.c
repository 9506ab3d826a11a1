#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/rate.h"
#include "holdfast/err.h"

#define NS INT64_C(1000000000)

static void no_text_is_no_limit(void **state)
{
	(void)state;
	struct rate r;
	struct err err;
	assert_int_equal(rate_parse(&r, NULL, &err), 0);
	assert_int_equal(rate_at(&r, 0), 0);
	rate_refill(&r, NS);
	rate_take(&r, 1 << 30);
	assert_int_equal(rate_wait_ns(&r), 0);
	assert_int_equal(rate_allows(&r, 1 << 30), 1 << 30);
	assert_int_equal(rate_parse(&r, "", &err), 0);
}

static void limits_are_read_with_their_units_and_hours(void **state)
{
	(void)state;
	struct rate r;
	struct err err;
	assert_int_equal(rate_parse(&r, "20M", &err), 0);
	assert_int_equal(rate_at(&r, 3 * 60), 20 << 20);
	assert_int_equal(rate_parse(&r, " 1.5k 08:00-18:00, 2G 18:00-08:00 ", &err), 0);
	assert_int_equal(rate_at(&r, 8 * 60), 1536);
	assert_int_equal(rate_at(&r, 18 * 60 - 1), 1536);
	assert_int_equal(rate_at(&r, 18 * 60), UINT64_C(2) << 30);
	assert_int_equal(rate_at(&r, 0), UINT64_C(2) << 30);
	assert_int_equal(rate_parse(&r, "4096 22:30-06:15", &err), 0);
	assert_int_equal(rate_at(&r, 22 * 60 + 30), 4096);
	assert_int_equal(rate_at(&r, 6 * 60 + 15), 0);
	assert_int_equal(rate_at(&r, 12 * 60), 0);
}

static void what_is_no_limit_is_refused_with_an_example(void **state)
{
	(void)state;
	static const char *const bad[] = { "fast", "20X", "-1M", "0", "20M 8-18", "20M 08:00-25:00",
		                           "20M 08:60-09:00", "20M,", ",20M", "20M 08:00-18:00 x",
		                           "1", "1e99M", "20M 20M",
		                           "1M,1M,1M,1M,1M,1M,1M,1M,1M" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct rate r;
		struct err err;
		if (rate_parse(&r, bad[i], &err) != ERR_INVALID)
			fail_msg("'%s' was taken", bad[i]);
		assert_non_null(strstr(err.hint, "20M 08:00-18:00"));
	}
}

/* However it is asked, no more passes in ten seconds than ten seconds' worth and one burst. */
static void the_bucket_keeps_to_its_limit(void **state)
{
	(void)state;
	struct rate r;
	struct err err;
	uint64_t passed = 0;
	assert_int_equal(rate_parse(&r, "1M", &err), 0);
	r.filled_ns = NS;
	for (int64_t now = NS; now < 11 * NS; now += NS / 1000) {
		rate_refill(&r, now);
		while (rate_wait_ns(&r) == 0) {
			size_t n = rate_allows(&r, 300000);
			rate_take(&r, n);
			passed += n;
		}
	}
	assert_in_range(passed, (10 << 20) - (1 << 18), (10 << 20) + (1 << 18));
}

static void a_debt_is_waited_off(void **state)
{
	(void)state;
	struct rate r;
	struct err err;
	assert_int_equal(rate_parse(&r, "1M", &err), 0);
	r.filled_ns = NS;
	rate_refill(&r, NS);
	rate_take(&r, 1 << 20);
	assert_in_range(rate_wait_ns(&r), NS, NS + NS / 32);
}

static void a_long_rest_saves_up_no_more_than_a_burst(void **state)
{
	(void)state;
	struct rate r;
	struct err err;
	assert_int_equal(rate_parse(&r, "1M", &err), 0);
	r.filled_ns = NS;
	rate_refill(&r, 100 * NS);
	assert_in_range(rate_allows(&r, 10 << 20), 1 << 17, (1 << 18) + 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_text_is_no_limit),
		cmocka_unit_test(limits_are_read_with_their_units_and_hours),
		cmocka_unit_test(what_is_no_limit_is_refused_with_an_example),
		cmocka_unit_test(the_bucket_keeps_to_its_limit),
		cmocka_unit_test(a_debt_is_waited_off),
		cmocka_unit_test(a_long_rest_saves_up_no_more_than_a_burst),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
