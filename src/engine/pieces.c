#include "engine/pieces.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "holdfast/err.h"

enum { CELLS = 48 };

struct piece {
	uint32_t pack, number;
	enum { EMPTY, READING, READY, BROKEN } state;
	unsigned users;
	uint64_t used;
	size_t len;
	uint8_t *bytes;
	struct err err;
};

struct pieces {
	pieces_read *read;
	void *arg;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t clock;
	struct piece cells[CELLS];
};

struct pieces *pieces_new(pieces_read *read, void *arg, struct err *err)
{
	struct pieces *p = calloc(1, sizeof *p);
	if (!p) {
		err_no_memory(err);
		return NULL;
	}
	p->read = read;
	p->arg = arg;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	return p;
}

void pieces_free(struct pieces *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < CELLS; i++)
		if (p->cells[i].bytes)
			munmap(p->cells[i].bytes, PIECES_BYTES);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->changed);
	free(p);
}

/* page aligned, so that a driver may read straight into it */
static uint8_t *map_piece(struct err *err)
{
	void *m = mmap(NULL, PIECES_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m != MAP_FAILED)
		return m;
	err_no_memory(err);
	return NULL;
}

static struct piece *find_piece(struct pieces *all, uint32_t pack, uint32_t number)
{
	for (size_t i = 0; i < CELLS; i++)
		if (all->cells[i].state != EMPTY && all->cells[i].pack == pack &&
		    all->cells[i].number == number)
			return &all->cells[i];
	return NULL;
}

static struct piece *oldest_unused(struct pieces *all)
{
	struct piece *best = NULL;
	for (size_t i = 0; i < CELLS; i++) {
		struct piece *p = &all->cells[i];
		if (p->users == 0 && p->state != READING && (!best || p->used < best->used))
			best = p;
	}
	return best;
}

/* Called with the lock held; reads with the lock released. */
static void read_piece(struct pieces *all, struct piece *p)
{
	struct err err = { 0 };
	int rc = 0;
	size_t len = 0;
	pthread_mutex_unlock(&all->lock);
	if (!p->bytes)
		p->bytes = map_piece(&err);
	rc = p->bytes ? all->read(all->arg, p->pack, (uint64_t)p->number * PIECES_BYTES, p->bytes,
	                        PIECES_BYTES, &len, &err) : err.code;
	pthread_mutex_lock(&all->lock);
	p->len = len;
	p->err = err;
	p->state = rc == 0 ? READY : BROKEN;
	pthread_cond_broadcast(&all->changed);
}

static struct piece *pin_piece(struct pieces *all, uint32_t pack, uint32_t number)
{
	struct piece *p;
	pthread_mutex_lock(&all->lock);
	while (!(p = find_piece(all, pack, number)) && !(p = oldest_unused(all)))
		pthread_cond_wait(&all->changed, &all->lock);
	p->users++;
	p->used = ++all->clock;
	if (p->state == EMPTY || p->pack != pack || p->number != number || p->state == BROKEN) {
		p->pack = pack;
		p->number = number;
		p->state = READING;
		read_piece(all, p);
	}
	while (p->state == READING)
		pthread_cond_wait(&all->changed, &all->lock);
	pthread_mutex_unlock(&all->lock);
	return p;
}

static void unpin_piece(struct pieces *all, struct piece *p)
{
	pthread_mutex_lock(&all->lock);
	if (--p->users == 0)
		pthread_cond_broadcast(&all->changed);
	pthread_mutex_unlock(&all->lock);
}

int pieces_copy(struct pieces *all, uint32_t pack, uint32_t offset, uint32_t len, uint8_t *out,
                struct err *err)
{
	while (len > 0) {
		uint32_t number = offset / PIECES_BYTES, at = offset % PIECES_BYTES;
		uint32_t n = PIECES_BYTES - at < len ? PIECES_BYTES - at : len;
		struct piece *p = pin_piece(all, pack, number);
		int rc = 0;
		if (p->state == BROKEN) {
			*err = p->err;
			rc = err->code;
		} else if (p->len < at + n)
			rc = err_set(err, ERR_CORRUPT, "is shorter than its snapshot says");
		else
			memcpy(out, p->bytes + at, n);
		unpin_piece(all, p);
		if (rc != 0)
			return rc;
		offset += n;
		out += n;
		len -= n;
	}
	return 0;
}

void pieces_forget(struct pieces *all, uint32_t pack)
{
	pthread_mutex_lock(&all->lock);
	for (size_t i = 0; i < CELLS; i++) {
		struct piece *p = &all->cells[i];
		while (p->pack == pack && p->state == READING)
			pthread_cond_wait(&all->changed, &all->lock);
		/* who copies out of it just now goes on; nobody finds it any more */
		if (p->pack == pack && p->state != EMPTY)
			p->pack = UINT32_MAX;
	}
	pthread_mutex_unlock(&all->lock);
}
