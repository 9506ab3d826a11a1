#include "engine/ledger_tree.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/crew.h"
#include "base/wire.h"
#include "format/names.h"
#include "holdfast/backend.h"
#include "holdfast/err.h"
#include "vault/tlog.h"
#include "vault/vault.h"

enum {
	TILE_BITS = 8,
	MISSING_MAX = 100,       /* tiles, after which the rest is not asked for */
};

/* ---- memory ---- */

void ledger_tree_free(struct ledger_tree *t)
{
	if (!t)
		return;
	for (int level = 0; level < TREE_LEVELS; level++)
		free(t->nodes[level]);
	buf_free(t->have);
	free(t);
}

static struct ledger_tree *tree_new(const struct vault *v, const uint8_t key[16], uint64_t size,
                                    struct err *err)
{
	AUTO(ledger_tree) t = calloc(1, sizeof *t);
	bool ok = t && size <= TILES_SIZE_MAX;
	if (t)
		*t = (struct ledger_tree){ .vault = v, .size = size, .have_n = UINT64_MAX };
	for (int level = TILE_BITS; ok && level < TREE_LEVELS; level++) {
		t->nodes[level] = calloc((size >> level) + 1, sizeof *t->nodes[level]);
		ok = t->nodes[level] != NULL;
	}
	if (!ok || !(t->have = buf_new(TILES_HASHES_BYTES, err))) {
		err_no_memory(err);
		return NULL;
	}
	memcpy(t->key, key, sizeof t->key);
	return TAKE(t);
}

/* ---- reading ---- */

struct reading {
	struct ledger_tree *tree;
	const struct ledger_tree_reader *reader;
	atomic_bool broken, changed;
	atomic_uint missing;
};

static bool is_about_the_log(const struct err *err)
{
	return err->code == ERR_ABSENT || err->code == ERR_CORRUPT || err->code == ERR_LIMIT;
}

/* 0: told, go on. */
static int tell(struct reading *r, const struct err *problem)
{
	if (!is_about_the_log(problem))
		return problem->code;
	r->changed = true;
	r->reader->problem(r->reader->arg, problem);
	return 0;
}

/* Hash the entries of one tile and hand them on. */
static int hash_entries(struct reading *r, uint64_t n, const struct buf *bundle,
                        uint8_t leaves[TILES_WIDTH][MERKLE_BYTES], struct err *err)
{
	const uint8_t *entry;
	size_t len;
	unsigned i = 0;
	struct wire w = wire_over(bundle->bytes, bundle->len);
	for (; tiles_next_entry(&w, &entry, &len); i++) {
		merkle_leaf(leaves[i], entry, len);
		if (r->reader->entry &&
		    r->reader->entry(r->reader->arg, n * TILES_WIDTH + i, entry, len, err) != 0)
			return err->code;
	}
	return 0;
}

static void name_tile(const struct reading *r, const struct tile *t, char name[NAMES_MAX])
{
	char path[TILES_PATH_MAX];
	names_log(name, r->tree->key, tiles_path(path, t));
}

/* The tile of hashes must hold these. *there: it could be read, and is in `stored`. */
static int compare_hashes(struct reading *r, const struct tile *t, const uint8_t *expected,
                          struct buf *stored, bool *there, struct err *err)
{
	char name[NAMES_MAX];
	buf_clear(stored);
	*there = tlog_tile(r->tree->vault, r->tree->key, t, stored, err) == 0;
	if (!*there)
		return tell(r, err);
	if (!expected || memcmp(stored->bytes, expected, stored->len) == 0)
		return 0;
	name_tile(r, t, name);
	unsigned i = 0;
	while (memcmp(stored->bytes + i * MERKLE_BYTES, expected + i * MERKLE_BYTES, MERKLE_BYTES) == 0)
		i++;
	err_set(err, ERR_CORRUPT, "%s: its hash %u does not fit what is below it: it, or %s %" PRIu64
	        ", was changed", name, i, t->level == 0 ? "entry" : "the tile of",
	        t->n * TILES_WIDTH + i);
	return tell(r, err);
}

/* One tile: its entries and its hashes. Where they differ, the hashes are believed first: the root says
 * whether they are right, and the entry then is what was changed. */
static int read_tile(void *arg, uint64_t n, struct err *err)
{
	struct reading *r = arg;
	struct ledger_tree *t = r->tree;
	uint8_t leaves[TILES_WIDTH][MERKLE_BYTES];
	const struct tile entries = tiles_of(t->size, TILES_ENTRIES, n), hashes = tiles_of(t->size, 0, n);
	AUTO(buf) bundle = buf_new(TILES_BUNDLE_MAX, err);
	AUTO(buf) stored = buf_new(TILES_HASHES_BYTES, err);
	bool has_entries, has_hashes;
	if (!bundle || !stored)
		return err->code;
	if (r->missing >= MISSING_MAX)
		return 0;
	has_entries = tlog_tile(t->vault, t->key, &entries, bundle, err) == 0;
	int rc = has_entries ? hash_entries(r, n, bundle, leaves, err) : tell(r, err);
	if (rc != 0 ||
	    compare_hashes(r, &hashes, has_entries ? leaves[0] : NULL, stored, &has_hashes, err) != 0)
		return err->code;
	if (!has_entries && !has_hashes) {
		r->broken = true;
		r->missing++;
	}
	if (has_hashes)
		memcpy(leaves, stored->bytes, stored->len);
	if (entries.width == TILES_WIDTH)
		tiles_fold(leaves, TILES_WIDTH, t->nodes[TILE_BITS][n]);
	else
		memcpy(t->last, leaves, entries.width * MERKLE_BYTES);
	return 0;
}

static void build_nodes(struct ledger_tree *t)
{
	for (int level = TILE_BITS + 1; level < TREE_LEVELS; level++)
		for (uint64_t i = 0; i < t->size >> level; i++)
			merkle_node(t->nodes[level][i], t->nodes[level - 1][2 * i],
			            t->nodes[level - 1][2 * i + 1]);
}

/* The tiles above the lowest are what follows from it. */
static int check_upper_tiles(struct reading *r, struct err *err)
{
	const struct ledger_tree *t = r->tree;
	bool there;
	AUTO(buf) stored = buf_new(TILES_HASHES_BYTES, err);
	if (!stored)
		return err->code;
	for (int level = 1; level < TILES_LEVELS; level++)
		for (uint64_t n = 0; n * TILES_WIDTH < tiles_count(t->size, level); n++) {
			const struct tile tile = tiles_of(t->size, level, n);
			if (compare_hashes(r, &tile, t->nodes[TILE_BITS * level][n * TILES_WIDTH], stored,
			                   &there, err) != 0)
				return err->code;
		}
	return 0;
}

static int check_root(struct reading *r, const struct note *checkpoint, struct err *err)
{
	uint8_t root[MERKLE_BYTES];
	char name[NAMES_MAX];
	int rc = ledger_tree_root(r->tree, r->tree->size, root, err);
	if (rc != 0)
		return tell(r, err);
	if (memcmp(root, checkpoint->root, sizeof root) == 0)
		return 0;
	names_log(name, r->tree->key, NAMES_CHECKPOINT);
	err_set(err, ERR_CORRUPT, "%s: the entries of this ledger do not lead to the root that was signed",
	        name);
	return tell(r, err);
}

struct ledger_tree *ledger_tree_read(const struct vault *v, const uint8_t key[16],
                                     const struct note *checkpoint,
                                     const struct ledger_tree_reader *reader, struct err *err)
{
	AUTO(ledger_tree) t = tree_new(v, key, checkpoint->size, err);
	struct reading r = { .tree = t, .reader = reader };
	uint64_t tiles = (checkpoint->size + TILES_WIDTH - 1) / TILES_WIDTH;
	if (!t || crew_run(crew_size(vault_storage(v)->remote), tiles, read_tile, &r, err) != 0)
		return NULL;
	t->broken = r.broken;
	if (!t->broken) {
		build_nodes(t);
		if (check_upper_tiles(&r, err) != 0 || check_root(&r, checkpoint, err) != 0)
			return NULL;
	}
	t->sound = !t->broken && !r.changed;
	return TAKE(t);
}

/* ---- tiles that are read once more ---- */

/* False: these are not as many entries as the tile has places. */
static bool leaves_of(const struct tile *tile, const struct buf *bytes,
                      uint8_t leaves[TILES_WIDTH][MERKLE_BYTES])
{
	const uint8_t *entry;
	size_t len;
	unsigned i = 0;
	struct wire w = wire_over(bytes->bytes, bytes->len);
	while (i < tile->width && tiles_next_entry(&w, &entry, &len))
		merkle_leaf(leaves[i++], entry, len);
	return i == tile->width && wire_done(&w);
}

bool ledger_tree_fits(const struct ledger_tree *t, const struct tile *tile, const struct buf *bytes)
{
	uint8_t hashes[TILES_WIDTH][MERKLE_BYTES], fold[MERKLE_BYTES];
	size_t len = tile->width * MERKLE_BYTES;
	if (tile->level == TILES_ENTRIES) {
		if (!leaves_of(tile, bytes, hashes))
			return false;
	} else if (bytes->len != len)
		return false;
	else
		memcpy(hashes, bytes->bytes, len);
	if (tile->level > 0)
		return memcmp(hashes, t->nodes[TILE_BITS * tile->level][tile->n * TILES_WIDTH], len) == 0;
	if (tile->width < TILES_WIDTH)
		return memcmp(hashes, t->last, len) == 0;
	tiles_fold(hashes, TILES_WIDTH, fold);
	return memcmp(fold, t->nodes[TILE_BITS][tile->n], sizeof fold) == 0;
}

/* ---- roots of its beginnings ---- */

/* Leaves of a full tile, which must fold to the hash that is known of it. */
static int have_leaves(struct ledger_tree *t, uint64_t n, struct err *err)
{
	uint8_t leaves[TILES_WIDTH][MERKLE_BYTES], fold[MERKLE_BYTES];
	const struct tile tile = { 0, n, TILES_WIDTH };
	if (t->have_n == n)
		return 0;
	t->have_n = UINT64_MAX;
	buf_clear(t->have);
	if (tlog_tile(t->vault, t->key, &tile, t->have, err) != 0)
		return err->code;
	memcpy(leaves, t->have->bytes, sizeof leaves);
	tiles_fold(leaves, TILES_WIDTH, fold);
	if (memcmp(fold, t->nodes[TILE_BITS][n], sizeof fold) != 0)
		return err_set(err, ERR_CORRUPT, "a tile of hashes reads differently the second time");
	t->have_n = n;
	return 0;
}

static int read_node(void *arg, unsigned level, uint64_t index, uint8_t out[MERKLE_BYTES],
                     struct err *err)
{
	struct ledger_tree *t = arg;
	uint8_t leaves[TILES_WIDTH / 2][MERKLE_BYTES];
	if (level >= TREE_LEVELS)
		return err_set(err, ERR_LIMIT, "a subtree larger than any ledger");
	if (level >= TILE_BITS) {
		memcpy(out, t->nodes[level][index], MERKLE_BYTES);
		return 0;
	}
	uint64_t first = index << level, n = first / TILES_WIDTH;
	bool is_last = n == t->size / TILES_WIDTH;
	if (!is_last && have_leaves(t, n, err) != 0)
		return err->code;
	const uint8_t *from = is_last ? t->last[0] : t->have->bytes;
	memcpy(leaves, from + first % TILES_WIDTH * MERKLE_BYTES, (size_t)MERKLE_BYTES << level);
	tiles_fold(leaves, 1u << level, out);
	return 0;
}

int ledger_tree_root(struct ledger_tree *t, uint64_t n, uint8_t out[MERKLE_BYTES], struct err *err)
{
	return merkle_root(n, read_node, t, out, err);
}
