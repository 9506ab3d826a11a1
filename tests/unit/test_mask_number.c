/* Numbers change places: none is met twice, and small ones stay small. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "crypto/hash.h"
#include "crypto/secret.h"
#include "holdfast/err.h"
#include "source/mask_number.h"

enum { MANY = 20000 };

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

static void no_number_is_met_twice(void **state)
{
	(void)state;
	struct err err = { 0 };
	static int64_t out[MANY];
	AUTO(secret) key = secret_random(32, &err);
	assert_non_null(key);
	for (int i = 0; i < MANY; i++) {
		out[i] = mask_number(key, i);
		assert_in_range(out[i], 0, (INT64_C(1) << 53) - 1);
	}
	qsort(out, MANY, sizeof *out, by_value);
	for (int i = 1; i < MANY; i++)
		assert_true(out[i - 1] != out[i]);
}

static void large_and_negative_ones_stay_apart_from_small_ones(void **state)
{
	(void)state;
	struct err err = { 0 };
	static const int64_t large[] = { -1, INT64_MIN, INT64_MAX, INT64_C(1) << 53 };
	AUTO(secret) key = secret_random(32, &err);
	assert_non_null(key);
	for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
		int64_t out = mask_number(key, large[i]);
		assert_true(out < 0 || out >= INT64_C(1) << 53);
		assert_true(out != large[i]);
	}
}

static void a_key_decides(void **state)
{
	(void)state;
	struct err err = { 0 };
	AUTO(secret) key = secret_random(32, &err);
	AUTO(secret) other = secret_random(32, &err);
	assert_non_null(key);
	assert_non_null(other);
	assert_true(mask_number(key, 7) == mask_number(key, 7));
	assert_true(mask_number(key, 7) != mask_number(other, 7));
	assert_true(mask_number(key, 7) != 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_number_is_met_twice),
		cmocka_unit_test(large_and_negative_ones_stay_apart_from_small_ones),
		cmocka_unit_test(a_key_decides),
	};
	crypto_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
