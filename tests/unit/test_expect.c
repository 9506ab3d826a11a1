#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/expect.h"
#include "holdfast/err.h"

static bool met(const char *expectation, const char *value)
{
	struct expect e;
	struct err err;
	if (expect_parse(&e, expectation, &err) != 0)
		fail_msg("%s: %s", expectation, err.msg);
	return expect_met(&e, value);
}

static void numbers_are_compared_as_numbers(void **state)
{
	(void)state;
	assert_true(met(">= 1", "1"));
	assert_true(met(">=1", "10"));
	assert_true(met("> 9", "10"));
	assert_false(met("> 10", "9"));
	assert_false(met("> 10", "10"));
	assert_true(met("<= 10", "10"));
	assert_true(met("< 0", "-3"));
	assert_false(met("< 0", "0"));
	assert_true(met("= 1", "1.0"));
	assert_true(met("== 1e3", "1000"));
	assert_true(met("42", "42"));
	assert_true(met("!= 1", "2"));
	assert_false(met("<> 1", "1.00"));
	assert_true(met("= 9007199254740993", "9007199254740993"));
	assert_false(met("= 9007199254740993", "9007199254740992"));
}

static void texts_are_equal_or_not(void **state)
{
	(void)state;
	assert_true(met("= paid", "paid"));
	assert_false(met("= paid", "Paid"));
	assert_true(met("paid", "paid"));
	assert_true(met("!= paid", "open"));
	assert_true(met("= 'two words'", "two words"));
	assert_true(met("= \"it's\"", "it's"));
	assert_false(met("= '1'", "1.0"));
	assert_true(met("= ''", ""));
}

static void null_is_only_null(void **state)
{
	(void)state;
	assert_true(met("= null", NULL));
	assert_true(met("NULL", NULL));
	assert_false(met("!= null", NULL));
	assert_true(met("!= null", "0"));
	assert_false(met("= null", "null"));
	assert_true(met("= 'null'", "null"));
	assert_false(met(">= 0", NULL));
	assert_false(met("!= 5", NULL));
	assert_false(met("= ''", NULL));
}

static void a_value_that_is_no_number_meets_no_comparison(void **state)
{
	(void)state;
	assert_false(met(">= 0", "many"));
	assert_false(met(">= 0", "0x10"));
	assert_false(met("<= 5", "nan"));
	assert_false(met(">= 0", "inf"));
	assert_false(met("= 1", "1 2"));
	assert_false(met(">= 0", ""));
}

static void what_makes_no_sense_is_refused(void **state)
{
	static const char *const bad[] = { "", " ", ">=", ">= many", "< 'x'", "> null" };
	struct expect e;
	struct err err;
	char endless[600];
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(expect_parse(&e, bad[i], &err), ERR_INVALID);
	memset(endless, 'x', sizeof endless);
	endless[sizeof endless - 1] = '\0';
	assert_int_equal(expect_parse(&e, endless, &err), ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_compared_as_numbers),
		cmocka_unit_test(texts_are_equal_or_not),
		cmocka_unit_test(null_is_only_null),
		cmocka_unit_test(a_value_that_is_no_number_meets_no_comparison),
		cmocka_unit_test(what_makes_no_sense_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
