#include "vault/logedge.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/wire.h"
#include "crypto/hash.h"
#include "holdfast/err.h"
#include "vault/tlog.h"
#include "vault/vault.h"

static const char edge_magic[8] = "HFEDGE1", intent_magic[8] = "HFINTN1", kept_magic[8] = "HFKEPT1";

enum {
	CHECK_BYTES = 32,
	LEVEL_BITS = 8,
	FILE_MAX = TILES_BUNDLE_MAX + TILES_LEVELS * TILES_HASHES_BYTES + 4096,
};

/* ---- files with a checksum ---- */

static void checksum(const struct vault *v, const char magic[8], const void *data, size_t len,
                     uint8_t out[CHECK_BYTES])
{
	struct hash_state h;
	hash_begin(&h, CHECK_BYTES, "hf1.ledger", vault_keyfile(v)->state->bytes, 32);
	hash_add(&h, magic, 8);
	hash_add(&h, data, len);
	hash_end(&h, out, CHECK_BYTES);
}

static int store(const struct vault *v, const char *tail, const char magic[8], struct buf *b,
                 bool sync, struct err *err)
{
	char path[PATH_MAX];
	uint8_t check[CHECK_BYTES];
	checksum(v, magic, b->bytes, b->len, check);
	if (buf_append(b, check, sizeof check, err) != 0 ||
	    tlog_state_path(v, "", path, sizeof path, err) != 0 || io_make_dirs(path, 0700, err) != 0 ||
	    tlog_state_path(v, tail, path, sizeof path, err) != 0)
		return err->code;
	return sync ? io_write_file(path, b->bytes, b->len, 0600, err)
	            : io_write_file_lazily(path, b->bytes, b->len, 0600, err);
}

/* The bytes without their checksum. */
static int load(const struct vault *v, const char *tail, const char magic[8], struct buf *b,
                struct err *err)
{
	char path[PATH_MAX];
	uint8_t check[CHECK_BYTES];
	if (!vault_state_dir(v))
		return err_set(err, ERR_ABSENT, "there is no state folder");
	if (tlog_state_path(v, tail, path, sizeof path, err) != 0 || io_read_file(path, b, err) != 0)
		return err->code;
	size_t len = b->len < CHECK_BYTES ? 0 : b->len - CHECK_BYTES;
	checksum(v, magic, b->bytes, len, check);
	if (len < 8 || memcmp(b->bytes, magic, 8) != 0 ||
	    memcmp(check, b->bytes + len, CHECK_BYTES) != 0)
		return err_set(err, ERR_CORRUPT, "%s: is damaged", path);
	b->len = len;
	return 0;
}

/* ---- the edge ---- */

struct logedge *logedge_new(struct err *err)
{
	AUTO(logedge) e = calloc(1, sizeof *e);
	if (!e) {
		err_no_memory(err);
		return NULL;
	}
	e->bundle = buf_new(TILES_BUNDLE_MAX, err);
	if (!e->bundle)
		return NULL;
	tiles_edge_root(&e->tiles, e->root);
	return TAKE(e);
}

void logedge_free(struct logedge *e)
{
	if (!e)
		return;
	buf_free(e->bundle);
	free(e);
}

/* Places taken in the partial tile of a level. */
static size_t taken(uint64_t size, int level)
{
	return (size >> (LEVEL_BITS * level)) % TILES_WIDTH;
}

int logedge_store(const struct vault *v, const struct logedge *e, struct err *err)
{
	AUTO(buf) b = buf_new(FILE_MAX, err);
	if (!b || buf_append(b, edge_magic, sizeof edge_magic, err) != 0 ||
	    wire_add_u64(b, e->tiles.size, err) != 0 || buf_append(b, e->root, 32, err) != 0 ||
	    buf_append(b, e->covered, 32, err) != 0)
		return err->code;
	for (int level = 0; level < TILES_LEVELS; level++)
		if (buf_append(b, e->tiles.hashes[level], taken(e->tiles.size, level) * MERKLE_BYTES,
		               err) != 0)
			return err->code;
	if (buf_append(b, e->bundle->bytes, e->bundle->len, err) != 0)
		return err->code;
	return store(v, "edge", edge_magic, b, false, err);
}

static int decode_edge(struct logedge *e, struct wire *w, struct err *err)
{
	uint8_t root[32];
	e->tiles.size = wire_u64(w);
	wire_copy(w, e->root, 32);
	wire_copy(w, e->covered, 32);
	if (e->tiles.size > TILES_SIZE_MAX)
		return err_set(err, ERR_CORRUPT, "a ledger too long");
	for (int level = 0; level < TILES_LEVELS; level++)
		wire_copy(w, e->tiles.hashes[level], taken(e->tiles.size, level) * MERKLE_BYTES);
	if (!wire_ok(w))
		return err_set(err, ERR_CORRUPT, "the ledger's edge is cut off");
	tiles_edge_root(&e->tiles, root);
	if (memcmp(root, e->root, 32) != 0)
		return err_set(err, ERR_CORRUPT, "the ledger's edge does not fit its root");
	return buf_append(e->bundle, w->at, wire_left(w), err);
}

struct logedge *logedge_load(const struct vault *v, struct err *err)
{
	AUTO(buf) b = buf_new(FILE_MAX, err);
	AUTO(logedge) e = logedge_new(err);
	if (!b || !e || load(v, "edge", edge_magic, b, err) != 0)
		return NULL;
	struct wire w = wire_over(b->bytes + 8, b->len - 8);
	return decode_edge(e, &w, err) == 0 ? TAKE(e) : NULL;
}

static int read_level(const struct vault *v, struct logedge *e, int level, struct buf *bytes,
                      struct err *err)
{
	const struct tile t = tiles_of(e->tiles.size, level,
	                               tiles_count(e->tiles.size, level) / TILES_WIDTH);
	buf_clear(bytes);
	if (t.width == 0)
		return 0;
	if (tlog_tile(v, vault_keyfile(v)->id, &t, level == TILES_ENTRIES ? e->bundle : bytes, err) != 0)
		return err->code;
	if (level != TILES_ENTRIES)
		memcpy(e->tiles.hashes[level], bytes->bytes, bytes->len);
	return 0;
}

/* The entries must be those that the leaves are of. */
static bool bundle_fits(const struct logedge *e)
{
	const uint8_t *entry;
	size_t len, i = 0;
	uint8_t leaf[MERKLE_BYTES];
	struct wire w = wire_over(e->bundle->bytes, e->bundle->len);
	for (; tiles_next_entry(&w, &entry, &len); i++) {
		merkle_leaf(leaf, entry, len);
		if (i >= TILES_WIDTH || memcmp(leaf, e->tiles.hashes[0][i], sizeof leaf) != 0)
			return false;
	}
	return wire_done(&w) && i == e->tiles.size % TILES_WIDTH;
}

struct logedge *logedge_read(const struct vault *v, const struct note *checkpoint, struct err *err)
{
	AUTO(buf) bytes = buf_new(TILES_HASHES_BYTES, err);
	AUTO(logedge) e = logedge_new(err);
	if (!bytes || !e)
		return NULL;
	e->tiles.size = checkpoint->size;
	for (int level = TILES_ENTRIES; level < TILES_LEVELS; level++)
		if (read_level(v, e, level, bytes, err) != 0)
			return NULL;
	tiles_edge_root(&e->tiles, e->root);
	if (memcmp(e->root, checkpoint->root, 32) == 0 && bundle_fits(e))
		return TAKE(e);
	err_set(err, ERR_CORRUPT, "the tiles of this machine's ledger do not lead to the root it signed");
	return NULL;
}

/* ---- the intent ---- */

struct logintent *logintent_new(struct err *err)
{
	AUTO(logintent) i = calloc(1, sizeof *i);
	if (!i) {
		err_no_memory(err);
		return NULL;
	}
	i->entries = buf_new(TILES_BUNDLE_MAX, err);
	return i->entries ? TAKE(i) : NULL;
}

void logintent_free(struct logintent *i)
{
	if (!i)
		return;
	buf_free(i->entries);
	free(i);
}

int logintent_store(const struct vault *v, const struct logintent *i, struct err *err)
{
	const char *magic = i->kept ? kept_magic : intent_magic;
	AUTO(buf) b = buf_new(FILE_MAX, err);
	if (!b || buf_append(b, magic, sizeof intent_magic, err) != 0 ||
	    wire_add_u64(b, i->size, err) != 0 || buf_append(b, i->root, 32, err) != 0 ||
	    buf_append(b, i->entries->bytes, i->entries->len, err) != 0)
		return err->code;
	return store(v, "intent", magic, b, true, err);
}

static int load_either(const struct vault *v, struct buf *b, struct logintent *i, struct err *err)
{
	int rc = load(v, "intent", intent_magic, b, err);
	if (rc != ERR_CORRUPT)
		return rc;
	buf_clear(b);
	err->code = ERR_NONE;
	i->kept = true;
	return load(v, "intent", kept_magic, b, err);
}

struct logintent *logintent_load(const struct vault *v, struct err *err)
{
	const uint8_t *entry;
	size_t len;
	AUTO(buf) b = buf_new(FILE_MAX, err);
	AUTO(logintent) i = logintent_new(err);
	if (!b || !i || load_either(v, b, i, err) != 0)
		return NULL;
	struct wire w = wire_over(b->bytes + 8, b->len - 8);
	i->size = wire_u64(&w);
	wire_copy(&w, i->root, 32);
	if (!wire_ok(&w) || buf_append(i->entries, w.at, wire_left(&w), err) != 0)
		return NULL;
	while (tiles_next_entry(&w, &entry, &len))
		i->n++;
	if (wire_done(&w))
		return TAKE(i);
	err_set(err, ERR_CORRUPT, "the ledger's intent is damaged");
	return NULL;
}

int logintent_remove(const struct vault *v, struct err *err)
{
	char path[PATH_MAX];
	if (tlog_state_path(v, "intent", path, sizeof path, err) != 0)
		return err->code;
	return unlink(path) == 0 || errno == ENOENT ? 0 : err_sys(err, "%s", path);
}
