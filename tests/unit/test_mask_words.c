/* A dictionary is a bounded list of printable words, one a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "holdfast/err.h"
#include "source/mask_words.h"

static struct mask_words *parse(const char *text, struct err *err)
{
	return mask_words_parse("words", text, strlen(text), err);
}

static void refused(const char *text, const char *message)
{
	struct err err = { 0 };
	assert_null(parse(text, &err));
	assert_int_equal(err.code, ERR_INVALID);
	assert_string_equal(err.msg, message);
}

static void words_stand_one_a_line(void **state)
{
	(void)state;
	struct err err = { 0 };
	AUTO(mask_words) w = parse("Anna\r\n\n  Bert Maier \nÇağla", &err);
	assert_non_null(w);
	assert_int_equal(mask_words_count(w), 3);
	assert_string_equal(mask_words_choose(w, 0), "Anna");
	assert_string_equal(mask_words_choose(w, 4), "Bert Maier");
	assert_string_equal(mask_words_choose(w, UINT64_MAX - UINT64_MAX % 3 - 1), "Çağla");
}

static void what_is_no_dictionary_is_refused(void **state)
{
	(void)state;
	char longer[MASK_WORD_MAX + 8] = "a\n";
	memset(longer + 2, 'x', MASK_WORD_MAX + 1);
	refused("", "words: a dictionary needs at least two words, one a line");
	refused("one\n", "words: a dictionary needs at least two words, one a line");
	refused("one\ntwo\x1b[31m\n", "words:2: not printable UTF-8");
	refused("one\n\xff\n", "words:2: not printable UTF-8");
	refused(longer, "words:2: a word of more than 200 bytes");
	struct err err = { 0 };
	assert_null(mask_words_parse("words", "a\nb\0c\n", 6, &err));
	assert_int_equal(err.code, ERR_INVALID);
}

static void too_many_words_are_refused(void **state)
{
	(void)state;
	struct err err = { 0 };
	char *text = malloc(2 * (MASK_WORDS_MAX + 1));
	assert_non_null(text);
	for (size_t i = 0; i <= MASK_WORDS_MAX; i++)
		memcpy(text + 2 * i, "a\n", 2);
	assert_null(mask_words_parse("words", text, 2 * (MASK_WORDS_MAX + 1), &err));
	assert_string_equal(err.msg, "words: more than 65536 words");
	AUTO(mask_words) w = mask_words_parse("words", text, 2 * MASK_WORDS_MAX, &err);
	assert_non_null(w);
	free(text);
}

static void a_file_that_is_not_there_is_absent(void **state)
{
	(void)state;
	struct err err = { 0 };
	assert_null(mask_words_load("/nowhere/words", &err));
	assert_int_equal(err.code, ERR_ABSENT);
	assert_null(mask_words_load("/dev/zero", &err));
	assert_int_equal(err.code, ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_stand_one_a_line),
		cmocka_unit_test(what_is_no_dictionary_is_refused),
		cmocka_unit_test(too_many_words_are_refused),
		cmocka_unit_test(a_file_that_is_not_there_is_absent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
