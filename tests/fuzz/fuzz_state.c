/*
 * fuzz_state - a base record whose checksum is right: damage that came before it was written, or a
 * state key in foreign hands. What loads can be stored and loaded again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crypto/hash.h"
#include "holdfast/err.h"
#include "vault/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const uint8_t key[32] = { 5 };

/* The store id stands in the record: take it from there, so that it fits. */
enum { STORE_AT = 8 + 10 * 8 };

static void check(const struct state *s)
{
	if (strnlen(s->stamp, sizeof s->stamp) == sizeof s->stamp)
		abort();
	for (uint32_t i = 0; i < s->n_files; i++)
		if (strlen(s->files[i].path) > SOURCE_PATH_MAX)
			abort();
	(void)state_find_pack(s, 1);
	(void)state_find_file(s, "crm.db");
}

static struct state *load(const uint8_t *data, size_t len, const uint8_t store[16])
{
	char name[20];
	struct err err;
	uint8_t sum[32];
	hash_labelled(sum, sizeof sum, "hf1.base", key, sizeof key, data, len);
	int fd = memfd_create("state", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, len) != (ssize_t)len || write(fd, sum, sizeof sum) != sizeof sum)
		abort();
	snprintf(name, sizeof name, "%d", fd);
	struct state *s = state_load("/proc/self/fd", name, store, key, &err);
	close(fd);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t store[16] = { 0 };
	if (crypto_start() != 0)
		abort();
	if (len >= STORE_AT + sizeof store)
		memcpy(store, data + STORE_AT, sizeof store);
	AUTO(state) s = load(data, len, store);
	if (s)
		check(s);
	return 0;
}
