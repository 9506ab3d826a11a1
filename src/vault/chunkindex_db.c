#include "vault/chunkindex_db.h"

#include <errno.h>
#include <string.h>

#include "base/wire.h"
#include "crypto/hash.h"
#include "holdfast/err.h"

/* ---- what SQLite says ---- */

int index_corrupt(struct chunkindex *x, struct err *err)
{
	x->damaged = true;
	return err_set(err, ERR_CORRUPT, "state: the chunk index is damaged");
}

int index_failed(struct chunkindex *x, struct err *err)
{
	const char *text = sqlite3_errmsg(x->db);
	errno = sqlite3_system_errno(x->db);
	switch (sqlite3_errcode(x->db) & 0xff) {
	case SQLITE_CORRUPT: case SQLITE_NOTADB: case SQLITE_MISMATCH: case SQLITE_ERROR:
	case SQLITE_CONSTRAINT: case SQLITE_SCHEMA: case SQLITE_TOOBIG: case SQLITE_RANGE:
		return index_corrupt(x, err);
	case SQLITE_NOMEM:
		return err_no_memory(err);
	case SQLITE_FULL:
		return err_set(err, ERR_SPACE, "%s: chunk index: no space left", x->dir);
	default:
		return errno ? err_sys(err, "%s: chunk index: %s", x->dir, text)
		             : err_set(err, ERR_IO, "%s: chunk index: %s", x->dir, text);
	}
}

int index_run(struct chunkindex *x, const char *sql, struct err *err)
{
	return sqlite3_exec(x->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : index_failed(x, err);
}

int index_finish(struct chunkindex *x, sqlite3_stmt *q, struct err *err)
{
	int rc = sqlite3_step(q) == SQLITE_DONE ? 0 : index_failed(x, err);
	index_done(q);
	return rc;
}

int index_row(struct chunkindex *x, sqlite3_stmt *q, struct err *err)
{
	int rc = sqlite3_step(q);
	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : index_failed(x, err);
}

void index_done(sqlite3_stmt *q)
{
	sqlite3_reset(q);
	sqlite3_clear_bindings(q);
}

void index_bind(sqlite3_stmt *q, int at, const void *bytes, size_t len)
{
	sqlite3_bind_blob64(q, at, bytes, len, SQLITE_STATIC);
}

const uint8_t *index_column(sqlite3_stmt *q, int at, size_t *len)
{
	const uint8_t *bytes = sqlite3_column_blob(q, at);
	*len = (size_t)sqlite3_column_bytes(q, at);
	return bytes;
}

/* ---- checks ---- */

void index_check(const struct chunkindex *x, char table, const void *key, size_t key_len,
                 const void *value, size_t len, uint8_t out[CHECK_BYTES])
{
	struct hash_state h;
	uint8_t head[9] = { (uint8_t)table };
	wire_put_u64(head + 1, key_len);
	hash_begin(&h, CHECK_BYTES, "hf1.index", x->key, sizeof x->key);
	hash_add(&h, head, sizeof head);
	hash_add(&h, key, key_len);
	hash_add(&h, value, len);
	hash_end(&h, out, CHECK_BYTES);
}

bool index_is_whole(const struct chunkindex *x, char table, const void *key, size_t key_len,
                    const uint8_t *value, size_t len)
{
	uint8_t want[CHECK_BYTES];
	if (len < CHECK_BYTES)
		return false;
	index_check(x, table, key, key_len, value, len - CHECK_BYTES, want);
	return memcmp(want, value + len - CHECK_BYTES, CHECK_BYTES) == 0;
}
