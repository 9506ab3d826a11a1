/*
 * request - what a new machine asks an admin to enter in the charter: one printable line. Pure.
 *
 *   "hfreq1." | base64url without padding of:
 *   version 1 = 1 | vault 16 | root pk 32 | roles LE32 | record pk 32 | log pk 32 | report pk 32 |
 *   box pk 32 | pairing 32 | name (counted, 1..REQUEST_NAME_MAX) |
 *   Ed25519 by the record key over BLAKE2b-512("hf1.request", everything before) 64 |
 *   checksum: the first 4 bytes of BLAKE2b-128("hf1.request", everything before)
 *
 * The signature proves that who asks has the record key, and binds the other keys to it. The admin's
 * answer, in the charter, is the vault psk sealed to the box key. Pairing, 32 bytes that only the
 * request carries, is that stanza's own pre-shared key: so the psk does not rest on X25519 alone, which
 * the vault's storage provider could one day break. A request opens nothing by itself.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/charter.h"

struct err;

enum {
	REQUEST_NAME_MAX = 64,
	REQUEST_TEXT_MAX = 640,   /* with the NUL */
};

struct request {
	uint8_t vault[16], root[32];
	struct charter_key key;   /* id, name, roles, public keys; the rest is zero */
	uint8_t pairing[32];
};

/* May a machine be called so? 1 to REQUEST_NAME_MAX bytes of printable UTF-8 without blanks and
 * without / : @ , * ? [, which mean something on command lines; not beginning with '-'. */
bool request_name_ok(const char *name);

/* r's key signs. ERR_INVALID for a name or roles that are none. */
int request_encode(const struct request *r, const uint8_t record_sk[SIGN_SECRET_BYTES],
                   char out[REQUEST_TEXT_MAX], struct err *err);

/* White space anywhere is ignored: mail programs wrap lines. ERR_INVALID (not a request, or not whole,
 * or signed by another key), ERR_NEWER. */
int request_decode(struct request *r, const char *text, size_t len, struct err *err);

/* The psk for the machine that asked: fills in r->key.psk. ERR_INVALID for a box key that is none. */
int request_seal_psk(struct request *r, const uint8_t psk[32], struct err *err);

/* What that machine finds in its charter entry. ERR_CORRUPT. */
int request_open_psk(uint8_t psk[32], const struct charter_key *entry, const uint8_t vault[16],
                     const uint8_t box_sk[32], const uint8_t pairing[32], struct err *err);

#endif
