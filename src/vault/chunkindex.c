#include "vault/chunkindex.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/wire.h"
#include "crypto/hash.h"
#include "holdfast/err.h"

enum {
	VERSION = 1,
	CHECK_BYTES = 16,
	CHUNK_CHECK_BYTES = 8,
	CHUNK_BYTES = 16 + CHUNK_CHECK_BYTES,
	PACK_BYTES_CODED = 56 + CHECK_BYTES,
	META_BYTES = 160 + CHECK_BYTES,
	RECORD_MAX = 1 << 30,
	DEAD_MIN = 1 << 16,            /* fewer dead chunks are not worth a pass over the table */
	SUFFIX_MAX = 16,
};

enum statement {
	META_PUT, CHUNK_GET, CHUNK_PUT, FILE_GET, FILE_PUT, PACK_ALL, PACK_PUT, PACK_DROP,
	LIST_ADD, LIST_ALL, STATEMENTS,
};

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

/* ---- what SQLite says ---- */

static int corrupt(struct chunkindex *x, struct err *err)
{
	x->damaged = true;
	return err_set(err, ERR_CORRUPT, "state: the chunk index is damaged");
}

static int failed(struct chunkindex *x, struct err *err)
{
	const char *text = sqlite3_errmsg(x->db);
	errno = sqlite3_system_errno(x->db);
	switch (sqlite3_errcode(x->db) & 0xff) {
	case SQLITE_CORRUPT: case SQLITE_NOTADB: case SQLITE_MISMATCH: case SQLITE_ERROR:
	case SQLITE_CONSTRAINT: case SQLITE_SCHEMA: case SQLITE_TOOBIG: case SQLITE_RANGE:
		return corrupt(x, err);
	case SQLITE_NOMEM:
		return err_no_memory(err);
	case SQLITE_FULL:
		return err_set(err, ERR_SPACE, "%s: chunk index: no space left", x->dir);
	default:
		return errno ? err_sys(err, "%s: chunk index: %s", x->dir, text)
		             : err_set(err, ERR_IO, "%s: chunk index: %s", x->dir, text);
	}
}

static int run(struct chunkindex *x, const char *sql, struct err *err)
{
	return sqlite3_exec(x->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : failed(x, err);
}

/* A statement without rows. */
static int finish(struct chunkindex *x, sqlite3_stmt *q, struct err *err)
{
	int rc = sqlite3_step(q) == SQLITE_DONE ? 0 : failed(x, err);
	sqlite3_reset(q);
	sqlite3_clear_bindings(q);
	return rc;
}

/* 1: a row; 0: none. The caller resets. */
static int row(struct chunkindex *x, sqlite3_stmt *q, struct err *err)
{
	int rc = sqlite3_step(q);
	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : failed(x, err);
}

static void done(sqlite3_stmt *q)
{
	sqlite3_reset(q);
	sqlite3_clear_bindings(q);
}

static void bind_bytes(sqlite3_stmt *q, int at, const void *bytes, size_t len)
{
	sqlite3_bind_blob64(q, at, bytes, len, SQLITE_STATIC);
}

static const uint8_t *column(sqlite3_stmt *q, int at, size_t *len)
{
	const uint8_t *bytes = sqlite3_column_blob(q, at);
	*len = (size_t)sqlite3_column_bytes(q, at);
	return bytes;
}

/* ---- checks ---- */

/* Over table, key and value of a row. */
static void check(const struct chunkindex *x, char table, const void *key, size_t key_len,
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

/* The value of `len` bytes ends in its check. */
static bool is_whole(const struct chunkindex *x, char table, const void *key, size_t key_len,
                     const uint8_t *value, size_t len)
{
	uint8_t want[CHECK_BYTES];
	if (len < CHECK_BYTES)
		return false;
	check(x, table, key, key_len, value, len - CHECK_BYTES, want);
	return memcmp(want, value + len - CHECK_BYTES, CHECK_BYTES) == 0;
}

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
	check(x, 'm', NULL, 0, out, (size_t)(p - out), p);
}

static bool decode_meta(struct chunkindex *x, const uint8_t *bytes, size_t len)
{
	if (!bytes || len != META_BYTES)
		return false;
	derive(x, bytes);
	if (!is_whole(x, 'm', NULL, 0, bytes, len))
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
	bind_bytes(x->q[META_PUT], 1, bytes, sizeof bytes);
	int rc = finish(x, x->q[META_PUT], err);
	sodium_memzero(bytes, sizeof bytes);
	return rc;
}

static int read_meta(struct chunkindex *x, struct err *err)
{
	sqlite3_stmt *q = NULL;
	if (sqlite3_prepare_v2(x->db, "SELECT record FROM meta", -1, &q, NULL) != SQLITE_OK)
		return failed(x, err);
	int rc = row(x, q, err);
	if (rc >= 0) {
		size_t len = 0;
		const uint8_t *bytes = rc == 1 ? column(q, 0, &len) : NULL;
		rc = decode_meta(x, bytes, len) ? 0 : corrupt(x, err);
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
		return x->db ? failed(x, err) : err_no_memory(err);
	sqlite3_extended_result_codes(x->db, 1);
	return run(x, settings, err);
}

static int prepare_all(struct chunkindex *x, struct err *err)
{
	for (int i = 0; i < STATEMENTS; i++)
		if (sqlite3_prepare_v3(x->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT, &x->q[i],
		                       NULL) != SQLITE_OK)
			return failed(x, err);
	return 0;
}

static struct chunkindex *open_there(const char *dir, enum chunkindex_place place, struct err *err)
{
	AUTO(chunkindex) x = handle(dir, place, err);
	if (!x || connect_db(x, err) != 0 || read_meta(x, err) != 0 || prepare_all(x, err) != 0 ||
	    run(x, "BEGIN", err) != 0)
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
	if (connect_db(x, err) != 0 || run(x, "BEGIN", err) != 0 || run(x, schema, err) != 0 ||
	    prepare_all(x, err) != 0 || put_meta(x, err) != 0 || run(x, "COMMIT; BEGIN", err) != 0)
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
	if (run(x, "COMMIT", err) != 0 || replace_old(x, err) != 0)
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
	return put_meta(x, err) == 0 ? run(x, "COMMIT; BEGIN", err) : err->code;
}

int chunkindex_promote(struct chunkindex *x, struct err *err)
{
	if (put_meta(x, err) != 0 || run(x, "COMMIT", err) != 0)
		return err->code;
	if (x->place == CHUNKINDEX_NEW)
		return replace_old(x, err);
	close_db(x);
	/* what a full left that was given up */
	return x->place == CHUNKINDEX_DB ? remove_files(x->dir, CHUNKINDEX_NEW, false, err) : 0;
}

/* ---- chunks ---- */

static void check_chunk(const struct chunkindex *x, const uint8_t *id, uint32_t serial,
                        const uint8_t place[16], uint8_t out[CHECK_BYTES])
{
	uint8_t key[CHUNKINDEX_ID_BYTES + 4];
	wire_put_u32(wire_put_bytes(key, id, CHUNKINDEX_ID_BYTES), serial);
	check(x, 'c', key, sizeof key, place, 16, out);
}

int chunkindex_chunk(struct chunkindex *x, const uint8_t id[CHUNKINDEX_ID_BYTES],
                     struct extent *out, struct err *err)
{
	sqlite3_stmt *q = x->q[CHUNK_GET];
	bind_bytes(q, 1, id, CHUNKINDEX_ID_BYTES);
	int rc = row(x, q, err);
	if (rc == 1) {
		size_t len;
		const uint8_t *place = column(q, 1, &len);
		uint32_t serial = (uint32_t)sqlite3_column_int64(q, 0);
		uint8_t want[CHECK_BYTES];
		if (!place || len != CHUNK_BYTES) {
			rc = corrupt(x, err);
		} else {
			check_chunk(x, id, serial, place, want);
			struct wire w = wire_over(place, 16);
			struct extent e = { .serial = serial, .frame = wire_u32(&w) };
			e.offset = wire_u32(&w);
			e.length = wire_u32(&w);
			e.ordinal = wire_u32(&w);
			if (memcmp(want, place + 16, CHUNK_CHECK_BYTES) != 0)
				rc = corrupt(x, err);
			else
				*out = e;
		}
	}
	done(q);
	return rc;
}

int chunkindex_put_chunk(struct chunkindex *x, const uint8_t id[CHUNKINDEX_ID_BYTES],
                         const struct extent *e, struct err *err)
{
	sqlite3_stmt *q = x->q[CHUNK_PUT];
	uint8_t place[16 + CHECK_BYTES], *p = wire_put_u32(place, e->frame);
	p = wire_put_u32(p, e->offset);
	p = wire_put_u32(p, e->length);
	p = wire_put_u32(p, e->ordinal);
	check_chunk(x, id, e->serial, place, p);
	bind_bytes(q, 1, id, CHUNKINDEX_ID_BYTES);
	sqlite3_bind_int64(q, 2, e->serial);
	bind_bytes(q, 3, place, CHUNK_BYTES);
	return finish(x, q, err);
}

/* ---- files ---- */

static bool decode_file(const uint8_t *bytes, size_t len, struct chunkindex_file *f)
{
	size_t stamp_len;
	struct wire w = wire_over(bytes, len);
	f->read_s = wire_varint(&w);
	const uint8_t *stamp = wire_counted(&w, SOURCE_STAMP_MAX, &stamp_len);
	f->mode = (uint32_t)wire_bounded(&w, UINT32_MAX);
	f->uid = (uint32_t)wire_bounded(&w, UINT32_MAX);
	f->gid = (uint32_t)wire_bounded(&w, UINT32_MAX);
	f->mtime_ns = (int64_t)wire_u64(&w);
	f->extra = wire_counted(&w, SOURCE_EXTRA_MAX, &f->extra_len);
	f->length = wire_varint(&w);
	wire_copy(&w, f->sum, SUM_BYTES);
	f->extents_len = wire_left(&w);
	f->extents = wire_bytes(&w, f->extents_len);
	if (!wire_ok(&w) || !stamp || stamp_len == 0 || stamp[stamp_len - 1] != '\0')
		return false;
	f->stamp = (const char *)stamp;
	return true;
}

static void file_key(uint8_t out[4 + SOURCE_PATH_MAX], uint32_t number, const void *path,
                     size_t len)
{
	wire_put_bytes(wire_put_u32(out, number), path, len);
}

/* The row that the statement stands at. */
static int read_file(struct chunkindex *x, sqlite3_stmt *q, struct chunkindex_file *out,
                     struct err *err)
{
	size_t path_len, len;
	uint8_t key[4 + SOURCE_PATH_MAX];
	const uint8_t *path = column(q, 1, &path_len), *bytes = column(q, 2, &len);
	struct chunkindex_file f = { .number = (uint32_t)sqlite3_column_int64(q, 0) };
	if (!path || !bytes || path_len > SOURCE_PATH_MAX || memchr(path, 0, path_len))
		return corrupt(x, err);
	file_key(key, f.number, path, path_len);
	if (!is_whole(x, 'f', key, 4 + path_len, bytes, len))
		return corrupt(x, err);
	x->record->len = 0;
	if (buf_append(x->record, bytes, len - CHECK_BYTES, err) != 0)
		return err->code;
	memcpy(x->path, path, path_len);
	x->path[path_len] = '\0';
	if (!decode_file(x->record->bytes, x->record->len, &f))
		return corrupt(x, err);
	f.path = x->path;
	*out = f;
	return 0;
}

int chunkindex_file(struct chunkindex *x, const char *path, struct chunkindex_file *out,
                    struct err *err)
{
	sqlite3_stmt *q = x->q[FILE_GET];
	bind_bytes(q, 1, path, strlen(path));
	int rc = row(x, q, err);
	if (rc == 1 && read_file(x, q, out, err) != 0)
		rc = err->code;
	done(q);
	return rc;
}

static int encode_file(struct buf *b, const struct chunkindex_file *f, struct err *err)
{
	b->len = 0;
	if (wire_add_varint(b, f->read_s, err) != 0 ||
	    wire_add_counted(b, f->stamp, strlen(f->stamp) + 1, err) != 0 ||
	    wire_add_varint(b, f->mode, err) != 0 || wire_add_varint(b, f->uid, err) != 0 ||
	    wire_add_varint(b, f->gid, err) != 0 ||
	    wire_add_u64(b, (uint64_t)f->mtime_ns, err) != 0 ||
	    wire_add_counted(b, f->extra, f->extra_len, err) != 0 ||
	    wire_add_varint(b, f->length, err) != 0 ||
	    buf_append(b, f->sum, SUM_BYTES, err) != 0)
		return err->code;
	return buf_append(b, f->extents, f->extents_len, err);
}

int chunkindex_put_file(struct chunkindex *x, const struct chunkindex_file *f, struct err *err)
{
	sqlite3_stmt *q = x->q[FILE_PUT];
	uint8_t key[4 + SOURCE_PATH_MAX];
	size_t path_len = strlen(f->path);
	if (path_len > SOURCE_PATH_MAX)
		return err_set(err, ERR_LIMIT, "%.200s...: path is too long", f->path);
	if (encode_file(x->out, f, err) != 0)
		return err->code;
	uint8_t *to = buf_reserve(x->out, CHECK_BYTES, err);
	if (!to)
		return err->code;
	file_key(key, f->number, f->path, path_len);
	check(x, 'f', key, 4 + path_len, x->out->bytes, x->out->len, to);
	sqlite3_bind_int64(q, 1, f->number);
	bind_bytes(q, 2, f->path, path_len);
	bind_bytes(q, 3, x->out->bytes, x->out->len + CHECK_BYTES);
	return finish(x, q, err);
}

/* ---- packs ---- */

static int read_pack(struct chunkindex *x, sqlite3_stmt *q, struct chunkindex_pack *p,
                     struct err *err)
{
	size_t len;
	uint8_t key[4];
	const uint8_t *bytes = column(q, 1, &len);
	p->serial = (uint32_t)sqlite3_column_int64(q, 0);
	wire_put_u32(key, p->serial);
	if (!bytes || len != PACK_BYTES_CODED || !is_whole(x, 'p', key, sizeof key, bytes, len))
		return corrupt(x, err);
	struct wire w = wire_over(bytes, len);
	wire_copy(&w, p->id, 32);
	p->size = wire_u32(&w);
	p->chunks = wire_u32(&w);
	p->weight = wire_u64(&w);
	p->seq = wire_u64(&w);
	return 0;
}

int chunkindex_packs(struct chunkindex *x, chunkindex_pack_visit *visit, void *arg,
                     struct err *err)
{
	sqlite3_stmt *q = x->q[PACK_ALL];
	struct chunkindex_pack p;
	int rc;
	while ((rc = row(x, q, err)) == 1)
		if ((rc = read_pack(x, q, &p, err)) != 0 || (rc = visit(arg, &p, err)) != 0)
			break;
	done(q);
	return rc;
}

int chunkindex_put_pack(struct chunkindex *x, const struct chunkindex_pack *p, struct err *err)
{
	sqlite3_stmt *q = x->q[PACK_PUT];
	uint8_t bytes[PACK_BYTES_CODED], key[4], *at = wire_put_bytes(bytes, p->id, 32);
	at = wire_put_u32(at, p->size);
	at = wire_put_u32(at, p->chunks);
	at = wire_put_u64(at, p->weight);
	at = wire_put_u64(at, p->seq);
	wire_put_u32(key, p->serial);
	check(x, 'p', key, sizeof key, bytes, (size_t)(at - bytes), at);
	sqlite3_bind_int64(q, 1, p->serial);
	sqlite3_bind_int64(q, 2, p->chunks);
	bind_bytes(q, 3, bytes, sizeof bytes);
	return finish(x, q, err);
}

int chunkindex_drop_pack(struct chunkindex *x, uint32_t serial, struct err *err)
{
	sqlite3_bind_int64(x->q[PACK_DROP], 1, serial);
	return finish(x, x->q[PACK_DROP], err);
}

/* ---- the listing ---- */

int chunkindex_list_begin(struct chunkindex *x, struct err *err)
{
	return run(x, "DELETE FROM listing", err);
}

int chunkindex_list_add(struct chunkindex *x, uint32_t number, struct err *err)
{
	sqlite3_bind_int64(x->q[LIST_ADD], 1, number);
	return finish(x, x->q[LIST_ADD], err);
}

int chunkindex_files(struct chunkindex *x, chunkindex_file_visit *visit, void *arg,
                     struct err *err)
{
	sqlite3_stmt *q = x->q[LIST_ALL];
	struct chunkindex_file f;
	int rc;
	while ((rc = row(x, q, err)) == 1)
		if ((rc = read_file(x, q, &f, err)) != 0 || (rc = visit(arg, &f, err)) != 0)
			break;
	done(q);
	return rc;
}

static int living_chunks(struct chunkindex *x, uint64_t *n, struct err *err)
{
	sqlite3_stmt *q = NULL;
	if (sqlite3_prepare_v2(x->db, "SELECT total(chunks) FROM packs", -1, &q, NULL) != SQLITE_OK)
		return failed(x, err);
	int rc = row(x, q, err);
	if (rc == 1)
		*n = (uint64_t)sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return rc < 0 ? rc : 0;
}

int chunkindex_sweep(struct chunkindex *x, struct err *err)
{
	uint64_t living = 0;
	if (run(x, "DELETE FROM files WHERE number NOT IN (SELECT number FROM listing)", err) != 0 ||
	    living_chunks(x, &living, err) != 0)
		return err->code;
	if (x->meta.dead < DEAD_MIN || x->meta.dead < living / 2)
		return 0;
	x->meta.dead = 0;
	return run(x, "DELETE FROM chunks WHERE serial NOT IN (SELECT serial FROM packs)", err);
}
