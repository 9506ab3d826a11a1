#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "crypto/hash.h"
#include "format/minisign.h"
#include "holdfast/err.h"
#include "scratch.h"
#include "shell.h"

static uint8_t pk[32], sk[64], other_pk[32], other_sk[64];

static int set_up(void **state)
{
	static const uint8_t seed[32] = { 1 }, other[32] = { 2 };
	(void)state;
	sign_keypair(pk, sk, seed);
	sign_keypair(other_pk, other_sk, other);
	return crypto_start();
}

static struct buf *sign(const void *data, size_t len, const char *comment)
{
	struct err err;
	struct buf *b = buf_new(MINISIGN_MAX, &err);
	assert_non_null(b);
	assert_int_equal(minisign_sign(data, len, comment, sk, b, &err), 0);
	return b;
}

static void debians_minisign_verifies_what_we_sign(void **state)
{
	static uint8_t data[100000];
	static const size_t sizes[] = { 0, 1, 64, 1023, sizeof data };
	char dir[SCRATCH_MAX], said[4000];
	struct err err;
	(void)state;
	assert_true(scratch_make(dir));
	AUTO(buf) key = buf_new(MINISIGN_MAX, &err);
	assert_int_equal(minisign_encode_key(pk, key, &err), 0);
	assert_true(shell_put(dir, "drill.pub", key->bytes, key->len));
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		memset(data, (int)i, sizeof data);
		AUTO(buf) b = sign(data, sizes[i], "drill:42\tresult:passed\ttree:7");
		assert_true(shell_put(dir, "f", data, sizes[i]));
		assert_true(shell_put(dir, "f.minisig", b->bytes, b->len));
		assert_int_equal(shell(dir, "minisign -V -H -Q -p drill.pub -m f"), 0);
		assert_string_equal(shell_said(dir, said), "drill:42\tresult:passed\ttree:7\n");
		assert_int_equal(shell(dir, "echo >>f; minisign -V -Q -p drill.pub -m f"), 1);
	}
	scratch_remove(dir);
}

static void minisign_prints_the_key_id_that_the_key_file_says(void **state)
{
	char dir[SCRATCH_MAX], said[4000], id[17];
	struct err err;
	(void)state;
	assert_true(scratch_make(dir));
	AUTO(buf) key = buf_new(MINISIGN_MAX, &err);
	AUTO(buf) b = sign("x", 1, "");
	assert_int_equal(minisign_encode_key(other_pk, key, &err), 0);
	assert_true(shell_put(dir, "other.pub", key->bytes, key->len));
	assert_true(shell_put(dir, "f", "x", 1));
	assert_true(shell_put(dir, "f.minisig", b->bytes, b->len));
	memcpy(id, strchr((const char *)key->bytes, '\n') - 16, 16);
	id[16] = '\0';
	assert_int_equal(shell(dir, "minisign -V -p other.pub -m f"), 1);
	assert_non_null(strstr(shell_said(dir, said), id));
	scratch_remove(dir);
}

static void a_signature_comes_back_with_its_comment(void **state)
{
	char comment[MINISIGN_COMMENT_MAX];
	struct err err;
	(void)state;
	AUTO(buf) b = sign("abc", 3, "drill:1\tok");
	assert_int_equal(minisign_verify("abc", 3, b->bytes, b->len, pk, comment, &err), 0);
	assert_string_equal(comment, "drill:1\tok");
	assert_int_equal(minisign_verify("abd", 3, b->bytes, b->len, pk, NULL, &err), ERR_CORRUPT);
	assert_int_equal(minisign_verify("abc", 3, b->bytes, b->len, other_pk, NULL, &err), ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "another key"));
}

static void no_byte_of_a_signature_can_be_changed(void **state)
{
	struct err err;
	(void)state;
	AUTO(buf) b = sign("abc", 3, "drill:1");
	for (size_t i = 0; i < b->len; i++)
		for (int bit = 0; bit < 8; bit++) {
			b->bytes[i] ^= (uint8_t)(1 << bit);
			assert_int_equal(minisign_verify("abc", 3, b->bytes, b->len, pk, NULL, &err),
			                 ERR_CORRUPT);
			b->bytes[i] ^= (uint8_t)(1 << bit);
		}
	for (size_t len = 0; len < b->len; len++)
		assert_int_equal(minisign_verify("abc", 3, b->bytes, len, pk, NULL, &err), ERR_CORRUPT);
	assert_int_equal(buf_append(b, "x", 1, &err), 0);
	assert_int_equal(minisign_verify("abc", 3, b->bytes, b->len, pk, NULL, &err), ERR_CORRUPT);
}

static void no_byte_of_a_key_can_be_changed(void **state)
{
	uint8_t back[32];
	struct err err;
	(void)state;
	AUTO(buf) b = buf_new(MINISIGN_MAX, &err);
	assert_int_equal(minisign_encode_key(pk, b, &err), 0);
	assert_int_equal(minisign_decode_key(back, b->bytes, b->len, &err), 0);
	assert_memory_equal(back, pk, 32);
	for (size_t i = 0; i < b->len; i++)
		for (int bit = 0; bit < 8; bit++) {
			b->bytes[i] ^= (uint8_t)(1 << bit);
			assert_int_equal(minisign_decode_key(back, b->bytes, b->len, &err), ERR_CORRUPT);
			b->bytes[i] ^= (uint8_t)(1 << bit);
		}
	assert_int_equal(minisign_decode_key(back, b->bytes, b->len - 1, &err), ERR_CORRUPT);
}

static void comments_that_break_the_lines_are_refused(void **state)
{
	char endless[MINISIGN_COMMENT_MAX + 1];
	struct err err;
	(void)state;
	memset(endless, 'a', sizeof endless - 1);
	endless[sizeof endless - 1] = '\0';
	const char *const bad[] = { "a\nb", "a\rb", "\x1b[2J", "\xc3\xbc", endless };
	AUTO(buf) b = buf_new(MINISIGN_MAX, &err);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(minisign_sign("", 0, bad[i], sk, b, &err), ERR_INVALID);
	endless[sizeof endless - 2] = '\0';
	assert_int_equal(minisign_sign("", 0, endless, sk, b, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(debians_minisign_verifies_what_we_sign),
		cmocka_unit_test(minisign_prints_the_key_id_that_the_key_file_says),
		cmocka_unit_test(a_signature_comes_back_with_its_comment),
		cmocka_unit_test(no_byte_of_a_signature_can_be_changed),
		cmocka_unit_test(no_byte_of_a_key_can_be_changed),
		cmocka_unit_test(comments_that_break_the_lines_are_refused),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
