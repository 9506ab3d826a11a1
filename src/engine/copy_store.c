/*
 * One store's way to the other vault. The order is the contract: the source's snapshots are listed
 * before its keys and packs, so that what a listed snapshot needs is listed; in the target everything
 * else is there before a snapshot is put.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "engine/copying.h"
#include "engine/objects.h"
#include "format/names.h"
#include "format/pack.h"
#include "vault/heads.h"
#include "vault/storage.h"
#include "vault/vault.h"

struct store_copy {
	struct copying *c;
	const struct store_info *store;
	struct objects *snapshots, *here, *there;
	struct copy_pack *packs;
	size_t n_packs;
};

static const char *store_prefix(const struct store_info *store, char out[NAMES_MAX])
{
	char writer[NAMES_MAX], hex[33];
	snprintf(out, NAMES_MAX, "%.40s%s/", names_writer(writer, store->writer),
	         hex_encode(hex, store->store, 16));
	return out;
}

static bool is_pack(const struct store_copy *s, const struct object_entry *o, uint8_t id[32])
{
	char name[NAMES_MAX];
	return names_tail_id(o->name, id, 32) &&
	       strcmp(names_pack(name, s->store->writer, s->store->store, id), o->name) == 0;
}

/* Names sort as ids do: both are hex. */
static int collect_packs(struct store_copy *s, struct err *err)
{
	s->packs = calloc(s->here->n + 1, sizeof *s->packs);
	if (!s->packs)
		return err_no_memory(err);
	for (size_t i = 0; i < s->here->n; i++) {
		const struct object_entry *o = &s->here->list[i];
		struct copy_pack *p = &s->packs[s->n_packs];
		if (!is_pack(s, o, p->pack.id))
			continue;
		if (o->size > PACK_BYTES) {
			err_set(err, ERR_CORRUPT, "%s: is larger than a pack", o->name);
			if (copying_problem(s->c, err) != 0)
				return err->code;
			continue;
		}
		const struct object_entry *twin = objects_find(s->there, o->name);
		p->pack.size = (uint32_t)o->size;
		p->there = twin && twin->size == o->size;
		s->c->result->skipped += p->there;
		s->n_packs++;
	}
	return 0;
}

static int look(struct store_copy *s, struct err *err)
{
	char prefix[NAMES_MAX];
	struct backend *from = vault_storage(s->c->all->from);
	s->snapshots = objects_list(from, names_snapshots(prefix, s->store->writer, s->store->store), err);
	s->here = s->snapshots ? objects_list(from, store_prefix(s->store, prefix), err) : NULL;
	s->there = s->here ? objects_list(s->c->all->to, prefix, err) : NULL;
	return s->there ? collect_packs(s, err) : err->code;
}

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, PACK_ID_BYTES);   /* the id is the first member */
}

/* The target holds it whole: copied, or from before the source lost it. */
static bool is_there(const struct store_copy *s, const struct head_pack *p)
{
	char name[NAMES_MAX];
	const struct copy_pack *known = s->n_packs
		? bsearch(p, s->packs, s->n_packs, sizeof *s->packs, by_id) : NULL;
	if (known && known->pack.size == p->size)
		return known->there;
	names_pack(name, s->store->writer, s->store->store, p->id);
	const struct object_entry *twin = objects_find(s->there, name);
	return twin && twin->size == p->size;
}

/* The charter may have grown since the vault's own objects were copied. */
static int copy_charter(struct store_copy *s, const struct head *h, struct err *err)
{
	char name[NAMES_MAX];
	return h->charter_n > vault_charter(s->c->all->from)->n
	     ? copying_fixed(s->c, names_charter(name, h->charter_n), err) : 0;
}

static int copy_snapshot(struct store_copy *s, const char *name, uint64_t seq, struct err *err)
{
	char hex[65];
	const struct store_info *store = s->store;
	AUTO(heads_entry) e = heads_load(s->c->all->from, store->writer, store->store, seq, true, err);
	if (!e)
		return copying_problem(s->c, err);
	for (uint32_t i = 0; i < e->head.n_packs; i++) {
		if (is_there(s, &e->head.packs[i]))
			continue;
		err_set(err, ERR_CORRUPT, "snapshot %s: is not copied: its pack %s is damaged or gone", name,
		        hex_encode(hex, e->head.packs[i].id, 32));
		return copying_problem(s->c, err);
	}
	if (copy_charter(s, &e->head, err) != 0)
		return err->code;
	return copying_put(s->c, name, e->bytes, (size_t)e->object_len, false, err);
}

/* A large one's body takes as much memory as packs do, twice while it is read. */
static int copy_in_room(struct store_copy *s, const struct object_entry *o, uint64_t seq,
                        struct err *err)
{
	size_t taken = copying_take_room(s->c, o->size <= SIZE_MAX / 2 ? 2 * o->size : o->size);
	int rc = copy_snapshot(s, o->name, seq, err);
	copying_give_room(s->c, taken);
	return rc;
}

/* Every snapshot names the one before by its hash: where the newest is the same on both sides, all
 * are. Its first bytes hold the hash of the rest. */
static int copy_snapshots(struct store_copy *s, struct err *err)
{
	const char *newest = NULL;
	for (size_t i = 0; i < s->snapshots->n; i++) {
		const struct object_entry *o = &s->snapshots->list[i];
		const struct object_entry *twin = objects_find(s->there, o->name);
		uint64_t seq;
		/* a stranger among them is none of ours; check names it */
		if (!names_tail_number(o->name, &seq))
			continue;
		if (copying_check(s->c, err) != 0)
			return err->code;
		int rc = twin ? copying_present(s->c, o, twin, err) : copy_in_room(s, o, seq, err);
		if (rc != 0)
			return rc;
		if (twin && twin->size == o->size)
			newest = o->name;
	}
	return newest ? copying_compare(s->c, newest, err) : 0;
}

/* WAL, re-seal tables: what the store has beside packs and snapshots. */
static int copy_others(struct store_copy *s, struct err *err)
{
	char snapshots[NAMES_MAX];
	uint8_t id[32];
	names_snapshots(snapshots, s->store->writer, s->store->store);
	for (size_t i = 0; i < s->here->n; i++) {
		const struct object_entry *o = &s->here->list[i];
		const struct object_entry *twin = objects_find(s->there, o->name);
		if (names_starts(o->name, snapshots) || is_pack(s, o, id))
			continue;
		int rc = twin ? copying_present(s->c, o, twin, err) : copying_small(s->c, o->name, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* ---- doom marks ---- */

/* Once listed it stays. */
static const struct objects *list_marks(struct store_copy *s, struct copying_marks *m, struct err *err)
{
	char prefix[NAMES_MAX];
	pthread_mutex_lock(&m->lock);
	if (!m->list)
		m->list = objects_list(vault_storage(s->c->all->from), names_doomed(prefix, m->writer), err);
	const struct objects *list = m->list;
	pthread_mutex_unlock(&m->lock);
	return list;
}

static int copy_marks(struct store_copy *s, struct copying_marks *m, struct err *err)
{
	const struct objects *marks = list_marks(s, m, err);
	if (!marks)
		return err->code;
	for (size_t i = 0; i < marks->n; i++) {
		const char *name = marks->list[i].name;
		struct backend_object there;
		struct head_pack key = { .size = 0 };
		if (!names_tail_id(name, key.id, 32) || s->n_packs == 0 ||
		    !bsearch(&key, s->packs, s->n_packs, sizeof *s->packs, by_id))
			continue;
		int rc = storage_stat(s->c->all->to, name, &there, err);
		if (rc == ERR_ABSENT)
			rc = copying_small(s->c, name, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int run(struct store_copy *s, struct copying_marks *marks, struct err *err)
{
	char keys[NAMES_MAX];
	names_keys(keys, s->store->writer, s->store->store);
	if (look(s, err) != 0 || copying_folder(s->c, keys, err) != 0 ||
	    copy_packs(s->c, s->store, s->packs, s->n_packs, s->there, err) != 0 ||
	    copy_others(s, err) != 0 || copy_snapshots(s, err) != 0)
		return err->code;
	return copy_marks(s, marks, err);
}

int copying_store(struct copying *c, const struct store_info *store, struct copying_marks *marks,
                  struct err *err)
{
	struct store_copy s = { .c = c, .store = store };
	int rc = run(&s, marks, err);
	objects_free(s.snapshots);
	objects_free(s.here);
	objects_free(s.there);
	free(s.packs);
	return rc;
}
