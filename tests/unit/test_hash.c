#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/hex.h"
#include "crypto/hash.h"

static void assert_hex(const void *data, size_t len, const char *hex)
{
	char text[2 * 64 + 1];
	assert_string_equal(hex_encode(text, data, len), hex);
}

static void plain_is_what_b2sum_prints(void **state)
{
	(void)state;
	uint8_t out[HASH_BYTES];
	hash_plain(out, "abc", 3);
	assert_hex(out, sizeof out,
	           "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

static void without_label_and_key_it_is_blake2b_of_rfc_7693(void **state)
{
	(void)state;
	uint8_t out[64];
	hash_labelled(out, sizeof out, "", NULL, 0, "abc", 3);
	assert_hex(out, sizeof out,
	           "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
	           "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
}

/* golden values of this and the other crypto tests: Python's hashlib and cryptography */
static void label_and_key_are_personalisation_and_key(void **state)
{
	(void)state;
	uint8_t key[32], out[32];
	for (uint8_t i = 0; i < sizeof key; i++)
		key[i] = i;
	hash_labelled(out, sizeof out, "hf1.test", key, sizeof key, "abc", 3);
	assert_hex(out, sizeof out,
	           "4a5b61f55ffa82550bb82443baad0e5cb2f7ff7b2e20e5ca07270ac79d4baf57");
}

static void a_label_may_fill_all_sixteen_bytes(void **state)
{
	(void)state;
	uint8_t out[16];
	hash_labelled(out, sizeof out, "hf1.0123456789ab", NULL, 0, NULL, 0);
	assert_hex(out, sizeof out, "ca7dadc5d35cfaf1552f91fa27835306");
}

static void parts_give_the_same_as_the_whole(void **state)
{
	(void)state;
	uint8_t whole[40], parts[40];
	hash_labelled(whole, sizeof whole, "hf1.test", "key", 3, "one two three", 13);
	struct hash_state h;
	hash_begin(&h, sizeof parts, "hf1.test", "key", 3);
	hash_add(&h, "one ", 4);
	hash_add(&h, NULL, 0);
	hash_add(&h, "two three", 9);
	hash_end(&h, parts, sizeof parts);
	assert_memory_equal(whole, parts, sizeof whole);
}

static void another_label_or_key_or_length_is_another_hash(void **state)
{
	(void)state;
	uint8_t a[32], b[32], longer[64];
	hash_labelled(a, sizeof a, "hf1.a", "key", 3, "abc", 3);
	hash_labelled(b, sizeof b, "hf1.b", "key", 3, "abc", 3);
	assert_memory_not_equal(a, b, sizeof a);
	hash_labelled(b, sizeof b, "hf1.a", "kez", 3, "abc", 3);
	assert_memory_not_equal(a, b, sizeof a);
	hash_labelled(longer, sizeof longer, "hf1.a", "key", 3, "abc", 3);
	assert_memory_not_equal(a, longer, sizeof a);
}

static int start(void **state)
{
	(void)state;
	return crypto_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_is_what_b2sum_prints),
		cmocka_unit_test(without_label_and_key_it_is_blake2b_of_rfc_7693),
		cmocka_unit_test(label_and_key_are_personalisation_and_key),
		cmocka_unit_test(a_label_may_fill_all_sixteen_bytes),
		cmocka_unit_test(parts_give_the_same_as_the_whole),
		cmocka_unit_test(another_label_or_key_or_length_is_another_hash),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
