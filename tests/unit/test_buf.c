#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "holdfast/err.h"

static void appended_bytes_are_kept_through_growth(void **state)
{
	(void)state;
	struct err err;
	AUTO(buf) b = buf_new(100000, &err);
	assert_non_null(b);
	for (unsigned i = 0; i < 100000; i++) {
		uint8_t byte = (uint8_t)(i * 7);
		assert_int_equal(buf_append(b, &byte, 1, &err), 0);
	}
	assert_int_equal(b->len, 100000);
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal(b->bytes[i], (uint8_t)(i * 7));
}

static void the_cap_is_never_passed(void **state)
{
	(void)state;
	struct err err;
	AUTO(buf) b = buf_new(100, &err);
	assert_non_null(b);
	assert_int_equal(buf_append(b, "0123456789", 10, &err), 0);
	assert_int_equal(buf_append(b, NULL, 91, &err), ERR_LIMIT);
	assert_int_equal(buf_append(b, NULL, SIZE_MAX, &err), ERR_LIMIT);
	assert_null(buf_reserve(b, SIZE_MAX - 5, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	assert_int_equal(b->len, 10);
	assert_memory_equal(b->bytes, "0123456789", 10);
	assert_non_null(buf_reserve(b, 90, &err));
	assert_in_range(b->cap, 100, 100);
	b->len = 100;
	assert_int_equal(buf_append(b, "x", 1, &err), ERR_LIMIT);
}

static void reserved_room_is_behind_the_bytes_and_can_be_filled(void **state)
{
	(void)state;
	struct err err;
	AUTO(buf) b = buf_new(5000, &err);
	assert_non_null(b);
	assert_int_equal(buf_append(b, "ab", 2, &err), 0);
	uint8_t *room = buf_reserve(b, 4998, &err);
	assert_ptr_equal(room, b->bytes + 2);
	memset(room, 'c', 4998);
	b->len += 4998;
	assert_memory_equal(b->bytes, "abcccc", 6);
}

static void appending_nothing_is_legal(void **state)
{
	(void)state;
	struct err err;
	AUTO(buf) b = buf_new(10, &err);
	assert_non_null(b);
	assert_int_equal(buf_append(b, NULL, 0, &err), 0);
	assert_int_equal(b->len, 0);
	assert_string_equal(buf_text(b, &err), "");
}

static void formatted_text_is_appended_without_its_nul(void **state)
{
	(void)state;
	struct err err;
	AUTO(buf) b = buf_new(20, &err);
	assert_non_null(b);
	assert_int_equal(buf_printf(b, &err, "%s-%d", "pack", 12), 0);
	assert_int_equal(b->len, 7);
	assert_int_equal(buf_printf(b, &err, "/%s", "x"), 0);
	assert_string_equal(buf_text(b, &err), "pack-12/x");
	assert_int_equal(b->len, 9);
	assert_int_equal(buf_printf(b, &err, "%s", "far too long a text"), ERR_LIMIT);
	assert_int_equal(b->len, 9);
}

static void clearing_wipes_and_keeps_the_memory(void **state)
{
	(void)state;
	struct err err;
	static const uint8_t zeros[6];
	AUTO(buf) b = buf_new(64, &err);
	assert_non_null(b);
	assert_int_equal(buf_append(b, "secret", 6, &err), 0);
	uint8_t *bytes = b->bytes;
	buf_clear(b);
	assert_int_equal(b->len, 0);
	assert_ptr_equal(b->bytes, bytes);
	assert_memory_equal(bytes, zeros, sizeof zeros);
}

static void a_buffer_of_no_size_holds_nothing(void **state)
{
	(void)state;
	struct err err;
	AUTO(buf) b = buf_new(0, &err);
	assert_non_null(b);
	assert_int_equal(buf_append(b, "x", 1, &err), ERR_LIMIT);
	assert_null(buf_text(b, &err));
	assert_int_equal(err.code, ERR_LIMIT);
}

static void freeing_nothing_is_legal(void **state)
{
	(void)state;
	buf_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appended_bytes_are_kept_through_growth),
		cmocka_unit_test(the_cap_is_never_passed),
		cmocka_unit_test(reserved_room_is_behind_the_bytes_and_can_be_filled),
		cmocka_unit_test(appending_nothing_is_legal),
		cmocka_unit_test(formatted_text_is_appended_without_its_nul),
		cmocka_unit_test(clearing_wipes_and_keeps_the_memory),
		cmocka_unit_test(a_buffer_of_no_size_holds_nothing),
		cmocka_unit_test(freeing_nothing_is_legal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
