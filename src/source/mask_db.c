#include "source/mask_db.h"

#include <errno.h>
#include <stdio.h>

#include "base/utf8.h"
#include "holdfast/err.h"
#include "source/sqlite_distrust.h"

enum { LOOK_STEPS = 20000, SQL_MAX = 1000000, TRIGGERS_MAX = 10 };

static int look(void *stop)
{
	return *(const volatile sig_atomic_t *)stop != 0;
}

int mask_db_tame(sqlite3 *db, const volatile sig_atomic_t *stop, struct err *err)
{
	sqlite_distrust(db);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, 0, NULL);
	sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, SQL_MAX);
	sqlite3_limit(db, SQLITE_LIMIT_TRIGGER_DEPTH, TRIGGERS_MAX);
	if (stop)
		sqlite3_progress_handler(db, LOOK_STEPS, look, (void *)(uintptr_t)stop);
	return mask_db_run(db, "PRAGMA cell_size_check=1; PRAGMA temp_store=MEMORY", err);
}

int mask_db_error(sqlite3 *db, struct err *err)
{
	switch (sqlite3_errcode(db) & 0xff) {
	case SQLITE_INTERRUPT: return err_set(err, ERR_STOPPED, "interrupted");
	case SQLITE_NOMEM: return err_no_memory(err);
	case SQLITE_FULL: return err_set(err, ERR_SPACE, "no space left for the masked database");
	case SQLITE_IOERR:
		errno = sqlite3_system_errno(db);
		return errno ? err_sys(err, "%s", sqlite3_errmsg(db))
		             : err_set(err, ERR_IO, "%s", sqlite3_errmsg(db));
	default: return err_set(err, ERR_SOURCE, "%s", sqlite3_errmsg(db));
	}
}

void mask_db_name(sqlite3_str *sql, const char *name)
{
	sqlite3_str_appendf(sql, "\"%w\"", name);
}

sqlite3_stmt *mask_db_prepare(sqlite3 *db, sqlite3_str *sql, struct err *err)
{
	sqlite3_stmt *q = NULL;
	char *text = sqlite3_str_finish(sql);
	if (!text)
		err_no_memory(err);
	else if (sqlite3_prepare_v2(db, text, -1, &q, NULL) != SQLITE_OK)
		mask_db_error(db, err);
	sqlite3_free(text);
	return q;
}

int mask_db_each(sqlite3 *db, const char *sql, const char *name, mask_db_row *row, void *arg,
                 struct err *err)
{
	sqlite3_stmt *q = NULL;
	int bad = 0, rc = sqlite3_prepare_v2(db, sql, -1, &q, NULL);
	if (rc == SQLITE_OK && name)
		rc = sqlite3_bind_text(q, 1, name, -1, SQLITE_STATIC);
	while (!bad && (rc == SQLITE_OK || rc == SQLITE_ROW))
		if ((rc = sqlite3_step(q)) == SQLITE_ROW)
			bad = row(arg, q, err);
	if (!bad && rc != SQLITE_DONE)
		bad = mask_db_error(db, err);
	sqlite3_finalize(q);
	return bad;
}

int mask_db_run(sqlite3 *db, const char *sql, struct err *err)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : mask_db_error(db, err);
}

static int take_number(void *arg, sqlite3_stmt *q, struct err *err)
{
	(void)err;
	*(int64_t *)arg = sqlite3_column_int64(q, 0);
	return 0;
}

int mask_db_number(sqlite3 *db, const char *sql, int64_t *out, struct err *err)
{
	return mask_db_each(db, sql, NULL, take_number, out, err);
}

const char *mask_db_label(char out[MASK_LABEL_MAX], const char *table, const char *column)
{
	char first[MASK_LABEL_MAX / 2], second[MASK_LABEL_MAX / 2 - 4];
	utf8_clean(first, sizeof first, table);
	utf8_clean(second, sizeof second, column ? column : "");
	snprintf(out, MASK_LABEL_MAX, "%s%s%s", first, column ? "." : "", second);
	return out;
}

int mask_db_at(const char *table, const char *column, struct err *err)
{
	char label[MASK_LABEL_MAX];
	return err_wrap(err, "%s", mask_db_label(label, table, column));
}
