#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sodium.h>
#include <string.h>

#include "base/buf.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "format/detail.h"
#include "holdfast/err.h"

enum { HEAD = 60, STANZA = 132 };

static const struct detail sample = { { 1 }, { 2 }, { 3 } };
static const uint8_t psk[32] = { 9 };
static uint8_t recovery[32], auditor[32], stranger[32];   /* secret halves */
static uint8_t pks[2][32];

static int set_up(void **state)
{
	(void)state;
	uint8_t pk[32];
	seal_keypair(pks[0], recovery);
	seal_keypair(pks[1], auditor);
	seal_keypair(pk, stranger);
	return crypto_start();
}

static struct buf *seal(const char *json)
{
	struct err err;
	struct buf *b = buf_new(DETAIL_MAX, &err);
	assert_non_null(b);
	assert_int_equal(detail_seal(&sample, (const uint8_t(*)[32])pks, 2, psk, json, strlen(json), b,
	                             &err), 0);
	return b;
}

static int open_as(const uint8_t sk[32], const struct buf *b, struct buf *out, struct err *err)
{
	struct detail d;
	return detail_open(&d, b->bytes, b->len, sk, psk, out, err);
}

static void each_recipient_opens_it_and_nobody_else(void **state)
{
	struct err err;
	struct detail d;
	(void)state;
	AUTO(buf) b = seal("{\"a\":1}");
	AUTO(buf) out = buf_new(1000, &err);
	assert_int_equal(detail_open(&d, b->bytes, b->len, recovery, psk, out, &err), 0);
	assert_string_equal(buf_text(out, &err), "{\"a\":1}");
	assert_memory_equal(&d, &sample, sizeof d);
	memset(&d, 0, sizeof d);
	assert_int_equal(detail_identify(&d, b->bytes, b->len, &err), 0);
	assert_memory_equal(&d, &sample, sizeof d);
	buf_clear(out);
	assert_int_equal(open_as(auditor, b, out, &err), 0);
	assert_string_equal(buf_text(out, &err), "{\"a\":1}");
	assert_int_equal(open_as(stranger, b, out, &err), ERR_KEY);
}

static void its_length_says_little(void **state)
{
	(void)state;
	AUTO(buf) shorter = seal("{}");
	AUTO(buf) longer = seal("{\"names\":\"much longer than the other one, and not told by it\"}");
	assert_int_equal(shorter->len, longer->len);
}

static void every_flipped_byte_is_refused(void **state)
{
	struct err err;
	(void)state;
	AUTO(buf) b = seal("{\"a\":1}");
	AUTO(buf) out = buf_new(DETAIL_MAX, &err);
	for (size_t i = 0; i < b->len; i++) {
		b->bytes[i] ^= 4;
		assert_int_not_equal(open_as(auditor, b, out, &err), 0);
		assert_int_equal(out->len, 0);
		b->bytes[i] ^= 4;
	}
	for (size_t len = 0; len < b->len; len += 7)
		assert_int_not_equal(open_as(auditor, &(struct buf){ .bytes = b->bytes, .len = len }, out,
		                             &err), 0);
}

static void claims_that_cannot_be_true_are_refused(void **state)
{
	struct err err;
	(void)state;
	AUTO(buf) b = seal("{\"a\":1}");
	AUTO(buf) out = buf_new(DETAIL_MAX, &err);
	b->bytes[56] = 17;
	assert_int_equal(open_as(auditor, b, out, &err), ERR_CORRUPT);
	b->bytes[56] = 0;
	assert_int_equal(open_as(auditor, b, out, &err), ERR_CORRUPT);
	b->bytes[56] = 2;
	memset(b->bytes + HEAD + 2 * STANZA, 0xff, 4);
	assert_int_equal(open_as(auditor, b, out, &err), ERR_CORRUPT);
	b->bytes[6] = '2';
	assert_int_equal(open_as(auditor, b, out, &err), ERR_NEWER);
}

/* Whoever has the psk can seal: the content is still bounded by its own length. */
static void a_content_longer_than_it_is_is_refused(void **state)
{
	struct err err;
	uint8_t key[32], *plain;
	(void)state;
	AUTO(buf) b = seal("{\"a\":1}");
	AUTO(buf) out = buf_new(DETAIL_MAX, &err);
	size_t at = HEAD + 2 * STANZA + 4, len = b->len - at - SEAL_OVERHEAD_BYTES;
	assert_int_equal(seal_unstanza(key, b->bytes + HEAD, recovery, psk, b->bytes, HEAD), SEAL_OPENED);
	plain = calloc(1, len);
	assert_non_null(plain);
	memset(plain, 0xff, 4);
	seal_encrypt(b->bytes + at, plain, len, b->bytes, at, key);
	assert_int_equal(open_as(recovery, b, out, &err), ERR_CORRUPT);
	memset(plain, 0, 4);
	plain[len - 1] = 1;            /* in the padding */
	seal_encrypt(b->bytes + at, plain, len, b->bytes, at, key);
	assert_int_equal(open_as(recovery, b, out, &err), ERR_CORRUPT);
	free(plain);
}

static void a_public_key_that_is_none_is_refused(void **state)
{
	static const uint8_t zeros[1][32];
	struct err err;
	(void)state;
	AUTO(buf) b = buf_new(DETAIL_MAX, &err);
	assert_int_equal(detail_seal(&sample, zeros, 1, psk, "{}", 2, b, &err), ERR_INVALID);
	assert_int_equal(detail_seal(&sample, zeros, 0, psk, "{}", 2, b, &err), ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_recipient_opens_it_and_nobody_else),
		cmocka_unit_test(its_length_says_little),
		cmocka_unit_test(every_flipped_byte_is_refused),
		cmocka_unit_test(claims_that_cannot_be_true_are_refused),
		cmocka_unit_test(a_content_longer_than_it_is_is_refused),
		cmocka_unit_test(a_public_key_that_is_none_is_refused),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
