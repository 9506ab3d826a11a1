#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "crypto/sha256.h"
#include "format/timestamp.h"
#include "holdfast/err.h"
#include "scratch.h"
#include "tsa.h"

static char dir[SCRATCH_MAX];
static uint8_t nonce[TIMESTAMP_NONCE_BYTES] = { 0xff, 2, 3, 4, 5, 6, 7, 8 };

static int set_up(void **state)
{
	uint8_t hash[32], query[TIMESTAMP_QUERY_BYTES];
	(void)state;
	if (!scratch_make(dir) || tsa_make(dir) != 0)
		return -1;
	sha256(hash, "stamped", 7);
	timestamp_query(query, hash, nonce);
	return shell_put(dir, "data", "stamped", 7) && shell_put(dir, "our.tsq", query, sizeof query)
	     ? tsa_stamp(dir, "our.tsq", "data.tsr") : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return scratch_remove(dir);
}

static struct buf *get(const char *name)
{
	struct err err;
	struct buf *b = buf_new(TIMESTAMP_MAX, &err);
	assert_non_null(b);
	assert_true(shell_get(dir, name, b));
	return b;
}

static void the_query_is_one_that_openssl_makes(void **state)
{
	(void)state;
	/* the same but for its nonce and for the lengths around it */
	assert_int_equal(shell(dir, "openssl ts -query -data data -sha256 -cert -out o.tsq && "
	                            "for f in o our; do openssl ts -query -in $f.tsq -text | "
	                            "grep -v ^Nonce: >$f.txt; done; cmp o.txt our.txt && "
	                            "openssl ts -query -in our.tsq -text | "
	                            "grep -qx 'Nonce: 0x7F02030405060708'"), 0);
}

static void an_answer_repeats_the_nonce_and_openssl_agrees(void **state)
{
	struct timestamp t;
	struct err err;
	(void)state;
	AUTO(buf) b = get("data.tsr");
	assert_int_equal(timestamp_decode(&t, b->bytes, b->len, &err), 0);
	assert_memory_equal(t.nonce, nonce, sizeof nonce);
	assert_int_equal(shell(dir, "openssl ts -verify -queryfile our.tsq -in data.tsr "
	                            "-CAfile tsa-ca.pem"), 0);
	/* with all that may stand before and behind it */
	assert_int_equal(shell(dir, "sed -e 's/^ordering.*/ordering = yes/' "
	                            "-e 's/^tsa_name.*/tsa_name = yes/' "
	                            "-e 's/^serial/accuracy = secs:1, millisecs:500\\n&/' "
	                            "tsa.cnf >full.cnf && "
	                            "openssl ts -reply -config full.cnf -queryfile our.tsq -out full.tsr && "
	                            "openssl ts -reply -in full.tsr -text | grep -q 'Ordering: yes'"), 0);
	AUTO(buf) full = get("full.tsr");
	assert_int_equal(timestamp_decode(&t, full->bytes, full->len, &err), 0);
	assert_memory_equal(t.nonce, nonce, sizeof nonce);
}

static void an_answer_without_a_nonce_has_none(void **state)
{
	static const uint8_t none[TIMESTAMP_NONCE_BYTES] = { 0 };
	struct timestamp t;
	struct err err;
	(void)state;
	assert_int_equal(shell(dir, "openssl ts -query -data data -sha256 -cert -no_nonce -out no.tsq"), 0);
	assert_int_equal(tsa_stamp(dir, "no.tsq", "no.tsr"), 0);
	AUTO(buf) b = get("no.tsr");
	assert_int_equal(timestamp_decode(&t, b->bytes, b->len, &err), 0);
	assert_memory_equal(t.nonce, none, sizeof none);
}

static void an_answer_says_what_was_stamped_and_when(void **state)
{
	struct timestamp t = { .time_s = 0 };
	struct err err;
	uint8_t hash[32];
	(void)state;
	AUTO(buf) b = get("data.tsr");
	assert_int_equal(timestamp_decode(&t, b->bytes, b->len, &err), 0);
	sha256(hash, "stamped", 7);
	assert_memory_equal(t.sha256, hash, 32);
	uint64_t now = (uint64_t)time(NULL);
	assert_true(t.time_s <= now && t.time_s + 600 > now);
	/* the same moment that openssl prints */
	assert_int_equal(shell(dir, "test $(date -d \"$(openssl ts -reply -in data.tsr -text | "
	                            "sed -n 's/^Time stamp: //p')\" +%%s) = %llu",
	                       (unsigned long long)t.time_s), 0);
}

static void a_refusal_is_told_apart(void **state)
{
	struct timestamp t;
	struct err err;
	(void)state;
	/* an algorithm that this authority does not take */
	assert_int_equal(shell(dir, "openssl ts -query -data data -sha512 -out bad.tsq"), 0);
	tsa_stamp(dir, "bad.tsq", "bad.tsr");
	AUTO(buf) b = get("bad.tsr");
	assert_int_equal(timestamp_decode(&t, b->bytes, b->len, &err), ERR_DENIED);
}

static void another_hash_than_sha256_is_refused(void **state)
{
	struct timestamp t;
	struct err err;
	(void)state;
	assert_int_equal(shell(dir, "sed 's/^digests.*/digests = sha512/' tsa.cnf >512.cnf && "
	                            "openssl ts -reply -config 512.cnf -queryfile bad.tsq -out 512.tsr"), 0);
	AUTO(buf) b = get("512.tsr");
	assert_int_equal(timestamp_decode(&t, b->bytes, b->len, &err), ERR_CORRUPT);
}

static void an_answer_that_is_cut_off_or_longer_is_refused(void **state)
{
	struct timestamp t;
	struct err err;
	(void)state;
	AUTO(buf) b = get("data.tsr");
	for (size_t len = 0; len < b->len; len++)
		assert_int_equal(timestamp_decode(&t, b->bytes, len, &err), ERR_CORRUPT);
	assert_int_equal(buf_append(b, "", 1, &err), 0);
	assert_int_equal(timestamp_decode(&t, b->bytes, b->len, &err), ERR_CORRUPT);
}

static void a_changed_imprint_is_never_taken_for_the_old_one(void **state)
{
	struct timestamp whole, t;
	struct err err;
	(void)state;
	AUTO(buf) b = get("data.tsr");
	assert_int_equal(timestamp_decode(&whole, b->bytes, b->len, &err), 0);
	uint8_t *at = memmem(b->bytes, b->len, whole.sha256, 32);
	assert_non_null(at);
	for (size_t i = 0; i < 32; i++) {
		at[i] ^= 0x10;
		assert_int_equal(timestamp_decode(&t, b->bytes, b->len, &err), 0);
		assert_memory_not_equal(t.sha256, whole.sha256, 32);
		at[i] ^= 0x10;
	}
	/* what names the hash, and the imprint's own tags and lengths */
	for (uint8_t *p = at - 17; p < at; p++) {
		*p ^= 0x10;
		assert_int_equal(timestamp_decode(&t, b->bytes, b->len, &err), ERR_CORRUPT);
		*p ^= 0x10;
	}
}

static void a_length_in_a_longer_form_is_refused(void **state)
{
	/* SEQUENCE of 5 bytes, with its length in two bytes, in a form without end, in one byte */
	static const uint8_t refused[][9] = {
		{ 0x30, 0x81, 0x05, 0x30, 0x03, 0x02, 0x01, 0x02, 0x00 },
		{ 0x30, 0x80, 0x30, 0x03, 0x02, 0x01, 0x02, 0x00, 0x00 },
		{ 0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x02, 0x01, 0x02 },
	};
	static const uint8_t taken[] = { 0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x02 };
	struct timestamp t;
	struct err err;
	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		for (size_t len = 0; len <= sizeof refused[i]; len++)
			assert_int_equal(timestamp_decode(&t, refused[i], len, &err), ERR_CORRUPT);
	assert_int_equal(timestamp_decode(&t, taken, sizeof taken, &err), ERR_DENIED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_query_is_one_that_openssl_makes),
		cmocka_unit_test(an_answer_repeats_the_nonce_and_openssl_agrees),
		cmocka_unit_test(an_answer_without_a_nonce_has_none),
		cmocka_unit_test(an_answer_says_what_was_stamped_and_when),
		cmocka_unit_test(a_refusal_is_told_apart),
		cmocka_unit_test(another_hash_than_sha256_is_refused),
		cmocka_unit_test(an_answer_that_is_cut_off_or_longer_is_refused),
		cmocka_unit_test(a_changed_imprint_is_never_taken_for_the_old_one),
		cmocka_unit_test(a_length_in_a_longer_form_is_refused),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
