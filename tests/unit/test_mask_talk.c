/* What a sandbox says comes through in form, cleaned; anything else is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "source/mask_talk.h"

static struct mask_line through(const struct mask_line *line)
{
	struct err err = { 0 };
	struct mask_line back;
	AUTO(buf) text = buf_new(MASK_TALK_MAX, &err);
	assert_int_equal(mask_line_encode(line, text, &err), 0);
	assert_int_equal(text->bytes[text->len - 1], '\n');
	assert_null(memchr(text->bytes, '\n', text->len - 1));
	assert_int_equal(mask_line_decode(&back, (const char *)text->bytes, text->len - 1, &err), 0);
	assert_int_equal(back.said, line->said);
	return back;
}

static void a_lack_names_table_and_column_cleaned(void **state)
{
	(void)state;
	struct mask_line back = through(&(struct mask_line){ .said = MASK_SAID_LACKS, .table = "a\nb\x1b[31m",
	                                                     .column = "\xff x" });
	assert_string_equal(back.table, "a b?[31m");
	assert_string_equal(back.column, "? x");
	mask_line_clear(&back);
	back = through(&(struct mask_line){ .said = MASK_SAID_LACKS, .table = "t" });
	assert_string_equal(back.column, "");
	mask_line_clear(&back);
}

static void a_skeleton_keeps_its_lines(void **state)
{
	(void)state;
	struct mask_line back = through(&(struct mask_line){ .said = MASK_SAID_SKELETON,
	                                                     .text = "[t]\nü = ?\n" });
	assert_string_equal(back.text, "[t]\nü = ?\n");
	mask_line_clear(&back);
}

static void counts_come_through(void **state)
{
	(void)state;
	struct mask_line line = { .said = MASK_SAID_DONE,
	                          .result = { .tables = 1, .empty_tables = 2, .rebuilt_tables = 3,
	                                      .left_out = 4, .rows = 5, .bytes = 6, .unused = 7,
	                                      .orphans = 8 } };
	for (unsigned i = 0; i < MASK_KINDS; i++)
		line.result.columns[i] = 10 + i;
	struct mask_line back = through(&line);
	assert_memory_equal(&back.result, &line.result, sizeof line.result);
	mask_line_clear(&back);
}

static void a_failure_keeps_its_code_and_its_words(void **state)
{
	(void)state;
	struct mask_line line = { .said = MASK_SAID_FAILED, .why = { .code = ERR_SPACE, .msg = "no\nroom",
	                                                             .hint = "make some" } };
	struct mask_line back = through(&line);
	assert_int_equal(back.why.code, ERR_SPACE);
	assert_string_equal(back.why.msg, "no room");
	assert_string_equal(back.why.hint, "make some");
	mask_line_clear(&back);
}

static void what_has_no_such_form_is_refused(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"", "{}", "[]", "x", "{\"said\":\"hello\"}", "{\"said\":\"lacks\",\"table\":\"t\"}",
		"{\"said\":\"skeleton\",\"text\":1}",
		"{\"said\":\"skeleton\",\"text\":\"\\u001b[31m\"}", "{\"said\":\"done\",\"tables\":1}",
		"{\"code\":0,\"hint\":\"\",\"message\":\"\",\"said\":\"failed\"}",
		"{\"code\":17,\"hint\":\"\",\"message\":\"\",\"said\":\"failed\"}",
		"{\"code\":-1,\"hint\":\"\",\"message\":\"\",\"said\":\"failed\"}",
		"{\"bytes\":-1,\"columns\":[],\"empty\":0,\"left_out\":0,\"orphans\":0,\"rebuilt\":0,"
		"\"rows\":0,\"said\":\"done\",\"tables\":0,\"unused\":0}",
		"{\"bytes\":1,\"columns\":[1],\"empty\":0,\"left_out\":0,\"orphans\":0,\"rebuilt\":0,"
		"\"rows\":0,\"said\":\"done\",\"tables\":0,\"unused\":0}",
	};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct err err = { 0 };
		struct mask_line back;
		assert_int_equal(mask_line_decode(&back, lines[i], strlen(lines[i]), &err), ERR_CORRUPT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lack_names_table_and_column_cleaned),
		cmocka_unit_test(a_skeleton_keeps_its_lines),
		cmocka_unit_test(counts_come_through),
		cmocka_unit_test(a_failure_keeps_its_code_and_its_words),
		cmocka_unit_test(what_has_no_such_form_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
