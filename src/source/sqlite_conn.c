#include "source/sqlite_conn.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "holdfast/err.h"

enum { DEFAULT_TIMEOUT_S = 5, HEADER_BYTES = 100 };

/* ---- what SQLite says, in this project's words ---- */

int sqlite_conn_locked(const struct sqlite_conn *c, struct err *err)
{
	err_set(err, ERR_BUSY, "%s: locked for %u s by its application", c->label, c->timeout_s);
	return err_hint(err, "raise `timeout` or choose a quieter hour; in WAL mode (PRAGMA "
	                     "journal_mode=WAL) readers and writers do not wait for each other");
}

static int not_a_database(const struct sqlite_conn *c, struct err *err)
{
	return err_set(err, ERR_SOURCE,
	               "%s: not a database, or an encrypted one (header is not SQLite's)",
	               c->label);
}

static int no_access(const struct sqlite_conn *c, struct err *err)
{
	err_set(err, ERR_DENIED, "%s: %s", c->label, sqlite3_errmsg(c->db));
	return err_hint(err, "run holdfast as root or as the owner of the database, who can write "
	                     "to its folder");
}

static int system_error(const struct sqlite_conn *c, struct err *err)
{
	errno = sqlite3_system_errno(c->db);
	if (errno == 0)
		return err_set(err, ERR_IO, "%s: %s", c->label, sqlite3_errmsg(c->db));
	return err_sys(err, "%s: %s", c->label, sqlite3_errmsg(c->db));
}

int sqlite_conn_error(const struct sqlite_conn *c, struct err *err)
{
	int rc = sqlite3_extended_errcode(c->db);
	if (rc == SQLITE_READONLY_ROLLBACK) {
		err_set(err, ERR_SOURCE,
		        "%s: a transaction was cut short and must be rolled back first "
		        "(hot -journal)", c->label);
		return err_hint(err, "open the database once with its application or sqlite3");
	}
	switch (rc & 0xff) {
	case SQLITE_BUSY: case SQLITE_LOCKED: return sqlite_conn_locked(c, err);
	case SQLITE_NOMEM: return err_no_memory(err);
	case SQLITE_NOTADB: return not_a_database(c, err);
	case SQLITE_READONLY: case SQLITE_PERM: case SQLITE_AUTH: case SQLITE_CANTOPEN:
		return no_access(c, err);
	case SQLITE_IOERR: case SQLITE_FULL: return system_error(c, err);
	default: return err_set(err, ERR_SOURCE, "%s: %s", c->label, sqlite3_errmsg(c->db));
	}
}

int sqlite_conn_run(struct sqlite_conn *c, const char *sql, struct err *err)
{
	if (sqlite3_exec(c->db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	return sqlite_conn_error(c, err);
}

int sqlite_conn_number(struct sqlite_conn *c, const char *sql, int64_t *out, struct err *err)
{
	sqlite3_stmt *q = NULL;
	int rc = sqlite3_prepare_v2(c->db, sql, -1, &q, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(q);
	int result = 0;
	if (rc == SQLITE_ROW)
		*out = sqlite3_column_int64(q, 0);
	else
		result = sqlite_conn_error(c, err);
	sqlite3_finalize(q);
	return result;
}

int sqlite_conn_is_wal(struct sqlite_conn *c, bool *wal, struct err *err)
{
	sqlite3_stmt *q = NULL;
	int rc = sqlite3_prepare_v2(c->db, "PRAGMA journal_mode", -1, &q, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(q);
	const unsigned char *mode = rc == SQLITE_ROW ? sqlite3_column_text(q, 0) : NULL;
	int result = mode ? 0 : sqlite_conn_error(c, err);
	if (mode)
		*wal = strcmp((const char *)mode, "wal") == 0;
	sqlite3_finalize(q);
	return result;
}

/* ---- open and close ---- */

static int set_names(struct sqlite_conn *c, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	c->name = strdup(slash ? slash + 1 : path);
	c->label = strdup(path);
	if (!c->name || !c->label)
		return err_no_memory(err);
	for (char *at = c->label; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
	if (!*c->name)
		return err_set(err, ERR_INVALID, "%s: is a folder, not a database", c->label);
	/* SQLite names -wal after the resolved path, and takes no absolute path for a URI */
	c->path = realpath(path, NULL);
	return c->path ? 0 : err_sys(err, "%s", c->label);
}

static int open_handle(struct sqlite_conn *c, struct err *err)
{
	const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_FULLMUTEX;
	int rc = sqlite3_open_v2(c->path, &c->db, flags, NULL);
	if (!c->db)
		return err_no_memory(err);
	if (rc != SQLITE_OK) {
		errno = sqlite3_system_errno(c->db);
		return errno ? err_sys(err, "%s", c->label) : sqlite_conn_error(c, err);
	}
	sqlite3_extended_result_codes(c->db, 1);
	sqlite3_busy_timeout(c->db, (int)(c->timeout_s * 1000));
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	if (sqlite3_file_control(c->db, "main", SQLITE_FCNTL_FILE_POINTER, &c->file) != SQLITE_OK)
		return sqlite_conn_error(c, err);
	return sqlite_conn_run(c, "PRAGMA mmap_size=0", err);
}

static bool may_chown(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2] = { { 0, 0, 0 }, { 0, 0, 0 } };
	return geteuid() == 0 && syscall(SYS_capget, &head, caps) == 0 &&
	       (caps[0].effective & (1u << CAP_CHOWN)) != 0;
}

/* Opening a database in WAL mode makes -wal and -shm where they are missing. SQLite gives them to
 * the database's owner if it can; else its application could not write any more. */
static int check_side_files(const struct sqlite_conn *c, const struct stat *st, struct err *err)
{
	static const char *const parts[] = { "-wal", "-shm" };
	if (st->st_uid == geteuid() || may_chown())
		return 0;
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		char name[PATH_MAX + 16];
		snprintf(name, sizeof name, "%s%s", c->path, parts[i]);
		struct stat side;
		if (stat(name, &side) == 0)
			continue;
		err_set(err, ERR_DENIED,
		        "%s: is in WAL mode without a %s, and to make one that its application can "
		        "use needs its owner or root", c->label, parts[i]);
		return err_hint(err, "run holdfast as root or as the owner of the database "
		                     "(`user = ...`), or while its application has it open");
	}
	return 0;
}

static int check_file(const struct sqlite_conn *c, struct err *err)
{
	static const char magic[16] = "SQLite format 3";
	struct stat st;
	if (stat(c->path, &st) != 0)
		return err_sys(err, "%s", c->label);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_SOURCE, "%s: is not a file", c->label);
	if (st.st_size == 0)
		return err_set(err, ERR_SOURCE, "%s: is empty (no bytes): not yet a database",
		               c->label);
	uint8_t header[HEADER_BYTES] = { 0 };
	int rc = c->file->pMethods->xRead(c->file, header, sizeof header, 0);
	if (rc != SQLITE_OK && rc != SQLITE_IOERR_SHORT_READ)
		return err_set(err, ERR_IO, "%s: cannot be read", c->label);
	if (memcmp(header, magic, sizeof magic) != 0)
		return not_a_database(c, err);
	return header[18] == 2 ? check_side_files(c, &st, err) : 0;
}

static int set_up(struct sqlite_conn *c, const char *path, struct err *err)
{
	struct stat st;
	if (set_names(c, path, err) != 0)
		return err->code;
	/* before the handle: opening a pipe would wait */
	if (stat(c->path, &st) == 0 && !S_ISREG(st.st_mode))
		return err_set(err, ERR_SOURCE, "%s: is not a file", c->label);
	return open_handle(c, err) == 0 ? check_file(c, err) : err->code;
}

struct sqlite_conn *sqlite_conn_new(const char *path, unsigned timeout_s, struct err *err)
{
	AUTO(sqlite_conn) c = calloc(1, sizeof *c);
	if (!c) {
		err_no_memory(err);
		return NULL;
	}
	c->timeout_s = timeout_s ? timeout_s : DEFAULT_TIMEOUT_S;
	if (c->timeout_s > INT_MAX / 1000)
		c->timeout_s = INT_MAX / 1000;
	return set_up(c, path, err) == 0 ? TAKE(c) : NULL;
}

void sqlite_conn_close(struct sqlite_conn *c)
{
	/* a statement that is still open would keep the handle, and its locks, alive */
	for (sqlite3_stmt *q; c->db && (q = sqlite3_next_stmt(c->db, NULL));)
		sqlite3_finalize(q);
	sqlite3_close(TAKE(c->db));
	c->file = NULL;
}

void sqlite_conn_free(struct sqlite_conn *c)
{
	if (!c)
		return;
	sqlite_conn_close(c);
	free(c->path);
	free(c->label);
	free(c->name);
	free(c);
}
