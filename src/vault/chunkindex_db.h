/*
 * chunkindex_db - what the parts of a chunk index share: its handle, and SQLite's answers as errors.
 *
 * Nobody but chunkindex_*.c includes it. What says that the database is not what this program wrote marks the
 * index as damaged (chunkindex_damaged), which is no failure for its user: the next run is a full.
 */
#ifndef CHUNKINDEX_DB_H
#define CHUNKINDEX_DB_H

#include <limits.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/chunkindex.h"

enum { CHECK_BYTES = 16 };           /* at the end of every record */

enum statement {
	META_PUT, CHUNK_GET, CHUNK_PUT, FILE_GET, FILE_PUT, PACK_ALL, PACK_PUT, PACK_DROP,
	LIST_ADD, LIST_ALL, STATEMENTS,
};

struct chunkindex {
	sqlite3 *db;
	sqlite3_stmt *q[STATEMENTS];
	enum chunkindex_place place;
	char dir[PATH_MAX];
	uint8_t page_key[SUM_KEY_BYTES], key[32];
	struct chunkindex_meta meta;
	bool damaged;
	struct buf *record, *out;      /* a file's, read and written */
	char path[SOURCE_PATH_MAX + 1];
};

int index_corrupt(struct chunkindex *x, struct err *err);    /* ERR_CORRUPT, and marks it */
int index_failed(struct chunkindex *x, struct err *err);     /* what SQLite said last */

int index_run(struct chunkindex *x, const char *sql, struct err *err);
/* Step a statement without rows, and reset it. */
int index_finish(struct chunkindex *x, sqlite3_stmt *q, struct err *err);
/* Step to a row: 1; 0: none left. The caller ends with index_done. */
int index_row(struct chunkindex *x, sqlite3_stmt *q, struct err *err);
void index_done(sqlite3_stmt *q);
/* The bytes stay the caller's until index_finish or index_done. */
void index_bind(sqlite3_stmt *q, int at, const void *bytes, size_t len);
/* Of the row that the statement stands at; SQLite's until the next step. */
const uint8_t *index_column(sqlite3_stmt *q, int at, size_t *len);

/* Keyed digest over table, key and value of a row. */
void index_check(const struct chunkindex *x, char table, const void *key, size_t key_len,
                 const void *value, size_t len, uint8_t out[CHECK_BYTES]);
/* Do the `len` bytes of a value end in their check? */
bool index_is_whole(const struct chunkindex *x, char table, const void *key, size_t key_len,
                    const uint8_t *value, size_t len);

#endif
