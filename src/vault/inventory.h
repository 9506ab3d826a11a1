/*
 * inventory - what a store has in the vault, by one listing; and which packs are doomed.
 *
 * A listing counts for a while only: who deletes packs marks them as doomed first, and waits for
 * longer than any listing counts (DESIGN.md 3).
 */
#ifndef INVENTORY_H
#define INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"
#include "holdfast/backend.h"

struct doomed;
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
	uint64_t newest;                /* number of the newest snapshot, 0: none */
	char newest_tag[BACKEND_TAG_MAX];   /* as the storage fingerprints it, or "" */
	uint64_t listed_s;              /* when the oldest of the listings was asked for; CLOCK_BOOTTIME */
};

/* List <key-id>/<store-id>/ and <key-id>/doomed/; the latter not again while `doomed` (may be NULL)
 * has it. NULL with storage errors. Objects whose names are no pack ids are not counted. */
struct inventory *inventory_load(const struct vault *v, const uint8_t writer[16],
                                 const uint8_t store[16], struct doomed *doomed, struct err *err);
void inventory_free(struct inventory *i);
AUTO_FREE(inventory);

/* The pack if it is there with exactly this size and not doomed, else NULL. */
struct inventory_pack *inventory_find(const struct inventory *i, const uint8_t id[32],
                                      uint64_t size);

/* Must a listing be asked for again before something is built on it? */
bool inventory_is_old(const struct inventory *i);

/* The doom marks of one writer, listed once for all stores of a run. Any threads. */
struct doomed *doomed_new(struct err *err);
void doomed_free(struct doomed *d);
AUTO_FREE(doomed);

#endif
