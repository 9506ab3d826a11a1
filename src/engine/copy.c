/*
 * The copy verb. The order is the contract: the source's snapshots are listed before its keys and
 * packs, so that what a listed snapshot needs is listed; in the target everything else is there
 * before a snapshot is put.
 */
#include "holdfast/copy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "engine/copy_log.h"
#include "engine/copying.h"
#include "engine/objects.h"
#include "format/charter.h"
#include "format/names.h"
#include "vault/heads.h"
#include "vault/storage.h"
#include "vault/vault.h"

struct copy {
	struct copying c;
	uint8_t writer[16];              /* whose marks these are */
	struct objects *doomed;
};

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* ---- the vault itself ---- */

static void begin(struct copy *copy, const char *store, struct copy_result *result)
{
	copy->c.result = result;
	meter_begin(&copy->c.meter, copy->c.options->progress, store);
	meter_phase(&copy->c.meter, "listing", 0);
}

int copy_vault(struct copy *copy, struct copy_result *result, struct err *err)
{
	struct copying *c = &copy->c;
	static const char *const files[] = { NAMES_ANCHOR, NAMES_FORMAT, NAMES_RECOVERY };
	static const char *const folders[] = { NAMES_CHARTERS, NAMES_SLOTS };
	int rc = 0;
	begin(copy, NULL, result);
	for (size_t i = 0; rc == 0 && i < sizeof files / sizeof *files; i++)
		rc = copying_fixed(c, files[i], err);
	for (size_t i = 0; rc == 0 && i < sizeof folders / sizeof *folders; i++)
		rc = copying_folder(c, folders[i], err);
	meter_end(&c->meter);
	return rc;
}

int copy_ledgers(struct copy *copy, struct copy_result *result, struct err *err)
{
	const struct charter *charter = vault_charter(copy->c.from);
	int rc = 0;
	begin(copy, NULL, result);
	for (size_t i = 0; rc == 0 && i < charter->n_keys; i++)
		rc = copy_log(&copy->c, charter->keys[i].id, err);
	meter_end(&copy->c.meter);
	return rc;
}

/* ---- a store ---- */

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
		return err_set(err, ERR_NOMEM, "out of memory");
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
	struct backend *from = vault_storage(s->c->from);
	s->snapshots = objects_list(from, names_snapshots(prefix, s->store->writer, s->store->store), err);
	s->here = s->snapshots ? objects_list(from, store_prefix(s->store, prefix), err) : NULL;
	s->there = s->here ? objects_list(s->c->to, prefix, err) : NULL;
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

static int copy_snapshot(struct store_copy *s, const char *name, uint64_t seq, struct err *err)
{
	char hex[65];
	AUTO(heads_entry) e = heads_load(s->c->from, s->store->writer, s->store->store, seq, true, err);
	if (!e)
		return copying_problem(s->c, err);
	for (uint32_t i = 0; i < e->head.n_packs; i++) {
		if (is_there(s, &e->head.packs[i]))
			continue;
		err_set(err, ERR_CORRUPT, "snapshot %s: is not copied: its pack %s is damaged or gone", name,
		        hex_encode(hex, e->head.packs[i].id, 32));
		return copying_problem(s->c, err);
	}
	return copying_put(s->c, name, e->bytes, (size_t)e->object_len, false, err);
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
		if (meter_check(&s->c->meter, err) != 0)
			return err->code;
		int rc = twin ? copying_present(s->c, o, twin, err) : copy_snapshot(s, o->name, seq, err);
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
		if (starts(o->name, snapshots) || is_pack(s, o, id))
			continue;
		int rc = twin ? copying_present(s->c, o, twin, err) : copying_small(s->c, o->name, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* ---- doom marks ---- */

/* All marks of a writer are in one folder: listed once for all its stores. */
static int list_doomed(struct copy *copy, const uint8_t writer[16], struct err *err)
{
	char prefix[NAMES_MAX];
	if (copy->doomed && memcmp(copy->writer, writer, 16) == 0)
		return 0;
	objects_free(copy->doomed);
	memcpy(copy->writer, writer, 16);
	copy->doomed = objects_list(vault_storage(copy->c.from), names_doomed(prefix, writer), err);
	return copy->doomed ? 0 : err->code;
}

static int copy_doomed(struct copy *copy, const struct store_copy *s, struct err *err)
{
	if (list_doomed(copy, s->store->writer, err) != 0)
		return err->code;
	for (size_t i = 0; i < copy->doomed->n; i++) {
		const char *name = copy->doomed->list[i].name;
		struct backend_object there;
		struct head_pack key = { .size = 0 };
		if (!names_tail_id(name, key.id, 32) || s->n_packs == 0 ||
		    !bsearch(&key, s->packs, s->n_packs, sizeof *s->packs, by_id))
			continue;
		int rc = storage_stat(copy->c.to, name, &there, err);
		if (rc == ERR_ABSENT)
			rc = copying_small(&copy->c, name, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int run_store(struct copy *copy, struct store_copy *s, struct err *err)
{
	char keys[NAMES_MAX];
	names_keys(keys, s->store->writer, s->store->store);
	if (look(s, err) != 0 || copying_folder(s->c, keys, err) != 0 ||
	    copy_packs(s->c, s->store, s->packs, s->n_packs, s->there, err) != 0 ||
	    copy_others(s, err) != 0 || copy_snapshots(s, err) != 0)
		return err->code;
	return copy_doomed(copy, s, err);
}

int copy_store(struct copy *copy, const struct store_info *store, struct copy_result *result,
               struct err *err)
{
	struct store_copy s = { .c = &copy->c, .store = store };
	begin(copy, store->name, result);
	int rc = run_store(copy, &s, err);
	meter_end(&copy->c.meter);
	objects_free(s.snapshots);
	objects_free(s.here);
	objects_free(s.there);
	free(s.packs);
	return rc;
}

/* ---- open ---- */

/* What `vault test` left is nobody's. */
static int found_something(void *arg, const struct backend_object *o, struct err *err)
{
	(void)err;
	if (starts(o->name, NAMES_PROBE))
		return 0;
	snprintf(arg, NAMES_MAX, "%s", o->name);
	return 1;
}

static int must_be_empty(struct copying *c, struct err *err)
{
	char name[NAMES_MAX];
	int rc = storage_list(c->to, "", found_something, name, err);
	if (rc <= 0)
		return rc;
	err_set(err, ERR_EXISTS, "%s: holds no vault, but is not empty (%s)", c->url, name);
	return err_hint(err, "give an empty or new place, or one that holds a copy of this vault");
}

static int check_target(struct copying *c, struct err *err)
{
	AUTO(buf) bytes = buf_new(CHARTER_LINE_MAX, err);
	if (!bytes)
		return err->code;
	int rc = storage_get_all(c->to, NAMES_ANCHOR, bytes, err);
	if (rc == ERR_ABSENT)
		return must_be_empty(c, err);
	if (rc == 0)
		rc = copying_verify_anchor(c, bytes, err);
	if (rc == 0)
		return 0;
	err_wrap(err, "%s: vault.json", c->url);
	return rc == ERR_FORK ? err_hint(err, "copy to an empty place, or to a copy of this vault") : rc;
}

struct copy *copy_open(struct vault *from, const char *url, const struct backend_options *storage,
                       const struct copy_options *options, struct err *err)
{
	struct copy *copy = calloc(1, sizeof *copy);
	if (!copy) {
		err_set(err, ERR_NOMEM, "out of memory");
		return NULL;
	}
	copy->c = (struct copying){ .from = from, .url = url, .options = options };
	pthread_mutex_init(&copy->c.lock, NULL);
	copy->c.to = storage_open(url, storage, err);
	if (copy->c.to && check_target(&copy->c, err) == 0)
		return copy;
	copy_free(copy);
	return NULL;
}

void copy_free(struct copy *copy)
{
	if (!copy)
		return;
	objects_free(copy->doomed);
	storage_free(copy->c.to);
	pthread_mutex_destroy(&copy->c.lock);
	free(copy);
}
