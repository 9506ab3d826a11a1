/* readback: whether what lies under a name is what was put, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "../../backends/memory.h"
#include "../../backends/readback.h"
#include "holdfast/err.h"
#include "vault/storage.h"

enum { LARGE = (2 << 20) + 1 };   /* a piece is a MiB */

static struct err err;

static int set_up(void **state)
{
	const struct backend_options none = { 0 };
	memory_forget("readback");
	*state = storage_open("memory://readback", &none, &err);
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	storage_free(*state);
	return 0;
}

static void store(struct backend *b, const void *data, size_t len)
{
	assert_int_equal(storage_put(b, "o", data, len, BACKEND_REPLACE, &err), 0);
}

static int matches(struct backend *b, const void *data, size_t len)
{
	const struct backend_put put = { "o", data, len, BACKEND_NEW, false };
	return readback_matches(b, &put, NULL, &err);
}

static void the_same_bytes_match_and_no_others(void **state)
{
	struct backend *b = *state;
	assert_int_equal(matches(b, "text", 4), 0);
	store(b, "text", 4);
	assert_int_equal(matches(b, "text", 4), 1);
	assert_int_equal(matches(b, "texT", 4), 0);
	assert_int_equal(matches(b, "tex", 3), 0);
	assert_int_equal(matches(b, "text", 5), 0);
	assert_int_equal(matches(b, "", 0), 0);
	store(b, "", 0);
	assert_int_equal(matches(b, "", 0), 1);
}

static void large_objects_match_to_their_last_byte(void **state)
{
	struct backend *b = *state;
	uint8_t *data = malloc(LARGE);
	assert_non_null(data);
	for (size_t i = 0; i < LARGE; i++)
		data[i] = (uint8_t)(i * 31 >> 3);
	store(b, data, LARGE);
	assert_int_equal(matches(b, data, LARGE), 1);
	static const size_t at[] = { 0, (1 << 20) - 1, 1 << 20, LARGE - 1 };
	for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
		data[at[i]] ^= 1;
		assert_int_equal(matches(b, data, LARGE), 0);
		data[at[i]] ^= 1;
	}
	free(data);
}

static void a_taken_name_is_success_only_for_an_unheard_attempt_of_the_same(void **state)
{
	struct backend *b = *state;
	char tag[BACKEND_TAG_MAX] = "none", stored[BACKEND_TAG_MAX];
	const struct backend_put same = { "o", "text", 4, BACKEND_NEW, false };
	const struct backend_put other = { "o", "TEXT", 4, BACKEND_NEW, false };
	assert_int_equal(storage_put_tagged(b, "o", "text", 4, BACKEND_NEW, stored, &err), 0);
	assert_int_equal(readback_taken(b, &same, false, tag, &err), ERR_EXISTS);
	assert_int_equal(readback_taken(b, &other, true, tag, &err), ERR_EXISTS);
	assert_string_equal(tag, "none");
	assert_int_equal(readback_taken(b, &same, true, tag, &err), 0);
	assert_string_equal(tag, stored);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_same_bytes_match_and_no_others),
		TEST(large_objects_match_to_their_last_byte),
		TEST(a_taken_name_is_success_only_for_an_unheard_attempt_of_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
