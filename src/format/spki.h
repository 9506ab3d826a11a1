/*
 * spki - Ed25519 keys as openssl has them (RFC 8410): public keys (SubjectPublicKeyInfo), and private ones
 * (PKCS #8), in PEM. Pure.
 *
 *   -----BEGIN PUBLIC KEY-----\n
 *   base64(302a300506032b6570032100 | public key 32)\n
 *   -----END PUBLIC KEY-----\n
 *
 * `openssl pkeyutl -verify -rawin -pubin -inkey FILE` verifies signatures with it.
 *
 *   -----BEGIN PRIVATE KEY-----\n
 *   base64(302e020100300506032b657004220420 | seed 32)\n
 *   -----END PRIVATE KEY-----\n
 *
 * is what `openssl genpkey -algorithm ed25519` makes.
 */
#ifndef SPKI_H
#define SPKI_H

#include <stddef.h>
#include <stdint.h>

#include "crypto/sign.h"

struct buf;
struct err;

enum { SPKI_MAX = 256 };

/* Append the file. ERR_NOMEM, ERR_LIMIT. */
int spki_encode(const uint8_t pk[SIGN_PUBLIC_BYTES], struct buf *out, struct err *err);

/* ERR_CORRUPT: anything but what spki_encode writes. */
int spki_decode(uint8_t pk[SIGN_PUBLIC_BYTES], const uint8_t *bytes, size_t len, struct err *err);

/* A private key. ERR_CORRUPT: anything but the above, also a key that is encrypted. */
int spki_decode_seed(uint8_t seed[SIGN_SEED_BYTES], const uint8_t *bytes, size_t len, struct err *err);

#endif
