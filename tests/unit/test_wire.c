#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "base/wire.h"
#include "holdfast/err.h"

static void integers_are_little_endian_and_come_back(void **state)
{
	(void)state;
	uint8_t bytes[14];
	uint8_t *p = wire_put_u16(bytes, 0x0102);
	p = wire_put_u32(p, 0x03040506);
	p = wire_put_u64(p, 0x0708090a0b0c0d0e);
	assert_ptr_equal(p, bytes + sizeof bytes);
	static const uint8_t expected[] = { 2, 1, 6, 5, 4, 3, 14, 13, 12, 11, 10, 9, 8, 7 };
	assert_memory_equal(bytes, expected, sizeof bytes);
	struct wire w = wire_over(bytes, sizeof bytes);
	assert_int_equal(wire_u8(&w), 2);
	assert_int_equal(wire_u8(&w), 1);
	assert_int_equal(wire_u32(&w), 0x03040506);
	assert_int_equal(wire_u64(&w), 0x0708090a0b0c0d0e);
	assert_true(wire_done(&w));
}

/* UBSan sees the arithmetic on NULL that this was */
static void no_bytes_at_all_are_a_whole_message(void **state)
{
	(void)state;
	struct wire w = wire_over(NULL, 0);
	assert_true(wire_done(&w));
	assert_int_equal(wire_left(&w), 0);
	wire_u8(&w);
	assert_false(wire_ok(&w));
}

static void varints_come_back_at_every_length(void **state)
{
	(void)state;
	for (unsigned shift = 0; shift < 64; shift++) {
		for (int step = -1; step <= 1; step++) {
			uint64_t v = ((uint64_t)1 << shift) + (uint64_t)step;
			uint8_t bytes[WIRE_VARINT_MAX];
			size_t len = (size_t)(wire_put_varint(bytes, v) - bytes);
			assert_in_range(len, 1, WIRE_VARINT_MAX);
			struct wire w = wire_over(bytes, len);
			assert_true(wire_varint(&w) == v);
			assert_true(wire_done(&w));
		}
	}
}

static void varints_that_are_not_the_shortest_or_too_long_are_bad(void **state)
{
	(void)state;
	static const struct {
		uint8_t bytes[11];
		size_t len;
	} bad[] = {
		{ { 0x80, 0x00 }, 2 },
		{ { 0xff, 0x80, 0x00 }, 3 },
		{ { 0x80 }, 1 },
		{ { 0xff, 0xff }, 2 },
		{ { 0 }, 0 },
		{ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02 }, 10 },
		{ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x81, 0x00 }, 11 },
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct wire w = wire_over(bad[i].bytes, bad[i].len);
		assert_int_equal(wire_varint(&w), 0);
		assert_false(wire_ok(&w));
	}
}

static void a_bound_is_inclusive_and_above_it_is_bad(void **state)
{
	(void)state;
	uint8_t bytes[] = { 100, 101 };
	struct wire w = wire_over(bytes, sizeof bytes);
	assert_int_equal(wire_bounded(&w, 100), 100);
	assert_true(wire_ok(&w));
	assert_int_equal(wire_bounded(&w, 100), 0);
	assert_false(wire_ok(&w));
}

static void after_the_first_violation_everything_is_zero(void **state)
{
	(void)state;
	uint8_t bytes[] = { 1, 2, 3 }, copy[2] = { 9, 9 };
	struct wire w = wire_over(bytes, sizeof bytes);
	assert_int_equal(wire_u32(&w), 0);
	assert_false(wire_ok(&w));
	assert_int_equal(wire_u8(&w), 0);
	assert_int_equal(wire_u16(&w), 0);
	assert_int_equal(wire_u64(&w), 0);
	assert_int_equal(wire_varint(&w), 0);
	assert_null(wire_bytes(&w, 0));
	wire_copy(&w, copy, sizeof copy);
	assert_int_equal(copy[0] | copy[1], 0);
	assert_false(wire_done(&w));
}

static void left_over_bytes_are_not_done(void **state)
{
	(void)state;
	uint8_t bytes[] = { 1, 2 };
	struct wire w = wire_over(bytes, sizeof bytes);
	wire_u8(&w);
	assert_true(wire_ok(&w));
	assert_false(wire_done(&w));
	assert_int_equal(wire_left(&w), 1);
}

static void counted_bytes_are_in_place_and_bounded(void **state)
{
	(void)state;
	static const uint8_t bytes[] = { 3, 'a', 'b', 'c', 0, 4, 'd' };
	struct wire w = wire_over(bytes, sizeof bytes);
	size_t len;
	assert_ptr_equal(wire_counted(&w, 3, &len), bytes + 1);
	assert_int_equal(len, 3);
	assert_non_null(wire_counted(&w, 3, &len));
	assert_int_equal(len, 0);
	struct wire longer = w, over = w;
	assert_null(wire_counted(&longer, 10, &len));
	assert_int_equal(len, 0);
	assert_false(wire_ok(&longer));
	assert_null(wire_counted(&over, 3, &len));
	assert_int_equal(len, 0);
}

static void no_bytes_of_nothing_are_not_null(void **state)
{
	(void)state;
	struct wire w = wire_over(NULL, 0);
	assert_non_null(wire_bytes(&w, 0));
	assert_true(wire_done(&w));
	assert_null(wire_bytes(&w, SIZE_MAX));
	assert_false(wire_ok(&w));
}

static void what_is_added_to_a_buf_reads_back(void **state)
{
	(void)state;
	struct err err;
	AUTO(buf) b = buf_new(100, &err);
	assert_non_null(b);
	assert_int_equal(wire_add_u8(b, 200, &err), 0);
	assert_int_equal(wire_add_u32(b, 70000, &err), 0);
	assert_int_equal(wire_add_u64(b, UINT64_MAX - 1, &err), 0);
	assert_int_equal(wire_add_varint(b, 300, &err), 0);
	assert_int_equal(wire_add_counted(b, "text", 4, &err), 0);
	struct wire w = wire_over(b->bytes, b->len);
	size_t len;
	assert_int_equal(wire_u8(&w), 200);
	assert_int_equal(wire_u32(&w), 70000);
	assert_true(wire_u64(&w) == UINT64_MAX - 1);
	assert_int_equal(wire_varint(&w), 300);
	assert_memory_equal(wire_counted(&w, 4, &len), "text", 4);
	assert_true(wire_done(&w));
}

static void adding_beyond_the_cap_is_refused(void **state)
{
	(void)state;
	struct err err;
	AUTO(buf) b = buf_new(3, &err);
	assert_non_null(b);
	assert_int_equal(wire_add_u32(b, 1, &err), ERR_LIMIT);
	assert_int_equal(wire_add_u64(b, 1, &err), ERR_LIMIT);
	assert_int_equal(wire_add_varint(b, UINT64_MAX, &err), ERR_LIMIT);
	assert_int_equal(b->len, 0);
	assert_int_equal(wire_add_counted(b, "abc", 3, &err), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_little_endian_and_come_back),
		cmocka_unit_test(no_bytes_at_all_are_a_whole_message),
		cmocka_unit_test(varints_come_back_at_every_length),
		cmocka_unit_test(varints_that_are_not_the_shortest_or_too_long_are_bad),
		cmocka_unit_test(a_bound_is_inclusive_and_above_it_is_bad),
		cmocka_unit_test(after_the_first_violation_everything_is_zero),
		cmocka_unit_test(left_over_bytes_are_not_done),
		cmocka_unit_test(counted_bytes_are_in_place_and_bounded),
		cmocka_unit_test(no_bytes_of_nothing_are_not_null),
		cmocka_unit_test(what_is_added_to_a_buf_reads_back),
		cmocka_unit_test(adding_beyond_the_cap_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
