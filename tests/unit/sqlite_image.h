/* sqlite_image - take an image of a database through its driver; for tests. */
#ifndef SQLITE_IMAGE_H
#define SQLITE_IMAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sqlite3.h>

#include <cmocka.h>

#include "holdfast/err.h"
#include "holdfast/source.h"

struct taken {
	uint8_t *bytes;
	size_t len;
	struct source_entry entry;
};

static inline void must_sql(sqlite3 *db, const char *sql)
{
	char *why = NULL;
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
}

static inline sqlite3 *must_open(const char *path)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	return db;
}

static inline struct source *must_begin(const char *path, struct err *err)
{
	const struct source_options options = {
		.type = "sqlite", .name = "crm", .path = path, .timeout_s = 1,
	};
	struct source *s = source_open(&options, err);
	if (!s || s->ops->begin(s, err) != 0)
		fail_msg("%s", err->msg);
	return s;
}

/* 0 or the driver's error; everything up to the file's end. */
static inline int take(struct source *s, struct taken *t, struct err *err)
{
	assert_int_equal(s->ops->next(s, &t->entry, err), 1);
	uint64_t length = t->entry.length_bytes;
	t->bytes = malloc(length + 65536);
	assert_non_null(t->bytes);
	for (t->len = 0;;) {
		size_t got;
		int rc = s->ops->read(s, t->bytes + t->len, 65536, &got, err);
		if (rc != 0)
			return rc;
		if (got == 0)
			break;
		t->len += got;
		assert_true(t->len <= length);
	}
	assert_int_equal(t->len, length);
	struct source_entry more;
	assert_int_equal(s->ops->next(s, &more, err), 0);
	return 0;
}

static inline void must_take(struct source *s, struct taken *t)
{
	struct err err;
	if (take(s, t, &err) != 0)
		fail_msg("%s", err.msg);
}

/* What sqlite3_backup makes of the connection's open transaction. */
static inline uint8_t *reference(sqlite3 *db, size_t *len)
{
	sqlite3 *memory = must_open(":memory:");
	sqlite3_backup *b = sqlite3_backup_init(memory, "main", db, "main");
	assert_non_null(b);
	assert_int_equal(sqlite3_backup_step(b, -1), SQLITE_DONE);
	assert_int_equal(sqlite3_backup_finish(b), SQLITE_OK);
	sqlite3_int64 n;
	uint8_t *bytes = sqlite3_serialize(memory, "main", &n, 0);
	assert_non_null(bytes);
	sqlite3_close(memory);
	*len = (size_t)n;
	return bytes;
}

/* sqlite3_backup writes its own journal mode, change counters and schema cookie into page 1. */
static inline size_t pages_unlike(const struct taken *t, const uint8_t *reference_bytes)
{
	size_t page = t->entry.page_bytes, unlike = 0;
	for (size_t at = 0; at < t->len; at += page) {
		const uint8_t *a = t->bytes + at, *b = reference_bytes + at;
		if (at > 0)
			unlike += memcmp(a, b, page) != 0;
		else
			unlike += memcmp(a, b, 18) || memcmp(a + 20, b + 20, 4) ||
			          memcmp(a + 28, b + 28, 12) || memcmp(a + 44, b + 44, 48) ||
			          memcmp(a + 100, b + 100, page - 100);
	}
	return unlike;
}

/* The image as a database in memory; the bytes become SQLite's. */
static inline sqlite3 *open_image(struct taken *t)
{
	uint8_t *copy = sqlite3_malloc64(t->len);
	assert_non_null(copy);
	memcpy(copy, t->bytes, t->len);
	copy[18] = copy[19] = 1;   /* a database in memory has no log */
	sqlite3 *db = must_open(":memory:");
	assert_int_equal(sqlite3_deserialize(db, "main", copy, (sqlite3_int64)t->len,
	                                     (sqlite3_int64)t->len,
	                                     SQLITE_DESERIALIZE_FREEONCLOSE |
	                                     SQLITE_DESERIALIZE_READONLY), SQLITE_OK);
	return db;
}

/* The first value of the first row, as text. */
static inline const char *value(sqlite3 *db, const char *sql, char *out, size_t cap)
{
	sqlite3_stmt *q;
	if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	int rc = sqlite3_step(q);
	const unsigned char *text = rc == SQLITE_ROW ? sqlite3_column_text(q, 0) : NULL;
	snprintf(out, cap, "%s", text ? (const char *)text : "NULL");
	sqlite3_finalize(q);
	return out;
}

#define assert_value(db, sql, wanted)                                                              \
	do {                                                                                       \
		char value_[256];                                                                  \
		assert_string_equal(value(db, sql, value_, sizeof value_), wanted);                \
	} while (0)

#endif
