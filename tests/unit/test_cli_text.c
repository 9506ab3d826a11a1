/* Durations, moments, sizes and foreign names, as people write and read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/nearest.h"
#include "cli/text.h"
#include "cli/when.h"

static void expect_duration(const char *text, uint64_t want)
{
	uint64_t got = 1;
	assert_true(when_duration(text, &got));
	assert_int_equal(got, want);
}

static void durations_add_up(void **state)
{
	(void)state;
	expect_duration("90d", 90 * 86400);
	expect_duration("12h 30m", 12 * 3600 + 30 * 60);
	expect_duration("1w2d", 9 * 86400);
	expect_duration(" 45s ", 45);
	expect_duration("never", 0);
	expect_duration("0", 0);
	expect_duration("0d", 0);
}

static void what_is_no_duration_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "90", "d", "1y", "-1d", "1.5h", "1d x", "90 d",
		                           "99999999999999999999s", "36601d", "36600d 1w" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		uint64_t kept = 7;
		assert_false(when_duration(bad[i], &kept));
		assert_int_equal(kept, 7);
	}
}

enum { NOW = 1763905500 };   /* 2025-11-23 13:45 UTC, 21:45 in Shanghai */

static void expect_since(const char *text, int64_t want)
{
	int64_t got = 0;
	assert_true(when_since(text, NOW, &got));
	assert_int_equal(got, want);
}

static void moments_are_local_unless_they_say_otherwise(void **state)
{
	(void)state;
	setenv("TZ", "Asia/Shanghai", 1);
	tzset();
	expect_since("today", 1763827200);
	expect_since("yesterday", 1763827200 - 86400);
	expect_since("2h", NOW - 7200);
	expect_since("2025-11-22", 1763740800);
	expect_since("2025-11-22T02:15", 1763740800 + 8100);
	expect_since("2025-11-22 02:15:07", 1763740800 + 8107);
	expect_since("2025-11-22T02:15Z", 1763740800 + 8100 + 8 * 3600);
	expect_since("2025-11-22T02:15-01:30", 1763740800 + 8100 + 8 * 3600 + 5400);
}

static void what_is_no_moment_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "tomorrow", "2025-13-01", "2025-11-22T25:00",
		                           "2025-11-22T02:15+8", "2025-11-22T02:15+99:00", "22.11.2025" };
	int64_t out;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(when_since(bad[i], NOW, &out));
}

static void sizes_and_times_are_short(void **state)
{
	(void)state;
	char out[TEXT_MAX];
	assert_string_equal(text_size(out, 0), "0 B");
	assert_string_equal(text_size(out, 1023), "1023 B");
	assert_string_equal(text_size(out, 1024), "1.0 KiB");
	assert_string_equal(text_size(out, 10066330), "9.6 MiB");
	assert_string_equal(text_size(out, (1 << 20) - 1), "1.0 MiB");
	assert_string_equal(text_size(out, UINT64_MAX), "16.0 EiB");
	assert_string_equal(text_took(out, 412), "0.4 s");
	assert_string_equal(text_took(out, 727000), "12:07 min");
	assert_string_equal(text_took(out, 7384000), "2:03:04 h");
	assert_string_equal(text_age(out, 3600 * 9), "9 h");
	assert_string_equal(text_age(out, 86400 * 3), "3 d");
	assert_string_equal(text_percent(out, 0, 0), "0.0 %");
	assert_string_equal(text_percent(out, 61, 1000), "6.1 %");
}

static void days_are_named_as_people_do(void **state)
{
	(void)state;
	char out[TEXT_MAX];
	setenv("TZ", "Asia/Shanghai", 1);
	tzset();
	assert_string_equal(text_day(out, NOW - 3600, NOW), "today 20:45");
	/* another day there, though the same one in UTC */
	assert_string_equal(text_day(out, NOW - 22 * 3600, NOW), "Sat 22 Nov 23:45");
	assert_string_equal(text_day(out, NOW + 3 * 3600, NOW), "Mon 24 Nov 00:45");
	assert_string_equal(text_day(out, NOW - (int64_t)365 * 86400, NOW), "23 Nov 2024 21:45");
}

static void names_cannot_write_to_the_terminal(void **state)
{
	(void)state;
	char out[64], small[6];
	assert_string_equal(text_escape(out, sizeof out, "a\nb\t\033[2J"), "a\\nb\\t\\x1b[2J");
	assert_string_equal(text_escape(out, sizeof out, "客户.db"), "客户.db");
	assert_string_equal(text_escape(out, sizeof out, "x\xff"), "x\\xff");
	assert_string_equal(text_escape(out, sizeof out, "a\xe2\x80\xae""b"), "a\\xe2\\x80\\xaeb");
	assert_string_equal(text_escape(small, sizeof small, "ab\n\n"), "ab\\n");
	assert_string_equal(text_escape(small, sizeof small, "客户"), "客");
}

static void columns_are_those_of_a_terminal(void **state)
{
	(void)state;
	assert_int_equal(text_columns("crm"), 3);
	assert_int_equal(text_columns("客户"), 4);
	assert_int_equal(text_columns("é"), 1);
}

static void the_nearest_word_is_near(void **state)
{
	(void)state;
	static const char *const words[] = { "keep-daily", "keep-weekly", "rotate", "url", NULL };
	assert_string_equal(nearest_of("keep-dayly", words), "keep-daily");
	assert_string_equal(nearest_of("rotat", words), "rotate");
	assert_string_equal(nearest_of("ur", words), "url");
	assert_null(nearest_of("compression", words));
	assert_null(nearest_of("", words));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_add_up),
		cmocka_unit_test(what_is_no_duration_is_refused),
		cmocka_unit_test(moments_are_local_unless_they_say_otherwise),
		cmocka_unit_test(what_is_no_moment_is_refused),
		cmocka_unit_test(sizes_and_times_are_short),
		cmocka_unit_test(days_are_named_as_people_do),
		cmocka_unit_test(names_cannot_write_to_the_terminal),
		cmocka_unit_test(columns_are_those_of_a_terminal),
		cmocka_unit_test(the_nearest_word_is_near),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
