/* sign - Ed25519 (RFC 8032) over BLAKE2b-512 of the message with a label. */
#ifndef SIGN_H
#define SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIGN_PUBLIC_BYTES = 32, SIGN_SECRET_BYTES = 64, SIGN_BYTES = 64, SIGN_SEED_BYTES = 32 };

void sign_keypair(uint8_t pk[SIGN_PUBLIC_BYTES], uint8_t sk[SIGN_SECRET_BYTES],
                  const uint8_t seed[SIGN_SEED_BYTES]);

/* signature over BLAKE2b-512(label, data). Cannot fail. */
void sign_message(uint8_t signature[SIGN_BYTES], const char *label, const void *data, size_t len,
                  const uint8_t sk[SIGN_SECRET_BYTES]);
bool sign_verify(const uint8_t signature[SIGN_BYTES], const char *label, const void *data,
                 size_t len, const uint8_t pk[SIGN_PUBLIC_BYTES]);

/* Plain Ed25519 over the bytes as they are, where a foreign format wants that (signed notes). */
void sign_plain(uint8_t signature[SIGN_BYTES], const void *data, size_t len,
                const uint8_t sk[SIGN_SECRET_BYTES]);
bool sign_plain_verify(const uint8_t signature[SIGN_BYTES], const void *data, size_t len,
                       const uint8_t pk[SIGN_PUBLIC_BYTES]);

/* The public key that a secret key holds. */
void sign_public(uint8_t pk[SIGN_PUBLIC_BYTES], const uint8_t sk[SIGN_SECRET_BYTES]);

#endif
