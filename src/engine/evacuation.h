/*
 * evacuation - which old packs a session empties by storing their live contents again.
 *
 * The stored bytes in use of a pack are size * live / weight. The packs with the smallest share in
 * use are moved until what a restore of the new snapshot would fetch (the packs that stay, what is
 * moved, and the `churn` share of everything that this session is expected to store anew) is at
 * most 1.5 times the bytes in use, and until at most 2 * full_packs + 256 packs stay. Pure.
 */
#ifndef EVACUATION_H
#define EVACUATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct evacuation_pack {
	uint64_t size;           /* stored bytes */
	uint64_t weight, live;   /* what it holds, and of that what is in use, in one unit */
};

/* chosen[i] says whether packs[i] is to be emptied; churn is 0..1, above 0.5 it counts as 0.5.
 * Without memory for its order nothing is chosen: then it waits for the next run. */
void evacuation_choose(const struct evacuation_pack *packs, size_t n, double churn,
                       uint64_t full_packs, bool *chosen);

#endif
