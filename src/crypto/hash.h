/* hash - BLAKE2b (RFC 7693) with a 16-byte personalisation as domain label. */
#ifndef HASH_H
#define HASH_H

#include <sodium.h>
#include <stddef.h>
#include <stdint.h>

enum { HASH_BYTES = 32 };

/* Must be called once before anything else of this layer; safe to repeat. Returns 0 or -1. */
int crypto_start(void);

/*
 * out_len 16..64 bytes of BLAKE2b over data, keyed when key_len is not 0 (at most 64), with label
 * (at most 16 characters, "hf1...") as personalisation, zero padded. Cannot fail.
 */
void hash_labelled(void *out, size_t out_len, const char *label, const void *key, size_t key_len,
                   const void *data, size_t len);

/* The same over several parts: begin, add..., end with the same out_len. */
struct hash_state { crypto_generichash_blake2b_state state; };
void hash_begin(struct hash_state *h, size_t out_len, const char *label, const void *key,
                size_t key_len);
void hash_add(struct hash_state *h, const void *data, size_t len);
void hash_end(struct hash_state *h, void *out, size_t out_len);

/* Plain BLAKE2b-256, no label: what `b2sum -l 256` prints. Names of packs. */
void hash_plain(uint8_t out[HASH_BYTES], const void *data, size_t len);

#endif
