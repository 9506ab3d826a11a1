/* usage - how much of every pack the snapshot being made uses: counted anew in each run, which
 * also proves that the arrays and the base record still belong together. */
#ifndef USAGE_H
#define USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/scope.h"

struct err;
struct state;

/* Counters for serials first..first + n - 1; the array word is that of tagfile.h. */
struct usage {
	uint32_t first, n;
	struct usage_pack { uint64_t live, zeros; } *packs;
};

/* All zero, for serials from `first` up to `end` (exclusive). NULL with ERR_NOMEM. */
struct usage *usage_new(uint32_t first, uint32_t end, struct err *err);
void usage_free(struct usage *u);
AUTO_FREE(usage);

/* False if the word names a pack out of range: the array is damaged. */
bool usage_count(struct usage *u, uint32_t word, uint32_t units);
void usage_add(struct usage *to, const struct usage *from);

/* Does it fit what the base record says of its packs, and nothing else? */
bool usage_matches(const struct usage *u, const struct state *base);

#endif
