/*
 * mask_db - the two databases of a masked restore: the one that was backed up, whose schema may be anybody's
 * work, and the new one.
 */
#ifndef MASK_DB_H
#define MASK_DB_H

#include <signal.h>
#include <sqlite3.h>
#include <stdint.h>

struct err;

/* Trust nothing in it: no functions with effects, no extensions, no other databases; sorted and temporary
 * things stay in memory. `stop` (non-zero ends statements) may be NULL and outlives the connection.
 * ERR_SOURCE, ERR_NOMEM. */
int mask_db_tame(sqlite3 *db, const volatile sig_atomic_t *stop, struct err *err);

/* The connection's last error: ERR_STOPPED, ERR_NOMEM, ERR_SPACE, ERR_IO, ERR_SOURCE. */
int mask_db_error(sqlite3 *db, struct err *err);

/* The one place where a name becomes SQL. */
void mask_db_name(sqlite3_str *sql, const char *name);

/* Ends the text and prepares it. NULL with the errors above. */
sqlite3_stmt *mask_db_prepare(sqlite3 *db, sqlite3_str *sql, struct err *err);

/* Call row for each row of sql; its parameter ?1, if there is one, is name (else NULL). A code other than 0
 * of row ends it and is returned. */
typedef int mask_db_row(void *arg, sqlite3_stmt *q, struct err *err);
int mask_db_each(sqlite3 *db, const char *sql, const char *name, mask_db_row *row, void *arg,
                 struct err *err);

/* Statements without results, or one whose first value is a number. */
int mask_db_run(sqlite3 *db, const char *sql, struct err *err);
int mask_db_number(sqlite3 *db, const char *sql, int64_t *out, struct err *err);

/* "table" or "table.column" for messages, printable; column may be NULL. Returns out. */
enum { MASK_LABEL_MAX = 160 };
const char *mask_db_label(char out[MASK_LABEL_MAX], const char *table, const char *column);

/* Put that label in front of the message; returns the code. */
int mask_db_at(const char *table, const char *column, struct err *err);

#endif
