#include "vault/inventory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "format/names.h"
#include "holdfast/err.h"
#include "vault/storage.h"
#include "vault/vault.h"

enum {
	VALID_S = 3600,
	DOOMED_VALID_S = 600,    /* its age adds to that of a listing that is built on it */
};

/* ---- doom marks ---- */

struct doomed {
	pthread_mutex_t lock;
	uint8_t (*ids)[32];      /* sorted */
	size_t n, cap;
	bool listed;
	uint64_t listed_s;
};

struct doomed *doomed_new(struct err *err)
{
	struct doomed *d = calloc(1, sizeof *d);
	if (!d) {
		err_no_memory(err);
		return NULL;
	}
	pthread_mutex_init(&d->lock, NULL);
	return d;
}

void doomed_free(struct doomed *d)
{
	if (!d)
		return;
	pthread_mutex_destroy(&d->lock);
	free(d->ids);
	free(d);
}

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, 32);   /* of packs too the id is the first member */
}

static int add_doomed(void *arg, const struct backend_object *o, struct err *err)
{
	struct doomed *d = arg;
	if (d->n == d->cap) {
		size_t cap = d->cap ? d->cap * 2 : 64;
		uint8_t (*ids)[32] = realloc(d->ids, cap * sizeof *ids);
		if (!ids)
			return err_no_memory(err);
		d->ids = ids;
		d->cap = cap;
	}
	d->n += names_tail_id(o->name, d->ids[d->n], 32);
	return 0;
}

static int list_doomed(struct doomed *d, const struct vault *v, const uint8_t writer[16],
                       struct err *err)
{
	char prefix[NAMES_MAX];
	uint64_t now = clock_boot_s();
	if (d->listed && now - d->listed_s < DOOMED_VALID_S)
		return 0;
	d->n = 0;
	d->listed = false;
	d->listed_s = now;
	if (storage_list(vault_storage(v), names_doomed(prefix, writer), add_doomed, d, err) != 0)
		return err->code;
	if (d->n)
		qsort(d->ids, d->n, sizeof *d->ids, by_id);
	d->listed = true;
	return 0;
}

static int mark_doomed(struct inventory *i, struct doomed *d, const struct vault *v,
                       const uint8_t writer[16], struct err *err)
{
	pthread_mutex_lock(&d->lock);
	int rc = list_doomed(d, v, writer, err);
	for (size_t k = 0; rc == 0 && k < i->n; k++)
		i->packs[k].doomed = d->n && bsearch(i->packs[k].id, d->ids, d->n, 32, by_id);
	if (d->listed_s < i->listed_s)
		i->listed_s = d->listed_s;
	pthread_mutex_unlock(&d->lock);
	return rc;
}

/* ---- a store ---- */

struct listing {
	struct inventory *to;
	char packs[NAMES_MAX], snapshots[NAMES_MAX];
};

static int add_pack(struct inventory *i, const struct backend_object *o, struct err *err)
{
	if (i->n == i->cap) {
		size_t cap = i->cap ? i->cap * 2 : 64;
		struct inventory_pack *packs = realloc(i->packs, cap * sizeof *packs);
		if (!packs)
			return err_no_memory(err);
		i->packs = packs;
		i->cap = cap;
	}
	struct inventory_pack *p = &i->packs[i->n];
	*p = (struct inventory_pack){ .size = o->size_bytes };
	i->n += names_tail_id(o->name, p->id, sizeof p->id);
	return 0;
}

/* A stranger among them stops nothing; check names it. */
static int add_object(void *arg, const struct backend_object *o, struct err *err)
{
	struct listing *l = arg;
	uint64_t seq;
	if (names_directly_in(l->packs, o->name))
		return add_pack(l->to, o, err);
	if (names_directly_in(l->snapshots, o->name) && names_tail_number(o->name, &seq) &&
	    seq > l->to->newest) {
		l->to->newest = seq;
		memcpy(l->to->newest_tag, o->tag, sizeof l->to->newest_tag);
	}
	return 0;
}

struct inventory *inventory_load(const struct vault *v, const uint8_t writer[16],
                                 const uint8_t store[16], struct doomed *doomed, struct err *err)
{
	char prefix[NAMES_MAX];
	AUTO(inventory) i = calloc(1, sizeof *i);
	AUTO(doomed) own = doomed ? NULL : doomed_new(err);
	if (!i || (!doomed && !own)) {
		err_no_memory(err);
		return NULL;
	}
	struct listing l = { .to = i };
	names_packs(l.packs, writer, store);
	names_snapshots(l.snapshots, writer, store);
	i->listed_s = clock_boot_s();
	if (storage_list(vault_storage(v), names_store(prefix, writer, store), add_object, &l, err) != 0)
		return NULL;
	if (i->n)
		qsort(i->packs, i->n, sizeof *i->packs, by_id);
	if (mark_doomed(i, doomed ? doomed : own, v, writer, err) != 0)
		return NULL;
	return TAKE(i);
}

void inventory_free(struct inventory *i)
{
	if (!i)
		return;
	free(i->packs);
	free(i);
}

bool inventory_is_old(const struct inventory *i)
{
	return clock_boot_s() - i->listed_s > VALID_S;
}

struct inventory_pack *inventory_find(const struct inventory *i, const uint8_t id[32],
                                      uint64_t size)
{
	struct inventory_pack *p = i->n ? bsearch(id, i->packs, i->n, sizeof *i->packs, by_id) : NULL;
	return p && p->size == size && !p->doomed ? p : NULL;
}
