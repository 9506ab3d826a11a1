/*
 * sqlite_wal - what of a write-ahead log belongs to a held read transaction.
 *
 * Everything is read through the sqlite3_file handles of the connection that holds the transaction:
 * closing a descriptor of its own of the database or of the wal-index would drop the connection's
 * POSIX locks. The formats are those of https://www.sqlite.org/fileformat2.html and walformat.html.
 */
#ifndef SQLITE_WAL_H
#define SQLITE_WAL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"

struct err;

/* The wal-index header and the progress of checkpoints, at one moment. */
struct sqlite_wal_state {
	uint32_t change;       /* grows with every commit */
	uint32_t page_bytes;
	uint32_t frames;       /* the log's committed frames ("mxFrame") */
	uint32_t pages;        /* the database's length; 0: as the file is long */
	uint32_t sum[2];       /* running checksum behind the last committed frame */
	uint8_t salt[8];       /* changes whenever the log starts again from its beginning */
	uint32_t backfilled;   /* frames that the database file holds already */
};

/* Read it; the connection must have had a transaction in WAL mode. ERR_BUSY if no two copies of
 * the header agree for a while, ERR_DENIED if there is no shared wal-index. */
int sqlite_wal_state(sqlite3_file *db, struct sqlite_wal_state *out, struct err *err);

/* The same commit of the same log; checkpoints may have gone on between. */
bool sqlite_wal_same(const struct sqlite_wal_state *a, const struct sqlite_wal_state *b);

/* Where the newest version of each page of the log lies: eight bytes a page, not the page. */
struct sqlite_overlay;

/* Index the frames of *state, with all their checksums verified. The log's handle stays the
 * caller's and must outlive the overlay. NULL with ERR_SOURCE if the log is not the one that
 * *state describes, ERR_IO, ERR_NOMEM. */
struct sqlite_overlay *sqlite_overlay_new(sqlite3_file *log, const struct sqlite_wal_state *state,
                                          struct err *err);
void sqlite_overlay_free(struct sqlite_overlay *o);
AUTO_FREE(sqlite_overlay);

/* True if every page that touches the bytes [offset, offset + len) is in the log. */
bool sqlite_overlay_covers(const struct sqlite_overlay *o, uint64_t offset, uint64_t len);

/* Replace in data, which holds the database's bytes [offset, offset + len), what the log has
 * newer. Each frame's salt and page number are verified again: ERR_SOURCE. ERR_IO. */
int sqlite_overlay_apply(struct sqlite_overlay *o, uint64_t offset, uint8_t *data, size_t len,
                         struct err *err);

#endif
