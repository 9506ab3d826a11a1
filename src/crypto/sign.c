#include "crypto/sign.h"

#include <sodium.h>

#include "crypto/hash.h"

void sign_keypair(uint8_t pk[SIGN_PUBLIC_BYTES], uint8_t sk[SIGN_SECRET_BYTES],
                  const uint8_t seed[SIGN_SEED_BYTES])
{
	crypto_sign_seed_keypair(pk, sk, seed);
}

void sign_message(uint8_t signature[SIGN_BYTES], const char *label, const void *data, size_t len,
                  const uint8_t sk[SIGN_SECRET_BYTES])
{
	uint8_t digest[64];
	hash_labelled(digest, sizeof digest, label, NULL, 0, data, len);
	crypto_sign_detached(signature, NULL, digest, sizeof digest, sk);
}

bool sign_verify(const uint8_t signature[SIGN_BYTES], const char *label, const void *data,
                 size_t len, const uint8_t pk[SIGN_PUBLIC_BYTES])
{
	uint8_t digest[64];
	hash_labelled(digest, sizeof digest, label, NULL, 0, data, len);
	return crypto_sign_verify_detached(signature, digest, sizeof digest, pk) == 0;
}

void sign_plain(uint8_t signature[SIGN_BYTES], const void *data, size_t len,
                const uint8_t sk[SIGN_SECRET_BYTES])
{
	crypto_sign_detached(signature, NULL, data, len, sk);
}

bool sign_plain_verify(const uint8_t signature[SIGN_BYTES], const void *data, size_t len,
                       const uint8_t pk[SIGN_PUBLIC_BYTES])
{
	return crypto_sign_verify_detached(signature, data, len, pk) == 0;
}

void sign_public(uint8_t pk[SIGN_PUBLIC_BYTES], const uint8_t sk[SIGN_SECRET_BYTES])
{
	crypto_sign_ed25519_sk_to_pk(pk, sk);
}
