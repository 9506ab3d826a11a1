/*
 * runs - when backup runs found stores to be as the vault has them, from the ledgers of their writers.
 *
 * A store that did not change gets no snapshot: the entry of the run says that it was looked at. So the
 * newest of snapshot and run tells how old its data are. Needs no secret.
 */
#ifndef HOLDFAST_RUNS_H
#define HOLDFAST_RUNS_H

#include <stddef.h>
#include <stdint.h>

#include "holdfast/vault.h"

struct err;

struct runs_query {
	const struct store_info *store;
	int64_t since_s;             /* what is older is of no interest: the newest snapshot's time */
	int64_t newest_s;            /* the answer: when the newest run began that covered the store and did
	                                not fail for it; 0: none was found */
};

/*
 * Entries count if they are among those that the writer's checkpoint signs for. Looks back to the oldest
 * since_s that matters, but not over more than RUNS_TILES tiles of 256 entries. Of each writer a
 * checkpoint and one tile are read, as a rule. A writer without a ledger: no error. ERR_CORRUPT, storage
 * errors.
 */
enum { RUNS_TILES = 32 };
int runs_newest(struct vault *v, struct runs_query *queries, size_t n, struct err *err);

/* When the first run began after that moment which covered the store and did not fail for it; 0: there is
 * none. The same errors. */
int runs_next(struct vault *v, const struct store_info *store, int64_t after_s, int64_t *next_s,
              struct err *err);

#endif
