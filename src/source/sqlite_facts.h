/* sqlite_facts - what is known of a database without reading more of it than its schema. */
#ifndef SQLITE_FACTS_H
#define SQLITE_FACTS_H

#include <sqlite3.h>
#include <stdint.h>

struct buf;
struct err;

struct sqlite_image_facts {
	uint32_t page_bytes;
	uint64_t pages;
	uint32_t log_frames;   /* frames of the write-ahead log laid over the file */
};

/*
 * Append one canonical JSON object, as the connection's open transaction sees the database:
 * application_id, encoding, engine, freelist_count, journal_mode, log_frames, page_count,
 * page_size, schema_hash (BLAKE2b-256 of every "sql" of the schema, sorted, each followed by a
 * newline), schema_version, table_count, tables (their names; left out above 2000), user_version,
 * version (SQLite's, of this program). ERR_SOURCE, ERR_LIMIT, ERR_NOMEM.
 */
int sqlite_facts(sqlite3 *db, const struct sqlite_image_facts *image, struct buf *out,
                 struct err *err);

#endif
