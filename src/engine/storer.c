#include "engine/storer.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"
#include "engine/framer.h"
#include "engine/packuse.h"
#include "format/chunker.h"
#include "format/pack.h"
#include "holdfast/err.h"
#include "vault/chunkindex.h"

enum {
	JOB_BYTES = 1 << 20,
	JOB_CUTS = 4096,
	WORKERS_MAX = 16,
	BUCKETS = 4096,
	WAITING_MAX = 1 << 15,           /* copies of one small file never fill a frame */
	ID_BYTES = CHUNKINDEX_ID_BYTES,
};

/* A chunk of which the place is not known yet, and who waits for it. */
struct waiter {
	struct waiter *next;
	struct storer_file *file;
	uint32_t slot;
};

struct pending {
	struct pending *next;            /* in its bucket */
	struct pending *in_frame;        /* next of the same gathered frame */
	struct waiter *waiters;
	uint8_t id[ID_BYTES];
	uint32_t offset, length;
};

struct cut {
	struct storer_file *file;
	uint32_t slot, at, length;
	bool zero;
	uint8_t id[ID_BYTES];
	struct pending *pending;         /* to be stored by whoever has the job */
};

struct job {
	struct job *next;
	uint8_t *bytes;                  /* JOB_BYTES */
	size_t fill, begun;              /* bytes; where the unfinished chunk begins */
	struct cut *cuts;                /* JOB_CUTS */
	uint32_t n;
};

struct worker {
	struct storer *storer;
	struct framer *framer;
	uint8_t *gathered;               /* PACK_FRAME_PLAIN_MAX */
	size_t len;
	struct pending *first, **end;    /* chunks in gathered */
	pthread_t thread;
};

struct storer {
	struct storer_options o;
	struct chunker *chunker;
	struct job *current;
	/* jobs between threads */
	pthread_mutex_t queue_lock;
	pthread_cond_t work, idle;
	struct job *free, *queue, **queue_end;
	unsigned made, busy;             /* jobs made; queued or in work */
	bool ending, failed;
	struct err why;
	struct worker workers[1 + WORKERS_MAX];   /* the caller, then the threads */
	unsigned n_threads;
	bool started;
	/* under the lock of the options */
	struct pending *pending[BUCKETS];
	size_t waiting;
	uint64_t changed, evacuated;
};

/* ---- failing ---- */

static void fail(struct storer *s, const struct err *err)
{
	pthread_mutex_lock(&s->queue_lock);
	if (!s->failed)
		s->why = *err;
	s->failed = true;
	pthread_cond_broadcast(&s->idle);
	pthread_mutex_unlock(&s->queue_lock);
}

static int failure(struct storer *s, struct err *err)
{
	pthread_mutex_lock(&s->queue_lock);
	bool is = s->failed;
	if (is)
		*err = s->why;
	pthread_mutex_unlock(&s->queue_lock);
	return is ? err->code : 0;
}

/* ---- placing: with the lock held ---- */

static uint32_t bucket_of(const uint8_t id[ID_BYTES])
{
	uint32_t n;
	memcpy(&n, id, sizeof n);
	return n % BUCKETS;
}

static struct pending *find_pending(const struct storer *s, const uint8_t id[ID_BYTES])
{
	struct pending *p = s->pending[bucket_of(id)];
	while (p && memcmp(p->id, id, ID_BYTES) != 0)
		p = p->next;
	return p;
}

static int file_placed(struct storer *s, struct storer_file *f, struct err *err)
{
	return f->closed && f->placed == f->n ? s->o.placed(s->o.arg, f, err) : 0;
}

static int fill(struct storer *s, struct storer_file *f, uint32_t slot, const struct extent *e,
                struct err *err)
{
	f->extents[slot] = *e;
	f->placed++;
	return file_placed(s, f, err);
}

static int await(struct storer *s, struct pending *p, const struct cut *c, struct err *err)
{
	struct waiter *w = malloc(sizeof *w);
	if (!w)
		return err_no_memory(err);
	*w = (struct waiter){ p->waiters, c->file, c->slot };
	p->waiters = w;
	s->waiting++;
	return 0;
}

static int add_pending(struct storer *s, struct cut *c, struct err *err)
{
	struct pending *p = calloc(1, sizeof *p), **bucket = &s->pending[bucket_of(c->id)];
	if (!p)
		return err_no_memory(err);
	memcpy(p->id, c->id, ID_BYTES);
	p->length = c->length;
	p->next = *bucket;
	*bucket = p;
	c->pending = p;
	return await(s, p, c, err);
}

static void drop_pending(struct storer *s, struct pending *p)
{
	struct pending **at = &s->pending[bucket_of(p->id)];
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	while (p->waiters) {
		struct waiter *w = p->waiters;
		p->waiters = w->next;
		s->waiting--;
		free(w);
	}
	free(p);
}

/* 1: stored, and to stay there; 0: to be stored by this run. */
static int find_stored(struct storer *s, const struct cut *c, struct extent *e, struct err *err)
{
	int rc = chunkindex_chunk(s->o.index, c->id, e, err);
	if (rc < 0)
		return rc;
	const struct packuse_pack *p = rc ? packuse_find(s->o.packs, e->serial) : NULL;
	bool known = p && e->length == c->length;
	if (known && !p->evacuate)
		return 1;
	*(known ? &s->evacuated : &s->changed) += c->length;
	return 0;
}

static int look_up(struct storer *s, struct cut *c, struct err *err)
{
	struct extent e = { .length = c->length };
	if (c->zero)
		return fill(s, c->file, c->slot, &e, err);
	struct pending *p = find_pending(s, c->id);
	if (p)
		return await(s, p, c, err);
	int rc = find_stored(s, c, &e, err);
	if (rc != 0)
		return rc < 0 ? rc : fill(s, c->file, c->slot, &e, err);
	return add_pending(s, c, err);
}

static int place(struct storer *s, struct pending *p, const struct framer_place *at,
                 struct err *err)
{
	struct packuse_pack *pack = packuse_add(s->o.packs, at->serial, err);
	if (!pack)
		return err->code;
	struct extent e = { at->serial, at->frame, p->offset, p->length, pack->chunks++ };
	if (chunkindex_put_chunk(s->o.index, p->id, &e, err) != 0)
		return err->code;
	int rc = 0;
	for (struct waiter *w = p->waiters; w && rc == 0; w = w->next)
		rc = fill(s, w->file, w->slot, &e, err);
	drop_pending(s, p);
	return rc;
}

/* ---- one job ---- */

static bool is_zero(const uint8_t *p, size_t len)
{
	return p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

static void name_chunks(const struct storer *s, struct job *j)
{
	for (uint32_t i = 0; i < j->n; i++) {
		struct cut *c = &j->cuts[i];
		c->pending = NULL;
		c->zero = is_zero(j->bytes + c->at, c->length);
		if (!c->zero)
			hash_labelled(c->id, ID_BYTES, "hf1.chunk", s->o.key, CHUNKER_KEY_BYTES,
			              j->bytes + c->at, c->length);
	}
}

static int look_up_all(struct storer *s, struct job *j, struct err *err)
{
	int rc = 0;
	pthread_mutex_lock(s->o.lock);
	for (uint32_t i = 0; i < j->n && rc == 0; i++)
		rc = look_up(s, &j->cuts[i], err);
	pthread_mutex_unlock(s->o.lock);
	return rc;
}

static int put_frame(struct worker *w, struct err *err)
{
	if (w->len == 0)
		return 0;
	struct storer *s = w->storer;
	struct framer_place at = { .serial = s->o.first_serial };
	if (w->framer && framer_put(w->framer, w->gathered, w->len, NULL, 0, NULL, w->len, &at,
	                            err) != 0)
		return err->code;
	int rc = 0;
	pthread_mutex_lock(s->o.lock);
	while (w->first && rc == 0) {
		struct pending *p = w->first;
		w->first = p->in_frame;
		rc = place(s, p, &at, err);
	}
	pthread_mutex_unlock(s->o.lock);
	w->len = 0;
	w->end = &w->first;
	return rc;
}

static int gather(struct worker *w, const struct job *j, const struct cut *c, struct err *err)
{
	if (w->len + c->length > PACK_FRAME_PLAIN_MAX && put_frame(w, err) != 0)
		return err->code;
	memcpy(w->gathered + w->len, j->bytes + c->at, c->length);
	c->pending->offset = (uint32_t)w->len;
	w->len += c->length;
	*w->end = c->pending;
	w->end = &c->pending->in_frame;
	return 0;
}

static int work_job(struct worker *w, struct job *j, struct err *err)
{
	name_chunks(w->storer, j);
	int rc = look_up_all(w->storer, j, err);
	for (uint32_t i = 0; i < j->n && rc == 0; i++)
		if (j->cuts[i].pending)
			rc = gather(w, j, &j->cuts[i], err);
	return rc;
}

/* ---- workers ---- */

static int worker_begin(struct storer *s, struct worker *w, struct err *err)
{
	if (w->gathered)
		return 0;
	w->storer = s;
	w->end = &w->first;
	if (s->o.packer && !w->framer &&
	    !(w->framer = framer_new(s->o.packer, s->o.level, s->o.check_every, err)))
		return err->code;
	w->gathered = malloc(PACK_FRAME_PLAIN_MAX);
	return w->gathered ? 0 : err_no_memory(err);
}

static void give_back(struct storer *s, struct job *j)
{
	j->n = 0;
	j->fill = j->begun = 0;
	j->next = s->free;
	s->free = j;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct storer *s = w->storer;
	pthread_mutex_lock(&s->queue_lock);
	for (;;) {
		while (!s->queue && !s->ending)
			pthread_cond_wait(&s->work, &s->queue_lock);
		struct job *j = s->queue;
		if (!j)
			break;
		s->queue = j->next;
		if (!s->queue)
			s->queue_end = &s->queue;
		bool skip = s->failed || s->ending;
		pthread_mutex_unlock(&s->queue_lock);
		struct err err = { 0 };
		if (!skip && work_job(w, j, &err) != 0)
			fail(s, &err);
		pthread_mutex_lock(&s->queue_lock);
		s->busy--;
		give_back(s, j);
		pthread_cond_signal(&s->idle);
	}
	pthread_mutex_unlock(&s->queue_lock);
	return NULL;
}

/* Where no thread can be had, the caller does the work. */
static int start_threads(struct storer *s, struct err *err)
{
	s->started = true;
	unsigned n = s->o.workers < WORKERS_MAX ? s->o.workers : WORKERS_MAX;
	for (unsigned i = 1; n > 1 && i <= n; i++) {
		if (worker_begin(s, &s->workers[i], err) != 0)
			return err->code;
		if (pthread_create(&s->workers[i].thread, NULL, work, &s->workers[i]) != 0)
			break;
		s->n_threads = i;
	}
	return 0;
}

void storer_stop(struct storer *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->queue_lock);
	s->ending = true;
	pthread_cond_broadcast(&s->work);
	pthread_mutex_unlock(&s->queue_lock);
	while (s->n_threads > 0)
		pthread_join(s->workers[s->n_threads--].thread, NULL);
}

/* ---- jobs ---- */

static void job_free(struct job *j)
{
	if (!j)
		return;
	if (j->bytes)
		explicit_bzero(j->bytes, JOB_BYTES);
	free(j->bytes);
	free(j->cuts);
	free(j);
}

static struct job *job_new(struct err *err)
{
	struct job *j = calloc(1, sizeof *j);
	if (j) {
		j->bytes = aligned_alloc(4096, JOB_BYTES);
		j->cuts = malloc(JOB_CUTS * sizeof *j->cuts);
	}
	if (j && j->bytes && j->cuts)
		return j;
	job_free(j);
	err_no_memory(err);
	return NULL;
}

/* Two more than threads: one being filled, one waiting. */
static struct job *take_job(struct storer *s, struct err *err)
{
	struct job *j = NULL;
	bool make = false;
	pthread_mutex_lock(&s->queue_lock);
	while (!s->failed && !s->free && s->made >= s->n_threads + 2)
		pthread_cond_wait(&s->idle, &s->queue_lock);
	if (s->failed)
		*err = s->why;
	else if (s->free) {
		j = s->free;
		s->free = j->next;
	} else {
		make = true;
		s->made++;
	}
	pthread_mutex_unlock(&s->queue_lock);
	return make ? job_new(err) : j;
}

/* Room for the places of its chunks, before anybody can fill them. */
static int reserve_slots(struct storer *s, const struct job *j, struct err *err)
{
	int rc = 0;
	pthread_mutex_lock(s->o.lock);
	for (uint32_t i = 0; i < j->n && rc == 0; i++) {
		struct storer_file *f = j->cuts[i].file;
		if (j->cuts[i].slot < f->cap)
			continue;
		uint32_t cap = f->cap ? f->cap + f->cap / 2 + 1 : 1;
		struct extent *grown = realloc(f->extents, cap * sizeof *grown);
		if (!grown) {
			rc = err_no_memory(err);
			continue;
		}
		f->extents = grown;
		f->cap = cap;
	}
	pthread_mutex_unlock(s->o.lock);
	return rc;
}

static int run_here(struct storer *s, struct job *j, struct err *err)
{
	int rc = worker_begin(s, &s->workers[0], err);
	if (rc == 0)
		rc = work_job(&s->workers[0], j, err);
	if (rc != 0)
		fail(s, err);
	pthread_mutex_lock(&s->queue_lock);
	give_back(s, j);
	pthread_mutex_unlock(&s->queue_lock);
	return rc;
}

static int submit(struct storer *s, struct job *j, bool more, struct err *err)
{
	if ((more && !s->started && start_threads(s, err) != 0) || reserve_slots(s, j, err) != 0) {
		fail(s, err);
		job_free(j);
		return err->code;
	}
	if (s->n_threads == 0)
		return run_here(s, j, err);
	pthread_mutex_lock(&s->queue_lock);
	j->next = NULL;
	*s->queue_end = j;
	s->queue_end = &j->next;
	s->busy++;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->queue_lock);
	return 0;
}

/* Hand the current job over; the beginning of an unfinished chunk moves on to the next. */
static int next_job(struct storer *s, struct err *err)
{
	struct job *j = s->current, *next = take_job(s, err);
	if (!next)
		return err->code;
	next->fill = j->fill - j->begun;
	memcpy(next->bytes, j->bytes + j->begun, next->fill);
	s->current = next;
	return submit(s, j, true, err);
}

/* ---- the reading side ---- */

struct storer *storer_new(const struct storer_options *options, struct err *err)
{
	struct storer *s = calloc(1, sizeof *s);
	if (!s) {
		err_no_memory(err);
		return NULL;
	}
	s->o = *options;
	s->queue_end = &s->queue;
	pthread_mutex_init(&s->queue_lock, NULL);
	pthread_cond_init(&s->work, NULL);
	pthread_cond_init(&s->idle, NULL);
	s->chunker = chunker_new(options->key, err);
	if (s->chunker)
		return s;
	storer_free(s);
	return NULL;
}

static void free_jobs(struct job *j)
{
	while (j) {
		struct job *next = j->next;
		job_free(j);
		j = next;
	}
}

void storer_free(struct storer *s)
{
	if (!s)
		return;
	storer_stop(s);
	job_free(s->current);
	free_jobs(s->free);
	free_jobs(s->queue);
	for (size_t i = 0; i < BUCKETS; i++)
		while (s->pending[i])
			drop_pending(s, s->pending[i]);
	for (size_t i = 0; i <= WORKERS_MAX; i++) {
		framer_free(s->workers[i].framer);
		if (s->workers[i].gathered)
			explicit_bzero(s->workers[i].gathered, PACK_FRAME_PLAIN_MAX);
		free(s->workers[i].gathered);
	}
	chunker_free(s->chunker);
	pthread_mutex_destroy(&s->queue_lock);
	pthread_cond_destroy(&s->work);
	pthread_cond_destroy(&s->idle);
	free(s);
}

static void wait_idle(struct storer *s)
{
	pthread_mutex_lock(&s->queue_lock);
	while (s->busy > 0)
		pthread_cond_wait(&s->idle, &s->queue_lock);
	pthread_mutex_unlock(&s->queue_lock);
}

/* While the threads are idle, their gathered chunks are the caller's to store. */
static int settle(struct storer *s, struct err *err)
{
	wait_idle(s);
	for (unsigned i = 0; i <= WORKERS_MAX; i++)
		if (failure(s, err) != 0 || put_frame(&s->workers[i], err) != 0)
			return err->code;
	return 0;
}

static bool too_many_wait(struct storer *s)
{
	pthread_mutex_lock(s->o.lock);
	bool many = s->waiting > WAITING_MAX;
	pthread_mutex_unlock(s->o.lock);
	return many;
}

uint8_t *storer_room(struct storer *s, struct err *err)
{
	if (failure(s, err) != 0)
		return NULL;
	if (!s->current && !(s->current = take_job(s, err)))
		return NULL;
	/* STORER_READ_BYTES can complete this many chunks, and the one that is begun */
	uint32_t cuts = STORER_READ_BYTES / CHUNKER_MIN_BYTES + 2;
	bool many = too_many_wait(s);
	if ((many || s->current->fill > JOB_BYTES - STORER_READ_BYTES ||
	     s->current->n > JOB_CUTS - cuts) && next_job(s, err) != 0)
		return NULL;
	if (many && settle(s, err) != 0)
		return NULL;
	return s->current->bytes + s->current->fill;
}

static void add_cut(struct job *j, struct storer_file *f, size_t end)
{
	j->cuts[j->n++] = (struct cut){ .file = f, .slot = f->n++, .at = (uint32_t)j->begun,
	                                .length = (uint32_t)(end - j->begun) };
	j->begun = end;
}

void storer_feed(struct storer *s, struct storer_file *f, size_t len)
{
	struct job *j = s->current;
	size_t end = j->fill + len;
	while (j->fill < end) {
		size_t n = chunker_scan(s->chunker, j->bytes + j->fill, end - j->fill);
		j->fill = n ? j->fill + n : end;
		if (n)
			add_cut(j, f, j->fill);
	}
}

int storer_close(struct storer *s, struct storer_file *f, struct err *err)
{
	struct job *j = s->current;
	if (j && j->begun < j->fill)
		add_cut(j, f, j->fill);
	chunker_reset(s->chunker);
	pthread_mutex_lock(s->o.lock);
	f->closed = true;
	int rc = file_placed(s, f, err);
	pthread_mutex_unlock(s->o.lock);
	return rc;
}

int storer_flush(struct storer *s, struct err *err)
{
	if (failure(s, err) != 0)
		return err->code;
	struct job *j = TAKE(s->current);
	if (j && submit(s, j, false, err) != 0)
		return err->code;
	return settle(s, err);
}

void storer_counts(const struct storer *s, uint64_t *changed, uint64_t *evacuated)
{
	*changed = s->changed;
	*evacuated = s->evacuated;
}
