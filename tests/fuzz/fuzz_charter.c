/* fuzz_charter - hostile anchors and charters. What verifies was signed by the golden root key. */
#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"
#include "format/charter.h"
#include "holdfast/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct charter_anchor anchor, golden = { 0 };
	struct err err;
	if (crypto_start() != 0)
		abort();
	/* an anchor names its own root key: any that verifies is a whole line */
	if (charter_decode_anchor(&anchor, data, len, &err) == 0 && data[len - 1] != '\n')
		abort();
	AUTO(charter) c = charter_decode(data, len, &golden, &err);
	/* no key signs for a root of zeros */
	if (c)
		abort();
	return 0;
}
