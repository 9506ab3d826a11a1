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
	l->there = (struct note){ .size = 0 };
	if (!b)
		return err->code;
	int rc = storage_get_all(l->c->all->to, name, b, err);
	if (rc == 0)
		rc = tlog_verify_checkpoint(l->c->all->from, l->key, b->bytes, b->len, &l->there, err);
	return rc == ERR_ABSENT || rc == ERR_CORRUPT || rc == ERR_LIMIT ? 0 : rc;
}

/* Does the source, as it is with this checkpoint, begin with what is there? */
static int begins(const struct log_copy *l, const struct note *source, bool *yes, struct err *err)
{
	struct merkle_proof proof;
	AUTO(buf) bytes = buf_new(TILES_HASHES_BYTES, err);
	struct tlog_reader reader = { .vault = l->c->all->from, .key = l->key, .size = source->size,
	                              .bytes = bytes };
	if (!bytes)
		return err->code;
	*yes = l->there.size <= source->size;
	if (*yes && merkle_prove_growth(l->there.size, source->size, tlog_read_hash, &reader, &proof,
	                                err) != 0)
		return err->code;
	*yes = *yes && merkle_verify_growth(l->there.size, l->there.root, source->size, source->root,
	                                    &proof);
	return 0;
}

/* A longer one there may be what was added here since, and was brought by another copy: the source is
 * asked again before anything is said of it. */
static int compare(const struct log_copy *l, struct err *err)
{
	char name[NAMES_MAX];
	struct note source = l->here;
	bool alike = true;
	if (l->there.size > l->here.size &&
	    tlog_checkpoint(l->c->all->from, l->key, &source, NULL, err) != 0)
		return err->code;
	if (l->there.size > 0 && begins(l, &source, &alike, err) != 0)
		return err->code;
	if (alike)
		return 0;
	names_log(name, l->key, NAMES_CHECKPOINT);
	err_set(err, ERR_FORK, "%s: %.150s has %" PRIu64 " entries of this ledger, here are %" PRIu64 ", and "
	        "they do not begin alike", name, l->c->all->url, l->there.size, source.size);
	return err_hint(err, "one of the two was set back or replaced: 'holdfast ledger verify' on both");
}

static int copy_tile(const struct log_copy *l, const struct tile *t, struct buf *bytes, struct err *err)
{
	char path[TILES_PATH_MAX], name[NAMES_MAX];
	names_log(name, l->key, tiles_path(path, t));
	buf_clear(bytes);
	if (tlog_tile(l->c->all->from, l->key, t, bytes, err) != 0)
		return err->code;
	if (!ledger_tree_fits(l->tree, t, bytes))
		return err_set(err, ERR_CORRUPT, "%s: reads differently the second time", name);
	return copying_put(l->c, name, bytes->bytes, bytes->len, t->width < TILES_WIDTH, err);
}

static uint64_t tiles_here(const struct log_copy *l, int level)
{
	return (tiles_count(l->here.size, level) + TILES_WIDTH - 1) / TILES_WIDTH;
}

/* Tiles of one level that are in the target as they are here, or longer. */
static uint64_t tiles_there(const struct log_copy *l, int level)
{
	return l->there.size < l->here.size ? tiles_count(l->there.size, level) / TILES_WIDTH
	                                    : tiles_here(l, level);
}

static void count_there(const struct log_copy *l)
{
	uint64_t n = l->there.size >= l->here.size;   /* the checkpoint */
	for (int level = TILES_ENTRIES; level < TILES_LEVELS; level++)
		n += tiles_there(l, level);
	pthread_mutex_lock(&l->c->all->lock);
	l->c->result->skipped += n;
	pthread_mutex_unlock(&l->c->all->lock);
}

static int copy_tiles(const struct log_copy *l, struct err *err)
{
	AUTO(buf) bytes = buf_new(TILES_BUNDLE_MAX, err);
	if (!bytes)
		return err->code;
	for (int level = TILES_ENTRIES; level < TILES_LEVELS; level++) {
		for (uint64_t n = tiles_there(l, level); n < tiles_here(l, level); n++) {
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
	pthread_mutex_lock(&l->c->all->lock);
	if (l->problem.code == ERR_NONE)
		l->problem = *problem;
	pthread_mutex_unlock(&l->c->all->lock);
}

/* Nothing of a ledger that is damaged here is copied. */
static int read_source(struct log_copy *l, struct err *err)
{
	const struct ledger_tree_reader reader = { .problem = keep_first, .arg = l };
	l->tree = ledger_tree_read(l->c->all->from, l->key, &l->here, &reader, err);
	if (!l->tree)
		return err->code;
	if (l->tree->sound)
		return 0;
	*err = l->problem;
	return err->code;
}

/* What another copy has put meanwhile is not set back. */
static int put_checkpoint(struct log_copy *l, struct err *err)
{
	char name[NAMES_MAX];
	if (read_target(l, err) != 0 || compare(l, err) != 0)
		return err->code;
	if (l->there.size >= l->here.size)
		return 0;
	names_log(name, l->key, NAMES_CHECKPOINT);
	return copying_put(l->c, name, l->checkpoint->bytes, l->checkpoint->len, true, err);
}

static int copy_entries(struct log_copy *l, struct err *err)
{
	if (read_target(l, err) != 0 || compare(l, err) != 0)
		return err->code;
	count_there(l);
	if (l->there.size >= l->here.size)
		return 0;
	if (read_source(l, err) != 0 || copy_tiles(l, err) != 0)
		return err->code;
	return put_checkpoint(l, err);
}

int copy_log(struct copying *c, const uint8_t key[16], struct err *err)
{
	char lists[NAMES_MAX], drills[NAMES_MAX];
	AUTO(buf) checkpoint = buf_new(NOTE_MAX, err);
	struct log_copy l = { .c = c, .key = key, .checkpoint = checkpoint };
	if (!checkpoint)
		return err->code;
	/* before the lists: what it names is there by then */
	int rc = tlog_checkpoint(c->all->from, key, &l.here, checkpoint, err);
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
