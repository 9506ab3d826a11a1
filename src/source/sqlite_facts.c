#include "source/sqlite_facts.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/json.h"
#include "crypto/hash.h"
#include "holdfast/err.h"

enum { TABLE_NAMES_MAX = 2000 };

static int put(json_t *object, const char *key, json_t *value, struct err *err)
{
	return json_object_set_new(object, key, value) == 0 ? 0 :
	       err_no_memory(err);
}

static int failed(sqlite3 *db, struct err *err)
{
	if ((sqlite3_errcode(db) & 0xff) == SQLITE_NOMEM)
		return err_no_memory(err);
	return err_set(err, ERR_SOURCE, "its schema cannot be read: %s", sqlite3_errmsg(db));
}

/* Calls row for each row; row returns 0 or an error code. */
static int each(sqlite3 *db, const char *sql, int (*row)(sqlite3_stmt *, void *), void *arg,
                struct err *err)
{
	sqlite3_stmt *q = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &q, NULL), bad = 0;
	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		rc = sqlite3_step(q);
		if (rc == SQLITE_ROW && row(q, arg) != 0) {
			bad = err_no_memory(err);
			break;
		}
	}
	if (!bad && rc != SQLITE_DONE)
		bad = failed(db, err);
	sqlite3_finalize(q);
	return bad;
}

struct member {
	json_t *object;
	const char *key;
};

/* A name that is not UTF-8 has no place in JSON; it stays in the hash and in the count. */
static json_t *text_of(sqlite3_stmt *q)
{
	const unsigned char *text = sqlite3_column_text(q, 0);
	return json_stringn((const char *)text, (size_t)sqlite3_column_bytes(q, 0));
}

static int add_member(sqlite3_stmt *q, void *arg)
{
	const struct member *m = arg;
	json_t *v = sqlite3_column_type(q, 0) == SQLITE_INTEGER ?
	                    json_integer(sqlite3_column_int64(q, 0)) : text_of(q);
	return json_object_set_new(m->object, m->key, v);
}

static int add_pragmas(sqlite3 *db, json_t *object, struct err *err)
{
	static const char *const keys[] = {
		"application_id", "encoding", "freelist_count", "journal_mode",
		"schema_version", "user_version",
	};
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		char sql[64];
		snprintf(sql, sizeof sql, "PRAGMA %s", keys[i]);
		struct member m = { object, keys[i] };
		if (each(db, sql, add_member, &m, err) != 0)
			return err->code;
	}
	return 0;
}

static int hash_sql(sqlite3_stmt *q, void *arg)
{
	const void *text = sqlite3_column_text(q, 0);
	if (!text)
		return -1;
	hash_add(arg, text, (size_t)sqlite3_column_bytes(q, 0));
	hash_add(arg, "\n", 1);
	return 0;
}

static int add_schema_hash(sqlite3 *db, json_t *object, struct err *err)
{
	struct hash_state h;
	uint8_t digest[HASH_BYTES];
	hash_begin(&h, sizeof digest, "", NULL, 0);
	if (each(db, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY sql", hash_sql,
	         &h, err) != 0)
		return err->code;
	hash_end(&h, digest, sizeof digest);
	return put(object, "schema_hash", json_hex(digest, sizeof digest), err);
}

struct tables {
	json_t *names;
	json_int_t count;
};

static int add_table(sqlite3_stmt *q, void *arg)
{
	struct tables *t = arg;
	json_t *name = ++t->count <= TABLE_NAMES_MAX ? text_of(q) : NULL;
	return name ? json_array_append_new(t->names, name) : 0;
}

static int add_tables(sqlite3 *db, json_t *object, struct err *err)
{
	JSON_AUTO names = json_array();
	if (!names)
		return err_no_memory(err);
	struct tables t = { names, 0 };
	if (each(db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", add_table,
	         &t, err) != 0)
		return err->code;
	if (t.count <= TABLE_NAMES_MAX && put(object, "tables", json_incref(names), err) != 0)
		return err->code;
	return put(object, "table_count", json_integer(t.count), err);
}

int sqlite_facts(sqlite3 *db, const struct sqlite_image_facts *image, struct buf *out,
                 struct err *err)
{
	JSON_AUTO object = json_object();
	if (!object)
		return err_no_memory(err);
	if (put(object, "engine", json_string("sqlite"), err) != 0 ||
	    put(object, "log_frames", json_integer((json_int_t)image->log_frames), err) != 0 ||
	    put(object, "page_count", json_integer((json_int_t)image->pages), err) != 0 ||
	    put(object, "page_size", json_integer((json_int_t)image->page_bytes), err) != 0 ||
	    put(object, "version", json_string(sqlite3_libversion()), err) != 0)
		return err->code;

	/* a schema of a newer SQLite than ours is no reason to have no backup */
	sqlite3_db_config(db, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL);
	if (add_pragmas(db, object, err) != 0 || add_schema_hash(db, object, err) != 0 ||
	    add_tables(db, object, err) != 0)
		return err->code;
	return json_encode(object, out, err);
}
