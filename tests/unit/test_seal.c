#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "crypto/hash.h"
#include "crypto/seal.h"

static const char context[] = "context";

static void count_from(uint8_t *out, size_t len, unsigned first)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(first + i);
}

struct pair {
	uint8_t pk[32], sk[32], psk[32], secret[32], stanza[SEAL_STANZA_BYTES];
};

/* a fresh key pair and something sealed to it */
static struct pair sealed_pair(void)
{
	struct pair p;
	seal_keypair(p.pk, p.sk);
	count_from(p.psk, sizeof p.psk, 200);
	count_from(p.secret, sizeof p.secret, 50);
	assert_int_equal(seal_stanza(p.stanza, p.secret, p.pk, p.psk, context, sizeof context - 1),
	                 0);
	return p;
}

static enum seal_open reopen(const struct pair *p, uint8_t out[32])
{
	return seal_unstanza(out, p->stanza, p->sk, p->psk, context, sizeof context - 1);
}

/* any refusal, of the kind expected, leaves the output as it was */
static void assert_refused(const struct pair *p, enum seal_open expected)
{
	uint8_t out[32], before[32];
	memset(out, 0xa5, sizeof out);
	memcpy(before, out, sizeof out);
	assert_int_equal(reopen(p, out), expected);
	assert_memory_equal(out, before, sizeof out);
}

static void a_sealed_secret_comes_back(void **state)
{
	(void)state;
	struct pair p = sealed_pair();
	uint8_t out[32];
	assert_int_equal(reopen(&p, out), SEAL_OPENED);
	assert_memory_equal(out, p.secret, sizeof out);
}

static void a_stanza_of_another_implementation_opens(void **state)
{
	(void)state;
	struct pair p;
	assert_true(hex_decode(p.stanza, sizeof p.stanza,
	                       "01018400af1f75221af0cbb4f5cb316ad0bec4395714769d116bf76436ae74bc"
	                       "793d2c30ad1903c59ac5273805c7e2698b410c36575f0d0c42f172dcedc4bc39"
	                       "73927cb21071560da3fe45a527122a2acdf1a64ce315fc430c75c3b33bfa5518"
	                       "7159c405256073ab959d52fc02085a3083d59908501b52dd1f1d7682f1339ce5"
	                       "5777aa3e"));
	count_from(p.sk, sizeof p.sk, 1);
	count_from(p.psk, sizeof p.psk, 200);
	uint8_t out[32], expected[32];
	count_from(expected, sizeof expected, 50);
	assert_int_equal(reopen(&p, out), SEAL_OPENED);
	assert_memory_equal(out, expected, sizeof out);
}

/* what somebody who knows the keys could make, so that one stanza opens for two of them */
static void a_ciphertext_that_opens_is_refused_without_its_commitment(void **state)
{
	(void)state;
	struct pair p;
	assert_true(hex_decode(p.stanza, sizeof p.stanza,
	                       "01018400af1f75221af0cbb4f5cb316ad0bec4395714769d116bf76436ae74bc"
	                       "793d2c30ad1903c59ac5273805c7e2698b410c36000000000000000000000000"
	                       "0000000000000000000000000000000000000000e315fc430c75c3b33bfa5518"
	                       "7159c405256073ab959d52fc02085a3083d599083bcecad14c2224ab8dad48df"
	                       "3c68910d"));
	count_from(p.sk, sizeof p.sk, 1);
	count_from(p.psk, sizeof p.psk, 200);
	assert_refused(&p, SEAL_DAMAGED);
}

static void public_key_and_its_id_are_as_frozen(void **state)
{
	(void)state;
	uint8_t sk[32], pk[32], id[SEAL_ID_BYTES];
	char text[65];
	count_from(sk, sizeof sk, 1);
	seal_public(pk, sk);
	assert_string_equal(hex_encode(text, pk, sizeof pk),
	                    "07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c");
	seal_key_id(id, pk);
	assert_string_equal(hex_encode(text, id, sizeof id), "af1f75221af0cbb4f5cb316ad0bec439");
}

static void the_layout_is_that_of_the_header(void **state)
{
	(void)state;
	struct pair p = sealed_pair();
	static const uint8_t start_bytes[] = { 1, 1, 132, 0 };
	assert_memory_equal(p.stanza, start_bytes, sizeof start_bytes);
	uint8_t id[SEAL_ID_BYTES];
	seal_key_id(id, p.pk);
	assert_memory_equal(p.stanza + 4, id, sizeof id);
}

static void sealing_twice_shows_nothing_equal(void **state)
{
	(void)state;
	struct pair p = sealed_pair(), q = p;
	assert_int_equal(seal_stanza(q.stanza, q.secret, q.pk, q.psk, context, sizeof context - 1),
	                 0);
	for (size_t at = 20; at + 16 <= SEAL_STANZA_BYTES; at += 16)
		assert_memory_not_equal(p.stanza + at, q.stanza + at, 16);
}

static void every_flipped_bit_of_a_stanza_is_noticed(void **state)
{
	(void)state;
	struct pair p = sealed_pair();
	for (size_t bit = 0; bit < 8 * SEAL_STANZA_BYTES; bit++) {
		p.stanza[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_refused(&p, bit < 8 * 4    ? SEAL_MALFORMED
		                   : bit < 8 * 20 ? SEAL_OTHER_KEY
		                                  : SEAL_DAMAGED);
		p.stanza[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	uint8_t out[32];
	assert_int_equal(reopen(&p, out), SEAL_OPENED);
}

static void another_psk_is_refused(void **state)
{
	(void)state;
	struct pair p = sealed_pair();
	p.psk[31] ^= 1;
	assert_refused(&p, SEAL_DAMAGED);
}

static void another_context_is_refused(void **state)
{
	(void)state;
	struct pair p = sealed_pair();
	uint8_t out[32];
	assert_int_equal(seal_unstanza(out, p.stanza, p.sk, p.psk, "contexT", 7), SEAL_DAMAGED);
	assert_int_equal(seal_unstanza(out, p.stanza, p.sk, p.psk, "context", 6), SEAL_DAMAGED);
	assert_int_equal(seal_unstanza(out, p.stanza, p.sk, p.psk, NULL, 0), SEAL_DAMAGED);
}

static void an_empty_context_is_a_context(void **state)
{
	(void)state;
	struct pair p = sealed_pair();
	uint8_t out[32];
	assert_int_equal(seal_stanza(p.stanza, p.secret, p.pk, p.psk, NULL, 0), 0);
	assert_int_equal(seal_unstanza(out, p.stanza, p.sk, p.psk, NULL, 0), SEAL_OPENED);
	assert_refused(&p, SEAL_DAMAGED);
}

static void another_secret_key_is_told_apart_from_damage(void **state)
{
	(void)state;
	struct pair p = sealed_pair();
	uint8_t unused[32];
	seal_keypair(unused, p.sk);
	assert_refused(&p, SEAL_OTHER_KEY);
}

/* Bernstein, https://cr.yp.to/ecdh.html#validate: points that give a known shared secret */
static const char *const low_order[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

static void low_order_ephemeral_points_are_malformed(void **state)
{
	(void)state;
	struct pair p = sealed_pair();
	for (size_t i = 0; i < sizeof low_order / sizeof low_order[0]; i++) {
		assert_true(hex_decode(p.stanza + 20, 32, low_order[i]));
		assert_refused(&p, SEAL_MALFORMED);
	}
}

static void sealing_to_a_low_order_point_is_refused(void **state)
{
	(void)state;
	struct pair p = sealed_pair();
	uint8_t before[SEAL_STANZA_BYTES];
	memcpy(before, p.stanza, sizeof before);
	for (size_t i = 0; i < sizeof low_order / sizeof low_order[0]; i++) {
		assert_true(hex_decode(p.pk, 32, low_order[i]));
		assert_int_equal(seal_stanza(p.stanza, p.secret, p.pk, p.psk, context, 7), -1);
		assert_memory_equal(p.stanza, before, sizeof before);
	}
}

static void encrypted_bytes_come_back_at_any_length(void **state)
{
	(void)state;
	uint8_t key[32], data[300], sealed[300 + SEAL_OVERHEAD_BYTES], out[300];
	count_from(key, sizeof key, 9);
	count_from(data, sizeof data, 0);
	for (size_t len = 0; len <= sizeof data; len += 1 + len / 7) {
		seal_encrypt(sealed, data, len, "aad", 3, key);
		size_t sealed_len = len + SEAL_OVERHEAD_BYTES;
		assert_int_equal(seal_decrypt(out, sealed, sealed_len, "aad", 3, key), 0);
		assert_memory_equal(out, data, len);
	}
}

static void bytes_of_another_implementation_decrypt(void **state)
{
	(void)state;
	uint8_t key[32], sealed[11 + SEAL_OVERHEAD_BYTES], out[11];
	count_from(key, sizeof key, 1);
	assert_true(hex_decode(sealed, sizeof sealed,
	                       "05060708090a0b0c0d0e0f101112131415161718191a1b1c3e16de41b18aab01b1"
	                       "2127eb52e32d46a379e18ef67695d99014d6"));
	assert_int_equal(seal_decrypt(out, sealed, sizeof sealed, "aad", 3, key), 0);
	assert_memory_equal(out, "plain bytes", sizeof out);
}

static void every_flipped_bit_of_a_ciphertext_is_noticed_and_leaves_zeros(void **state)
{
	(void)state;
	static const uint8_t zeros[20];
	uint8_t key[32], sealed[20 + SEAL_OVERHEAD_BYTES], out[20];
	count_from(key, sizeof key, 9);
	seal_encrypt(sealed, "twenty bytes of data", 20, "aad", 3, key);
	for (size_t bit = 0; bit < 8 * sizeof sealed; bit++) {
		memset(out, 0xa5, sizeof out);
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(seal_decrypt(out, sealed, sizeof sealed, "aad", 3, key), -1);
		assert_memory_equal(out, zeros, sizeof zeros);
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void truncated_ciphertext_is_refused(void **state)
{
	(void)state;
	uint8_t key[32], sealed[20 + SEAL_OVERHEAD_BYTES], out[20];
	count_from(key, sizeof key, 9);
	seal_encrypt(sealed, "twenty bytes of data", 20, NULL, 0, key);
	for (size_t len = 0; len < sizeof sealed; len++) {
		/* in memory of its very size, so that a sanitizer sees any read behind it */
		uint8_t *exact = malloc(len ? len : 1);
		assert_non_null(exact);
		memcpy(exact, sealed, len);
		assert_int_equal(seal_decrypt(out, exact, len, NULL, 0, key), -1);
		free(exact);
	}
}

static void other_associated_data_or_key_is_refused(void **state)
{
	(void)state;
	uint8_t key[32], sealed[4 + SEAL_OVERHEAD_BYTES], out[4];
	count_from(key, sizeof key, 9);
	seal_encrypt(sealed, "data", 4, "aad", 3, key);
	assert_int_equal(seal_decrypt(out, sealed, sizeof sealed, "aax", 3, key), -1);
	assert_int_equal(seal_decrypt(out, sealed, sizeof sealed, "aad", 2, key), -1);
	key[0] ^= 1;
	assert_int_equal(seal_decrypt(out, sealed, sizeof sealed, "aad", 3, key), -1);
}

static void nonces_are_never_the_same(void **state)
{
	(void)state;
	uint8_t key[32] = { 0 }, one[SEAL_OVERHEAD_BYTES], other[SEAL_OVERHEAD_BYTES];
	seal_encrypt(one, NULL, 0, NULL, 0, key);
	seal_encrypt(other, NULL, 0, NULL, 0, key);
	assert_memory_not_equal(one, other, SEAL_NONCE_BYTES);
}

static int start(void **state)
{
	(void)state;
	return crypto_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sealed_secret_comes_back),
		cmocka_unit_test(a_stanza_of_another_implementation_opens),
		cmocka_unit_test(a_ciphertext_that_opens_is_refused_without_its_commitment),
		cmocka_unit_test(public_key_and_its_id_are_as_frozen),
		cmocka_unit_test(the_layout_is_that_of_the_header),
		cmocka_unit_test(sealing_twice_shows_nothing_equal),
		cmocka_unit_test(every_flipped_bit_of_a_stanza_is_noticed),
		cmocka_unit_test(another_psk_is_refused),
		cmocka_unit_test(another_context_is_refused),
		cmocka_unit_test(an_empty_context_is_a_context),
		cmocka_unit_test(another_secret_key_is_told_apart_from_damage),
		cmocka_unit_test(low_order_ephemeral_points_are_malformed),
		cmocka_unit_test(sealing_to_a_low_order_point_is_refused),
		cmocka_unit_test(encrypted_bytes_come_back_at_any_length),
		cmocka_unit_test(bytes_of_another_implementation_decrypt),
		cmocka_unit_test(every_flipped_bit_of_a_ciphertext_is_noticed_and_leaves_zeros),
		cmocka_unit_test(truncated_ciphertext_is_refused),
		cmocka_unit_test(other_associated_data_or_key_is_refused),
		cmocka_unit_test(nonces_are_never_the_same),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
