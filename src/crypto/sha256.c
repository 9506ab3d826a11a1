#include "crypto/sha256.h"

void sha256(uint8_t out[SHA256_BYTES], const void *data, size_t len)
{
	crypto_hash_sha256(out, data, len);
}

void sha256_begin(struct sha256_state *h)
{
	crypto_hash_sha256_init(&h->state);
}

void sha256_add(struct sha256_state *h, const void *data, size_t len)
{
	crypto_hash_sha256_update(&h->state, data, len);
}

void sha256_end(struct sha256_state *h, uint8_t out[SHA256_BYTES])
{
	crypto_hash_sha256_final(&h->state, out);
}
