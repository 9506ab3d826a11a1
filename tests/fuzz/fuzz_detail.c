/* fuzz_detail - sealed details from somebody who has the psk: as an object, and as what is sealed. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/wire.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "format/detail.h"
#include "holdfast/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { HEAD = 60, SEALED_AT = HEAD + SEAL_STANZA_BYTES + 4, PLAIN_MAX = 8192 };

static uint8_t box_sk[32] = { 3 }, psk[32];

static void open_object(const uint8_t *bytes, size_t len)
{
	struct detail d;
	struct err err;
	AUTO(buf) out = buf_new(DETAIL_MAX, &err);
	if (!out || (detail_open(&d, bytes, len, box_sk, psk, out, &err) == 0 && out->len > len))
		abort();
}

static void open_sealed(const uint8_t *plain, size_t len)
{
	static uint8_t object[SEALED_AT + PLAIN_MAX + SEAL_OVERHEAD_BYTES] = "HFDETL1";
	uint8_t key[32] = { 9 }, pk[32];
	seal_public(pk, box_sk);
	wire_put_u16(object + 56, 1);
	if (seal_stanza(object + HEAD, key, pk, psk, object, HEAD) != 0)
		abort();
	wire_put_u32(object + SEALED_AT - 4, (uint32_t)(len + SEAL_OVERHEAD_BYTES));
	seal_encrypt(object + SEALED_AT, plain, len, object, SEALED_AT, key);
	open_object(object, SEALED_AT + len + SEAL_OVERHEAD_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (crypto_start() != 0)
		abort();
	open_object(data, len);
	if (len <= PLAIN_MAX)
		open_sealed(data, len);
	return 0;
}
