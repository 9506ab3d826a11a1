/* Packs, the bulk of a copy: several at once, each verified by the hash that is its name. */
#include <stdlib.h>
#include <sys/mman.h>

#include "engine/copying.h"
#include "engine/fetch.h"
#include "engine/objects.h"
#include "format/names.h"
#include "format/pack.h"
#include "holdfast/backend.h"

enum { THREADS_MAX = 8, THREADS_DEFAULT = 4 };

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

static int copy_one(struct copy_work *w, size_t i, uint8_t *memory, struct err *err)
{
	struct copy_pack *p = &w->packs[i];
	char name[NAMES_MAX];
	names_pack(name, w->store->writer, w->store->store, p->pack.id);
	if (meter_check(&w->c->meter, err) != 0)
		return err->code;
	if (!w->c->options->dry_run && fetch_verify(w->fetch, (uint32_t)i, memory, err) != 0)
		return copying_problem(w->c, err);
	/* one of another length is no pack of this name: nothing is lost with it */
	bool replace = objects_find(w->target, name) != NULL;
	if (copying_put(w->c, name, memory, p->pack.size, replace, err) != 0)
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
	struct err err = { 0 };
	int rc = 0;
	void *memory = mmap(NULL, PACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		rc = err_set(&err, ERR_NOMEM, "out of memory");
	for (size_t i; rc == 0 && (i = next_pack(w)) < w->n;)
		rc = copy_one(w, i, memory, &err);
	if (memory != MAP_FAILED)
		munmap(memory, PACK_BYTES);
	pthread_mutex_lock(&w->lock);
	if (rc != 0 && w->failed.code == ERR_NONE)
		w->failed = err;
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static size_t threads_wanted(const struct copy_work *w)
{
	size_t missing = 0, n = w->c->to->connections ? w->c->to->connections : THREADS_DEFAULT;
	uint64_t bytes = 0;
	for (size_t i = 0; i < w->n; i++) {
		missing += !w->packs[i].there;
		bytes += w->packs[i].there ? 0 : w->packs[i].pack.size;
	}
	meter_phase(&w->c->meter, "copying", bytes);
	n = n < THREADS_MAX ? n : THREADS_MAX;
	return n < missing ? n : missing;
}

static int run(struct copy_work *w, struct err *err)
{
	pthread_t threads[THREADS_MAX];
	size_t wanted = threads_wanted(w), n = 0;
	/* this thread is one of them */
	while (n + 1 < wanted && pthread_create(&threads[n], NULL, work, w) == 0)
		n++;
	if (wanted > 0)
		work(w);
	while (n > 0)
		pthread_join(threads[--n], NULL);
	if (w->failed.code == ERR_NONE)
		return 0;
	*err = w->failed;
	return err->code;
}

int copy_packs(struct copying *c, const struct store_info *store, struct copy_pack *packs, size_t n,
               const struct objects *target, struct err *err)
{
	struct copy_work w = { .c = c, .store = store, .packs = packs, .n = n, .target = target };
	struct head_pack *list = calloc(n + 1, sizeof *list);
	if (!list)
		return err_set(err, ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < n; i++)
		list[i] = packs[i].pack;
	w.fetch = fetch_new(c->from, NULL, store->writer, store->store, list, (uint32_t)n, NULL, err);
	pthread_mutex_init(&w.lock, NULL);
	int rc = w.fetch ? run(&w, err) : err->code;
	pthread_mutex_destroy(&w.lock);
	fetch_free(w.fetch);
	free(list);
	return rc;
}
