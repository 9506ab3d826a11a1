#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "format/record.h"
#include "holdfast/err.h"

struct item { uint64_t n; char *text; };
struct thing {
	uint64_t n, maybe;
	bool flag;
	uint8_t id[4];
	char word[8];
	unsigned choice;
	struct record_list items;
};

static const char *const colours[] = { "red", "green", NULL };
static const struct record_member item[] = {
	{ .key = "n", .type = RECORD_NUMBER, .at = offsetof(struct item, n), .max = 9 },
	{ .key = "text", .type = RECORD_TEXT, .at = offsetof(struct item, text), .optional = true, .max = 4 },
	{ .key = NULL },
};
static const struct record_member thing[] = {
	{ .key = "n", .type = RECORD_NUMBER, .at = offsetof(struct thing, n), .max = 100 },
	{ .key = "maybe", .type = RECORD_NUMBER, .at = offsetof(struct thing, maybe), .optional = true,
	  .max = 100 },
	{ .key = "flag", .type = RECORD_FLAG, .at = offsetof(struct thing, flag) },
	{ .key = "id", .type = RECORD_HEX, .at = offsetof(struct thing, id), .size = 4 },
	{ .key = "word", .type = RECORD_WORD, .at = offsetof(struct thing, word), .size = 8 },
	{ .key = "colour", .type = RECORD_CHOICE, .at = offsetof(struct thing, choice), .words = colours },
	{ .key = "items", .type = RECORD_LIST, .at = offsetof(struct thing, items),
	  .size = sizeof(struct item), .max = 2, .members = item },
	{ .key = NULL },
};

static const char whole[] = "{\"colour\":\"green\",\"flag\":true,\"id\":\"01020304\","
	"\"items\":[{\"n\":1},{\"n\":2,\"text\":\"two\"}],\"maybe\":7,\"n\":100,\"word\":\"a-b.1\"}";

static int decode(const char *text, struct thing *t)
{
	struct err err;
	*t = (struct thing){ .n = 0 };
	JSON_AUTO j = json_decode(text, strlen(text), "thing", &err);
	assert_non_null(j);
	return record_decode(thing, t, j, "thing", &err);
}

static void assert_refused(const char *text)
{
	struct thing t;
	if (decode(text, &t) != ERR_CORRUPT)
		fail_msg("taken: %s", text);
	record_clear(thing, &t);
}

static void a_struct_comes_back(void **state)
{
	struct err err;
	struct thing t;
	(void)state;
	assert_int_equal(decode(whole, &t), 0);
	assert_true(t.n == 100 && t.maybe == 7 && t.flag && t.choice == 1 && t.items.n == 2);
	assert_string_equal(t.word, "a-b.1");
	assert_string_equal(((struct item *)t.items.items)[1].text, "two");
	JSON_AUTO j = record_encode(thing, &t, "thing", &err);
	AUTO(buf) b = buf_new(1000, &err);
	assert_int_equal(json_encode(j, b, &err), 0);
	assert_string_equal(buf_text(b, &err), whole);
	record_clear(thing, &t);
	assert_int_equal(t.items.n, 0);
}

/* The whole text with one piece replaced. */
static void assert_refused_with(const char *from, const char *to)
{
	struct err err;
	const char *at = strstr(whole, from);
	assert_non_null(at);
	AUTO(buf) b = buf_new(1000, &err);
	assert_int_equal(buf_printf(b, &err, "%.*s%s%s", (int)(at - whole), whole, to,
	                            at + strlen(from)), 0);
	assert_refused(buf_text(b, &err));
}

static void what_the_table_does_not_say_is_refused(void **state)
{
	(void)state;
	assert_refused_with("{\"colour\"", "{\"x\":1,\"colour\"");
	assert_refused_with("\"n\":100,", "");
	assert_refused_with("green", "blue");
	assert_refused_with("true", "1");
	assert_refused_with("01020304", "010203");
	assert_refused_with("[{\"n\":1},{\"n\":2,\"text\":\"two\"}]", "{}");
	assert_refused_with("100", "101");
	assert_refused_with("a-b.1", "A");
	assert_refused_with("a-b.1", "");
	assert_refused_with("a-b.1", "12345678");
	assert_refused_with("\"maybe\":7", "\"maybe\":0");
	assert_refused_with("{\"n\":1}", "3");
	assert_refused_with("two", "12345");
	assert_refused_with("two", "");
	assert_refused_with("{\"n\":1}", "{\"n\":1},{\"n\":1}");
}

static void a_value_that_its_member_does_not_take_is_not_written(void **state)
{
	struct err err;
	(void)state;
	struct thing t = { .n = 100, .word = "a" };
	JSON_AUTO j = record_encode(thing, &t, "thing", &err);
	assert_non_null(j);
	t.n = 101;
	assert_null(record_encode(thing, &t, "thing", &err));
	assert_int_equal(err.code, ERR_INVALID);
	t.n = 1;
	t.choice = 2;
	assert_null(record_encode(thing, &t, "thing", &err));
	t.choice = 0;
	t.word[0] = '\0';
	assert_null(record_encode(thing, &t, "thing", &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_struct_comes_back),
		cmocka_unit_test(what_the_table_does_not_say_is_refused),
		cmocka_unit_test(a_value_that_its_member_does_not_take_is_not_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
