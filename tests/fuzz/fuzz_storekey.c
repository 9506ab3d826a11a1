/*
 * fuzz_storekey - store keys from a writer who signs what he likes: the input as an object, as one
 * with our signature, and as the plain text sealed in one.
 */
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "format/storekey.h"
#include "holdfast/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { CONTEXT_BYTES = 92, SEALED_AT = 228, OBJECT_MAX = 2 * STOREKEY_MAX_BYTES };

static uint8_t record_pk[32], record_sk[SIGN_SECRET_BYTES], box_pk[32], box_sk[32], psk[32];

static int read_object(const uint8_t *bytes, size_t len)
{
	struct storekey k;
	struct err err = { 0 };
	if (storekey_verify(&k, bytes, len, record_pk, NULL, &err) != 0)
		return err.code;
	int rc = storekey_open(&k, bytes, len, box_sk, psk, &err);
	if (rc != err.code || strnlen(k.name, sizeof k.name) == sizeof k.name)
		abort();
	return rc;
}

static void read_signed(uint8_t object[OBJECT_MAX], size_t len)
{
	sign_message(object + len, "hf1.storekey", object, len, record_sk);
	uint8_t *exact = malloc(len + SIGN_BYTES);
	if (!exact)
		abort();
	memcpy(exact, object, len + SIGN_BYTES);
	(void)read_object(exact, len + SIGN_BYTES);
	free(exact);
}

/* An honest object around this plain text; its first 32 bytes are the secret key. */
static void read_sealed(const uint8_t *plain, size_t len)
{
	uint8_t object[OBJECT_MAX] = "HFSKEY1", content_key[32] = { 9 }, sk[32] = { 0 };
	memcpy(sk, plain, len < 32 ? len : 32);
	seal_public(object + 60, sk);
	if (seal_stanza(object + CONTEXT_BYTES, content_key, box_pk, psk, object, CONTEXT_BYTES) != 0)
		abort();
	wire_put_u32(object + SEALED_AT - 4, (uint32_t)(len + SEAL_OVERHEAD_BYTES));
	seal_encrypt(object + SEALED_AT, plain, len, object, SEALED_AT, content_key);
	read_signed(object, SEALED_AT + len + SEAL_OVERHEAD_BYTES);
}

static void make_keys(void)
{
	static const uint8_t seed[32] = { 1 };
	if (crypto_start() != 0)
		abort();
	sign_keypair(record_pk, record_sk, seed);
	memset(box_sk, 3, sizeof box_sk);
	seal_public(box_pk, box_sk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t object[OBJECT_MAX];
	make_keys();
	if (len > STOREKEY_MAX_BYTES + 100)
		return 0;
	if (read_object(data, len) == 0 && len == 0)
		abort();
	memcpy(object, data, len);
	read_signed(object, len);
	if (len <= STOREKEY_MAX_BYTES)
		read_sealed(data, len);
	return 0;
}
