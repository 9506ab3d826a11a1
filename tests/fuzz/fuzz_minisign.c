/* fuzz_minisign - hostile signature files and keys in PEM. Nobody but the holder of the key signs. */
#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"
#include "format/minisign.h"
#include "format/spki.h"
#include "holdfast/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t seed[32] = { 1 };
	uint8_t pk[32], sk[64], other[32];
	char comment[MINISIGN_COMMENT_MAX];
	struct err err;
	if (crypto_start() != 0)
		abort();
	sign_keypair(pk, sk, seed);
	/* the corpus has a signature of "abc", so that the way to its end is known; not of this */
	if (minisign_verify("abd", 3, data, len, pk, NULL, &err) == 0)
		abort();
	if (minisign_verify("abc", 3, data, len, pk, comment, &err) == 0 &&
	    strnlen(comment, sizeof comment) == sizeof comment)
		abort();
	(void)minisign_decode_key(other, data, len, &err);
	(void)spki_decode(other, data, len, &err);
	(void)spki_decode_seed(other, data, len, &err);
	return 0;
}
