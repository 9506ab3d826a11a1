#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/wire.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "format/storekey.h"
#include "holdfast/err.h"

struct sample {
	struct storekey key;
	uint8_t record_pk[32], record_sk[SIGN_SECRET_BYTES];
	uint8_t recipient_pk[32], recipient_sk[32], psk[32];
	struct buf *bytes;
};

static void encode(struct sample *s)
{
	struct err err;
	buf_clear(s->bytes);
	assert_int_equal(storekey_encode(&s->key, s->recipient_pk, s->psk, s->record_sk, s->bytes, &err),
	                 0);
}

static int set_up(void **state)
{
	struct err err;
	uint8_t seed[32] = { 1 };
	struct sample *s = calloc(1, sizeof *s);
	assert_non_null(s);
	sign_keypair(s->record_pk, s->record_sk, seed);
	seal_keypair(s->recipient_pk, s->recipient_sk);
	seal_keypair(s->key.pk, s->key.sk);
	memset(s->psk, 0x77, 32);
	memset(s->key.vault, 1, 16);
	memset(s->key.writer, 2, 16);
	memset(s->key.store, 3, 16);
	s->key.epoch = 0x01020304;
	strcpy(s->key.name, "tenants/m\xc3\xbcller & s\xc3\xb6hne");
	s->bytes = buf_new(STOREKEY_MAX_BYTES, &err);
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

static int read_back(const struct sample *s, struct storekey *k, const uint8_t *bytes, size_t len,
                     struct err *err)
{
	if (storekey_verify(k, bytes, len, s->record_pk, NULL, err) != 0)
		return err->code;
	return storekey_open(k, bytes, len, s->recipient_sk, s->psk, err);
}

static void a_store_key_comes_back(void **state)
{
	struct sample *s = *state;
	struct storekey k;
	struct err err;
	assert_int_equal(storekey_verify(&k, s->bytes->bytes, s->bytes->len, s->record_pk, NULL, &err), 0);
	assert_memory_equal(k.vault, s->key.vault, 16);
	assert_memory_equal(k.writer, s->key.writer, 16);
	assert_memory_equal(k.store, s->key.store, 16);
	assert_memory_equal(k.pk, s->key.pk, 32);
	assert_int_equal(k.epoch, s->key.epoch);
	static const uint8_t none[32];
	assert_memory_equal(k.sk, none, 32);
	assert_string_equal(k.name, "");
	assert_int_equal(storekey_open(&k, s->bytes->bytes, s->bytes->len, s->recipient_sk, s->psk, &err),
	                 0);
	assert_memory_equal(k.sk, s->key.sk, 32);
	assert_string_equal(k.name, s->key.name);
}

static void bytes_lie_where_the_format_says(void **state)
{
	struct sample *s = *state;
	const uint8_t *b = s->bytes->bytes;
	assert_memory_equal(b, "HFSKEY1", 8);
	assert_memory_equal(b + 8, s->key.vault, 16);
	assert_memory_equal(b + 24, s->key.writer, 16);
	assert_memory_equal(b + 40, s->key.store, 16);
	assert_memory_equal(b + 56, "\4\3\2\1", 4);
	assert_memory_equal(b + 60, s->key.pk, 32);
	struct wire w = wire_over(b + 224, 4);
	uint32_t sealed = wire_u32(&w);
	assert_int_equal(sealed, 32 + 2 + STOREKEY_NAME_MAX + SEAL_OVERHEAD_BYTES);
	assert_int_equal(s->bytes->len, 228 + sealed + SIGN_BYTES);
	assert_true(sign_verify(b + 228 + sealed, "hf1.storekey", b, 228 + sealed, s->record_pk));
	/* the stanza opens to the key of what follows */
	uint8_t content_key[32], plain[300];
	assert_int_equal(seal_unstanza(content_key, b + 92, s->recipient_sk, s->psk, b, 92), SEAL_OPENED);
	assert_int_equal(seal_decrypt(plain, b + 228, sealed, b, 228, content_key), 0);
	assert_memory_equal(plain, s->key.sk, 32);
	assert_int_equal(plain[32], strlen(s->key.name));
	assert_int_equal(plain[33 + strlen(s->key.name)], 0);
}

static void names_from_empty_to_the_longest_come_back(void **state)
{
	struct sample *s = *state;
	static const size_t lengths[] = { 0, 1, 127, 128, STOREKEY_NAME_MAX };
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		struct storekey k;
		struct err err;
		memset(s->key.name, 'n', lengths[i]);
		s->key.name[lengths[i]] = '\0';
		encode(s);
		/* how long a name is, does not show */
		assert_int_equal(s->bytes->len, 228 + 234 + SEAL_OVERHEAD_BYTES + SIGN_BYTES);
		assert_int_equal(read_back(s, &k, s->bytes->bytes, s->bytes->len, &err), 0);
		assert_string_equal(k.name, s->key.name);
	}
}

static void every_flipped_bit_is_refused(void **state)
{
	struct sample *s = *state;
	for (size_t i = 0; i < 8 * s->bytes->len; i++) {
		struct storekey k, before;
		struct err err;
		memset(&k, 0x5a, sizeof k);
		before = k;
		s->bytes->bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		int rc = storekey_verify(&k, s->bytes->bytes, s->bytes->len, s->record_pk, NULL, &err);
		assert_true(rc == ERR_CORRUPT || (rc == ERR_NEWER && i / 8 >= 6 && i / 8 < 8));
		assert_memory_equal(&k, &before, sizeof k);
		s->bytes->bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

static void every_other_length_is_refused(void **state)
{
	struct sample *s = *state;
	for (size_t len = 0; len <= STOREKEY_MAX_BYTES + 1; len++) {
		struct storekey k;
		struct err err;
		uint8_t *exact = calloc(1, len + 1);
		assert_non_null(exact);
		memcpy(exact, s->bytes->bytes, len < s->bytes->len ? len : s->bytes->len);
		int rc = storekey_verify(&k, exact, len, s->record_pk, NULL, &err);
		assert_int_equal(rc, len == s->bytes->len ? 0 : ERR_CORRUPT);
		free(exact);
	}
}

static void a_newer_format_is_called_newer(void **state)
{
	struct sample *s = *state;
	struct storekey k;
	struct err err;
	s->bytes->bytes[6] = '2';
	assert_int_equal(storekey_verify(&k, s->bytes->bytes, s->bytes->len, s->record_pk, NULL, &err),
	                 ERR_NEWER);
}

static void another_signer_is_refused(void **state)
{
	struct sample *s = *state;
	struct storekey k;
	struct err err;
	uint8_t pk[32], sk[SIGN_SECRET_BYTES], seed[32] = { 2 };
	sign_keypair(pk, sk, seed);
	assert_int_equal(storekey_verify(&k, s->bytes->bytes, s->bytes->len, pk, NULL, &err), ERR_CORRUPT);
}

/* What root passed on to a further recipient; whoever says he is root must be it. */
static void root_may_sign_for_the_writer(void **state)
{
	struct sample *s = *state;
	struct storekey k;
	struct err err;
	uint8_t root_pk[32], root_sk[SIGN_SECRET_BYTES], seed[32] = { 7 };
	sign_keypair(root_pk, root_sk, seed);
	buf_clear(s->bytes);
	assert_int_equal(storekey_encode(&s->key, s->recipient_pk, s->psk, root_sk, s->bytes, &err), 0);
	const uint8_t *b = s->bytes->bytes;
	size_t len = s->bytes->len;
	assert_int_equal(storekey_verify(&k, b, len, s->record_pk, root_pk, &err), 0);
	assert_int_equal(storekey_verify(&k, b, len, s->record_pk, NULL, &err), ERR_CORRUPT);
	assert_int_equal(storekey_verify(&k, b, len, s->record_pk, s->record_pk, &err), ERR_CORRUPT);
	encode(s);
	assert_int_equal(storekey_verify(&k, s->bytes->bytes, s->bytes->len, s->record_pk, root_pk, &err),
	                 0);
}

static void each_of_several_recipients_opens_its_own(void **state)
{
	struct sample *s = *state;
	uint8_t pk[3][32], sk[3][32];
	for (size_t to = 0; to < 3; to++)
		seal_keypair(pk[to], sk[to]);
	for (size_t to = 0; to < 3; to++) {
		memcpy(s->recipient_pk, pk[to], 32);
		encode(s);
		for (size_t who = 0; who < 3; who++) {
			struct storekey k;
			struct err err;
			memcpy(s->recipient_sk, sk[who], 32);
			int rc = read_back(s, &k, s->bytes->bytes, s->bytes->len, &err);
			assert_int_equal(rc, who == to ? 0 : ERR_KEY);
			if (who == to)
				assert_memory_equal(k.sk, s->key.sk, 32);
		}
	}
}

static void another_recipient_is_told_apart_from_damage(void **state)
{
	struct sample *s = *state;
	struct storekey k;
	struct err err;
	uint8_t pk[32], sk[32];
	seal_keypair(pk, sk);
	assert_int_equal(storekey_verify(&k, s->bytes->bytes, s->bytes->len, s->record_pk, NULL, &err), 0);
	assert_int_equal(storekey_open(&k, s->bytes->bytes, s->bytes->len, sk, s->psk, &err), ERR_KEY);
	uint8_t psk[32] = { 0 };
	assert_int_equal(storekey_open(&k, s->bytes->bytes, s->bytes->len, s->recipient_sk, psk, &err),
	                 ERR_CORRUPT);
}

/* A writer that seals a secret which does not belong to the public key it signs. */
static void a_secret_that_does_not_fit_its_public_key_is_refused(void **state)
{
	struct sample *s = *state;
	struct storekey k;
	struct err err;
	static const uint8_t none[32];
	s->key.sk[5] ^= 1;
	encode(s);
	assert_int_equal(read_back(s, &k, s->bytes->bytes, s->bytes->len, &err), ERR_CORRUPT);
	assert_memory_equal(k.sk, none, 32);
}

/* Sealed parts moved under another head, signed anew by the same writer. */
static void a_sealed_secret_belongs_to_its_head(void **state)
{
	struct sample *s = *state;
	static const size_t at[] = { 8, 24, 40, 56 };
	for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
		struct storekey k;
		struct err err;
		encode(s);
		size_t signed_len = s->bytes->len - SIGN_BYTES;
		s->bytes->bytes[at[i]] ^= 1;
		sign_message(s->bytes->bytes + signed_len, "hf1.storekey", s->bytes->bytes, signed_len,
		             s->record_sk);
		assert_int_equal(read_back(s, &k, s->bytes->bytes, s->bytes->len, &err), ERR_CORRUPT);
	}
}

static void nothing_is_sealed_to_an_invalid_key(void **state)
{
	struct sample *s = *state;
	struct err err;
	static const uint8_t low_order[32];
	size_t before = s->bytes->len;
	assert_int_equal(storekey_encode(&s->key, low_order, s->psk, s->record_sk, s->bytes, &err),
	                 ERR_INVALID);
	assert_int_equal(s->bytes->len, before);
}

int main(void)
{
	crypto_start();
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_store_key_comes_back),
		TEST(bytes_lie_where_the_format_says),
		TEST(names_from_empty_to_the_longest_come_back),
		TEST(every_flipped_bit_is_refused),
		TEST(every_other_length_is_refused),
		TEST(a_newer_format_is_called_newer),
		TEST(another_signer_is_refused),
		TEST(root_may_sign_for_the_writer),
		TEST(each_of_several_recipients_opens_its_own),
		TEST(another_recipient_is_told_apart_from_damage),
		TEST(a_secret_that_does_not_fit_its_public_key_is_refused),
		TEST(a_sealed_secret_belongs_to_its_head),
		TEST(nothing_is_sealed_to_an_invalid_key),
	};
	return cmocka_run_group_tests_name("storekey", tests, NULL, NULL);
}
