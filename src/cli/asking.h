/*
 * asking - the same question about many stores: many at once where the vault lies behind a network, one
 * after the other where it does not. Answers and errors are those of one after the other.
 */
#ifndef ASKING_H
#define ASKING_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/stores.h"
#include "holdfast/err.h"

struct vault;

struct asking_newest {
	const struct store_info *store;   /* NULL: none is there, and nothing is asked */
	const char *label;                /* with which an error begins; NULL: it is told as it is */
	struct snapshot_info newest;
	bool found;                       /* there is a snapshot */
	struct err why;                   /* code not 0: damage or a fork, and it is not known */
};

/* Does an error say something of one store's objects, and nothing of the others'? */
bool asking_concerns_one(int code);

/* The newest snapshot of each. Damage of one store is told in its `why`; anything else ends it, with the
 * error of the first in the list that has one. */
int asking_newest(struct vault *v, struct asking_newest *list, size_t n, struct err *err);

/* All snapshots of a store, oldest first. */
typedef int asking_visit(void *arg, const struct store_entry *entry, const struct snapshot_info *list,
                         size_t n, struct err *err);

/* Visit the stores in their order with their snapshots. Ends at the first that cannot be listed, and where
 * the visit returns anything but 0. */
int asking_snapshots(struct vault *v, const struct stores *stores, asking_visit *visit, void *arg,
                     struct err *err);

#endif
