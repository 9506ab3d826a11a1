/* The recovery secret, from a passphrase slot. */
#include <string.h>

#include "base/buf.h"
#include "crypto/seal.h"
#include "crypto/sign.h"
#include "crypto/slot.h"
#include "format/names.h"
#include "holdfast/err.h"
#include "vault/storage.h"
#include "vault/vault.h"
#include "vault/vault_struct.h"

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
	if (v->keep_root) {
		secret_free(v->root_sk);
		v->root_sk = TAKE(root_sk);
	}
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
