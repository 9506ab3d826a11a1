#include "engine/restore_stream.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/fetch.h"
#include "engine/meter.h"
#include "format/body.h"
#include "format/sum.h"
#include "holdfast/err.h"
#include "holdfast/source.h"

enum {
	WORKERS_MAX = 16,
	SLOTS_BASE = 16,
	SLOTS_MAX = SLOTS_BASE + 2 * WORKERS_MAX,
	AHEAD_FILES = 4096,
	AHEAD_BYTES = 8 << 20,           /* of names and metadata of files taken ahead */
	BLOCK_UNITS = SUM_BLOCK_BYTES / BODY_STREAM_UNIT,
	NO_SLOT = -1,
};

enum slot_state { EMPTY, WANTED, DECODING, READY, BROKEN };

/* A frame: wanted, or decoded and kept until its room is needed. */
struct slot {
	enum slot_state state;
	uint32_t pack, frame, len;
	unsigned users;                  /* extents ahead that lie in it */
	uint64_t used;
	uint8_t *bytes;                  /* PACK_FRAME_PLAIN_MAX */
	struct err err;
};

/* A file taken and not yet written. */
struct taken {
	struct taken *next;
	size_t cost;
	struct body_file f;
	struct body_extent *extents;
	int16_t *slots;                  /* per extent, once it has one */
	uint32_t planned, written;       /* extents */
	uint8_t *extra;
	char path[];
};

struct restore_stream {
	struct fetch *fetch;
	const struct sum_keys *keys;
	struct sink *sink;
	struct meter *meter;
	unsigned workers;
	/* between threads */
	pthread_mutex_t lock;
	pthread_cond_t wanted, ready;
	struct slot slots[SLOTS_MAX];
	int n_slots;
	uint64_t clock;
	bool ending;
	pthread_t threads[WORKERS_MAX];
	struct fetch_worker *tools[WORKERS_MAX + 1];   /* the last: the caller's */
	unsigned n_threads;
	bool started;
	/* files: from the one being written to the newest; `plan` is the first that lacks slots */
	struct taken *first, **end, *plan;
	size_t files, cost;
	/* the file being written */
	bool open;
	struct sum_fold sum;
	uint8_t *block;                  /* SUM_BLOCK_BYTES */
	size_t fill;
	uint64_t blocks;
};

/* ---- slots: with the lock held ---- */

static int find_slot(const struct restore_stream *r, const struct body_extent *e)
{
	for (int i = 0; i < r->n_slots; i++)
		if (r->slots[i].state != EMPTY && r->slots[i].pack == e->pack &&
		    r->slots[i].frame == e->frame)
			return i;
	return NO_SLOT;
}

/* The longest unused of those nobody waits for, made on first use. */
static int free_slot(const struct restore_stream *r)
{
	int best = NO_SLOT;
	for (int i = 0; i < r->n_slots; i++) {
		const struct slot *s = &r->slots[i];
		if (s->users == 0 && s->state != DECODING &&
		    (best == NO_SLOT || s->used < r->slots[best].used))
			best = i;
	}
	return best;
}

/* NO_SLOT: all are in use. */
static int take_slot(struct restore_stream *r, const struct body_extent *e)
{
	int i = find_slot(r, e);
	if (i == NO_SLOT) {
		i = free_slot(r);
		if (i == NO_SLOT)
			return NO_SLOT;
		r->slots[i].state = WANTED;
		r->slots[i].pack = e->pack;
		r->slots[i].frame = e->frame;
		pthread_cond_signal(&r->wanted);
	}
	r->slots[i].users++;
	r->slots[i].used = ++r->clock;
	return i;
}

/* Decode what the slot wants; the lock is released meanwhile. */
static void decode(struct restore_stream *r, struct slot *s, struct fetch_worker *tools)
{
	struct err err = { 0 };
	uint32_t len = 0;
	s->state = DECODING;
	pthread_mutex_unlock(&r->lock);
	if (!s->bytes)
		s->bytes = malloc(PACK_FRAME_PLAIN_MAX);
	int rc = s->bytes ? fetch_frame(r->fetch, s->pack, s->frame, s->bytes, &len, tools, &err)
	                  : err_no_memory(&err);
	pthread_mutex_lock(&r->lock);
	s->state = rc == 0 ? READY : BROKEN;
	s->len = len;
	s->err = err;
	pthread_cond_broadcast(&r->ready);
}

/* The one that will be written first. */
static struct slot *next_wanted(struct restore_stream *r)
{
	struct slot *best = NULL;
	for (int i = 0; i < r->n_slots; i++) {
		struct slot *s = &r->slots[i];
		if (s->state == WANTED && (!best || s->used < best->used))
			best = s;
	}
	return best;
}

struct thread_start {
	struct restore_stream *r;
	struct fetch_worker *tools;
};

static void *work(void *arg)
{
	struct thread_start start = *(struct thread_start *)arg;
	struct restore_stream *r = start.r;
	free(arg);
	pthread_mutex_lock(&r->lock);
	while (!r->ending) {
		struct slot *s = next_wanted(r);
		if (s)
			decode(r, s, start.tools);
		else
			pthread_cond_wait(&r->wanted, &r->lock);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* Where no thread can be had, the caller decodes. */
static void start_threads(struct restore_stream *r)
{
	struct err err;
	r->started = true;
	for (unsigned i = 0; r->workers > 1 && i < r->workers; i++) {
		struct thread_start *start = malloc(sizeof *start);
		r->tools[i] = fetch_worker_new(&err);
		if (start)
			*start = (struct thread_start){ r, r->tools[i] };
		if (!start || !r->tools[i] || pthread_create(&r->threads[i], NULL, work, start) != 0) {
			free(start);
			break;
		}
		r->n_threads = i + 1;
	}
}

/* ---- handles ---- */

struct restore_stream *restore_stream_new(struct fetch *fetch, const struct sum_keys *keys,
                                          struct sink *sink, unsigned workers,
                                          struct meter *meter, struct err *err)
{
	struct restore_stream *r = calloc(1, sizeof *r);
	if (!r) {
		err_no_memory(err);
		return NULL;
	}
	r->fetch = fetch;
	r->keys = keys;
	r->sink = sink;
	r->meter = meter;
	r->workers = workers < WORKERS_MAX ? workers : WORKERS_MAX;
	r->n_slots = SLOTS_BASE + 2 * (int)r->workers;
	r->end = &r->first;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->wanted, NULL);
	pthread_cond_init(&r->ready, NULL);
	r->block = aligned_alloc(4096, SUM_BLOCK_BYTES);
	r->tools[WORKERS_MAX] = fetch_worker_new(err);
	if (r->block && r->tools[WORKERS_MAX])
		return r;
	restore_stream_free(r);
	err_no_memory(err);
	return NULL;
}

static void free_taken(struct taken *t)
{
	free(t->extents);
	free(t->slots);
	free(t->extra);
	free(t);
}

void restore_stream_free(struct restore_stream *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->ending = true;
	pthread_cond_broadcast(&r->wanted);
	pthread_mutex_unlock(&r->lock);
	for (unsigned i = 0; i < r->n_threads; i++)
		pthread_join(r->threads[i], NULL);
	for (unsigned i = 0; i <= WORKERS_MAX; i++)
		fetch_worker_free(r->tools[i]);
	for (int i = 0; i < r->n_slots; i++) {
		if (r->slots[i].bytes)
			explicit_bzero(r->slots[i].bytes, PACK_FRAME_PLAIN_MAX);
		free(r->slots[i].bytes);
	}
	while (r->first) {
		struct taken *t = r->first;
		r->first = t->next;
		free_taken(t);
	}
	if (r->block)
		explicit_bzero(r->block, SUM_BLOCK_BYTES);
	free(r->block);
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->wanted);
	pthread_cond_destroy(&r->ready);
	free(r);
}

/* ---- taking and planning ---- */

static void *copy(const void *data, size_t len)
{
	void *to = malloc(len + 1);
	if (to && len)
		memcpy(to, data, len);
	return to;
}

static struct taken *take(const struct body_file *f, struct err *err)
{
	struct taken *t = calloc(1, sizeof *t + f->path_len + 1);
	if (t) {
		t->f = *f;
		t->extents = copy(f->extents, f->n_extents * sizeof *f->extents);
		t->slots = calloc(f->n_extents + 1u, sizeof *t->slots);
		t->extra = copy(f->extra, f->extra_len);
		t->cost = sizeof *t + f->path_len + f->extra_len + f->n_extents * sizeof *f->extents;
	}
	if (!t || !t->extents || !t->slots || !t->extra) {
		if (t)
			free_taken(t);
		err_no_memory(err);
		return NULL;
	}
	memcpy(t->path, f->path, f->path_len);
	t->f.path = t->path;
	t->f.extra = t->extra;
	t->f.extents = t->extents;
	return t;
}

static void append(struct restore_stream *r, struct taken *t)
{
	*r->end = t;
	r->end = &t->next;
	r->files++;
	r->cost += t->cost;
	if (!r->plan)
		r->plan = t;
}

/* Give slots to the extents ahead, in order, as far as slots go. */
static void plan(struct restore_stream *r)
{
	pthread_mutex_lock(&r->lock);
	for (; r->plan; r->plan = r->plan->next) {
		struct taken *t = r->plan;
		for (; t->planned < t->f.n_extents; t->planned++) {
			const struct body_extent *e = &t->extents[t->planned];
			int slot = e->pack == UINT32_MAX ? NO_SLOT : take_slot(r, e);
			if (e->pack != UINT32_MAX && slot == NO_SLOT) {
				pthread_mutex_unlock(&r->lock);
				return;
			}
			t->slots[t->planned] = (int16_t)slot;
		}
	}
	pthread_mutex_unlock(&r->lock);
}

/* ---- writing ---- */

static int begin_file(struct restore_stream *r, const struct taken *t, struct err *err)
{
	const struct body_file *f = &t->f;
	struct source_entry e = { .path = f->path, .length_bytes = f->length, .mode = f->mode,
	                          .uid = f->uid, .gid = f->gid, .mtime_ns = f->mtime_ns,
	                          .extra = f->extra_len ? f->extra : NULL,
	                          .extra_len = f->extra_len };
	sum_begin(&r->sum, f->number, 0, BODY_STREAM_UNIT, r->keys);
	r->fill = 0;
	r->blocks = 0;
	r->open = true;
	return r->sink->ops->entry(r->sink, &e, err);
}

static int put_block(struct restore_stream *r, struct err *err)
{
	uint8_t tags[BLOCK_UNITS * SUM_TAG_BYTES], leaf[SUM_BYTES];
	if (r->fill == 0)
		return 0;
	if (meter_check(r->meter, err) != 0 ||
	    r->sink->ops->data(r->sink, r->block, r->fill, err) != 0)
		return err->code;
	sum_tags(tags, r->block, r->fill, BODY_STREAM_UNIT, r->keys);
	sum_leaf(leaf, r->blocks++, tags, (r->fill + BODY_STREAM_UNIT - 1) / BODY_STREAM_UNIT,
	         r->keys);
	sum_add(&r->sum, leaf);
	meter_done(r->meter, r->fill);
	r->fill = 0;
	return 0;
}

/* Zeros where data is NULL. */
static int put_bytes(struct restore_stream *r, const uint8_t *data, size_t len, struct err *err)
{
	while (len > 0) {
		size_t n = SUM_BLOCK_BYTES - r->fill < len ? SUM_BLOCK_BYTES - r->fill : len;
		if (data)
			memcpy(r->block + r->fill, data, n);
		else
			memset(r->block + r->fill, 0, n);
		r->fill += n;
		len -= n;
		data = data ? data + n : NULL;
		if (r->fill == SUM_BLOCK_BYTES && put_block(r, err) != 0)
			return err->code;
	}
	return 0;
}

/* The frame is there, or is decoded here if nobody has begun. */
static int await(struct restore_stream *r, struct slot *s, const struct body_extent *e,
                 struct err *err)
{
	int rc = 0;
	pthread_mutex_lock(&r->lock);
	while (s->state == WANTED || s->state == DECODING) {
		if (s->state == WANTED)
			decode(r, s, r->tools[WORKERS_MAX]);
		else
			pthread_cond_wait(&r->ready, &r->lock);
	}
	if (s->state == BROKEN) {
		*err = s->err;
		rc = err->code;
	} else if (s->len < e->offset || s->len - e->offset < e->length)
		rc = err_set(err, ERR_CORRUPT, "frame %" PRIu32 " is shorter than the snapshot says",
		             e->frame);
	pthread_mutex_unlock(&r->lock);
	return rc;
}

static int put_extent(struct restore_stream *r, struct taken *t, struct err *err)
{
	const struct body_extent *e = &t->extents[t->written];
	int at = t->slots[t->written++];
	if (at == NO_SLOT)
		return put_bytes(r, NULL, e->length, err);
	struct slot *s = &r->slots[at];
	if (await(r, s, e, err) != 0 || put_bytes(r, s->bytes + e->offset, e->length, err) != 0)
		return err->code;
	pthread_mutex_lock(&r->lock);
	s->users--;
	pthread_mutex_unlock(&r->lock);
	return 0;
}

static int end_file(struct restore_stream *r, const struct taken *t, struct err *err)
{
	uint8_t sum[SUM_BYTES];
	if (put_block(r, err) != 0)
		return err->code;
	r->open = false;
	sum_end(&r->sum, t->f.length, sum);
	if (memcmp(sum, t->f.sum, SUM_BYTES) == 0)
		return 0;
	return err_set(err, ERR_CORRUPT, "does not match its sum: what was written is wrong");
}

/* One extent of the first file, or its end. */
static int write_some(struct restore_stream *r, struct err *err)
{
	struct taken *t = r->first;
	int rc = r->open ? 0 : begin_file(r, t, err);
	if (rc == 0 && t->written < t->f.n_extents)
		rc = put_extent(r, t, err);
	if (rc == 0 && t->written == t->f.n_extents)
		rc = end_file(r, t, err);
	if (rc != 0)
		return err_wrap(err, "file '%.250s'", t->path);
	if (!r->open) {
		r->first = t->next;
		if (!r->first)
			r->end = &r->first;
		r->files--;
		r->cost -= t->cost;
		free_taken(t);
	}
	return 0;
}

int restore_stream_file(struct restore_stream *r, const struct body_file *file, struct err *err)
{
	struct taken *t = take(file, err);
	if (!t)
		return err->code;
	append(r, t);
	plan(r);
	if (!r->started && (file->n_extents > 1 || r->files > 1))
		start_threads(r);
	while (r->plan || r->files > AHEAD_FILES || (r->cost > AHEAD_BYTES && r->files > 1)) {
		if (meter_check(r->meter, err) != 0 || write_some(r, err) != 0)
			return err->code;
		plan(r);
	}
	return 0;
}

int restore_stream_end(struct restore_stream *r, struct err *err)
{
	while (r->first)
		if (meter_check(r->meter, err) != 0 || write_some(r, err) != 0)
			return err->code;
	return 0;
}
