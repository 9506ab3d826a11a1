/*
 * storekey - a store's secret of one epoch and its name, sealed to one recipient and signed by the
 * writer that made it, or by root who passed it on to a further recipient: object
 * keys/<key-id>/<store-id>/<epoch>-<recipient>. Pure.
 *
 *   0 magic "HFSKEY1\0" | 8 vault 16 | 24 writer 16 | 40 store 16 | 56 epoch LE32 |
 *   60 epoch public key 32 | 92 stanza 132, sealing a random key K to the recipient with the vault
 *   psk, context = bytes 0..92 | 224 sealed length LE32 | 228 sealed under K, AAD = bytes 0..228:
 *   secret key 32 | name (counted) | zeros up to 234 bytes in all | last: Ed25519 by the writer's
 *   record key or the root key over BLAKE2b-512("hf1.storekey", everything before) 64
 */
#ifndef STOREKEY_H
#define STOREKEY_H

#include <stddef.h>
#include <stdint.h>

#include "crypto/sign.h"

struct buf;
struct err;

enum { STOREKEY_NAME_MAX = 200, STOREKEY_MAX_BYTES = 1024 };

struct storekey {
	uint8_t vault[16], writer[16], store[16];
	uint32_t epoch;
	uint8_t pk[32];                        /* the epoch's public key */
	uint8_t sk[32];                        /* only after storekey_open or when encoding */
	char name[STOREKEY_NAME_MAX + 1];
};

/* Append the object. */
int storekey_encode(const struct storekey *k, const uint8_t recipient_pk[32],
                    const uint8_t psk[32], const uint8_t sk[SIGN_SECRET_BYTES], struct buf *out,
                    struct err *err);

/* The public part, with the signature verified: by the writer's record key, or by root (NULL: only by
 * the writer). ERR_CORRUPT, ERR_NEWER. */
int storekey_verify(struct storekey *k, const uint8_t *bytes, size_t len,
                    const uint8_t record_pk[32], const uint8_t *root_pk, struct err *err);

/* Secret and name. k comes from storekey_verify. ERR_CORRUPT, ERR_KEY (sealed to another key). */
int storekey_open(struct storekey *k, const uint8_t *bytes, size_t len,
                  const uint8_t recipient_sk[32], const uint8_t psk[32], struct err *err);

#endif
