#include "crypto/veil.h"

#include <sodium.h>

#include "crypto/secret.h"

enum { BLOCK = 64 };

/* The key is the file's own, so that the offset alone tells blocks apart. */
static const uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];

/* What begins inside a block: only its part of the key stream. */
static size_t partial_block(const struct secret *key, uint64_t offset, uint8_t *data, size_t len)
{
	uint8_t stream[BLOCK] = { 0 };
	size_t skip = offset % BLOCK, n = BLOCK - skip < len ? BLOCK - skip : len;
	crypto_stream_chacha20_xor_ic(stream, stream, sizeof stream, nonce, offset / BLOCK, key->bytes);
	for (size_t i = 0; i < n; i++)
		data[i] ^= stream[skip + i];
	sodium_memzero(stream, sizeof stream);
	return n;
}

void veil_apply(const struct secret *key, uint64_t offset, void *data, size_t len)
{
	uint8_t *at = data;
	size_t done = offset % BLOCK ? partial_block(key, offset, at, len) : 0;
	if (done < len)
		crypto_stream_chacha20_xor_ic(at + done, at + done, len - done, nonce,
		                              (offset + done) / BLOCK, key->bytes);
}
