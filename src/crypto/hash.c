#include "crypto/hash.h"

#include <string.h>

static const uint8_t no_salt[crypto_generichash_blake2b_SALTBYTES];

int crypto_start(void)
{
	return sodium_init() < 0 ? -1 : 0;
}

void hash_begin(struct hash_state *h, size_t out_len, const char *label, const void *key,
                size_t key_len)
{
	uint8_t personal[crypto_generichash_blake2b_PERSONALBYTES] = { 0 };
	memcpy(personal, label, strnlen(label, sizeof personal));
	crypto_generichash_blake2b_init_salt_personal(&h->state, key, key_len, out_len, no_salt,
	                                              personal);
	explicit_bzero(personal, sizeof personal);
}

void hash_add(struct hash_state *h, const void *data, size_t len)
{
	crypto_generichash_blake2b_update(&h->state, data, len);
}

void hash_end(struct hash_state *h, void *out, size_t out_len)
{
	crypto_generichash_blake2b_final(&h->state, out, out_len);
	sodium_memzero(h, sizeof *h);
}

void hash_labelled(void *out, size_t out_len, const char *label, const void *key, size_t key_len,
                   const void *data, size_t len)
{
	struct hash_state h;
	hash_begin(&h, out_len, label, key, key_len);
	hash_add(&h, data, len);
	hash_end(&h, out, out_len);
}

void hash_plain(uint8_t out[HASH_BYTES], const void *data, size_t len)
{
	crypto_generichash_blake2b(out, HASH_BYTES, data, len, NULL, 0);
}
