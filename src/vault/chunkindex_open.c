/* A chunk index: opened, made, committed, put in place of the older. (chunkindex.h) */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/wire.h"
#include "crypto/hash.h"
#include "holdfast/err.h"
#include "vault/chunkindex_db.h"

enum { VERSION = 1, META_BYTES = 160 + CHECK_BYTES, RECORD_MAX = 1 << 30, SUFFIX_MAX = 16 };

static const char *const statements[STATEMENTS] = {
	[META_PUT] = "REPLACE INTO meta VALUES (1, ?1)",
	[CHUNK_GET] = "SELECT serial, place FROM chunks WHERE id = ?1",
	[CHUNK_PUT] = "REPLACE INTO chunks VALUES (?1, ?2, ?3)",
	[FILE_GET] = "SELECT number, path, record FROM files WHERE path = ?1",
	[FILE_PUT] = "REPLACE INTO files VALUES (?1, ?2, ?3)",
	[PACK_ALL] = "SELECT serial, record FROM packs ORDER BY serial",
	[PACK_PUT] = "REPLACE INTO packs VALUES (?1, ?2, ?3)",
	[PACK_DROP] = "DELETE FROM packs WHERE serial = ?1",
	[LIST_ADD] = "INSERT INTO listing (number) VALUES (?1)",
	[LIST_ALL] = ("SELECT f.number, path, record FROM listing l LEFT JOIN files f "
	              "USING (number) ORDER BY position"),
};

/* The store is locked by its writer, so nobody else wants in; without sharing no -shm is needed. */
static const char settings[] =
	"PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
	"PRAGMA cache_size = -8192; PRAGMA wal_autocheckpoint = 4096; PRAGMA trusted_schema = OFF";

static const char schema[] =
	"CREATE TABLE meta (one INTEGER PRIMARY KEY, record BLOB NOT NULL);"
	"CREATE TABLE chunks (id BLOB PRIMARY KEY, serial INTEGER NOT NULL, place BLOB NOT NULL)"
	" WITHOUT ROWID;"
	"CREATE TABLE files (number INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE,"
	" record BLOB NOT NULL);"
	"CREATE TABLE packs (serial INTEGER PRIMARY KEY, chunks INTEGER NOT NULL,"
	" record BLOB NOT NULL);"
	"CREATE TABLE listing (position INTEGER PRIMARY KEY, number INTEGER NOT NULL)";

/* ---- meta ---- */

static void derive(struct chunkindex *x, const uint8_t page_key[SUM_KEY_BYTES])
{
	memcpy(x->page_key, page_key, SUM_KEY_BYTES);
	hash_labelled(x->key, sizeof x->key, "hf1.index", page_key, SUM_KEY_BYTES, NULL, 0);
}

static void encode_meta(const struct chunkindex *x, uint8_t out[META_BYTES])
{
	const struct chunkindex_meta *m = &x->meta;
	uint8_t *p = wire_put_bytes(out, x->page_key, SUM_KEY_BYTES);
	p = wire_put_u64(p, m->seq);
	p = wire_put_u32(p, m->epoch);
	p = wire_put_bytes(p, m->base_hash, 32);
	p = wire_put_u32(p, m->next_serial);
	p = wire_put_u32(p, m->next_number);
	p = wire_put_bytes(p, m->head_hash, 32);
	p = wire_put_bytes(p, m->listing, 32);
	p = wire_put_u64(p, m->dead);
	p = wire_put_u32(p, VERSION);
	index_check(x, 'm', NULL, 0, out, (size_t)(p - out), p);
}

static bool decode_meta(struct chunkindex *x, const uint8_t *bytes, size_t len)
{
	if (!bytes || len != META_BYTES)
		return false;
	derive(x, bytes);
	if (!index_is_whole(x, 'm', NULL, 0, bytes, len))
		return false;
	struct wire w = wire_over(bytes + SUM_KEY_BYTES, len - SUM_KEY_BYTES);
	struct chunkindex_meta *m = &x->meta;
	m->seq = wire_u64(&w);
	m->epoch = wire_u32(&w);
	wire_copy(&w, m->base_hash, 32);
	m->next_serial = wire_u32(&w);
	m->next_number = wire_u32(&w);
	wire_copy(&w, m->head_hash, 32);
	wire_copy(&w, m->listing, 32);
	m->dead = wire_u64(&w);
	return wire_u32(&w) == VERSION;
}

static int put_meta(struct chunkindex *x, struct err *err)
{
	uint8_t bytes[META_BYTES];
	encode_meta(x, bytes);
	index_bind(x->q[META_PUT], 1, bytes, sizeof bytes);
	int rc = index_finish(x, x->q[META_PUT], err);
	sodium_memzero(bytes, sizeof bytes);
	return rc;
}

static int read_meta(struct chunkindex *x, struct err *err)
{
	sqlite3_stmt *q = NULL;
	if (sqlite3_prepare_v2(x->db, "SELECT record FROM meta", -1, &q, NULL) != SQLITE_OK)
		return index_failed(x, err);
	int rc = index_row(x, q, err);
	if (rc >= 0) {
		size_t len = 0;
		const uint8_t *bytes = rc == 1 ? index_column(q, 0, &len) : NULL;
		rc = decode_meta(x, bytes, len) ? 0 : index_corrupt(x, err);
	}
	sqlite3_finalize(q);
	return rc;
}

struct chunkindex_meta *chunkindex_meta(struct chunkindex *x) { return &x->meta; }
bool chunkindex_damaged(const struct chunkindex *x) { return x->damaged; }

/* ---- opening ---- */

static void close_db(struct chunkindex *x)
{
	for (int i = 0; i < STATEMENTS; i++) {
		sqlite3_finalize(x->q[i]);
		x->q[i] = NULL;
	}
	sqlite3_close(x->db);
	x->db = NULL;
}

void chunkindex_free(struct chunkindex *x)
{
	if (!x)
		return;
	close_db(x);
	buf_free(x->record);
	buf_free(x->out);
	sodium_memzero(x, sizeof *x);
	free(x);
}

static void path_of(char out[PATH_MAX + SUFFIX_MAX], const char *dir, enum chunkindex_place place,
                    const char *suffix)
{
	out[0] = '\0';
	if (place != CHUNKINDEX_TEMPORARY)
		snprintf(out, PATH_MAX + SUFFIX_MAX, "%s/index.%s%s", dir,
		         place == CHUNKINDEX_DB ? "db" : "new", suffix);
}

static bool exists(const char *dir, enum chunkindex_place place, const char *suffix)
{
	char path[PATH_MAX + SUFFIX_MAX];
	path_of(path, dir, place, suffix);
	return path[0] && access(path, F_OK) == 0;
}

/* The log first: a database without its log is only older, a log beside another database is harm. */
static int remove_files(const char *dir, enum chunkindex_place place, bool side_files_only,
                        struct err *err)
{
	static const char *const suffixes[] = { "-wal", "-journal", "-shm", "" };
	for (size_t i = 0; i < 4u - side_files_only; i++) {
		char path[PATH_MAX + SUFFIX_MAX];
		path_of(path, dir, place, suffixes[i]);
		if (path[0] && unlink(path) != 0 && errno != ENOENT)
			return err_sys(err, "%s", path);
	}
	return 0;
}

static struct chunkindex *handle(const char *dir, enum chunkindex_place place, struct err *err)
{
	AUTO(chunkindex) x = calloc(1, sizeof *x);
	if (!x) {
		err_no_memory(err);
		return NULL;
	}
	x->place = place;
	x->record = buf_new(RECORD_MAX, err);
	x->out = buf_new(RECORD_MAX, err);
	if (!x->record || !x->out)
		return NULL;
	if (snprintf(x->dir, sizeof x->dir, "%s", dir) >= (int)sizeof x->dir) {
		err_set(err, ERR_LIMIT, "path of the state folder is too long");
		return NULL;
	}
	return TAKE(x);
}

static int connect_db(struct chunkindex *x, struct err *err)
{
	char path[PATH_MAX + SUFFIX_MAX];
	path_of(path, x->dir, x->place, "");
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
	if (x->place == CHUNKINDEX_TEMPORARY)
		flags |= SQLITE_OPEN_CREATE;
	if (sqlite3_open_v2(path, &x->db, flags, NULL) != SQLITE_OK)
		return x->db ? index_failed(x, err) : err_no_memory(err);
	sqlite3_extended_result_codes(x->db, 1);
	return index_run(x, settings, err);
}

static int prepare_all(struct chunkindex *x, struct err *err)
{
	for (int i = 0; i < STATEMENTS; i++)
		if (sqlite3_prepare_v3(x->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT, &x->q[i],
		                       NULL) != SQLITE_OK)
			return index_failed(x, err);
	return 0;
}

static struct chunkindex *open_there(const char *dir, enum chunkindex_place place, struct err *err)
{
	AUTO(chunkindex) x = handle(dir, place, err);
	if (!x || connect_db(x, err) != 0 || read_meta(x, err) != 0 || prepare_all(x, err) != 0 ||
	    index_run(x, "BEGIN", err) != 0)
		return NULL;
	return TAKE(x);
}

static int create_file(const char *dir, enum chunkindex_place place, struct err *err)
{
	char path[PATH_MAX + SUFFIX_MAX];
	path_of(path, dir, place, "");
	if (!path[0])
		return 0;
	if (remove_files(dir, place, false, err) != 0)
		return err->code;
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "%s", path);
	io_drop(&fd);
	return 0;
}

static struct chunkindex *make(const char *dir, enum chunkindex_place place,
                               const uint8_t page_key[SUM_KEY_BYTES], struct err *err)
{
	if (create_file(dir, place, err) != 0)
		return NULL;
	AUTO(chunkindex) x = handle(dir, place, err);
	if (!x)
		return NULL;
	derive(x, page_key);
	if (connect_db(x, err) != 0 || index_run(x, "BEGIN", err) != 0 || index_run(x, schema, err) != 0 ||
	    prepare_all(x, err) != 0 || put_meta(x, err) != 0 || index_run(x, "COMMIT; BEGIN", err) != 0)
		return NULL;
	return TAKE(x);
}

/* What is there, if it is whole and of this key. NULL with ERR_CORRUPT (or ERR_NONE: not there). */
static struct chunkindex *open_fitting(const char *dir, enum chunkindex_place place,
                                       const uint8_t page_key[SUM_KEY_BYTES], struct err *err)
{
	err->code = ERR_NONE;
	if (!exists(dir, place, ""))
		return NULL;
	struct chunkindex *x = open_there(dir, place, err);
	if (!x || memcmp(x->page_key, page_key, SUM_KEY_BYTES) == 0)
		return x;
	chunkindex_free(x);
	err_set(err, ERR_CORRUPT, "state: the chunk index has another page key");
	return NULL;
}

/* Closing brings everything from the log into the database. */
static int replace_old(struct chunkindex *x, struct err *err)
{
	char from[PATH_MAX + SUFFIX_MAX], to[PATH_MAX + SUFFIX_MAX];
	close_db(x);
	path_of(from, x->dir, CHUNKINDEX_NEW, "");
	path_of(to, x->dir, CHUNKINDEX_DB, "");
	if (exists(x->dir, CHUNKINDEX_NEW, "-wal"))
		return err_set(err, ERR_IO, "%s: its log could not be brought in", from);
	if (remove_files(x->dir, CHUNKINDEX_DB, true, err) != 0)
		return err->code;
	return rename(from, to) == 0 ? 0 : err_sys(err, "%s", to);
}

static struct chunkindex *take_over_new(const char *dir, const uint8_t page_key[SUM_KEY_BYTES],
                                        struct err *err)
{
	AUTO(chunkindex) x = open_fitting(dir, CHUNKINDEX_NEW, page_key, err);
	if (!x)
		return NULL;
	if (index_run(x, "COMMIT", err) != 0 || replace_old(x, err) != 0)
		return NULL;
	return open_fitting(dir, CHUNKINDEX_DB, page_key, err);
}

struct chunkindex *chunkindex_open(const char *dir, enum chunkindex_place place,
                                   const uint8_t page_key[SUM_KEY_BYTES], struct err *err)
{
	struct err why = { 0 };
	struct chunkindex *x = open_fitting(dir, place, page_key, &why);
	if (!x && place == CHUNKINDEX_DB && (why.code == ERR_NONE || why.code == ERR_CORRUPT))
		x = take_over_new(dir, page_key, &why);
	if (x)
		return x;
	if (why.code == ERR_NONE || why.code == ERR_CORRUPT)
		return make(dir, place, page_key, err);
	*err = why;
	return NULL;
}

int chunkindex_peek(const char *dir, uint8_t page_key[SUM_KEY_BYTES],
                    struct chunkindex_meta *meta)
{
	struct err why = { 0 };
	AUTO(chunkindex) x = exists(dir, CHUNKINDEX_NEW, "") ? open_there(dir, CHUNKINDEX_NEW, &why)
	                                                     : NULL;
	if (!x)
		return 0;
	memcpy(page_key, x->page_key, SUM_KEY_BYTES);
	*meta = x->meta;
	return 1;
}

int chunkindex_commit(struct chunkindex *x, struct err *err)
{
	return put_meta(x, err) == 0 ? index_run(x, "COMMIT; BEGIN", err) : err->code;
}

int chunkindex_promote(struct chunkindex *x, struct err *err)
{
	if (put_meta(x, err) != 0 || index_run(x, "COMMIT", err) != 0)
		return err->code;
	if (x->place == CHUNKINDEX_NEW)
		return replace_old(x, err);
	close_db(x);
	/* what a full left that was given up */
	return x->place == CHUNKINDEX_DB ? remove_files(x->dir, CHUNKINDEX_NEW, false, err) : 0;
}
