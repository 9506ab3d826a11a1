#include "engine/fold.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "holdfast/err.h"

enum { WINDOW = 1024 };   /* blocks that may be ahead: 256 MiB */

struct fold {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	struct sum_fold sum;
	uint64_t next;            /* the block to be folded next */
	bool stopped;
	bool there[WINDOW];
	uint8_t leaves[WINDOW][SUM_BYTES];
};

struct fold *fold_new(struct err *err)
{
	struct fold *f = calloc(1, sizeof *f);
	if (!f) {
		err_no_memory(err);
		return NULL;
	}
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->moved, NULL);
	return f;
}

void fold_free(struct fold *f)
{
	if (!f)
		return;
	pthread_mutex_destroy(&f->lock);
	pthread_cond_destroy(&f->moved);
	explicit_bzero(f, sizeof *f);
	free(f);
}

void fold_begin(struct fold *f, uint32_t file, uint32_t page_bytes, uint32_t unit_bytes,
                const struct sum_keys *keys)
{
	f->next = 0;
	f->stopped = false;
	memset(f->there, 0, sizeof f->there);
	sum_begin(&f->sum, file, page_bytes, unit_bytes, keys);
}

static void advance(struct fold *f)
{
	while (f->there[f->next % WINDOW]) {
		f->there[f->next % WINDOW] = false;
		sum_add(&f->sum, f->leaves[f->next % WINDOW]);
		f->next++;
	}
	pthread_cond_broadcast(&f->moved);
}

bool fold_put(struct fold *f, uint64_t block, const uint8_t leaf[SUM_BYTES])
{
	pthread_mutex_lock(&f->lock);
	while (!f->stopped && block >= f->next + WINDOW)
		pthread_cond_wait(&f->moved, &f->lock);
	bool go = !f->stopped;
	if (go) {
		memcpy(f->leaves[block % WINDOW], leaf, SUM_BYTES);
		f->there[block % WINDOW] = true;
		if (block == f->next)
			advance(f);
	}
	pthread_mutex_unlock(&f->lock);
	return go;
}

void fold_end(struct fold *f, uint64_t length, uint8_t sum[SUM_BYTES])
{
	sum_end(&f->sum, length, sum);
}

void fold_stop(struct fold *f)
{
	pthread_mutex_lock(&f->lock);
	f->stopped = true;
	pthread_cond_broadcast(&f->moved);
	pthread_mutex_unlock(&f->lock);
}
