/*
 * sqlite_conn - a read-only connection that harms nothing, and SQLite's errors in our words.
 *
 * This process never opens the database or its -shm beside it: closing that descriptor would drop
 * the POSIX locks of SQLite's (https://www.sqlite.org/howtocorrupt.html, 2.2). A read-only
 * connection never checkpoints and never unlinks -wal or -shm.
 */
#ifndef SQLITE_CONN_H
#define SQLITE_CONN_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/scope.h"

struct err;

struct sqlite_conn {
	char *path;            /* resolved */
	char *label;           /* for messages: the path as the user wrote it, in one line */
	char *name;            /* its last part */
	unsigned timeout_s;    /* of waits for locks */
	sqlite3 *db;           /* NULL after sqlite_conn_close */
	sqlite3_file *file;    /* of the database */
};

/* Opens the file and looks at its header; waits for nothing. timeout_s 0: the default of 5.
 * NULL with ERR_ABSENT, ERR_DENIED (also where opening would leave -wal and -shm that the
 * application cannot write), ERR_SOURCE (not a database), ERR_INVALID, ERR_IO, ERR_NOMEM. */
struct sqlite_conn *sqlite_conn_new(const char *path, unsigned timeout_s, struct err *err);
void sqlite_conn_free(struct sqlite_conn *c);
AUTO_FREE(sqlite_conn);

/* Ends any transaction and closes the database. */
void sqlite_conn_close(struct sqlite_conn *c);

/* Record the connection's last error: ERR_BUSY, ERR_DENIED, ERR_SOURCE, ERR_IO, ERR_NOMEM. */
int sqlite_conn_error(const struct sqlite_conn *c, struct err *err);

/* Record that the application holds a lock for too long: ERR_BUSY. */
int sqlite_conn_locked(const struct sqlite_conn *c, struct err *err);

/* Run statements without results, or one whose first value is a number. Errors as above. */
int sqlite_conn_run(struct sqlite_conn *c, const char *sql, struct err *err);
int sqlite_conn_number(struct sqlite_conn *c, const char *sql, int64_t *out, struct err *err);

/* Whether the open transaction is one of WAL mode. */
int sqlite_conn_is_wal(struct sqlite_conn *c, bool *wal, struct err *err);

#endif
