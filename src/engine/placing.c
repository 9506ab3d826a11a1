#include "engine/placing.h"

#include <stdlib.h>
#include <string.h>

#include "engine/framer.h"
#include "engine/packuse.h"
#include "holdfast/err.h"
#include "vault/chunkindex.h"

enum { BUCKETS = 4096, ID_BYTES = CHUNKINDEX_ID_BYTES };

struct waiter {
	struct waiter *next;
	struct placing_file *file;
	uint32_t slot;
};

struct placing {
	struct chunkindex *index;
	struct packuse *packs;
	placing_file_placed *placed;
	void *arg;
	struct placing_pending *pending[BUCKETS];
	size_t waiting;
	uint64_t changed, evacuated;
};

struct placing *placing_new(struct chunkindex *index, struct packuse *packs, placing_file_placed *placed,
                            void *arg, struct err *err)
{
	struct placing *p = calloc(1, sizeof *p);
	if (!p) {
		err_no_memory(err);
		return NULL;
	}
	p->index = index;
	p->packs = packs;
	p->placed = placed;
	p->arg = arg;
	return p;
}

/* ---- files ---- */

int placing_closed(struct placing *p, struct placing_file *f, struct err *err)
{
	return f->closed && f->placed == f->n ? p->placed(p->arg, f, err) : 0;
}

static int fill(struct placing *p, struct placing_file *f, uint32_t slot, const struct extent *e,
                struct err *err)
{
	f->extents[slot] = *e;
	f->placed++;
	return placing_closed(p, f, err);
}

/* ---- pending chunks ---- */

static uint32_t bucket_of(const uint8_t id[ID_BYTES])
{
	uint32_t n;
	memcpy(&n, id, sizeof n);
	return n % BUCKETS;
}

static struct placing_pending *find_pending(const struct placing *p, const uint8_t id[ID_BYTES])
{
	struct placing_pending *one = p->pending[bucket_of(id)];
	while (one && memcmp(one->id, id, ID_BYTES) != 0)
		one = one->next;
	return one;
}

static int await(struct placing *p, struct placing_pending *one, const struct placing_chunk *c,
                 struct err *err)
{
	struct waiter *w = malloc(sizeof *w);
	if (!w)
		return err_no_memory(err);
	*w = (struct waiter){ one->waiters, c->file, c->slot };
	one->waiters = w;
	p->waiting++;
	return 0;
}

static struct placing_pending *add_pending(struct placing *p, const struct placing_chunk *c,
                                           struct err *err)
{
	struct placing_pending *one = calloc(1, sizeof *one), **bucket = &p->pending[bucket_of(c->id)];
	if (!one) {
		err_no_memory(err);
		return NULL;
	}
	memcpy(one->id, c->id, ID_BYTES);
	one->length = c->length;
	one->next = *bucket;
	*bucket = one;
	return one;
}

static void drop_pending(struct placing *p, struct placing_pending *one)
{
	struct placing_pending **at = &p->pending[bucket_of(one->id)];
	while (*at != one)
		at = &(*at)->next;
	*at = one->next;
	while (one->waiters) {
		struct waiter *w = one->waiters;
		one->waiters = w->next;
		p->waiting--;
		free(w);
	}
	free(one);
}

void placing_free(struct placing *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while (p->pending[i])
			drop_pending(p, p->pending[i]);
	free(p);
}

/* ---- places ---- */

/* 1: stored, and to stay there; 0: to be stored by this run. */
static int find_stored(struct placing *p, const struct placing_chunk *c, struct extent *e, struct err *err)
{
	int rc = chunkindex_chunk(p->index, c->id, e, err);
	if (rc < 0)
		return rc;
	const struct packuse_pack *pack = rc ? packuse_find(p->packs, e->serial) : NULL;
	bool known = pack && e->length == c->length;
	if (known && !pack->evacuate)
		return 1;
	*(known ? &p->evacuated : &p->changed) += c->length;
	return 0;
}

int placing_look_up(struct placing *p, const struct placing_chunk *c, struct placing_pending **to_store,
                    struct err *err)
{
	struct extent e = { .length = c->length };
	*to_store = NULL;
	if (c->zero)
		return fill(p, c->file, c->slot, &e, err);
	struct placing_pending *one = find_pending(p, c->id);
	if (one)
		return await(p, one, c, err);
	int rc = find_stored(p, c, &e, err);
	if (rc != 0)
		return rc < 0 ? rc : fill(p, c->file, c->slot, &e, err);
	one = add_pending(p, c, err);
	if (!one || await(p, one, c, err) != 0)
		return err->code;
	*to_store = one;
	return 0;
}

int placing_done(struct placing *p, struct placing_pending *pending, const struct framer_place *frame,
                 struct err *err)
{
	struct packuse_pack *pack = packuse_add(p->packs, frame->serial, err);
	if (!pack)
		return err->code;
	struct extent e = { frame->serial, frame->frame, pending->offset, pending->length, pack->chunks++ };
	if (chunkindex_put_chunk(p->index, pending->id, &e, err) != 0)
		return err->code;
	int rc = 0;
	for (struct waiter *w = pending->waiters; w && rc == 0; w = w->next)
		rc = fill(p, w->file, w->slot, &e, err);
	drop_pending(p, pending);
	return rc;
}

/* ---- numbers ---- */

size_t placing_waiting(const struct placing *p) { return p->waiting; }

void placing_counts(const struct placing *p, uint64_t *changed, uint64_t *evacuated)
{
	*changed = p->changed;
	*evacuated = p->evacuated;
}
