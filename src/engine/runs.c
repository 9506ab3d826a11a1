#include "holdfast/runs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/wire.h"
#include "engine/ledger_facts.h"
#include "format/entry.h"
#include "holdfast/err.h"
#include "vault/tlog.h"
#include "vault/vault.h"

enum { LISTS = 8 };   /* of stores that are kept: units of a host back up different ones in turn */

struct list {
	uint8_t digest[32];
	uint8_t (*stores)[16];
	size_t n;
};

/* What is wanted of a run; anything but 0 ends the walk and is returned. */
struct walk;
typedef int visit_run(struct walk *w, const struct entry *run, struct err *err);
enum { ENOUGH = 1 };

/* One log, from its end. */
struct walk {
	struct vault *vault;
	const uint8_t *key;
	visit_run *visit;
	void *arg;
	struct note note;
	struct tile tile;
	struct buf *bundle, *hashes;
	struct tlog_reader reader;
	uint8_t leaves[TILES_WIDTH][MERKLE_BYTES];
	const uint8_t *entries[TILES_WIDTH];
	size_t lens[TILES_WIDTH];
	struct list lists[LISTS + 1];   /* the last: of an entry that names them itself */
	size_t next_list;
};

/* ---- tiles, verified ---- */

static int read_hash(void *arg, unsigned level, uint64_t index, uint8_t out[MERKLE_BYTES],
                     struct err *err)
{
	struct walk *w = arg;
	uint8_t hashes[TILES_WIDTH / 2][MERKLE_BYTES];
	if (level >= 8 || (index << level) / TILES_WIDTH != w->tile.n)
		return tlog_read_hash(&w->reader, level, index, out, err);
	size_t first = (index << level) % TILES_WIDTH, n = (size_t)1 << level;
	if (first + n > w->tile.width)
		return err_set(err, ERR_INVALID, "a subtree beyond the end of a ledger was asked for");
	memcpy(hashes, w->leaves[first], n * MERKLE_BYTES);
	tiles_fold(hashes, (unsigned)n, out);
	return 0;
}

/* The proof of the tile's first entry is made of all others in it. */
static int verify_tile(struct walk *w, struct err *err)
{
	struct merkle_proof proof;
	uint64_t first = w->tile.n * TILES_WIDTH;
	if (merkle_prove_entry(first, w->note.size, read_hash, w, &proof, err) != 0)
		return err->code;
	if (merkle_verify_entry(w->leaves[0], first, w->note.size, &proof, w->note.root))
		return 0;
	char key[33];
	hex_encode(key, w->key, 16);
	err_set(err, ERR_CORRUPT, "%s/log/: its entries are not those that its checkpoint signs for", key);
	return err_hint(err, "'holdfast ledger verify' shows all that is wrong with it");
}

static int read_tile(struct walk *w, uint64_t n, struct err *err)
{
	w->tile = tiles_of(w->note.size, TILES_ENTRIES, n);
	buf_clear(w->bundle);
	if (tlog_tile(w->vault, w->key, &w->tile, w->bundle, err) != 0)
		return err->code;
	struct wire at = wire_over(w->bundle->bytes, w->bundle->len);
	for (unsigned i = 0; i < w->tile.width; i++) {
		if (!tiles_next_entry(&at, &w->entries[i], &w->lens[i]))
			return err_set(err, ERR_CORRUPT, "a tile of a ledger is cut off");
		merkle_leaf(w->leaves[i], w->entries[i], w->lens[i]);
	}
	return verify_tile(w, err);
}

/* ---- runs ---- */

static int visit_tile(struct walk *w, struct err *err)
{
	int rc = 0;
	for (unsigned i = w->tile.width; i-- > 0 && rc == 0;) {
		struct entry e;
		struct err ignored;
		if (!entry_may_be(w->entries[i], w->lens[i], ENTRY_RUN) ||
		    entry_decode(&e, w->entries[i], w->lens[i], &ignored) != 0)
			continue;
		if (e.kind == ENTRY_RUN)
			rc = w->visit(w, &e, err);
		entry_clear(&e);
	}
	return rc;
}

static int walk_tiles(struct walk *w, struct err *err)
{
	uint64_t tiles = (w->note.size + TILES_WIDTH - 1) / TILES_WIDTH;
	uint64_t end = tiles > RUNS_TILES ? tiles - RUNS_TILES : 0;
	int rc = 0;
	while (tiles-- > end && rc == 0) {
		rc = read_tile(w, tiles, err);
		if (rc == 0)
			rc = visit_tile(w, err);
	}
	return rc == ENOUGH ? 0 : rc;
}

static int walk_back(struct vault *v, const uint8_t key[16], visit_run *visit, void *arg,
                     struct err *err)
{
	AUTO(buf) bundle = buf_new(TILES_BUNDLE_MAX, err);
	AUTO(buf) hashes = buf_new(TILES_HASHES_BYTES, err);
	struct walk *w = bundle && hashes ? calloc(1, sizeof *w) : NULL;
	if (!w)
		return err_no_memory(err);
	w->vault = v;
	w->key = key;
	w->visit = visit;
	w->arg = arg;
	w->bundle = bundle;
	int rc = tlog_checkpoint(v, key, &w->note, NULL, err);
	w->reader = (struct tlog_reader){ .vault = v, .key = key, .size = w->note.size, .bytes = hashes };
	if (rc == 0)
		rc = walk_tiles(w, err);
	for (size_t i = 0; i <= LISTS; i++)
		free(w->lists[i].stores);
	free(w);
	return rc == ERR_ABSENT ? 0 : rc;
}

/* ---- what a run covered ---- */

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

/* Short ones stand in the entry, and are not kept. */
static struct list *list_for(struct walk *w, const struct entry *run)
{
	static const uint8_t none[32];
	bool named = memcmp(run->covered, none, sizeof none) != 0;
	for (size_t i = 0; i < LISTS && named; i++)
		if (w->lists[i].stores && memcmp(w->lists[i].digest, run->covered, 32) == 0)
			return &w->lists[i];
	struct list *l = &w->lists[named ? w->next_list++ % LISTS : LISTS];
	free(l->stores);
	*l = (struct list){ .n = 0 };
	memcpy(l->digest, run->covered, sizeof l->digest);
	return l;
}

/* Sorted. A list that is gone or damaged tells of nothing: that is for `ledger verify` to say. */
static int stores_of(struct walk *w, const struct entry *run, const struct list **out, struct err *err)
{
	struct list *l = list_for(w, run);
	*out = l;
	if (l->stores)
		return 0;
	int rc = ledger_facts_stores(w->vault, w->key, run, &l->stores, &l->n, err);
	if (rc == 0 && l->n)
		qsort(l->stores, l->n, 16, by_id);
	return rc == ERR_ABSENT || rc == ERR_CORRUPT ? 0 : rc;
}

static bool is_covered(const struct list *l, const uint8_t store[16])
{
	return l->n && bsearch(store, l->stores, l->n, 16, by_id);
}

/* Those for which the run failed. */
struct failures {
	struct entry_item *items;
	size_t n;
};

static int failures_of(struct walk *w, const struct entry *run, struct failures *f, struct err *err)
{
	*f = (struct failures){ .n = 0 };
	return run->failed ? ledger_facts_items(w->vault, w->key, run, &f->items, &f->n, err) : 0;
}

static bool has_failed(const struct failures *f, const uint8_t store[16])
{
	for (size_t i = 0; i < f->n; i++)
		if (f->items[i].did == DID_FAIL && memcmp(f->items[i].store, store, 16) == 0)
			return true;
	return false;
}

/* ---- the newest ---- */

struct asking {
	struct runs_query *queries;
	size_t n;
};

static bool is_open(const struct walk *w, const struct runs_query *q, const struct entry *run)
{
	return q->newest_s == 0 && memcmp(q->store->writer, w->key, 16) == 0 &&
	       (int64_t)run->time_s >= q->since_s;
}

static int answer(struct walk *w, const struct entry *run, struct err *err)
{
	struct asking *a = w->arg;
	const struct list *stores;
	struct failures failed;
	bool any = false;
	for (size_t i = 0; i < a->n && !any; i++)
		any = is_open(w, &a->queries[i], run);
	if (!any)
		return ENOUGH;
	if (stores_of(w, run, &stores, err) != 0)
		return err->code;
	int rc = failures_of(w, run, &failed, err);
	for (size_t i = 0; i < a->n && rc == 0; i++) {
		struct runs_query *q = &a->queries[i];
		if (is_open(w, q, run) && is_covered(stores, q->store->store) &&
		    !has_failed(&failed, q->store->store))
			q->newest_s = (int64_t)run->started_s;
	}
	free(failed.items);
	/* without its list nobody knows for which it failed */
	return rc == ERR_ABSENT || rc == ERR_CORRUPT ? 0 : rc;
}

int runs_newest(struct vault *v, struct runs_query *queries, size_t n, struct err *err)
{
	struct asking a = { queries, n };
	for (size_t i = 0; i < n; i++)
		queries[i].newest_s = 0;
	for (size_t i = 0; i < n; i++) {
		const uint8_t *key = queries[i].store->writer;
		bool done = false;
		for (size_t k = 0; k < i && !done; k++)
			done = memcmp(queries[k].store->writer, key, 16) == 0;
		if (!done && walk_back(v, key, answer, &a, err) != 0)
			return err->code;
	}
	return 0;
}

/* ---- the next ---- */

struct seeking {
	const uint8_t *store;
	int64_t after_s, next_s;
};

static int seek(struct walk *w, const struct entry *run, struct err *err)
{
	struct seeking *s = w->arg;
	const struct list *stores;
	struct failures failed;
	if ((int64_t)run->time_s < s->after_s)
		return ENOUGH;
	if ((int64_t)run->started_s <= s->after_s)
		return 0;
	if (stores_of(w, run, &stores, err) != 0)
		return err->code;
	if (!is_covered(stores, s->store))
		return 0;
	int rc = failures_of(w, run, &failed, err);
	if (rc == 0 && !has_failed(&failed, s->store))
		s->next_s = (int64_t)run->started_s;
	free(failed.items);
	return rc == ERR_ABSENT || rc == ERR_CORRUPT ? 0 : rc;
}

int runs_next(struct vault *v, const struct store_info *store, int64_t after_s, int64_t *next_s,
              struct err *err)
{
	struct seeking s = { .store = store->store, .after_s = after_s };
	int rc = walk_back(v, store->writer, seek, &s, err);
	if (rc == 0)
		*next_s = s.next_s;
	return rc;
}
