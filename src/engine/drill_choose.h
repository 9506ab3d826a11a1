/*
 * drill_choose - which snapshot a drill restores, so that nobody can choose it.
 *
 *   seed   = BLAKE2b-256("hf1.drilldraw", name of the drill | NUL | due LE64 | charter hash 32 |
 *            for every store of the drill, sorted by writer and store id: its newest head's hash 32)
 *   chosen = first 8 bytes of the seed, LE64, modulo the number of candidates
 *
 * Candidates are sorted by writer, store and sequence number. Heads need no key, and one that is damaged
 * stays a candidate (its hash is zeros): a drill does not avoid what is broken.
 */
#ifndef DRILL_CHOOSE_H
#define DRILL_CHOOSE_H

#include "holdfast/drill.h"

struct drill_candidate {
	const struct drill_store *store;
	uint64_t seq, epoch, packs;
	int64_t time_s;              /* 0 of a damaged head */
	unsigned kind;               /* enum head_kind */
	uint8_t head[32];
	struct err damage;           /* code not 0: why its head cannot be believed */
};

struct drill_choice {
	struct drill_candidate *all;
	size_t n, chosen;
	uint8_t seed[32];
	int64_t due_s;
};

/* ERR_ABSENT (no candidate), ERR_INVALID, storage errors. */
int drill_choose(struct vault *v, const struct drill_options *o, struct drill_choice *out,
                 struct err *err);
void drill_choice_clear(struct drill_choice *c);

/* When the snapshot after this one was taken, or a run found that none was needed, whichever came first;
 * 0: neither did, or it cannot be known. */
int64_t drill_next_time(struct vault *v, const struct drill_candidate *c);

#endif
