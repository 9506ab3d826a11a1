#include "crypto/seal.h"

#include <sodium.h>
#include <string.h>

#include "base/wire.h"
#include "crypto/hash.h"

enum { KEM = 1, VERSION = 1, ID_AT = 4, EPK_AT = 20, COMMITMENT_AT = 52, SEALED_AT = 84 };

/* every stanza has its own key, so its nonce may be fixed */
static const uint8_t stanza_nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

void seal_encrypt(uint8_t *out, const void *data, size_t len, const void *aad, size_t aad_len,
                  const uint8_t key[SEAL_KEY_BYTES])
{
	randombytes_buf(out, SEAL_NONCE_BYTES);
	crypto_aead_xchacha20poly1305_ietf_encrypt(out + SEAL_NONCE_BYTES, NULL, data, len, aad,
	                                           aad_len, NULL, out, key);
}

int seal_decrypt(void *out, const uint8_t *sealed, size_t sealed_len, const void *aad,
                 size_t aad_len, const uint8_t key[SEAL_KEY_BYTES])
{
	if (sealed_len < SEAL_OVERHEAD_BYTES)
		return -1;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed + SEAL_NONCE_BYTES,
	                                               sealed_len - SEAL_NONCE_BYTES, aad, aad_len,
	                                               sealed, key) == 0)
		return 0;
	sodium_memzero(out, sealed_len - SEAL_OVERHEAD_BYTES);
	return -1;
}

void seal_keypair(uint8_t pk[32], uint8_t sk[32]) { crypto_box_keypair(pk, sk); }

void seal_public(uint8_t pk[32], const uint8_t sk[32]) { crypto_scalarmult_base(pk, sk); }

void seal_key_id(uint8_t id[SEAL_ID_BYTES], const uint8_t pk[32])
{
	hash_labelled(id, SEAL_ID_BYTES, "hf1.kid", NULL, 0, pk, 32);
}

/* okm[0:32] is the key of the ciphertext, okm[32:64] the commitment */
static void derive(uint8_t okm[64], const uint8_t shared[32], const uint8_t epk[32],
                   const uint8_t pk[32], const uint8_t psk[32], const void *context,
                   size_t context_len)
{
	uint8_t context_hash[32];
	hash_labelled(context_hash, sizeof context_hash, "hf1.ctx", NULL, 0, context, context_len);

	struct hash_state h;
	hash_begin(&h, 64, "hf1.seal", psk, 32);
	hash_add(&h, shared, 32);
	hash_add(&h, epk, 32);
	hash_add(&h, pk, 32);
	hash_add(&h, context_hash, sizeof context_hash);
	hash_end(&h, okm, 64);
}

int seal_stanza(uint8_t stanza[SEAL_STANZA_BYTES], const uint8_t secret[32], const uint8_t pk[32],
                const uint8_t psk[32], const void *context, size_t context_len)
{
	uint8_t epk[32], esk[32], shared[32];
	seal_keypair(epk, esk);
	int rc = crypto_scalarmult(shared, esk, pk);
	sodium_memzero(esk, sizeof esk);
	if (rc != 0)
		return -1;

	uint8_t okm[64];
	derive(okm, shared, epk, pk, psk, context, context_len);
	sodium_memzero(shared, sizeof shared);

	stanza[0] = KEM;
	stanza[1] = VERSION;
	wire_put_u16(stanza + 2, SEAL_STANZA_BYTES);
	seal_key_id(stanza + ID_AT, pk);
	memcpy(stanza + EPK_AT, epk, sizeof epk);
	memcpy(stanza + COMMITMENT_AT, okm + 32, 32);
	crypto_aead_chacha20poly1305_ietf_encrypt(stanza + SEALED_AT, NULL, secret, 32, stanza,
	                                          SEALED_AT, NULL, stanza_nonce, okm);
	sodium_memzero(okm, sizeof okm);
	return 0;
}

/* The commitment comes first: an AEAD alone would let one ciphertext open under two keys. */
static enum seal_open open_committed(uint8_t secret[32], const uint8_t stanza[SEAL_STANZA_BYTES],
                                     const uint8_t okm[64])
{
	if (sodium_memcmp(okm + 32, stanza + COMMITMENT_AT, 32) != 0)
		return SEAL_DAMAGED;
	uint8_t plain[32];
	if (crypto_aead_chacha20poly1305_ietf_decrypt(plain, NULL, NULL, stanza + SEALED_AT,
	                                              SEAL_STANZA_BYTES - SEALED_AT, stanza,
	                                              SEALED_AT, stanza_nonce, okm) != 0)
		return SEAL_DAMAGED;
	memcpy(secret, plain, sizeof plain);
	sodium_memzero(plain, sizeof plain);
	return SEAL_OPENED;
}

enum seal_open seal_unstanza(uint8_t secret[32], const uint8_t stanza[SEAL_STANZA_BYTES],
                             const uint8_t sk[32], const uint8_t psk[32], const void *context,
                             size_t context_len)
{
	static const uint8_t start[4] = { KEM, VERSION, SEAL_STANZA_BYTES & 0xff,
		                          SEAL_STANZA_BYTES >> 8 };
	if (memcmp(stanza, start, sizeof start) != 0)
		return SEAL_MALFORMED;

	uint8_t pk[32], id[SEAL_ID_BYTES];
	seal_public(pk, sk);
	seal_key_id(id, pk);
	if (memcmp(id, stanza + ID_AT, sizeof id) != 0)
		return SEAL_OTHER_KEY;

	uint8_t shared[32], okm[64];
	if (crypto_scalarmult(shared, sk, stanza + EPK_AT) != 0)
		return SEAL_MALFORMED;
	derive(okm, shared, stanza + EPK_AT, pk, psk, context, context_len);
	sodium_memzero(shared, sizeof shared);
	enum seal_open result = open_committed(secret, stanza, okm);
	sodium_memzero(okm, sizeof okm);
	return result;
}
