#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "holdfast/err.h"

static json_t *decode(const char *text, struct err *err)
{
	return json_decode(text, strlen(text), "head", err);
}

static json_t *canonical(const char *text, struct err *err)
{
	return json_decode_canonical(text, strlen(text), "head", err);
}

static void encoding_sorts_packs_and_escapes(void **state)
{
	(void)state;
	struct err err;
	JSON_AUTO j = json_pack("{s:i, s:[s, b, n], s:{s:I}}", "b", 1, "a", "\xc3\xbc\n", 1, "C",
	                        "z", (json_int_t)INT64_MAX);
	AUTO(buf) out = buf_new(1000, &err);
	assert_int_equal(json_encode(j, out, &err), 0);
	assert_string_equal(buf_text(out, &err), "{\"C\":{\"z\":9223372036854775807},"
	                                         "\"a\":[\"\\u00FC\\n\",true,null],\"b\":1}");
}

static void real_numbers_cannot_be_encoded_at_any_depth(void **state)
{
	(void)state;
	struct err err;
	JSON_AUTO j = json_pack("{s:[{s:f}]}", "a", "b", 1.5);
	AUTO(buf) out = buf_new(1000, &err);
	assert_int_equal(json_encode(j, out, &err), ERR_INVALID);
	assert_int_equal(out->len, 0);
}

static void encoding_respects_the_cap_and_a_failed_allocation(void **state)
{
	(void)state;
	struct err err;
	JSON_AUTO j = json_pack("{s:s}", "key", "value");
	AUTO(buf) out = buf_new(8, &err);
	assert_int_equal(json_encode(j, out, &err), ERR_LIMIT);
	assert_int_equal(json_encode(NULL, out, &err), ERR_NOMEM);
}

static void only_whole_objects_are_decoded(void **state)
{
	(void)state;
	static const char *const bad[] = { "",
		                           "{",
		                           "[]",
		                           "1",
		                           "null",
		                           "\"a\"",
		                           "{}x",
		                           "{\"a\":1,\"a\":2}",
		                           "{\"a\":01}",
		                           "{\"a\":\"\xff\"}",
		                           "{\"a\":99999999999999999999}" };
	struct err err;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_null(decode(bad[i], &err));
		assert_int_equal(err.code, ERR_CORRUPT);
		assert_memory_equal(err.msg, "head: ", 6);
	}
	JSON_AUTO good = decode(" { \"a\" : [ 1 ] } ", &err);
	assert_non_null(good);
}

static void nesting_has_an_end(void **state)
{
	(void)state;
	struct err err;
	enum { DEEP = 100000 };
	char *text = malloc(2 * DEEP + 16);
	assert_non_null(text);
	char *p = stpcpy(text, "{\"a\":");
	memset(p, '[', DEEP);
	memset(p + DEEP, ']', DEEP);
	strcpy(p + 2 * DEEP, "}");
	assert_null(decode(text, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
	free(text);
}

static void only_one_spelling_is_canonical(void **state)
{
	(void)state;
	static const char *const other[] = {
		"{\"b\":1,\"a\":2}",    "{\"a\": 1}",
		"{\"a\":1}\n",          " {}",
		"{\"a\":\"\xc3\xbc\"}", "{\"a\":\"\\u00fc\"}",
		"{\"a\":\"\\u0041\"}",  "{\"a\":\"\\/\"}",
		"{\"a\":-0}",           "{\"a\":1.0}",
		"{\"a\":1e2}",
	};
	struct err err;
	for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
		assert_null(canonical(other[i], &err));
		assert_int_equal(err.code, ERR_CORRUPT);
	}
	JSON_AUTO good = canonical("{\"a\":\"\\u00FC\",\"b\":[-1,{}]}", &err);
	assert_non_null(good);
}

static void numbers_are_taken_only_in_range_and_of_their_kind(void **state)
{
	(void)state;
	struct err err;
	JSON_AUTO j = decode("{\"n\":5,\"neg\":-1,\"text\":\"5\",\"real\":5.0}", &err);
	uint64_t v = 77;
	assert_int_equal(json_get_u64(j, "n", 4, &v, "head", &err), ERR_CORRUPT);
	assert_string_equal(err.msg, "head: 'n' is missing or out of range");
	assert_int_equal(json_get_u64(j, "neg", 9, &v, "head", &err), ERR_CORRUPT);
	assert_int_equal(json_get_u64(j, "text", 9, &v, "head", &err), ERR_CORRUPT);
	assert_int_equal(json_get_u64(j, "real", 9, &v, "head", &err), ERR_CORRUPT);
	assert_int_equal(json_get_u64(j, "absent", 9, &v, "head", &err), ERR_CORRUPT);
	assert_int_equal(v, 77);
	assert_int_equal(json_get_u64(j, "n", 5, &v, "head", &err), 0);
	assert_int_equal(v, 5);
}

static void text_is_taken_only_without_nul(void **state)
{
	(void)state;
	struct err err;
	JSON_AUTO j = json_pack("{s:s, s:s%, s:i}", "t", "text", "nul", "a\0b", (size_t)3, "n", 1);
	assert_non_null(j);
	const char *text = "old";
	assert_int_equal(json_get_text(j, "nul", &text, "head", &err), ERR_CORRUPT);
	assert_int_equal(json_get_text(j, "n", &text, "head", &err), ERR_CORRUPT);
	assert_int_equal(json_get_text(j, "absent", &text, "head", &err), ERR_CORRUPT);
	assert_string_equal(text, "old");
	assert_int_equal(json_get_text(j, "t", &text, "head", &err), 0);
	assert_string_equal(text, "text");
}

static void hex_members_have_an_exact_length(void **state)
{
	(void)state;
	struct err err;
	JSON_AUTO j = json_pack("{s:o, s:s}", "id", json_hex("\x01\xab", 2), "upper", "01AB");
	uint8_t out[3] = { 9, 9, 9 };
	assert_int_equal(json_get_hex(j, "id", out, 3, "head", &err), ERR_CORRUPT);
	assert_int_equal(json_get_hex(j, "id", out, 1, "head", &err), ERR_CORRUPT);
	assert_int_equal(json_get_hex(j, "upper", out, 2, "head", &err), ERR_CORRUPT);
	assert_int_equal(out[0], 9);
	assert_int_equal(json_get_hex(j, "id", out, 2, "head", &err), 0);
	assert_memory_equal(out, "\x01\xab\x09", 3);
	char big[JSON_HEX_MAX + 1] = { 0 };
	assert_null(json_hex(big, sizeof big));
}

static void members_that_are_shown_may_be_missing(void **state)
{
	(void)state;
	JSON_AUTO j = json_pack("{s:s, s:i, s:i}", "t", "text", "n", 7, "minus", -7);
	assert_string_equal(json_text(j, "t"), "text");
	assert_string_equal(json_text(j, "n"), "");
	assert_string_equal(json_text(j, "absent"), "");
	assert_string_equal(json_text(NULL, "t"), "");
	assert_int_equal(json_int(j, "n"), 7);
	assert_int_equal(json_int(j, "minus"), -7);
	assert_int_equal(json_int(j, "t"), 0);
	assert_int_equal(json_count(j, "n"), 7);
	assert_int_equal(json_count(j, "minus"), 0);
	assert_int_equal(json_count(NULL, "n"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encoding_sorts_packs_and_escapes),
		cmocka_unit_test(real_numbers_cannot_be_encoded_at_any_depth),
		cmocka_unit_test(encoding_respects_the_cap_and_a_failed_allocation),
		cmocka_unit_test(only_whole_objects_are_decoded),
		cmocka_unit_test(nesting_has_an_end),
		cmocka_unit_test(only_one_spelling_is_canonical),
		cmocka_unit_test(numbers_are_taken_only_in_range_and_of_their_kind),
		cmocka_unit_test(text_is_taken_only_without_nul),
		cmocka_unit_test(hex_members_have_an_exact_length),
		cmocka_unit_test(members_that_are_shown_may_be_missing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
