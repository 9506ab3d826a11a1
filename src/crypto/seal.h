/*
 * seal - authenticated encryption: of bytes under a key, and of a key to a public key.
 *
 * Frames, trailers and bodies: XChaCha20-Poly1305-IETF (libsodium), a random 24-byte nonce stored
 * in front. Stanza: research crypto.md 4.2, X25519 + BLAKE2b + ChaCha20-Poly1305, 132 bytes:
 *
 *   offset 0  kem = 1 | 1  version = 1 | 2  length = 132, LE16 | 4  recipient id 16 |
 *   20 ephemeral pk 32 | 52 commitment 32 | 84 ciphertext 48
 *
 *   ss  = X25519(esk, pk), low-order points refused
 *   okm = BLAKE2b-512("hf1.seal", key = psk, ss | epk | pk | BLAKE2b-256("hf1.ctx", context))
 *   ct  = ChaCha20-Poly1305-IETF(okm[0:32], nonce 0, AAD = stanza[0:84], secret)
 *   commitment = okm[32:64], compared before anything is decrypted
 */
#ifndef SEAL_H
#define SEAL_H

#include <stddef.h>
#include <stdint.h>

enum {
	SEAL_KEY_BYTES = 32,
	SEAL_NONCE_BYTES = 24,
	SEAL_TAG_BYTES = 16,
	SEAL_OVERHEAD_BYTES = SEAL_NONCE_BYTES + SEAL_TAG_BYTES,
	SEAL_STANZA_BYTES = 132,
	SEAL_ID_BYTES = 16,
};

/* out gets nonce | ciphertext | tag: len + SEAL_OVERHEAD_BYTES. data may not overlap out. */
void seal_encrypt(uint8_t *out, const void *data, size_t len, const void *aad, size_t aad_len,
                  const uint8_t key[SEAL_KEY_BYTES]);

/* sealed_len bytes of the above; out gets sealed_len - SEAL_OVERHEAD_BYTES. 0, or -1 if it fails
 * authentication or is too short; out is then zeroed. */
int seal_decrypt(void *out, const uint8_t *sealed, size_t sealed_len, const void *aad,
                 size_t aad_len, const uint8_t key[SEAL_KEY_BYTES]);

/* X25519 pair: a random one, or the public half of a secret. */
void seal_keypair(uint8_t pk[32], uint8_t sk[32]);
void seal_public(uint8_t pk[32], const uint8_t sk[32]);

/* 16-byte id of a public key: BLAKE2b-128("hf1.kid", pk). */
void seal_key_id(uint8_t id[SEAL_ID_BYTES], const uint8_t pk[32]);

/* Seal a 32-byte secret to pk. 0, or -1 if pk is a low-order point. */
int seal_stanza(uint8_t stanza[SEAL_STANZA_BYTES], const uint8_t secret[32], const uint8_t pk[32],
                const uint8_t psk[32], const void *context, size_t context_len);

enum seal_open {
	SEAL_OPENED = 0,
	SEAL_MALFORMED = -1,      /* unknown kem or version, low-order point */
	SEAL_OTHER_KEY = -2,      /* sealed to another public key */
	SEAL_DAMAGED = -3,        /* commitment or authentication fails */
};
enum seal_open seal_unstanza(uint8_t secret[32], const uint8_t stanza[SEAL_STANZA_BYTES],
                             const uint8_t sk[32], const uint8_t psk[32], const void *context,
                             size_t context_len);

#endif
