#include "engine/frames.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/fetch.h"
#include "holdfast/err.h"

struct cell {
	struct frames_entry entry;      /* first: an entry is its cell */
	uint32_t pack, frame;
	enum { EMPTY, DECODING, READY } state;
	unsigned users;
	uint64_t used;
};

struct frames {
	struct fetch *fetch;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t clock;
	uint32_t n;
	struct cell *cells;
};

struct frames *frames_new(struct fetch *fetch, uint32_t n, struct err *err)
{
	struct frames *f = calloc(1, sizeof *f);
	if (f)
		f->cells = calloc(n, sizeof *f->cells);
	if (!f || !f->cells) {
		free(f);
		err_no_memory(err);
		return NULL;
	}
	f->fetch = fetch;
	f->n = n;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->changed, NULL);
	return f;
}

void frames_free(struct frames *f)
{
	if (!f)
		return;
	for (uint32_t i = 0; i < f->n; i++) {
		if (f->cells[i].entry.plain)
			explicit_bzero(f->cells[i].entry.plain, PACK_FRAME_PLAIN_MAX);
		free(f->cells[i].entry.plain);
	}
	pthread_mutex_destroy(&f->lock);
	pthread_cond_destroy(&f->changed);
	free(f->cells);
	free(f);
}

/* The frame's cell, or the unused one that was used longest ago, or NULL. */
static struct cell *find(struct frames *f, uint32_t pack, uint32_t frame)
{
	struct cell *best = NULL;
	for (uint32_t i = 0; i < f->n; i++) {
		struct cell *c = &f->cells[i];
		if (c->state != EMPTY && c->pack == pack && c->frame == frame)
			return c;
		if (c->users == 0 && (!best || c->used < best->used))
			best = c;
	}
	return best;
}

static int decode(struct frames *f, struct cell *c, struct fetch_worker *w, struct err *err)
{
	uint8_t *plain = c->entry.plain ? c->entry.plain : malloc(PACK_FRAME_PLAIN_MAX);
	uint32_t len = 0;
	int rc = plain ? fetch_frame(f->fetch, c->pack, c->frame, plain, &len, w, err)
	               : err_no_memory(err);
	pthread_mutex_lock(&f->lock);
	c->entry = (struct frames_entry){ plain, len };
	c->state = rc == 0 ? READY : EMPTY;
	c->users -= rc != 0;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
	return rc;
}

const struct frames_entry *frames_get(struct frames *f, uint32_t pack, uint32_t frame,
                                      struct fetch_worker *w, struct err *err)
{
	pthread_mutex_lock(&f->lock);
	for (;;) {
		struct cell *c = find(f, pack, frame);
		bool mine = c && c->state != EMPTY && c->pack == pack && c->frame == frame;
		if (!c || (mine && c->state == DECODING)) {
			pthread_cond_wait(&f->changed, &f->lock);
			continue;
		}
		c->used = ++f->clock;
		c->users++;
		if (!mine) {
			c->pack = pack;
			c->frame = frame;
			c->state = DECODING;
		}
		pthread_mutex_unlock(&f->lock);
		return mine || decode(f, c, w, err) == 0 ? &c->entry : NULL;
	}
}

void frames_put(struct frames *f, const struct frames_entry *entry)
{
	pthread_mutex_lock(&f->lock);
	for (uint32_t i = 0; i < f->n; i++)
		if (&f->cells[i].entry == entry && --f->cells[i].users == 0)
			pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}
