/* fuzz_slot - passphrase slots. Argon2id runs only where it is cheap. */
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "crypto/hash.h"
#include "crypto/slot.h"
#include "holdfast/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t plain[SLOT_PLAIN_BYTES];
	struct err err;
	if (crypto_start() != 0)
		abort();
	if (slot_check(data, len, &err) != 0)
		return 0;
	if (len != SLOT_BYTES)
		abort();
	struct wire w = wire_over(data + 12, 8);
	uint32_t ops = wire_u32(&w), mem_kib = wire_u32(&w);
	if (ops == 0 || ops > SLOT_OPS_MAX || mem_kib < SLOT_MEM_KIB_MIN || mem_kib > SLOT_MEM_KIB_MAX)
		abort();
	if (ops > 1 || mem_kib > SLOT_MEM_KIB_MIN)
		return 0;
	int rc = slot_decode(plain, data, len, "seed", 4, &err);
	if (rc != 0 && rc != ERR_KEY)
		abort();
	return 0;
}
