/* chain - what two neighbouring snapshots of one store must have to do with each other. */
#ifndef CHAIN_H
#define CHAIN_H

#include <stdint.h>

struct err;
struct heads_entry;
struct snapshot_info;

/* `before` is what the listing shows in front of `e`. Where their numbers follow each other, e names
 * the hash of `before`, or ERR_FORK naming both objects. Where numbers are missing in between
 * (snapshots expired, or a number skipped after a rollback) nothing can be said. */
int chain_verify(const struct heads_entry *before, const struct heads_entry *e, struct err *err);

/* The public description of a snapshot; before may be NULL. ERR_NOMEM. */
int chain_describe(struct snapshot_info *info, const struct heads_entry *before,
                   const struct heads_entry *e, struct err *err);

#endif
