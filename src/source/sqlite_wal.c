#include "source/sqlite_wal.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "holdfast/err.h"

enum {
	SHM_REGION = 32768,      /* the only size SQLite maps the wal-index in */
	SHM_HEADER = 48,         /* twice, then the checkpoint information */
	LOG_HEADER = 32,
	FRAME_HEADER = 24,
	LOG_VERSION = 3007000,
	LOG_MAGIC = 0x377f0682,  /* the lowest bit: checksums over big-endian words */
	INDEX_TRIES = 200,
	BLOCK_BYTES = 1 << 20,
};

struct place {
	uint32_t page, frame;
};

struct sqlite_overlay {
	sqlite3_file *log;
	uint32_t page_bytes;
	uint8_t salt[8];
	struct place *places;   /* sorted by page, each page once */
	size_t count, cap;
	uint8_t frame[FRAME_HEADER + 65536];
};

static uint32_t be32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return be32toh(v);
}

/* The checksum of walformat.html, "Checksum algorithm". */
static void add_sum(bool big, const uint8_t *data, size_t len, uint32_t sum[2])
{
	uint32_t a = sum[0], b = sum[1];
	for (size_t i = 0; i < len; i += 8) {
		uint32_t w[2];
		memcpy(w, data + i, sizeof w);
		a += (big ? be32toh(w[0]) : le32toh(w[0])) + b;
		b += (big ? be32toh(w[1]) : le32toh(w[1])) + a;
	}
	sum[0] = a;
	sum[1] = b;
}

/* ---- the wal-index ---- */

struct shm_header {
	uint32_t version, unused, change;
	uint8_t ready, big;
	uint16_t page_size;
	uint32_t frames, pages, frame_sum[2];
	uint8_t salt[8];
	uint32_t sum[2];
};
_Static_assert(sizeof(struct shm_header) == SHM_HEADER, "layout of the wal-index header");

static void copy_words(void *out, const volatile uint32_t *words, size_t len)
{
	for (size_t i = 0; i < len / 4; i++) {
		uint32_t w = words[i];
		memcpy((uint8_t *)out + i * 4, &w, sizeof w);
	}
}

/* A writer stores the second copy first, so the first is whole when both agree. The header is read
 * once more behind the checkpoint's progress: a log that starts again resets that number last. */
static bool read_header(sqlite3_file *db, const volatile uint32_t *shm, struct shm_header *h,
                        uint32_t *backfilled)
{
	struct shm_header copy, again;
	copy_words(h, shm, sizeof *h);
	db->pMethods->xShmBarrier(db);
	copy_words(&copy, shm + SHM_HEADER / 4, sizeof copy);
	db->pMethods->xShmBarrier(db);
	*backfilled = shm[2 * SHM_HEADER / 4];
	db->pMethods->xShmBarrier(db);
	copy_words(&again, shm, sizeof again);

	uint32_t sum[2] = { 0, 0 };
	add_sum(__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__, (const uint8_t *)h, SHM_HEADER - 8, sum);
	return memcmp(h, &copy, sizeof copy) == 0 && memcmp(h, &again, sizeof again) == 0 &&
	       h->ready && memcmp(sum, h->sum, sizeof sum) == 0;
}

static void set_state(struct sqlite_wal_state *out, const struct shm_header *h, uint32_t backfilled)
{
	out->change = h->change;
	out->page_bytes = (h->page_size & 0xfe00u) + ((h->page_size & 1u) << 16);
	out->frames = h->frames;
	out->pages = h->pages;
	memcpy(out->sum, h->frame_sum, sizeof out->sum);
	memcpy(out->salt, h->salt, sizeof out->salt);
	out->backfilled = backfilled;
}

int sqlite_wal_state(sqlite3_file *db, struct sqlite_wal_state *out, struct err *err)
{
	void volatile *region = NULL;
	if (db->pMethods->iVersion < 2)
		return err_set(err, ERR_DENIED, "no shared wal-index on this file system");
	int rc = db->pMethods->xShmMap(db, 0, SHM_REGION, 0, &region);
	/* read-only is as good: its locks are real, only this process cannot repair it */
	if ((rc != SQLITE_OK && rc != SQLITE_READONLY) || !region)
		return err_set(err, ERR_DENIED, "its wal-index (-shm) cannot be used");

	for (int i = 0; i < INDEX_TRIES; i++) {
		struct shm_header h;
		uint32_t backfilled;
		if (read_header(db, region, &h, &backfilled)) {
			if (h.version != LOG_VERSION)
				return err_set(err, ERR_SOURCE, "wal-index of unknown version %u",
				               h.version);
			set_state(out, &h, backfilled);
			return 0;
		}
		nanosleep(&(struct timespec){ .tv_nsec = i < 100 ? 10000 : 1000000 }, NULL);
	}
	return err_set(err, ERR_BUSY, "its wal-index stays in change");
}

bool sqlite_wal_same(const struct sqlite_wal_state *a, const struct sqlite_wal_state *b)
{
	return a->change == b->change && a->page_bytes == b->page_bytes && a->frames == b->frames &&
	       a->pages == b->pages && memcmp(a->sum, b->sum, sizeof a->sum) == 0 &&
	       memcmp(a->salt, b->salt, sizeof a->salt) == 0;
}

/* ---- the index of frames ---- */

static int compare(const void *x, const void *y)
{
	const struct place *a = x, *b = y;
	if (a->page != b->page)
		return a->page < b->page ? -1 : 1;
	return a->frame < b->frame ? -1 : a->frame > b->frame;
}

/* Sort, and of each page keep the newest frame. */
static void compact(struct sqlite_overlay *o)
{
	if (o->count == 0)
		return;
	qsort(o->places, o->count, sizeof *o->places, compare);
	size_t kept = 0;
	for (size_t i = 1; i < o->count; i++) {
		if (o->places[i].page != o->places[kept].page)
			kept++;
		o->places[kept] = o->places[i];
	}
	o->count = kept + 1;
}

/* A long log holds few pages many times: memory follows the pages. */
static int make_room(struct sqlite_overlay *o, struct err *err)
{
	compact(o);
	if (o->cap > 0 && o->count <= o->cap / 2)
		return 0;
	size_t cap = o->cap ? o->cap * 2 : 4096;
	struct place *places = reallocarray(o->places, cap, sizeof *places);
	if (!places)
		return err_set(err, ERR_NOMEM, "out of memory: %zu pages of the log", cap);
	o->places = places;
	o->cap = cap;
	return 0;
}

static int add_place(struct sqlite_overlay *o, uint32_t page, uint32_t frame, struct err *err)
{
	if (o->count == o->cap && make_room(o, err) != 0)
		return err->code;
	o->places[o->count++] = (struct place){ page, frame };
	return 0;
}

static int read_log(sqlite3_file *log, void *out, size_t len, uint64_t offset, struct err *err)
{
	int rc = log->pMethods->xRead(log, out, (int)len, (sqlite3_int64)offset);
	if (rc == SQLITE_IOERR_SHORT_READ)
		return err_set(err, ERR_SOURCE, "its write-ahead log ends too early");
	return rc == SQLITE_OK ? 0 : err_set(err, ERR_IO, "its write-ahead log cannot be read");
}

struct scan {
	const struct sqlite_wal_state *state;
	bool big;
	uint32_t sum[2];
	uint32_t frame;   /* the last one seen, from 1 */
	uint32_t pages;   /* the database's length behind it; 0 within a transaction */
};

static int scan_header(struct scan *s, sqlite3_file *log, struct err *err)
{
	uint8_t h[LOG_HEADER];
	if (read_log(log, h, sizeof h, 0, err) != 0)
		return err->code;
	s->big = h[3] & 1;
	add_sum(s->big, h, LOG_HEADER - 8, s->sum);
	if ((be32(h) & ~1u) != LOG_MAGIC || be32(h + 4) != LOG_VERSION ||
	    be32(h + 8) != s->state->page_bytes || memcmp(h + 16, s->state->salt, 8) != 0 ||
	    be32(h + 24) != s->sum[0] || be32(h + 28) != s->sum[1])
		return err_set(err, ERR_SOURCE, "its write-ahead log does not fit its index");
	return 0;
}

static bool belongs(const uint8_t *frame, const uint8_t salt[8])
{
	return memcmp(frame + 8, salt, 8) == 0;
}

static int scan_frame(struct scan *s, struct sqlite_overlay *o, const uint8_t *frame,
                      struct err *err)
{
	s->frame++;
	add_sum(s->big, frame, 8, s->sum);
	add_sum(s->big, frame + FRAME_HEADER, o->page_bytes, s->sum);
	if (!belongs(frame, o->salt) || be32(frame) == 0 || be32(frame + 16) != s->sum[0] ||
	    be32(frame + 20) != s->sum[1])
		return err_set(err, ERR_SOURCE, "frame %u of its log fails its checksum", s->frame);
	s->pages = be32(frame + 4);
	return add_place(o, be32(frame), s->frame, err);
}

static uint64_t frame_at(const struct sqlite_overlay *o, uint32_t frame)
{
	return LOG_HEADER + (uint64_t)(frame - 1) * (FRAME_HEADER + o->page_bytes);
}

static int scan_frames(struct scan *s, struct sqlite_overlay *o, uint8_t *block, struct err *err)
{
	size_t frame_bytes = FRAME_HEADER + o->page_bytes;
	uint32_t per_block = (uint32_t)(BLOCK_BYTES / frame_bytes);
	while (s->frame < s->state->frames) {
		uint32_t left = s->state->frames - s->frame;
		uint32_t n = left < per_block ? left : per_block;
		if (read_log(o->log, block, n * frame_bytes, frame_at(o, s->frame + 1), err) != 0)
			return err->code;
		for (uint32_t i = 0; i < n; i++)
			if (scan_frame(s, o, block + i * frame_bytes, err) != 0)
				return err->code;
	}
	return 0;
}

static int scan_log(struct sqlite_overlay *o, const struct sqlite_wal_state *state, struct err *err)
{
	struct scan s = { .state = state };
	if (scan_header(&s, o->log, err) != 0)
		return err->code;
	uint8_t *block = malloc(BLOCK_BYTES);
	if (!block)
		return err_no_memory(err);
	int rc = scan_frames(&s, o, block, err);
	free(block);
	if (rc != 0)
		return rc;
	if (s.pages != state->pages || memcmp(s.sum, state->sum, sizeof s.sum) != 0)
		return err_set(err, ERR_SOURCE, "its write-ahead log ends unlike its index");
	compact(o);
	return 0;
}

struct sqlite_overlay *sqlite_overlay_new(sqlite3_file *log, const struct sqlite_wal_state *state,
                                          struct err *err)
{
	uint32_t page = state->page_bytes;
	if (page < 512 || page > 65536 || (page & (page - 1)) != 0) {
		err_set(err, ERR_SOURCE, "wal-index with a page size of %u", page);
		return NULL;
	}
	AUTO(sqlite_overlay) o = calloc(1, sizeof *o);
	if (!o) {
		err_no_memory(err);
		return NULL;
	}
	o->log = log;
	o->page_bytes = page;
	memcpy(o->salt, state->salt, sizeof o->salt);
	if (scan_log(o, state, err) != 0)
		return NULL;
	return TAKE(o);
}

void sqlite_overlay_free(struct sqlite_overlay *o)
{
	if (!o)
		return;
	free(o->places);
	free(o);
}

/* ---- the overlay ---- */

/* The first place whose page is not below `page`. */
static size_t find(const struct sqlite_overlay *o, uint64_t page)
{
	size_t low = 0, high = o->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (o->places[middle].page < page)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool sqlite_overlay_covers(const struct sqlite_overlay *o, uint64_t offset, uint64_t len)
{
	if (len == 0)
		return true;
	uint64_t first = offset / o->page_bytes + 1, last = (offset + len - 1) / o->page_bytes + 1;
	size_t at = find(o, first);
	return last - first < o->count - at && o->places[at + (last - first)].page == last;
}

static int load_frame(struct sqlite_overlay *o, const struct place *p, struct err *err)
{
	size_t len = FRAME_HEADER + o->page_bytes;
	if (read_log(o->log, o->frame, len, frame_at(o, p->frame), err) != 0)
		return err->code;
	if (be32(o->frame) != p->page || !belongs(o->frame, o->salt))
		return err_set(err, ERR_SOURCE, "frame %u of its log changed while it was read",
		               p->frame);
	return 0;
}

int sqlite_overlay_apply(struct sqlite_overlay *o, uint64_t offset, uint8_t *data, size_t len,
                         struct err *err)
{
	uint64_t end = offset + len;
	for (size_t i = find(o, offset / o->page_bytes + 1); i < o->count; i++) {
		uint64_t start = (uint64_t)(o->places[i].page - 1) * o->page_bytes;
		if (start >= end)
			return 0;
		if (load_frame(o, &o->places[i], err) != 0)
			return err->code;
		uint64_t from = start > offset ? start : offset;
		uint64_t to = start + o->page_bytes < end ? start + o->page_bytes : end;
		memcpy(data + (from - offset), o->frame + FRAME_HEADER + (from - start), to - from);
	}
	return 0;
}
