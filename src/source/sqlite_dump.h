/* sqlite_dump - one table of a database as SQL text. */
#ifndef SQLITE_DUMP_H
#define SQLITE_DUMP_H

struct err;

/*
 * Write table, its rows, indexes and triggers to fd, which stays the caller's, as one transaction
 * that the sqlite3 shell reads. ERR_ABSENT if there is no such table (the hint lists what there
 * is), ERR_INVALID for a virtual table, ERR_SOURCE, ERR_BUSY, ERR_IO, ERR_SPACE, ERR_NOMEM.
 */
int sqlite_dump_table(const char *db_path, const char *table, int fd, struct err *err);

#endif
