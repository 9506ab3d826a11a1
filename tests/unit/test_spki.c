#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "crypto/hash.h"
#include "format/spki.h"
#include "holdfast/err.h"
#include "scratch.h"
#include "shell.h"

static void openssl_verifies_with_the_key(void **state)
{
	static const char verify[] =
		"openssl pkeyutl -verify -rawin -pubin -inkey k.pem -in m -sigfile s";
	static const uint8_t seed[32] = { 1 };
	char dir[SCRATCH_MAX];
	uint8_t pk[32], sk[64], signature[64];
	struct err err;
	(void)state;
	assert_int_equal(crypto_start(), 0);
	assert_true(scratch_make(dir));
	sign_keypair(pk, sk, seed);
	sign_plain(signature, "message", 7, sk);
	AUTO(buf) b = buf_new(SPKI_MAX, &err);
	assert_int_equal(spki_encode(pk, b, &err), 0);
	assert_true(shell_put(dir, "k.pem", b->bytes, b->len));
	assert_true(shell_put(dir, "m", "message", 7));
	assert_true(shell_put(dir, "s", signature, 64));
	assert_int_equal(shell(dir, "%s", verify), 0);
	/* openssl writes the same bytes */
	assert_int_equal(shell(dir, "openssl pkey -pubin -in k.pem -pubout | cmp - k.pem"), 0);
	signature[0] ^= 1;
	assert_true(shell_put(dir, "s", signature, 64));
	assert_int_not_equal(shell(dir, "%s", verify), 0);
	scratch_remove(dir);
}

static void a_key_of_openssl_is_read(void **state)
{
	char dir[SCRATCH_MAX];
	uint8_t pk[32], raw[32];
	struct err err;
	(void)state;
	assert_true(scratch_make(dir));
	assert_int_equal(shell(dir, "openssl genpkey -algorithm ed25519 -out sk.pem && "
	                       "openssl pkey -in sk.pem -pubout -out pk.pem && "
	                       "openssl pkey -in sk.pem -pubout -outform DER | tail -c 32 >raw"), 0);
	AUTO(buf) pem = buf_new(SPKI_MAX, &err);
	AUTO(buf) bytes = buf_new(64, &err);
	assert_true(shell_get(dir, "pk.pem", pem) && shell_get(dir, "raw", bytes));
	assert_int_equal(spki_decode(pk, pem->bytes, pem->len, &err), 0);
	memcpy(raw, bytes->bytes, 32);
	assert_memory_equal(pk, raw, 32);
	scratch_remove(dir);
}

static void what_is_no_such_key_is_refused(void **state)
{
	static const uint8_t zeros[32];
	uint8_t pk[32];
	struct err err;
	(void)state;
	AUTO(buf) b = buf_new(SPKI_MAX, &err);
	assert_int_equal(spki_encode(zeros, b, &err), 0);
	for (size_t len = 0; len < b->len; len++)
		assert_int_equal(spki_decode(pk, b->bytes, len, &err), ERR_CORRUPT);
	/* the words, and the DER in front of the key */
	for (size_t i = 0; i < 27 + 16; i++) {
		b->bytes[i] ^= 1;
		assert_int_equal(spki_decode(pk, b->bytes, b->len, &err), ERR_CORRUPT);
		b->bytes[i] ^= 1;
	}
	assert_int_equal(buf_append(b, "\n", 1, &err), 0);
	assert_int_equal(spki_decode(pk, b->bytes, b->len, &err), ERR_CORRUPT);
}

static void a_private_key_of_openssl_is_read_and_no_other(void **state)
{
	char dir[SCRATCH_MAX];
	uint8_t seed[32], pk[32], sk[64];
	struct err err;
	(void)state;
	assert_true(scratch_make(dir));
	assert_int_equal(shell(dir, "openssl genpkey -algorithm ed25519 -out sk.pem && "
	                       "openssl pkey -in sk.pem -pubout -outform DER | tail -c 32 >raw && "
	                       "openssl genpkey -algorithm x25519 -out x.pem && "
	                       "openssl pkey -in sk.pem -aes256 -passout pass:x -out locked.pem"), 0);
	AUTO(buf) pem = buf_new(4096, &err);
	AUTO(buf) raw = buf_new(64, &err);
	assert_true(shell_get(dir, "sk.pem", pem) && shell_get(dir, "raw", raw));
	assert_int_equal(spki_decode_seed(seed, pem->bytes, pem->len, &err), 0);
	sign_keypair(pk, sk, seed);
	assert_memory_equal(pk, raw->bytes, 32);
	for (size_t len = 0; len < pem->len; len++)
		assert_int_equal(spki_decode_seed(seed, pem->bytes, len, &err), ERR_CORRUPT);
	static const char *const others[] = { "x.pem", "locked.pem" };
	for (size_t i = 0; i < 2; i++) {
		AUTO(buf) other = buf_new(4096, &err);
		assert_true(shell_get(dir, others[i], other));
		assert_int_equal(spki_decode_seed(seed, other->bytes, other->len, &err), ERR_CORRUPT);
	}
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openssl_verifies_with_the_key),
		cmocka_unit_test(a_key_of_openssl_is_read),
		cmocka_unit_test(a_private_key_of_openssl_is_read_and_no_other),
		cmocka_unit_test(what_is_no_such_key_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
