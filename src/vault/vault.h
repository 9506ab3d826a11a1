/* vault (internal) - what the engine needs of an open vault; the public part is holdfast/vault.h. */
#ifndef VAULT_INTERNAL_H
#define VAULT_INTERNAL_H

#include "base/scope.h"
#include "format/charter.h"
#include "format/names.h"
#include "format/storekey.h"
#include "holdfast/backend.h"
#include "holdfast/vault.h"
#include "vault/keyfile.h"

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

/* This machine's keys, or NULL; and their entry in the charter, or NULL. */
const struct keyfile *vault_keyfile(const struct vault *v);
const struct charter_key *vault_self(const struct vault *v);

/*
 * One entry more in the charter: every enrolment and grant comes through here. `entry` appends one line
 * to chain, which holds the charter c; it is called again where another machine was quicker. The entry
 * is there, and v knows it, when 0 is returned. Not while other threads use v. ERR_FORK, ERR_CORRUPT
 * (the rules forbid it, or something stands in the way), what entry returns, storage errors.
 */
typedef int vault_entry(const struct charter *c, struct buf *chain, void *arg, struct err *err);
int vault_append_entry(struct vault *v, vault_entry *entry, void *arg, struct err *err);

/* Learn what others appended since v was opened. Not while other threads use v. The same errors. */
int vault_refresh_charter(struct vault *v, struct err *err);

/* The charter of n entries, more than v knows, which begins with the one that v knows: to be freed. v stays
 * as it is, so that any thread may ask. NULL with ERR_ABSENT, ERR_CORRUPT, ERR_FORK, storage errors. */
struct charter *vault_later_charter(const struct vault *v, uint64_t n, struct err *err);

/* STATE/<vault-id>, or NULL on a machine that only reads. Made on demand by vault_state_make. */
const char *vault_state_dir(const struct vault *v);
int vault_state_make(const struct vault *v, struct err *err);

/* Is it read as it was at some time in the past (backend_options.as_of_s)? Then nothing is written. */
bool vault_is_past(const struct vault *v);

/* ERR_KEY with the words for the user where a writer key is missing. */
int vault_need_writer(const struct vault *v, struct err *err);
/* The same where this machine cannot read a store: see vault_need_reader. */
int vault_need_store(const struct vault *v, const uint8_t writer[16], const uint8_t store[16],
                     struct err *err);

/* BLAKE2b-128("hf1.storeid", naming key, name): random to others, stable after state loss. */
void vault_store_id(const struct vault *v, const char *name, uint8_t id[16]);

/* Vault psk: from the key file or the recovery slot; NULL if there is neither. */
const uint8_t *vault_psk(const struct vault *v);
/* X25519 recovery secret after vault_unlock, or NULL; and, after vault_keep_root, the root key. */
const uint8_t *vault_recovery_sk(const struct vault *v);
const uint8_t *vault_root_sk(const struct vault *v);

struct vault_epoch {
	uint32_t number;             /* 0: there is none */
	uint8_t pk[32];
	char tag[BACKEND_TAG_MAX];   /* recovery's object, as the storage fingerprints it; "": not known */
	bool whole;                  /* every epoch from the oldest asked for up to it is there */
	bool damaged;                /* its key object is not as this machine made it: pk is not set */
	bool granted;                /* it is sealed to every key that the charter grants the store */
};

/* Make and store the keys/ objects of a new epoch, sealed to recovery, which is read back, and to
 * every key that the charter grants this store. The secret is wiped; e gets the public key and the tag.
 * ERR_EXISTS if that epoch is taken. */
int vault_make_epoch(const struct vault *v, const char *store_name, uint32_t number,
                     struct vault_epoch *e, struct err *err);

/* Newest epoch of one of this machine's stores by listing keys/, with its public key verified as made
 * by this machine. One that `known` (may be NULL) describes was verified before: where number and tag
 * are the same, it is not read again. One that is damaged is told in e. */
int vault_newest_epoch(const struct vault *v, const uint8_t store[16], uint32_t oldest,
                       const struct vault_epoch *known, struct vault_epoch *e, struct err *err);

/* Append a keys/ object, verified as made by an enrolled writer or by root for its place; *k gets its
 * public part. Messages name the object. ERR_ABSENT, ERR_CORRUPT, ERR_NEWER, storage errors. */
int vault_read_key(const struct vault *v, const char *name, struct storekey *k, struct buf *bytes,
                   struct err *err);

/* Read one as above and open it where this machine can: it is sealed to recovery and that is there, or
 * it is sealed to this machine. Else k->name is empty and k->sk zero. */
int vault_open_key(const struct vault *v, const char *name, struct storekey *k, struct err *err);

/* The store's secret of an epoch, with the recovery secret or this machine's grant. ERR_KEY without
 * either, or where this epoch was not sealed to this machine; ERR_ABSENT if that key is not in the
 * vault (shredded or lost), ERR_CORRUPT. */
int vault_open_epoch(const struct vault *v, const uint8_t writer[16], const uint8_t store[16],
                     uint32_t epoch, struct storekey *out, struct err *err);

/* Seal an opened store key to another machine, signed by root (which must have been kept), and store
 * it. ERR_EXISTS. */
int vault_pass_key(const struct vault *v, const struct storekey *k, const struct charter_key *to,
                   struct err *err);

/* A keys/ object as it is listed. */
struct vault_key_place {
	uint8_t writer[16], store[16];
	uint32_t epoch;
	uint8_t recipient[16];
	char tag[BACKEND_TAG_MAX];
};
/* All of them below keys/, sorted by writer, store, recipient, and epoch with the newest first. *list is
 * the caller's to free(). */
int vault_list_keys(const struct vault *v, struct vault_key_place **list, size_t *n, struct err *err);

/* Is anything in a place for a vault? 1 with the name of something, 0, or what listing gives. What
 * `vault test` could not remove again is nobody's. */
int vault_find_anything(struct backend *place, char name[NAMES_MAX], struct err *err);

#endif
