#include "vault/ledger.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/io.h"
#include "base/wire.h"
#include "crypto/sha256.h"
#include "format/names.h"
#include "holdfast/err.h"
#include "vault/logedge.h"
#include "vault/storage.h"
#include "vault/tlog.h"
#include "vault/vault.h"

/* What was set back behind our back would be overwritten: after so long it is looked at again. */
enum { LOOK_VALID_S = 60 };

struct ledger {
	struct vault *vault;
	struct note there;           /* the vault's checkpoint when it was looked at */
	bool exists;                 /* there is one */
	uint64_t looked_s;           /* CLOCK_BOOTTIME */
	bool agreed, is_new;
	uint8_t covered[32];         /* list of stores that is in the vault */
};

static const uint8_t *own_key(const struct ledger *l)
{
	return vault_keyfile(l->vault)->id;
}

/* ---- what is there, and what is remembered ---- */

static int lock_log(const struct vault *v, struct err *err)
{
	char path[PATH_MAX];
	if (tlog_state_path(v, "", path, sizeof path, err) != 0 || io_make_dirs(path, 0700, err) != 0 ||
	    tlog_state_path(v, "lock", path, sizeof path, err) != 0)
		return -1;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	/* appends take moments: who comes second waits */
	if (fd < 0 || flock(fd, LOCK_EX) != 0) {
		err_sys(err, "%s", path);
		io_drop(&fd);
	}
	return fd;
}

static bool same(const struct logedge *e, const struct note *n)
{
	return e->tiles.size == n->size && memcmp(e->root, n->root, 32) == 0;
}

static int read_there(struct ledger *l, struct err *err)
{
	l->looked_s = clock_boot_s();
	int rc = tlog_checkpoint(l->vault, own_key(l), &l->there, NULL, err);
	l->exists = rc == 0;
	return rc == ERR_ABSENT ? 0 : rc;
}

/* NULL and no error: nothing is remembered, or it is damaged, which is the same. */
static struct logedge *load_edge(const struct ledger *l, struct err *err)
{
	struct logedge *e = logedge_load(l->vault, err);
	if (!e && (err->code == ERR_ABSENT || err->code == ERR_CORRUPT))
		err->code = ERR_NONE;
	return e;
}

/* Under the lock: else another process of this machine might append between the two looks. */
static int compare(struct ledger *l, struct err *err)
{
	IO_AUTO_FD lock = lock_log(l->vault, err);
	if (lock < 0 || read_there(l, err) != 0)
		return err->code;
	err->code = ERR_NONE;
	AUTO(logedge) e = load_edge(l, err);
	if (err->code != ERR_NONE)
		return err->code;
	l->is_new = !e;
	l->agreed = e && l->exists && same(e, &l->there);
	if (e)
		memcpy(l->covered, e->covered, sizeof l->covered);
	return 0;
}

bool ledger_is_kept(const struct vault *v)
{
	const struct keyfile *k = vault_keyfile(v);
	return k && charter_find(vault_charter(v), k->id) && vault_state_dir(v) && !vault_is_past(v);
}

struct ledger *ledger_open(struct vault *v, struct err *err)
{
	const struct keyfile *k = vault_keyfile(v);
	AUTO(ledger) l = calloc(1, sizeof *l);
	if (!l) {
		err_no_memory(err);
		return NULL;
	}
	l->vault = v;
	if (!k || !charter_find(vault_charter(v), k->id)) {
		err_set(err, ERR_KEY, "vault %s: this machine is not enrolled: it has no ledger there",
		        vault_short_id(v));
		return NULL;
	}
	if (!vault_state_dir(v)) {
		err_set(err, ERR_INVALID, "no state folder is configured");
		return NULL;
	}
	return compare(l, err) == 0 ? TAKE(l) : NULL;
}

void ledger_free(struct ledger *l)
{
	free(l);
}

bool ledger_agrees(const struct ledger *l) { return l->agreed; }
bool ledger_is_new(const struct ledger *l) { return l->is_new; }

/* ---- from where to go on ---- */

static int tell_fork(const struct ledger *l, const struct logedge *e, const char *fact,
                     struct err *err)
{
	char here[65], there[65];
	hex_encode(here, e->root, 32);
	if (!l->exists)
		return err_set(err, ERR_FORK, "ledger: %s: this machine's is gone from the vault; it had %"
		               PRIu64 " entries, root %s", fact, e->tiles.size, here);
	return err_set(err, ERR_FORK, "ledger: %s: the vault has %" PRIu64 " entries, root %s; this "
	               "machine remembers %" PRIu64 ", root %s", fact, l->there.size,
	               hex_encode(there, l->there.root, 32), e->tiles.size, here);
}

/* Does what is there begin with what is remembered? */
static bool has_grown(const struct ledger *l, const struct logedge *e, struct err *err)
{
	struct merkle_proof proof;
	AUTO(buf) bytes = buf_new(TILES_HASHES_BYTES, err);
	struct tlog_reader reader = { .vault = l->vault, .key = own_key(l), .size = l->there.size,
	                              .bytes = bytes };
	return bytes && merkle_prove_growth(e->tiles.size, l->there.size, tlog_read_hash, &reader,
	                                    &proof, err) == 0 &&
	       merkle_verify_growth(e->tiles.size, e->root, l->there.size, l->there.root, &proof);
}

/* The edge to add to. *warned: the vault was set back; it is said in *warning. NULL with *err. */
static struct logedge *choose_edge(struct ledger *l, bool *warned, struct err *warning,
                                   struct err *err)
{
	/* where it agreed, other processes of this machine may have appended since; that is as it was */
	bool agrees = l->agreed && clock_boot_s() - l->looked_s < LOOK_VALID_S;
	if (!agrees && read_there(l, err) != 0)
		return NULL;
	err->code = ERR_NONE;
	AUTO(logedge) e = load_edge(l, err);
	if (err->code != ERR_NONE)
		return NULL;
	if (!e)
		return l->exists ? logedge_read(l->vault, &l->there, err) : logedge_new(err);
	if (agrees || (l->exists && same(e, &l->there)) || (!l->exists && e->tiles.size == 0))
		return TAKE(e);
	if (!l->exists || l->there.size < e->tiles.size) {
		*warned = true;
		tell_fork(l, e, "was set back", warning);
		return TAKE(e);
	}
	if (l->there.size > e->tiles.size && has_grown(l, e, err))
		return logedge_read(l->vault, &l->there, err);
	l->agreed = false;
	tell_fork(l, e, "another history", err);
	err_hint(err, "a copy of this machine writes with the same key: enroll it with a key of its own");
	return NULL;
}

/* ---- one commit ---- */

struct commit {
	struct ledger *ledger;
	struct logedge *edge;        /* what becomes */
	bool changed[TILES_LEVELS];  /* this level's partial tile has a new hash */
	uint64_t filled_from;        /* first tile of entries that became full */
};

static int put_once(struct ledger *l, const char *name, const void *data, size_t len,
                    struct err *err)
{
	struct backend *b = vault_storage(l->vault);
	int rc = storage_put(b, name, data, len, BACKEND_NEW, err);
	if (rc != ERR_EXISTS)
		return rc;
	/* a killed append's. What is not in a signed tree yet has no say: it is replaced */
	AUTO(buf) there = buf_new(len, err);
	if (!there)
		return err->code;
	if (storage_get_all(b, name, there, err) == 0 && there->len == len &&
	    memcmp(there->bytes, data, len) == 0)
		return 0;
	return storage_put(b, name, data, len, BACKEND_REPLACE, err);
}

static int put_tile(struct ledger *l, const struct tile *t, const void *data, size_t len,
                    struct err *err)
{
	char path[TILES_PATH_MAX], name[NAMES_MAX];
	names_log(name, own_key(l), tiles_path(path, t));
	if (t->width == TILES_WIDTH)
		return put_once(l, name, data, len, err);
	return storage_put(vault_storage(l->vault), name, data, len, BACKEND_REPLACE, err);
}

static int tile_is_full(void *arg, const struct tile *t, const uint8_t hashes[][MERKLE_BYTES],
                        struct err *err)
{
	struct commit *c = arg;
	if (t->level + 1 < TILES_LEVELS)
		c->changed[t->level + 1] = true;
	return put_tile(c->ledger, t, hashes, TILES_HASHES_BYTES, err);
}

static int add_entry(struct commit *c, const uint8_t *entry, size_t len, struct err *err)
{
	struct logedge *e = c->edge;
	uint8_t leaf[MERKLE_BYTES];
	uint64_t at = e->tiles.size;
	merkle_leaf(leaf, entry, len);
	if (tiles_add_entry(e->bundle, entry, len, err) != 0)
		return err->code;
	if (at % TILES_WIDTH == TILES_WIDTH - 1) {
		const struct tile t = { TILES_ENTRIES, at / TILES_WIDTH, TILES_WIDTH };
		if (put_tile(c->ledger, &t, e->bundle->bytes, e->bundle->len, err) != 0)
			return err->code;
		buf_clear(e->bundle);
	}
	return tiles_edge_add(&e->tiles, leaf, tile_is_full, c, err);
}

static int put_partial_tiles(struct commit *c, struct err *err)
{
	const struct logedge *e = c->edge;
	for (int level = TILES_ENTRIES; level < TILES_LEVELS; level++) {
		uint64_t count = tiles_count(e->tiles.size, level);
		const struct tile t = tiles_of(e->tiles.size, level, count / TILES_WIDTH);
		if (t.width == 0 || (level > 0 && !c->changed[level]))
			continue;
		int rc = level == TILES_ENTRIES
		       ? put_tile(c->ledger, &t, e->bundle->bytes, e->bundle->len, err)
		       : put_tile(c->ledger, &t, e->tiles.hashes[level], t.width * MERKLE_BYTES, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int put_checkpoint(struct commit *c, struct err *err)
{
	const struct vault *v = c->ledger->vault;
	struct note n = { .size = c->edge->tiles.size };
	char name[NAMES_MAX];
	AUTO(buf) b = buf_new(NOTE_MAX, err);
	tlog_origin(v, own_key(c->ledger), n.origin);
	memcpy(n.root, c->edge->root, sizeof n.root);
	if (!b || note_encode(&n, vault_keyfile(v)->log_sk->bytes, b, err) != 0)
		return err->code;
	names_log(name, own_key(c->ledger), NAMES_CHECKPOINT);
	if (storage_put(vault_storage(v), name, b->bytes, b->len, BACKEND_REPLACE, err) != 0)
		return err->code;
	c->ledger->there = n;
	c->ledger->exists = c->ledger->agreed = true;
	c->ledger->is_new = false;
	return tlog_remember(v, own_key(c->ledger), b->bytes, b->len, err);
}

static int drop_partial(void *arg, const struct backend_object *o, struct err *err)
{
	return storage_remove(vault_storage(arg), o->name, err);
}

/* Partial tiles of a tile that is full now are of no more use. Who may not remove them leaves them; over
 * a network it would take longer than they are worth. */
static void drop_partials(struct commit *c)
{
	struct vault *v = c->ledger->vault;
	struct err ignored;
	char path[TILES_PATH_MAX], folder[TILES_PATH_MAX + 4], prefix[NAMES_MAX];
	uint64_t full = c->edge->tiles.size / TILES_WIDTH;
	for (uint64_t n = c->filled_from; n < full && !vault_storage(v)->remote; n++)
		for (int level = TILES_ENTRIES; level <= 0; level++) {
			const struct tile t = { level, n, TILES_WIDTH };
			snprintf(folder, sizeof folder, "%s.p/", tiles_path(path, &t));
			names_log(prefix, own_key(c->ledger), folder);
			storage_list(vault_storage(v), prefix, drop_partial, v, &ignored);
		}
}

/* Everything that `add` holds, behind `edge`, which becomes the new one. */
static int commit(struct ledger *l, struct logedge *edge, const struct logintent *add,
                  struct err *err)
{
	struct commit c = { .ledger = l, .edge = edge, .filled_from = edge->tiles.size / TILES_WIDTH };
	const uint8_t *entry;
	size_t len;
	struct wire w = wire_over(add->entries->bytes, add->entries->len);
	while (tiles_next_entry(&w, &entry, &len))
		if (add_entry(&c, entry, len, err) != 0)
			return err->code;
	tiles_edge_root(&edge->tiles, edge->root);
	memcpy(edge->covered, l->covered, sizeof edge->covered);
	if (put_partial_tiles(&c, err) != 0 || put_checkpoint(&c, err) != 0 ||
	    logedge_store(l->vault, edge, err) != 0 || logintent_remove(l->vault, err) != 0)
		return err->code;
	drop_partials(&c);
	return 0;
}

/* ---- appending ---- */

/* What a killed append meant to add and did not. It did where the log has grown past it: nobody else can
 * sign that. NULL and no error: nothing. */
static struct logintent *left_intent(const struct ledger *l, const struct logedge *e, struct err *err)
{
	AUTO(logintent) i = logintent_load(l->vault, err);
	if (!i) {
		if (err->code == ERR_ABSENT || err->code == ERR_CORRUPT)
			err->code = ERR_NONE;
		return NULL;
	}
	bool due = i->kept || (i->size == e->tiles.size && memcmp(i->root, e->root, 32) == 0);
	return due ? TAKE(i) : NULL;
}

static int encode_all(struct logintent *to, const struct entry *entries, size_t n, struct err *err)
{
	AUTO(buf) text = buf_new(ENTRY_MAX * 2, err);
	if (!text)
		return err->code;
	for (size_t i = 0; i < n; i++) {
		buf_clear(text);
		if (entry_encode(&entries[i], text, err) != 0 ||
		    tiles_add_entry(to->entries, text->bytes, text->len, err) != 0)
			return err->code;
		to->n++;
	}
	return 0;
}

static int append_locked(struct ledger *l, const struct entry *entries, size_t n, bool *warned,
                         struct err *warning, struct err *err)
{
	AUTO(logedge) e = choose_edge(l, warned, warning, err);
	if (!e)
		return err->code;
	err->code = ERR_NONE;
	AUTO(logintent) i = left_intent(l, e, err);
	if (err->code != ERR_NONE)
		return err->code;
	if (!i && !(i = logintent_new(err)))
		return err->code;
	i->size = e->tiles.size;
	memcpy(i->root, e->root, sizeof i->root);
	i->kept = false;
	if (encode_all(i, entries, n, err) != 0)
		return err->code;
	if (i->n == 0 && !*warned)
		return 0;
	return logintent_store(l->vault, i, err) == 0 ? commit(l, e, i, err) : err->code;
}

int ledger_append(struct ledger *l, const struct entry *entries, size_t n, struct err *err)
{
	struct err warning = { 0 };
	bool warned = false;
	IO_AUTO_FD lock = lock_log(l->vault, err);
	if (lock < 0)
		return err->code;
	int rc = append_locked(l, entries, n, &warned, &warning, err);
	if (rc != 0 || !warned)
		return rc;
	*err = warning;
	return err_hint(err, "'holdfast ledger verify' shows what is missing");
}

int ledger_settle(struct vault *v, struct err *err)
{
	AUTO(ledger) l = ledger_open(v, err);
	return l ? ledger_append(l, NULL, 0, err) : err->code;
}

/* What is kept already, or nothing; NULL without an error where only a look at the vault tells. */
static struct logintent *kept_intent(const struct ledger *l, struct err *err)
{
	AUTO(logedge) e = load_edge(l, err);
	if (!e)
		return NULL;
	err->code = ERR_NONE;
	AUTO(logintent) i = logintent_load(l->vault, err);
	if (i)
		return i->kept ? TAKE(i) : NULL;   /* else what is there may be in the vault already */
	if (err->code != ERR_ABSENT && err->code != ERR_CORRUPT)
		return NULL;
	err->code = ERR_NONE;
	i = logintent_new(err);
	if (!i)
		return NULL;
	i->kept = true;
	i->size = e->tiles.size;
	memcpy(i->root, e->root, sizeof i->root);
	return TAKE(i);
}

/* *kept: it is, and nothing needs to be appended yet. */
static int try_to_keep(struct vault *v, const struct entry *entry, bool *kept, struct err *err)
{
	const struct ledger l = { .vault = v };
	*kept = false;
	IO_AUTO_FD lock = lock_log(v, err);
	if (lock < 0)
		return err->code;
	err->code = ERR_NONE;
	AUTO(logintent) i = kept_intent(&l, err);
	if (!i || i->n + 1 >= LEDGER_KEPT_MAX)
		return err->code;
	int rc = encode_all(i, entry, 1, err);
	if (rc == 0)
		rc = logintent_store(v, i, err);
	*kept = rc == 0;
	/* too much for one intent: an append tells the same, or makes room */
	return rc == ERR_LIMIT ? 0 : rc;
}

int ledger_defer(struct vault *v, const struct entry *entry, struct err *err)
{
	bool kept;
	if (!ledger_is_kept(v))
		return ledger_write(v, entry, err);
	if (try_to_keep(v, entry, &kept, err) != 0)
		return err->code;
	return kept ? 0 : ledger_write(v, entry, err);
}

int ledger_write(struct vault *v, const struct entry *entry, struct err *err)
{
	AUTO(ledger) l = ledger_open(v, err);
	return l ? ledger_append(l, entry, 1, err) : err->code;
}

/* ---- lists ---- */

static int put_list(struct ledger *l, const struct buf *b, const uint8_t digest[32],
                    struct err *err)
{
	char name[NAMES_MAX];
	names_list(name, own_key(l), digest);
	int rc = storage_put(vault_storage(l->vault), name, b->bytes, b->len, BACKEND_NEW, err);
	return rc == ERR_EXISTS ? 0 : rc;
}

int ledger_put_items(struct ledger *l, struct entry *e, struct err *err)
{
	AUTO(buf) b = buf_new(ENTRY_LIST_MAX, err);
	if (!b || entry_items_encode(e->items, e->n_items, b, err) != 0)
		return err->code;
	if (e->n_items <= ENTRY_INLINE_MAX)
		return 0;
	sha256(e->list, b->bytes, b->len);
	return put_list(l, b, e->list, err);
}

int ledger_put_stores(struct ledger *l, struct entry *e, struct err *err)
{
	AUTO(buf) b = buf_new(ENTRY_LIST_MAX, err);
	if (!b || entry_stores_encode(e->covers, e->n_covers, b, err) != 0)
		return err->code;
	if (e->n_covers <= ENTRY_INLINE_MAX)
		return 0;
	sha256(e->covered, b->bytes, b->len);
	if (memcmp(e->covered, l->covered, 32) == 0)
		return 0;
	if (put_list(l, b, e->covered, err) != 0)
		return err->code;
	memcpy(l->covered, e->covered, 32);
	return 0;
}

/* ---- the others ---- */

int ledger_others(struct vault *v, struct entry_log **logs, size_t *n, struct err *err)
{
	const struct charter *c = vault_charter(v);
	struct entry_log *list = calloc(c->n_keys + 1, sizeof *list);
	size_t found = 0;
	if (!list)
		return err_no_memory(err);
	for (size_t i = 0; i < c->n_keys && found < ENTRY_LOGS_MAX; i++) {
		const uint8_t *key = c->keys[i].id;
		struct note note;
		struct err ignored;
		if ((vault_keyfile(v) && memcmp(key, vault_keyfile(v)->id, 16) == 0) ||
		    tlog_checkpoint(v, key, &note, NULL, &ignored) != 0)
			continue;
		memcpy(list[found].key, key, 16);
		memcpy(list[found].root, note.root, 32);
		list[found++].size = note.size;
	}
	*logs = list;
	*n = found;
	return 0;
}

/* `entry` (NULL: none), then what is seen of the others (none: nothing); where there is neither, what is
 * left is appended if `settle`. */
static int write_seeing(struct vault *v, const struct entry *entry, bool settle, struct err *err)
{
	struct entry both[2] = { { .kind = ENTRY_SEEN } };
	size_t n = entry ? 1 : 0;
	struct entry *seen = &both[n];
	if (entry)
		both[0] = *entry;
	*seen = (struct entry){ .kind = ENTRY_SEEN, .time_s = (uint64_t)time(NULL) };
	if (ledger_others(v, &seen->logs, &seen->n_logs, err) != 0)
		return err->code;
	if (seen->n_logs)
		n++;
	bool any = n > 0 || settle;
	AUTO(ledger) l = any ? ledger_open(v, err) : NULL;
	int rc = l ? ledger_append(l, both, n, err) : any ? err->code : 0;
	free(seen->logs);
	return rc;
}

int ledger_write_seen(struct vault *v, struct err *err)
{
	return write_seeing(v, NULL, false, err);
}

int ledger_write_seeing(struct vault *v, const struct entry *entry, struct err *err)
{
	return write_seeing(v, entry, false, err);
}

int ledger_settle_seeing(struct vault *v, struct err *err)
{
	return write_seeing(v, NULL, true, err);
}
