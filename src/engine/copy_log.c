#include "engine/copy_log.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "engine/copying.h"
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
	return copying_put(l->c, name, bytes->bytes, bytes->len, t->width < TILES_WIDTH, err);
}

static int copy_tiles(const struct log_copy *l, struct err *err)
{
	AUTO(buf) bytes = buf_new(TILES_BUNDLE_MAX, err);
	if (!bytes)
		return err->code;
	for (int level = TILES_ENTRIES; level < TILES_LEVELS; level++) {
		uint64_t n = tiles_count(l->there.size, level) / TILES_WIDTH;
		for (; n * TILES_WIDTH < tiles_count(l->here.size, level); n++) {
			const struct tile t = tiles_of(l->here.size, level, n);
			if (meter_check(&l->c->meter, err) != 0 || copy_tile(l, &t, bytes, err) != 0)
				return err->code;
		}
	}
	return 0;
}

static int copy_entries(struct log_copy *l, struct err *err)
{
	char name[NAMES_MAX];
	if (read_target(l, err) != 0)
		return err->code;
	if (l->there.size == l->here.size && memcmp(l->there.root, l->here.root, 32) == 0)
		return 0;
	if (compare(l, err) != 0 || copy_tiles(l, err) != 0)
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
	return rc == 0 ? 0 : copying_problem(c, err);
}
