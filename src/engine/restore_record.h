/* restore_record - a restore, or the attempt, as an entry of this machine's ledger. */
#ifndef RESTORE_RECORD_H
#define RESTORE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "holdfast/restore.h"

struct err;
struct vault;

/* What was restored. */
struct restored {
	const struct store_info *store;
	uint64_t seq;                /* 0: from packs, without a snapshot */
	uint8_t head[32];
	uint8_t mask[32];            /* SHA-256 of the rules by which it was masked; zeros: it was not */
	bool one_of_many;            /* restore_settle appends it */
};

/*
 * Append it: with failure->code not 0 it is an attempt that failed. A machine without a key of its own,
 * or without a state folder, keeps no ledger; a vault that is read as it was in the past gets no entry.
 * That it could not be written is a warning in result->warning, unless there is one already.
 */
void restore_record(struct vault *v, const struct restored *what, const struct err *failure,
                    struct restore_result *result);

#endif
