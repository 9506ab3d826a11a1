#include "engine/packer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/wire.h"
#include "engine/pack_memory.h"
#include "format/names.h"
#include "format/sum.h"
#include "holdfast/err.h"
#include "vault/journal.h"
#include "vault/storage.h"
#include "vault/vault.h"

enum { UPLOADERS_MAX = 16, RUNS_BUF_MAX = 48 << 20, CODED_RUN_MAX = 3 * WIRE_VARINT_MAX };

struct pack_buffer {
	uint8_t *bytes;               /* PACK_BYTES, page aligned */
	size_t used;
	unsigned pending;             /* reserved, not yet released */
	bool closed, last;
	struct pack_key key;
	struct pack_writer *writer;
	struct buf *runs;
	uint32_t serial, number;
	uint64_t weight, zeros;
	size_t len;
	uint8_t id[PACK_ID_BYTES];
	struct pack_buffer *next;
};

struct packer {
	struct packer_options o;
	pthread_mutex_t lock;
	pthread_cond_t free_pack, work, idle;
	struct pack_buffer *free, *open, *queue, **queue_end;
	unsigned made, busy;          /* buffers made; buffers queued or being sent */
	pthread_t threads[UPLOADERS_MAX];
	unsigned n_threads;
	bool ending, failed;
	struct err why;
	pthread_mutex_t stored_lock;
	uint32_t next_serial, next_number, packs;
	uint64_t bytes;
};

/* ---- buffers ---- */

static void buffer_free(struct pack_buffer *b)
{
	if (!b)
		return;
	pack_memory_give(b->bytes);
	pack_writer_free(b->writer);
	buf_free(b->runs);
	explicit_bzero(&b->key, sizeof b->key);
	free(b);
}

static struct pack_buffer *buffer_new(struct err *err)
{
	struct pack_buffer *b = calloc(1, sizeof *b);
	if (b) {
		b->bytes = pack_memory_take();
		b->writer = pack_writer_new(err);
		b->runs = buf_new(RUNS_BUF_MAX, err);
	}
	if (!b || !b->bytes || !b->writer || !b->runs) {
		buffer_free(b);
		err_set(err, ERR_NOMEM, "out of memory for packs");
		return NULL;
	}
	return b;
}

struct packer *packer_new(const struct packer_options *options, struct err *err)
{
	struct packer *p = calloc(1, sizeof *p);
	if (!p) {
		err_no_memory(err);
		return NULL;
	}
	p->o = *options;
	if (p->o.uploaders > UPLOADERS_MAX)
		p->o.uploaders = UPLOADERS_MAX;
	p->next_serial = options->first_serial;
	p->next_number = options->first_number;
	p->queue_end = &p->queue;
	pthread_mutex_init(&p->lock, NULL);
	pthread_mutex_init(&p->stored_lock, NULL);
	pthread_cond_init(&p->free_pack, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->idle, NULL);
	return p;
}

static void fail_locked(struct packer *p, const struct err *why)
{
	if (!p->failed) {
		p->failed = true;
		p->why = *why;
	}
	pthread_cond_broadcast(&p->free_pack);
	pthread_cond_broadcast(&p->work);
	pthread_cond_broadcast(&p->idle);
}

void packer_stop(struct packer *p, const struct err *why)
{
	pthread_mutex_lock(&p->lock);
	fail_locked(p, why);
	pthread_mutex_unlock(&p->lock);
}

static int fail(struct packer *p, const struct err *err)
{
	packer_stop(p, err);
	return err->code;
}

static void recycle_locked(struct packer *p, struct pack_buffer *b)
{
	b->next = p->free;
	p->free = b;
	pthread_cond_signal(&p->free_pack);
}

/* ---- sending ---- */

static int send(struct packer *p, struct pack_buffer *b, struct err *err)
{
	char name[NAMES_MAX];
	names_pack(name, vault_keyfile(p->o.vault)->id, p->o.header.store, b->id);
	int rc = storage_put(vault_storage(p->o.vault), name, b->bytes, b->len, BACKEND_NEW, err);
	/* the name is the content's hash: what is there already, is this pack, sent twice */
	if (rc != 0 && rc != ERR_EXISTS)
		return rc;
	struct packer_done done = { .serial = b->serial, .number = b->number,
	                            .size = (uint32_t)b->len,
	                            .weight = b->weight, .zeros = b->zeros, .runs = b->runs,
	                            .last = b->last };
	memcpy(done.id, b->id, sizeof done.id);
	pthread_mutex_lock(&p->stored_lock);
	rc = p->o.stored(p->o.arg, &done, err);
	pthread_mutex_unlock(&p->stored_lock);
	return rc;
}

static void sent_locked(struct packer *p, struct pack_buffer *b, const struct err *err, int rc)
{
	if (rc != 0)
		fail_locked(p, err);
	else {
		p->packs++;
		p->bytes += b->len;
	}
	p->busy--;
	recycle_locked(p, b);
	pthread_cond_broadcast(&p->idle);
}

static void *uploader(void *arg)
{
	struct packer *p = arg;
	pthread_mutex_lock(&p->lock);
	for (;;) {
		while (!p->queue && !p->ending)
			pthread_cond_wait(&p->work, &p->lock);
		struct pack_buffer *b = p->queue;
		if (!b)
			break;
		p->queue = b->next;
		if (!p->queue)
			p->queue_end = &p->queue;
		bool skip = p->failed;
		pthread_mutex_unlock(&p->lock);
		struct err err = { 0 };
		int rc = skip ? 0 : send(p, b, &err);
		pthread_mutex_lock(&p->lock);
		sent_locked(p, b, &err, rc);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static int queue_pack(struct packer *p, struct pack_buffer *b, struct err *err)
{
	int rc = 0;
	pthread_mutex_lock(&p->lock);
	b->next = NULL;
	*p->queue_end = b;
	p->queue_end = &b->next;
	p->busy++;
	if (p->n_threads < p->o.uploaders && p->n_threads < p->busy) {
		int e = pthread_create(&p->threads[p->n_threads], NULL, uploader, p);
		if (e == 0)
			p->n_threads++;
		else if (p->n_threads == 0) {
			rc = err_set(err, ERR_NOMEM, "cannot start a thread");
			fail_locked(p, err);
		}
	}
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
	return rc;
}

/* Trailer, padding, id. Nobody else touches a closed buffer without pending slots. */
static int complete(struct packer *p, struct pack_buffer *b, bool last, struct err *err)
{
	b->last = last;
	if (pack_finish(b->bytes, b->used, last, b->writer, &b->key, p->o.lookup, p->o.arg, &b->len,
	                b->id, err) == 0)
		return last ? 0 : queue_pack(p, b, err);
	pthread_mutex_lock(&p->lock);
	fail_locked(p, err);
	if (!last)
		recycle_locked(p, b);
	pthread_mutex_unlock(&p->lock);
	return err->code;
}

/* ---- filling ---- */

static void open_buffer(struct packer *p, struct pack_buffer *b)
{
	struct pack_header header = p->o.header;
	header.number = b->number = p->next_number++;
	b->serial = p->next_serial++;
	b->used = PACK_HEADER_BYTES;
	b->pending = 0;
	b->weight = b->zeros = 0;
	b->closed = false;
	pack_writer_clear(b->writer);
	buf_clear(b->runs);
	pack_begin(b->bytes, &b->key, &header, p->o.session_key);
	p->open = b;
}

/* A buffer for the next pack: a free one, a new one, or wait. */
static int next_buffer_locked(struct packer *p, struct err *err)
{
	while (!p->failed && !p->open) {
		if (p->free) {
			struct pack_buffer *b = p->free;
			p->free = b->next;
			open_buffer(p, b);
		} else if (p->made < p->o.pool) {
			struct pack_buffer *b = buffer_new(err);
			if (!b) {
				fail_locked(p, err);
				return err->code;
			}
			p->made++;
			open_buffer(p, b);
		} else
			pthread_cond_wait(&p->free_pack, &p->lock);
	}
	if (p->failed) {
		*err = p->why;
		return err->code;
	}
	return 0;
}

/* What is about to be added to a pack. */
struct want {
	size_t stored, n_runs;
	uint64_t units;               /* of the runs: their tags go to the journal */
};

static bool fits(const struct pack_buffer *b, const struct want *w)
{
	size_t trailer = pack_writer_len(b->writer) + pack_writer_frame_bound(w->n_runs);
	uint64_t coded = w->n_runs * CODED_RUN_MAX + w->units * SUM_TAG_BYTES;
	return b->used + w->stored + ZSTD_COMPRESSBOUND(trailer) + SEAL_OVERHEAD_BYTES +
	       PACK_TAIL_BYTES <= PACK_BYTES && coded <= b->runs->max - b->runs->len &&
	       pack_writer_room(b->writer, w->n_runs);
}

/* Close the open pack. True if it must be completed by the caller, unlocked. */
static struct pack_buffer *close_locked(struct packer *p)
{
	struct pack_buffer *b = p->open;
	p->open = NULL;
	b->closed = true;
	return b->pending == 0 ? b : NULL;
}

/* On return 0 the lock is held and the open pack has room. */
static int lock_room(struct packer *p, const struct want *want, struct err *err)
{
	pthread_mutex_lock(&p->lock);
	for (;;) {
		if (next_buffer_locked(p, err) != 0) {
			pthread_mutex_unlock(&p->lock);
			return err->code;
		}
		if (fits(p->open, want))
			return 0;
		if (pack_writer_empty(p->open->writer)) {
			pthread_mutex_unlock(&p->lock);
			return err_set(err, ERR_LIMIT, "larger than a pack");
		}
		struct pack_buffer *full = close_locked(p);
		if (!full)
			continue;
		pthread_mutex_unlock(&p->lock);
		if (complete(p, full, false, err) != 0)
			return err->code;
		pthread_mutex_lock(&p->lock);
	}
}

static int code_runs(struct pack_buffer *b, const struct packer_frame *f, struct err *err)
{
	const uint8_t *tags = f->tags;
	for (size_t i = 0; i < f->n_runs; i++) {
		const struct pack_run *r = &f->runs[i];
		if (journal_code_run(b->runs, r->file, r->first, r->count, false, tags, err) != 0)
			return err->code;
		tags += (size_t)r->count * SUM_TAG_BYTES;
	}
	return 0;
}

int packer_reserve(struct packer *p, const struct packer_frame *f, struct packer_slot *slot,
                   struct err *err)
{
	uint32_t stored = (uint32_t)(f->len + SEAL_OVERHEAD_BYTES);
	struct want want = { .stored = stored, .n_runs = f->n_runs };
	for (size_t i = 0; i < f->n_runs; i++)
		want.units += f->runs[i].count;
	if (lock_room(p, &want, err) != 0)
		return err->code;
	struct pack_buffer *b = p->open;
	*slot = (struct packer_slot){ .at = b->bytes + b->used, .key = &b->key, .serial = b->serial,
	                              .frame = pack_writer_frames(b->writer), .pack = b };
	int rc = pack_writer_frame(b->writer, f->codec, stored, f->plain_len, f->runs, f->n_runs, err);
	if (rc == 0)
		rc = code_runs(b, f, err);
	if (rc == 0) {
		b->used += stored;
		b->weight += f->weight;
		b->pending++;
	} else
		fail_locked(p, err);
	pthread_mutex_unlock(&p->lock);
	return rc;
}

int packer_release(struct packer *p, const struct packer_slot *slot, struct err *err)
{
	struct pack_buffer *b = slot->pack;
	pthread_mutex_lock(&p->lock);
	bool mine = --b->pending == 0 && b->closed;
	pthread_mutex_unlock(&p->lock);
	return mine ? complete(p, b, false, err) : 0;
}

int packer_zeros(struct packer *p, const struct pack_run *run, const uint8_t *tags,
                 uint32_t *serial, struct err *err)
{
	const struct want want = { .n_runs = 1, .units = run->count };
	if (lock_room(p, &want, err) != 0)
		return err->code;
	struct pack_buffer *b = p->open;
	int rc = pack_writer_zeros(b->writer, run, err);
	if (rc == 0)
		rc = journal_code_run(b->runs, run->file, run->first, run->count, true, tags, err);
	*serial = b->serial;
	b->zeros += run->count;
	if (rc != 0)
		fail_locked(p, err);
	pthread_mutex_unlock(&p->lock);
	return rc;
}

/* ---- the end ---- */

static void join(struct packer *p)
{
	pthread_mutex_lock(&p->lock);
	p->ending = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->n_threads; i++)
		pthread_join(p->threads[i], NULL);
	p->n_threads = 0;
}

static int send_last(struct packer *p, struct pack_buffer *b, struct err *err)
{
	if (complete(p, b, true, err) != 0)
		return err->code;
	if (send(p, b, err) != 0)
		return fail(p, err);
	pthread_mutex_lock(&p->lock);
	p->packs++;
	p->bytes += b->len;
	pthread_mutex_unlock(&p->lock);
	return 0;
}

int packer_finish(struct packer *p, struct err *err)
{
	pthread_mutex_lock(&p->lock);
	struct pack_buffer *last = p->open;
	p->open = NULL;
	bool wanted = last && !p->failed && !pack_writer_empty(last->writer);
	pthread_mutex_unlock(&p->lock);
	if (wanted)
		send_last(p, last, err);
	buffer_free(last);
	join(p);
	if (p->failed)
		*err = p->why;
	return p->failed ? err->code : 0;
}

void packer_free(struct packer *p)
{
	if (!p)
		return;
	join(p);
	buffer_free(p->open);
	while (p->queue) {
		struct pack_buffer *b = p->queue;
		p->queue = b->next;
		buffer_free(b);
	}
	while (p->free) {
		struct pack_buffer *b = p->free;
		p->free = b->next;
		buffer_free(b);
	}
	pthread_mutex_destroy(&p->lock);
	pthread_mutex_destroy(&p->stored_lock);
	pthread_cond_destroy(&p->free_pack);
	pthread_cond_destroy(&p->work);
	pthread_cond_destroy(&p->idle);
	explicit_bzero(p, sizeof *p);
	free(p);
}

void packer_skip_serials(struct packer *p, uint32_t below)
{
	pthread_mutex_lock(&p->lock);
	if (p->next_serial < below)
		p->next_serial = below;
	pthread_mutex_unlock(&p->lock);
}

uint64_t packer_stored_bytes(struct packer *p)
{
	pthread_mutex_lock(&p->lock);
	uint64_t n = p->bytes;
	pthread_mutex_unlock(&p->lock);
	return n;
}

uint32_t packer_stored_packs(struct packer *p)
{
	pthread_mutex_lock(&p->lock);
	uint32_t n = p->packs;
	pthread_mutex_unlock(&p->lock);
	return n;
}

uint32_t packer_next_serial(struct packer *p)
{
	pthread_mutex_lock(&p->lock);
	uint32_t n = p->next_serial;
	pthread_mutex_unlock(&p->lock);
	return n;
}
