/* mask_copy - the rows of one table, masked on their way into another database. */
#ifndef MASK_COPY_H
#define MASK_COPY_H

#include <signal.h>
#include <sqlite3.h>

#include "holdfast/mask.h"

struct buf;
struct mask_table;
struct secret;

struct mask_copy {
	sqlite3 *from, *to;                  /* both have the table; that of `to` is empty */
	const struct secret *key;            /* of the restore */
	struct buf *room;                    /* for one masked value */
	const volatile sig_atomic_t *stop;   /* or NULL */
};

/* The table's columns have their rules (mask_schema_decide). Adds to result. ERR_INVALID (a rule does not
 * fit a value, a masked row not a constraint), ERR_SOURCE, ERR_STOPPED, ERR_SPACE, ERR_IO, ERR_NOMEM. */
int mask_copy(const struct mask_copy *copy, const struct mask_table *t, struct mask_result *result,
              struct err *err);

#endif
