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

struct copy_result {
	uint64_t objects, bytes;         /* copied, or to be copied */
	uint64_t skipped;                /* objects that were there */
	uint64_t problems;               /* damaged here, or another object there */
};

/* Store number `store` has come to its end, or failed when so much was copied. In the order of the
 * stores. */
typedef void copy_finished(void *arg, size_t store, bool failed, const struct copy_result *r);

/* Both calls come from any thread, never from two at once. */
struct copy_options {
	bool dry_run;                    /* say what would be copied; packs are not read */
	const struct progress *progress;
	copy_problem *problem;
	copy_finished *finished;         /* may be NULL */
	void *arg;
};

/*
 * Get ready to copy to `url`. options lives as long as the handle. NULL with ERR_FORK (the place
 * holds another vault), ERR_EXISTS (no vault, but it is not empty), storage errors.
 */
struct copy *copy_open(struct vault *from, const char *url, const struct backend_options *storage,
                       const struct copy_options *options, struct err *err);
void copy_free(struct copy *c);

/* What belongs to no store: vault.json, the texts, charters, slots. First, and once. Adds to *result. */
int copy_vault(struct copy *c, struct copy_result *result, struct err *err);

/* Stores, also such as the place does not know yet; over a network many at once, with at most eight
 * packs in memory. The first failure ends all; damaged objects are none. */
int copy_stores(struct copy *c, const struct store_info *const *stores, size_t n, struct err *err);

/* The ledgers of all keys, with what they name. Last: they tell of what was copied before. */
int copy_ledgers(struct copy *c, struct copy_result *result, struct err *err);

#endif
