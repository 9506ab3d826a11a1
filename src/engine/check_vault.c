/* The vault itself: everything in it that belongs to no single store. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "crypto/slot.h"
#include "engine/checking.h"
#include "format/names.h"
#include "vault/storage.h"
#include "vault/vault.h"

/* A store that has objects somewhere. */
struct place {
	uint8_t writer[16], store[16];
	bool keys, data;
};

struct vault_check {
	struct checking *c;
	uint64_t *charters;
	size_t n_charters, cap_charters;
	struct place *places;
	size_t n_places, cap_places;
	uint64_t slots;
};

static struct backend *storage(const struct vault_check *k)
{
	return vault_storage(k->c->vault);
}

/* ---- store keys ---- */

/* Only the writer itself can say whether a name belongs to its store id. */
static int check_name(const struct vault_check *k, const struct storekey *key, const char *name,
                      struct err *err)
{
	const struct keyfile *mine = vault_keyfile(k->c->vault);
	uint8_t id[16];
	if (!key->name[0] || !mine || memcmp(mine->id, key->writer, 16) != 0)
		return 0;
	vault_store_id(k->c->vault, key->name, id);
	return memcmp(id, key->store, 16) == 0 ? 0
	     : err_set(err, ERR_CORRUPT, "%s: names a store that has another id", name);
}

static int see_key(struct vault_check *k, const char *name, struct err *err)
{
	struct storekey key = { .name = "" };
	int rc = vault_open_key(k->c->vault, name, &key, err);
	if (rc == 0)
		rc = check_name(k, &key, name, err);
	sodium_memzero(&key, sizeof key);
	return rc == 0 ? 0 : checking_problem(k->c, err);
}

/* ---- slots ---- */

static int see_slot(struct vault_check *k, const char *name, struct err *err)
{
	AUTO(buf) slot = buf_new(4 * SLOT_BYTES, err);
	if (!slot)
		return err->code;
	k->slots++;
	if (storage_get_all(storage(k), name, slot, err) != 0)
		return checking_problem(k->c, err);
	if (slot_check(slot->bytes, slot->len, err) == 0)
		return 0;
	err_wrap(err, "%s", name);
	return checking_problem(k->c, err);
}

/* ---- what is there ---- */

static int add_charter(struct vault_check *k, uint64_t n, struct err *err)
{
	if (k->n_charters == k->cap_charters) {
		size_t cap = k->cap_charters ? k->cap_charters * 2 : 16;
		uint64_t *list = realloc(k->charters, cap * sizeof *list);
		if (!list)
			return err_no_memory(err);
		k->charters = list;
		k->cap_charters = cap;
	}
	k->charters[k->n_charters++] = n;
	return 0;
}

/* Listings nearly always keep a folder together, so that looking at the last one suffices to keep
 * the list short; it is sorted later. */
static int add_place(struct vault_check *k, const struct place *p, struct err *err)
{
	struct place *last = k->n_places ? &k->places[k->n_places - 1] : NULL;
	if (last && memcmp(last->writer, p->writer, 16) == 0 &&
	    memcmp(last->store, p->store, 16) == 0) {
		last->keys |= p->keys;
		last->data |= p->data;
		return 0;
	}
	if (k->n_places == k->cap_places) {
		size_t cap = k->cap_places ? k->cap_places * 2 : 64;
		struct place *list = realloc(k->places, cap * sizeof *list);
		if (!list)
			return err_no_memory(err);
		k->places = list;
		k->cap_places = cap;
	}
	k->places[k->n_places++] = *p;
	return 0;
}

/* Hex of an id, then a slash: *rest is what is behind it. */
static bool take_folder(const char *name, uint8_t id[16], const char **rest)
{
	char hex[33];
	if (strnlen(name, 33) < 33 || name[32] != '/')
		return false;
	snprintf(hex, sizeof hex, "%.32s", name);
	*rest = name + 33;
	return hex_decode(id, 16, hex);
}

/* What lies in a key's own folder; what is inside a store's is looked at when the store is checked. */
static bool writer_object(const char *name, struct place *p)
{
	const char *rest, *inner;
	uint8_t id[32];
	if (!take_folder(name, p->writer, &rest))
		return false;
	p->data = take_folder(rest, p->store, &inner);
	return p->data || (names_starts(rest, "doomed/") && hex_decode(id, 32, rest + strlen("doomed/"))) ||
	       strcmp(rest, "log/checkpoint") == 0 || names_starts(rest, "log/tile/") ||
	       names_starts(rest, "drills/") ||
	       (names_starts(rest, "runs/") && hex_decode(id, 32, rest + strlen("runs/")));
}

static int stray(struct vault_check *k, const char *name, struct err *err)
{
	err_set(err, ERR_CORRUPT, "%s: does not belong here", name);
	err_hint(err, "Holdfast did not put it there; nothing that it needs is in it");
	return checking_problem(k->c, err);
}

static int see_writer(struct vault_check *k, const char *name, struct err *err)
{
	struct place p = { .keys = false };
	if (!writer_object(name, &p))
		return stray(k, name, err);
	return add_place(k, &p, err);
}

static int see(void *arg, const struct backend_object *o, struct err *err)
{
	struct vault_check *k = arg;
	struct place p = { .keys = true };
	char expected[NAMES_MAX] = "";
	uint8_t id[16], recipient[16];
	uint32_t epoch;
	uint64_t n;
	if (strcmp(o->name, NAMES_ANCHOR) == 0 || strcmp(o->name, NAMES_RECOVERY) == 0 ||
	    strcmp(o->name, NAMES_FORMAT) == 0 || names_starts(o->name, NAMES_PROBE))
		return 0;
	if (names_starts(o->name, NAMES_CHARTERS) && names_tail_number(o->name, &n) &&
	    strcmp(names_charter(expected, n), o->name) == 0)
		return add_charter(k, n, err);
	if (names_starts(o->name, NAMES_SLOTS) && names_tail_id(o->name, id, sizeof id) &&
	    strcmp(names_slot(expected, id), o->name) == 0)
		return see_slot(k, o->name, err);
	if (names_parse_key(o->name, p.writer, p.store, &epoch, recipient) &&
	    strcmp(names_key(expected, p.writer, p.store, epoch, recipient), o->name) == 0)
		return add_place(k, &p, err) == 0 ? see_key(k, o->name, err) : err->code;
	return see_writer(k, o->name, err);
}

/* ---- places ---- */

static int by_place(const void *a, const void *b)
{
	return memcmp(a, b, 32);   /* writer, then store */
}

static void merge_places(struct vault_check *k)
{
	size_t n = 0;
	if (k->n_places)
		qsort(k->places, k->n_places, sizeof *k->places, by_place);
	for (size_t i = 0; i < k->n_places; i++) {
		struct place *last = n ? &k->places[n - 1] : NULL;
		if (last && by_place(last, &k->places[i]) == 0) {
			last->keys |= k->places[i].keys;
			last->data |= k->places[i].data;
		} else
			k->places[n++] = k->places[i];
	}
	k->n_places = n;
}

static int check_writer(struct vault_check *k, const struct place *p, struct err *err)
{
	char name[NAMES_MAX];
	if (charter_find(vault_charter(k->c->vault), p->writer))
		return 0;
	err_set(err, ERR_CORRUPT, "%s: holds objects of a key that is not in the charter",
	        names_writer(name, p->writer));
	return checking_problem(k->c, err);
}

static int check_place(struct vault_check *k, const struct place *p, struct err *err)
{
	char folder[NAMES_MAX], keys[NAMES_MAX], hex[33];
	if (!p->data || p->keys)
		return 0;
	err_set(err, ERR_CORRUPT, "store %s%s has snapshots but its keys are gone: %s holds none "
	        "(shredded or lost)", names_writer(folder, p->writer), hex_encode(hex, p->store, 16),
	        names_keys(keys, p->writer, p->store));
	err_hint(err, "copy them back from another copy of the vault; without them nobody can read it");
	return checking_problem(k->c, err);
}

static int check_places(struct vault_check *k, struct err *err)
{
	merge_places(k);
	for (size_t i = 0; i < k->n_places; i++) {
		const struct place *p = &k->places[i];
		bool first = i == 0 || memcmp(p->writer, k->places[i - 1].writer, 16) != 0;
		if ((first && check_writer(k, p, err) != 0) || check_place(k, p, err) != 0)
			return err->code;
	}
	return 0;
}

/* ---- charters ---- */

static int descending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x < y) - (x > y);
}

/* Decodes, holds n entries, and is the beginning of the newer one in `newest` (empty: none yet). */
static int check_charter(struct vault_check *k, uint64_t n, struct buf *newest, struct err *err)
{
	char name[NAMES_MAX];
	const struct charter *known = vault_charter(k->c->vault);
	AUTO(buf) bytes = buf_new(CHARTER_MAX_BYTES, err);
	if (!bytes || storage_get_all(storage(k), names_charter(name, n), bytes, err) != 0)
		return err->code;
	AUTO(charter) c = charter_decode(bytes->bytes, bytes->len, vault_anchor(k->c->vault), err);
	if (!c)
		return err_wrap(err, "%s", name);
	if (c->n != n)
		return err_set(err, ERR_CORRUPT, "%s: holds %" PRIu64 " entries", name, c->n);
	if ((n == known->n && memcmp(c->hash, known->hash, 32) != 0) ||
	    (newest->len && (bytes->len >= newest->len ||
	                     memcmp(bytes->bytes, newest->bytes, bytes->len) != 0)))
		return err_set(err, ERR_FORK, "%s: is not the beginning of the newest charter: there are "
		               "two histories", name);
	return newest->len ? 0 : buf_append(newest, bytes->bytes, bytes->len, err);
}

static int check_charters(struct vault_check *k, struct err *err)
{
	bool current = false;
	char name[NAMES_MAX];
	const struct charter *known = vault_charter(k->c->vault);
	AUTO(buf) newest = buf_new(CHARTER_MAX_BYTES, err);
	if (!newest)
		return err->code;
	if (k->n_charters)
		qsort(k->charters, k->n_charters, sizeof *k->charters, descending);
	for (size_t i = 0; i < k->n_charters; i++) {
		current |= k->charters[i] >= known->n;
		if (check_charter(k, k->charters[i], newest, err) != 0 &&
		    checking_problem(k->c, err) != 0)
			return err->code;
	}
	if (current)
		return 0;
	err_set(err, ERR_FORK, "%s: the newest charter is gone", names_charter(name, known->n));
	return checking_problem(k->c, err);
}

/* ---- the plain files ---- */

static int check_anchor(const struct vault_check *k, struct err *err)
{
	struct charter_anchor a;
	const struct charter_anchor *known = vault_anchor(k->c->vault);
	AUTO(buf) bytes = buf_new(CHARTER_LINE_MAX, err);
	if (!bytes || storage_get_all(storage(k), NAMES_ANCHOR, bytes, err) != 0 ||
	    charter_decode_anchor(&a, bytes->bytes, bytes->len, err) != 0)
		return err->code;
	if (memcmp(a.root, known->root, 32) != 0 || memcmp(a.vault, known->vault, 16) != 0)
		return err_set(err, ERR_FORK, NAMES_ANCHOR ": is of another vault");
	return 0;
}

static int check_text(const struct vault_check *k, const char *name, const uint8_t hash[32],
                      struct err *err)
{
	uint8_t found[32];
	AUTO(buf) text = buf_new(1 << 20, err);
	if (!text || storage_get_all(storage(k), name, text, err) != 0)
		return err->code;
	hash_plain(found, text->bytes, text->len);
	if (memcmp(found, hash, 32) == 0)
		return 0;
	err_set(err, ERR_CORRUPT, "%s: is not what was written when the vault was made (changed or "
	        "damaged in storage)", name);
	return err_hint(err, "do not follow what it says: it may be a forgery");
}

static int check_texts(struct vault_check *k, struct err *err)
{
	const struct charter_anchor *a = vault_anchor(k->c->vault);
	if (check_anchor(k, err) != 0 && checking_problem(k->c, err) != 0)
		return err->code;
	if (check_text(k, NAMES_RECOVERY, a->recovery_txt, err) != 0 &&
	    checking_problem(k->c, err) != 0)
		return err->code;
	if (check_text(k, NAMES_FORMAT, a->format_md, err) != 0 && checking_problem(k->c, err) != 0)
		return err->code;
	return 0;
}

/* ---- all of it ---- */

static int check_slots(struct vault_check *k, struct err *err)
{
	if (k->slots > 0)
		return 0;
	err_set(err, ERR_CORRUPT, NAMES_SLOTS ": there is no passphrase slot: no passphrase opens this "
	        "vault");
	err_hint(err, "copy it back from another copy of the vault");
	return checking_problem(k->c, err);
}

static int run(struct vault_check *k, struct err *err)
{
	meter_phase(&k->c->meter, "checking", 0);
	if (check_texts(k, err) != 0 || storage_list(storage(k), "", see, k, err) != 0 ||
	    check_charters(k, err) != 0 || check_slots(k, err) != 0)
		return err->code;
	return check_places(k, err);
}

int check_vault(struct checking *c, struct err *err)
{
	struct vault_check k = { .c = c };
	int rc = run(&k, err);
	free(k.charters);
	free(k.places);
	return rc;
}
