#include "engine/scan.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engine/fold.h"
#include "engine/framer.h"
#include "engine/packer.h"
#include "engine/usage.h"
#include "holdfast/err.h"
#include "holdfast/source.h"
#include "vault/state.h"
#include "vault/tagfile.h"

enum { BLOCK = SUM_BLOCK_BYTES, WORKERS_MAX = 32 };

/* What all workers of one pass share. */
struct pass {
	const struct scan_options *o;
	pthread_mutex_t reading;
	uint64_t next_block, blocks;
	struct fold *sum, *known_sum;
	uint32_t per_block;            /* units */
	pthread_mutex_t failing;
	atomic_bool failed;
	struct err why;
};

struct worker {
	struct pass *pass;
	struct scan_result result;
	struct usage *known, *kept;
	struct framer *framer;
	uint8_t *block;                /* BLOCK bytes, aligned */
	uint8_t *tags, *record;        /* of the block: new; base (tags and packs) */
	/* changed units waiting to fill a frame */
	uint8_t *gathered, *gathered_tags;
	struct pack_run *runs;
	size_t len, n_tags, n_runs;
	pthread_t thread;
};

/* One block under work. */
struct block {
	uint64_t number;
	size_t len;
	uint32_t units, known;         /* units now; units that the base has here */
};

static void fail(struct pass *p, const struct err *err)
{
	pthread_mutex_lock(&p->failing);
	if (!p->failed)
		p->why = *err;
	p->failed = true;
	pthread_mutex_unlock(&p->failing);
	fold_stop(p->sum);
	fold_stop(p->known_sum);
	if (p->o->packer)
		packer_stop(p->o->packer, err);
}

static bool stopped(const struct pass *p, struct err *err)
{
	const struct progress *g = p->o->progress;
	if (!g || !g->stop || !*g->stop)
		return false;
	err_set(err, ERR_STOPPED, "interrupted");
	return true;
}

static uint32_t units_within(uint64_t length, uint64_t block, const struct pass *p)
{
	uint64_t units = pack_units(length, p->o->unit_bytes), at = block * p->per_block;
	if (units <= at)
		return 0;
	return units - at < p->per_block ? (uint32_t)(units - at) : p->per_block;
}

/* ---- reading ---- */

/* 1: a block was read; 0: no more. */
static int take_block(struct worker *w, struct block *b, struct err *err)
{
	struct pass *p = w->pass;
	pthread_mutex_lock(&p->reading);
	int rc = p->failed || stopped(p, err) ? ERR_STOPPED : p->next_block < p->blocks;
	if (rc == 1) {
		b->number = p->next_block++;
		uint64_t left = p->o->length - b->number * BLOCK;
		size_t want = left < BLOCK ? (size_t)left : BLOCK;
		int read = p->o->source->ops->read(p->o->source, w->block, BLOCK, &b->len, err);
		if (read == 0 && b->len != want)
			read = err_set(err, ERR_SOURCE, "ended at byte %llu of %llu",
			               (unsigned long long)(b->number * BLOCK + b->len),
			               (unsigned long long)p->o->length);
		if (read != 0)
			rc = read;
	}
	if (rc < 0 && !p->failed)
		fail(p, err);
	pthread_mutex_unlock(&p->reading);
	return rc;
}

/* ---- storing ---- */

static int put_frame(struct worker *w, const uint8_t *plain, size_t len,
                     const struct pack_run *runs, size_t n_runs, const uint8_t *tags,
                     size_t n_tags, struct err *err)
{
	struct framer_place place;
	if (!w->framer)
		return 0;
	return framer_put(w->framer, plain, len, runs, n_runs, tags, n_tags, &place, err);
}

static int flush_gathered(struct worker *w, struct err *err)
{
	if (w->len == 0)
		return 0;
	int rc = put_frame(w, w->gathered, w->len, w->runs, w->n_runs, w->gathered_tags, w->n_tags,
	                   err);
	w->len = w->n_tags = w->n_runs = 0;
	return rc;
}

static int gather(struct worker *w, const struct block *b, uint32_t unit, struct err *err)
{
	uint32_t size = w->pass->o->unit_bytes;
	size_t at = (size_t)unit * size, n = b->len - at < size ? b->len - at : size;
	if (w->len + n > PACK_FRAME_PLAIN_MAX && flush_gathered(w, err) != 0)
		return err->code;
	memcpy(w->gathered + w->len, w->block + at, n);
	memcpy(w->gathered_tags + w->n_tags * SUM_TAG_BYTES, w->tags + (size_t)unit * SUM_TAG_BYTES,
	       SUM_TAG_BYTES);
	w->len += n;
	w->n_tags++;

	uint64_t number = b->number * w->pass->per_block + unit;
	struct pack_run *last = w->n_runs ? &w->runs[w->n_runs - 1] : NULL;
	if (last && last->first + last->count == number)
		last->count++;
	else
		w->runs[w->n_runs++] = (struct pack_run){ w->pass->o->number, 1, number };
	return 0;
}

static bool is_zero(const uint8_t *p, size_t len)
{
	static const uint8_t zeros[64];
	if (len < sizeof zeros)
		return memcmp(p, zeros, len) == 0;
	return memcmp(p, zeros, sizeof zeros) == 0 && memcmp(p, p + sizeof zeros,
	                                                     len - sizeof zeros) == 0;
}

static bool unit_is_zero(const struct worker *w, const struct block *b, uint32_t unit)
{
	uint32_t size = w->pass->o->unit_bytes;
	size_t at = (size_t)unit * size;
	return is_zero(w->block + at, b->len - at < size ? b->len - at : size);
}

static int list_zeros(struct worker *w, const struct block *b, uint32_t from, uint32_t count,
                      struct err *err)
{
	const struct scan_options *o = w->pass->o;
	struct pack_run run = { o->number, count, b->number * w->pass->per_block + from };
	uint32_t serial;
	if (!o->packer)
		return 0;
	return packer_zeros(o->packer, &run, w->tags + (size_t)from * SUM_TAG_BYTES, &serial, err);
}

/* Units from..to-1 are to be stored: zero runs are listed, the rest is gathered. */
static int store_units(struct worker *w, const struct block *b, uint32_t from, uint32_t to,
                       struct err *err)
{
	while (from < to) {
		uint32_t end = from;
		while (end < to && unit_is_zero(w, b, end))
			end++;
		if (end > from) {
			if (list_zeros(w, b, from, end - from, err) != 0)
				return err->code;
			from = end;
		} else if (gather(w, b, from++, err) != 0)
			return err->code;
	}
	return 0;
}

static bool has_zero_unit(const struct worker *w, const struct block *b)
{
	for (uint32_t i = 0; i < b->units; i++)
		if (unit_is_zero(w, b, i))
			return true;
	return false;
}

/* A block that is new as a whole is a frame as it stands, so that it lies whole in one frame. */
static int store_block(struct worker *w, const struct block *b, struct err *err)
{
	if (has_zero_unit(w, b))
		return store_units(w, b, 0, b->units, err);
	struct pack_run run = { w->pass->o->number, b->units, b->number * w->pass->per_block };
	return put_frame(w, w->block, b->len, &run, 1, w->tags, b->units, err);
}

/* ---- comparing ---- */

static bool evacuated(const struct worker *w, uint32_t word)
{
	const bool *e = w->pass->o->evacuate;
	uint32_t index = (word & ~STATE_PACK_ZERO) - w->kept->first;
	return e && index < w->kept->n && e[index];
}

static size_t unit_bytes_at(const struct worker *w, const struct block *b, uint32_t unit)
{
	uint32_t size = w->pass->o->unit_bytes;
	size_t at = (size_t)unit * size;
	return b->len - at < size ? b->len - at : size;
}

enum fate { KEPT, CHANGED, EVACUATED };

static enum fate fate_of(struct worker *w, const struct block *b, uint32_t unit)
{
	uint32_t word = unit < b->known ? tagfile_pack(w->pass->o->arrays, w->record, unit) : 0;
	size_t at = (size_t)unit * SUM_TAG_BYTES;
	if (word == 0 || memcmp(w->tags + at, w->record + at, SUM_TAG_BYTES) != 0) {
		w->result.bytes_changed += unit_bytes_at(w, b, unit);
		w->result.changed_units++;
		return CHANGED;
	}
	if (evacuated(w, word)) {
		w->result.bytes_evacuated += unit_bytes_at(w, b, unit);
		return EVACUATED;
	}
	if (!usage_count(w->kept, word, 1))
		w->result.arrays_damaged = true;
	return KEPT;
}

/* Count which packs the base uses here, run by run. */
static void count_words(struct worker *w, struct usage *u, uint32_t units)
{
	for (uint32_t i = 0; i < units;) {
		uint32_t word = tagfile_pack(w->pass->o->arrays, w->record, i), end = i + 1;
		while (end < units && tagfile_pack(w->pass->o->arrays, w->record, end) == word)
			end++;
		if (word != 0 && !usage_count(u, word, end - i))
			w->result.arrays_damaged = true;
		i = end;
	}
}

static int compare_units(struct worker *w, const struct block *b, struct err *err)
{
	uint32_t stored = 0, start = 0;
	bool open = false;
	/* pass one decides, so that a block that changed as a whole can go as it is */
	static _Thread_local uint8_t fates[BLOCK / 256];
	for (uint32_t i = 0; i < b->units; i++) {
		fates[i] = (uint8_t)fate_of(w, b, i);
		stored += fates[i] != KEPT;
	}
	if (stored == b->units && b->len == BLOCK)
		return store_block(w, b, err);
	for (uint32_t i = 0; i <= b->units; i++) {
		bool wanted = i < b->units && fates[i] != KEPT;
		if (wanted && !open)
			start = i;
		if (!wanted && open && store_units(w, b, start, i, err) != 0)
			return err->code;
		open = wanted;
	}
	return 0;
}

static bool put_leaf(struct fold *f, uint64_t block, const uint8_t *tags, uint32_t n,
                     const struct sum_keys *keys, uint8_t leaf[SUM_BYTES])
{
	sum_leaf(leaf, block, tags, n, keys);
	return fold_put(f, block, leaf);
}

static int work_block(struct worker *w, struct block *b, struct err *err)
{
	const struct scan_options *o = w->pass->o;
	uint8_t leaf[SUM_BYTES];
	b->units = units_within(o->length, b->number, w->pass);
	b->known = o->arrays ? units_within(o->known_length, b->number, w->pass) : 0;
	sum_tags(w->tags, w->block, b->len, o->unit_bytes, o->keys);
	if (b->known && tagfile_read(o->arrays, b->number, w->record, err) != 0)
		return err->code;
	if (b->known)
		count_words(w, w->known, b->known);

	bool same = b->known == b->units && !o->evacuate &&
	            memcmp(w->tags, w->record, (size_t)b->units * SUM_TAG_BYTES) == 0 &&
	            tagfile_pack(o->arrays, w->record, 0) != 0;
	int rc = 0;
	if (same && !w->result.arrays_damaged && o->known_length == o->length)
		count_words(w, w->kept, b->units);
	else
		rc = compare_units(w, b, err);
	if (rc != 0)
		return rc;
	if (!put_leaf(w->pass->sum, b->number, w->tags, b->units, o->keys, leaf))
		return err_set(err, ERR_STOPPED, "stopped");
	if (b->known && !(same ? fold_put(w->pass->known_sum, b->number, leaf)
	                       : put_leaf(w->pass->known_sum, b->number, w->record, b->known, o->keys,
	                                  leaf)))
		return err_set(err, ERR_STOPPED, "stopped");
	w->result.bytes_read += b->len;
	w->result.units += b->units;
	if (o->advanced)
		o->advanced(o->arg, b->len);
	return 0;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct err err = { 0 };
	struct block b;
	int rc;
	while ((rc = take_block(w, &b, &err)) == 1)
		if ((rc = work_block(w, &b, &err)) != 0)
			break;
	if (rc == 0)
		rc = flush_gathered(w, &err);
	if (rc != 0 && rc != ERR_STOPPED)
		fail(w->pass, &err);
	return NULL;
}

/* ---- the pass ---- */

static void worker_end(struct worker *w)
{
	usage_free(w->known);
	usage_free(w->kept);
	framer_free(w->framer);
	free(w->block);
	free(w->tags);
	free(w->record);
	if (w->gathered)
		explicit_bzero(w->gathered, PACK_FRAME_PLAIN_MAX);
	free(w->gathered);
	free(w->gathered_tags);
	free(w->runs);
}

static int worker_begin(struct worker *w, struct pass *p, struct err *err)
{
	const struct scan_options *o = p->o;
	size_t units = PACK_FRAME_PLAIN_MAX / o->unit_bytes + 1;
	w->pass = p;
	w->known = usage_new(o->known->first, o->known->first + o->known->n, err);
	w->kept = usage_new(o->kept->first, o->kept->first + o->kept->n, err);
	if (!w->known || !w->kept)
		return err->code;
	if (o->packer && !(w->framer = framer_new(o->packer, o->level, o->check_every, err)))
		return err->code;
	w->block = aligned_alloc(4096, BLOCK);
	w->tags = malloc(units * SUM_TAG_BYTES);
	w->record = calloc(p->per_block, SUM_TAG_BYTES + 4);
	w->gathered = malloc(PACK_FRAME_PLAIN_MAX);
	w->gathered_tags = malloc(units * SUM_TAG_BYTES);
	w->runs = malloc(units * sizeof *w->runs);
	if (!w->block || !w->tags || !w->record || !w->gathered || !w->gathered_tags || !w->runs)
		return err_no_memory(err);
	return 0;
}

static void add_result(struct scan_result *to, const struct worker *w, const struct scan_options *o)
{
	to->arrays_damaged |= w->result.arrays_damaged;
	to->bytes_read += w->result.bytes_read;
	to->bytes_changed += w->result.bytes_changed;
	to->bytes_evacuated += w->result.bytes_evacuated;
	to->units += w->result.units;
	to->changed_units += w->result.changed_units;
	usage_add(o->known, w->known);
	usage_add(o->kept, w->kept);
}

/* Blocks that the base has and the file has no more still belong to the base's sum. */
static int read_rest(struct worker *w, struct err *err)
{
	struct pass *p = w->pass;
	uint8_t leaf[SUM_BYTES];
	if (!p->o->arrays)
		return 0;
	for (uint64_t b = p->blocks; units_within(p->o->known_length, b, p) > 0; b++) {
		uint32_t known = units_within(p->o->known_length, b, p);
		if (tagfile_read(p->o->arrays, b, w->record, err) != 0)
			return err->code;
		count_words(w, w->known, known);
		put_leaf(p->known_sum, b, w->record, known, p->o->keys, leaf);
	}
	return 0;
}

/* The first worker runs in the caller's thread: a small file makes no thread at all. */
static int run_workers(struct pass *p, struct worker *workers, unsigned n, struct err *err)
{
	unsigned started = 1;
	for (; started < n; started++)
		if (pthread_create(&workers[started].thread, NULL, work, &workers[started]) != 0)
			break;
	work(&workers[0]);
	for (unsigned i = 1; i < started; i++)
		pthread_join(workers[i].thread, NULL);
	if (!p->failed)
		return read_rest(&workers[0], err);
	*err = p->why;
	return err->code;
}

static int run_pass(struct pass *p, struct scan_result *result, struct err *err)
{
	const struct scan_options *o = p->o;
	struct worker workers[WORKERS_MAX] = { 0 };
	unsigned n = o->workers < WORKERS_MAX ? o->workers : WORKERS_MAX;
	if (n > p->blocks)
		n = (unsigned)p->blocks;
	if (n == 0)
		n = 1;
	int rc = 0;
	for (unsigned i = 0; i < n && rc == 0; i++)
		rc = worker_begin(&workers[i], p, err);
	if (rc == 0)
		rc = run_workers(p, workers, n, err);
	for (unsigned i = 0; i < n; i++) {
		if (rc == 0)
			add_result(result, &workers[i], o);
		worker_end(&workers[i]);
	}
	return rc;
}

int scan_file(const struct scan_options *o, struct scan_result *result, struct err *err)
{
	struct pass p = { .o = o, .per_block = BLOCK / o->unit_bytes,
	                  .blocks = pack_units(o->length, BLOCK) };
	AUTO(fold) sum = fold_new(err);
	AUTO(fold) known_sum = fold_new(err);
	if (!sum || !known_sum)
		return err->code;
	p.sum = sum;
	p.known_sum = known_sum;
	fold_begin(sum, o->number, o->page_bytes, o->unit_bytes, o->keys);
	fold_begin(known_sum, o->number, o->page_bytes, o->unit_bytes, o->keys);
	pthread_mutex_init(&p.reading, NULL);
	pthread_mutex_init(&p.failing, NULL);
	memset(result, 0, sizeof *result);
	int rc = run_pass(&p, result, err);
	if (rc == 0) {
		fold_end(sum, o->length, result->sum);
		fold_end(known_sum, o->known_length, result->known_sum);
	}
	pthread_mutex_destroy(&p.reading);
	pthread_mutex_destroy(&p.failing);
	return rc;
}
