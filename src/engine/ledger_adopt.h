/*
 * ledger_adopt - snapshots of this machine that no entry tells of: of runs that were killed before
 * their entry, of before there was a ledger, or of before the local state was lost.
 */
#ifndef LEDGER_ADOPT_H
#define LEDGER_ADOPT_H

#include <stddef.h>

#include "base/scope.h"
#include "format/entry.h"

struct err;
struct ledger;
struct pending_left;
struct vault;

struct adopted {
	struct entry_item *items;
	size_t n, cap;
};

/* What `left` names and is in the vault; and, where nothing is remembered, all that is in the vault and in
 * no entry but `own`, which this run is about to write. NULL with errors of storage, ERR_NOMEM. */
struct adopted *ledger_adopt(struct vault *v, const struct ledger *l, const struct pending_left *left,
                             const struct entry_item *own, size_t n_own, struct err *err);
void adopted_free(struct adopted *a);
AUTO_FREE(adopted);

#endif
