/* Dates move by days of the calendar, and nothing else is taken for a date. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "source/mask_date.h"

static void moves(const char *from, int days, const char *to)
{
	char text[64];
	snprintf(text, sizeof text, "%s", from);
	assert_true(mask_date_move(text, strlen(text), days));
	assert_string_equal(text, to);
}

static void stays(const char *from, int days)
{
	char text[64];
	snprintf(text, sizeof text, "%s", from);
	assert_false(mask_date_move(text, strlen(text), days));
	assert_string_equal(text, from);
}

static void days_are_those_of_the_calendar(void **state)
{
	(void)state;
	moves("2024-02-28", 1, "2024-02-29");
	moves("2024-02-29", 1, "2024-03-01");
	moves("2023-02-28", 1, "2023-03-01");
	moves("1900-02-28", 1, "1900-03-01");
	moves("2000-03-01", -1, "2000-02-29");
	moves("2025-12-31", 1, "2026-01-01");
	moves("2026-01-01", -366, "2024-12-31");
	moves("1970-01-01", 20783, "2026-11-26");
}

static void there_and_back_is_where_it_began(void **state)
{
	(void)state;
	char text[] = "1899-12-30";
	for (int days = 1; days < 40000; days += 7) {
		assert_true(mask_date_move(text, 10, days));
		assert_true(mask_date_move(text, 10, -days));
		assert_string_equal(text, "1899-12-30");
	}
}

static void the_time_stays(void **state)
{
	(void)state;
	moves("2024-12-31 23:59:59.123", 1, "2025-01-01 23:59:59.123");
	moves("2024-12-31T23:59:59+02:00", 1, "2025-01-01T23:59:59+02:00");
	moves("2024-12-31T23:59:59Z", -1, "2024-12-30T23:59:59Z");
}

static void what_is_no_date_stays(void **state)
{
	(void)state;
	stays("2023-02-29", 1);
	stays("1900-02-29", 1);
	stays("2024-13-01", 1);
	stays("2024-00-01", 1);
	stays("2024-01-00", 1);
	stays("2024-1-1", 1);
	stays("24-01-01", 1);
	stays("2024-01-01 Anna", 1);
	stays("2024-01-01x", 1);
	stays("", 1);
	stays("9999-12-31", 1);
	stays("0001-01-01", -1);
	stays("0000-01-01", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(days_are_those_of_the_calendar),
		cmocka_unit_test(there_and_back_is_where_it_began),
		cmocka_unit_test(the_time_stays),
		cmocka_unit_test(what_is_no_date_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
