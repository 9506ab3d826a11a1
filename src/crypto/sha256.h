/* sha256 - SHA-256 (FIPS 180-4), for what strangers verify with their own tools: the ledger. */
#ifndef SHA256_H
#define SHA256_H

#include <sodium.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32 };

/* What `sha256sum` prints. Cannot fail. */
void sha256(uint8_t out[SHA256_BYTES], const void *data, size_t len);

/* The same over several parts: begin, add..., end. */
struct sha256_state { crypto_hash_sha256_state state; };
void sha256_begin(struct sha256_state *h);
void sha256_add(struct sha256_state *h, const void *data, size_t len);
void sha256_end(struct sha256_state *h, uint8_t out[SHA256_BYTES]);

#endif
