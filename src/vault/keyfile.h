/*
 * keyfile - the keys of this machine for one vault: KEYS/<vault-id>.key, text, mode 0600.
 *
 * Comment lines begin with '#'; the rest is hex of 268 bytes:
 *   magic "HFROLE1\0" | roles LE32 | vault 16 | root pk 32 | recovery pk 32 | role seed 32 |
 *   vault psk 32 | flags 1 | name (counted, 0..64) | zeros, 80 bytes with flags and name |
 *   BLAKE2b-256("hf1.keyfile") of what is before
 *
 * Flag 1: a request. The psk is zeros here; it is in this key's charter entry, sealed, once an admin
 * accepted the request, and is opened from there each time. Name and roles are those asked for: what
 * counts is the charter. Files without flags have no name.
 *
 * From the role seed, by label (secret_derive): record "hf1.record", log "hf1.log", report
 * "hf1.report" (Ed25519 seeds), box "hf1.box" (X25519), naming "hf1.naming", state "hf1.state",
 * pairing "hf1.pair" (request.h).
 */
#ifndef KEYFILE_H
#define KEYFILE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/scope.h"
#include "crypto/secret.h"
#include "format/charter.h"
#include "format/request.h"

struct err;

struct keyfile {
	unsigned roles;
	bool requested;
	char name[REQUEST_NAME_MAX + 1]; /* of a request, else "" */
	uint8_t vault[16], root[32], recovery[32];
	struct secret *seed;
	struct secret *psk;              /* NULL until a request is accepted */
	/* derived */
	struct secret *record_sk, *log_sk;   /* 64 bytes */
	struct secret *box_sk, *naming, *state;
	uint8_t id[16];                  /* key id */
};

/* New random role seed; psk is copied; NULL: for a request. The public keys for the charter go to *pub
 * (name and roles included). NULL with ERR_NOMEM. */
struct keyfile *keyfile_new(const uint8_t vault[16], const uint8_t root[32],
                            const uint8_t recovery[32], const uint8_t *psk, unsigned roles,
                            const char *name, struct charter_key *pub, struct err *err);
void keyfile_free(struct keyfile *k);
AUTO_FREE(keyfile);

/* The public keys and the id of a key, under this name and with its roles. */
int keyfile_describe(const struct keyfile *k, const char *name, struct charter_key *pub,
                     struct err *err);

/* What a request file asks for, to be encoded. */
int keyfile_request(const struct keyfile *k, struct request *out, struct err *err);

/* Take the psk of a request from its charter entry. ERR_CORRUPT. */
int keyfile_take_psk(struct keyfile *k, const struct charter_key *entry, struct err *err);

/* KEYS/<vault-id>.key */
int keyfile_path(char out[PATH_MAX], const char *dir, const uint8_t vault[16], struct err *err);
/* The key that signs what drills found (SIGN_SECRET_BYTES). NULL with ERR_NOMEM. */
struct secret *keyfile_report_key(const struct keyfile *k, struct err *err);

/* Write to dir (made with mode 0700 if absent). ERR_EXISTS if there is one for this vault. */
int keyfile_store(const struct keyfile *k, const char *dir, const char *url, struct err *err);

/* NULL with ERR_ABSENT (no such file), ERR_CORRUPT, ERR_DENIED (also when group or others may read
 * it). */
struct keyfile *keyfile_load(const char *dir, const uint8_t vault[16], struct err *err);

#endif
