#include "format/body.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/wire.h"
#include "crypto/hash.h"
#include "holdfast/err.h"

enum {
	BODY_VERSION = 1,
	BODY_LEVEL = 3,
	BODY_MAX = 1 << 30,
	RECORD_MAX = 64 << 20,
	HELD_MAX = 64 << 10,
	STANZA_NONCE = SEAL_STANZA_BYTES + 32,
};

/* ---- sealing: the same construction as a pack's frames, with the place as AAD ---- */

static void body_key(uint8_t okm[64], const uint8_t *envelope, const struct body_place *place,
                     const uint8_t session_key[32])
{
	uint8_t seq[12];
	struct hash_state h;
	wire_put_u32(wire_put_u64(seq, place->seq), place->epoch);
	hash_begin(&h, 64, "hf1.bodykey", session_key, 32);
	hash_add(&h, place->vault, 16);
	hash_add(&h, place->store, 16);
	hash_add(&h, place->session, 16);
	hash_add(&h, seq, sizeof seq);
	hash_add(&h, envelope, STANZA_NONCE);
	hash_end(&h, okm, 64);
}

int body_stanza(uint8_t stanza[SEAL_STANZA_BYTES], const uint8_t *body, size_t len,
                struct err *err)
{
	if (len < BODY_ENVELOPE_BYTES + SEAL_OVERHEAD_BYTES)
		return err_set(err, ERR_CORRUPT, "snapshot body is cut off");
	memcpy(stanza, body, SEAL_STANZA_BYTES);
	return 0;
}

/* ---- writer ---- */

struct body_writer {
	ZSTD_CCtx *z;
	struct buf *out;       /* compressed so far */
	struct buf *held;      /* plain; a body this small is compressed in one call: zstd then knows
	                          its size, and takes tables to match instead of 3.6 MiB */
	bool streams;          /* it was not so small */
	struct buf *record;
	uint64_t plain_len;
	uint8_t page_key[SUM_KEY_BYTES];
	bool begun;
};

struct body_writer *body_writer_new(const uint8_t page_key[SUM_KEY_BYTES], struct err *err)
{
	AUTO(body_writer) w = calloc(1, sizeof *w);
	if (!w) {
		err_no_memory(err);
		return NULL;
	}
	memcpy(w->page_key, page_key, sizeof w->page_key);
	w->z = ZSTD_createCCtx();
	w->out = buf_new(BODY_MAX, err);
	w->held = buf_new(HELD_MAX, err);
	w->record = buf_new(RECORD_MAX, err);
	if (!w->z || !w->out || !w->held || !w->record) {
		err_no_memory(err);
		return NULL;
	}
	ZSTD_CCtx_setParameter(w->z, ZSTD_c_compressionLevel, BODY_LEVEL);
	return TAKE(w);
}

void body_writer_free(struct body_writer *w)
{
	if (!w)
		return;
	ZSTD_freeCCtx(w->z);
	buf_free(w->out);
	buf_free(w->held);
	buf_free(w->record);
	explicit_bzero(w, sizeof *w);
	free(w);
}

static int compress(struct body_writer *w, const void *data, size_t len, ZSTD_EndDirective mode,
                    struct err *err)
{
	ZSTD_inBuffer in = { data, len, 0 };
	for (;;) {
		uint8_t *to = buf_reserve(w->out, 65536, err);
		if (!to)
			return err->code;
		ZSTD_outBuffer out = { to, 65536, 0 };
		size_t left = ZSTD_compressStream2(w->z, &out, &in, mode);
		if (ZSTD_isError(left))
			return err_set(err, ERR_NOMEM, "zstd: %s", ZSTD_getErrorName(left));
		w->out->len += out.pos;
		if (in.pos == in.size && (mode == ZSTD_e_continue || left == 0))
			return 0;
	}
}

static int add(struct body_writer *w, const void *data, size_t len, struct err *err)
{
	w->plain_len += len;
	if (!w->streams && w->held->len + len <= HELD_MAX)
		return buf_append(w->held, data, len, err);
	if (!w->streams && compress(w, w->held->bytes, w->held->len, ZSTD_e_continue, err) != 0)
		return err->code;
	w->streams = true;
	return compress(w, data, len, ZSTD_e_continue, err);
}

static int end(struct body_writer *w, struct err *err)
{
	size_t held = w->streams ? 0 : w->held->len;
	return compress(w, w->held->bytes, held, ZSTD_e_end, err);
}

static int add_extents(struct buf *b, const struct body_file *f, struct err *err)
{
	int rc = wire_add_varint(b, f->n_extents, err);
	for (uint32_t i = 0; i < f->n_extents && rc == 0; i++) {
		const struct body_extent *e = &f->extents[i];
		uint8_t bytes[4 * WIRE_VARINT_MAX], *p = bytes;
		p = wire_put_varint(p, e->pack == UINT32_MAX ? 0 : (uint64_t)e->pack + 1);
		p = wire_put_varint(p, e->length);
		if (e->pack != UINT32_MAX) {
			p = wire_put_varint(p, e->frame);
			p = wire_put_varint(p, e->offset);
		}
		rc = buf_append(b, bytes, (size_t)(p - bytes), err);
	}
	return rc;
}

static int add_record(struct buf *b, const struct body_file *f, struct err *err)
{
	if (wire_add_u8(b, 1, err) != 0 || wire_add_varint(b, f->number, err) != 0 ||
	    wire_add_counted(b, f->path, f->path_len, err) != 0 ||
	    wire_add_varint(b, f->mode, err) != 0 || wire_add_varint(b, f->uid, err) != 0 ||
	    wire_add_varint(b, f->gid, err) != 0 ||
	    wire_add_u64(b, (uint64_t)f->mtime_ns, err) != 0 ||
	    wire_add_counted(b, f->extra, f->extra_len, err) != 0 ||
	    wire_add_varint(b, f->page_bytes, err) != 0 ||
	    wire_add_varint(b, f->length, err) != 0 ||
	    wire_add_varint(b, f->unit_bytes, err) != 0 ||
	    buf_append(b, f->sum, sizeof f->sum, err) != 0)
		return err->code;
	return f->page_bytes == 0 && f->length > 0 ? add_extents(b, f, err) : 0;
}

int body_add(struct body_writer *w, const struct body_file *file, struct err *err)
{
	if (!w->begun) {
		uint8_t version = BODY_VERSION;
		if (add(w, &version, 1, err) != 0 ||
		    add(w, w->page_key, sizeof w->page_key, err) != 0)
			return err->code;
		w->begun = true;
	}
	if (!file)
		return 0;
	buf_clear(w->record);
	if (add_record(w->record, file, err) != 0)
		return err_wrap(err, "%.200s", file->path);
	return add(w, w->record->bytes, w->record->len, err);
}

int body_finish(struct body_writer *w, const char *facts, const struct body_place *place,
                const uint8_t session_key[32], struct buf *out, struct err *err)
{
	buf_clear(w->record);
	if (body_add(w, NULL, err) != 0 || wire_add_u8(w->record, 0, err) != 0 ||
	    wire_add_counted(w->record, facts, strlen(facts), err) != 0 ||
	    add(w, w->record->bytes, w->record->len, err) != 0 || end(w, err) != 0)
		return err->code;

	uint8_t envelope[BODY_ENVELOPE_BYTES], okm[64];
	memcpy(envelope, place->stanza, SEAL_STANZA_BYTES);
	randombytes_buf(envelope + SEAL_STANZA_BYTES, 32);
	body_key(okm, envelope, place, session_key);
	memcpy(envelope + STANZA_NONCE, okm + 32, 32);
	wire_put_u64(envelope + STANZA_NONCE + 32, w->plain_len);

	size_t sealed = w->out->len + SEAL_OVERHEAD_BYTES;
	int rc = buf_append(out, envelope, sizeof envelope, err);
	uint8_t *to = rc == 0 ? buf_reserve(out, sealed, err) : NULL;
	if (to) {
		seal_encrypt(to, w->out->bytes, w->out->len, envelope, sizeof envelope, okm);
		out->len += sealed;
	}
	sodium_memzero(okm, sizeof okm);
	return to ? 0 : err->code;
}

/* ---- reader ---- */

struct body_reader {
	uint8_t *packed;               /* the zstd frame */
	size_t packed_len, packed_at;
	ZSTD_DCtx *z;
	struct buf *window;            /* plain bytes from the current record on */
	size_t at;                     /* first byte of window not yet consumed */
	uint64_t plain_left;
	struct body_extent *extents;
	uint32_t cap_extents;
	uint8_t page_key[SUM_KEY_BYTES];
	char *facts, *path;
	bool ended;
};

void body_reader_free(struct body_reader *r)
{
	if (!r)
		return;
	free(r->packed);
	ZSTD_freeDCtx(r->z);
	buf_free(r->window);
	free(r->extents);
	free(r->facts);
	free(r->path);
	explicit_bzero(r, sizeof *r);
	free(r);
}

const uint8_t *body_page_key(const struct body_reader *r) { return r->page_key; }
const char *body_facts(const struct body_reader *r) { return r->facts; }

static int damaged(struct err *err)
{
	return err_set(err, ERR_CORRUPT, "snapshot body is malformed");
}

/* Decompress at least `more` bytes into the window, or to the end; 0 bytes added means the end. */
static int refill(struct body_reader *r, size_t more, struct err *err)
{
	if (r->at > 0) {
		memmove(r->window->bytes, r->window->bytes + r->at, r->window->len - r->at);
		r->window->len -= r->at;
		r->at = 0;
	}
	size_t target = r->window->len + more;
	while (r->window->len < target && r->plain_left > 0) {
		size_t want = r->plain_left < 65536 ? (size_t)r->plain_left : 65536;
		uint8_t *to = buf_reserve(r->window, want, err);
		if (!to)
			return err->code == ERR_LIMIT ? damaged(err) : err->code;
		ZSTD_outBuffer out = { to, want, 0 };
		ZSTD_inBuffer in = { r->packed, r->packed_len, r->packed_at };
		size_t rc = ZSTD_decompressStream(r->z, &out, &in);
		if (ZSTD_isError(rc) || (out.pos == 0 && in.pos == r->packed_at))
			return damaged(err);
		r->packed_at = in.pos;
		r->window->len += out.pos;
		r->plain_left -= out.pos;
	}
	return 0;
}

static struct wire window(const struct body_reader *r)
{
	return wire_over(r->window->bytes + r->at, r->window->len - r->at);
}

static int read_prefix(struct body_reader *r, struct err *err)
{
	if (refill(r, 1 + SUM_KEY_BYTES, err) != 0)
		return err->code;
	struct wire w = window(r);
	uint8_t version = wire_u8(&w);
	wire_copy(&w, r->page_key, SUM_KEY_BYTES);
	if (!wire_ok(&w))
		return damaged(err);
	if (version != BODY_VERSION)
		return err_set(err, ERR_NEWER, "snapshot body of an unknown version");
	r->at += 1 + SUM_KEY_BYTES;
	return 0;
}

struct body_reader *body_open_plain(const uint8_t *zstd, size_t len, uint64_t plain_len,
                                    struct err *err)
{
	AUTO(body_reader) r = calloc(1, sizeof *r);
	if (r) {
		r->packed = malloc(len + 1);
		r->z = ZSTD_createDCtx();
		r->window = buf_new(2 * RECORD_MAX, err);
		r->facts = calloc(1, 1);
		r->path = malloc(BODY_PATH_MAX + 1);
	}
	if (!r || !r->packed || !r->z || !r->window || !r->facts || !r->path) {
		err_no_memory(err);
		return NULL;
	}
	/* the window's memory is there from the beginning: an empty text has a place too */
	if (!buf_reserve(r->window, 1, err))
		return NULL;
	ZSTD_DCtx_setParameter(r->z, ZSTD_d_windowLogMax, 24);
	memcpy(r->packed, zstd, len);
	r->packed_len = len;
	r->plain_left = plain_len;
	return read_prefix(r, err) == 0 ? TAKE(r) : NULL;
}

struct body_reader *body_open(const uint8_t *body, size_t len, const struct body_place *place,
                              const uint8_t session_key[32], struct err *err)
{
	uint8_t stanza[SEAL_STANZA_BYTES], okm[64];
	if (body_stanza(stanza, body, len, err) != 0)
		return NULL;
	body_key(okm, body, place, session_key);
	size_t packed_len = len - BODY_ENVELOPE_BYTES - SEAL_OVERHEAD_BYTES;
	uint8_t *packed = malloc(packed_len + 1);
	struct body_reader *r = NULL;
	if (!packed)
		err_no_memory(err);
	else if (sodium_memcmp(okm + 32, body + STANZA_NONCE, 32) != 0 ||
	         seal_decrypt(packed, body + BODY_ENVELOPE_BYTES, len - BODY_ENVELOPE_BYTES, body,
	                      BODY_ENVELOPE_BYTES, okm) != 0)
		err_set(err, ERR_CORRUPT, "snapshot body fails authentication");
	else {
		struct wire w = wire_over(body + STANZA_NONCE + 32, 8);
		r = body_open_plain(packed, packed_len, wire_u64(&w), err);
	}
	sodium_memzero(okm, sizeof okm);
	free(packed);
	return r;
}

static bool read_extent(struct wire *w, uint32_t n_packs, struct body_extent *e)
{
	uint64_t pack = wire_bounded(w, n_packs);
	e->pack = pack == 0 ? UINT32_MAX : (uint32_t)pack - 1;
	e->length = (uint32_t)wire_bounded(w, UINT32_MAX);
	e->frame = pack == 0 ? 0 : (uint32_t)wire_bounded(w, PACK_FRAMES_MAX);
	e->offset = pack == 0 ? 0 : (uint32_t)wire_bounded(w, PACK_FRAME_PLAIN_MAX);
	return wire_ok(w) && e->length > 0 &&
	       (pack == 0 || e->length <= PACK_FRAME_PLAIN_MAX - e->offset);
}

static int read_extents(struct body_reader *r, struct wire *w, uint32_t n_packs,
                        struct body_file *f, struct err *err)
{
	uint64_t n = wire_bounded(w, BODY_EXTENTS_MAX), covered = 0;
	/* an extent takes two bytes at least */
	if (!wire_ok(w) || n > wire_left(w) / 2)
		return 1;
	if (n > r->cap_extents) {
		struct body_extent *grown = realloc(r->extents, n * sizeof *grown);
		if (!grown)
			return err_no_memory(err);
		r->extents = grown;
		r->cap_extents = (uint32_t)n;
	}
	for (uint64_t i = 0; i < n; i++) {
		if (!read_extent(w, n_packs, &r->extents[i]))
			return 1;
		covered += r->extents[i].length;
	}
	f->extents = r->extents;
	f->n_extents = (uint32_t)n;
	return covered == f->length ? 0 : 1;
}

static bool pages_ok(const struct body_file *f)
{
	uint32_t page = f->page_bytes, unit = f->unit_bytes;
	if (page == 0)
		return unit == BODY_STREAM_UNIT;
	return page >= 512 && page <= 65536 && (page & (page - 1)) == 0 && unit >= 256 &&
	       unit <= page && (unit & (unit - 1)) == 0;
}

/* 0: read; 1: malformed or not all there yet; negative: error */
static int read_file(struct body_reader *r, struct wire *w, uint32_t n_packs,
                     struct body_file *f, struct err *err)
{
	memset(f, 0, sizeof *f);
	f->number = (uint32_t)wire_bounded(w, UINT32_MAX);
	const uint8_t *path = wire_counted(w, BODY_PATH_MAX, &f->path_len);
	f->mode = (uint32_t)wire_bounded(w, UINT32_MAX);
	f->uid = (uint32_t)wire_bounded(w, UINT32_MAX);
	f->gid = (uint32_t)wire_bounded(w, UINT32_MAX);
	f->mtime_ns = (int64_t)wire_u64(w);
	f->extra = wire_counted(w, BODY_EXTRA_MAX, &f->extra_len);
	f->page_bytes = (uint32_t)wire_bounded(w, UINT32_MAX);
	f->length = wire_bounded(w, UINT64_C(1) << 56);
	f->unit_bytes = (uint32_t)wire_bounded(w, UINT32_MAX);
	wire_copy(w, f->sum, SUM_BYTES);
	if (!wire_ok(w) || !path || f->path_len == 0 || memchr(path, 0, f->path_len) || !pages_ok(f))
		return 1;
	memcpy(r->path, path, f->path_len);
	r->path[f->path_len] = '\0';
	f->path = r->path;
	return f->page_bytes == 0 && f->length > 0 ? read_extents(r, w, n_packs, f, err) : 0;
}

/* The last plain byte may be out before zstd has seen the frame's end. */
static bool at_end(struct body_reader *r)
{
	uint8_t none[1];
	ZSTD_outBuffer out = { none, sizeof none, 0 };
	ZSTD_inBuffer in = { r->packed, r->packed_len, r->packed_at };
	size_t rc = in.pos < in.size ? ZSTD_decompressStream(r->z, &out, &in) : 0;
	return r->plain_left == 0 && rc == 0 && out.pos == 0 && in.pos == in.size;
}

static int read_end(struct body_reader *r, struct wire *w, struct err *err)
{
	size_t len;
	const uint8_t *facts = wire_counted(w, BODY_FACTS_MAX, &len);
	if (!wire_ok(w))
		return 1;
	char *text = malloc(len + 1);
	if (!text)
		return err_no_memory(err);
	memcpy(text, facts, len);
	text[len] = '\0';
	free(r->facts);
	r->facts = text;
	r->ended = true;
	return wire_done(w) && at_end(r) ? 0 : damaged(err);
}

int body_next(struct body_reader *r, uint32_t n_packs, struct body_file *file, struct err *err)
{
	if (r->ended)
		return 0;
	/* records are read in place; one that is not all there yet is tried again with more */
	for (size_t more = 65536;; more *= 2) {
		struct wire w = window(r);
		uint8_t kind = wire_u8(&w);
		int rc = !wire_ok(&w) ? 1 : kind == 1 ? read_file(r, &w, n_packs, file, err)
		                      : kind == 0 ? read_end(r, &w, err) : damaged(err);
		if (rc < 0)
			return rc;
		if (rc == 0) {
			r->at = r->window->len - wire_left(&w);
			return kind;
		}
		if (r->plain_left == 0)
			return damaged(err);
		if (refill(r, more, err) != 0)
			return err->code;
	}
}
