#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "crypto/hash.h"
#include "crypto/words.h"

static bool normalise(char out[WORDS_CODE_MAX], const char *text)
{
	return words_normalise(out, text, strlen(text));
}

static void a_random_code_is_canonical_and_new_each_time(void **state)
{
	(void)state;
	char last[WORDS_CODE_MAX] = "", code[WORDS_CODE_MAX], again[WORDS_CODE_MAX];
	for (int i = 0; i < 2000; i++) {
		words_random_code(code);
		assert_true(normalise(again, code));
		assert_string_equal(again, code);
		assert_string_not_equal(code, last);
		memcpy(last, code, sizeof last);
	}
}

static void spelling_does_not_matter(void **state)
{
	(void)state;
	static const char *const same[] = {
		"abacus-zoom-acid-able-wolf-unit",
		"abacus zoom acid able wolf unit",
		"  ABACUS  Zoom\tacid\r\nable - wolf--unit\n",
		"-abacus-zoom-acid-able-wolf-unit-",
	};
	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
		char out[WORDS_CODE_MAX];
		assert_true(normalise(out, same[i]));
		assert_string_equal(out, same[0]);
	}
}

static void words_with_a_dash_are_one_word(void **state)
{
	(void)state;
	char out[WORDS_CODE_MAX];
	assert_true(normalise(out, "T-Shirt yo yo drop-down shirt down felt tip"));
	assert_string_equal(out, "t-shirt-yo-yo-drop-down-shirt-down-felt-tip");
	assert_true(normalise(out, "t-shirt-yo-yo-drop-down-shirt-down-felt-tip"));
	assert_string_equal(out, "t-shirt-yo-yo-drop-down-shirt-down-felt-tip");
}

static void anything_else_is_somebodys_own_passphrase(void **state)
{
	(void)state;
	static const char *const own[] = {
		"",
		" ",
		"-",
		"abacus",
		"abacus zoom acid able wolf",
		"abacus zoom acid able wolf t",
		"abacus zoom acid able wolf unit unit",
		"abacus zoom acid able wolf unitt",
		"abacus zoom acid able wolf unit!",
		"abacus,zoom,acid,able,wolf,unit",
		"abacus zoom acid able wolf unit 7",
		"abacuszoom acid able wolf unit unit",
		"abacus zoom acid able wolf extraordinarily",
		"abacus zoom acid able wolf \xc3\xbcnit",
		"drop drop drop drop drop drop",
		"extraordinarily-extraordinarily",
	};
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
		char out[WORDS_CODE_MAX] = "untouched";
		assert_false(normalise(out, own[i]));
		assert_string_equal(out, "untouched");
	}
}

static void text_is_bounded_by_its_length_and_holds_no_nul(void **state)
{
	(void)state;
	char out[WORDS_CODE_MAX];
	assert_true(words_normalise(out, "abacus zoom acid able wolf unit!", 31));
	assert_false(words_normalise(out, "abacus zoom acid able wolf unit", 30));
	assert_false(words_normalise(out, "abacus zoom acid able wolf unit\0", 32));
	assert_false(words_normalise(out, NULL, 0));
}

static void a_mistyped_word_finds_its_neighbour(void **state)
{
	(void)state;
	static const char *const typos[][2] = {
		{ "abacus", "abacus" },    { "ABACUS", "abacus" }, { "abacsu", "abacus" },
		{ "abbacus", "abacus" },   { "abcus", "abacus" },  { "zookeper", "zookeeper" },
		{ "felttip", "felt-tip" }, { "yoyo", "yoyo" },     { "dropdown", "drop-down" },
	};
	for (size_t i = 0; i < sizeof typos / sizeof typos[0]; i++) {
		const char *nearest = words_nearest(typos[i][0], strlen(typos[i][0]));
		assert_non_null(nearest);
		assert_string_equal(nearest, typos[i][1]);
	}
}

static void no_word_within_two_edits_is_no_word(void **state)
{
	(void)state;
	assert_null(words_nearest("xqzjkvwpq", 9));
	assert_null(words_nearest("abacusabacusabacus", 18));
	assert_null(words_nearest("", 0));
}

static int start(void **state)
{
	(void)state;
	return crypto_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_random_code_is_canonical_and_new_each_time),
		cmocka_unit_test(spelling_does_not_matter),
		cmocka_unit_test(words_with_a_dash_are_one_word),
		cmocka_unit_test(anything_else_is_somebodys_own_passphrase),
		cmocka_unit_test(text_is_bounded_by_its_length_and_holds_no_nul),
		cmocka_unit_test(a_mistyped_word_finds_its_neighbour),
		cmocka_unit_test(no_word_within_two_edits_is_no_word),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
