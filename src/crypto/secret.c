#include "crypto/secret.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "crypto/hash.h"
#include "holdfast/err.h"

struct secret *secret_new(size_t len, struct err *err)
{
	struct secret *s = calloc(1, sizeof *s);
	if (s)
		s->bytes = sodium_malloc(len);
	if (!s || !s->bytes) {
		free(s);
		err_set(err, ERR_NOMEM, "out of memory for a secret of %zu bytes", len);
		return NULL;
	}
	memset(s->bytes, 0, len);
	s->len = len;
	return s;
}

struct secret *secret_random(size_t len, struct err *err)
{
	struct secret *s = secret_new(len, err);
	if (s)
		randombytes_buf(s->bytes, len);
	return s;
}

struct secret *secret_copy(const void *data, size_t len, struct err *err)
{
	struct secret *s = secret_new(len, err);
	if (s && len)
		memcpy(s->bytes, data, len);
	return s;
}

void secret_free(struct secret *s)
{
	if (!s)
		return;
	sodium_free(s->bytes);
	free(s);
}

struct secret *secret_derive(const uint8_t seed[32], const char *label, struct err *err)
{
	struct secret *s = secret_new(32, err);
	if (s)
		hash_labelled(s->bytes, s->len, label, seed, 32, NULL, 0);
	return s;
}

void secret_harden_process(void)
{
	struct rlimit none = { 0, 0 };
	setrlimit(RLIMIT_CORE, &none);
	/* the limit does not bind a core_pattern that is a pipe; this does, and it stops ptrace */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
