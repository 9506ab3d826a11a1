#include "engine/copy_log.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "engine/copying.h"
#include "engine/ledger_tree.h"
#include "format/names.h"
#include "holdfast/err.h"
#include "vault/storage.h"
#include "vault/tlog.h"
#include "vault/vault.h"

struct log_copy {
	struct copying *c;
	const uint8_t *key;
	struct note here, there;
	struct buf *checkpoint;      /* the source's, as it is */
	struct ledger_tree *tree;    /* the source's, whole and verified */
	struct err problem;          /* with it: the first; under the lock of the copy */
};

/* What the target's checkpoint covers; nothing if there is none. One that is damaged is replaced. */
static int read_target(struct log_copy *l, struct err *err)
{
	char name[NAMES_MAX];
	AUTO(buf) b = buf_new(NOTE_MAX, err);
	names_log(name, l->key, NAMES_CHECKPOINT);
	if (!b)
		return err->code;
	int rc = storage_get_all(l->c->to, name, b, err);
	if (rc == 0)
		rc = tlog_verify_checkpoint(l->c->from, l->key, b->bytes, b->len, &l->there, err);
	return rc == ERR_ABSENT || rc == ERR_CORRUPT || rc == ERR_LIMIT ? 0 : rc;
}

/* Does what is here begin with what is there? */
static int compare(const struct log_copy *l, struct err *err)
{
	struct merkle_proof proof;
	char name[NAMES_MAX];
	AUTO(buf) bytes = buf_new(TILES_HASHES_BYTES, err);
	struct tlog_reader reader = { .vault = l->c->from, .key = l->key, .size = l->here.size,
	                              .bytes = bytes };
	if (!bytes)
		return err->code;
	if (l->there.size == 0)
		return 0;
	bool grown = l->there.size <= l->here.size;
	if (grown && merkle_prove_growth(l->there.size, l->here.size, tlog_read_hash, &reader, &proof,
	                                 err) != 0)
		return err->code;
	if (grown && merkle_verify_growth(l->there.size, l->there.root, l->here.size, l->here.root, &proof))
		return 0;
	names_log(name, l->key, NAMES_CHECKPOINT);
	err_set(err, ERR_FORK, "%s: %.150s has %" PRIu64 " entries of this ledger, here are %" PRIu64 ", and "
	        "they do not begin alike", name, l->c->url, l->there.size, l->here.size);
	return err_hint(err, "one of the two was set back or replaced: 'holdfast ledger verify' on both");
}

static int copy_tile(const struct log_copy *l, const struct tile *t, struct buf *bytes, struct err *err)
{
	char path[TILES_PATH_MAX], name[NAMES_MAX];
	names_log(name, l->key, tiles_path(path, t));
	buf_clear(bytes);
	if (tlog_tile(l->c->from, l->key, t, bytes, err) != 0)
		return err->code;
	if (!ledger_tree_fits(l->tree, t, bytes))
		return err_set(err, ERR_CORRUPT, "%s: reads differently the second time", name);
	return copying_put(l->c, name, bytes->bytes, bytes->len, t->width < TILES_WIDTH, err);
}

/* Tiles of one level that are in the target as they are here. */
static uint64_t tiles_there(const struct log_copy *l, int level)
{
	uint64_t count = tiles_count(l->there.size, level), full = count / TILES_WIDTH;
	return l->there.size == l->here.size && count % TILES_WIDTH ? full + 1 : full;
}

static void count_there(const struct log_copy *l)
{
	uint64_t n = l->there.size == l->here.size;   /* the checkpoint */
	for (int level = TILES_ENTRIES; level < TILES_LEVELS; level++)
		n += tiles_there(l, level);
	pthread_mutex_lock(&l->c->lock);
	l->c->result->skipped += n;
	pthread_mutex_unlock(&l->c->lock);
}

static int copy_tiles(const struct log_copy *l, struct err *err)
{
	AUTO(buf) bytes = buf_new(TILES_BUNDLE_MAX, err);
	if (!bytes)
		return err->code;
	for (int level = TILES_ENTRIES; level < TILES_LEVELS; level++) {
		uint64_t end = (tiles_count(l->here.size, level) + TILES_WIDTH - 1) / TILES_WIDTH;
		for (uint64_t n = tiles_there(l, level); n < end; n++) {
			const struct tile t = tiles_of(l->here.size, level, n);
			if (meter_check(&l->c->meter, err) != 0 || copy_tile(l, &t, bytes, err) != 0)
				return err->code;
		}
	}
	return 0;
}

static void keep_first(void *arg, const struct err *problem)
{
	struct log_copy *l = arg;
	pthread_mutex_lock(&l->c->lock);
	if (l->problem.code == ERR_NONE)
		l->problem = *problem;
	pthread_mutex_unlock(&l->c->lock);
}

/* Nothing of a ledger that is damaged here is copied. */
static int read_source(struct log_copy *l, struct err *err)
{
	const struct ledger_tree_reader reader = { .problem = keep_first, .arg = l };
	l->tree = ledger_tree_read(l->c->from, l->key, &l->here, &reader, err);
	if (!l->tree)
		return err->code;
	if (l->tree->sound)
		return 0;
	*err = l->problem;
	return err->code;
}

static int copy_entries(struct log_copy *l, struct err *err)
{
	char name[NAMES_MAX];
	if (read_target(l, err) != 0)
		return err->code;
	if (compare(l, err) != 0)
		return err->code;
	count_there(l);
	if (l->there.size == l->here.size)
		return 0;
	if (read_source(l, err) != 0 || copy_tiles(l, err) != 0)
		return err->code;
	names_log(name, l->key, NAMES_CHECKPOINT);
	return copying_put(l->c, name, l->checkpoint->bytes, l->checkpoint->len, true, err);
}

int copy_log(struct copying *c, const uint8_t key[16], struct err *err)
{
	char lists[NAMES_MAX], drills[NAMES_MAX];
	AUTO(buf) checkpoint = buf_new(NOTE_MAX, err);
	struct log_copy l = { .c = c, .key = key, .checkpoint = checkpoint };
	if (!checkpoint)
		return err->code;
	/* before the lists: what it names is there by then */
	int rc = tlog_checkpoint(c->from, key, &l.here, checkpoint, err);
	if (rc == ERR_ABSENT)
		return 0;
	if (rc == 0 && (copying_folder(c, names_list(lists, key, NULL), err) != 0 ||
	                copying_folder(c, names_drills(drills, key), err) != 0))
		return err->code;
	if (rc == 0)
		rc = copy_entries(&l, err);
	ledger_tree_free(l.tree);
	return rc == 0 ? 0 : copying_problem(c, err);
}
