/* Command lines become words as in a shell, and nothing in them is ever executed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/split.h"
#include "holdfast/err.h"

static void expect_words(const char *line, const char *const *want)
{
	struct err err = { 0 };
	char **words = split_words(line, &err);
	assert_non_null(words);
	size_t n = 0;
	for (; want[n]; n++) {
		assert_non_null(words[n]);
		assert_string_equal(words[n], want[n]);
	}
	assert_null(words[n]);
	split_free(words);
}
#define EXPECT(line, ...) expect_words(line, (const char *const[]){ __VA_ARGS__, NULL })

static void expect_refused(const char *line)
{
	struct err err = { 0 };
	assert_null(split_words(line, &err));
	assert_int_equal(err.code, ERR_INVALID);
	assert_true(err.msg[0] != '\0');
}

static void blanks_separate_words(void **state)
{
	(void)state;
	EXPECT("pg_dump", "pg_dump");
	EXPECT("  a\t b \n c ", "a", "b", "c");
	EXPECT("a b c d e f g", "a", "b", "c", "d", "e", "f", "g");
}

static void quotes_keep_blanks_and_may_be_joined(void **state)
{
	(void)state;
	EXPECT("a 'b c' \"d  e\"", "a", "b c", "d  e");
	EXPECT("--name='a b'\" c\"d", "--name=a b cd");
	EXPECT("'' \"\" x", "", "", "x");
	EXPECT("'a\"b' \"a'b\"", "a\"b", "a'b");
}

static void backslashes_keep_what_follows(void **state)
{
	(void)state;
	EXPECT("a\\ b \\'c \\\\", "a b", "'c", "\\");
	EXPECT("\"\\\"\\\\\\$\\`\\n\"", "\"\\$`\\n");
	EXPECT("'a\\'", "a\\");
}

static void what_a_shell_would_do_is_not_done(void **state)
{
	(void)state;
	EXPECT("a;b $(id) `id` $HOME * | > x && y # z", "a;b", "$(id)", "`id`", "$HOME", "*", "|", ">",
	       "x", "&&", "y", "#", "z");
}

static void open_quotes_and_empty_lines_are_refused(void **state)
{
	(void)state;
	expect_refused("a 'b");
	expect_refused("a \"b");
	expect_refused("a \"b\\\"");
	expect_refused("a \\");
	expect_refused("");
	expect_refused(" \t ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blanks_separate_words),
		cmocka_unit_test(quotes_keep_blanks_and_may_be_joined),
		cmocka_unit_test(backslashes_keep_what_follows),
		cmocka_unit_test(what_a_shell_would_do_is_not_done),
		cmocka_unit_test(open_quotes_and_empty_lines_are_refused),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
