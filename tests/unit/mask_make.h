/* mask_make - databases with secrets in them, and what a masked one still holds. */
#ifndef MASK_MAKE_H
#define MASK_MAKE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "holdfast/err.h"
#include "scratch.h"

/* Every value that may not come out begins so. */
#define MASK_SECRET "SECRET"

enum { MASK_MAKE_PATH = SCRATCH_MAX + 20 };

/* Makes a database of these statements, without anything at the path before. False if it fails. */
static inline bool mask_make(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	unlink(path);
	bool ok = sqlite3_open(path, &db) == SQLITE_OK &&
	          sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
	if (!ok)
		fprintf(stderr, "%s\n", sqlite3_errmsg(db));
	sqlite3_close(db);
	return ok;
}

static inline int64_t mask_number_of(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *q = NULL;
	int64_t n = -999;
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW)
		n = sqlite3_column_int64(q, 0);
	else
		fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
	sqlite3_finalize(q);
	sqlite3_close(db);
	return n;
}

/* Do the bytes of the file hold it anywhere? */
static inline bool mask_file_holds(const char *path, const char *text)
{
	struct err err = { 0 };
	AUTO(buf) bytes = buf_new(64 << 20, &err);
	return !bytes || io_read_file(path, bytes, &err) != 0 ||
	       memmem(bytes->bytes, bytes->len, text, strlen(text)) != NULL;
}

#endif
