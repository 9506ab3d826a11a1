#include "vault/vault.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/io.h"
#include "base/json.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "crypto/sign.h"
#include "crypto/slot.h"
#include "format/names.h"
#include "holdfast/err.h"
#include "vault/mirrors.h"
#include "vault/storage.h"
#include "vault/texts.h"

struct vault {
	char *url, *state_dir;
	struct backend *storage;
	struct charter_anchor anchor;
	struct charter *charter;
	struct keyfile *key;               /* NULL: this machine is not enrolled */
	const struct charter_key *self;    /* its entry in the charter */
	struct secret *recovery_sk, *psk;  /* after unlock */
	bool copies;                       /* storage is one of mirrors.h */
	bool past;
	char id_text[33], short_id[10], fingerprint[TEXTS_FINGERPRINT_MAX];
};

/* ---- accessors ---- */

struct backend *vault_storage(const struct vault *v) { return v->storage; }
const struct charter *vault_charter(const struct vault *v) { return v->charter; }
const struct charter_anchor *vault_anchor(const struct vault *v) { return &v->anchor; }
const uint8_t *vault_id(const struct vault *v) { return v->anchor.vault; }
const struct keyfile *vault_keyfile(const struct vault *v) { return v->key; }
const char *vault_state_dir(const struct vault *v) { return v->state_dir; }
bool vault_can_read(const struct vault *v) { return v->recovery_sk != NULL; }
const char *vault_url(const struct vault *v) { return v->url; }
const char *vault_id_text(const struct vault *v) { return v->id_text; }
const char *vault_short_id(const struct vault *v) { return v->short_id; }
const char *vault_fingerprint(const struct vault *v) { return v->fingerprint; }
const char *vault_machine(const struct vault *v) { return v->self ? v->self->name : NULL; }

bool vault_is_past(const struct vault *v) { return v->past; }

bool vault_can_write(const struct vault *v)
{
	return v->self && v->self->roles & ROLE_WRITER;
}

const uint8_t *vault_psk(const struct vault *v)
{
	if (v->psk)
		return v->psk->bytes;
	return v->key ? v->key->psk->bytes : NULL;
}

const uint8_t *vault_recovery_sk(const struct vault *v)
{
	return v->recovery_sk ? v->recovery_sk->bytes : NULL;
}

void vault_store_id(const struct vault *v, const char *name, uint8_t id[16])
{
	hash_labelled(id, 16, "hf1.storeid", v->key->naming->bytes, 32, name, strlen(name));
}

int vault_need_writer(const struct vault *v, struct err *err)
{
	if (vault_can_write(v))
		return 0;
	err_set(err, ERR_KEY, "vault %s: this machine has no writer key for it", v->short_id);
	return err_hint(err, "its key file is %s.key in the keys folder of the machine that made the "
	                "vault", v->id_text);
}

int vault_need_reader(const struct vault *v, struct err *err)
{
	if (vault_can_read(v))
		return 0;
	err_set(err, ERR_KEY, "vault %s: %s", v->short_id,
	        v->key ? "this machine holds only the writer key, which cannot read backups"
	               : "the recovery secret is needed to read backups");
	return err_hint(err, "give the recovery code: at the prompt, with --passphrase-file, or "
	                "passphrase-command in the configuration");
}

int vault_state_make(const struct vault *v, struct err *err)
{
	if (!v->state_dir)
		return err_set(err, ERR_INVALID, "no state folder is configured");
	return io_make_dirs(v->state_dir, 0700, err);
}

/* ---- open ---- */

static void make_texts(struct vault *v)
{
	hex_encode(v->id_text, v->anchor.vault, 16);
	snprintf(v->short_id, sizeof v->short_id, "%.4s-%.4s", v->id_text, v->id_text + 4);
	texts_fingerprint(v->fingerprint, v->anchor.root);
}

static int read_anchor(struct vault *v, struct err *err)
{
	AUTO(buf) bytes = buf_new(CHARTER_LINE_MAX, err);
	if (!bytes)
		return err->code;
	if (storage_get_all(v->storage, NAMES_ANCHOR, bytes, err) != 0) {
		if (err->code != ERR_ABSENT)
			return err_wrap(err, "%s", v->url);
		err_set(err, ERR_ABSENT, "%s: no vault here (vault.json is absent)", v->url);
		return err_hint(err, "check the path; a new vault is made with 'holdfast init --vault URL'");
	}
	if (charter_decode_anchor(&v->anchor, bytes->bytes, bytes->len, err) != 0)
		return err_wrap(err, "%s", v->url);
	make_texts(v);
	return 0;
}

/* The highest number below `below`. */
struct highest { uint64_t below, n; };

static int highest(void *arg, const struct backend_object *o, struct err *err)
{
	struct highest *h = arg;
	char name[NAMES_MAX];
	uint64_t found;
	(void)err;
	if (names_tail_number(o->name, &found) && found > h->n && found < h->below &&
	    strcmp(names_charter(name, found), o->name) == 0)
		h->n = found;
	return 0;
}

static struct charter *load_charter(const struct vault *v, uint64_t n, struct err *err)
{
	char name[NAMES_MAX];
	AUTO(buf) bytes = buf_new(CHARTER_MAX_BYTES, err);
	if (!bytes || storage_get_all(v->storage, names_charter(name, n), bytes, err) != 0)
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
 * none was taken away, the number seen last and the heads of snapshots tell. */
static int read_charter(struct vault *v, struct err *err)
{
	struct err first = { 0 };
	for (struct highest h = { .below = UINT64_MAX }; !v->charter; h.below = h.n) {
		h.n = 0;
		if (storage_list(v->storage, NAMES_CHARTERS, highest, &h, err) != 0)
			return err->code;
		if (h.n == 0)
			break;
		v->charter = load_charter(v, h.n, err);
		if (!v->charter && err->code != ERR_CORRUPT && err->code != ERR_LIMIT)
			return err->code;
		if (first.code == ERR_NONE)
			first = *err;
	}
	if (v->charter)
		return 0;
	if (first.code == ERR_NONE)
		return err_set(err, ERR_CORRUPT, "%s: the charter is missing", v->url);
	*err = first;
	return err->code;
}

/* What the key file remembers of the vault must be what is there now. */
static int read_key(struct vault *v, const char *dir, struct err *err)
{
	v->key = keyfile_load(dir, v->anchor.vault, err);
	if (!v->key)
		return err->code == ERR_ABSENT ? 0 : err->code;
	if (memcmp(v->key->root, v->anchor.root, 32) != 0 ||
	    memcmp(v->key->recovery, v->charter->recovery, 32) != 0)
		return err_set(err, ERR_FORK, "%s: this is not the vault that this machine's key file "
		               "belongs to: its root or recovery key is another one", v->url);
	v->self = charter_find(v->charter, v->key->id);
	return 0;
}

/* The charter only grows: a shorter one, or another one of the same length, is a rollback or a
 * fork. What was seen last lies in STATE/<vault-id>/charter. */
static int remember_charter(struct vault *v, struct err *err)
{
	char path[PATH_MAX];
	if (!v->state_dir)
		return 0;
	snprintf(path, sizeof path, "%s/charter", v->state_dir);
	AUTO(buf) seen = buf_new(4096, err);
	if (!seen)
		return err->code;
	uint64_t n = 0;
	uint8_t hash[32];
	if (io_read_file(path, seen, err) == 0) {
		JSON_AUTO j = json_decode((const char *)seen->bytes, seen->len, path, err);
		if (!j || json_get_u64(j, "n", INT64_MAX, &n, path, err) != 0 ||
		    json_get_hex(j, "hash", hash, 32, path, err) != 0)
			return err->code;
	} else if (err->code != ERR_ABSENT)
		return err->code;
	if (n > v->charter->n || (n == v->charter->n && memcmp(hash, v->charter->hash, 32) != 0))
		return err_set(err, ERR_FORK, "%s: its charter is older than, or another than, the one "
		               "this machine saw last (entry %llu)", v->url, (unsigned long long)n);
	if (n == v->charter->n || !v->key)
		return 0;
	char hex[65];
	buf_clear(seen);
	if (vault_state_make(v, err) != 0 ||
	    buf_printf(seen, err, "{\"hash\":\"%s\",\"n\":%llu}\n",
	               hex_encode(hex, v->charter->hash, 32), (unsigned long long)v->charter->n) != 0)
		return err->code;
	return io_write_file(path, seen->bytes, seen->len, 0600, err);
}

static struct vault *vault_new(const struct vault_options *o, struct err *err)
{
	AUTO(vault) v = calloc(1, sizeof *v);
	if (crypto_start() != 0 || !v) {
		err_set(err, ERR_NOMEM, "out of memory");
		return NULL;
	}
	v->url = strdup(o->url);
	v->past = o->storage && o->storage->as_of_s;
	v->storage = storage_open(o->url, o->storage, err);
	if (!v->storage)
		return NULL;
	if (!v->url) {
		err_set(err, ERR_NOMEM, "out of memory");
		return NULL;
	}
	return TAKE(v);
}

static int set_state_dir(struct vault *v, const char *state_dir, struct err *err)
{
	if (state_dir && asprintf(&v->state_dir, "%s/%s", state_dir, v->id_text) < 0) {
		v->state_dir = NULL;
		return err_set(err, ERR_NOMEM, "out of memory");
	}
	return 0;
}

struct vault *vault_open(const struct vault_options *o, struct err *err)
{
	AUTO(vault) v = vault_new(o, err);
	if (!v || read_anchor(v, err) != 0 || read_charter(v, err) != 0 ||
	    set_state_dir(v, o->state_dir, err) != 0 ||
	    (o->keys_dir && read_key(v, o->keys_dir, err) != 0) || remember_charter(v, err) != 0)
		return NULL;
	return TAKE(v);
}

void vault_free(struct vault *v)
{
	if (!v)
		return;
	storage_free(v->storage);
	charter_free(v->charter);
	keyfile_free(v->key);
	secret_free(v->recovery_sk);
	secret_free(v->psk);
	free(v->state_dir);
	free(v->url);
	free(v);
}

/* ---- copies ---- */

int vault_use_copies(struct vault *v, struct err *err)
{
	struct backend *m = v->copies ? v->storage : mirrors_new(v->storage, &v->anchor, err);
	if (!m)
		return err->code;
	v->storage = m;
	v->copies = true;
	return 0;
}

int vault_add_mirror(struct vault *v, const char *label, const char *url,
                     const struct backend_options *storage, struct err *err)
{
	struct backend *b = vault_use_copies(v, err) == 0 ? storage_open(url, storage, err) : NULL;
	return b ? mirrors_add(v->storage, label, b, err) : err->code;
}

bool vault_list_mirrors(struct vault *v)
{
	return v->copies && mirrors_widen(v->storage);
}

bool vault_copies_used(struct vault *v, struct err *told)
{
	return v->copies && mirrors_used(v->storage, told);
}

bool vault_other_copy(const struct vault *v, const char *name, const struct err *err)
{
	struct err ignored;
	bool damage = err->code == ERR_CORRUPT || err->code == ERR_ABSENT || err->code == ERR_LIMIT;
	return v->copies && damage && storage_next_copy(v->storage, name, &ignored) == 0;
}

/* ---- unlock ---- */

struct unlock {
	struct vault *v;
	const char *passphrase;
	size_t len;
	unsigned slots;
	bool refused;            /* a sound slot did not open with this passphrase */
	struct secret *plain;
	struct err last;
};

static int open_slot(struct unlock *u, const char *name, struct err *err)
{
	AUTO(buf) slot = buf_new(4 * SLOT_BYTES, err);
	if (!slot || storage_get_all(u->v->storage, name, slot, err) != 0)
		return err->code;
	return slot_decode(u->plain->bytes, slot->bytes, slot->len, u->passphrase, u->len, err);
}

static int try_slot(void *arg, const struct backend_object *o, struct err *err)
{
	struct unlock *u = arg;
	struct err why = { 0 };
	(void)err;
	int rc;
	do
		rc = open_slot(u, o->name, &why);
	while (rc != 0 && vault_other_copy(u->v, o->name, &why));
	if (rc == 0)
		return 1;
	/* one that is junk, or too costly here, must not hide another that fits */
	u->slots++;
	u->refused |= rc == ERR_KEY;
	err_wrap(&why, "%s", o->name);
	u->last = why;
	return 0;
}

/* plain text of a slot: seed 32 | psk 32 | vault id 16 | zeros */
static int take_slot(struct vault *v, const uint8_t *plain, struct err *err)
{
	AUTO(secret) root_seed = secret_derive(plain, "hf1.root", err);
	AUTO(secret) root_sk = secret_new(SIGN_SECRET_BYTES, err);
	AUTO(secret) recovery_sk = secret_derive(plain, "hf1.recovery", err);
	AUTO(secret) psk = secret_copy(plain + 32, 32, err);
	if (!root_seed || !root_sk || !recovery_sk || !psk)
		return err->code;
	uint8_t root[32], recovery[32];
	sign_keypair(root, root_sk->bytes, root_seed->bytes);
	seal_public(recovery, recovery_sk->bytes);
	if (memcmp(plain + 64, v->anchor.vault, 16) != 0 || memcmp(root, v->anchor.root, 32) != 0 ||
	    memcmp(recovery, v->charter->recovery, 32) != 0)
		return err_set(err, ERR_FORK, "vault %s: the recovery secret belongs to another vault: "
		               "vault.json or the charter was replaced", v->short_id);
	secret_free(v->recovery_sk);
	secret_free(v->psk);
	v->recovery_sk = TAKE(recovery_sk);
	v->psk = TAKE(psk);
	return 0;
}

int vault_unlock(struct vault *v, const char *passphrase, size_t len, struct err *err)
{
	AUTO(secret) plain = secret_new(SLOT_PLAIN_BYTES, err);
	if (!plain)
		return err->code;
	struct unlock u = { .v = v, .passphrase = passphrase, .len = len, .plain = plain };
	int rc;
	do
		rc = storage_list(v->storage, NAMES_SLOTS, try_slot, &u, err);
	while (rc == 0 && !u.refused && vault_list_mirrors(v));
	if (rc < 0)
		return rc;
	if (rc > 0)
		return take_slot(v, plain->bytes, err);
	if (u.slots == 0) {
		err_set(err, ERR_ABSENT, "vault %s: has no passphrase slot", v->short_id);
		return err_hint(err, "its recovery key was split into shares, or its slots/ were deleted");
	}
	if (!u.refused) {
		*err = u.last;
		return err->code;
	}
	err_set(err, ERR_KEY, "vault %s: wrong passphrase (%u slot%s tried)", v->short_id, u.slots,
	        u.slots == 1 ? "" : "s");
	return err_hint(err, "keyboard layout? A recovery code is six words from the recovery sheet");
}
