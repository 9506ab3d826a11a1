/* The charter of an open vault: the newest that verifies, what was seen before, one entry more. */
#include <limits.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/io.h"
#include "base/json.h"
#include "format/names.h"
#include "holdfast/err.h"
#include "vault/place.h"
#include "vault/storage.h"
#include "vault/vault.h"
#include "vault/vault_struct.h"

/* ---- reading ---- */

/* The highest number below `below`. */
struct highest {
	uint64_t below, n;
	char tag[BACKEND_TAG_MAX];   /* as the storage fingerprints it */
};

static int highest(void *arg, const struct backend_object *o, struct err *err)
{
	struct highest *h = arg;
	char name[NAMES_MAX];
	uint64_t found;
	(void)err;
	if (names_tail_number(o->name, &found) && found > h->n && found < h->below &&
	    strcmp(names_charter(name, found), o->name) == 0) {
		h->n = found;
		memcpy(h->tag, o->tag, sizeof h->tag);
	}
	return 0;
}

/* bytes (empty) gets the object. */
static struct charter *load_charter(const struct vault *v, uint64_t n, struct buf *bytes,
                                    struct err *err)
{
	char name[NAMES_MAX];
	if (storage_get_all(v->storage, names_charter(name, n), bytes, err) != 0)
		return NULL;
	AUTO(charter) c = charter_decode(bytes->bytes, bytes->len, &v->anchor, err);
	if (!c) {
		err_wrap(err, "%s", name);
		return NULL;
	}
	if (c->n != n) {
		err_set(err, ERR_CORRUPT, "%s: holds %llu entries", name, (unsigned long long)c->n);
		return NULL;
	}
	return TAKE(c);
}

/* The highest that verifies: whoever can put junk here must not be able to stop a recovery. That
 * none was taken away, the number seen last and the heads of snapshots tell. `tag` may be NULL. */
static struct charter *newest_charter(const struct vault *v, struct buf *bytes,
                                      char tag[BACKEND_TAG_MAX], struct err *err)
{
	struct err first = { 0 };
	for (struct highest h = { .below = UINT64_MAX };; h.below = h.n) {
		h.n = 0;
		if (storage_list(v->storage, NAMES_CHARTERS, highest, &h, err) != 0)
			return NULL;
		if (h.n == 0)
			break;
		buf_clear(bytes);
		struct charter *c = load_charter(v, h.n, bytes, err);
		if (c && tag)
			memcpy(tag, h.tag, BACKEND_TAG_MAX);
		if (c || (err->code != ERR_CORRUPT && err->code != ERR_LIMIT))
			return c;
		if (first.code == ERR_NONE)
			first = *err;
	}
	if (first.code == ERR_NONE)
		err_set(err, ERR_CORRUPT, "%s: the charter is missing", v->url);
	else
		*err = first;
	return NULL;
}

int vault_read_charter(struct vault *v, struct place *p, struct err *err)
{
	v->charter = newest_charter(v, p->charter, p->tag, err);
	if (!v->charter)
		return err->code;
	p->n = v->charter->n;
	return 0;
}

int vault_take_charter(struct vault *v, const struct place *p, struct err *err)
{
	struct highest h = { .below = UINT64_MAX };
	if (storage_list(v->storage, NAMES_CHARTERS, highest, &h, err) != 0)
		return err->code;
	if (h.n != p->n || strcmp(h.tag, p->tag) != 0)
		return err_set(err, ERR_ABSENT, "%s: has another charter now", v->url);
	v->charter = charter_decode(p->charter->bytes, p->charter->len, &v->anchor, err);
	if (!v->charter)
		return err->code;
	return v->charter->n == p->n ? 0 : err_set(err, ERR_CORRUPT, "%s: what is remembered of its "
	                                           "charter is damaged", v->url);
}

int vault_find_self(struct vault *v, struct err *err)
{
	v->self = v->key ? charter_find(v->charter, v->key->id) : NULL;
	if (!v->self || v->key->psk)
		return 0;
	return keyfile_take_psk(v->key, v->self, err);
}

/* ---- what was seen ---- */

/* What this machine saw last lies in STATE/<vault-id>/charter; n is 0 where nothing does. */
static int read_seen(const struct vault *v, uint64_t *n, uint8_t hash[32], struct err *err)
{
	char path[PATH_MAX];
	*n = 0;
	if (!v->state_dir)
		return 0;
	snprintf(path, sizeof path, "%s/charter", v->state_dir);
	AUTO(buf) text = buf_new(4096, err);
	if (!text)
		return err->code;
	if (io_read_file(path, text, err) != 0)
		return err->code == ERR_ABSENT ? 0 : err->code;
	JSON_AUTO j = json_decode((const char *)text->bytes, text->len, path, err);
	if (!j || json_get_hex(j, "hash", hash, 32, path, err) != 0)
		return err->code;
	return json_get_u64(j, "n", INT64_MAX, n, path, err);
}

int vault_recall_charter(struct vault *v, struct err *err)
{
	return read_seen(v, &v->seen_n, v->seen_hash, err);
}

static bool begins_with(const struct charter *c, uint64_t n, const uint8_t hash[32])
{
	return n == 0 || (n <= c->n && memcmp(hash, c->hashes[n - 1], 32) == 0);
}

static int write_seen(const struct vault *v, struct err *err)
{
	char path[PATH_MAX], hex[65];
	AUTO(buf) text = buf_new(4096, err);
	if (!text || vault_state_make(v, err) != 0 ||
	    buf_printf(text, err, "{\"hash\":\"%s\",\"n\":%llu}\n",
	               hex_encode(hex, v->charter->hash, 32), (unsigned long long)v->charter->n) != 0)
		return err->code;
	snprintf(path, sizeof path, "%s/charter", v->state_dir);
	return io_write_file(path, text->bytes, text->len, 0600, err);
}

/* The charter only grows: one that does not begin with what was seen before it was read is a rollback
 * or a fork. What another process of this machine saw since may be newer, and stays. */
int vault_remember_charter(struct vault *v, struct err *err)
{
	uint64_t n;
	uint8_t hash[32];
	if (!begins_with(v->charter, v->seen_n, v->seen_hash))
		return err_set(err, ERR_FORK, "%s: its charter is older than, or another than, the one "
		               "this machine saw last (entry %llu)", v->url, (unsigned long long)v->seen_n);
	if (!v->state_dir || !v->key || v->seen_n == v->charter->n)
		return 0;
	if (read_seen(v, &n, hash, err) != 0 || (n < v->charter->n && write_seen(v, err) != 0))
		return err->code;
	v->seen_n = v->charter->n;
	memcpy(v->seen_hash, v->charter->hash, 32);
	return 0;
}

/* ---- appending ---- */

enum { APPEND_TRIES = 50 };

struct appending {
	uint64_t n;       /* of the charter that was to be put last */
	bool taken;       /* and something had that name */
};

/* Where two win under one name, the second look tells. */
static int put_charter(const struct vault *v, struct appending *a, const struct buf *chain,
                       struct err *err)
{
	char name[NAMES_MAX];
	names_charter(name, a->n);
	int rc = storage_put(v->storage, name, chain->bytes, chain->len, BACKEND_NEW, err);
	a->taken = rc == ERR_EXISTS;
	if (rc != 0)
		return rc;
	AUTO(buf) back = buf_new(CHARTER_MAX_BYTES, err);
	if (!back || storage_get_all(v->storage, name, back, err) != 0)
		return err->code;
	a->taken = back->len != chain->len || memcmp(back->bytes, chain->bytes, chain->len) != 0;
	return a->taken ? err_set(err, ERR_EXISTS, "%s: another machine put it at the same moment", name)
	                : 0;
}

/* c (may be NULL), unless it does not go on from what this handle knows: then it is freed. */
static struct charter *must_go_on(const struct vault *v, struct charter *c, struct err *err)
{
	if (!c || begins_with(c, v->charter->n, v->charter->hash))
		return c;
	charter_free(c);
	err_set(err, ERR_FORK, "%s: its charter was replaced by another one", v->url);
	return NULL;
}

static struct charter *read_newer(const struct vault *v, struct buf *chain, struct err *err)
{
	return must_go_on(v, newest_charter(v, chain, NULL, err), err);
}

struct charter *vault_later_charter(const struct vault *v, uint64_t n, struct err *err)
{
	AUTO(buf) chain = buf_new(CHARTER_MAX_BYTES, err);
	return chain ? must_go_on(v, load_charter(v, n, chain, err), err) : NULL;
}

static int take_charter(struct vault *v, struct charter *c, struct err *err)
{
	charter_free(v->charter);
	v->charter = c;
	return vault_find_self(v, err) == 0 ? vault_remember_charter(v, err) : err->code;
}

int vault_refresh_charter(struct vault *v, struct err *err)
{
	AUTO(buf) chain = buf_new(CHARTER_MAX_BYTES, err);
	struct charter *now = chain ? read_newer(v, chain, err) : NULL;
	return now ? take_charter(v, now, err) : err->code;
}

static int append_once(struct vault *v, vault_entry *entry, void *arg, struct appending *a,
                       struct err *err)
{
	AUTO(buf) chain = buf_new(CHARTER_MAX_BYTES, err);
	AUTO(charter) now = chain ? read_newer(v, chain, err) : NULL;
	if (!now)
		return err->code;
	int rc = entry(now, chain, arg, err);
	if (rc != 0)
		return rc;
	/* what no reader would accept must not get there */
	AUTO(charter) next = charter_decode(chain->bytes, chain->len, &v->anchor, err);
	if (!next)
		return err->code;
	a->n = next->n;
	return put_charter(v, a, chain, err) == 0 ? take_charter(v, TAKE(next), err) : err->code;
}

int vault_append_entry(struct vault *v, vault_entry *entry, void *arg, struct err *err)
{
	struct appending a = { .taken = true };
	int rc = ERR_EXISTS;
	uint64_t before = UINT64_MAX;
	for (int tries = 0; a.taken && tries < APPEND_TRIES && a.n != before; tries++) {
		before = a.n;
		a.taken = false;
		rc = append_once(v, entry, arg, &a, err);
	}
	/* the same number again: what is there is no charter */
	if (a.taken) {
		char name[NAMES_MAX];
		err_set(err, ERR_CORRUPT, "%s: stands in the way and is no charter of this vault",
		        names_charter(name, a.n));
		return err_hint(err, "'holdfast check' names what does not belong; remove it by hand");
	}
	return rc;
}
