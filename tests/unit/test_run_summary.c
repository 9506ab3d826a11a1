/* The lines of a run's summary: failures first, fleets folded, nothing that moves a terminal's cursor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cli/run_summary.h"
#include "holdfast/err.h"

static void add(struct run_summary *s, enum run_line_kind kind, const char *object, const char *fact,
                const char *more, const char *group)
{
	struct err err = { 0 };
	assert_int_equal(run_summary_add(s, &(struct run_line){ .kind = kind, .object = object, .fact = fact,
	                                                        .more = more, .next = "", .group = group },
	                                 &err), 0);
}

static void expect(const struct run_summary *s, const char *want)
{
	struct err err = { 0 };
	AUTO(buf) text = buf_new(1 << 20, &err);
	assert_int_equal(run_summary_text(s, text, &err), 0);
	assert_string_equal(buf_text(text, &err), want);
}

static void failures_come_first_and_are_aligned(void **state)
{
	(void)state;
	struct err err = { 0 };
	AUTO(run_summary) s = run_summary_new(&err);
	add(s, RUN_NOTE, "", "second vault: late", "", NULL);
	add(s, RUN_FAILED, "shop", "exited 2", "no snapshot made", NULL);
	add(s, RUN_NOTE, "crm", "slow", "", NULL);
	expect(s, "FAILED  shop   exited 2\n"
	          "               no snapshot made\n"
	          "NOTE    second vault: late\n"
	          "NOTE    crm: slow\n");
	assert_true(run_summary_has(s, "slow"));
	assert_false(run_summary_has(s, "fast"));
}

static void of_a_fleet_three_are_told_and_the_rest_counted(void **state)
{
	(void)state;
	struct err err = { 0 };
	AUTO(run_summary) s = run_summary_new(&err);
	for (int i = 0; i < 2000; i++) {
		char name[32];
		snprintf(name, sizeof name, "t/%04d", i);
		add(s, RUN_FAILED, name, "locked", "", "tenants");
	}
	add(s, RUN_FAILED, "other", "gone", "", NULL);
	expect(s, "FAILED  t/0000   locked\n"
	          "FAILED  t/0001   locked\n"
	          "FAILED  t/0002   locked\n"
	          "        and 1997 more of tenants\n"
	          "FAILED  other   gone\n");
}

static void three_of_a_fleet_are_told_whole(void **state)
{
	(void)state;
	struct err err = { 0 };
	AUTO(run_summary) s = run_summary_new(&err);
	for (int i = 0; i < 3; i++)
		add(s, RUN_FAILED, "t", "locked", "", "tenants");
	expect(s, "FAILED  t   locked\nFAILED  t   locked\nFAILED  t   locked\n");
}

static void foreign_text_stays_on_its_line(void **state)
{
	(void)state;
	struct err err = { 0 };
	AUTO(run_summary) s = run_summary_new(&err);
	add(s, RUN_FAILED, "a\033[2J", "x\nFAILED  y", "", NULL);
	expect(s, "FAILED  a\\x1b[2J   x\\nFAILED  y\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failures_come_first_and_are_aligned),
		cmocka_unit_test(of_a_fleet_three_are_told_and_the_rest_counted),
		cmocka_unit_test(three_of_a_fleet_are_told_whole),
		cmocka_unit_test(foreign_text_stays_on_its_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
