#include "vault/vault.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/crew.h"
#include "base/hex.h"
#include "base/io.h"
#include "crypto/hash.h"
#include "format/names.h"
#include "holdfast/backend.h"
#include "holdfast/err.h"
#include "vault/mirrors.h"
#include "vault/place.h"
#include "vault/storage.h"
#include "vault/vault_struct.h"

/* ---- accessors ---- */

struct backend *vault_storage(const struct vault *v) { return v->storage; }
const struct charter *vault_charter(const struct vault *v) { return v->charter; }
const struct charter_anchor *vault_anchor(const struct vault *v) { return &v->anchor; }
const uint8_t *vault_id(const struct vault *v) { return v->anchor.vault; }
const struct keyfile *vault_keyfile(const struct vault *v) { return v->key; }
const char *vault_state_dir(const struct vault *v) { return v->state_dir; }
bool vault_can_read(const struct vault *v) { return v->recovery_sk != NULL; }
void vault_keep_root(struct vault *v) { v->keep_root = true; }
const struct charter_key *vault_self(const struct vault *v) { return v->self; }
const char *vault_url(const struct vault *v) { return v->url; }
const char *vault_id_text(const struct vault *v) { return v->id_text; }
const char *vault_short_id(const struct vault *v) { return v->short_id; }
const char *vault_fingerprint(const struct vault *v) { return v->fingerprint; }
const char *vault_machine(const struct vault *v) { return v->self ? v->self->name : NULL; }

bool vault_is_past(const struct vault *v) { return v->past; }

const uint8_t *vault_psk(const struct vault *v)
{
	if (v->psk)
		return v->psk->bytes;
	return v->key && v->key->psk ? v->key->psk->bytes : NULL;
}

const uint8_t *vault_root_sk(const struct vault *v)
{
	return v->root_sk ? v->root_sk->bytes : NULL;
}

const uint8_t *vault_recovery_sk(const struct vault *v)
{
	return v->recovery_sk ? v->recovery_sk->bytes : NULL;
}

void vault_store_id(const struct vault *v, const char *name, uint8_t id[16])
{
	hash_labelled(id, 16, "hf1.storeid", v->key->naming->bytes, 32, name, strlen(name));
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

static int take_anchor(struct vault *v, const struct buf *bytes, struct err *err)
{
	if (charter_decode_anchor(&v->anchor, bytes->bytes, bytes->len, err) != 0)
		return err_wrap(err, "%s", v->url);
	make_texts(v);
	return 0;
}

static int read_anchor(struct vault *v, struct buf *bytes, struct err *err)
{
	if (storage_get_all(v->storage, NAMES_ANCHOR, bytes, err) != 0) {
		if (err->code != ERR_ABSENT)
			return err_wrap(err, "%s", v->url);
		err_set(err, ERR_ABSENT, "%s: no vault here (vault.json is absent)", v->url);
		return err_hint(err, "check the path; a new vault is made with 'holdfast init --vault URL'");
	}
	return take_anchor(v, bytes, err);
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
	return vault_find_self(v, err);
}

static struct vault *vault_new(const struct vault_options *o, struct err *err)
{
	AUTO(vault) v = calloc(1, sizeof *v);
	if (crypto_start() != 0 || !v) {
		err_no_memory(err);
		return NULL;
	}
	v->url = strdup(o->url);
	v->past = o->storage && o->storage->as_of_s;
	v->storage = storage_open(o->url, o->storage, err);
	if (!v->storage)
		return NULL;
	if (!v->url) {
		err_no_memory(err);
		return NULL;
	}
	return TAKE(v);
}

static int set_state_dir(struct vault *v, const char *state_dir, struct err *err)
{
	free(v->state_dir);
	v->state_dir = NULL;
	if (state_dir && asprintf(&v->state_dir, "%s/%s", state_dir, v->id_text) < 0) {
		v->state_dir = NULL;
		return err_no_memory(err);
	}
	return 0;
}

static int read_place(struct vault *v, const struct vault_options *o, struct place *p,
                      struct err *err)
{
	if (read_anchor(v, p->anchor, err) != 0 || set_state_dir(v, o->state_dir, err) != 0 ||
	    vault_recall_charter(v, err) != 0)
		return err->code;
	return vault_read_charter(v, p, err);
}

/* As this machine read it last. ERR_ABSENT: it is to be read. */
static int recall_place(struct vault *v, const struct vault_options *o, struct err *err)
{
	bool wanted = o->brief && o->state_dir && o->keys_dir && !v->past;
	AUTO(place) p = wanted ? place_load(o->state_dir, o->url, err) : NULL;
	if (!p || take_anchor(v, p->anchor, err) != 0)
		return ERR_ABSENT;
	if (set_state_dir(v, o->state_dir, err) != 0 || vault_recall_charter(v, err) != 0)
		return err->code;
	int rc = vault_take_charter(v, p, err);
	if (rc == 0)
		return 0;
	charter_free(v->charter);
	v->charter = NULL;
	return rc == ERR_CORRUPT ? ERR_ABSENT : rc;
}

struct vault *vault_open(const struct vault_options *o, struct err *err)
{
	struct err ignored;
	AUTO(vault) v = vault_new(o, err);
	AUTO(place) p = v ? place_new(err) : NULL;
	if (!p)
		return NULL;
	int rc = recall_place(v, o, err);
	bool is_read = rc == ERR_ABSENT;
	if (is_read)
		rc = read_place(v, o, p, err);
	if (rc != 0 || (o->keys_dir && read_key(v, o->keys_dir, err) != 0) ||
	    vault_remember_charter(v, err) != 0)
		return NULL;
	/* what cannot be remembered is read again */
	if (is_read && o->brief && v->state_dir && v->key && !v->past && p->tag[0])
		place_store(p, o->state_dir, o->url, &ignored);
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
	secret_free(v->root_sk);
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

bool vault_lists_mirrors(const struct vault *v)
{
	return v->copies && mirrors_are_wide(v->storage);
}

unsigned vault_at_once(const struct vault *v)
{
	return crew_waiting(v->storage->remote);
}

bool vault_copies_used(struct vault *v, const struct store_info *of, struct err *told)
{
	char prefix[NAMES_MAX];
	if (of)
		names_store(prefix, of->writer, of->store);   /* of its keys' names it is a part */
	return v->copies && mirrors_used(v->storage, of ? prefix : NULL, told);
}

bool vault_other_copy(const struct vault *v, const char *name, const struct err *err)
{
	struct err ignored;
	bool damage = err->code == ERR_CORRUPT || err->code == ERR_ABSENT || err->code == ERR_LIMIT;
	return v->copies && damage && storage_next_copy(v->storage, name, &ignored) == 0;
}
