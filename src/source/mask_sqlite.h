/*
 * mask_sqlite - a database written anew, with every value masked by its rule.
 *
 * Nothing is changed in place: the new file gets masked values only, so that it holds neither free pages nor
 * old bytes of the original. Indexes, views and triggers are made from their own text, which is copied as it
 * is; statistics (sqlite_stat1) are not.
 */
#ifndef MASK_SQLITE_H
#define MASK_SQLITE_H

#include <signal.h>
#include <sqlite3.h>

#include "holdfast/mask.h"

struct mask_request {
	sqlite3 *from;                       /* read-only */
	const struct mask_rules *rules;
	const char *to;                      /* an empty file, which is written */
	const volatile sig_atomic_t *stop;   /* or NULL */
	mask_missing *missing;               /* or NULL */
	void *arg;
};

/*
 * Mask it under a key that is made for this call and wiped at its end. What came out passes
 * integrity_check, and has no more rows without a parent than the original. ERR_INVALID (the rules do not
 * fit, see mask_schema.h, or do not fit a value or a constraint), ERR_SOURCE (the original cannot be read, or
 * not be made anew), ERR_LIMIT, ERR_STOPPED, ERR_SPACE, ERR_IO, ERR_NOMEM.
 */
int mask_sqlite(const struct mask_request *request, struct mask_result *result, struct err *err);

struct buf;

/* Append a skeleton of rules for the database. As mask_schema_read and mask_schema_template. */
int mask_sqlite_template(sqlite3 *from, const volatile sig_atomic_t *stop, struct buf *out,
                         struct err *err);

#endif
