#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/wire.h"
#include "crypto/hash.h"
#include "format/body.h"
#include "holdfast/err.h"

static const uint8_t key[32] = "session key of thirty-two bytes.";
static const uint8_t page_key[SUM_KEY_BYTES] = "page key of thirty-two bytes....";
static const char facts[] = "{\"engine\":\"sqlite\",\"tables\":12}";

static struct body_place sample_place(void)
{
	struct body_place p = { .seq = 12, .epoch = 3 };
	memset(p.vault, 1, 16);
	memset(p.store, 2, 16);
	memset(p.session, 3, 16);
	memset(p.stanza, 4, sizeof p.stanza);
	return p;
}

static struct body_file page_file(uint32_t number, const char *path)
{
	struct body_file f = { .number = number, .path = path, .path_len = strlen(path),
	                       .mode = 0100640, .uid = 1000, .gid = 2000, .mtime_ns = -1234567890123,
	                       .page_bytes = 4096, .unit_bytes = 512, .length = 1 << 20 };
	memset(f.sum, (int)number, SUM_BYTES);
	return f;
}

static struct buf *sealed(const struct body_file *files, size_t n, const char *with_facts)
{
	struct err err;
	struct body_place place = sample_place();
	struct buf *out = buf_new(64 << 20, &err);
	AUTO(body_writer) w = body_writer_new(page_key, &err);
	assert_non_null(out);
	assert_non_null(w);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(body_add(w, &files[i], &err), 0);
	assert_int_equal(body_finish(w, with_facts, &place, key, out, &err), 0);
	return out;
}

static void assert_same(const struct body_file *a, const struct body_file *b)
{
	assert_int_equal(a->number, b->number);
	assert_int_equal(a->path_len, b->path_len);
	assert_memory_equal(a->path, b->path, b->path_len + 1);
	assert_int_equal(a->mode, b->mode);
	assert_int_equal(a->uid, b->uid);
	assert_int_equal(a->gid, b->gid);
	assert_int_equal(a->mtime_ns, b->mtime_ns);
	assert_int_equal(a->extra_len, b->extra_len);
	if (b->extra_len)
		assert_memory_equal(a->extra, b->extra, b->extra_len);
	assert_int_equal(a->page_bytes, b->page_bytes);
	assert_int_equal(a->unit_bytes, b->unit_bytes);
	assert_int_equal(a->length, b->length);
	assert_memory_equal(a->sum, b->sum, SUM_BYTES);
	assert_int_equal(a->n_extents, b->n_extents);
	for (uint32_t i = 0; i < b->n_extents; i++) {
		assert_int_equal(a->extents[i].pack, b->extents[i].pack);
		assert_int_equal(a->extents[i].length, b->extents[i].length);
		assert_int_equal(a->extents[i].frame, b->extents[i].frame);
		assert_int_equal(a->extents[i].offset, b->extents[i].offset);
	}
}

static const struct body_extent extents[] = {
	{ 0, 0, 0, 65536 }, { 6, 65535, 100000, 162144 }, { UINT32_MAX, 0, 0, 1 << 30 },
	{ 3, 9, 262143, 1 }, { 0, 1, 0, PACK_FRAME_PLAIN_MAX },
};
enum { EXTENTS = sizeof extents / sizeof *extents };

static struct body_file stream_file(void)
{
	struct body_file f = page_file(9, "tree/a file\nwith \xff bytes");
	f.page_bytes = 0;
	f.unit_bytes = BODY_STREAM_UNIT;
	f.extents = extents;
	f.n_extents = EXTENTS;
	f.length = 0;
	for (uint32_t i = 0; i < EXTENTS; i++)
		f.length += extents[i].length;
	f.extra = "mode\0xattr";
	f.extra_len = 10;
	return f;
}

static void records_and_facts_come_back(void **state)
{
	(void)state;
	struct err err;
	struct body_file folder = page_file(3, "tree"), f;
	folder.page_bytes = 0;
	folder.unit_bytes = BODY_STREAM_UNIT;
	folder.length = 0;
	const struct body_file files[] = { page_file(1, "crm.db"), stream_file(), folder };
	struct body_place place = sample_place();
	AUTO(buf) b = sealed(files, 3, facts);
	AUTO(body_reader) r = body_open(b->bytes, b->len, &place, key, &err);
	assert_non_null(r);
	assert_memory_equal(body_page_key(r), page_key, SUM_KEY_BYTES);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(body_facts(r), "");
		assert_int_equal(body_next(r, 7, &f, &err), 1);
		assert_same(&f, &files[i]);
	}
	assert_int_equal(body_next(r, 7, &f, &err), 0);
	assert_string_equal(body_facts(r), facts);
	assert_int_equal(body_next(r, 7, &f, &err), 0);
}

static void an_empty_body_is_a_body(void **state)
{
	(void)state;
	struct err err;
	struct body_file f;
	struct body_place place = sample_place();
	AUTO(buf) b = sealed(NULL, 0, "");
	AUTO(body_reader) r = body_open(b->bytes, b->len, &place, key, &err);
	assert_non_null(r);
	assert_int_equal(body_next(r, 0, &f, &err), 0);
	assert_string_equal(body_facts(r), "");
}

static void a_hundred_thousand_files_come_back(void **state)
{
	(void)state;
	enum { MANY = 100000 };
	struct err err;
	struct body_place place = sample_place();
	AUTO(buf) b = buf_new(64 << 20, &err);
	AUTO(body_writer) w = body_writer_new(page_key, &err);
	char path[100];
	for (uint32_t i = 0; i < MANY; i++) {
		struct body_file f = page_file(i, path);
		f.path_len = (size_t)snprintf(path, sizeof path, "customers/%u/file-%x", i % 999, i);
		hash_labelled(f.sum, 32, "hf1.test", NULL, 0, path, f.path_len);
		assert_int_equal(body_add(w, &f, &err), 0);
	}
	assert_int_equal(body_finish(w, facts, &place, key, b, &err), 0);
	AUTO(body_reader) r = body_open(b->bytes, b->len, &place, key, &err);
	assert_non_null(r);
	for (uint32_t i = 0; i < MANY; i++) {
		struct body_file f, want = page_file(i, path);
		want.path_len = (size_t)snprintf(path, sizeof path, "customers/%u/file-%x", i % 999, i);
		hash_labelled(want.sum, 32, "hf1.test", NULL, 0, path, want.path_len);
		assert_int_equal(body_next(r, 0, &f, &err), 1);
		assert_same(&f, &want);
	}
	struct body_file f;
	assert_int_equal(body_next(r, 0, &f, &err), 0);
}

/* Records are read through a window: one that is larger than it must still come through. */
static void the_largest_records_come_back(void **state)
{
	(void)state;
	enum { MANY = 500000 };
	struct err err;
	struct body_file f;
	struct body_place place = sample_place();
	char path[BODY_PATH_MAX + 1];
	memset(path, 'p', BODY_PATH_MAX);
	path[BODY_PATH_MAX] = '\0';
	struct body_extent *list = calloc(MANY, sizeof *list);
	char *extra = malloc(BODY_EXTRA_MAX);
	char *long_facts = malloc(BODY_FACTS_MAX + 1);
	assert_true(list && extra && long_facts);
	struct body_file files[] = { page_file(0, "before"), page_file(1, path), page_file(2, "behind") };
	files[1].page_bytes = 0;
	files[1].unit_bytes = BODY_STREAM_UNIT;
	files[1].length = 0;
	files[1].extra = extra;
	files[1].extra_len = BODY_EXTRA_MAX;
	files[1].extents = list;
	files[1].n_extents = MANY;
	for (uint32_t i = 0; i < BODY_EXTRA_MAX; i++)
		extra[i] = (char)(i * i >> 3);
	for (uint32_t i = 0; i < MANY; i++) {
		list[i] = (struct body_extent){ i % 1000, i % 60000, i % 200000, 1 + i % 60000 };
		files[1].length += list[i].length;
	}
	memset(long_facts, 'f', BODY_FACTS_MAX);
	long_facts[BODY_FACTS_MAX] = '\0';
	AUTO(buf) b = sealed(files, 3, long_facts);
	AUTO(body_reader) r = body_open(b->bytes, b->len, &place, key, &err);
	assert_non_null(r);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(body_next(r, 1000, &f, &err), 1);
		assert_same(&f, &files[i]);
	}
	assert_int_equal(body_next(r, 1000, &f, &err), 0);
	assert_string_equal(body_facts(r), long_facts);
	free(list);
	free(extra);
	free(long_facts);
}

static void the_envelope_lies_where_the_format_says(void **state)
{
	(void)state;
	struct err err;
	struct body_place place = sample_place();
	const struct body_file f = page_file(1, "crm.db");
	AUTO(buf) b = sealed(&f, 1, facts);
	uint8_t stanza[SEAL_STANZA_BYTES], input[60 + 164], okm[64];
	assert_int_equal(body_stanza(stanza, b->bytes, b->len, &err), 0);
	assert_memory_equal(stanza, place.stanza, sizeof stanza);
	uint8_t *p = wire_put_bytes(input, place.vault, 16);
	p = wire_put_bytes(p, place.store, 16);
	p = wire_put_bytes(p, place.session, 16);
	p = wire_put_u64(p, 12);
	p = wire_put_u32(p, 3);
	wire_put_bytes(p, b->bytes, 164);
	hash_labelled(okm, 64, "hf1.bodykey", key, 32, input, sizeof input);
	assert_memory_equal(b->bytes + 164, okm + 32, 32);
	size_t sealed_len = b->len - BODY_ENVELOPE_BYTES;
	uint8_t *packed = malloc(sealed_len);
	assert_non_null(packed);
	assert_int_equal(seal_decrypt(packed, b->bytes + 204, sealed_len, b->bytes, 204, okm), 0);
	char plain[1000];
	size_t n = ZSTD_decompress(plain, sizeof plain, packed, sealed_len - SEAL_OVERHEAD_BYTES);
	assert_false(ZSTD_isError(n));
	struct wire w = wire_over(b->bytes + 196, 8);
	assert_int_equal(wire_u64(&w), n);
	assert_int_equal(plain[0], 1);
	assert_memory_equal(plain + 1, page_key, 32);
	assert_memory_equal(plain + n - strlen(facts), facts, strlen(facts));
	free(packed);
}

static void every_flipped_bit_is_refused(void **state)
{
	(void)state;
	struct body_place place = sample_place();
	const struct body_file f = page_file(1, "crm.db");
	AUTO(buf) b = sealed(&f, 1, facts);
	for (size_t i = 0; i < 8 * b->len; i++) {
		struct err err;
		b->bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_null(body_open(b->bytes, b->len, &place, key, &err));
		assert_int_equal(err.code, ERR_CORRUPT);
		b->bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

static void every_shorter_length_is_refused(void **state)
{
	(void)state;
	struct body_place place = sample_place();
	const struct body_file f = page_file(1, "crm.db");
	AUTO(buf) b = sealed(&f, 1, facts);
	for (size_t len = 0; len < b->len; len++) {
		struct err err;
		uint8_t stanza[SEAL_STANZA_BYTES], *exact = malloc(len + 1);
		assert_non_null(exact);
		memcpy(exact, b->bytes, len);
		assert_null(body_open(exact, len, &place, key, &err));
		assert_int_equal(err.code, ERR_CORRUPT);
		assert_int_equal(body_stanza(stanza, exact, len, &err),
		                 len < BODY_ENVELOPE_BYTES + SEAL_OVERHEAD_BYTES ? ERR_CORRUPT : 0);
		free(exact);
	}
}

static void a_body_opens_only_in_its_place(void **state)
{
	(void)state;
	struct err err;
	const struct body_file f = page_file(1, "crm.db");
	AUTO(buf) b = sealed(&f, 1, facts);
	for (int i = 0; i < 6; i++) {
		struct body_place p = sample_place();
		uint8_t k[32];
		memcpy(k, key, 32);
		uint8_t *flip[] = { p.vault, p.store, p.session, (uint8_t *)&p.seq, (uint8_t *)&p.epoch, k };
		flip[i][0] ^= 1;
		assert_null(body_open(b->bytes, b->len, &p, k, &err));
		assert_int_equal(err.code, ERR_CORRUPT);
	}
}

/* ---- the plain text, written by hand ---- */

struct plain { uint8_t bytes[4096]; size_t len; };

static void put(struct plain *p, const void *data, size_t len)
{
	memcpy(p->bytes + p->len, data, len);
	p->len += len;
}

static void put_varint(struct plain *p, uint64_t v)
{
	p->len = (size_t)(wire_put_varint(p->bytes + p->len, v) - p->bytes);
}

static void put_prefix(struct plain *p, uint8_t version)
{
	put(p, &version, 1);
	put(p, page_key, 32);
}

/* A record of a file named "f", with these numbers. */
static void put_record(struct plain *p, uint64_t path_len, uint64_t extra_len, uint64_t page,
                       uint64_t length, uint64_t unit)
{
	put(p, "\1\7", 2);
	put_varint(p, path_len);
	put(p, "f", path_len <= 2 ? path_len : 0);   /* at 2 with its NUL */
	put(p, "\1\2\3" "12345678", 11);
	put_varint(p, extra_len);
	put_varint(p, page);
	put_varint(p, length);
	put_varint(p, unit);
	put(p, page_key, 32);
}

static int read_plain(const struct plain *p, uint64_t claimed, struct err *err)
{
	uint8_t packed[8192];
	size_t n = ZSTD_compress(packed, sizeof packed, p->bytes, p->len, 1);
	assert_false(ZSTD_isError(n));
	uint8_t *exact = malloc(n);
	assert_non_null(exact);
	memcpy(exact, packed, n);
	AUTO(body_reader) r = body_open_plain(exact, n, claimed, err);
	free(exact);
	struct body_file f;
	int rc = r ? 1 : err->code;
	while (rc == 1)
		rc = body_next(r, 2, &f, err);
	return rc;
}

static void a_golden_body_keeps_its_meaning(void **state)
{
	(void)state;
	struct err err;
	struct plain p = { .len = 0 };
	put_prefix(&p, 1);
	put_record(&p, 1, 0, 0, 300, 65536);
	put(&p, "\2", 1);
	put(&p, "\2\x0a\x0b\x0c", 4);              /* pack 1, 10 bytes, frame 11, offset 12 */
	put(&p, "\0\xa2\2", 3);                    /* 290 zeros */
	put(&p, "\0\2{}", 4);
	uint8_t packed[8192];
	size_t n = ZSTD_compress(packed, sizeof packed, p.bytes, p.len, 1);
	AUTO(body_reader) r = body_open_plain(packed, n, p.len, &err);
	assert_non_null(r);
	struct body_file f;
	assert_int_equal(body_next(r, 2, &f, &err), 1);
	assert_int_equal(f.number, 7);
	assert_string_equal(f.path, "f");
	assert_int_equal(f.mode, 1);
	assert_int_equal(f.uid, 2);
	assert_int_equal(f.gid, 3);
	assert_int_equal(f.mtime_ns, 0x3837363534333231);
	assert_int_equal(f.length, 300);
	assert_int_equal(f.n_extents, 2);
	assert_int_equal(f.extents[0].pack, 1);
	assert_int_equal(f.extents[0].length, 10);
	assert_int_equal(f.extents[0].frame, 11);
	assert_int_equal(f.extents[0].offset, 12);
	assert_int_equal(f.extents[1].pack, UINT32_MAX);
	assert_int_equal(f.extents[1].length, 290);
	assert_int_equal(body_next(r, 2, &f, &err), 0);
	assert_string_equal(body_facts(r), "{}");
}

static void an_unknown_version_is_newer(void **state)
{
	(void)state;
	struct err err;
	struct plain p = { .len = 0 };
	put_prefix(&p, 2);
	put(&p, "\0\0", 2);
	assert_int_equal(read_plain(&p, p.len, &err), ERR_NEWER);
}

static void a_plain_text_must_have_the_claimed_length(void **state)
{
	(void)state;
	struct err err;
	struct plain p = { .len = 0 };
	put_prefix(&p, 1);
	put_record(&p, 1, 0, 4096, 5000, 512);
	put(&p, "\0\2{}", 4);
	assert_int_equal(read_plain(&p, p.len, &err), 0);
	for (uint64_t claimed = 0; claimed < p.len + 3; claimed++)
		if (claimed != p.len)
			assert_int_equal(read_plain(&p, claimed, &err), ERR_CORRUPT);
	assert_int_equal(read_plain(&p, UINT64_MAX, &err), ERR_CORRUPT);
}

static void bytes_behind_the_zstd_frame_are_refused(void **state)
{
	(void)state;
	struct err err;
	struct plain p = { .len = 0 };
	uint8_t packed[8192];
	struct body_file f;
	put_prefix(&p, 1);
	put(&p, "\0\0", 2);
	size_t n = ZSTD_compress(packed, sizeof packed, p.bytes, p.len, 1);
	packed[n] = 0;
	AUTO(body_reader) r = body_open_plain(packed, n + 1, p.len, &err);
	assert_non_null(r);
	assert_int_equal(body_next(r, 0, &f, &err), ERR_CORRUPT);
}

static void a_text_cut_anywhere_is_refused(void **state)
{
	(void)state;
	struct plain whole = { .len = 0 };
	put_prefix(&whole, 1);
	put_record(&whole, 1, 0, 0, 300, 65536);
	put(&whole, "\2" "\2\x0a\x0b\x0c", 5);
	put(&whole, "\0\xa2\2" "\0\2{}", 7);
	for (size_t len = 1; len < whole.len; len++) {
		struct err err;
		struct plain p = whole;
		p.len = len;
		assert_int_equal(read_plain(&p, len, &err), ERR_CORRUPT);
	}
}

static void claims_that_cannot_be_true_are_refused(void **state)
{
	(void)state;
	static const struct { uint64_t path_len, extra_len, page, length, unit; const char *more;
	                      size_t more_len; } bad[] = {
		{ 0, 0, 4096, 1, 512, "", 0 },
		{ 2, 0, 4096, 1, 512, "", 0 },                                 /* NUL in a path */
		{ BODY_PATH_MAX + 1, 0, 4096, 1, 512, "", 0 },
		{ UINT64_MAX, 0, 4096, 1, 512, "", 0 },
		{ 1, BODY_EXTRA_MAX + 1, 4096, 1, 512, "", 0 },
		{ 1, UINT64_MAX, 4096, 1, 512, "", 0 },
		{ 1, 0, 4097, 1, 512, "", 0 },
		{ 1, 0, 256, 1, 256, "", 0 },
		{ 1, 0, 131072, 1, 512, "", 0 },
		{ 1, 0, 4096, 1, 128, "", 0 },
		{ 1, 0, 4096, 1, 768, "", 0 },
		{ 1, 0, 4096, 1, 8192, "", 0 },
		{ 1, 0, 4096, 1, 0, "", 0 },
		{ 1, 0, 4096, (UINT64_C(1) << 56) + 1, 512, "", 0 },
		{ 1, 0, 0, 0, 512, "", 0 },
		{ 1, 0, 0, 5, 65536, "\0", 1 },                                /* nothing of 5 bytes */
		{ 1, 0, 0, 5, 65536, "\1\1\4\0\0", 5 },                        /* 4 of 5 */
		{ 1, 0, 0, 5, 65536, "\1\1\6\0\0", 5 },                        /* 6 of 5 */
		{ 1, 0, 0, 5, 65536, "\1\3\5\0\0", 5 },                        /* third pack of two */
		{ 1, 0, 0, 5, 65536, "\1\1\5\x81\x80\4\0", 7 },                /* frame 65537 */
		{ 1, 0, 0, 5, 65536, "\1\1\5\0\xfc\xff\x0f", 7 },              /* over the frame's end */
		{ 1, 0, 0, 5, 65536, "\1\1\5\0\xff\xff\xff\xff\xff\1", 10 },
		{ 1, 0, 0, 5, 65536, "\2\1\5\0\0\0\0", 7 },                    /* an empty extent */
		{ 1, 0, 0, 5, 65536, "\xff\xff\xff\x0f", 4 },                  /* millions of extents */
		{ 1, 0, 0, 5, 65536, "\x81\x80\x80\x20", 4 },                  /* more than allowed */
		{ 1, 0, 0, 5, 65536, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 10 },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err err;
		struct plain p = { .len = 0 };
		put_prefix(&p, 1);
		put_record(&p, bad[i].path_len, bad[i].extra_len, bad[i].page, bad[i].length, bad[i].unit);
		put(&p, bad[i].more, bad[i].more_len);
		put(&p, "\0\0", 2);
		int rc = read_plain(&p, p.len, &err);
		if (rc != ERR_CORRUPT)
			fail_msg("claim %zu: %d", i, rc);
	}
}

static void other_records_and_endings_are_refused(void **state)
{
	(void)state;
	static const struct { const char *text; size_t len; } bad[] = {
		{ "\2", 1 }, { "\xff", 1 }, { "\0", 1 }, { "\0\1", 2 }, { "\0\0\0", 3 },
		{ "\0\2{}x", 5 }, { "\0\x81\x80\x40", 4 }, { "\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 11 },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err err;
		struct plain p = { .len = 0 };
		put_prefix(&p, 1);
		put(&p, bad[i].text, bad[i].len);
		assert_int_equal(read_plain(&p, p.len, &err), ERR_CORRUPT);
	}
}

static void what_is_no_zstd_frame_is_refused(void **state)
{
	(void)state;
	struct err err;
	assert_null(body_open_plain((const uint8_t *)"", 0, 33, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_null(body_open_plain((const uint8_t *)"no zstd at all", 14, 33, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_null(body_open_plain((const uint8_t *)"", 0, 0, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
}

int main(void)
{
	crypto_start();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_and_facts_come_back),
		cmocka_unit_test(an_empty_body_is_a_body),
		cmocka_unit_test(a_hundred_thousand_files_come_back),
		cmocka_unit_test(the_largest_records_come_back),
		cmocka_unit_test(the_envelope_lies_where_the_format_says),
		cmocka_unit_test(every_flipped_bit_is_refused),
		cmocka_unit_test(every_shorter_length_is_refused),
		cmocka_unit_test(a_body_opens_only_in_its_place),
		cmocka_unit_test(a_golden_body_keeps_its_meaning),
		cmocka_unit_test(an_unknown_version_is_newer),
		cmocka_unit_test(a_plain_text_must_have_the_claimed_length),
		cmocka_unit_test(bytes_behind_the_zstd_frame_are_refused),
		cmocka_unit_test(a_text_cut_anywhere_is_refused),
		cmocka_unit_test(claims_that_cannot_be_true_are_refused),
		cmocka_unit_test(other_records_and_endings_are_refused),
		cmocka_unit_test(what_is_no_zstd_frame_is_refused),
	};
	return cmocka_run_group_tests_name("body", tests, NULL, NULL);
}
