#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/utf8.h"

static void printable_characters_have_their_length(void **state)
{
	(void)state;
	assert_int_equal(utf8_printable("a"), 1);
	assert_int_equal(utf8_printable("~"), 1);
	assert_int_equal(utf8_printable("\xc2\xa0"), 2);
	assert_int_equal(utf8_printable("\xc3\xbc"), 2);
	assert_int_equal(utf8_printable("\xe2\x82\xac"), 3);
	assert_int_equal(utf8_printable("\xf0\x9f\x90\x98"), 4);
	assert_int_equal(utf8_printable("\xf4\x8f\xbf\xbd"), 4);
}

static void everything_else_has_none(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "\n", "\t", "\x1b", "\x7f", "\xc2\x85",              /* controls: C0, DEL, C1 */
		"\x80", "\xff", "\xc3", "\xe2\x82", "\xf0\x9f\x90",      /* alone, cut off */
		"\xc3" "a", "\xe2\x82" "a",                              /* what follows does not belong */
		"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf",          /* overlong */
		"\xed\xa0\x80", "\xed\xbf\xbf",                          /* surrogates */
		"\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80",              /* beyond Unicode */
		"\xe2\x80\xa8", "\xe2\x80\xae", "\xe2\x81\xa6",          /* line separator, reordering */
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (utf8_printable(bad[i]) != 0)
			fail_msg("number %zu is taken", i);
}

static void foreign_text_is_made_printable(void **state)
{
	(void)state;
	char out[40];
	utf8_clean(out, sizeof out, "one\ntwo\tthree \x1b[31m\xff \xe2\x82\xac");
	assert_string_equal(out, "one two three ?[31m? \xe2\x82\xac");
	utf8_clean(out, sizeof out, "");
	assert_string_equal(out, "");
}

static void it_is_cut_between_characters(void **state)
{
	(void)state;
	char out[12];
	for (size_t cap = 5; cap <= sizeof out; cap++) {
		memset(out, 'x', sizeof out);
		utf8_clean(out, cap, "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac");
		size_t len = strlen(out);
		assert_true(len < cap);
		assert_int_equal(len % 3, 0);
		assert_true(len > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(printable_characters_have_their_length),
		cmocka_unit_test(everything_else_has_none),
		cmocka_unit_test(foreign_text_is_made_printable),
		cmocka_unit_test(it_is_cut_between_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
