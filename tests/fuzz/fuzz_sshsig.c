/* fuzz_sshsig - hostile SSH signatures and lists of who may sign. */
#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"
#include "format/sshsig.h"
#include "holdfast/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct sshkey nobody = { .application = "" };
	char who[SSHKEY_NAME_MAX];
	struct sshsig s;
	struct sshkey k;
	struct err err;
	if (crypto_start() != 0)
		abort();
	if (sshsig_decode(&s, data, len, &err) == 0) {
		if (strnlen(s.namespace, sizeof s.namespace) == sizeof s.namespace)
			abort();
		(void)sshsig_verify(&s, s.namespace, "message", 7, &err);
	}
	(void)sshkey_decode(&k, data, len, &err);
	if (len <= SSHKEY_SIGNERS_MAX &&
	    sshkey_signer(data, len, &nobody, "ns", 1772366400, who, &err) == 0 &&
	    strnlen(who, sizeof who) == sizeof who)
		abort();
	return 0;
}
