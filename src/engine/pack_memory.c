#include "engine/pack_memory.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>

#include "format/pack.h"

enum { SPARES_MAX = 16, KEPT_BYTES = 1 << 20 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t *spares[SPARES_MAX];
static unsigned n_spares;

uint8_t *pack_memory_take(void)
{
	uint8_t *spare = NULL;
	pthread_mutex_lock(&lock);
	if (n_spares > 0)
		spare = spares[--n_spares];
	pthread_mutex_unlock(&lock);
	if (spare)
		return spare;
	void *m = mmap(NULL, PACK_BYTES, PROT_READ | PROT_WRITE,
	               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return m == MAP_FAILED ? NULL : m;
}

void pack_memory_give(uint8_t *bytes)
{
	if (!bytes)
		return;
	(void)madvise(bytes + KEPT_BYTES, PACK_BYTES - KEPT_BYTES, MADV_DONTNEED);
	pthread_mutex_lock(&lock);
	bool kept = n_spares < SPARES_MAX;
	if (kept)
		spares[n_spares++] = bytes;
	pthread_mutex_unlock(&lock);
	if (!kept)
		munmap(bytes, PACK_BYTES);
}
