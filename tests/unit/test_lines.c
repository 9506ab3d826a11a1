#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "base/lines.h"

static void lines_end_with_a_line_feed(void **state)
{
	struct line l;
	struct wire w = wire_over("a\n\nbc\nrest", 10);
	(void)state;
	assert_true(lines_next(&w, &l) && line_is(&l, "a"));
	assert_true(lines_next(&w, &l) && line_is(&l, ""));
	assert_true(lines_next(&w, &l) && line_is(&l, "bc"));
	assert_false(lines_next(&w, &l));
	assert_int_equal(wire_left(&w), 4);
}

static void a_prefix_is_cut_off_only_if_it_is_there(void **state)
{
	struct line l = { "prefix rest", 11 };
	(void)state;
	struct line part = { "prefix", 3 };
	assert_false(line_skip(&part, "prefix"));
	assert_false(line_skip(&l, "prefixes"));
	assert_true(line_skip(&l, "prefix ") && line_is(&l, "rest"));
	assert_false(line_skip(&l, "rest and more"));
	assert_false(line_is(&l, "res"));
	assert_true(line_skip(&l, "rest") && l.len == 0 && line_is(&l, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_end_with_a_line_feed),
		cmocka_unit_test(a_prefix_is_cut_off_only_if_it_is_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
