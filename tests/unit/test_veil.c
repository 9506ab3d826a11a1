/* A veil hides bytes by their offset, wherever a piece begins and ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "crypto/hash.h"
#include "crypto/secret.h"
#include "crypto/veil.h"
#include "holdfast/err.h"

enum { LEN = 1000 };

static void pieces_of_any_size_fit_together(void **state)
{
	(void)state;
	struct err err = { 0 };
	AUTO(secret) key = secret_random(VEIL_KEY_BYTES, &err);
	uint8_t whole[LEN] = { 0 }, pieces[LEN] = { 0 };
	assert_non_null(key);
	veil_apply(key, 0, whole, LEN);
	for (size_t at = 0, n = 1; at < LEN; at += n, n = n * 3 % 131 + 1) {
		if (n > LEN - at)
			n = LEN - at;
		veil_apply(key, at, pieces + at, n);
	}
	assert_memory_equal(whole, pieces, LEN);
	veil_apply(key, 37, whole + 37, LEN - 37);
	for (size_t i = 37; i < LEN; i++)
		assert_int_equal(whole[i], 0);
}

static void offsets_and_keys_give_other_bytes(void **state)
{
	(void)state;
	struct err err = { 0 };
	AUTO(secret) key = secret_random(VEIL_KEY_BYTES, &err);
	AUTO(secret) other = secret_random(VEIL_KEY_BYTES, &err);
	uint8_t a[64] = { 0 }, b[64] = { 0 }, c[64] = { 0 };
	assert_non_null(key);
	assert_non_null(other);
	veil_apply(key, 0, a, sizeof a);
	veil_apply(key, UINT64_C(64) << 32, b, sizeof b);
	veil_apply(other, 0, c, sizeof c);
	assert_memory_not_equal(a, b, sizeof a);
	assert_memory_not_equal(a, c, sizeof a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_of_any_size_fit_together),
		cmocka_unit_test(offsets_and_keys_give_other_bytes),
	};
	crypto_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
