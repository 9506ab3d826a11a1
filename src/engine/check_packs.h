/* check_packs - the packs that a store's snapshots list: are they there, and are they what they
 * were? Part of the check verb. */
#ifndef CHECK_PACKS_H
#define CHECK_PACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/head.h"

struct checking;
struct err;
struct keyring;

struct check_pack {
	struct head_pack pack;         /* first: sorted by its id */
	uint64_t first, last;          /* snapshots that list it, and how many */
	uint32_t snapshots;
	bool bad;                      /* a problem was told */
};

struct check_packs {
	struct check_pack *list;       /* sorted by id */
	size_t n;
};

void check_packs_clear(struct check_packs *p);

/* Add what a snapshot lists; snapshots come in ascending order. ERR_CORRUPT, told by the caller, if
 * it gives a pack another size than those before; ERR_NOMEM. */
int check_packs_add(struct check_packs *p, const struct head *head, struct err *err);
const struct check_pack *check_packs_find(const struct check_packs *p, const uint8_t id[32]);

/* One pack that was found in the vault. */
struct check_found {
	uint8_t id[32];
	uint64_t size;
	bool doomed;
};

/* Every listed pack is among those found (n, sorted by id), in its size. Counts the others. */
int check_packs_compare(struct checking *c, struct check_packs *p, const struct check_found *found,
                        size_t n, struct err *err);

/* Open headers and trailers if keys are there; fetch packs and verify hashes if that was asked for. */
int check_packs_read(struct checking *c, struct check_packs *p, struct keyring *keys,
                     struct err *err);

/* Is it this pack's day? Each day chooses differently; over time all are chosen equally often. */
bool check_packs_chosen(const uint8_t id[32], uint64_t day, unsigned percent);

#endif
