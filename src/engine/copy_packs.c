/* Packs, the bulk of a copy: several at once, each verified by the hash that is its name. */
#include <stdlib.h>
#include <sys/mman.h>

#include "engine/copying.h"
#include "engine/fetch.h"
#include "engine/objects.h"
#include "format/names.h"
#include "format/pack.h"
#include "holdfast/backend.h"

struct copy_work {
	struct copying *c;
	const struct store_info *store;
	struct copy_pack *packs;
	size_t n;
	const struct objects *target;
	struct fetch *fetch;                 /* over all packs, in their order */
	pthread_mutex_t lock;
	size_t next;
	struct err failed;                   /* what ends the whole copy */
};

/* One thread's. The pages that are touched count, not what is mapped. */
struct copy_memory {
	uint8_t *bytes;
	size_t held;
};

static int memory_grow(struct copying *c, struct copy_memory *m, size_t wanted, struct err *err)
{
	if (!m->bytes) {
		void *mapped = mmap(NULL, PACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		                    -1, 0);
		if (mapped == MAP_FAILED)
			return err_no_memory(err);
		m->bytes = mapped;
	}
	if (wanted <= m->held)
		return 0;
	madvise(m->bytes, PACK_BYTES, MADV_DONTNEED);
	copying_give_room(c, m->held);
	m->held = copying_take_room(c, wanted);
	return 0;
}

static void memory_drop(struct copying *c, struct copy_memory *m)
{
	if (m->bytes)
		munmap(m->bytes, PACK_BYTES);
	copying_give_room(c, m->held);
}

static int copy_one(struct copy_work *w, size_t i, struct copy_memory *m, struct err *err)
{
	struct copy_pack *p = &w->packs[i];
	char name[NAMES_MAX];
	names_pack(name, w->store->writer, w->store->store, p->pack.id);
	if (copying_check(w->c, err) != 0 || memory_grow(w->c, m, p->pack.size, err) != 0)
		return err->code;
	if (!w->c->all->options->dry_run && fetch_verify(w->fetch, (uint32_t)i, m->bytes, err) != 0)
		return copying_problem(w->c, err);
	/* one of another length is no pack of this name: nothing is lost with it */
	bool replace = objects_find(w->target, name) != NULL;
	if (copying_put(w->c, name, m->bytes, p->pack.size, replace, err) != 0)
		return err->code;
	p->there = true;
	meter_done(&w->c->meter, p->pack.size);
	return 0;
}

/* Of those that are missing; n when there is no more. */
static size_t next_pack(struct copy_work *w)
{
	pthread_mutex_lock(&w->lock);
	while (w->next < w->n && w->packs[w->next].there)
		w->next++;
	size_t i = w->failed.code == ERR_NONE && w->next < w->n ? w->next++ : w->n;
	pthread_mutex_unlock(&w->lock);
	return i;
}

static void *work(void *arg)
{
	struct copy_work *w = arg;
	struct copy_memory m = { .held = 0 };
	struct err err = { 0 };
	int rc = 0;
	for (size_t i; rc == 0 && (i = next_pack(w)) < w->n;)
		rc = copy_one(w, i, &m, &err);
	memory_drop(w->c, &m);
	pthread_mutex_lock(&w->lock);
	if (rc != 0 && w->failed.code == ERR_NONE)
		w->failed = err;
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static size_t count_missing(const struct copy_work *w)
{
	size_t missing = 0;
	uint64_t bytes = 0;
	for (size_t i = 0; i < w->n; i++) {
		missing += !w->packs[i].there;
		bytes += w->packs[i].there ? 0 : w->packs[i].pack.size;
	}
	meter_phase(&w->c->meter, "copying", bytes);
	return missing;
}

/* All stores of a copy draw helpers from one number. */
static size_t borrow_helpers(struct copying_common *all, size_t wanted)
{
	pthread_mutex_lock(&all->lock);
	size_t n = wanted < all->helpers ? wanted : all->helpers;
	all->helpers -= n;
	pthread_mutex_unlock(&all->lock);
	return n;
}

static void return_helpers(struct copying_common *all, size_t n)
{
	pthread_mutex_lock(&all->lock);
	all->helpers += n;
	pthread_mutex_unlock(&all->lock);
}

/* This thread is one of those that work. */
static void work_together(struct copy_work *w, size_t missing)
{
	pthread_t threads[COPYING_THREADS_MAX];
	size_t n = 0, helpers = borrow_helpers(w->c->all, missing - 1);
	while (n < helpers && pthread_create(&threads[n], NULL, work, w) == 0)
		n++;
	work(w);
	while (n > 0)
		pthread_join(threads[--n], NULL);
	return_helpers(w->c->all, helpers);
}

static int run(struct copy_work *w, size_t missing, struct err *err)
{
	struct copying *c = w->c;
	struct head_pack *list = calloc(w->n, sizeof *list);
	if (!list)
		return err_no_memory(err);
	for (size_t i = 0; i < w->n; i++)
		list[i] = w->packs[i].pack;
	w->fetch = fetch_new(c->all->from, NULL, w->store->writer, w->store->store, list, (uint32_t)w->n,
	                     NULL, err);
	if (w->fetch)
		work_together(w, missing);
	else
		w->failed = *err;
	fetch_free(w->fetch);
	free(list);
	if (w->failed.code != ERR_NONE)
		*err = w->failed;
	return w->failed.code;
}

int copy_packs(struct copying *c, const struct store_info *store, struct copy_pack *packs, size_t n,
               const struct objects *target, struct err *err)
{
	struct copy_work w = { .c = c, .store = store, .packs = packs, .n = n, .target = target };
	size_t missing = count_missing(&w);
	if (missing == 0)
		return 0;
	pthread_mutex_init(&w.lock, NULL);
	int rc = run(&w, missing, err);
	pthread_mutex_destroy(&w.lock);
	return rc;
}
