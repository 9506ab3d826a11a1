/* When something is due: slots of the local clock, through summer time, downtime and set clocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/due.h"

enum { DAY = 86400, HOUR = 3600 };

static void zone(const char *name)
{
	setenv("TZ", name, 1);
	tzset();
}

static int utc(void **state)
{
	(void)state;
	zone("UTC");
	return 0;
}

/* "2026-11-23 02:15" of the zone as an offset from UTC says: no part of the module is trusted here */
static int64_t at(const char *text, int offset_h)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%d %H:%M:%S", &tm);
	assert_non_null(rest);
	assert_int_equal(*rest, '\0');
	return (int64_t)timegm(&tm) - offset_h * HOUR;
}

static struct due due_of(const char *text, uint64_t every_s)
{
	struct due d = { .every_s = every_s };
	assert_true(due_parse_at(text, &d.at));
	return d;
}

static void times_are_read_with_days(void **state)
{
	(void)state;
	struct due_at a;
	assert_true(due_parse_at("02:15", &a));
	assert_int_equal(a.minute, 135);
	assert_int_equal(a.days, DUE_DAYS_ALL);
	assert_true(due_parse_at("sun 03:00", &a));
	assert_int_equal(a.days, 1);
	assert_true(due_parse_at("Mon-Fri,sun 23:59", &a));
	assert_int_equal(a.days, 0x3f);
	assert_true(due_parse_at("fri-mon 00:00", &a));
	assert_int_equal(a.days, 0x63);
	assert_int_equal(a.minute, 0);
}

static void what_is_no_time_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "2:15", "24:00", "02:60", "02:15 ", "0215", "0a:15", "mon",
		                           "mon02:15", "mon- 02:15", "xyz 02:15", "mon, 02:15",
		                           "mon 02:15 tue", "-1:15", "monday 02:15", ",02:15", ":::::" };
	struct due_at a = { 7, 7 };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_false(due_parse_at(bad[i], &a));
		assert_int_equal(a.minute, 7);
	}
}

static void a_turn_is_whole_minutes_or_whole_days(void **state)
{
	(void)state;
	assert_true(due_every_ok(60));
	assert_true(due_every_ok(6 * HOUR));
	assert_true(due_every_ok(DAY));
	assert_true(due_every_ok(7 * DAY));
	assert_false(due_every_ok(0));
	assert_false(due_every_ok(30));
	assert_false(due_every_ok(90));
	assert_false(due_every_ok(36 * HOUR));
}

static void what_was_never_done_is_due_at_once(void **state)
{
	(void)state;
	assert_true(due_now(&DUE_DEFAULT, 0, at("2026-11-23 14:00:00", 0)));
	assert_int_equal(due_next(&DUE_DEFAULT, 0, 1000000), 1000000);
}

static void each_night_is_due_once(void **state)
{
	(void)state;
	int64_t last = at("2026-11-22 02:15:07", 0);
	assert_false(due_now(&DUE_DEFAULT, last, at("2026-11-22 12:00:00", 0)));
	assert_false(due_now(&DUE_DEFAULT, last, at("2026-11-23 02:14:59", 0)));
	/* a little earlier in the minute than the day before */
	assert_true(due_now(&DUE_DEFAULT, last, at("2026-11-23 02:15:00", 0)));
	assert_false(due_now(&DUE_DEFAULT, at("2026-11-23 02:15:00", 0), at("2026-11-23 02:15:01", 0)));
}

static void what_was_done_by_hand_puts_nothing_off(void **state)
{
	(void)state;
	int64_t last = at("2026-11-22 20:00:00", 0);
	assert_false(due_now(&DUE_DEFAULT, last, at("2026-11-22 23:00:00", 0)));
	assert_true(due_now(&DUE_DEFAULT, last, at("2026-11-23 02:15:00", 0)));
}

static void a_cron_job_at_any_hour_finds_one_turn_a_day(void **state)
{
	(void)state;
	for (int hour = 0; hour < 24; hour++) {
		int64_t first = at("2026-11-22 00:00:00", 0) + hour * HOUR;
		for (int day = 1; day < 4; day++)
			assert_true(due_now(&DUE_DEFAULT, first + (day - 1) * DAY, first + day * DAY));
	}
}

static void days_of_downtime_are_caught_up_once(void **state)
{
	(void)state;
	int64_t last = at("2026-11-18 02:15:00", 0), now = at("2026-11-22 09:30:00", 0);
	assert_true(due_now(&DUE_DEFAULT, last, now));
	assert_false(due_now(&DUE_DEFAULT, now, now + 60));
	assert_int_equal(due_next(&DUE_DEFAULT, now, now + 60), at("2026-11-23 02:15:00", 0));
}

static void slots_follow_within_the_day(void **state)
{
	(void)state;
	struct due d = due_of("02:15", 6 * HOUR);
	assert_int_equal(due_slot(&d, at("2026-11-22 02:14:59", 0)), at("2026-11-21 20:15:00", 0));
	assert_int_equal(due_slot(&d, at("2026-11-22 08:15:00", 0)), at("2026-11-22 08:15:00", 0));
	assert_int_equal(due_slot(&d, at("2026-11-22 20:14:00", 0)), at("2026-11-22 14:15:00", 0));
	assert_int_equal(due_next(&d, at("2026-11-22 20:15:00", 0), at("2026-11-22 20:16:00", 0)),
	                 at("2026-11-23 02:15:00", 0));
	/* what does not divide the day begins anew with it */
	d.every_s = 7 * HOUR;
	assert_int_equal(due_slot(&d, at("2026-11-23 02:00:00", 0)), at("2026-11-22 23:15:00", 0));
	assert_int_equal(due_slot(&d, at("2026-11-23 05:00:00", 0)), at("2026-11-23 02:15:00", 0));
	assert_int_equal(due_next(&d, at("2026-11-22 23:16:00", 0), at("2026-11-22 23:17:00", 0)),
	                 at("2026-11-23 02:15:00", 0));
}

static void days_of_the_week_are_kept(void **state)
{
	(void)state;
	struct due d = due_of("mon-fri 22:30", DAY);   /* the 20th is a Friday */
	int64_t friday = at("2026-11-20 22:30:01", 0);
	assert_false(due_now(&d, friday, at("2026-11-22 23:00:00", 0)));
	assert_int_equal(due_next(&d, friday, at("2026-11-21 08:00:00", 0)), at("2026-11-23 22:30:00", 0));
	assert_true(due_now(&d, friday, at("2026-11-23 22:30:00", 0)));
	struct due sunday = due_of("sun 03:00", DAY);
	assert_int_equal(due_slot(&sunday, at("2026-11-21 23:59:59", 0)), at("2026-11-15 03:00:00", 0));
	assert_int_equal(due_slot(&sunday, at("2026-11-22 02:59:59", 0)), at("2026-11-15 03:00:00", 0));
	assert_int_equal(due_slot(&sunday, at("2026-11-22 03:00:00", 0)), at("2026-11-22 03:00:00", 0));
}

static void several_days_are_counted_by_dates(void **state)
{
	(void)state;
	struct due d = due_of("03:00", 7 * DAY);
	int64_t last = at("2026-11-15 03:00:12", 0);
	assert_false(due_now(&d, last, at("2026-11-21 23:00:00", 0)));
	assert_false(due_now(&d, last, at("2026-11-22 02:59:00", 0)));
	assert_true(due_now(&d, last, at("2026-11-22 03:00:00", 0)));
	assert_int_equal(due_next(&d, last, at("2026-11-16 00:00:00", 0)), at("2026-11-22 03:00:00", 0));
}

static void a_moment_that_summer_time_skips_is_not_lost(void **state)
{
	(void)state;
	zone("Europe/Berlin");   /* 29 March 2026: 02:00 +01:00 is 03:00 +02:00 */
	int64_t slot = at("2026-03-29 03:00:00", 2), last = at("2026-03-28 02:15:05", 1);
	assert_false(due_now(&DUE_DEFAULT, last, slot - 1));
	assert_true(due_now(&DUE_DEFAULT, last, slot));
	assert_false(due_now(&DUE_DEFAULT, slot, slot + HOUR));
	assert_int_equal(due_next(&DUE_DEFAULT, slot, slot + 1), at("2026-03-30 02:15:00", 2));
	assert_int_equal(due_next(&DUE_DEFAULT, last, last + 1), slot);
}

static void a_moment_that_comes_twice_counts_once(void **state)
{
	(void)state;
	zone("Europe/Berlin");   /* 25 October 2026: 03:00 +02:00 is 02:00 +01:00 */
	int64_t first = at("2026-10-25 02:15:00", 2), second = at("2026-10-25 02:15:00", 1);
	assert_int_equal(second - first, HOUR);
	assert_true(due_now(&DUE_DEFAULT, at("2026-10-24 02:15:00", 2), first));
	assert_false(due_now(&DUE_DEFAULT, first, second));
	assert_false(due_now(&DUE_DEFAULT, first, second + HOUR));
	assert_int_equal(due_slot(&DUE_DEFAULT, second), first);
	assert_true(due_now(&DUE_DEFAULT, first, at("2026-10-26 02:15:00", 1)));
}

static void a_zone_without_summer_time_has_every_slot(void **state)
{
	(void)state;
	zone("Asia/Shanghai");
	for (int day = 0; day < 366; day++) {
		int64_t slot = at("2026-01-01 02:15:00", 8) + (int64_t)day * DAY;
		assert_int_equal(due_slot(&DUE_DEFAULT, slot), slot);
		assert_int_equal(due_slot(&DUE_DEFAULT, slot + DAY - 1), slot);
	}
}

/* Midnight, where southern zones change, and whole days that islands skipped. */
static void slots_never_stand_still_nor_go_back(void **state)
{
	(void)state;
	static const char *const zones[] = { "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe",
		                             "Pacific/Apia", "Africa/Casablanca", "America/St_Johns" };
	static const char *const times[] = { "00:00", "02:15", "23:59" };
	for (size_t z = 0; z < sizeof zones / sizeof *zones; z++)
		for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
			zone(zones[z]);
			struct due d = due_of(times[i], DAY);
			int64_t t = at("2011-01-01 12:00:00", 0), end = at("2019-01-01 00:00:00", 0);
			int64_t last = due_slot(&d, t);
			for (; t < end; t += 7 * HOUR) {
				int64_t slot = due_slot(&d, t);
				assert_true(slot >= last && slot <= t);
				assert_true(t - slot <= 2 * DAY + HOUR);
				last = slot;
			}
		}
}

static void a_clock_that_was_set_back_stops_nothing(void **state)
{
	(void)state;
	int64_t last = at("2031-01-01 02:15:00", 0), now = at("2026-11-23 10:00:00", 0);
	assert_true(due_now(&DUE_DEFAULT, last, now));
	/* some seconds are no reason */
	assert_false(due_now(&DUE_DEFAULT, now + 5, now));
}

static void late_is_what_missed_a_whole_turn(void **state)
{
	(void)state;
	int64_t last = at("2026-11-22 02:15:05", 0);
	assert_false(due_is_late(&DUE_DEFAULT, last, at("2026-11-23 02:14:00", 0)));
	assert_false(due_is_late(&DUE_DEFAULT, last, at("2026-11-23 12:00:00", 0)));
	assert_true(due_is_late(&DUE_DEFAULT, last, at("2026-11-24 02:15:00", 0)));
	assert_true(due_is_late(&DUE_DEFAULT, 0, 1000000));
	struct due week = due_of("mon-fri 02:15", DAY);   /* Friday's is not late on Monday */
	assert_false(due_is_late(&week, at("2026-11-20 02:15:05", 0), at("2026-11-23 12:00:00", 0)));
	struct due days = due_of("02:15", 7 * DAY);
	assert_false(due_is_late(&days, at("2026-11-01 02:15:05", 0), at("2026-11-14 12:00:00", 0)));
	assert_true(due_is_late(&days, at("2026-11-01 02:15:05", 0), at("2026-11-16 12:00:00", 0)));
}

static void a_schedule_is_told_in_a_few_words(void **state)
{
	(void)state;
	char out[DUE_TEXT_MAX];
	assert_string_equal(due_text(&DUE_DEFAULT, out), "02:15");
	struct due d = due_of("mon-wed,fri,sun 22:30", DAY);
	assert_string_equal(due_text(&d, out), "mon-wed,fri,sun 22:30");
	d = due_of("02:15", 6 * HOUR);
	assert_string_equal(due_text(&d, out), "02:15 every 6 h");
	d.every_s = 1800;
	assert_string_equal(due_text(&d, out), "02:15 every 30 min");
	d.every_s = 7 * DAY;
	assert_string_equal(due_text(&d, out), "02:15 every 7 d");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(times_are_read_with_days, utc),
		cmocka_unit_test_setup(what_is_no_time_is_refused, utc),
		cmocka_unit_test_setup(a_turn_is_whole_minutes_or_whole_days, utc),
		cmocka_unit_test_setup(what_was_never_done_is_due_at_once, utc),
		cmocka_unit_test_setup(each_night_is_due_once, utc),
		cmocka_unit_test_setup(what_was_done_by_hand_puts_nothing_off, utc),
		cmocka_unit_test_setup(a_cron_job_at_any_hour_finds_one_turn_a_day, utc),
		cmocka_unit_test_setup(days_of_downtime_are_caught_up_once, utc),
		cmocka_unit_test_setup(slots_follow_within_the_day, utc),
		cmocka_unit_test_setup(days_of_the_week_are_kept, utc),
		cmocka_unit_test_setup(several_days_are_counted_by_dates, utc),
		cmocka_unit_test_setup(a_moment_that_summer_time_skips_is_not_lost, utc),
		cmocka_unit_test_setup(a_moment_that_comes_twice_counts_once, utc),
		cmocka_unit_test_setup(a_zone_without_summer_time_has_every_slot, utc),
		cmocka_unit_test_setup(slots_never_stand_still_nor_go_back, utc),
		cmocka_unit_test_setup(a_clock_that_was_set_back_stops_nothing, utc),
		cmocka_unit_test_setup(late_is_what_missed_a_whole_turn, utc),
		cmocka_unit_test_setup(a_schedule_is_told_in_a_few_words, utc),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
