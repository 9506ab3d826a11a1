/* choice - the snapshot that an operand names, STORE[@SNAPSHOT]. */
#ifndef CHOICE_H
#define CHOICE_H

#include "base/scope.h"
#include "cli/stores.h"

struct err;
struct cli;

struct choice {
	struct stores *stores;
	const struct store_entry *store;
	struct snapshot_info snapshot;
};

/* Open the vault, unlock it, find store and snapshot. Messages begin with command and store. */
int choice_open(struct cli *cli, const char *operand, struct choice *out, struct err *err);
void choice_free(struct choice *c);
static inline void choice_end(struct choice *c) { choice_free(c); }
#define CHOICE_AUTO __attribute__((cleanup(choice_end))) struct choice

/* Another snapshot of the same store. */
int choice_select(struct cli *cli, const struct store_entry *store, const char *spec,
                  struct snapshot_info *out, struct err *err);

/* Machines may have stores of one name: a machine that was replaced, and the one in its place. Of those in
 * the list that share a name, keep the one whose snapshot that `spec` means is the newest, and say so.
 * ERR_INVALID where a number means several. */
int choice_prefer(struct cli *cli, struct stores *list, const char *spec, struct err *err);

/* Make the message begin with "COMMAND STORE: ", in place of what the library put there. */
int choice_wrap(const struct cli *cli, const char *store, struct err *err);

#endif
