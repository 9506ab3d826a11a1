/* vault (internal) - what the engine needs of an open vault; the public part is holdfast/vault.h. */
#ifndef VAULT_INTERNAL_H
#define VAULT_INTERNAL_H

#include "base/scope.h"
#include "format/charter.h"
#include "format/storekey.h"
#include "holdfast/vault.h"
#include "vault/keyfile.h"

struct backend;
struct buf;
struct err;

AUTO_FREE(vault);

struct backend *vault_storage(const struct vault *v);
/* *err says that an object as it was read is damaged or gone: is there another copy, which is what the
 * next read of it gets? Only after vault_use_copies. */
bool vault_other_copy(const struct vault *v, const char *name, const struct err *err);

const struct charter *vault_charter(const struct vault *v);
const struct charter_anchor *vault_anchor(const struct vault *v);
const uint8_t *vault_id(const struct vault *v);

/* This machine's keys, or NULL. */
const struct keyfile *vault_keyfile(const struct vault *v);

/* STATE/<vault-id>, or NULL on a machine that only reads. Made on demand by vault_state_make. */
const char *vault_state_dir(const struct vault *v);
int vault_state_make(const struct vault *v, struct err *err);

/* Is it read as it was at some time in the past (backend_options.as_of_s)? Then nothing is written. */
bool vault_is_past(const struct vault *v);

/* ERR_KEY with the words for the user where a writer key or the recovery secret is missing. */
int vault_need_writer(const struct vault *v, struct err *err);
int vault_need_reader(const struct vault *v, struct err *err);

/* BLAKE2b-128("hf1.storeid", naming key, name): random to others, stable after state loss. */
void vault_store_id(const struct vault *v, const char *name, uint8_t id[16]);

/* Vault psk: from the key file or the recovery slot; NULL if there is neither. */
const uint8_t *vault_psk(const struct vault *v);
/* X25519 recovery secret after vault_unlock, or NULL. */
const uint8_t *vault_recovery_sk(const struct vault *v);

/* Make and store the keys/ object of a new epoch, sealed to recovery, and read it back. The secret
 * is wiped; pk gets the public key. ERR_EXISTS if that epoch is taken. */
int vault_make_epoch(const struct vault *v, const char *store_name, uint32_t epoch,
                     uint8_t pk[32], struct err *err);

/* Newest epoch of one of this machine's stores (0: none) by listing keys/, with its public key
 * verified as made by this machine. *whole: every epoch from `oldest` up to it is there. */
int vault_newest_epoch(const struct vault *v, const uint8_t store[16], uint32_t oldest,
                       uint32_t *epoch, uint8_t pk[32], bool *whole, struct err *err);

/* Append a keys/ object, verified as made by an enrolled writer for its place; *k gets its public
 * part. Messages name the object. ERR_ABSENT, ERR_CORRUPT, ERR_NEWER, storage errors. */
int vault_read_key(const struct vault *v, const char *name, struct storekey *k, struct buf *bytes,
                   struct err *err);

/* The store's secret of an epoch, with the recovery secret. ERR_KEY without it, ERR_ABSENT if that
 * key is not in the vault (shredded or lost), ERR_CORRUPT. */
int vault_open_epoch(const struct vault *v, const uint8_t writer[16], const uint8_t store[16],
                     uint32_t epoch, struct storekey *out, struct err *err);

#endif
