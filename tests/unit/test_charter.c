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
#include "crypto/hash.h"
#include "format/charter.h"
#include "holdfast/err.h"

struct sample {
	struct charter_anchor anchor;
	uint8_t root_sk[SIGN_SECRET_BYTES], recovery[32];
	struct charter_key admin, writer;
	uint8_t admin_sk[SIGN_SECRET_BYTES], writer_sk[SIGN_SECRET_BYTES];
	struct buf *vault_json, *chain;
};

static void make_key(struct charter_key *k, uint8_t sk[SIGN_SECRET_BYTES], const char *name,
                     unsigned roles, uint8_t seed_byte)
{
	uint8_t seed[32] = { seed_byte };
	sign_keypair(k->record, sk, seed);
	charter_key_id(k->id, k->record);
	snprintf(k->name, sizeof k->name, "%s", name);
	k->roles = roles;
	memset(k->log, seed_byte + 1, 32);
	memset(k->report, seed_byte + 2, 32);
	memset(k->box, seed_byte + 3, 32);
}

static int set_up(void **state)
{
	struct err err;
	uint8_t seed[32] = { 1 };
	struct sample *s = calloc(1, sizeof *s);
	assert_non_null(s);
	sign_keypair(s->anchor.root, s->root_sk, seed);
	memset(s->anchor.vault, 0xaa, 16);
	s->anchor.created_s = 1795000000;
	memset(s->anchor.format_md, 0xbb, 32);
	memset(s->anchor.recovery_txt, 0xcc, 32);
	memset(s->recovery, 0xdd, 32);
	make_key(&s->admin, s->admin_sk, "db1", ROLE_WRITER | ROLE_ADMIN, 10);
	make_key(&s->writer, s->writer_sk, "m\xc3\xbcnchen \"2\"", ROLE_WRITER | ROLE_DRILL, 20);
	s->vault_json = buf_new(CHARTER_LINE_MAX, &err);
	s->chain = buf_new(CHARTER_MAX_BYTES, &err);
	assert_int_equal(charter_encode_anchor(&s->anchor, s->root_sk, s->vault_json, &err), 0);
	assert_int_equal(charter_append_vault(s->chain, &s->anchor, s->recovery, s->root_sk, &err), 0);
	assert_int_equal(charter_append_enroll(s->chain, &s->admin, 1795000001, NULL, s->root_sk, &err),
	                 0);
	assert_int_equal(charter_append_enroll(s->chain, &s->writer, 1795000002, s->admin.id,
	                                       s->admin_sk, &err), 0);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct sample *s = *state;
	buf_free(s->vault_json);
	buf_free(s->chain);
	free(s);
	return 0;
}

static void assert_refused(const struct sample *s, const struct buf *chain, enum err_code code)
{
	struct err err;
	AUTO(charter) c = charter_decode(chain->bytes, chain->len, &s->anchor, &err);
	assert_null(c);
	assert_int_equal(err.code, code);
}

/* ---- vault.json ---- */

static void an_anchor_comes_back(void **state)
{
	struct sample *s = *state;
	struct err err;
	struct charter_anchor back;
	memset(&back, 0, sizeof back);
	assert_int_equal(charter_decode_anchor(&back, s->vault_json->bytes, s->vault_json->len, &err), 0);
	assert_memory_equal(back.vault, s->anchor.vault, 16);
	assert_memory_equal(back.root, s->anchor.root, 32);
	assert_memory_equal(back.format_md, s->anchor.format_md, 32);
	assert_memory_equal(back.recovery_txt, s->anchor.recovery_txt, 32);
	assert_int_equal(back.created_s, s->anchor.created_s);
}

#define B16(d) d d d d d d d d d d d d d d d d
#define B32(d) B16(d) B16(d)

static void a_golden_anchor_is_written_as_ever(void **state)
{
	struct sample *s = *state;
	char text[1000], root[65];
	snprintf(text, sizeof text,
	         "{\"created\":1795000000,\"format\":1,\"format_md\":\"" B32("bb") "\",\"kind\":\"anchor\","
	         "\"recovery_txt\":\"" B32("cc") "\",\"root\":\"%s\",\"vault\":\"" B16("aa") "\"}\t",
	         hex_encode(root, s->anchor.root, 32));
	size_t len = strlen(text);
	assert_int_equal(s->vault_json->len, len + 128 + 1);
	assert_memory_equal(s->vault_json->bytes, text, len);
	assert_int_equal(s->vault_json->bytes[len + 128], '\n');
	uint8_t signature[64];
	char hex[129];
	memcpy(hex, s->vault_json->bytes + len, 128);
	hex[128] = '\0';
	assert_true(hex_decode(signature, 64, hex));
	assert_true(sign_verify(signature, "hf1.charter", text, len - 1, s->anchor.root));
}

static void every_flipped_bit_of_an_anchor_is_refused(void **state)
{
	struct sample *s = *state;
	struct buf *b = s->vault_json;
	for (size_t i = 0; i < 8 * b->len; i++) {
		struct err err;
		struct charter_anchor back;
		b->bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		int rc = charter_decode_anchor(&back, b->bytes, b->len, &err);
		if (rc != ERR_CORRUPT && rc != ERR_NEWER)
			fail_msg("bit %zu: %d", i, rc);
		b->bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

static void an_anchor_of_any_other_length_is_refused(void **state)
{
	struct sample *s = *state;
	for (size_t len = 0; len < s->vault_json->len + 2; len++) {
		struct err err;
		struct charter_anchor back;
		uint8_t *exact = calloc(1, len + 1);
		assert_non_null(exact);
		memcpy(exact, s->vault_json->bytes, len < s->vault_json->len ? len : s->vault_json->len);
		assert_int_equal(charter_decode_anchor(&back, exact, len, &err),
		                 len == s->vault_json->len ? 0 : ERR_CORRUPT);
		free(exact);
	}
}

/* A line of another text, signed by this key. */
static void add_line(struct buf *out, const char *json, const uint8_t sk[SIGN_SECRET_BYTES])
{
	struct err err;
	uint8_t signature[64];
	char hex[129];
	sign_message(signature, "hf1.charter", json, strlen(json), sk);
	assert_int_equal(buf_printf(out, &err, "%s\t%s\n", json, hex_encode(hex, signature, 64)), 0);
}

static void an_anchor_of_a_newer_format_says_so(void **state)
{
	struct sample *s = *state;
	struct err err = { 0 };
	struct charter_anchor back;
	AUTO(buf) b = buf_new(CHARTER_LINE_MAX, &err);
	add_line(b, "{\"format\":2,\"kind\":\"anchor\"}", s->root_sk);
	assert_int_equal(charter_decode_anchor(&back, b->bytes, b->len, &err), ERR_NEWER);
	assert_string_not_equal(err.hint, "");
}

static void an_entry_is_no_anchor(void **state)
{
	struct sample *s = *state;
	struct err err;
	struct charter_anchor back;
	const uint8_t *end = memchr(s->chain->bytes, '\n', s->chain->len);
	assert_int_equal(charter_decode_anchor(&back, s->chain->bytes,
	                                       (size_t)(end + 1 - s->chain->bytes), &err), ERR_CORRUPT);
}

/* ---- the chain ---- */

static void a_charter_comes_back(void **state)
{
	struct sample *s = *state;
	struct err err;
	AUTO(charter) c = charter_decode(s->chain->bytes, s->chain->len, &s->anchor, &err);
	assert_non_null(c);
	assert_int_equal(c->n, 3);
	assert_int_equal(c->n_keys, 2);
	assert_memory_equal(c->vault, s->anchor.vault, 16);
	assert_memory_equal(c->root, s->anchor.root, 32);
	assert_memory_equal(c->recovery, s->recovery, 32);
	const struct charter_key *keys[] = { &s->admin, &s->writer };
	for (size_t i = 0; i < 2; i++) {
		const struct charter_key *k = charter_find(c, keys[i]->id);
		assert_non_null(k);
		assert_string_equal(k->name, keys[i]->name);
		assert_int_equal(k->roles, keys[i]->roles);
		assert_memory_equal(k->record, keys[i]->record, 32);
		assert_memory_equal(k->log, keys[i]->log, 32);
		assert_memory_equal(k->report, keys[i]->report, 32);
		assert_memory_equal(k->box, keys[i]->box, 32);
	}
	uint8_t hash[32], nobody[16] = { 0 };
	hash_labelled(hash, 32, "hf1.charter", NULL, 0, s->chain->bytes, s->chain->len);
	assert_memory_equal(c->hash, hash, 32);
	assert_null(charter_find(c, nobody));
}

static void a_longer_charter_begins_with_the_shorter(void **state)
{
	struct sample *s = *state;
	struct err err;
	AUTO(buf) first = buf_new(CHARTER_MAX_BYTES, &err);
	assert_int_equal(charter_append_vault(first, &s->anchor, s->recovery, s->root_sk, &err), 0);
	assert_memory_equal(first->bytes, s->chain->bytes, first->len);
	AUTO(charter) c = charter_decode(first->bytes, first->len, &s->anchor, &err);
	assert_non_null(c);
	assert_int_equal(c->n, 1);
	assert_int_equal(c->n_keys, 0);
}

static void every_flipped_bit_of_a_charter_is_refused(void **state)
{
	struct sample *s = *state;
	struct buf *b = s->chain;
	for (size_t i = 0; i < 8 * b->len; i++) {
		struct err err;
		b->bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		struct charter *c = charter_decode(b->bytes, b->len, &s->anchor, &err);
		if (c || (err.code != ERR_CORRUPT && err.code != ERR_NEWER))
			fail_msg("bit %zu: %d", i, c ? 0 : err.code);
		b->bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

/* Whole lines that are missing at the end are not seen here: the object's name tells their number. */
static void a_charter_cut_within_a_line_is_refused(void **state)
{
	struct sample *s = *state;
	for (size_t len = 0; len < s->chain->len; len++) {
		struct err err;
		bool whole = len > 0 && s->chain->bytes[len - 1] == '\n';
		uint8_t *exact = malloc(len + 1);
		assert_non_null(exact);
		memcpy(exact, s->chain->bytes, len);
		AUTO(charter) c = charter_decode(exact, len, &s->anchor, &err);
		assert_int_equal(c != NULL, whole);
		free(exact);
	}
}

static void lines_cannot_be_left_out_or_swapped(void **state)
{
	struct sample *s = *state;
	struct err err;
	const uint8_t *one = s->chain->bytes, *end = one + s->chain->len;
	const uint8_t *two = (const uint8_t *)memchr(one, '\n', (size_t)(end - one)) + 1;
	const uint8_t *three = (const uint8_t *)memchr(two, '\n', (size_t)(end - two)) + 1;
	const struct { const uint8_t *from, *to; } lines[] = { { one, two }, { two, three },
		                                                { three, end } };
	static const int orders[][4] = { { 1, 2, -1 }, { 0, 2, -1 }, { 0, 2, 1, -1 }, { 0, 0, -1 },
		                         { 0, 1, 1, -1 }, { 1, -1 }, { 2, -1 } };
	for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
		AUTO(buf) b = buf_new(CHARTER_MAX_BYTES, &err);
		for (int k = 0; orders[i][k] >= 0; k++) {
			size_t len = (size_t)(lines[orders[i][k]].to - lines[orders[i][k]].from);
			assert_int_equal(buf_append(b, lines[orders[i][k]].from, len, &err), 0);
		}
		assert_refused(s, b, ERR_CORRUPT);
	}
}

/* Right number, right signer, but made for another history. */
static void a_line_belongs_to_the_one_before_it(void **state)
{
	struct sample *s = *state;
	struct err err;
	AUTO(buf) other = buf_new(CHARTER_MAX_BYTES, &err);
	assert_int_equal(charter_append_vault(other, &s->anchor, s->recovery, s->root_sk, &err), 0);
	assert_int_equal(charter_append_enroll(other, &s->admin, 1795009999, NULL, s->root_sk, &err), 0);
	size_t two = other->len;
	assert_int_equal(charter_append_enroll(other, &s->writer, 1, s->admin.id, s->admin_sk, &err), 0);
	AUTO(charter) c = charter_decode(other->bytes, other->len, &s->anchor, &err);
	assert_non_null(c);
	/* the first two lines have the same length in both */
	memcpy(other->bytes, s->chain->bytes, two);
	assert_refused(s, other, ERR_CORRUPT);
}

static void a_charter_of_another_vault_or_root_is_refused(void **state)
{
	struct sample *s = *state;
	s->anchor.vault[0] ^= 1;
	assert_refused(s, s->chain, ERR_CORRUPT);
	s->anchor.vault[0] ^= 1;
	s->anchor.root[0] ^= 1;
	assert_refused(s, s->chain, ERR_CORRUPT);
}

/* ---- who may enrol whom ---- */

static void only_root_and_admins_enrol(void **state)
{
	struct sample *s = *state;
	struct err err;
	struct charter_key k = { 0 };
	uint8_t sk[SIGN_SECRET_BYTES];
	size_t before = s->chain->len;
	make_key(&k, sk, "third", ROLE_WRITER, 30);

	assert_int_equal(charter_append_enroll(s->chain, &k, 1, s->admin.id, s->admin_sk, &err), 0);
	AUTO(charter) by_admin = charter_decode(s->chain->bytes, s->chain->len, &s->anchor, &err);
	assert_non_null(by_admin);

	s->chain->len = before;   /* a mere writer */
	assert_int_equal(charter_append_enroll(s->chain, &k, 1, s->writer.id, s->writer_sk, &err), 0);
	assert_refused(s, s->chain, ERR_CORRUPT);

	s->chain->len = before;   /* somebody who says he is the admin */
	assert_int_equal(charter_append_enroll(s->chain, &k, 1, s->admin.id, s->writer_sk, &err), 0);
	assert_refused(s, s->chain, ERR_CORRUPT);

	s->chain->len = before;   /* somebody who says he is root */
	assert_int_equal(charter_append_enroll(s->chain, &k, 1, NULL, s->admin_sk, &err), 0);
	assert_refused(s, s->chain, ERR_CORRUPT);

	s->chain->len = before;   /* a stranger */
	assert_int_equal(charter_append_enroll(s->chain, &k, 1, k.id, sk, &err), 0);
	assert_refused(s, s->chain, ERR_CORRUPT);
}

static void an_admin_cannot_make_admins(void **state)
{
	struct sample *s = *state;
	struct err err;
	struct charter_key k = { 0 };
	uint8_t sk[SIGN_SECRET_BYTES];
	size_t before = s->chain->len;
	make_key(&k, sk, "third", ROLE_ADMIN, 30);
	assert_int_equal(charter_append_enroll(s->chain, &k, 1, s->admin.id, s->admin_sk, &err), 0);
	assert_refused(s, s->chain, ERR_CORRUPT);
	s->chain->len = before;
	assert_int_equal(charter_append_enroll(s->chain, &k, 1, NULL, s->root_sk, &err), 0);
	AUTO(charter) c = charter_decode(s->chain->bytes, s->chain->len, &s->anchor, &err);
	assert_non_null(c);
}

static void enrolments_that_make_no_sense_are_refused(void **state)
{
	struct sample *s = *state;
	struct err err;
	size_t before = s->chain->len;
	struct charter_key k = { 0 };
	uint8_t sk[SIGN_SECRET_BYTES];

	assert_int_equal(charter_append_enroll(s->chain, &s->writer, 1, NULL, s->root_sk, &err), 0);
	assert_refused(s, s->chain, ERR_CORRUPT);   /* there already */

	s->chain->len = before;
	make_key(&k, sk, "third", ROLE_WRITER, 30);
	k.id[0] ^= 1;                               /* not the id of its key */
	assert_int_equal(charter_append_enroll(s->chain, &k, 1, NULL, s->root_sk, &err), 0);
	assert_refused(s, s->chain, ERR_CORRUPT);

	s->chain->len = before;
	make_key(&k, sk, "third", 0, 30);           /* no role */
	assert_int_equal(charter_append_enroll(s->chain, &k, 1, NULL, s->root_sk, &err), 0);
	assert_refused(s, s->chain, ERR_CORRUPT);

	s->chain->len = before;                     /* a second beginning */
	assert_int_equal(charter_append_vault(s->chain, &s->anchor, s->recovery, s->root_sk, &err), 0);
	assert_refused(s, s->chain, ERR_CORRUPT);
}

static void a_charter_begins_with_the_vault(void **state)
{
	struct sample *s = *state;
	struct err err;
	AUTO(buf) b = buf_new(CHARTER_MAX_BYTES, &err);
	assert_int_equal(charter_append_enroll(b, &s->admin, 1, NULL, s->root_sk, &err), 0);
	assert_refused(s, b, ERR_CORRUPT);
	buf_clear(b);
	assert_refused(s, b, ERR_CORRUPT);
}

/* What the next entry names as "prev". */
static char *link_to_last(const struct sample *s, char hex[65])
{
	uint8_t prev[32];
	const uint8_t *end = s->chain->bytes + s->chain->len, *last = end - 1;
	while (last > s->chain->bytes && last[-1] != '\n')
		last--;
	hash_labelled(prev, 32, "hf1.line", NULL, 0, last, (size_t)(end - last));
	return hex_encode(hex, prev, 32);
}

/* ---- names and the psk ---- */

static void names_are_given_once(void **state)
{
	struct sample *s = *state;
	struct err err;
	struct charter_key k = { 0 };
	uint8_t sk[SIGN_SECRET_BYTES];
	make_key(&k, sk, "db1", ROLE_WRITER, 30);
	assert_int_equal(charter_append_enroll(s->chain, &k, 1, NULL, s->root_sk, &err), 0);
	assert_refused(s, s->chain, ERR_CORRUPT);
}

static void an_enrolment_says_who_signed_it_and_when(void **state)
{
	struct sample *s = *state;
	struct err err;
	AUTO(charter) c = charter_decode(s->chain->bytes, s->chain->len, &s->anchor, &err);
	const struct charter_key *admin = charter_find_name(c, "db1");
	const struct charter_key *writer = charter_find(c, s->writer.id);
	assert_true(admin->by_root);
	assert_int_equal(admin->time_s, 1795000001);
	assert_false(writer->by_root);
	assert_memory_equal(writer->by, s->admin.id, 16);
	assert_null(charter_find_name(c, "db"));
}

static void a_sealed_psk_comes_back_and_no_other_length(void **state)
{
	struct sample *s = *state;
	struct err err;
	struct charter_key k = { 0 };
	uint8_t sk[SIGN_SECRET_BYTES];
	size_t before = s->chain->len;
	make_key(&k, sk, "drill1", ROLE_DRILL, 30);
	k.has_psk = true;
	memset(k.psk, 0x5a, sizeof k.psk);
	assert_int_equal(charter_append_enroll(s->chain, &k, 1, s->admin.id, s->admin_sk, &err), 0);
	AUTO(charter) c = charter_decode(s->chain->bytes, s->chain->len, &s->anchor, &err);
	assert_non_null(c);
	const struct charter_key *back = charter_find(c, k.id);
	assert_true(back->has_psk);
	assert_memory_equal(back->psk, k.psk, sizeof k.psk);
	assert_false(charter_find(c, s->writer.id)->has_psk);

	/* the same line with a shorter psk, signed anew */
	char *line = strndup((char *)s->chain->bytes + before, s->chain->len - before - 130);
	char *psk = strstr(line, "5a5a\",\"record");
	assert_non_null(psk);
	memmove(psk, psk + 2, strlen(psk + 2) + 1);
	s->chain->len = before;
	add_line(s->chain, line, s->admin_sk);
	free(line);
	assert_refused(s, s->chain, ERR_CORRUPT);
}

/* ---- grants ---- */

/* The key that grants go to is s->writer, a drill too; the stores are s->admin's. */
static void grant(struct sample *s, const struct charter_grant *g)
{
	struct err err;
	assert_int_equal(charter_append_grant(s->chain, g, 1795000003, s->root_sk, &err), 0);
}

static void a_grant_covers_its_stores_and_no_others(void **state)
{
	struct sample *s = *state;
	struct err err;
	uint8_t stores[][16] = { { 9 }, { 3 }, { 5 } }, other[16] = { 4 };
	struct charter_grant g = { .stores = stores, .n_stores = 3 };
	memcpy(g.to, s->writer.id, 16);
	memcpy(g.writer, s->admin.id, 16);
	grant(s, &g);
	AUTO(charter) c = charter_decode(s->chain->bytes, s->chain->len, &s->anchor, &err);
	assert_non_null(c);
	for (size_t i = 0; i < 3; i++)
		assert_true(charter_granted(c, s->writer.id, s->admin.id, stores[i]));
	assert_false(charter_granted(c, s->writer.id, s->admin.id, other));
	assert_false(charter_granted(c, s->writer.id, s->writer.id, stores[0]));
	assert_false(charter_granted(c, s->admin.id, s->admin.id, stores[0]));
	assert_true(charter_granted_any(c, s->writer.id));
	assert_false(charter_granted_any(c, s->admin.id));
	assert_false(c->grants[0].all_writers);
	assert_memory_equal(stores[0], "\x09", 1);   /* the caller's order stays */
}

static void a_grant_may_cover_a_writer_or_everything(void **state)
{
	struct sample *s = *state;
	struct err err;
	uint8_t store[16] = { 1 };
	size_t before = s->chain->len;
	struct charter_grant g = { .stores = NULL };
	memcpy(g.to, s->writer.id, 16);
	memcpy(g.writer, s->admin.id, 16);
	grant(s, &g);
	AUTO(charter) one = charter_decode(s->chain->bytes, s->chain->len, &s->anchor, &err);
	assert_true(charter_granted(one, s->writer.id, s->admin.id, store));
	assert_false(charter_granted(one, s->writer.id, s->writer.id, store));

	s->chain->len = before;
	g.all_writers = true;
	grant(s, &g);
	AUTO(charter) all = charter_decode(s->chain->bytes, s->chain->len, &s->anchor, &err);
	assert_true(charter_granted(all, s->writer.id, s->admin.id, store));
	assert_true(charter_granted(all, s->writer.id, s->writer.id, store));
	assert_false(charter_granted(all, s->admin.id, s->admin.id, store));
}

static void the_largest_grant_fits_in_a_line(void **state)
{
	struct sample *s = *state;
	struct err err;
	uint8_t (*stores)[16] = calloc(CHARTER_GRANT_MAX, 16), last[16] = { 0xff, 0xff };
	struct charter_grant g = { .stores = stores, .n_stores = CHARTER_GRANT_MAX };
	assert_non_null(stores);
	for (unsigned i = 0; i < CHARTER_GRANT_MAX; i++) {
		stores[i][0] = (uint8_t)(i >> 8);
		stores[i][1] = (uint8_t)i;
	}
	memcpy(g.to, s->writer.id, 16);
	memcpy(g.writer, s->admin.id, 16);
	grant(s, &g);
	AUTO(charter) c = charter_decode(s->chain->bytes, s->chain->len, &s->anchor, &err);
	assert_non_null(c);
	assert_int_equal(c->grants[0].n_stores, CHARTER_GRANT_MAX);
	assert_true(charter_granted(c, s->writer.id, s->admin.id, stores[CHARTER_GRANT_MAX - 1]));
	assert_false(charter_granted(c, s->writer.id, s->admin.id, last));
	free(stores);
}

/* A grant to s->writer of s->admin's stores as text; NULL for stores or writer leaves them out. */
static void add_raw_grant(const struct sample *s, const char *signer, const uint8_t *sk,
                          const char *stores, const uint8_t *writer)
{
	char json[1000], link[65], to[33], id[33], more[200] = "", by[60] = "";
	if (stores)
		snprintf(more, sizeof more, "\"stores\":%s,", stores);
	if (writer)
		snprintf(by, sizeof by, ",\"writer\":\"%s\"", hex_encode(id, writer, 16));
	snprintf(json, sizeof json,
	         "{\"kind\":\"grant\",\"n\":4,\"prev\":\"%s\",\"signer\":\"%s\",%s\"time\":9,"
	         "\"to\":\"%s\"%s}",
	         link_to_last(s, link), signer, more, hex_encode(to, s->writer.id, 16), by);
	add_line(s->chain, json, sk);
}

static void only_root_grants(void **state)
{
	struct sample *s = *state;
	char admin[33], writer[33];
	size_t before = s->chain->len;
	const struct { const char *signer; const uint8_t *sk; int code; } by_whom[] = {
		{ "root", s->root_sk, 0 },
		{ hex_encode(admin, s->admin.id, 16), s->admin_sk, ERR_CORRUPT },
		{ hex_encode(writer, s->writer.id, 16), s->writer_sk, ERR_CORRUPT },
		{ "root", s->admin_sk, ERR_CORRUPT },
	};
	for (size_t i = 0; i < 4; i++) {
		struct err err;
		s->chain->len = before;
		add_raw_grant(s, by_whom[i].signer, by_whom[i].sk, NULL, NULL);
		AUTO(charter) c = charter_decode(s->chain->bytes, s->chain->len, &s->anchor, &err);
		assert_int_equal(c ? 0 : err.code, by_whom[i].code);
	}
}

static void nothing_is_granted_to_who_is_no_reader(void **state)
{
	struct sample *s = *state;
	size_t before = s->chain->len;
	struct charter_grant g = { .all_writers = true };
	memcpy(g.to, s->admin.id, 16);        /* a writer and admin */
	grant(s, &g);
	assert_refused(s, s->chain, ERR_CORRUPT);
	s->chain->len = before;
	memset(g.to, 7, 16);                  /* nobody */
	grant(s, &g);
	assert_refused(s, s->chain, ERR_CORRUPT);
}

static void nothing_is_granted_of_who_is_no_writer(void **state)
{
	struct sample *s = *state;
	struct err err;
	struct charter_key drill = { 0 };
	uint8_t sk[SIGN_SECRET_BYTES];
	make_key(&drill, sk, "drill1", ROLE_DRILL, 30);
	assert_int_equal(charter_append_enroll(s->chain, &drill, 1, NULL, s->root_sk, &err), 0);
	size_t before = s->chain->len;
	struct charter_grant g = { .stores = NULL };
	memcpy(g.to, s->writer.id, 16);
	memcpy(g.writer, drill.id, 16);
	grant(s, &g);
	assert_refused(s, s->chain, ERR_CORRUPT);
	s->chain->len = before;
	memset(g.writer, 7, 16);
	grant(s, &g);
	assert_refused(s, s->chain, ERR_CORRUPT);
}

static void grants_that_make_no_sense_are_refused(void **state)
{
	struct sample *s = *state;
	struct err err;
	size_t before = s->chain->len;
#define ID(d) "\"" B16(d) "\""
	static const char *const bad[] = {
		"[]", "{}", "7", "\"" B16("01") "\"", "[7]", "[\"0101\"]",
		"[" ID("01") "," ID("01") "]", "[" ID("02") "," ID("01") "]", "[" ID("01") ",null]",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		s->chain->len = before;
		add_raw_grant(s, "root", s->root_sk, bad[i], s->admin.id);
		assert_refused(s, s->chain, ERR_CORRUPT);
	}
	s->chain->len = before;
	add_raw_grant(s, "root", s->root_sk, "[" ID("01") "]", NULL);   /* of no writer */
	assert_refused(s, s->chain, ERR_CORRUPT);
	s->chain->len = before;
	add_raw_grant(s, "root", s->root_sk, "[" ID("01") "," ID("02") "]", s->admin.id);
	AUTO(charter) c = charter_decode(s->chain->bytes, s->chain->len, &s->anchor, &err);
	assert_non_null(c);
}

/* ---- later versions ---- */

static void add_future(const struct sample *s, const char *kind_and_more)
{
	char link[65], json[1000];
	snprintf(json, sizeof json, "{%s,\"n\":4,\"prev\":\"%s\",\"signer\":\"root\",\"time\":9}",
	         kind_and_more, link_to_last(s, link));
	add_line(s->chain, json, s->root_sk);
}

static void an_entry_of_an_unknown_kind_is_skipped(void **state)
{
	struct sample *s = *state;
	struct err err;
	add_future(s, "\"kind\":\"witness\"");
	AUTO(charter) c = charter_decode(s->chain->bytes, s->chain->len, &s->anchor, &err);
	assert_non_null(c);
	assert_int_equal(c->n, 4);
	assert_int_equal(c->n_keys, 2);
}

static void unless_it_is_critical(void **state)
{
	struct sample *s = *state;
	add_future(s, "\"critical\":1,\"kind\":\"witness\"");
	assert_refused(s, s->chain, ERR_NEWER);
}

static void signed_nonsense_is_refused(void **state)
{
	struct sample *s = *state;
	static const char *const bad[] = { "\"kind\":7", "\"kimd\":\"grant\"", "\"kind\":\"enroll\"",
		                           "\"kind\":\"enroll\",\"key\":\"00\"" };
	size_t before = s->chain->len;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		s->chain->len = before;
		add_future(s, bad[i]);
		assert_refused(s, s->chain, ERR_CORRUPT);
	}
	s->chain->len = before;
	add_line(s->chain, "[]", s->root_sk);
	assert_refused(s, s->chain, ERR_CORRUPT);
	s->chain->len = before;
	add_line(s->chain, "", s->root_sk);
	assert_refused(s, s->chain, ERR_CORRUPT);
}

static void the_longest_name_comes_back(void **state)
{
	struct sample *s = *state;
	struct err err;
	struct charter_key k = { 0 };
	uint8_t sk[SIGN_SECRET_BYTES];
	make_key(&k, sk, "", ROLE_WRITER, 30);
	memset(k.name, 'n', CHARTER_NAME_MAX - 1);
	assert_int_equal(charter_append_enroll(s->chain, &k, 1, NULL, s->root_sk, &err), 0);
	AUTO(charter) c = charter_decode(s->chain->bytes, s->chain->len, &s->anchor, &err);
	assert_non_null(c);
	assert_string_equal(charter_find(c, k.id)->name, k.name);
}

static void hundreds_of_keys_can_be_enrolled(void **state)
{
	struct sample *s = *state;
	struct err err;
	uint8_t sk[SIGN_SECRET_BYTES];
	struct charter_key k = { 0 };
	for (unsigned i = 0; i < 300; i++) {
		uint8_t seed[32] = { 40, (uint8_t)i, (uint8_t)(i >> 8) };
		make_key(&k, sk, "", ROLE_WRITER, 40);
		snprintf(k.name, sizeof k.name, "host%u", i);
		sign_keypair(k.record, sk, seed);
		charter_key_id(k.id, k.record);
		assert_int_equal(charter_append_enroll(s->chain, &k, i, s->admin.id, s->admin_sk, &err), 0);
	}
	AUTO(charter) c = charter_decode(s->chain->bytes, s->chain->len, &s->anchor, &err);
	assert_non_null(c);
	assert_int_equal(c->n_keys, 302);
	assert_non_null(charter_find(c, k.id));
}

static void a_key_id_is_the_hash_of_the_record_key(void **state)
{
	(void)state;
	uint8_t pk[32], id[16];
	char hex[33];
	for (size_t i = 0; i < 32; i++)
		pk[i] = (uint8_t)i;
	charter_key_id(id, pk);
	assert_string_equal(hex_encode(hex, id, 16), "a097359b5e88e3c33cc8763b12ad7755");
}

int main(void)
{
	crypto_start();
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(an_anchor_comes_back),
		TEST(a_golden_anchor_is_written_as_ever),
		TEST(every_flipped_bit_of_an_anchor_is_refused),
		TEST(an_anchor_of_any_other_length_is_refused),
		TEST(an_anchor_of_a_newer_format_says_so),
		TEST(an_entry_is_no_anchor),
		TEST(a_charter_comes_back),
		TEST(a_longer_charter_begins_with_the_shorter),
		TEST(every_flipped_bit_of_a_charter_is_refused),
		TEST(a_charter_cut_within_a_line_is_refused),
		TEST(lines_cannot_be_left_out_or_swapped),
		TEST(a_line_belongs_to_the_one_before_it),
		TEST(a_charter_of_another_vault_or_root_is_refused),
		TEST(only_root_and_admins_enrol),
		TEST(an_admin_cannot_make_admins),
		TEST(enrolments_that_make_no_sense_are_refused),
		TEST(a_charter_begins_with_the_vault),
		TEST(names_are_given_once),
		TEST(an_enrolment_says_who_signed_it_and_when),
		TEST(a_sealed_psk_comes_back_and_no_other_length),
		TEST(a_grant_covers_its_stores_and_no_others),
		TEST(a_grant_may_cover_a_writer_or_everything),
		TEST(the_largest_grant_fits_in_a_line),
		TEST(only_root_grants),
		TEST(nothing_is_granted_to_who_is_no_reader),
		TEST(nothing_is_granted_of_who_is_no_writer),
		TEST(grants_that_make_no_sense_are_refused),
		TEST(an_entry_of_an_unknown_kind_is_skipped),
		TEST(unless_it_is_critical),
		TEST(signed_nonsense_is_refused),
		TEST(the_longest_name_comes_back),
		TEST(hundreds_of_keys_can_be_enrolled),
		TEST(a_key_id_is_the_hash_of_the_record_key),
	};
	return cmocka_run_group_tests_name("charter", tests, NULL, NULL);
}
