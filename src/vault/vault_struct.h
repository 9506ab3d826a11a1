/* vault_struct - what an open vault is, for the files of the vault module; nobody else includes it. */
#ifndef VAULT_STRUCT_H
#define VAULT_STRUCT_H

#include <stdbool.h>
#include <stdint.h>

#include "format/charter.h"
#include "vault/keyfile.h"
#include "vault/texts.h"

struct backend;
struct err;
struct place;

struct vault {
	char *url, *state_dir;
	struct backend *storage;
	struct charter_anchor anchor;
	struct charter *charter;
	struct keyfile *key;               /* NULL: this machine has none */
	const struct charter_key *self;    /* its entry in the charter; NULL: it is not enrolled */
	struct secret *recovery_sk, *psk;  /* after unlock */
	struct secret *root_sk;            /* the same, where it was wanted */
	bool keep_root;
	uint64_t seen_n;                   /* the charter that this machine saw last; 0: none */
	uint8_t seen_hash[32];
	bool copies;                       /* storage is one of mirrors.h */
	bool past;                         /* read as it was at some time */
	char id_text[33], short_id[10], fingerprint[TEXTS_FINGERPRINT_MAX];
};

/* vault_charter.c. Recall what this machine saw last (before the charter is read: other processes see
 * newer ones), read the newest that verifies, compare them (ERR_FORK) and remember the newer. Instead of
 * reading it, vault_take_charter takes the one of p: ERR_ABSENT if the vault has another one by now,
 * ERR_CORRUPT. */
int vault_recall_charter(struct vault *v, struct err *err);
int vault_read_charter(struct vault *v, struct place *p, struct err *err);
int vault_take_charter(struct vault *v, const struct place *p, struct err *err);
int vault_remember_charter(struct vault *v, struct err *err);
/* Find this machine's entry; where its key file is a request, take the psk from there. */
int vault_find_self(struct vault *v, struct err *err);

#endif
