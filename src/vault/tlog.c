#include "vault/tlog.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/io.h"
#include "base/wire.h"
#include "format/names.h"
#include "holdfast/err.h"
#include "vault/storage.h"
#include "vault/vault.h"

enum { LEVEL_BITS = 8 };

const char *tlog_origin(const struct vault *v, const uint8_t key[16], char *out)
{
	char k[33];
	snprintf(out, NOTE_NAME_MAX, "holdfast/%s/%s", vault_id_text(v), hex_encode(k, key, 16));
	return out;
}

/* ---- checkpoints ---- */

int tlog_verify_checkpoint(const struct vault *v, const uint8_t key[16], const uint8_t *bytes,
                           size_t len, struct note *out, struct err *err)
{
	char origin[NOTE_NAME_MAX];
	struct note n;
	const struct charter_key *owner = charter_find(vault_charter(v), key);
	tlog_origin(v, key, origin);
	if (!owner)
		return err_set(err, ERR_KEY, "ledger %s: the charter has no such key", origin);
	if (note_decode(&n, bytes, len, err) != 0 ||
	    note_verify(&n, bytes, len, origin, owner->log, err) != 0)
		return err->code;
	if (strcmp(n.origin, origin) != 0)
		return err_set(err, ERR_CORRUPT, "checkpoint: is of the ledger %s (was it swapped?)",
		               n.origin);
	*out = n;
	return 0;
}

int tlog_checkpoint(const struct vault *v, const uint8_t key[16], struct note *out,
                    struct buf *bytes, struct err *err)
{
	char name[NAMES_MAX];
	AUTO(buf) b = buf_new(NOTE_MAX, err);
	names_log(name, key, NAMES_CHECKPOINT);
	if (!b || storage_get_all(vault_storage(v), name, b, err) != 0)
		return err->code;
	if (tlog_verify_checkpoint(v, key, b->bytes, b->len, out, err) != 0)
		return err_wrap(err, "%s", name);
	return bytes ? buf_append(bytes, b->bytes, b->len, err) : 0;
}

/* ---- tiles ---- */

static int get_tile(const struct vault *v, const uint8_t key[16], const struct tile *t,
                    struct buf *out, struct err *err)
{
	char path[TILES_PATH_MAX], name[NAMES_MAX];
	names_log(name, key, tiles_path(path, t));
	return storage_get_all(vault_storage(v), name, out, err);
}

/* How many bytes its first `width` places take; 0: it has fewer, or is malformed. */
static size_t used_bytes(const struct tile *t, const uint8_t *bytes, size_t len)
{
	const uint8_t *entry;
	size_t entry_len;
	unsigned n = 0;
	if (t->level != TILES_ENTRIES)
		return len >= (size_t)t->width * MERKLE_BYTES ? (size_t)t->width * MERKLE_BYTES : 0;
	struct wire w = wire_over(bytes, len);
	while (n < t->width && tiles_next_entry(&w, &entry, &entry_len))
		n++;
	return n == t->width ? len - wire_left(&w) : 0;
}

int tlog_tile(const struct vault *v, const uint8_t key[16], const struct tile *t, struct buf *out,
              struct err *err)
{
	char path[TILES_PATH_MAX], name[NAMES_MAX];
	struct err first;
	struct tile full = { t->level, t->n, TILES_WIDTH };
	size_t before = out->len;
	bool cut = false;
	int rc = get_tile(v, key, t, out, err);
	if (rc == ERR_ABSENT && t->width < TILES_WIDTH) {
		first = *err;
		cut = true;
		rc = get_tile(v, key, &full, out, err);
		if (rc == ERR_ABSENT)
			*err = first;
	}
	if (rc != 0)
		return rc;
	size_t used = used_bytes(t, out->bytes + before, out->len - before);
	if (used == 0 || (!cut && used != out->len - before)) {
		names_log(name, key, tiles_path(path, t));
		out->len = before;
		return err_set(err, ERR_CORRUPT, "%s: has not the %u places it should have", name,
		               t->width);
	}
	out->len = before + used;
	return 0;
}

static int have_tile(struct tlog_reader *r, int level, uint64_t n, struct err *err)
{
	if (r->have.width && r->have.level == level && r->have.n == n)
		return 0;
	struct tile t = tiles_of(r->size, level, n);
	r->have.width = 0;
	buf_clear(r->bytes);
	if (t.width == 0)
		return err_set(err, ERR_INVALID, "a ledger of %" PRIu64 " entries has no such tile", r->size);
	if (tlog_tile(r->vault, r->key, &t, r->bytes, err) != 0)
		return err->code;
	r->have = t;
	return 0;
}

int tlog_read_hash(void *reader, unsigned level, uint64_t index, uint8_t out[MERKLE_BYTES],
                   struct err *err)
{
	struct tlog_reader *r = reader;
	uint8_t hashes[TILES_WIDTH / 2][MERKLE_BYTES];
	unsigned within = level % LEVEL_BITS, n = 1u << within;
	uint64_t place = index << within;
	if (have_tile(r, (int)(level / LEVEL_BITS), place / TILES_WIDTH, err) != 0)
		return err->code;
	size_t first = place % TILES_WIDTH;
	if (first + n > r->have.width)
		return err_set(err, ERR_INVALID, "a subtree beyond the end of a ledger was asked for");
	memcpy(hashes, r->bytes->bytes + first * MERKLE_BYTES, n * sizeof *hashes);
	tiles_fold(hashes, n, out);
	return 0;
}

/* ---- memory ---- */

int tlog_state_path(const struct vault *v, const char *tail, char *out, size_t cap,
                    struct err *err)
{
	if (!vault_state_dir(v))
		return err_set(err, ERR_INVALID, "no state folder is configured");
	int n = snprintf(out, cap, "%s/ledger/%s", vault_state_dir(v), tail);
	return n >= 0 && (size_t)n < cap ? 0 : err_set(err, ERR_LIMIT, "path is too long: %.100s...", out);
}

static int seen_path(const struct vault *v, const uint8_t *key, char out[PATH_MAX], struct err *err)
{
	char tail[40] = "seen", hex[33];
	if (key)
		snprintf(tail, sizeof tail, "seen/%s", hex_encode(hex, key, 16));
	return tlog_state_path(v, tail, out, PATH_MAX, err);
}

int tlog_remembered(const struct vault *v, const uint8_t key[16], struct note *out, struct err *err)
{
	char path[PATH_MAX];
	AUTO(buf) b = buf_new(NOTE_MAX, err);
	if (!b)
		return err->code;
	if (!vault_state_dir(v))
		return err_set(err, ERR_ABSENT, "there is no state folder");
	if (seen_path(v, key, path, err) != 0 || io_read_file(path, b, err) != 0)
		return err->code;
	if (tlog_verify_checkpoint(v, key, b->bytes, b->len, out, err) != 0)
		return err_wrap(err, "%s", path);
	return 0;
}

int tlog_remember(const struct vault *v, const uint8_t key[16], const void *bytes, size_t len,
                  struct err *err)
{
	char path[PATH_MAX];
	if (!vault_state_dir(v))
		return 0;
	if (seen_path(v, NULL, path, err) != 0 || io_make_dirs(path, 0700, err) != 0 ||
	    seen_path(v, key, path, err) != 0)
		return err->code;
	return io_write_file_lazily(path, bytes, len, 0600, err);
}
