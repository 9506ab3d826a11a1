/*
 * copy - a vault, object by object, to another place. Needs no key and no passphrase.
 *
 * Only what is missing there is copied, in an order in which an interruption leaves no snapshot
 * whose packs are missing. What can be verified without a key is verified on the way: packs by their
 * names, snapshots, keys and charters by their signatures. A damaged object is told and left out,
 * and so are the snapshots that list it; the rest is copied.
 */
#ifndef HOLDFAST_COPY_H
#define HOLDFAST_COPY_H

#include "holdfast/err.h"
#include "holdfast/progress.h"
#include "holdfast/vault.h"

struct copy;

/* problem->msg names the object. */
typedef void copy_problem(void *arg, const struct err *problem);

struct copy_options {
	bool dry_run;                    /* say what would be copied; packs are not read */
	const struct progress *progress;
	copy_problem *problem;           /* from any thread, never from two at once */
	void *arg;
};

struct copy_result {
	uint64_t objects, bytes;         /* copied, or to be copied */
	uint64_t skipped;                /* objects that were there */
	uint64_t problems;               /* damaged here, or another object there */
};

/*
 * Get ready to copy to `url`. options lives as long as the handle. NULL with ERR_FORK (the place
 * holds another vault), ERR_EXISTS (no vault, but it is not empty), storage errors.
 */
struct copy *copy_open(struct vault *from, const char *url, const struct backend_options *storage,
                       const struct copy_options *options, struct err *err);
void copy_free(struct copy *c);

/* What belongs to no store: vault.json, the texts, charters, slots. First, and once. Adds to *result;
 * so does copy_store, whose store may be one that the place does not know yet. */
int copy_vault(struct copy *c, struct copy_result *result, struct err *err);
int copy_store(struct copy *c, const struct store_info *store, struct copy_result *result,
               struct err *err);

/* The ledgers of all keys, with what they name. Last: they tell of what was copied before. */
int copy_ledgers(struct copy *c, struct copy_result *result, struct err *err);

#endif
