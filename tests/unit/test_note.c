/* Signed notes and proofs; `openssl` verifies them too, in tests/cli/ledger.bats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "crypto/hash.h"
#include "format/note.h"
#include "format/tlogproof.h"
#include "holdfast/err.h"

static uint8_t pk[32], sk[64], witness_pk[32], witness_sk[64];
static struct note sample = { .origin = "holdfast/00/11", .size = 20852163 };

static int set_up(void **state)
{
	uint8_t seed[32] = { 1 };
	(void)state;
	if (crypto_start() != 0)
		return -1;
	sign_keypair(pk, sk, seed);
	seed[0] = 2;
	sign_keypair(witness_pk, witness_sk, seed);
	memset(sample.root, 0xab, sizeof sample.root);
	return 0;
}

/* The key that the documentation of Go's note package shows. */
static void a_key_reads_as_other_tools_write_it(void **state)
{
	static const char known[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
	uint8_t key[33];
	char text[NOTE_KEY_MAX];
	size_t len;
	(void)state;
	assert_int_equal(sodium_base642bin(key, sizeof key, strrchr(known, '+') + 1, 44, NULL, &len, NULL,
	                                   sodium_base64_VARIANT_ORIGINAL), 0);
	assert_string_equal(note_key(text, "PeterNeumann", key + 1), known);
}

static struct buf *encode(void)
{
	struct err err;
	struct buf *b = buf_new(NOTE_MAX, &err);
	assert_int_equal(note_encode(&sample, sk, b, &err), 0);
	return b;
}

static void the_text_is_origin_size_and_root(void **state)
{
	struct err err;
	AUTO(buf) b = encode();
	const char *text = buf_text(b, &err);
	(void)state;
	static const char start[] = "holdfast/00/11\n20852163\n"
	                            "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=\n\n"
	                            "\xe2\x80\x94 holdfast/00/11 ";
	assert_int_equal(strncmp(text, start, sizeof start - 1), 0);
}

static void a_note_comes_back_and_verifies(void **state)
{
	struct err err;
	struct note n;
	AUTO(buf) b = encode();
	(void)state;
	assert_int_equal(note_decode(&n, b->bytes, b->len, &err), 0);
	assert_string_equal(n.origin, sample.origin);
	assert_int_equal(n.size, sample.size);
	assert_memory_equal(n.root, sample.root, 32);
	assert_int_equal(note_verify(&n, b->bytes, b->len, sample.origin, pk, &err), 0);
	assert_int_equal(note_verify(&n, b->bytes, b->len, sample.origin, witness_pk, &err), ERR_CORRUPT);
	assert_int_equal(note_verify(&n, b->bytes, b->len, "holdfast/00/12", pk, &err), ERR_CORRUPT);
}

static void any_changed_byte_is_refused(void **state)
{
	struct err err;
	AUTO(buf) b = encode();
	(void)state;
	for (size_t i = 0; i < b->len; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			struct note n;
			b->bytes[i] ^= (uint8_t)(1u << bit);
			if (note_decode(&n, b->bytes, b->len, &err) == 0 &&
			    note_verify(&n, b->bytes, b->len, sample.origin, pk, &err) == 0)
				fail_msg("byte %zu, bit %u", i, bit);
			b->bytes[i] ^= (uint8_t)(1u << bit);
		}
	for (size_t len = 0; len < b->len; len++) {
		struct note n;
		assert_int_not_equal(note_decode(&n, b->bytes, len, &err), 0);
	}
}

static void a_witness_adds_its_line_and_others_ignore_it(void **state)
{
	struct err err;
	struct note n;
	uint64_t when = 0;
	AUTO(buf) b = encode();
	(void)state;
	assert_int_equal(note_decode(&n, b->bytes, b->len, &err), 0);
	assert_int_equal(note_verify_cosigned(&n, b->bytes, b->len, "auditor", witness_pk, &when, &err),
	                 ERR_ABSENT);
	assert_int_equal(note_cosign(&n, b, "auditor", 1700000000, witness_sk, &err), 0);
	assert_int_equal(note_decode(&n, b->bytes, b->len, &err), 0);
	assert_int_equal(note_verify(&n, b->bytes, b->len, sample.origin, pk, &err), 0);
	assert_int_equal(note_verify_cosigned(&n, b->bytes, b->len, "auditor", witness_pk, &when, &err), 0);
	assert_int_equal(when, 1700000000);
	assert_int_equal(note_verify_cosigned(&n, b->bytes, b->len, "auditor", pk, &when, &err), ERR_ABSENT);
	/* the time is signed: the last base64 digits of it are in the line's 20th byte */
	uint8_t *line = memmem(b->bytes, b->len, "auditor ", 8);
	line[8 + 15] = line[8 + 15] == 'A' ? 'B' : 'A';
	assert_int_not_equal(note_verify_cosigned(&n, b->bytes, b->len, "auditor", witness_pk, &when, &err),
	                     0);
}

static void a_witnesss_key_comes_back_and_any_other_text_is_none(void **state)
{
	struct note_witness w = { .name = "auditor.example/2026" }, back;
	char text[NOTE_KEY_MAX], log[NOTE_KEY_MAX];
	struct err err;
	(void)state;
	memcpy(w.pk, witness_pk, sizeof w.pk);
	note_witness_key(text, &w);
	size_t len = strlen(text);
	assert_int_equal(note_witness_decode(&back, text, len, &err), 0);
	assert_string_equal(back.name, w.name);
	assert_memory_equal(back.pk, w.pk, sizeof w.pk);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(note_witness_decode(&back, text, cut, &err), ERR_CORRUPT);
	for (size_t i = 0; i < len; i++) {
		text[i] ^= 1;
		assert_int_equal(note_witness_decode(&back, text, len, &err), ERR_CORRUPT);
		text[i] ^= 1;
	}
	text[len] = '\n';
	assert_int_equal(note_witness_decode(&back, text, len + 1, &err), 0);
	/* a log's key is for another kind of signature */
	note_key(log, w.name, w.pk);
	assert_int_equal(note_witness_decode(&back, log, strlen(log), &err), ERR_CORRUPT);
}

static void names_that_would_break_the_line_are_refused(void **state)
{
	static const char *const names[] = { "", "a b", "a+b", "a\nb" };
	struct err err;
	AUTO(buf) b = buf_new(NOTE_MAX, &err);
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct note n = sample;
		snprintf(n.origin, sizeof n.origin, "%s", names[i]);
		assert_int_equal(note_encode(&n, sk, b, &err), ERR_INVALID);
	}
}

static void a_proof_comes_back(void **state)
{
	struct err err;
	AUTO(buf) b = encode();
	AUTO(buf) out = buf_new(TLOGPROOF_MAX, &err);
	struct tlogproof q, p = { .index = 42, .path.n = 3, .checkpoint = b->bytes,
	                          .checkpoint_len = b->len };
	(void)state;
	memset(p.path.hashes, 7, sizeof p.path.hashes);
	assert_int_equal(tlogproof_encode(&p, out, &err), 0);
	static const char start[] = "c2sp.org/tlog-proof@v1\nindex 42\n"
	                            "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n";
	assert_memory_equal(out->bytes, start, sizeof start - 1);
	assert_int_equal(tlogproof_decode(&q, out->bytes, out->len, &err), 0);
	assert_int_equal(q.index, 42);
	assert_int_equal(q.path.n, 3);
	assert_memory_equal(q.path.hashes, p.path.hashes, 96);
	assert_int_equal(q.checkpoint_len, b->len);
	for (size_t len = 0; len + b->len <= out->len; len++)
		assert_int_equal(tlogproof_decode(&q, out->bytes, len, &err), ERR_CORRUPT);
	out->bytes[strlen("c2sp.org/tlog-proof@v1\nindex ")] = '0';
	assert_int_equal(tlogproof_decode(&q, out->bytes, out->len, &err), ERR_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_reads_as_other_tools_write_it),
		cmocka_unit_test(the_text_is_origin_size_and_root),
		cmocka_unit_test(a_note_comes_back_and_verifies),
		cmocka_unit_test(any_changed_byte_is_refused),
		cmocka_unit_test(a_witness_adds_its_line_and_others_ignore_it),
		cmocka_unit_test(a_witnesss_key_comes_back_and_any_other_text_is_none),
		cmocka_unit_test(names_that_would_break_the_line_are_refused),
		cmocka_unit_test(a_proof_comes_back),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
