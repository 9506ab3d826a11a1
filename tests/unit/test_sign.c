#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/hex.h"
#include "crypto/hash.h"
#include "crypto/sign.h"

static const char pk_hex[] = "00d05a1d1ea251396d557afbd4588b3c6d99dbeb972fed10a32562ea26dcdcfa";

static void keys(uint8_t pk[SIGN_PUBLIC_BYTES], uint8_t sk[SIGN_SECRET_BYTES])
{
	uint8_t seed[SIGN_SEED_BYTES];
	for (uint8_t i = 0; i < sizeof seed; i++)
		seed[i] = (uint8_t)(7 + i);
	sign_keypair(pk, sk, seed);
}

static void key_and_signature_are_as_frozen(void **state)
{
	(void)state;
	uint8_t pk[SIGN_PUBLIC_BYTES], sk[SIGN_SECRET_BYTES], signature[SIGN_BYTES];
	char text[2 * SIGN_BYTES + 1];
	keys(pk, sk);
	assert_string_equal(hex_encode(text, pk, sizeof pk), pk_hex);
	sign_message(signature, "hf1.test", "message", 7, sk);
	assert_string_equal(hex_encode(text, signature, sizeof signature),
	                    "463fa1706afea451089959d5c0595c095ebda3ff55ec80591feb5c82e73c6849"
	                    "f8c2cf0f7b437e34a5bddb464f5d108d95447420455c595c961ffd27a71f7e0d");
}

static void a_signature_verifies_only_with_its_label_message_and_key(void **state)
{
	(void)state;
	uint8_t pk[SIGN_PUBLIC_BYTES], sk[SIGN_SECRET_BYTES], signature[SIGN_BYTES];
	keys(pk, sk);
	sign_message(signature, "hf1.test", "message", 7, sk);
	assert_true(sign_verify(signature, "hf1.test", "message", 7, pk));
	assert_false(sign_verify(signature, "hf1.tesu", "message", 7, pk));
	assert_false(sign_verify(signature, "hf1.test", "massage", 7, pk));
	assert_false(sign_verify(signature, "hf1.test", "message", 6, pk));
	assert_false(sign_verify(signature, "hf1.test", NULL, 0, pk));
	pk[5] ^= 1;
	assert_false(sign_verify(signature, "hf1.test", "message", 7, pk));
}

static void every_flipped_bit_of_a_signature_is_noticed(void **state)
{
	(void)state;
	uint8_t pk[SIGN_PUBLIC_BYTES], sk[SIGN_SECRET_BYTES], signature[SIGN_BYTES];
	keys(pk, sk);
	sign_message(signature, "hf1.test", NULL, 0, sk);
	assert_true(sign_verify(signature, "hf1.test", NULL, 0, pk));
	for (size_t bit = 0; bit < 8 * sizeof signature; bit++) {
		signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(sign_verify(signature, "hf1.test", NULL, 0, pk));
		signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void a_public_key_of_small_order_verifies_nothing(void **state)
{
	(void)state;
	/* with the neutral point as key, R neutral and S 0 would fit every message */
	uint8_t pk[SIGN_PUBLIC_BYTES] = { 1 }, signature[SIGN_BYTES] = { 1 };
	assert_false(sign_verify(signature, "hf1.test", "message", 7, pk));
}

static int start(void **state)
{
	(void)state;
	return crypto_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_and_signature_are_as_frozen),
		cmocka_unit_test(a_signature_verifies_only_with_its_label_message_and_key),
		cmocka_unit_test(every_flipped_bit_of_a_signature_is_noticed),
		cmocka_unit_test(a_public_key_of_small_order_verifies_nothing),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
