/* sqlite_settle - put a restored database in place, with no stale log or journal beside it. */
#ifndef SQLITE_SETTLE_H
#define SQLITE_SETTLE_H

struct err;
struct settle_request;

/*
 * What is at the target (the database, -wal, -shm, -journal) stays: with overwrite under the name
 * TARGET.before-restore (TARGET.before-restore-wal, ...; .before-restore.1 and so on if taken),
 * which SQLite opens as the database that it was; without, the call fails with ERR_EXISTS. ERR_BUSY
 * if another process holds locks on the target. Also ERR_INVALID, ERR_IO, ERR_DENIED, ERR_SPACE.
 */
int sqlite_settle(const struct settle_request *request, struct err *err);

#endif
