#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/wire.h"
#include "crypto/hash.h"
#include "crypto/slot.h"
#include "holdfast/err.h"

static const struct slot_cost cheap = { 1, SLOT_MEM_KIB_MIN };
static const char passphrase[] = "correct horse";
enum { PASSPHRASE_LEN = sizeof passphrase - 1 };

static void count_up(uint8_t plain[SLOT_PLAIN_BYTES])
{
	for (size_t i = 0; i < SLOT_PLAIN_BYTES; i++)
		plain[i] = (uint8_t)i;
}

static void make(uint8_t slot[SLOT_BYTES])
{
	struct err err;
	uint8_t plain[SLOT_PLAIN_BYTES];
	count_up(plain);
	assert_int_equal(slot_encode(slot, plain, passphrase, PASSPHRASE_LEN, cheap, &err), 0);
}

static int decode(uint8_t plain[SLOT_PLAIN_BYTES], const uint8_t *slot, size_t len)
{
	struct err err = { 0 };
	int rc = slot_decode(plain, slot, len, passphrase, PASSPHRASE_LEN, &err);
	assert_int_equal(rc, err.code);
	return rc;
}

static void assert_refused(const uint8_t *slot, size_t len, enum err_code expected)
{
	uint8_t plain[SLOT_PLAIN_BYTES], before[SLOT_PLAIN_BYTES];
	memset(plain, 0xa5, sizeof plain);
	memcpy(before, plain, sizeof plain);
	assert_int_equal(decode(plain, slot, len), expected);
	assert_memory_equal(plain, before, sizeof plain);
}

static void the_passphrase_opens_its_slot(void **state)
{
	(void)state;
	uint8_t slot[SLOT_BYTES], plain[SLOT_PLAIN_BYTES], expected[SLOT_PLAIN_BYTES];
	make(slot);
	count_up(expected);
	assert_int_equal(decode(plain, slot, sizeof slot), 0);
	assert_memory_equal(plain, expected, sizeof plain);
}

static void a_slot_of_another_implementation_opens(void **state)
{
	(void)state;
	uint8_t slot[SLOT_BYTES], plain[SLOT_PLAIN_BYTES], expected[SLOT_PLAIN_BYTES];
	assert_true(hex_decode(slot, sizeof slot,
	                       "4846534c4f543100010000000100000000200000030405060708090a0b0c0d0e"
	                       "0f101112e69c0e8f8dc121e6ea1b0171692b241df070c9b767ec894ebfdd59ab"
	                       "ca02be554d4e4f505152535455565758595a5b5c5d5e5f606162636470edaac0"
	                       "af7285dac9ade8721dd95ae558a8cbf0ffaeccc962725ef99e6fc0de67533574"
	                       "5604fdcd4b61f09248111e4b4f5710d437781711f90e2722c35187c8f221bb1d"
	                       "19eef61812625f1c929d3291e87dc35ce40410863c3344422d6a4abc81eb9520"
	                       "e8a941b61212b1950be03e2620a0befb6d60c3e515e53a19ae824ce0"));
	count_up(expected);
	assert_int_equal(decode(plain, slot, sizeof slot), 0);
	assert_memory_equal(plain, expected, sizeof plain);
}

/* what somebody who knows the passphrase could make, so that one slot opens for two of them */
static void a_ciphertext_that_opens_is_refused_without_its_commitment(void **state)
{
	(void)state;
	uint8_t slot[SLOT_BYTES];
	assert_true(hex_decode(slot, sizeof slot,
	                       "4846534c4f543100010000000100000000200000030405060708090a0b0c0d0e"
	                       "0f10111200000000000000000000000000000000000000000000000000000000"
	                       "000000004d4e4f505152535455565758595a5b5c5d5e5f606162636470edaac0"
	                       "af7285dac9ade8721dd95ae558a8cbf0ffaeccc962725ef99e6fc0de67533574"
	                       "5604fdcd4b61f09248111e4b4f5710d437781711f90e2722c35187c8f221bb1d"
	                       "19eef61812625f1c929d3291e87dc35ce40410863c3344422d6a4abc81eb9520"
	                       "e8a941b61212b1950be03e260c99ba59ed472cee4271336722070f5e"));
	assert_refused(slot, sizeof slot, ERR_KEY);
}

static void salt_and_nonce_are_fresh_each_time(void **state)
{
	(void)state;
	uint8_t one[SLOT_BYTES], other[SLOT_BYTES];
	make(one);
	make(other);
	assert_memory_equal(one, other, 20);
	assert_memory_not_equal(one + 20, other + 20, 16);
	assert_memory_not_equal(one + 36, other + 36, 32);
	assert_memory_not_equal(one + 68, other + 68, 24);
}

static void a_wrong_passphrase_is_a_key_error(void **state)
{
	(void)state;
	uint8_t slot[SLOT_BYTES], plain[SLOT_PLAIN_BYTES];
	struct err err;
	make(slot);
	assert_int_equal(slot_decode(plain, slot, sizeof slot, "Correct horse", 13, &err), ERR_KEY);
	assert_int_equal(slot_decode(plain, slot, sizeof slot, passphrase, 12, &err), ERR_KEY);
	assert_int_equal(slot_decode(plain, slot, sizeof slot, "", 0, &err), ERR_KEY);
}

static void every_flipped_byte_of_a_slot_is_noticed(void **state)
{
	(void)state;
	uint8_t slot[SLOT_BYTES];
	make(slot);
	for (size_t at = 0; at < sizeof slot; at++) {
		/* a little more memory (16, 17) stays within bounds, but makes another key */
		enum err_code expected = at == 8 || at == 9                ? ERR_NEWER
		                         : at < 20 && at != 16 && at != 17 ? ERR_CORRUPT
		                                                           : ERR_KEY;
		slot[at] ^= 0x80;
		assert_refused(slot, sizeof slot, expected);
		slot[at] ^= 0x80;
	}
}

static void a_truncated_or_longer_slot_is_corrupt(void **state)
{
	(void)state;
	uint8_t slot[SLOT_BYTES + 1] = { 0 };
	make(slot);
	for (size_t len = 0; len < SLOT_BYTES; len++) {
		/* in memory of its very size, so that a sanitizer sees any read behind it */
		uint8_t *exact = malloc(len ? len : 1);
		assert_non_null(exact);
		memcpy(exact, slot, len);
		assert_refused(exact, len, ERR_CORRUPT);
		free(exact);
	}
	assert_refused(slot, sizeof slot, ERR_CORRUPT);
}

static void a_cost_out_of_bounds_is_refused_before_argon2_runs(void **state)
{
	(void)state;
	static const struct slot_cost bad[] = {
		{ 0, SLOT_MEM_KIB_MIN },          { SLOT_OPS_MAX + 1, SLOT_MEM_KIB_MIN },
		{ UINT32_MAX, SLOT_MEM_KIB_MIN }, { 1, 0 },
		{ 1, SLOT_MEM_KIB_MIN - 1 },      { 1, SLOT_MEM_KIB_MAX + 1 },
		{ UINT32_MAX, UINT32_MAX },
	};
	uint8_t slot[SLOT_BYTES];
	make(slot);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		wire_put_u32(slot + 12, bad[i].ops);
		wire_put_u32(slot + 16, bad[i].mem_kib);
		/* had Argon2id run, the refusal would be ERR_KEY or ERR_NOMEM, or come in years */
		assert_refused(slot, sizeof slot, ERR_CORRUPT);
	}
}

static void a_lowered_cost_is_noticed(void **state)
{
	(void)state;
	uint8_t slot[SLOT_BYTES], plain[SLOT_PLAIN_BYTES] = { 0 };
	struct err err;
	struct slot_cost two = { 2, SLOT_MEM_KIB_MIN };
	assert_int_equal(slot_encode(slot, plain, passphrase, PASSPHRASE_LEN, two, &err), 0);
	wire_put_u32(slot + 12, 1);
	assert_refused(slot, sizeof slot, ERR_KEY);
}

static void a_newer_version_is_told_as_such(void **state)
{
	(void)state;
	uint8_t slot[SLOT_BYTES];
	make(slot);
	wire_put_u16(slot + 8, 2);
	assert_refused(slot, sizeof slot, ERR_NEWER);
	wire_put_u16(slot + 8, 0);
	assert_refused(slot, sizeof slot, ERR_CORRUPT);
}

static void no_slot_is_made_with_an_unusable_cost_or_passphrase(void **state)
{
	(void)state;
	static char too_long[SLOT_PASSPHRASE_MAX + 1];
	uint8_t slot[SLOT_BYTES], plain[SLOT_PLAIN_BYTES] = { 0 };
	struct err err;
	struct slot_cost small = { 1, SLOT_MEM_KIB_MIN - 1 }, slow = { SLOT_OPS_MAX + 1, 0 };
	assert_int_equal(slot_encode(slot, plain, "x", 1, small, &err), ERR_INVALID);
	assert_int_equal(slot_encode(slot, plain, "x", 1, slow, &err), ERR_INVALID);
	assert_int_equal(slot_encode(slot, plain, "", 0, cheap, &err), ERR_INVALID);
	assert_int_equal(slot_encode(slot, plain, too_long, sizeof too_long, cheap, &err),
	                 ERR_INVALID);
	make(slot);
	assert_int_equal(slot_decode(plain, slot, sizeof slot, too_long, sizeof too_long, &err),
	                 ERR_KEY);
}

static void the_longest_passphrase_works(void **state)
{
	(void)state;
	static char longest[SLOT_PASSPHRASE_MAX];
	uint8_t slot[SLOT_BYTES], plain[SLOT_PLAIN_BYTES] = { 7 }, out[SLOT_PLAIN_BYTES];
	struct err err;
	assert_int_equal(slot_encode(slot, plain, longest, sizeof longest, cheap, &err), 0);
	assert_int_equal(slot_decode(out, slot, sizeof slot, longest, sizeof longest, &err), 0);
	assert_memory_equal(out, plain, sizeof out);
}

static void no_cost_given_means_the_default(void **state)
{
	(void)state;
	uint8_t slot[SLOT_BYTES], plain[SLOT_PLAIN_BYTES] = { 0 };
	struct err err;
	struct slot_cost none = { 0, 0 };
	assert_int_equal(slot_encode(slot, plain, "x", 1, none, &err), 0);
	struct wire w = wire_over(slot + 12, 8);
	assert_int_equal(wire_u32(&w), SLOT_OPS);
	assert_int_equal(wire_u32(&w), SLOT_MEM_KIB);
}

static int start(void **state)
{
	(void)state;
	return crypto_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_passphrase_opens_its_slot),
		cmocka_unit_test(a_slot_of_another_implementation_opens),
		cmocka_unit_test(a_ciphertext_that_opens_is_refused_without_its_commitment),
		cmocka_unit_test(salt_and_nonce_are_fresh_each_time),
		cmocka_unit_test(a_wrong_passphrase_is_a_key_error),
		cmocka_unit_test(every_flipped_byte_of_a_slot_is_noticed),
		cmocka_unit_test(a_truncated_or_longer_slot_is_corrupt),
		cmocka_unit_test(a_cost_out_of_bounds_is_refused_before_argon2_runs),
		cmocka_unit_test(a_lowered_cost_is_noticed),
		cmocka_unit_test(a_newer_version_is_told_as_such),
		cmocka_unit_test(no_slot_is_made_with_an_unusable_cost_or_passphrase),
		cmocka_unit_test(the_longest_passphrase_works),
		cmocka_unit_test(no_cost_given_means_the_default),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
