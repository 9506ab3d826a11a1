/* inventory - what packs a store has in the vault, by one listing. */
#ifndef INVENTORY_H
#define INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"

struct err;
struct vault;

struct inventory_pack {
	uint8_t id[32];
	uint64_t size;
	bool doomed, used;       /* used: free for the caller */
};

struct inventory {
	struct inventory_pack *packs;   /* sorted by id */
	size_t n, cap;
};

/* List <key-id>/<store-id>/packs/ and <key-id>/doomed/. NULL with storage errors. Objects
 * whose names are no pack ids are not counted. */
struct inventory *inventory_load(const struct vault *v, const uint8_t writer[16],
                                 const uint8_t store[16], struct err *err);
void inventory_free(struct inventory *i);
AUTO_FREE(inventory);

/* The pack if it is there with exactly this size and not doomed, else NULL. */
struct inventory_pack *inventory_find(const struct inventory *i, const uint8_t id[32],
                                      uint64_t size);

#endif
