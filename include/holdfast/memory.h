/* memory - what this machine's local state says of one of its own stores. */
#ifndef HOLDFAST_MEMORY_H
#define HOLDFAST_MEMORY_H

#include "holdfast/vault.h"

struct store_memory {
	uint64_t seq;               /* the newest snapshot that was committed from here */
	uint32_t epoch;
	int64_t epoch_since_s;      /* when the epoch began */
	int64_t last_full_s;
};

/* Reads only. ERR_ABSENT (another machine's store, or the state is lost), ERR_CORRUPT, ERR_IO. */
int store_memory_load(struct vault *v, const struct store_info *store, struct store_memory *out,
                      struct err *err);

#endif
