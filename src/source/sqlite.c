/*
 * An SQLite database, read page by page through SQLite's own handle while its applications go on.
 *
 * 1. Everything is read through the one read-only connection (sqlite_conn.h).
 * 2. WAL mode: the wal-index says the same before and behind the start of the transaction, so that
 *    this is the transaction's own commit. If the file holds all of it, checkpoints have nothing to
 *    write, and the log may start again: no overlay. Otherwise the read lock keeps the log, and
 *    checkpoints write only pages that the overlay covers.
 * 3. Rollback mode: the SHARED lock keeps the file as it is, and writers waiting.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/buf.h"
#include "base/scope.h"
#include "holdfast/err.h"
#include "holdfast/source.h"
#include "source/sqlite_conn.h"
#include "source/sqlite_facts.h"
#include "source/sqlite_settle.h"
#include "source/sqlite_stamp.h"
#include "source/sqlite_wal.h"

extern const struct source_ops source_sqlite;

enum {
	PIECE_BYTES = 65536,      /* SQLite itself never reads more at once */
	LOG_TRIES = 5,
};

struct image {
	bool held, wal, delivered;
	uint32_t page_bytes;
	uint64_t length_bytes, position;
	uint64_t file_bytes;            /* the file's length when the lock was taken */
	struct stat st;                 /* and its other particulars */
	struct sqlite_wal_state state;  /* WAL mode only */
	struct sqlite_overlay *overlay; /* NULL: the file alone is the image */
};

struct sqlite_source {
	struct source base;
	struct sqlite_conn *conn;
	struct image image;
	char stamp[SOURCE_STAMP_MAX];   /* as it was before the image */
	struct buf *facts;
};

static struct sqlite_source *of(struct source *s)
{
	return (struct sqlite_source *)s;
}

static uint64_t clock_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void sqlite_free(struct source *base)
{
	struct sqlite_source *s = of(base);
	if (!s)
		return;
	sqlite_overlay_free(s->image.overlay);
	sqlite_conn_free(s->conn);
	buf_free(s->facts);
	free(s);
}

static struct source *sqlite_open(const struct source_options *options, struct err *err)
{
	if (!options->path || !*options->path) {
		err_set(err, ERR_INVALID, "%s: has no path",
		        options->name ? options->name : "store");
		return NULL;
	}
	struct sqlite_source *s = calloc(1, sizeof *s);
	if (!s) {
		err_no_memory(err);
		return NULL;
	}
	s->base.ops = &source_sqlite;
	s->conn = sqlite_conn_new(options->path, options->timeout_s, err);
	if (!s->conn) {
		sqlite_free(&s->base);
		return NULL;
	}
	return &s->base;
}

/* ---- begin: fix the image ---- */

static int start(struct sqlite_conn *c, bool *wal, struct err *err)
{
	int64_t schema;
	/* of all that starts a transaction, this asks least of a schema we may not understand */
	if (sqlite_conn_run(c, "BEGIN", err) != 0 ||
	    sqlite_conn_number(c, "PRAGMA schema_version", &schema, err) != 0)
		return err->code;
	return sqlite_conn_is_wal(c, wal, err);
}

static void stop(struct sqlite_source *s)
{
	if (!sqlite3_get_autocommit(s->conn->db))
		sqlite3_exec(s->conn->db, "ROLLBACK", NULL, NULL, NULL);
	sqlite_overlay_free(TAKE(s->image.overlay));
	s->image.held = false;
}

static int check_place(const struct sqlite_source *s, struct stat *st, struct err *err)
{
	int moved = 0;
	sqlite3_file_control(s->conn->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
	if (moved)
		return err_set(err, ERR_SOURCE, "%s: was replaced or removed during the backup",
		               s->conn->label);
	return stat(s->conn->path, st) == 0 ? 0 : err_sys(err, "%s", s->conn->label);
}

static int file_size(const struct sqlite_source *s, uint64_t *bytes, struct err *err)
{
	sqlite3_int64 size = 0;
	if (s->conn->file->pMethods->xFileSize(s->conn->file, &size) != SQLITE_OK || size < 0)
		return err_set(err, ERR_IO, "%s: its length cannot be read", s->conn->label);
	*bytes = (uint64_t)size;
	return 0;
}

static int fix_length(struct sqlite_source *s, struct err *err)
{
	struct image *m = &s->image;
	int64_t page;
	if (sqlite_conn_number(s->conn, "PRAGMA page_size", &page, err) != 0 ||
	    check_place(s, &m->st, err) != 0 || file_size(s, &m->file_bytes, err) != 0)
		return err->code;
	if (m->overlay && (uint64_t)page != m->state.page_bytes)
		return err_set(err, ERR_SOURCE, "%s: log and database differ in page size",
		               s->conn->label);
	m->page_bytes = (uint32_t)page;
	uint64_t pages = m->file_bytes / m->page_bytes + (m->file_bytes % m->page_bytes != 0);
	if (m->wal && m->state.pages)
		pages = m->state.pages;
	m->length_bytes = pages * m->page_bytes;
	if (pages == 0)
		return err_set(err, ERR_SOURCE, "%s: is empty: not yet a database", s->conn->label);
	if (m->wal && !m->overlay && m->file_bytes < m->length_bytes)
		return err_set(err, ERR_SOURCE, "%s: the file is shorter than its database",
		               s->conn->label);
	return 0;
}

static int fix_image(struct sqlite_source *s, struct err *err)
{
	struct image *m = &s->image;
	if (m->wal && m->state.backfilled != m->state.frames) {
		sqlite3_file *log = NULL;
		sqlite3_file_control(s->conn->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
		if (!log || !log->pMethods)
			return err_set(err, ERR_SOURCE, "%s: its write-ahead log is not open",
			               s->conn->label);
		m->overlay = sqlite_overlay_new(log, &m->state, err);
		if (!m->overlay)
			return err_wrap(err, "%s", s->conn->label);
	}
	if (fix_length(s, err) != 0)
		return err->code;
	m->held = true;
	return 0;
}

/* 1: the transaction is open and the wal-index (if there is one) is its own; 0: try again. */
static int try_start(struct sqlite_source *s, struct err *err)
{
	struct image *m = &s->image;
	struct sqlite_wal_state before;
	/* mapping a wal-index would make one where the database is in another mode */
	bool known = m->wal && sqlite_wal_state(s->conn->file, &before, err) == 0;
	if (start(s->conn, &m->wal, err) != 0)
		return err->code;
	if (!m->wal)
		return 1;
	int rc = sqlite_wal_state(s->conn->file, &m->state, err);
	if (rc != 0 && rc != ERR_BUSY)
		return err_wrap(err, "%s", s->conn->label);
	return rc == 0 && known && sqlite_wal_same(&before, &m->state);
}

static int begin_image(struct sqlite_source *s, struct err *err)
{
	uint64_t deadline = clock_ms() + (uint64_t)s->conn->timeout_s * 1000;
	s->image.wal = false;
	for (int log_tries = 1;;) {
		int rc = try_start(s, err);
		if (rc > 0)
			rc = fix_image(s, err);
		else if (rc == 0 && clock_ms() < deadline)
			rc = 1;
		else if (rc == 0)
			rc = sqlite_conn_locked(s->conn, err);
		if (rc == 0)
			return 0;
		stop(s);
		/* nothing was delivered yet, and a new transaction sees a new log */
		if (rc < 0 && (rc != ERR_SOURCE || !s->image.wal || log_tries++ == LOG_TRIES))
			return rc;
	}
}

static int sqlite_begin(struct source *base, struct err *err)
{
	struct sqlite_source *s = of(base);
	if (!s->conn->db || s->image.held)
		return err_set(err, ERR_INVALID, "%s: its image was already taken", s->conn->label);
	if (sqlite_stamp_take(s->conn->path, s->conn->label, s->stamp, err) != 0)
		return err->code;
	return begin_image(s, err);
}

/* ---- next and read ---- */

static int sqlite_next(struct source *base, struct source_entry *entry, struct err *err)
{
	struct sqlite_source *s = of(base);
	struct image *m = &s->image;
	if (!m->held)
		return err_set(err, ERR_INVALID, "%s: there is no image", s->conn->label);
	if (m->delivered)
		return 0;
	m->delivered = true;
	*entry = (struct source_entry){
		.path = s->conn->name,
		.page_bytes = m->page_bytes,
		.length_bytes = m->length_bytes,
		.mode = m->st.st_mode,
		.uid = m->st.st_uid,
		.gid = m->st.st_gid,
		.mtime_ns = (int64_t)m->st.st_mtim.tv_sec * 1000000000 + m->st.st_mtim.tv_nsec,
	};
	return 1;
}

static int read_pieces(struct sqlite_source *s, uint64_t offset, uint8_t *out, size_t len,
                       struct err *err)
{
	for (size_t done = 0; done < len;) {
		size_t n = len - done < PIECE_BYTES ? len - done : PIECE_BYTES;
		int rc = s->conn->file->pMethods->xRead(s->conn->file, out + done, (int)n,
		                                  (sqlite3_int64)(offset + done));
		/* what lies behind the end is zeros now; check_end says whether that is right */
		if (rc != SQLITE_OK && rc != SQLITE_IOERR_SHORT_READ) {
			int sys = 0;
			sqlite3_file_control(s->conn->db, "main", SQLITE_FCNTL_LAST_ERRNO, &sys);
			errno = sys ? sys : EIO;
			return err_sys(err, "%s: at byte %llu", s->conn->label,
			               (unsigned long long)(offset + done));
		}
		done += n;
	}
	return 0;
}

/* Behind the end of the file there may only be pages of the log, or the rest of a last page. */
static int check_end(struct sqlite_source *s, uint64_t size, uint64_t offset, size_t len,
                     struct err *err)
{
	const struct image *m = &s->image;
	bool whole;
	if (!m->overlay)
		whole = size >= m->file_bytes;
	else if (size >= offset + len)
		whole = true;
	else if (size <= offset)
		whole = sqlite_overlay_covers(m->overlay, offset, len);
	else
		whole = sqlite_overlay_covers(m->overlay, size, offset + len - size);
	if (whole)
		return 0;
	return err_set(err, ERR_SOURCE, "%s: became shorter while it was being read",
	               s->conn->label);
}

static int read_image(struct sqlite_source *s, uint64_t offset, void *out, size_t len,
                      struct err *err)
{
	/* the length first: what a checkpoint adds to the file meanwhile is in the overlay */
	uint64_t size;
	if (file_size(s, &size, err) != 0 || read_pieces(s, offset, out, len, err) != 0 ||
	    check_end(s, size, offset, len, err) != 0)
		return err->code;
	if (s->image.overlay && sqlite_overlay_apply(s->image.overlay, offset, out, len, err) != 0)
		return err_wrap(err, "%s", s->conn->label);
	return 0;
}

static int sqlite_read(struct source *base, void *out, size_t cap, size_t *len, struct err *err)
{
	struct sqlite_source *s = of(base);
	struct image *m = &s->image;
	if (!m->delivered)
		return err_set(err, ERR_INVALID, "%s: there is no file to read", s->conn->label);
	uint64_t left = m->length_bytes - m->position;
	size_t n = left < cap ? (size_t)left : cap;
	if (n > 0 && read_image(s, m->position, out, n, err) != 0)
		return err->code;
	m->position += n;
	*len = n;
	return 0;
}

static int sqlite_reread(struct source *base, uint64_t offset, void *out, size_t len,
                         struct err *err)
{
	struct sqlite_source *s = of(base);
	const struct image *m = &s->image;
	if (!m->delivered || offset > m->length_bytes || len > m->length_bytes - offset)
		return err_set(err, ERR_INVALID, "%s: there are no such bytes", s->conn->label);
	return read_image(s, offset, out, len, err);
}

/* ---- end ---- */

/* The locks should have kept all this from happening; not every file system keeps them. */
static int check_kept(struct sqlite_source *s, struct err *err)
{
	const struct image *m = &s->image;
	struct stat now;
	if (check_place(s, &now, err) != 0)
		return err->code;
	bool kept = now.st_ino == m->st.st_ino && now.st_dev == m->st.st_dev;
	if (kept && !m->overlay) {
		kept = now.st_size == m->st.st_size && now.st_mtim.tv_sec == m->st.st_mtim.tv_sec &&
		       now.st_mtim.tv_nsec == m->st.st_mtim.tv_nsec;
	} else if (kept) {
		struct sqlite_wal_state state;
		if (sqlite_wal_state(s->conn->file, &state, err) != 0)
			return err_wrap(err, "%s", s->conn->label);
		kept = memcmp(state.salt, m->state.salt, sizeof state.salt) == 0 &&
		       state.frames >= m->state.frames;
	}
	if (kept && !sqlite3_get_autocommit(s->conn->db))
		return 0;
	err_set(err, ERR_SOURCE, "%s: was written to in spite of SQLite's locks", s->conn->label);
	return err_hint(err, "is it on a network file system, or does something copy over it?");
}

static int close_image(struct sqlite_source *s, char stamp[SOURCE_STAMP_MAX], struct err *err)
{
	const struct sqlite_image_facts given = {
		.page_bytes = s->image.page_bytes,
		.pages = s->image.length_bytes / s->image.page_bytes,
		.log_frames = s->image.overlay ? s->image.state.frames : 0,
	};
	int rc = check_kept(s, err);
	if (rc == 0 && (rc = sqlite_facts(s->conn->db, &given, s->facts, err)) != 0)
		err_wrap(err, "%s", s->conn->label);
	char after[SOURCE_STAMP_MAX];
	if (rc == 0)
		rc = sqlite_stamp_take(s->conn->path, s->conn->label, after, err);
	if (rc == 0)
		snprintf(stamp, SOURCE_STAMP_MAX, "%s", strcmp(after, s->stamp) == 0 ? after : "");
	return rc;
}

static int sqlite_end(struct source *base, struct source_facts *facts,
                      char stamp[SOURCE_STAMP_MAX], struct err *err)
{
	struct sqlite_source *s = of(base);
	if (!s->image.held)
		return err_set(err, ERR_INVALID, "%s: there is no image", s->conn->label);
	if (!s->facts && !(s->facts = buf_new(SOURCE_FACTS_MAX, err)))
		return err->code;
	int rc = close_image(s, stamp, err);
	const char *json = rc == 0 ? buf_text(s->facts, err) : NULL;
	if (rc == 0 && !json)
		rc = err->code;
	stop(s);
	sqlite_conn_close(s->conn);
	if (rc == 0)
		facts->json = json;
	return rc;
}

static struct sink *no_sink(const struct source_options *options, const char *dir, bool overwrite,
                            struct err *err)
{
	(void)dir;
	(void)overwrite;
	err_set(err, ERR_INVALID, "%s: a database is restored page by page, not into a folder",
	        options->name ? options->name : "store");
	return NULL;
}

static int sqlite_stamp(struct source *base, char stamp[SOURCE_STAMP_MAX], struct err *err)
{
	return sqlite_stamp_take(of(base)->conn->path, of(base)->conn->label, stamp, err);
}

const struct source_ops source_sqlite = {
	.type = "sqlite",
	.open = sqlite_open,
	.free = sqlite_free,
	.stamp = sqlite_stamp,
	.begin = sqlite_begin,
	.next = sqlite_next,
	.read = sqlite_read,
	.reread = sqlite_reread,
	.end = sqlite_end,
	.settle = sqlite_settle,
	.restore = no_sink,
};
