#include "engine/restore_page.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/fetch.h"
#include "engine/fold.h"
#include "engine/frames.h"
#include "engine/meter.h"
#include "engine/zone.h"
#include "holdfast/err.h"

enum {
	REGION = ZONE_REGION_BYTES,
	BLOCKS = REGION / SUM_BLOCK_BYTES,
	WORKERS_MAX = 16,
	SPARE = 10,                  /* regions beside one per worker, for when the disk lags behind */
	FRAMES_MAX = 64,             /* decoded, for all workers */
	SPAN_MAX = 256,              /* a pack whose units span more regions is read in pieces */
};

/* One region on its way from a worker to the writer. */
struct region {
	uint8_t *data;               /* REGION bytes, aligned */
	size_t len;
	uint64_t offset;
	bool ready;
	struct region *next;
};

struct job {
	const struct restore_page_options *o;
	struct zone_file file;
	struct zone *zone;
	struct fold *fold;
	struct frames *frames;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct region *free, *first, **last;   /* first..last: handed out, in order of the file */
	uint32_t next_region, written;
	bool has_writer;             /* a thread of its own, so that workers never wait for a disk */
	pthread_t writer;
	atomic_bool failed;
	struct err why;
};

struct worker {
	struct job *job;
	struct fetch_worker *tools;
	uint8_t *tags;
	pthread_t thread;
};

static void fail(struct job *j, const struct err *err)
{
	pthread_mutex_lock(&j->lock);
	if (!j->failed)
		j->why = *err;
	j->failed = true;
	pthread_cond_broadcast(&j->changed);
	pthread_mutex_unlock(&j->lock);
	fold_stop(j->fold);
}

/* ---- regions ---- */

/* Bytes of an extent: its last unit may be the file's last, and short. */
static size_t extent_bytes(const struct job *j, const struct zone_extent *e)
{
	uint64_t at = (j->zone->first + e->unit) * j->file.unit_bytes;
	uint64_t len = (uint64_t)e->count * j->file.unit_bytes;
	return at + len > j->file.length ? (size_t)(j->file.length - at) : (size_t)len;
}

/* A whole frame that fills its place goes straight there. */
static bool fills_frame(size_t len, const struct zone_extent *e, size_t room)
{
	return e->offset == 0 && len == PACK_FRAME_PLAIN_MAX && room >= PACK_FRAME_PLAIN_MAX;
}

static void consumed(const struct job *j, const struct zone_extent *e)
{
	if (e->pack != UINT32_MAX)
		fetch_consumed(j->o->fetch, e->pack, e->count);
}

static int fill_extent(struct worker *w, const struct zone_extent *e, uint8_t *to, size_t room,
                       struct err *err)
{
	size_t len = extent_bytes(w->job, e);
	if (e->pack == UINT32_MAX) {
		memset(to, 0, len);
		return 0;
	}
	if (fills_frame(len, e, room)) {
		uint32_t got;
		if (fetch_frame(w->job->o->fetch, e->pack, e->frame, to, &got, w->tools, err) != 0)
			return err->code;
	} else {
		const struct frames_entry *f = frames_get(w->job->frames, e->pack, e->frame, w->tools,
		                                          err);
		if (!f)
			return err->code;
		bool whole = e->offset <= f->len && len <= f->len - e->offset;
		if (whole)
			memcpy(to, f->plain + e->offset, len);
		frames_put(w->job->frames, f);
		if (!whole)
			return err_set(err, ERR_CORRUPT, "frame %u is shorter than its runs", e->frame);
	}
	consumed(w->job, e);
	return 0;
}

static uint64_t region_offset(const struct job *j, uint32_t number)
{
	return j->zone->first * j->file.unit_bytes + (uint64_t)number * REGION;
}

static size_t region_len(const struct job *j, uint32_t number)
{
	uint64_t left = j->file.length - region_offset(j, number);
	return left < REGION ? (size_t)left : REGION;
}

/* Does an earlier attempt have it? */
static bool is_kept(const struct job *j, uint32_t number)
{
	return j->o->reuse && region_offset(j, number) + region_len(j, number) <= j->o->kept;
}

static int fill_region(struct worker *w, uint32_t number, struct region *r, struct err *err)
{
	struct job *j = w->job;
	const struct zone *z = j->zone;
	uint32_t per = zone_region_units(&j->file);
	int kept = is_kept(j, number) ? j->o->reuse(j->o->arg, r->offset, r->data, r->len, err) : 0;
	if (kept != 0)
		return kept < 0 ? kept : 0;
	for (uint32_t i = z->starts[number]; i < z->starts[number + 1]; i++) {
		const struct zone_extent *e = &z->extents[i];
		size_t at = (size_t)(e->unit - number * per) * j->file.unit_bytes;
		if (fill_extent(w, e, r->data + at, REGION - at, err) != 0)
			return err->code;
	}
	return 0;
}

static bool sum_region(struct worker *w, const struct region *r)
{
	const struct job *j = w->job;
	uint8_t leaf[SUM_BYTES];
	if (!j->o->keys)
		return true;
	for (size_t at = 0; at < r->len; at += SUM_BLOCK_BYTES) {
		size_t n = r->len - at < SUM_BLOCK_BYTES ? r->len - at : SUM_BLOCK_BYTES;
		uint64_t block = (r->offset + at) / SUM_BLOCK_BYTES;
		sum_tags(w->tags, r->data + at, n, j->file.unit_bytes, j->o->keys);
		sum_leaf(leaf, block, w->tags, (size_t)pack_units(n, j->file.unit_bytes), j->o->keys);
		if (!fold_put(j->fold, block, leaf))
			return false;
	}
	return true;
}

/* ---- handing out and writing ---- */

/* A free buffer and the next region, taken together: the lowest open region always has a buffer. */
static struct region *take_region(struct job *j, uint32_t *number)
{
	struct region *r = NULL;
	pthread_mutex_lock(&j->lock);
	while (!j->failed && !j->free && j->next_region < j->zone->regions)
		pthread_cond_wait(&j->changed, &j->lock);
	if (!j->failed && j->next_region < j->zone->regions) {
		r = j->free;
		j->free = r->next;
		*number = j->next_region++;
		r->offset = region_offset(j, *number);
		r->len = region_len(j, *number);
		r->ready = false;
		r->next = NULL;
		*j->last = r;
		j->last = &r->next;
	}
	pthread_mutex_unlock(&j->lock);
	return r;
}

/* Write what is ready, in order; with `all` wait for every region of the zone. */
static int drain(struct job *j, bool all, struct err *err)
{
	int rc = 0;
	pthread_mutex_lock(&j->lock);
	while (rc == 0 && !j->failed && j->written < j->zone->regions) {
		struct region *w = j->first;
		if (!w || !w->ready) {
			if (!all)
				break;
			pthread_cond_wait(&j->changed, &j->lock);
			continue;
		}
		j->first = w->next;
		if (!j->first)
			j->last = &j->first;
		pthread_mutex_unlock(&j->lock);
		rc = j->o->write(j->o->arg, w->offset, w->data, w->len, err);
		meter_done(j->o->meter, w->len);
		pthread_mutex_lock(&j->lock);
		j->written++;
		w->next = j->free;
		j->free = w;
		pthread_cond_broadcast(&j->changed);
	}
	pthread_mutex_unlock(&j->lock);
	return rc;
}

static void *write_regions(void *arg)
{
	struct job *j = arg;
	struct err err = { 0 };
	if (drain(j, true, &err) != 0)
		fail(j, &err);
	return NULL;
}

static int put_region(struct job *j, struct region *r, struct err *err)
{
	pthread_mutex_lock(&j->lock);
	r->ready = true;
	pthread_cond_broadcast(&j->changed);
	pthread_mutex_unlock(&j->lock);
	return j->has_writer ? 0 : drain(j, false, err);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct err err = { 0 };
	struct region *r;
	uint32_t number;
	while ((r = take_region(w->job, &number))) {
		if (meter_check(w->job->o->meter, &err) != 0 || fill_region(w, number, r, &err) != 0 ||
		    !sum_region(w, r) || put_region(w->job, r, &err) != 0) {
			if (err.code != ERR_NONE)
				fail(w->job, &err);
			break;
		}
	}
	return NULL;
}

/* ---- a zone ---- */

struct need { uint32_t pack, first, last; uint64_t units; };

static int by_first(const void *a, const void *b)
{
	const struct need *x = a, *y = b;
	return (x->first > y->first) - (x->first < y->first);
}

/* Packs whose units lie close together are read whole, in the order in which they are met. */
static int announce(struct job *j, struct err *err)
{
	const struct zone *z = j->zone;
	uint32_t per = zone_region_units(&j->file), n = 0, packs = j->o->n_packs;
	struct need *needs = calloc(packs + 1u, sizeof *needs);
	uint32_t *order = calloc(packs + 1u, sizeof *order);
	uint64_t *units = calloc(packs + 1u, sizeof *units);
	int rc = needs && order && units ? 0 : err_no_memory(err);
	for (uint32_t i = 0; rc == 0 && i < z->n_extents; i++) {
		const struct zone_extent *e = &z->extents[i];
		if (e->pack == UINT32_MAX || is_kept(j, e->unit / per))
			continue;
		struct need *need = &needs[e->pack];
		if (need->units == 0)
			need->first = e->unit / per;
		need->pack = e->pack;
		need->last = e->unit / per;
		need->units += e->count;
	}
	if (rc == 0)
		qsort(needs, packs, sizeof *needs, by_first);
	for (uint32_t i = 0; rc == 0 && i < packs; i++)
		if (needs[i].units && needs[i].last - needs[i].first < SPAN_MAX) {
			order[n] = needs[i].pack;
			units[n++] = needs[i].units;
		}
	if (rc == 0)
		rc = fetch_plan(j->o->fetch, order, units, n, err);
	free(needs);
	free(order);
	free(units);
	return rc;
}

static void worker_end(struct worker *w)
{
	fetch_worker_free(w->tools);
	free(w->tags);
}

static int worker_begin(struct worker *w, struct job *j, struct err *err)
{
	w->job = j;
	w->tools = fetch_worker_new(err);
	w->tags = malloc((SUM_BLOCK_BYTES / j->file.unit_bytes + 1u) * (size_t)SUM_TAG_BYTES);
	if (!w->tools || !w->tags)
		return err_no_memory(err);
	return 0;
}

static int run_workers(struct job *j, struct worker *workers, unsigned n, struct err *err)
{
	unsigned started = 1;
	j->has_writer = n > 1 && pthread_create(&j->writer, NULL, write_regions, j) == 0;
	for (; started < n; started++)
		if (pthread_create(&workers[started].thread, NULL, work, &workers[started]) != 0)
			break;
	work(&workers[0]);
	for (unsigned i = 1; i < started; i++)
		pthread_join(workers[i].thread, NULL);
	if (j->has_writer)
		pthread_join(j->writer, NULL);
	if (j->failed)
		*err = j->why;
	return j->failed ? err->code : 0;
}

static int restore_zone(struct job *j, uint64_t first, uint64_t units, struct err *err)
{
	struct worker workers[WORKERS_MAX] = { 0 };
	unsigned n = j->o->workers < WORKERS_MAX ? j->o->workers : WORKERS_MAX;
	j->zone = zone_plan(&j->file, first, units, j->o->fetch, err);
	if (!j->zone)
		return err->code;
	if (n > j->zone->regions)
		n = j->zone->regions;
	int rc = announce(j, err);
	j->next_region = j->written = 0;
	for (unsigned i = 0; i < n && rc == 0; i++)
		rc = worker_begin(&workers[i], j, err);
	if (rc == 0)
		rc = run_workers(j, workers, n, err);
	for (unsigned i = 0; i < n; i++)
		worker_end(&workers[i]);
	zone_free(j->zone);
	j->zone = NULL;
	return rc;
}

/* ---- the file ---- */

static unsigned buffers_wanted(const struct restore_page_options *o)
{
	uint64_t regions = o->file->length / REGION + 1;
	unsigned n = (o->workers < WORKERS_MAX ? o->workers : WORKERS_MAX) + SPARE;
	return regions < n ? (unsigned)regions : n;
}

static int make_buffers(struct job *j, struct region *regions, unsigned n, struct err *err)
{
	for (unsigned i = 0; i < n; i++) {
		regions[i].data = aligned_alloc(4096, REGION);
		if (!regions[i].data)
			return err_no_memory(err);
		regions[i].next = j->free;
		j->free = &regions[i];
	}
	return 0;
}

static int restore_zones(struct job *j, struct err *err)
{
	uint64_t units = pack_units(j->file.length, j->file.unit_bytes);
	for (uint64_t first = 0; first < units; first += ZONE_UNITS_MAX) {
		uint64_t n = units - first < ZONE_UNITS_MAX ? units - first : ZONE_UNITS_MAX;
		if (restore_zone(j, first, n, err) != 0)
			return err->code;
	}
	uint8_t sum[SUM_BYTES];
	if (!j->o->keys)
		return 0;
	fold_end(j->fold, j->file.length, sum);
	if (memcmp(sum, j->o->file->sum, SUM_BYTES) != 0)
		return err_set(err, ERR_CORRUPT, "does not have the sum that its snapshot recorded");
	return 0;
}

int restore_page_file(const struct restore_page_options *o, struct err *err)
{
	struct region regions[WORKERS_MAX + SPARE] = { 0 };
	const struct body_file *b = o->file;
	struct job j = { .o = o, .file = { .number = b->number, .page_bytes = b->page_bytes,
	                                   .unit_bytes = b->unit_bytes, .length = b->length,
	                                   .n_packs = o->n_packs,
	                                   .fill_missing = o->fill_missing } };
	unsigned n = buffers_wanted(o);
	AUTO(fold) fold = fold_new(err);
	AUTO(frames) frames = frames_new(o->fetch, FRAMES_MAX, err);
	if (!fold || !frames)
		return err->code;
	j.fold = fold;
	j.frames = frames;
	j.last = &j.first;
	pthread_mutex_init(&j.lock, NULL);
	pthread_cond_init(&j.changed, NULL);
	if (o->keys)
		fold_begin(fold, b->number, b->page_bytes, b->unit_bytes, o->keys);
	int rc = make_buffers(&j, regions, n, err);
	if (rc == 0)
		rc = restore_zones(&j, err);
	for (unsigned i = 0; i < n; i++)
		free(regions[i].data);
	free(j.file.ranges);
	pthread_mutex_destroy(&j.lock);
	pthread_cond_destroy(&j.changed);
	return rc == 0 ? 0 : err_wrap(err, "file '%.200s'", b->path);
}
