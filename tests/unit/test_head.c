#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/wire.h"
#include "crypto/hash.h"
#include "format/head.h"
#include "holdfast/err.h"

static const char body[] = "the sealed body, whatever it may be";

struct sample {
	struct head head;
	struct head_pack packs[3];
	uint8_t pk[32], sk[SIGN_SECRET_BYTES];
	struct buf *bytes;
};

static void encode(struct sample *s)
{
	struct err err;
	buf_clear(s->bytes);
	assert_int_equal(head_encode(&s->head, body, sizeof body, s->sk, s->bytes, &err), 0);
}

static int set_up(void **state)
{
	struct err err;
	uint8_t seed[32] = { 7 };
	struct sample *s = calloc(1, sizeof *s);
	assert_non_null(s);
	sign_keypair(s->pk, s->sk, seed);
	s->bytes = buf_new(1 << 20, &err);
	s->head = (struct head){ .seq = 12, .time_s = 1795000000, .kind = HEAD_INCREMENTAL, .epoch = 2,
	                         .charter_n = 5, .n_packs = 3, .packs = s->packs };
	memset(s->head.vault, 1, 16);
	memset(s->head.store, 2, 16);
	memset(s->head.writer, 3, 16);
	memset(s->head.session, 4, 16);
	memset(s->head.prev, 5, 32);
	memset(s->head.epoch_pk, 6, 32);
	memset(s->head.charter_hash, 7, 32);
	for (uint32_t i = 0; i < 3; i++) {
		memset(s->packs[i].id, 0x10 + (int)i, 32);
		s->packs[i].size = i == 2 ? 284 : PACK_BYTES;
	}
	encode(s);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct sample *s = *state;
	buf_free(s->bytes);
	free(s);
	return 0;
}

static int read_back(struct head *h, const struct sample *s, const uint8_t *bytes, size_t len,
                     struct err *err)
{
	struct head_parts parts;
	if (head_split(&parts, bytes, len, err) != 0 || head_decode(h, &parts, err) != 0)
		return err->code;
	if (head_verify(h, &parts, s->pk, err) == 0)
		return 0;
	head_clear(h);
	return err->code;
}

static void a_head_comes_back_as_it_was(void **state)
{
	struct sample *s = *state;
	struct err err;
	struct head h;
	for (unsigned kind = HEAD_FULL; kind <= HEAD_UNCHANGED; kind++) {
		s->head.kind = (enum head_kind)kind;
		encode(s);
		assert_int_equal(read_back(&h, s, s->bytes->bytes, s->bytes->len, &err), 0);
		assert_int_equal(h.n_packs, 3);
		assert_memory_equal(h.packs, s->packs, sizeof s->packs);
		assert_memory_equal(&h, &s->head, offsetof(struct head, n_packs));
		head_clear(&h);
		assert_null(h.packs);
	}
}

static void a_head_without_packs_is_a_head(void **state)
{
	struct sample *s = *state;
	struct err err;
	struct head h;
	s->head.n_packs = 0;
	encode(s);
	assert_int_equal(read_back(&h, s, s->bytes->bytes, s->bytes->len, &err), 0);
	assert_int_equal(h.n_packs, 0);
	head_clear(&h);
}

static void the_largest_numbers_come_back(void **state)
{
	struct sample *s = *state;
	struct err err;
	struct head h;
	s->head.seq = s->head.time_s = s->head.charter_n = INT64_MAX;
	s->head.epoch = UINT32_MAX;
	encode(s);
	assert_int_equal(read_back(&h, s, s->bytes->bytes, s->bytes->len, &err), 0);
	assert_int_equal(h.seq, INT64_MAX);
	assert_int_equal(h.time_s, INT64_MAX);
	assert_int_equal(h.charter_n, INT64_MAX);
	assert_int_equal(h.epoch, UINT32_MAX);
	head_clear(&h);
}

#define B16(d) d d d d d d d d d d d d d d d d
#define B32(d) B16(d) B16(d)

/* The exact bytes that are signed. */
static void a_golden_head_is_written_as_ever(void **state)
{
	struct sample *s = *state;
	uint8_t hash[32];
	char body_hex[65], text[4096];
	hash_labelled(hash, 32, "hf1.body", NULL, 0, body, sizeof body);
	snprintf(text, sizeof text,
	         "{\"alarms\":[],\"body\":\"%s\",\"charter\":\"" B32("07") "\",\"charter_n\":5,\"epoch\":2,"
	         "\"epoch_pk\":\"" B32("06") "\",\"format\":1,\"kind\":\"incremental\",\"packs\":[[\""
	         B32("10") "\",16777216],[\"" B32("11") "\",16777216],[\"" B32("12") "\",284]],"
	         "\"prev\":\"" B32("05") "\",\"seq\":12,\"session\":\"" B16("04") "\",\"store\":\"" B16("02")
	         "\",\"time\":1795000000,\"vault\":\"" B16("01") "\",\"writer\":\"" B16("03") "\"}",
	         hex_encode(body_hex, hash, 32));
	size_t len = strlen(text);
	uint8_t lengths[8];
	wire_put_u32(wire_put_u32(lengths, (uint32_t)len), sizeof body);
	assert_int_equal(s->bytes->len, 16 + len + 64 + sizeof body);
	assert_memory_equal(s->bytes->bytes, "HFSNAP1", 8);
	assert_memory_equal(s->bytes->bytes + 8, lengths, 8);
	assert_memory_equal(s->bytes->bytes + 16, text, len);
	assert_true(sign_verify(s->bytes->bytes + 16 + len, "hf1.snapshot", text, len, s->pk));
	assert_memory_equal(s->bytes->bytes + 16 + len + 64, body, sizeof body);
}

static void the_hash_of_a_head_is_that_of_its_text(void **state)
{
	(void)state;
	uint8_t hash[32];
	char hex[65];
	const struct head_parts parts = { .head = (const uint8_t *)"{}", .head_len = 2 };
	head_hash(hash, &parts);
	assert_string_equal(hex_encode(hex, hash, 32),
	                    "043cbd44bb8c16ac2e4114a7f14cfef50cf7733154fdac74b2f097b8661299f6");
}

static void every_flipped_bit_is_refused(void **state)
{
	struct sample *s = *state;
	for (size_t i = 0; i < 8 * s->bytes->len; i++) {
		struct err err;
		struct head h;
		s->bytes->bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		int rc = read_back(&h, s, s->bytes->bytes, s->bytes->len, &err);
		if (rc != ERR_CORRUPT && rc != ERR_NEWER)
			fail_msg("bit %zu: %d", i, rc);
		s->bytes->bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

static void every_other_length_is_refused(void **state)
{
	struct sample *s = *state;
	for (size_t len = 0; len < s->bytes->len + 3; len++) {
		struct err err;
		struct head_parts parts;
		uint8_t *exact = calloc(1, len + 1);
		assert_non_null(exact);
		memcpy(exact, s->bytes->bytes, len < s->bytes->len ? len : s->bytes->len);
		assert_int_equal(head_split(&parts, exact, len, &err),
		                 len == s->bytes->len ? 0 : ERR_CORRUPT);
		free(exact);
	}
}

static void lengths_that_cannot_be_are_refused(void **state)
{
	struct sample *s = *state;
	static const uint32_t lengths[][2] = {
		{ UINT32_MAX, UINT32_MAX }, { UINT32_MAX, 0 }, { 0, UINT32_MAX }, { HEAD_JSON_MAX + 1, 0 },
		{ HEAD_JSON_MAX, HEAD_BODY_MAX }, { 0, HEAD_BODY_MAX + 1u }, { 0, 0 },
	};
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		struct err err;
		struct head_parts parts;
		wire_put_u32(wire_put_u32(s->bytes->bytes + 8, lengths[i][0]), lengths[i][1]);
		assert_int_equal(head_split(&parts, s->bytes->bytes, s->bytes->len, &err), ERR_CORRUPT);
	}
}

static void a_newer_object_is_called_newer(void **state)
{
	struct sample *s = *state;
	struct err err;
	struct head_parts parts;
	s->bytes->bytes[6] = '2';
	assert_int_equal(head_split(&parts, s->bytes->bytes, s->bytes->len, &err), ERR_NEWER);
}

static void another_writer_is_refused(void **state)
{
	struct sample *s = *state;
	struct err err;
	struct head h;
	uint8_t sk[SIGN_SECRET_BYTES], seed[32] = { 8 };
	sign_keypair(s->pk, sk, seed);
	assert_int_equal(read_back(&h, s, s->bytes->bytes, s->bytes->len, &err), ERR_CORRUPT);
}

static void a_body_that_was_not_fetched_is_not_asked_for(void **state)
{
	struct sample *s = *state;
	struct err err;
	struct head h;
	struct head_parts parts;
	s->bytes->bytes[s->bytes->len - 1] ^= 1;
	assert_int_equal(head_split(&parts, s->bytes->bytes, s->bytes->len, &err), 0);
	assert_int_equal(head_decode(&h, &parts, &err), 0);
	assert_int_equal(head_verify(&h, &parts, s->pk, &err), ERR_CORRUPT);
	parts.body = NULL;
	assert_int_equal(head_verify(&h, &parts, s->pk, &err), 0);
	head_clear(&h);
}

static void an_object_beyond_the_cap_is_not_encoded(void **state)
{
	struct sample *s = *state;
	struct err err;
	size_t before = s->bytes->len;
	assert_int_equal(head_encode(&s->head, body, sizeof body, s->sk, s->bytes, &err), 0);
	s->bytes->max = s->bytes->len + 100;
	assert_int_equal(head_encode(&s->head, body, sizeof body, s->sk, s->bytes, &err), ERR_LIMIT);
	assert_true(s->bytes->len >= before);
}

/* What a writer with the right key might sign all the same: replace `from` by `to` in the text. */
static int decode_changed(const struct sample *s, const char *from, const char *to, struct err *err)
{
	struct head_parts parts;
	assert_int_equal(head_split(&parts, s->bytes->bytes, s->bytes->len, err), 0);
	char *text = strndup((const char *)parts.head, parts.head_len);
	assert_non_null(text);
	char *at = strstr(text, from);
	if (!at)
		fail_msg("no %s in %s", from, text);
	char *changed = NULL;
	int n = asprintf(&changed, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	assert_true(n > 0);
	parts.head = (const uint8_t *)changed;
	parts.head_len = (size_t)n;
	struct head h = { .seq = 4711 };
	int rc = head_decode(&h, &parts, err);
	if (rc == 0)
		head_clear(&h);
	else
		assert_int_equal(h.seq, 4711);
	free(text);
	free(changed);
	return rc;
}

static void texts_that_cannot_be_heads_are_refused(void **state)
{
	struct sample *s = *state;
	static const struct { const char *from, *to; int rc; } changes[] = {
		{ "\"seq\":12", "\"seq\":13", 0 },
		{ "\"alarms\":[]", "\"alarms\":[],\"answer\":42", 0 },   /* a member of later versions */
		{ "\"format\":1", "\"format\":2", ERR_NEWER },
		{ "\"format\":1,", "", ERR_CORRUPT },
		{ "\"format\":1", "\"format\":-1", ERR_CORRUPT },
		{ "\"seq\":12", "\"seq\":-1", ERR_CORRUPT },
		{ "\"seq\":12", "\"seq\":12.0", ERR_CORRUPT },
		{ "\"seq\":12", "\"seq\":9223372036854775808", ERR_CORRUPT },
		{ "\"seq\":12", "\"seq\":\"12\"", ERR_CORRUPT },
		{ "\"seq\":12", "\"seq\": 12", ERR_CORRUPT },
		{ "\"seq\":12", "\"seq\":12,\"seq\":12", ERR_CORRUPT },
		{ "\"seq\":12,", "", ERR_CORRUPT },
		{ "\"epoch\":2", "\"epoch\":4294967296", ERR_CORRUPT },
		{ "\"kind\":\"incremental\"", "\"kind\":\"Incremental\"", ERR_CORRUPT },
		{ "\"kind\":\"incremental\"", "\"kind\":\"partial\"", ERR_CORRUPT },
		{ "\"kind\":\"incremental\"", "\"kind\":1", ERR_CORRUPT },
		{ "\"vault\":\"01", "\"vault\":\"0", ERR_CORRUPT },
		{ "\"vault\":\"01", "\"vault\":\"0101", ERR_CORRUPT },
		{ "\"vault\":\"01", "\"vault\":\"0A", ERR_CORRUPT },
		{ "\"prev\":\"05", "\"prev\":\"0x", ERR_CORRUPT },
		{ ",284]", ",283]", ERR_CORRUPT },
		{ ",284]", ",16777217]", ERR_CORRUPT },
		{ ",284]", ",284,0]", ERR_CORRUPT },
		{ ",284]", "]", ERR_CORRUPT },
		{ ",284]", ",-284]", ERR_CORRUPT },
		{ "[\"10", "[\"1", ERR_CORRUPT },
		{ "[\"10", "[0,\"10", ERR_CORRUPT },
		{ "\"packs\":[[", "\"packs\":[[],[", ERR_CORRUPT },
		{ "\"packs\":[[", "\"packs\":[7,[", ERR_CORRUPT },
		{ "\"packs\":[[", "\"packs\":{},\"pbcks\":[[", ERR_CORRUPT },
		{ "\"packs\":[[", "\"pbcks\":[[", ERR_CORRUPT },
		{ "{\"alarms\"", "[{\"alarms\"", ERR_CORRUPT },
		{ "{\"alarms\"", " {\"alarms\"", ERR_CORRUPT },
	};
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		struct err err;
		int rc = decode_changed(s, changes[i].from, changes[i].to, &err);
		if (rc != changes[i].rc)
			fail_msg("%s -> %s: %d", changes[i].from, changes[i].to, rc);
	}
}

static void kinds_have_names(void **state)
{
	(void)state;
	assert_string_equal(head_kind_text(HEAD_FULL), "full");
	assert_string_equal(head_kind_text(HEAD_INCREMENTAL), "incremental");
	assert_string_equal(head_kind_text(HEAD_UNCHANGED), "unchanged");
}

int main(void)
{
	crypto_start();
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_head_comes_back_as_it_was),
		TEST(a_head_without_packs_is_a_head),
		TEST(the_largest_numbers_come_back),
		TEST(a_golden_head_is_written_as_ever),
		TEST(the_hash_of_a_head_is_that_of_its_text),
		TEST(every_flipped_bit_is_refused),
		TEST(every_other_length_is_refused),
		TEST(lengths_that_cannot_be_are_refused),
		TEST(a_newer_object_is_called_newer),
		TEST(another_writer_is_refused),
		TEST(a_body_that_was_not_fetched_is_not_asked_for),
		TEST(an_object_beyond_the_cap_is_not_encoded),
		TEST(texts_that_cannot_be_heads_are_refused),
		TEST(kinds_have_names),
	};
	return cmocka_run_group_tests_name("head", tests, NULL, NULL);
}
