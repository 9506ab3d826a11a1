#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/hex.h"

static void every_byte_comes_back(void **state)
{
	(void)state;
	uint8_t all[256], out[256];
	char text[513];
	for (size_t i = 0; i < sizeof all; i++)
		all[i] = (uint8_t)i;
	assert_ptr_equal(hex_encode(text, all, sizeof all), text);
	assert_int_equal(strlen(text), 512);
	assert_memory_equal(text, "000102030405060708090a0b0c0d0e0f10", 34);
	assert_memory_equal(text + 506, "fdfeff", 6);
	assert_true(hex_decode(out, sizeof out, text));
	assert_memory_equal(out, all, sizeof out);
}

static void nothing_is_the_empty_text(void **state)
{
	(void)state;
	char text[1] = { 'x' };
	assert_string_equal(hex_encode(text, NULL, 0), "");
	assert_true(hex_decode(text, 0, ""));
}

static void anything_but_the_one_spelling_is_refused_and_writes_nothing(void **state)
{
	(void)state;
	static const char *const bad[] = { "",     "0",     "00",   "000",    "00000", "000000",
		                           "00 0", "00g0",  "00A0", "0x00",   "00/0",  "00:0",
		                           "00`0", "00\n0", "-100", "00\2630" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		uint8_t out[2] = { 0x5a, 0x5a };
		assert_false(hex_decode(out, sizeof out, bad[i]));
		assert_int_equal(out[0], 0x5a);
		assert_int_equal(out[1], 0x5a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_comes_back),
		cmocka_unit_test(nothing_is_the_empty_text),
		cmocka_unit_test(anything_but_the_one_spelling_is_refused_and_writes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
