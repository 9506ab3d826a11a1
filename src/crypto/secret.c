#include "crypto/secret.h"

#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "crypto/hash.h"
#include "holdfast/err.h"

enum { KEY_BYTES = 32, SPARE_MAX = 16 };

/* Freed keys, wiped, for the next ones: guarding and locking memory takes ten calls of the kernel,
 * which a night with a thousand stores makes a thousand times. */
static struct {
	pthread_mutex_t lock;
	struct secret *keys[SPARE_MAX];
	size_t n;
	bool none;
} spare = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct secret *spare_take(void)
{
	pthread_mutex_lock(&spare.lock);
	struct secret *s = spare.n ? spare.keys[--spare.n] : NULL;
	pthread_mutex_unlock(&spare.lock);
	return s;
}

static bool spare_put(struct secret *s)
{
	pthread_mutex_lock(&spare.lock);
	bool kept = spare.n < SPARE_MAX && !spare.none;
	if (kept)
		spare.keys[spare.n++] = s;
	pthread_mutex_unlock(&spare.lock);
	return kept;
}

void secret_keep_no_spares(void)
{
	pthread_mutex_lock(&spare.lock);
	spare.none = true;
	pthread_mutex_unlock(&spare.lock);
}

struct secret *secret_new(size_t len, struct err *err)
{
	struct secret *s = len == KEY_BYTES ? spare_take() : NULL;
	if (s)
		return s;
	s = calloc(1, sizeof *s);
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
	sodium_memzero(s->bytes, s->len);
	if (s->len == KEY_BYTES && spare_put(s))
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
