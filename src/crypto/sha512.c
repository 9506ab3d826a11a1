#include "crypto/sha512.h"

#include <sodium.h>

void sha512(uint8_t out[SHA512_BYTES], const void *data, size_t len)
{
	crypto_hash_sha512(out, data, len);
}
