#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "crypto/hash.h"
#include "format/request.h"
#include "holdfast/err.h"

struct sample {
	struct request r;
	uint8_t record_sk[SIGN_SECRET_BYTES], box_sk[32];
	char text[REQUEST_TEXT_MAX];
};

static void encode(struct sample *s)
{
	struct err err;
	assert_int_equal(request_encode(&s->r, s->record_sk, s->text, &err), 0);
}

static int set_up(void **state)
{
	static const uint8_t seed[32] = { 1 };
	struct sample *s = calloc(1, sizeof *s);
	assert_non_null(s);
	memset(s->r.vault, 1, 16);
	memset(s->r.root, 2, 32);
	memset(s->r.pairing, 3, 32);
	memset(s->r.key.log, 4, 32);
	memset(s->r.key.report, 5, 32);
	sign_keypair(s->r.key.record, s->record_sk, seed);
	charter_key_id(s->r.key.id, s->r.key.record);
	memset(s->box_sk, 6, 32);
	seal_public(s->r.key.box, s->box_sk);
	s->r.key.roles = ROLE_DRILL | ROLE_RESTORER;
	strcpy(s->r.key.name, "m\xc3\xbcnchen-2");
	encode(s);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static int decode(const char *text, size_t len, struct request *r, struct err *err)
{
	char *exact = malloc(len + 1);
	assert_non_null(exact);
	memcpy(exact, text, len);
	int rc = request_decode(r, exact, len, err);
	free(exact);
	return rc;
}

static void a_request_comes_back(void **state)
{
	struct sample *s = *state;
	struct request back;
	struct err err;
	assert_int_equal(decode(s->text, strlen(s->text), &back, &err), 0);
	assert_memory_equal(&back, &s->r, sizeof back);
}

static void it_is_one_printable_word(void **state)
{
	struct sample *s = *state;
	assert_int_equal(strncmp(s->text, "hfreq1.", 7), 0);
	assert_int_equal(strspn(s->text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."),
	                 strlen(s->text));
	memset(s->r.key.name, 'n', REQUEST_NAME_MAX);
	s->r.key.name[REQUEST_NAME_MAX] = '\0';
	encode(s);
	assert_true(strlen(s->text) < REQUEST_TEXT_MAX);
	a_request_comes_back(state);
}

static void bytes_lie_where_the_format_says(void **state)
{
	struct sample *s = *state;
	uint8_t b[400], check[16];
	size_t n, name = strlen(s->r.key.name);
	assert_int_equal(sodium_base642bin(b, sizeof b, s->text + 7, strlen(s->text + 7), NULL, &n, NULL,
	                                   sodium_base64_VARIANT_URLSAFE_NO_PADDING), 0);
	assert_int_equal(n, 1 + 16 + 32 + 4 + 5 * 32 + 1 + name + 64 + 4);
	assert_int_equal(b[0], 1);
	assert_memory_equal(b + 1, s->r.vault, 16);
	assert_memory_equal(b + 17, s->r.root, 32);
	assert_memory_equal(b + 49, "\x14\0\0\0", 4);
	assert_memory_equal(b + 53, s->r.key.record, 32);
	assert_memory_equal(b + 85, s->r.key.log, 32);
	assert_memory_equal(b + 117, s->r.key.report, 32);
	assert_memory_equal(b + 149, s->r.key.box, 32);
	assert_memory_equal(b + 181, s->r.pairing, 32);
	assert_int_equal(b[213], name);
	assert_memory_equal(b + 214, s->r.key.name, name);
	assert_true(sign_verify(b + 214 + name, "hf1.request", b, 214 + name, s->r.key.record));
	hash_labelled(check, 16, "hf1.request", NULL, 0, b, n - 4);
	assert_memory_equal(b + n - 4, check, 4);
}

static void lines_may_be_wrapped(void **state)
{
	struct sample *s = *state;
	struct request back;
	struct err err;
	char wrapped[2 * REQUEST_TEXT_MAX + 10] = " \t";
	size_t n = 2;
	for (size_t i = 0; s->text[i]; i++) {
		wrapped[n++] = s->text[i];
		if (i % 40 == 39) {
			wrapped[n++] = '\r';
			wrapped[n++] = '\n';
		}
	}
	wrapped[n++] = '\n';
	assert_int_equal(decode(wrapped, n, &back, &err), 0);
	assert_memory_equal(&back, &s->r, sizeof back);
}

static void every_changed_character_is_refused(void **state)
{
	struct sample *s = *state;
	struct request before, back;
	memset(&before, 0x77, sizeof before);
	back = before;
	for (size_t i = 0; s->text[i]; i++) {
		struct err err;
		char was = s->text[i];
		s->text[i] = was == 'A' ? 'B' : 'A';
		assert_int_equal(decode(s->text, strlen(s->text), &back, &err), ERR_INVALID);
		assert_string_not_equal(err.hint, "");
		assert_memory_equal(&back, &before, sizeof back);
		s->text[i] = was;
	}
}

static void every_other_length_is_refused(void **state)
{
	struct sample *s = *state;
	size_t len = strlen(s->text);
	char longer[3 * REQUEST_TEXT_MAX];
	memset(longer, 'A', sizeof longer);
	memcpy(longer, s->text, len);
	for (size_t n = 0; n < sizeof longer; n++) {
		struct request back;
		struct err err;
		if (n != len)
			assert_int_equal(decode(longer, n, &back, &err), ERR_INVALID);
	}
}

/* Bytes as they are, with a right signature by this key and a right checksum. */
static void wrap(char text[REQUEST_TEXT_MAX], uint8_t *b, size_t signed_len, const uint8_t *sk)
{
	uint8_t check[16];
	sign_message(b + signed_len, "hf1.request", b, signed_len, sk);
	hash_labelled(check, 16, "hf1.request", NULL, 0, b, signed_len + 64);
	memcpy(b + signed_len + 64, check, 4);
	strcpy(text, "hfreq1.");
	sodium_bin2base64(text + 7, REQUEST_TEXT_MAX - 7, b, signed_len + 68,
	                  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static size_t unwrap(const struct sample *s, uint8_t b[450])
{
	size_t n;
	assert_int_equal(sodium_base642bin(b, 450, s->text + 7, strlen(s->text + 7), NULL, &n, NULL,
	                                   sodium_base64_VARIANT_URLSAFE_NO_PADDING), 0);
	return n - 68;
}

/* A request of one's own with somebody else's record key in it proves nothing. */
static void who_asks_must_have_the_key(void **state)
{
	struct sample *s = *state;
	struct request back;
	struct err err;
	uint8_t b[450], pk[32], sk[SIGN_SECRET_BYTES], seed[32] = { 2 };
	size_t n = unwrap(s, b);
	sign_keypair(pk, sk, seed);
	wrap(s->text, b, n, sk);
	assert_int_equal(decode(s->text, strlen(s->text), &back, &err), ERR_INVALID);
	assert_non_null(strstr(err.msg, "not signed"));
	wrap(s->text, b, n, s->record_sk);
	assert_int_equal(decode(s->text, strlen(s->text), &back, &err), 0);
}

static void signed_nonsense_is_refused(void **state)
{
	struct sample *s = *state;
	const struct { size_t at; uint8_t value; } bad[] = {
		{ 49, 0 },            /* no role at all */
		{ 50, 1 },            /* a role that is none */
		{ 213, 0 },           /* a name that ends before the rest does */
		{ 213, 3 },           /* the same, where what is left is a good name */
		{ 213, 200 },
		{ 214, '-' }, { 214, ' ' }, { 215, 0 }, { 215, ':' }, { 215, '\n' },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct request back;
		struct err err;
		uint8_t b[450];
		encode(s);
		size_t n = unwrap(s, b);
		b[bad[i].at] = bad[i].value;
		wrap(s->text, b, n, s->record_sk);
		assert_int_equal(decode(s->text, strlen(s->text), &back, &err), ERR_INVALID);
	}
}

static void a_newer_version_is_called_newer(void **state)
{
	struct sample *s = *state;
	struct request back;
	struct err err;
	uint8_t b[450];
	size_t n = unwrap(s, b);
	b[0] = 2;
	wrap(s->text, b, n, s->record_sk);
	assert_int_equal(decode(s->text, strlen(s->text), &back, &err), ERR_NEWER);
}

static void names_are_fit_for_command_lines(void **state)
{
	struct sample *s = *state;
	static const char *const good[] = { "a", "drill1", "db1.example.com", "m\xc3\xbcnchen", "x_y-z" };
	static const char *const bad[] = { "", "-x", "a b", "a/b", "db1:crm", "a@b", "a,b", "a*", "a?", "a[b",
		                           "tab\t", "esc\x1b[0m", "\xff", "\xe2\x80\xae-abc" };
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(request_name_ok(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err err;
		assert_false(request_name_ok(bad[i]));
		strcpy(s->r.key.name, bad[i]);
		assert_int_equal(request_encode(&s->r, s->record_sk, s->text, &err), ERR_INVALID);
	}
	char longest[REQUEST_NAME_MAX + 2];
	memset(longest, 'n', sizeof longest);
	longest[REQUEST_NAME_MAX + 1] = '\0';
	assert_false(request_name_ok(longest));
	longest[REQUEST_NAME_MAX] = '\0';
	assert_true(request_name_ok(longest));
}

/* ---- the psk ---- */

static void the_psk_reaches_who_asked(void **state)
{
	struct sample *s = *state;
	struct err err;
	uint8_t psk[32], back[32];
	memset(psk, 0x99, 32);
	assert_int_equal(request_seal_psk(&s->r, psk, &err), 0);
	assert_true(s->r.key.has_psk);
	assert_null(memmem(s->r.key.psk, sizeof s->r.key.psk, psk, 8));
	assert_int_equal(request_open_psk(back, &s->r.key, s->r.vault, s->box_sk, s->r.pairing, &err), 0);
	assert_memory_equal(back, psk, 32);
}

/* Neither the box key alone (a broken X25519) nor the request alone opens it, nor another place. */
static void the_psk_opens_with_box_key_and_pairing_only(void **state)
{
	struct sample *s = *state;
	struct err err;
	uint8_t psk[32] = { 1 }, back[32], other[32];
	memset(other, 0x42, 32);
	assert_int_equal(request_seal_psk(&s->r, psk, &err), 0);
	assert_int_equal(request_open_psk(back, &s->r.key, s->r.vault, s->box_sk, other, &err), ERR_CORRUPT);
	assert_int_equal(request_open_psk(back, &s->r.key, s->r.vault, other, s->r.pairing, &err),
	                 ERR_CORRUPT);
	assert_int_equal(request_open_psk(back, &s->r.key, other, s->box_sk, s->r.pairing, &err),
	                 ERR_CORRUPT);
	s->r.key.id[0] ^= 1;
	assert_int_equal(request_open_psk(back, &s->r.key, s->r.vault, s->box_sk, s->r.pairing, &err),
	                 ERR_CORRUPT);
	s->r.key.id[0] ^= 1;
	s->r.key.has_psk = false;
	assert_int_equal(request_open_psk(back, &s->r.key, s->r.vault, s->box_sk, s->r.pairing, &err),
	                 ERR_CORRUPT);
}

static void nothing_is_sealed_to_an_invalid_box_key(void **state)
{
	struct sample *s = *state;
	struct err err;
	uint8_t psk[32] = { 1 };
	memset(s->r.key.box, 0, 32);
	assert_int_equal(request_seal_psk(&s->r, psk, &err), ERR_INVALID);
	assert_false(s->r.key.has_psk);
}

int main(void)
{
	crypto_start();
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_request_comes_back),
		TEST(it_is_one_printable_word),
		TEST(bytes_lie_where_the_format_says),
		TEST(lines_may_be_wrapped),
		TEST(every_changed_character_is_refused),
		TEST(every_other_length_is_refused),
		TEST(who_asks_must_have_the_key),
		TEST(signed_nonsense_is_refused),
		TEST(a_newer_version_is_called_newer),
		TEST(names_are_fit_for_command_lines),
		TEST(the_psk_reaches_who_asked),
		TEST(the_psk_opens_with_box_key_and_pairing_only),
		TEST(nothing_is_sealed_to_an_invalid_box_key),
	};
	return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
