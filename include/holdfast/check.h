/* check - is everything there, and is it what was written? */
#ifndef HOLDFAST_CHECK_H
#define HOLDFAST_CHECK_H

#include "holdfast/err.h"
#include "holdfast/progress.h"
#include "holdfast/vault.h"

struct check_options {
	bool read_data;                 /* fetch packs and verify their hashes (and, unlocked, frames
	                                   and sums of the newest snapshot) */
	unsigned subset_percent;        /* 1..100 of the packs, chosen anew each day; 0 means 100 */
	bool copy;                      /* it is a copy of another vault, which may be late */
	const struct progress *progress;
};

struct check_result {
	uint64_t snapshots, packs, packs_read, bytes_read, problems;
	uint64_t late;                  /* snapshots that this machine made and that are not in a copy: it is
	                                   late, or was set back; elsewhere they are problems */
	uint64_t unreferenced;          /* packs that no snapshot lists: crash left-overs, no problem */
	bool decrypted;                 /* the recovery secret was there, so contents were opened too */
};

/* One problem: problem->msg names the object and the affected files or snapshots. */
typedef void check_problem(void *arg, const struct err *problem);

/* Check one store, or with store NULL the vault itself (vault.json, charter, slots, keys). Returns
 * 0 when the check could be done, also when it found problems; ERR_* when it could not. */
int check_run(struct vault *v, const struct store_info *store, const struct check_options *options,
              check_problem *problem, void *arg, struct check_result *result, struct err *err);

#endif
