#include "engine/storer.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"
#include "engine/framer.h"
#include "engine/placing.h"
#include "format/chunker.h"
#include "format/pack.h"
#include "holdfast/err.h"

enum {
	JOB_BYTES = 1 << 20,
	JOB_CUTS = 4096,
	WORKERS_MAX = 16,
	WAITING_MAX = 1 << 15,           /* copies of one small file never fill a frame */
};

struct cut {
	struct placing_chunk chunk;
	uint32_t at;
	struct placing_pending *to_store;   /* by whoever has the job */
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
	uint8_t *frame;                  /* PACK_FRAME_PLAIN_MAX */
	size_t len;
	struct placing_pending *first, **end;   /* chunks in it */
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
	struct placing *placing;         /* under the lock of the options */
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

/* ---- one job ---- */

static bool is_zero(const uint8_t *p, size_t len)
{
	return p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

static void name_chunks(const struct storer *s, struct job *j)
{
	for (uint32_t i = 0; i < j->n; i++) {
		struct cut *c = &j->cuts[i];
		struct placing_chunk *chunk = &c->chunk;
		chunk->zero = is_zero(j->bytes + c->at, chunk->length);
		if (!chunk->zero)
			hash_labelled(chunk->id, sizeof chunk->id, "hf1.chunk", s->o.key,
			              CHUNKER_KEY_BYTES, j->bytes + c->at, chunk->length);
	}
}

static int look_up_all(struct storer *s, struct job *j, struct err *err)
{
	int rc = 0;
	pthread_mutex_lock(s->o.lock);
	for (uint32_t i = 0; i < j->n && rc == 0; i++)
		rc = placing_look_up(s->placing, &j->cuts[i].chunk, &j->cuts[i].to_store, err);
	pthread_mutex_unlock(s->o.lock);
	return rc;
}

static int put_frame(struct worker *w, struct err *err)
{
	if (w->len == 0)
		return 0;
	struct storer *s = w->storer;
	struct framer_place at = { .serial = s->o.first_serial };
	if (w->framer && framer_put(w->framer, w->frame, w->len, NULL, 0, NULL, w->len, &at,
	                            err) != 0)
		return err->code;
	int rc = 0;
	pthread_mutex_lock(s->o.lock);
	while (w->first && rc == 0) {
		struct placing_pending *chunk = w->first;
		w->first = chunk->in_frame;
		rc = placing_done(s->placing, chunk, &at, err);
	}
	pthread_mutex_unlock(s->o.lock);
	w->len = 0;
	w->end = &w->first;
	return rc;
}

static int gather(struct worker *w, const struct job *j, const struct cut *c, struct err *err)
{
	uint32_t len = c->chunk.length;
	if (w->len + len > PACK_FRAME_PLAIN_MAX && put_frame(w, err) != 0)
		return err->code;
	memcpy(w->frame + w->len, j->bytes + c->at, len);
	c->to_store->offset = (uint32_t)w->len;
	w->len += len;
	*w->end = c->to_store;
	w->end = &c->to_store->in_frame;
	return 0;
}

static int work_job(struct worker *w, struct job *j, struct err *err)
{
	name_chunks(w->storer, j);
	int rc = look_up_all(w->storer, j, err);
	for (uint32_t i = 0; i < j->n && rc == 0; i++)
		if (j->cuts[i].to_store)
			rc = gather(w, j, &j->cuts[i], err);
	return rc;
}

/* ---- workers ---- */

static int worker_begin(struct storer *s, struct worker *w, struct err *err)
{
	if (w->frame)
		return 0;
	w->storer = s;
	w->end = &w->first;
	if (s->o.packer && !w->framer &&
	    !(w->framer = framer_new(s->o.packer, s->o.level, s->o.check_every, err)))
		return err->code;
	w->frame = malloc(PACK_FRAME_PLAIN_MAX);
	return w->frame ? 0 : err_no_memory(err);
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
		struct placing_file *f = j->cuts[i].chunk.file;
		if (j->cuts[i].chunk.slot < f->cap)
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
	s->placing = s->chunker
	           ? placing_new(options->index, options->packs, options->placed, options->arg, err) : NULL;
	if (s->placing)
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
	placing_free(s->placing);
	for (size_t i = 0; i <= WORKERS_MAX; i++) {
		framer_free(s->workers[i].framer);
		if (s->workers[i].frame)
			explicit_bzero(s->workers[i].frame, PACK_FRAME_PLAIN_MAX);
		free(s->workers[i].frame);
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
	bool many = placing_waiting(s->placing) > WAITING_MAX;
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

static void add_cut(struct job *j, struct placing_file *f, size_t end)
{
	j->cuts[j->n++] = (struct cut){
		.chunk = { .file = f, .slot = f->n++, .length = (uint32_t)(end - j->begun) },
		.at = (uint32_t)j->begun,
	};
	j->begun = end;
}

void storer_feed(struct storer *s, struct placing_file *f, size_t len)
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

int storer_close(struct storer *s, struct placing_file *f, struct err *err)
{
	struct job *j = s->current;
	if (j && j->begun < j->fill)
		add_cut(j, f, j->fill);
	chunker_reset(s->chunker);
	pthread_mutex_lock(s->o.lock);
	f->closed = true;
	int rc = placing_closed(s->placing, f, err);
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
	placing_counts(s->placing, changed, evacuated);
}
