/* target - a snapshot that an operand names, STORE[@SNAPSHOT]. */
#ifndef TARGET_H
#define TARGET_H

#include "base/scope.h"
#include "cli/stores.h"

struct err;
struct cli;

struct target {
	struct stores *stores;
	const struct store_entry *store;
	struct snapshot_info snapshot;
};

/* Open the vault, unlock it, find store and snapshot. Messages begin with command and store. */
int target_open(struct cli *cli, const char *operand, struct target *out, struct err *err);
void target_free(struct target *t);
static inline void target_end(struct target *t) { target_free(t); }
#define TARGET_AUTO __attribute__((cleanup(target_end))) struct target

/* Another snapshot of the same store. */
int target_select(struct cli *cli, const struct store_entry *store, const char *spec,
                  struct snapshot_info *out, struct err *err);

/* Prefix "command store: ", unless the message begins so. */
int target_wrap(const struct cli *cli, const char *store, struct err *err);

#endif
