#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/hex.h"
#include "base/wire.h"
#include "crypto/hash.h"
#include "format/pack.h"
#include "holdfast/err.h"

static const uint8_t session_key[32] = "a session key of thirty-two byte";

static struct pack_header sample_header(void)
{
	struct pack_header h = { .seq = 0x0102030405060708, .number = 3, .epoch = 2 };
	memset(h.vault, 0xa1, 16);
	memset(h.store, 0xb2, 16);
	memset(h.session, 0xc3, 16);
	for (size_t i = 0; i < sizeof h.stanza; i++)
		h.stanza[i] = (uint8_t)i;
	return h;
}

static void fill(uint8_t *p, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		p[i] = (uint8_t)(seed >> 24);
	}
}

/* ---- sizes ---- */

static void padded_sizes_are_those_of_the_paper(void **state)
{
	(void)state;
	static const uint64_t sizes[][2] = {
		{ 0, 0 }, { 1, 1 }, { 2, 2 }, { 3, 3 }, { 8, 8 }, { 9, 10 }, { 10, 10 }, { 11, 12 },
		{ 100, 104 }, { 1000, 1024 }, { 4096, 4096 }, { 4097, 4352 }, { 65535, 65536 },
		{ 65537, 67584 }, { 100000, 100352 }, { 1000000, 1015808 }, { 1048577, 1081344 },
		{ 10000000, 10223616 }, { 16777215, 16777216 }, { 16777216, 16777216 },
		{ 16777217, 17301504 }, { (UINT64_C(1) << 40) + 1, UINT64_C(1116691496960) },
	};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		assert_int_equal(pack_padded(sizes[i][0]), sizes[i][1]);
}

static void padding_never_shrinks_and_wastes_at_most_an_eighth(void **state)
{
	(void)state;
	uint64_t last = 0;
	for (uint64_t len = 1; len < UINT64_C(1) << 25; len += len / 97 + 1) {
		uint64_t padded = pack_padded(len);
		assert_true(padded >= len && padded >= last && padded - len <= len / 8);
		assert_int_equal(pack_padded(padded), padded);
		last = padded;
	}
}

static void units_count_a_partial_last_one(void **state)
{
	(void)state;
	assert_int_equal(pack_units(0, 512), 0);
	assert_int_equal(pack_units(1, 512), 1);
	assert_int_equal(pack_units(512, 512), 1);
	assert_int_equal(pack_units(513, 512), 2);
	assert_int_equal(pack_units(UINT64_MAX, 256), (UINT64_C(1) << 56));
	struct pack_file f = { .unit_bytes = 512, .length = 1025 };
	assert_int_equal(pack_unit_len(&f, 0), 512);
	assert_int_equal(pack_unit_len(&f, 1), 512);
	assert_int_equal(pack_unit_len(&f, 2), 1);
}

/* ---- header ---- */

static void a_header_comes_back_as_it_was(void **state)
{
	(void)state;
	struct err err;
	struct pack_header h = sample_header(), back;
	struct pack_key key, again;
	uint8_t bytes[PACK_HEADER_BYTES];
	pack_begin(bytes, &key, &h, session_key);
	assert_int_equal(pack_header_decode(&back, bytes, sizeof bytes, &err), 0);
	assert_memory_equal(back.vault, h.vault, 16);
	assert_memory_equal(back.store, h.store, 16);
	assert_memory_equal(back.session, h.session, 16);
	assert_memory_equal(back.stanza, h.stanza, sizeof h.stanza);
	assert_int_equal(back.seq, h.seq);
	assert_int_equal(back.number, h.number);
	assert_int_equal(back.epoch, h.epoch);
	assert_int_equal(pack_unlock(&again, bytes, session_key, &err), 0);
	assert_memory_equal(&again, &key, sizeof key);
}

/* The layout of FORMAT.md, byte by byte, from another implementation of the hashes. */
static void header_bytes_lie_where_the_format_says(void **state)
{
	(void)state;
	struct pack_header h = sample_header();
	struct pack_key key;
	uint8_t bytes[PACK_HEADER_BYTES], okm[64], hash[32];
	pack_begin(bytes, &key, &h, session_key);
	static const uint8_t start[16] = { 'H', 'F', 'P', 'A', 'C', 'K', '1', 0, 1, 0, 0, 0, 0, 0, 1, 0 };
	static const uint8_t numbers[16] = { 8, 7, 6, 5, 4, 3, 2, 1, 3, 0, 0, 0, 2, 0, 0, 0 };
	assert_memory_equal(bytes, start, 16);
	assert_memory_equal(bytes + 16, h.vault, 16);
	assert_memory_equal(bytes + 32, h.store, 16);
	assert_memory_equal(bytes + 48, h.session, 16);
	assert_memory_equal(bytes + 64, numbers, 16);
	assert_memory_equal(bytes + 80, h.stanza, 132);

	uint8_t personal[16] = "hf1.pack", salt[16] = { 0 };
	assert_int_equal(crypto_generichash_blake2b_salt_personal(okm, 64, bytes, 244, session_key, 32,
	                                                          salt, personal), 0);
	assert_memory_equal(bytes + 244, okm + 32, 32);
	assert_memory_equal(key.frame, okm, 32);
	memset(personal, 0, 16);
	memcpy(personal, "hf1.header", 10);
	assert_int_equal(crypto_generichash_blake2b_salt_personal(hash, 32, bytes, 276, NULL, 0, salt,
	                                                          personal), 0);
	assert_memory_equal(key.header_hash, hash, 32);

	uint8_t context[PACK_CONTEXT_BYTES];
	pack_context(context, &h);
	assert_memory_equal(context, bytes + 16, 48);
	assert_memory_equal(context + 48, "\2\0\0\0", 4);
}

static void two_headers_of_one_session_have_different_keys(void **state)
{
	(void)state;
	struct pack_header h = sample_header();
	struct pack_key one, two;
	uint8_t bytes[PACK_HEADER_BYTES];
	pack_begin(bytes, &one, &h, session_key);
	pack_begin(bytes, &two, &h, session_key);
	assert_memory_not_equal(one.frame, two.frame, 32);
}

static void every_flipped_bit_of_a_header_is_refused(void **state)
{
	(void)state;
	struct pack_header h = sample_header(), back;
	struct pack_key key;
	uint8_t bytes[PACK_HEADER_BYTES];
	pack_begin(bytes, &key, &h, session_key);
	for (size_t i = 0; i < 8 * sizeof bytes; i++) {
		struct err err = { 0 };
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		if (pack_header_decode(&back, bytes, sizeof bytes, &err) == 0)
			assert_int_equal(pack_unlock(&key, bytes, session_key, &err), ERR_CORRUPT);
		else
			assert_true(err.code == ERR_CORRUPT || (i / 8 >= 8 && err.code == ERR_NEWER));
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	struct err err;
	assert_int_equal(pack_unlock(&key, bytes, session_key, &err), 0);
}

static void a_cut_header_is_refused_at_every_length(void **state)
{
	(void)state;
	struct err err;
	struct pack_header h = sample_header(), back = { .seq = 99 };
	struct pack_key key;
	uint8_t bytes[PACK_HEADER_BYTES];
	pack_begin(bytes, &key, &h, session_key);
	for (size_t len = 0; len < sizeof bytes; len++) {
		uint8_t *cut = malloc(len + 1);
		assert_non_null(cut);
		memcpy(cut, bytes, len);
		assert_int_equal(pack_header_decode(&back, cut, len, &err), ERR_CORRUPT);
		free(cut);
	}
	assert_int_equal(back.seq, 99);
}

static void what_is_newer_is_called_newer(void **state)
{
	(void)state;
	struct pack_header h = sample_header(), back;
	struct pack_key key;
	uint8_t bytes[PACK_HEADER_BYTES];
	static const struct { size_t at; int rc; } changes[] = {
		{ 8, ERR_NEWER }, { 9, ERR_NEWER }, { 10, ERR_NEWER }, { 11, ERR_NEWER },
		{ 12, 0 }, { 13, 0 },   /* optional features */
		{ 14, ERR_NEWER }, { 15, ERR_NEWER },
	};
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		struct err err;
		pack_begin(bytes, &key, &h, session_key);
		bytes[changes[i].at] ^= 2;
		assert_int_equal(pack_header_decode(&back, bytes, sizeof bytes, &err), changes[i].rc);
	}
}

static void another_session_key_does_not_open_a_header(void **state)
{
	(void)state;
	struct err err;
	struct pack_header h = sample_header();
	struct pack_key key, other;
	uint8_t bytes[PACK_HEADER_BYTES], wrong[32];
	pack_begin(bytes, &key, &h, session_key);
	memcpy(wrong, session_key, 32);
	wrong[31] ^= 1;
	memset(&other, 0x55, sizeof other);
	struct pack_key before = other;
	assert_int_equal(pack_unlock(&other, bytes, wrong, &err), ERR_CORRUPT);
	assert_memory_equal(&other, &before, sizeof other);
}

/* ---- frames ---- */

enum { PLAIN = 5000 };

struct frame {
	struct pack_key key;
	uint8_t plain[PLAIN], sealed[PLAIN + 200], scratch[PLAIN + 200], out[PLAIN];
	size_t stored, sealed_len;
	enum pack_codec codec;
};

static struct frame make_frame(bool zstd)
{
	struct frame f;
	struct pack_header h = sample_header();
	uint8_t header[PACK_HEADER_BYTES], packed[PLAIN + 100];
	pack_begin(header, &f.key, &h, session_key);
	fill(f.plain, PLAIN, 1);
	if (zstd)
		memset(f.plain, 'z', PLAIN / 2);
	f.codec = zstd ? PACK_ZSTD : PACK_RAW;
	f.stored = zstd ? ZSTD_compress(packed, sizeof packed, f.plain, PLAIN, 1) : PLAIN;
	pack_seal(f.sealed, zstd ? packed : f.plain, f.stored, &f.key, PACK_FRAME, 4, f.codec, PLAIN);
	f.sealed_len = f.stored + SEAL_OVERHEAD_BYTES;
	return f;
}

static int open_frame(struct frame *f, struct err *err)
{
	return pack_open(f->out, PLAIN, f->sealed, f->sealed_len, f->scratch, NULL, &f->key, PACK_FRAME,
	                 4, f->codec, err);
}

static void frames_come_back_raw_and_compressed(void **state)
{
	(void)state;
	for (int zstd = 0; zstd < 2; zstd++) {
		struct err err;
		struct frame f = make_frame(zstd);
		assert_int_equal(open_frame(&f, &err), 0);
		assert_memory_equal(f.out, f.plain, PLAIN);
		ZSTD_DCtx *z = ZSTD_createDCtx();
		memset(f.out, 0, PLAIN);
		assert_int_equal(pack_open(f.out, PLAIN, f.sealed, f.sealed_len, f.scratch, z, &f.key,
		                           PACK_FRAME, 4, f.codec, &err), 0);
		assert_memory_equal(f.out, f.plain, PLAIN);
		ZSTD_freeDCtx(z);
	}
}

static void every_flipped_byte_of_a_frame_is_refused(void **state)
{
	(void)state;
	for (int zstd = 0; zstd < 2; zstd++) {
		struct frame f = make_frame(zstd);
		for (size_t i = 0; i < f.sealed_len; i++) {
			struct err err;
			f.sealed[i] ^= (uint8_t)(1 << i % 8);
			assert_int_equal(open_frame(&f, &err), ERR_CORRUPT);
			f.sealed[i] ^= (uint8_t)(1 << i % 8);
		}
	}
}

static void a_cut_frame_is_refused_at_every_length(void **state)
{
	(void)state;
	for (int zstd = 0; zstd < 2; zstd++) {
		struct frame f = make_frame(zstd);
		for (size_t len = 0; len < f.sealed_len; len += len < 100 ? 1 : 37) {
			struct err err;
			uint8_t *cut = malloc(len + 1);
			assert_non_null(cut);
			memcpy(cut, f.sealed, len);
			assert_int_equal(pack_open(f.out, PLAIN, cut, len, f.scratch, NULL, &f.key,
			                           PACK_FRAME, 4, f.codec, &err), ERR_CORRUPT);
			free(cut);
		}
	}
}

static void a_frame_opens_only_in_its_own_place(void **state)
{
	(void)state;
	struct err err;
	struct frame f = make_frame(false), other = make_frame(false);
	assert_int_equal(pack_open(f.out, PLAIN, f.sealed, f.sealed_len, f.scratch, NULL, &f.key,
	                           PACK_FRAME, 5, PACK_RAW, &err), ERR_CORRUPT);
	assert_int_equal(pack_open(f.out, PLAIN, f.sealed, f.sealed_len, f.scratch, NULL, &f.key,
	                           PACK_TRAILER, 4, PACK_RAW, &err), ERR_CORRUPT);
	assert_int_equal(pack_open(f.out, PLAIN, f.sealed, f.sealed_len, f.scratch, NULL, &f.key,
	                           PACK_FRAME, 4, PACK_ZSTD, &err), ERR_CORRUPT);
	assert_int_equal(pack_open(f.out, PLAIN - 1, f.sealed, f.sealed_len, f.scratch, NULL, &f.key,
	                           PACK_FRAME, 4, PACK_RAW, &err), ERR_CORRUPT);
	assert_int_equal(pack_open(f.out, PLAIN, f.sealed, f.sealed_len, f.scratch, NULL, &other.key,
	                           PACK_FRAME, 4, PACK_RAW, &err), ERR_CORRUPT);
	/* same frame key, another header: the header's hash is authenticated as well */
	struct pack_key moved = f.key;
	moved.header_hash[0] ^= 1;
	assert_int_equal(pack_open(f.out, PLAIN, f.sealed, f.sealed_len, f.scratch, NULL, &moved,
	                           PACK_FRAME, 4, PACK_RAW, &err), ERR_CORRUPT);
}

/* An authenticated frame whose writer lied about its length. */
static void a_frame_that_inflates_to_another_length_is_refused(void **state)
{
	(void)state;
	struct frame f = make_frame(true);
	uint8_t packed[PLAIN + 100];
	size_t n = ZSTD_compress(packed, sizeof packed, f.plain, PLAIN, 1);
	static const uint32_t lengths[] = { 0, 1, PLAIN - 1 };
	for (size_t i = 0; i < 3; i++) {
		struct err err;
		pack_seal(f.sealed, packed, n, &f.key, PACK_FRAME, 4, PACK_ZSTD, lengths[i]);
		uint8_t *out = malloc(lengths[i] + 1u);
		assert_non_null(out);
		assert_int_equal(pack_open(out, lengths[i], f.sealed, n + SEAL_OVERHEAD_BYTES, f.scratch,
		                           NULL, &f.key, PACK_FRAME, 4, PACK_ZSTD, &err), ERR_CORRUPT);
		free(out);
	}
	struct err err;
	uint8_t more[PLAIN + 1];
	pack_seal(f.sealed, packed, n, &f.key, PACK_FRAME, 4, PACK_ZSTD, PLAIN + 1);
	assert_int_equal(pack_open(more, PLAIN + 1, f.sealed, n + SEAL_OVERHEAD_BYTES, f.scratch, NULL,
	                           &f.key, PACK_FRAME, 4, PACK_ZSTD, &err), ERR_CORRUPT);
}

/* ---- whole packs ---- */

struct table {
	struct pack_file files[300];
	char paths[300][40];
	uint32_t n;
};

static struct table *new_table(uint32_t n)
{
	struct table *t = calloc(1, sizeof *t);
	assert_non_null(t);
	for (t->n = 0; t->n < n; t->n++) {
		struct pack_file *f = &t->files[t->n];
		snprintf(t->paths[t->n], sizeof t->paths[t->n], "dir/file number %u.db", t->n);
		*f = (struct pack_file){ .number = 1000 + t->n * 7, .page_bytes = 4096,
		                         .unit_bytes = t->n % 2 ? 512 : 4096,
		                         .length = (UINT64_C(1) << 30) + t->n, .path = t->paths[t->n],
		                         .path_len = strlen(t->paths[t->n]) };
	}
	return t;
}

static int lookup(void *arg, uint32_t number, struct pack_file *out, struct err *err)
{
	struct table *t = arg;
	for (uint32_t i = 0; i < t->n; i++)
		if (t->files[i].number == number) {
			*out = t->files[i];
			return 0;
		}
	return err_set(err, ERR_INVALID, "file %u is not known", number);
}

struct whole {
	uint8_t *bytes;
	size_t len, used;
	struct pack_key key;
	struct pack_writer *writer;
	uint8_t id[PACK_ID_BYTES];
};

static struct whole new_whole(void)
{
	struct err err;
	struct pack_header h = sample_header();
	struct whole w = { .bytes = malloc(PACK_BYTES), .used = PACK_HEADER_BYTES,
	                   .writer = pack_writer_new(&err) };
	assert_non_null(w.bytes);
	assert_non_null(w.writer);
	pack_begin(w.bytes, &w.key, &h, session_key);
	return w;
}

static void drop_whole(struct whole *w)
{
	pack_writer_free(w->writer);
	free(w->bytes);
}

static void add_frame(struct whole *w, uint32_t plain_len, const struct pack_run *runs, size_t n)
{
	struct err err;
	uint8_t *plain = malloc(plain_len);
	assert_non_null(plain);
	fill(plain, plain_len, pack_writer_frames(w->writer) + 1);
	pack_seal(w->bytes + w->used, plain, plain_len, &w->key, PACK_FRAME,
	          pack_writer_frames(w->writer), PACK_RAW, plain_len);
	uint32_t stored = plain_len + SEAL_OVERHEAD_BYTES;
	assert_int_equal(pack_writer_frame(w->writer, PACK_RAW, stored, plain_len, runs, n, &err), 0);
	w->used += stored;
	free(plain);
}

static int finish(struct whole *w, bool last, struct table *t, struct err *err)
{
	return pack_finish(w->bytes, w->used, last, w->writer, &w->key, lookup, t, &w->len, w->id, err);
}

static struct pack_trailer *open_trailer(const struct whole *w, struct err *err)
{
	uint32_t stored, plain;
	if (pack_tail_decode(w->bytes + w->len - PACK_TAIL_BYTES, w->len, &stored, &plain, err) != 0)
		return NULL;
	return pack_trailer_open(w->bytes + w->len - PACK_TAIL_BYTES - stored, stored, plain, w->len,
	                         &w->key, err);
}

static struct whole small_pack(struct table *t)
{
	struct err err;
	struct whole w = new_whole();
	const struct pack_run run = { .file = t->files[0].number, .first = 5, .count = 2 };
	const struct pack_run zeros = { .file = t->files[0].number, .first = 100, .count = 50 };
	add_frame(&w, 8192, &run, 1);
	assert_int_equal(pack_writer_zeros(w.writer, &zeros, &err), 0);
	assert_int_equal(finish(&w, true, t, &err), 0);
	return w;
}

static void many_files_and_runs_come_back_in_order(void **state)
{
	(void)state;
	struct err err;
	struct table *t = new_table(300);
	struct whole w = new_whole();
	static struct pack_run put[4000];
	uint32_t n = 0;
	for (uint32_t i = 0; i < 1000; i++) {
		/* forwards and backwards, between files, and to the partial last unit */
		const struct pack_file *f = &t->files[i * 13 % 300];
		uint64_t units = pack_units(f->length, f->unit_bytes);
		uint32_t plain = 0, first = n;
		for (uint32_t k = 0; k <= i % 4; k++) {
			struct pack_run r = { .file = f->number, .count = 1 + k,
			                      .first = (i * UINT64_C(7919) + k * 50000) % (units - 8) };
			if (i % 50 == 3 && k == 0)
				r = (struct pack_run){ f->number, 1, units - 1 };
			plain += (r.count - 1) * f->unit_bytes + pack_unit_len(f, r.first + r.count - 1);
			put[n++] = r;
		}
		add_frame(&w, plain, put + first, n - first);
	}
	add_frame(&w, 70000, NULL, 0);   /* chunks */
	static struct pack_run zeros[500];
	for (uint32_t i = 0; i < 500; i++) {
		zeros[i] = (struct pack_run){ t->files[i % 7].number, 1 + i, i * 500 };
		assert_int_equal(pack_writer_zeros(w.writer, &zeros[i], &err), 0);
	}
	assert_int_equal(finish(&w, true, t, &err), 0);
	AUTO(pack_trailer) back = open_trailer(&w, &err);
	assert_non_null(back);
	assert_int_equal(back->n_files, 300);
	assert_int_equal(back->n_frames, 1001);
	assert_int_equal(back->n_runs, n + 500);
	assert_int_equal(back->zero_run, n);
	for (uint32_t i = 0; i < back->n_runs; i++) {
		const struct pack_run *r = &back->runs[i], *p = i < n ? &put[i] : &zeros[i - n];
		assert_int_equal(back->files[r->file].number, p->file);
		assert_int_equal(r->first, p->first);
		assert_int_equal(r->count, p->count);
	}
	for (uint32_t i = 0; i < 300; i++) {
		const struct pack_file *f = &back->files[i], *p = NULL;
		for (uint32_t k = 0; k < 300; k++)
			if (t->files[k].number == f->number)
				p = &t->files[k];
		assert_non_null(p);
		assert_string_equal(f->path, p->path);
		assert_int_equal(f->length, p->length);
		assert_int_equal(f->unit_bytes, p->unit_bytes);
	}
	uint64_t at = PACK_HEADER_BYTES;
	for (uint32_t i = 0, run = 0; i < back->n_frames; i++) {
		assert_int_equal(back->frames[i].offset, at);
		assert_int_equal(back->frames[i].run, run);
		at += back->frames[i].stored;
		run += back->frames[i].n_runs;
	}
	assert_int_equal(back->frames[1000].n_runs, 0);
	drop_whole(&w);
	free(t);
}

static void a_pack_of_nothing_but_zeros_is_a_pack(void **state)
{
	(void)state;
	struct err err;
	struct table *t = new_table(1);
	struct whole w = new_whole();
	const struct pack_run zeros = { .file = t->files[0].number, .first = 0, .count = 1 << 18 };
	assert_true(pack_writer_empty(w.writer));
	assert_int_equal(pack_writer_zeros(w.writer, &zeros, &err), 0);
	assert_false(pack_writer_empty(w.writer));
	assert_int_equal(finish(&w, true, t, &err), 0);
	AUTO(pack_trailer) back = open_trailer(&w, &err);
	assert_non_null(back);
	assert_int_equal(back->n_frames, 0);
	assert_int_equal(back->n_runs, 1);
	assert_int_equal(back->runs[0].count, 1 << 18);
	drop_whole(&w);
	free(t);
}

static void a_cleared_writer_starts_anew(void **state)
{
	(void)state;
	struct err err;
	struct table *t = new_table(3);
	struct whole w = new_whole();
	const struct pack_run run = { .file = t->files[2].number, .first = 900, .count = 1 };
	assert_int_equal(pack_writer_frame(w.writer, PACK_RAW, 4136, 4096, &run, 1, &err), 0);
	pack_writer_clear(w.writer);
	assert_true(pack_writer_empty(w.writer));
	const struct pack_run other = { .file = t->files[0].number, .first = 5, .count = 1 };
	add_frame(&w, 4096, &other, 1);
	assert_int_equal(finish(&w, true, t, &err), 0);
	AUTO(pack_trailer) back = open_trailer(&w, &err);
	assert_non_null(back);
	assert_int_equal(back->n_files, 1);
	assert_int_equal(back->files[0].number, t->files[0].number);
	assert_int_equal(back->runs[0].first, 5);
	drop_whole(&w);
	free(t);
}

static void only_the_last_pack_has_another_size_than_16_mib(void **state)
{
	(void)state;
	struct err err;
	struct table *t = new_table(1);
	for (int last = 0; last < 2; last++) {
		struct whole w = new_whole();
		memset(w.bytes + w.used, 0xee, PACK_BYTES - w.used);
		add_frame(&w, 4096, &(struct pack_run){ t->files[0].number, 1, 0 }, 1);
		assert_int_equal(finish(&w, last, t, &err), 0);
		if (last)
			assert_int_equal(w.len, pack_padded(w.len));
		else
			assert_int_equal(w.len, PACK_BYTES);
		uint8_t id[32];
		hash_plain(id, w.bytes, w.len);
		assert_memory_equal(id, w.id, 32);
		/* padding is zero, whatever the memory held */
		struct wire tail = wire_over(w.bytes + w.len - PACK_TAIL_BYTES, 4);
		size_t trailer = w.len - PACK_TAIL_BYTES - wire_u32(&tail);
		for (size_t i = w.used; i < trailer; i++)
			assert_int_equal(w.bytes[i], 0);
		AUTO(pack_trailer) back = open_trailer(&w, &err);
		assert_non_null(back);
		drop_whole(&w);
	}
	free(t);
}

static void a_trailer_that_does_not_fit_is_an_error(void **state)
{
	(void)state;
	struct err err;
	struct table *t = new_table(1);
	struct whole w = new_whole();
	assert_int_equal(pack_writer_zeros(w.writer, &(struct pack_run){ t->files[0].number, 1, 0 },
	                                   &err), 0);
	w.used = PACK_BYTES - 60;
	assert_int_equal(finish(&w, false, t, &err), ERR_LIMIT);
	drop_whole(&w);
	free(t);
}

static void a_file_that_nobody_knows_fails_the_pack(void **state)
{
	(void)state;
	struct err err;
	struct table *t = new_table(1);
	struct whole w = new_whole();
	assert_int_equal(pack_writer_zeros(w.writer, &(struct pack_run){ 4711, 1, 0 }, &err), 0);
	assert_int_equal(finish(&w, true, t, &err), ERR_INVALID);
	drop_whole(&w);
	free(t);
}

/* What a reader refuses must never be written: it would be a snapshot that nobody can restore. */
static void the_writer_stops_where_the_reader_does(void **state)
{
	(void)state;
	struct err err;
	struct table *t = new_table(1);
	struct whole w = new_whole();
	struct pack_run runs[512];
	uint64_t at = 0, listed = 0;
	int rc = 0;
	for (size_t i = 0; i < 512; i++)
		runs[i] = (struct pack_run){ t->files[0].number, 1, 0 };
	/* every other unit: frames first, then zeros, until nothing more is taken */
	for (uint32_t f = 0; rc == 0 && f < 2048; f++) {
		for (size_t i = 0; i < 512; i++, at += 2)
			runs[i].first = at % 200000;
		if (!pack_writer_room(w.writer, 512))
			break;
		rc = pack_writer_frame(w.writer, PACK_ZSTD, 100, 256 << 10, runs, 512, &err);
		listed += 512;
	}
	assert_int_equal(rc, 0);
	for (uint64_t unit = 1; pack_writer_room(w.writer, 1); unit += 2, listed++)
		assert_int_equal(pack_writer_zeros(w.writer, &(struct pack_run){ t->files[0].number, 1,
		                                   unit % 200000 }, &err), 0);
	assert_true(listed <= PACK_RUNS_MAX);
	while (rc == 0 && listed++ < 2 * (uint64_t)PACK_RUNS_MAX)
		rc = pack_writer_zeros(w.writer, &(struct pack_run){ t->files[0].number, 1, 1 }, &err);
	assert_int_equal(rc, ERR_LIMIT);
	drop_whole(&w);
	free(t);
}

static void every_flipped_byte_of_trailer_and_tail_is_refused(void **state)
{
	(void)state;
	struct table *t = new_table(1);
	struct whole w = small_pack(t);
	struct wire tail = wire_over(w.bytes + w.len - PACK_TAIL_BYTES, 4);
	for (size_t i = w.len - PACK_TAIL_BYTES - wire_u32(&tail); i < w.len; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			struct err err;
			w.bytes[i] ^= (uint8_t)(1 << bit);
			assert_null(open_trailer(&w, &err));
			assert_int_equal(err.code, ERR_CORRUPT);
			w.bytes[i] ^= (uint8_t)(1 << bit);
		}
	drop_whole(&w);
	free(t);
}

static void a_cut_pack_is_refused(void **state)
{
	(void)state;
	struct table *t = new_table(1);
	struct whole w = small_pack(t);
	for (size_t len = w.len; len-- > w.len - 2000;) {
		struct err err;
		struct whole cut = w;
		cut.len = len;
		assert_null(open_trailer(&cut, &err));
		assert_int_equal(err.code, ERR_CORRUPT);
	}
	drop_whole(&w);
	free(t);
}

static void a_trailer_of_another_pack_is_refused(void **state)
{
	(void)state;
	struct err err;
	struct table *t = new_table(1);
	struct whole a = small_pack(t), b = small_pack(t);
	a.key = b.key;
	assert_null(open_trailer(&a, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
	drop_whole(&a);
	drop_whole(&b);
	free(t);
}

static void a_tail_must_fit_its_pack(void **state)
{
	(void)state;
	static const struct { uint32_t stored, plain; uint64_t len; int rc; } tails[] = {
		{ 100, 1000, 4096, 0 },
		{ SEAL_OVERHEAD_BYTES, 0, 4096, 0 },
		{ SEAL_OVERHEAD_BYTES - 1, 0, 4096, ERR_CORRUPT },
		{ 0, 0, 4096, ERR_CORRUPT },
		{ 4096 - 276 - 8, 10, 4096, 0 },
		{ 4096 - 276 - 7, 10, 4096, ERR_CORRUPT },
		{ UINT32_MAX, 10, 4096, ERR_CORRUPT },
		{ 100, PACK_TRAILER_PLAIN_MAX, 4096, 0 },
		{ 100, PACK_TRAILER_PLAIN_MAX + 1, 4096, ERR_CORRUPT },
		{ 100, UINT32_MAX, 4096, ERR_CORRUPT },
		{ 100, 100, 283, ERR_CORRUPT },
		{ 100, 100, 0, ERR_CORRUPT },
		{ 100, 100, PACK_BYTES, 0 },
		{ 100, 100, PACK_BYTES + 1, ERR_CORRUPT },
		{ 100, 100, UINT64_MAX, ERR_CORRUPT },
	};
	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
		struct err err;
		uint8_t bytes[PACK_TAIL_BYTES];
		uint32_t stored = 7, plain = 7;
		wire_put_u32(wire_put_u32(bytes, tails[i].stored), tails[i].plain);
		assert_int_equal(pack_tail_decode(bytes, tails[i].len, &stored, &plain, &err), tails[i].rc);
		assert_int_equal(stored, tails[i].rc ? 7 : tails[i].stored);
		assert_int_equal(plain, tails[i].rc ? 7 : tails[i].plain);
	}
}

/* ---- the trailer's plain text, written by hand ---- */

#define FILE_A "\x07" "\x80\x20" "\x80\x04" "\x81\x0a" "\x04" "a.db"   /* 7, 4096, 512, 1281 */
#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

static void a_golden_trailer_keeps_its_meaning(void **state)
{
	(void)state;
	struct err err;
	/* frame: zstd, 100 stored, 769 plain: units 1 and, one step back, 0... here 2 (short) and 0 */
	AUTO(pack_trailer) t = pack_trailer_decode(
		BYTES("\x01" "\x01" FILE_A
		      "\x02"
		      "\x01" "\x64" "\x81\x06" "\x02" "\x00\x04\x01" "\x00\x05\x01"
		      "\x00" "\x29" "\x01" "\x00"
		      "\x01" "\x00\x01\x01"), 500, &err);
	assert_non_null(t);
	assert_int_equal(t->n_files, 1);
	assert_int_equal(t->files[0].number, 7);
	assert_int_equal(t->files[0].page_bytes, 4096);
	assert_int_equal(t->files[0].unit_bytes, 512);
	assert_int_equal(t->files[0].length, 1281);
	assert_string_equal(t->files[0].path, "a.db");
	assert_int_equal(t->n_frames, 2);
	assert_int_equal(t->frames[0].offset, 276);
	assert_int_equal(t->frames[0].codec, PACK_ZSTD);
	assert_int_equal(t->frames[0].stored, 100);
	assert_int_equal(t->frames[0].plain, 769);
	assert_int_equal(t->frames[0].n_runs, 2);
	assert_int_equal(t->runs[0].first, 2);
	assert_int_equal(t->runs[1].first, 0);
	assert_int_equal(t->frames[1].offset, 376);
	assert_int_equal(t->frames[1].codec, PACK_RAW);
	assert_int_equal(t->frames[1].n_runs, 0);
	assert_int_equal(t->zero_run, 2);
	assert_int_equal(t->runs[2].first, 1);
	assert_int_equal(t->runs[2].count, 1);
}

static void an_empty_trailer_is_a_trailer(void **state)
{
	(void)state;
	struct err err;
	AUTO(pack_trailer) t = pack_trailer_decode(BYTES("\x01\x00\x00\x00"), 276, &err);
	assert_non_null(t);
	assert_int_equal(t->n_files + t->n_frames + t->n_runs, 0);
}

static void an_unknown_trailer_version_is_newer(void **state)
{
	(void)state;
	struct err err;
	assert_null(pack_trailer_decode(BYTES("\x02\x00\x00\x00"), 276, &err));
	assert_int_equal(err.code, ERR_NEWER);
	assert_null(pack_trailer_decode(BYTES(""), 276, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
}

#define REFUSED(text) { text, sizeof(text) - 1 }
#define ONE "\x01\x01" FILE_A   /* version, one file */

static void claims_that_cannot_be_true_are_refused(void **state)
{
	(void)state;
	static const struct { const char *text; size_t len; } refused[] = {
		/* counts without what they count */
		REFUSED("\x01\x80\x80\x40\x00\x00"),                        /* 2^20 files */
		REFUSED("\x01\x81\x80\x40\x00\x00"),                        /* one more than allowed */
		REFUSED("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00"),
		REFUSED(ONE "\x80\x80\x04\x00"),                            /* 65536 frames */
		REFUSED(ONE "\x81\x80\x04\x00"),
		REFUSED(ONE "\x01" "\x00\x29\x01" "\xff\xff\x7f" "\x00\x00\x01" "\x00"),   /* runs */
		REFUSED(ONE "\x00" "\xff\xff\x7f" "\x00\x00\x01"),          /* zero runs */
		REFUSED(ONE "\x00" "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
		/* files */
		REFUSED("\x01\x01" "\x07\x80\x20\x80\x04\x81\x0a\x00" "\x00\x00"),        /* no path */
		REFUSED("\x01\x01" "\x07\x80\x20\x80\x04\x81\x0a\x02" "a\0" "\x00\x00"),  /* NUL in it */
		REFUSED("\x01\x01" "\x07\x80\x20\x80\x04\x81\x0a\x81\x20" "a" "\x00\x00"),
		REFUSED("\x01\x01" "\x07\x00\x80\x04\x81\x0a\x01" "a" "\x00\x00"),        /* page 0 */
		REFUSED("\x01\x01" "\x07\x81\x20\x80\x04\x81\x0a\x01" "a" "\x00\x00"),    /* 4097 */
		REFUSED("\x01\x01" "\x07\x80\x80\x08\x80\x04\x81\x0a\x01" "a" "\x00\x00"),/* 131072 */
		REFUSED("\x01\x01" "\x07\x80\x20\x80\x40\x81\x0a\x01" "a" "\x00\x00"),    /* unit > page */
		REFUSED("\x01\x01" "\x07\x80\x20\x80\x01\x81\x0a\x01" "a" "\x00\x00"),    /* unit 128 */
		REFUSED("\x01\x01" "\x07\x80\x20\x00\x81\x0a\x01" "a" "\x00\x00"),        /* unit 0 */
		REFUSED("\x01\x01" "\x07\x80\x20\x80\x04" "\x80\x80\x80\x80\x80\x80\x80\x80\x01"
		        "\x01" "a" "\x00\x00"),                                           /* 2^56 bytes */
		/* frames */
		REFUSED(ONE "\x01" "\x02\x29\x01\x00" "\x00"),              /* codec 2 */
		REFUSED(ONE "\x01" "\x00\x28\x01\x00" "\x00"),              /* no sealed byte */
		REFUSED(ONE "\x01" "\x00\x29\x00\x00" "\x00"),              /* no plain byte */
		REFUSED(ONE "\x01" "\x00\x29\x81\x80\x10\x00" "\x00"),      /* 256 KiB and one */
		REFUSED(ONE "\x01" "\x00\xe1\x01\x01\x00" "\x00"),          /* 225 of 224 bytes */
		REFUSED(ONE "\x02" "\x00\xaf\x01\x01\x00" "\x00\x32\x01\x00" "\x00"),
		/* runs */
		REFUSED(ONE "\x01" "\x00\x29\x80\x04\x01" "\x01\x00\x01" "\x00"),   /* no such file */
		REFUSED(ONE "\x01" "\x00\x29\x80\x04\x01" "\x00\x00\x00" "\x00"),   /* no unit */
		REFUSED(ONE "\x01" "\x00\x29\x80\x04\x01" "\x00\x06\x01" "\x00"),   /* behind the end */
		REFUSED(ONE "\x01" "\x00\x29\x80\x04\x01" "\x00\x01\x01" "\x00"),   /* before the start */
		REFUSED(ONE "\x01" "\x00\x29\x80\x04\x01" "\x00\x00\x04" "\x00"),   /* too long */
		REFUSED(ONE "\x01" "\x00\x29\x80\x04\x01" "\x00\x00\xff\xff\xff\xff\x0f" "\x00"),
		REFUSED(ONE "\x01" "\x00\x29\xff\x03\x01" "\x00\x00\x01" "\x00"),   /* covers more */
		REFUSED(ONE "\x01" "\x00\x29\x81\x04\x01" "\x00\x00\x01" "\x00"),   /* covers less */
		REFUSED(ONE "\x01" "\x00\x29\x80\x04\x02" "\x00\x00\x01" "\x00\x00\x01" "\x00"),
		/* zero runs, behind them nothing */
		REFUSED(ONE "\x00" "\x01" "\x00\x03\x01"),
		REFUSED(ONE "\x00" "\x01" "\x00\x00\x04"),
		REFUSED(ONE "\x00" "\x01" "\x00\x00\x00"),
		REFUSED(ONE "\x00" "\x01" "\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01"),
		REFUSED(ONE "\x00" "\x00" "\x00"),
		/* a varint that is longer than it need be */
		REFUSED(ONE "\x80\x00" "\x00"),
	};
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct err err = { 0 };
		uint8_t *exact = malloc(refused[i].len);   /* so that a read beyond is seen */
		assert_non_null(exact);
		memcpy(exact, refused[i].text, refused[i].len);
		struct pack_trailer *t = pack_trailer_decode(exact, refused[i].len, 500, &err);
		if (t || err.code != ERR_CORRUPT)
			fail_msg("claim %zu: %s", i, t ? "accepted" : err.msg);
		free(exact);
	}
}

static void a_cut_trailer_is_refused_at_every_length(void **state)
{
	(void)state;
	static const char whole[] = ONE "\x01" "\x00\x29\x80\x04\x01" "\x00\x00\x01" "\x01"
	                            "\x00\x01\x01";
	for (size_t len = 0; len < sizeof whole; len++) {
		struct err err;
		uint8_t *exact = malloc(len + 1);
		assert_non_null(exact);
		memcpy(exact, whole, len);
		AUTO(pack_trailer) t = pack_trailer_decode(exact, len, 500, &err);
		assert_int_equal(t != NULL, len == sizeof whole - 1);
		if (!t)
			assert_int_equal(err.code, ERR_CORRUPT);
		free(exact);
	}
}

int main(void)
{
	crypto_start();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(padded_sizes_are_those_of_the_paper),
		cmocka_unit_test(padding_never_shrinks_and_wastes_at_most_an_eighth),
		cmocka_unit_test(units_count_a_partial_last_one),
		cmocka_unit_test(a_header_comes_back_as_it_was),
		cmocka_unit_test(header_bytes_lie_where_the_format_says),
		cmocka_unit_test(two_headers_of_one_session_have_different_keys),
		cmocka_unit_test(every_flipped_bit_of_a_header_is_refused),
		cmocka_unit_test(a_cut_header_is_refused_at_every_length),
		cmocka_unit_test(what_is_newer_is_called_newer),
		cmocka_unit_test(another_session_key_does_not_open_a_header),
		cmocka_unit_test(frames_come_back_raw_and_compressed),
		cmocka_unit_test(every_flipped_byte_of_a_frame_is_refused),
		cmocka_unit_test(a_cut_frame_is_refused_at_every_length),
		cmocka_unit_test(a_frame_opens_only_in_its_own_place),
		cmocka_unit_test(a_frame_that_inflates_to_another_length_is_refused),
		cmocka_unit_test(many_files_and_runs_come_back_in_order),
		cmocka_unit_test(a_pack_of_nothing_but_zeros_is_a_pack),
		cmocka_unit_test(a_cleared_writer_starts_anew),
		cmocka_unit_test(only_the_last_pack_has_another_size_than_16_mib),
		cmocka_unit_test(a_trailer_that_does_not_fit_is_an_error),
		cmocka_unit_test(a_file_that_nobody_knows_fails_the_pack),
		cmocka_unit_test(the_writer_stops_where_the_reader_does),
		cmocka_unit_test(every_flipped_byte_of_trailer_and_tail_is_refused),
		cmocka_unit_test(a_cut_pack_is_refused),
		cmocka_unit_test(a_trailer_of_another_pack_is_refused),
		cmocka_unit_test(a_tail_must_fit_its_pack),
		cmocka_unit_test(a_golden_trailer_keeps_its_meaning),
		cmocka_unit_test(an_empty_trailer_is_a_trailer),
		cmocka_unit_test(an_unknown_trailer_version_is_newer),
		cmocka_unit_test(claims_that_cannot_be_true_are_refused),
		cmocka_unit_test(a_cut_trailer_is_refused_at_every_length),
	};
	return cmocka_run_group_tests_name("pack", tests, NULL, NULL);
}
