#include "engine/fetch.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/hex.h"
#include "crypto/hash.h"
#include "engine/ends.h"
#include "engine/keyring.h"
#include "engine/meter.h"
#include "engine/pieces.h"
#include "engine/whole.h"
#include "format/names.h"
#include "holdfast/err.h"
#include "vault/storage.h"
#include "vault/vault.h"

enum { TAIL_READ = ENDS_TAIL_BYTES };

struct pack_entry {
	struct pack_trailer *trailer;      /* runs may have been dropped */
	bool has_runs;
	struct pack_header header;
	struct pack_key key;
	atomic_uint copy;                  /* goes up when another copy of the object is read */
};

struct fetch {
	const struct vault *vault;
	struct keyring *keys;
	uint8_t writer[16], store[16];
	const struct head_pack *list;
	struct pack_entry *packs;
	uint32_t n;
	struct meter *meter;
	pthread_mutex_t lock;
	pthread_mutex_t healing;           /* around the search for another copy */
	struct whole *whole;
	struct pieces *pieces;
	struct ends *ends;                 /* NULL where asking ahead saves nothing */
	atomic_uint_least64_t bytes;
};

struct fetch_worker {
	ZSTD_DCtx *decompress;
	uint8_t *sealed, *scratch;
};

enum { SEALED_MAX = PACK_FRAME_PLAIN_MAX + (64 << 10) };

static int get(void *arg, uint32_t pack, uint64_t offset, void *out, size_t cap, size_t *len,
               struct err *err);
static int get_good(void *arg, uint32_t pack, uint64_t offset, void *out, size_t cap,
                    unsigned *copy, struct err *err);

/* ---- handles ---- */

static bool make_parts(struct fetch *f, struct err *err)
{
	bool remote = vault_storage(f->vault)->remote;
	f->packs = calloc(f->n + 1u, sizeof *f->packs);
	f->pieces = pieces_new(get, f, err);
	f->whole = whole_new(get_good, f, f->list, f->n, remote, err);
	if (remote && f->n > 1)
		f->ends = ends_new(get, f, f->list, f->n);
	return f->packs && f->pieces && f->whole;
}

struct fetch *fetch_new(const struct vault *v, struct keyring *keys, const uint8_t writer[16],
                        const uint8_t store[16], const struct head_pack *packs, uint32_t n,
                        struct meter *meter, struct err *err)
{
	struct fetch *f = calloc(1, sizeof *f);
	if (!f) {
		err_no_memory(err);
		return NULL;
	}
	f->vault = v;
	f->keys = keys;
	f->list = packs;
	f->n = n;
	f->meter = meter;
	memcpy(f->writer, writer, 16);
	memcpy(f->store, store, 16);
	pthread_mutex_init(&f->lock, NULL);
	pthread_mutex_init(&f->healing, NULL);
	if (make_parts(f, err))
		return f;
	fetch_free(f);
	err_no_memory(err);
	return NULL;
}

void fetch_free(struct fetch *f)
{
	if (!f)
		return;
	whole_free(f->whole);
	ends_free(f->ends);
	for (uint32_t i = 0; f->packs && i < f->n; i++)
		pack_trailer_free(f->packs[i].trailer);
	if (f->packs)
		sodium_memzero(f->packs, (f->n + 1u) * sizeof *f->packs);
	free(f->packs);
	pieces_free(f->pieces);
	pthread_mutex_destroy(&f->healing);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

struct fetch_worker *fetch_worker_new(struct err *err)
{
	AUTO(fetch_worker) w = calloc(1, sizeof *w);
	if (w) {
		w->decompress = ZSTD_createDCtx();
		w->sealed = malloc(SEALED_MAX);
		w->scratch = malloc(SEALED_MAX);
	}
	if (w && w->decompress && w->sealed && w->scratch)
		return TAKE(w);
	err_no_memory(err);
	return NULL;
}

void fetch_worker_free(struct fetch_worker *w)
{
	if (!w)
		return;
	ZSTD_freeDCtx(w->decompress);
	free(w->sealed);
	if (w->scratch)
		explicit_bzero(w->scratch, SEALED_MAX);
	free(w->scratch);
	free(w);
}

uint64_t fetch_bytes(const struct fetch *f)
{
	return atomic_load(&f->bytes);
}

static int name_error(const struct fetch *f, uint32_t pack, struct err *err)
{
	char hex[65];
	return err_wrap(err, "pack %s", hex_encode(hex, f->list[pack].id, 32));
}

static int get(void *arg, uint32_t pack, uint64_t offset, void *out, size_t cap, size_t *len,
               struct err *err)
{
	struct fetch *f = arg;
	char name[NAMES_MAX];
	names_pack(name, f->writer, f->store, f->list[pack].id);
	int rc = storage_get(vault_storage(f->vault), name, offset, out, cap, len, err);
	/* what a signed snapshot lists and nobody has any more is damage, not absence */
	if (rc == ERR_ABSENT)
		return err_set(err, ERR_CORRUPT, "is gone from the vault");
	if (rc != 0)
		return rc;
	atomic_fetch_add(&f->bytes, *len);
	if (f->meter)
		meter_stored(f->meter, *len);
	return 0;
}

/* ---- other copies ---- */

/* One whose hash is what the snapshot says: what is seen of a wrong one need not be wrong. */
static bool find_copy(struct fetch *f, uint32_t pack, const struct err *damage)
{
	char name[NAMES_MAX];
	struct err why = *damage;
	uint8_t *memory = NULL;
	bool good = false;
	names_pack(name, f->writer, f->store, f->list[pack].id);
	while (!good && vault_other_copy(f->vault, name, &why)) {
		if (!memory && !(memory = whole_map(&why)))
			break;
		good = fetch_verify(f, pack, memory, &why) == 0;
	}
	whole_unmap(memory);
	return good;
}

/* What was read of the pack's copy `seen` is damaged, as *err says: 0 if it is to be read again, from
 * another copy that this or another thread has found. */
static int heal(struct fetch *f, uint32_t pack, unsigned seen, const struct err *err)
{
	struct pack_entry *p = &f->packs[pack];
	pthread_mutex_lock(&f->healing);
	bool again = p->copy != seen;
	if (!again && find_copy(f, pack, err)) {
		pieces_forget(f->pieces, pack);
		p->copy++;
		again = true;
	}
	pthread_mutex_unlock(&f->healing);
	return again ? 0 : err->code;
}

/* ---- header and trailer ---- */

static int read_header(struct fetch *f, uint32_t pack, struct err *err)
{
	uint8_t bytes[PACK_HEADER_BYTES], session_key[32];
	struct pack_entry *p = &f->packs[pack];
	size_t len = sizeof bytes;
	bool ahead = f->ends && ends_header(f->ends, pack, bytes, len);
	if ((!ahead && get(f, pack, 0, bytes, sizeof bytes, &len, err) != 0) ||
	    pack_header_decode(&p->header, bytes, len, err) != 0 ||
	    keyring_session(f->keys, &p->header, session_key, err) != 0)
		return err->code;
	int rc = pack_unlock(&p->key, bytes, session_key, err);
	sodium_memzero(session_key, sizeof session_key);
	return rc;
}

/* The pack's last bytes nearly always hold the whole trailer. */
static int read_trailer(struct fetch *f, uint32_t pack, struct err *err)
{
	uint32_t size = f->list[pack].size, stored, plain;
	uint32_t first = size < TAIL_READ ? size : TAIL_READ;
	AUTO(buf) b = buf_new(PACK_BYTES, err);
	uint8_t *to = b ? buf_reserve(b, first, err) : NULL;
	size_t len = first;
	bool ahead = to && f->ends && ends_tail(f->ends, pack, to, first);
	if (!to || (!ahead && get(f, pack, size - first, to, first, &len, err) != 0))
		return err->code;
	if (len != first)
		return err_set(err, ERR_CORRUPT, "is shorter than its snapshot says");
	if (pack_tail_decode(to + first - PACK_TAIL_BYTES, size, &stored, &plain, err) != 0)
		return err->code;
	const uint8_t *sealed = to + first - PACK_TAIL_BYTES - stored;
	if (stored > first - PACK_TAIL_BYTES) {
		to = buf_reserve(b, stored, err);
		if (!to || get(f, pack, size - PACK_TAIL_BYTES - stored, to, stored, &len, err) != 0)
			return err->code;
		if (len != stored)
			return err_set(err, ERR_CORRUPT, "is shorter than its snapshot says");
		sealed = to;
	}
	struct pack_entry *p = &f->packs[pack];
	pack_trailer_free(p->trailer);
	p->trailer = pack_trailer_open(sealed, stored, plain, size, &p->key, err);
	p->has_runs = p->trailer != NULL;
	return p->trailer ? 0 : err->code;
}

static int read_both(struct fetch *f, uint32_t pack, struct err *err)
{
	struct pack_entry *p = &f->packs[pack];
	for (;;) {
		unsigned seen = p->copy;
		if ((p->trailer || read_header(f, pack, err) == 0) && read_trailer(f, pack, err) == 0)
			return 0;
		if (heal(f, pack, seen, err) != 0)
			return err->code;
	}
}

const struct pack_trailer *fetch_trailer(struct fetch *f, uint32_t pack, struct err *err)
{
	struct pack_entry *p = &f->packs[pack];
	if (p->trailer && p->has_runs)
		return p->trailer;
	if (read_both(f, pack, err) != 0) {
		name_error(f, pack, err);
		return NULL;
	}
	return p->trailer;
}

const struct pack_header *fetch_header(struct fetch *f, uint32_t pack)
{
	return &f->packs[pack].header;
}

void fetch_drop_runs(struct fetch *f, uint32_t pack)
{
	struct pack_entry *p = &f->packs[pack];
	if (!p->trailer)
		return;
	free(p->trailer->runs);
	p->trailer->runs = NULL;
	p->has_runs = false;
}

/* ---- whole packs ---- */

/* len bytes from offset on, or as many as there must be of them. */
static int get_part(struct fetch *f, uint32_t pack, uint64_t offset, void *out, size_t cap,
                    struct err *err)
{
	size_t len = 0, must = f->list[pack].size - (size_t)offset;
	if (get(f, pack, offset, out, cap, &len, err) != 0)
		return name_error(f, pack, err);
	if (len == (must < cap ? must : cap))
		return 0;
	err_set(err, ERR_CORRUPT, "is shorter or longer than its snapshot says");
	return name_error(f, pack, err);
}

/* From another copy where this one cannot be read. */
static int get_good(void *arg, uint32_t pack, uint64_t offset, void *out, size_t cap,
                    unsigned *copy, struct err *err)
{
	struct fetch *f = arg;
	int rc;
	do {
		*copy = f->packs[pack].copy;
		rc = get_part(f, pack, offset, out, cap, err);
	} while (rc != 0 && heal(f, pack, *copy, err) == 0);
	return rc;
}

int fetch_plan(struct fetch *f, const uint32_t *packs, const uint64_t *units, uint32_t n,
               struct err *err)
{
	return whole_plan(f->whole, packs, units, n, err);
}

void fetch_consumed(struct fetch *f, uint32_t pack, uint64_t units)
{
	whole_consumed(f->whole, pack, units);
}

int fetch_verify(struct fetch *f, uint32_t pack, uint8_t *memory, struct err *err)
{
	uint8_t id[32];
	if (get_part(f, pack, 0, memory, PACK_BYTES, err) != 0)
		return err->code;
	hash_plain(id, memory, f->list[pack].size);
	if (memcmp(id, f->list[pack].id, 32) == 0)
		return 0;
	err_set(err, ERR_CORRUPT, "its content is not what its name says (changed or damaged in "
	        "storage)");
	return name_error(f, pack, err);
}

int fetch_diagnose(struct fetch *f, struct err *err)
{
	struct err why = { 0 };
	uint8_t *memory = whole_map(&why);
	for (uint32_t i = 0; memory && i < f->n; i++)
		if (fetch_verify(f, i, memory, &why) != 0) {
			char text[sizeof err->msg / 2];
			snprintf(text, sizeof text, "%.280s", err->msg);
			err_set(err, why.code, "%.250s; %s", why.msg, text);
			break;
		}
	whole_unmap(memory);
	return err->code;
}

/* ---- frames ---- */

static int open_frame(struct fetch *f, uint32_t pack, uint32_t frame, const uint8_t *sealed,
                      uint8_t *out, struct fetch_worker *w, struct err *err)
{
	const struct pack_frame *fr = &f->packs[pack].trailer->frames[frame];
	if (pack_open(out, fr->plain, sealed, fr->stored, w->scratch, w->decompress,
	              &f->packs[pack].key, PACK_FRAME, frame, fr->codec, err) != 0)
		return err_wrap(err, "frame %" PRIu32, frame);
	return 0;
}

static int frame_from_pieces(struct fetch *f, uint32_t pack, uint32_t frame, uint8_t *out,
                             struct fetch_worker *w, struct err *err)
{
	const struct pack_frame *fr = &f->packs[pack].trailer->frames[frame];
	if (pieces_copy(f->pieces, pack, fr->offset, fr->stored, w->sealed, err) != 0)
		return err->code;
	return open_frame(f, pack, frame, w->sealed, out, w, err);
}

static int ensure_trailer(struct fetch *f, uint32_t pack, struct err *err)
{
	pthread_mutex_lock(&f->lock);
	bool there = f->packs[pack].trailer != NULL;
	int rc = 0;
	/* rare: only content-defined files come here without a plan */
	if (!there)
		rc = read_both(f, pack, err);
	pthread_mutex_unlock(&f->lock);
	return rc;
}

/* From memory if the pack is there whole; what does not open is tried again from another copy. */
static int read_frame(struct fetch *f, uint32_t pack, uint32_t frame, uint8_t *out,
                      struct fetch_worker *w, struct err *err)
{
	const struct pack_entry *p = &f->packs[pack];
	uint32_t offset = p->trailer->frames[frame].offset;
	for (;;) {
		const uint8_t *memory;
		unsigned seen = p->copy, copy = 0;
		if (whole_pin(f->whole, pack, &memory, &copy, err) != 0)
			return err->code;
		int rc = memory && copy == seen
		           ? open_frame(f, pack, frame, memory + offset, out, w, err)
		           : frame_from_pieces(f, pack, frame, out, w, err);
		if (memory)
			whole_unpin(f->whole, pack);
		if (rc == 0)
			return 0;
		if (heal(f, pack, seen, err) != 0)
			return name_error(f, pack, err);
	}
}

int fetch_frame(struct fetch *f, uint32_t pack, uint32_t frame, uint8_t *out,
                uint32_t *plain_len, struct fetch_worker *w, struct err *err)
{
	if (ensure_trailer(f, pack, err) != 0)
		return name_error(f, pack, err);
	const struct pack_trailer *t = f->packs[pack].trailer;
	if (frame >= t->n_frames || t->frames[frame].stored > SEALED_MAX) {
		err_set(err, ERR_CORRUPT, "has no frame %" PRIu32, frame);
		return name_error(f, pack, err);
	}
	if (read_frame(f, pack, frame, out, w, err) != 0)
		return err->code;
	*plain_len = t->frames[frame].plain;
	return 0;
}
