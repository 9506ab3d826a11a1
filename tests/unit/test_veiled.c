/* A veiled file is a database to SQLite, and nothing to whoever looks at the disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/io.h"
#include "crypto/hash.h"
#include "holdfast/err.h"
#include "scratch.h"
#include "source/veiled.h"

static char folder[SCRATCH_MAX], hidden[SCRATCH_MAX + 10];

/* The bytes of a database in WAL mode, as a snapshot has them: its header says so, its log is gone. */
static struct buf *image(void)
{
	struct err err = { 0 };
	char path[SCRATCH_MAX + 10];
	sqlite3 *db;
	struct buf *out = buf_new(1 << 22, &err);
	snprintf(path, sizeof path, "%s/db", folder);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA journal_mode=WAL; CREATE TABLE t(a,b);"
	                              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n "
	                              "LIMIT 5000) INSERT INTO t SELECT i, 'a secret of number ' || i FROM n",
	                              NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(io_read_file(path, out, &err), 0);
	assert_int_equal(unlink(path), 0);
	return out;
}

static struct veiled *filled(const struct buf *bytes)
{
	struct err err = { 0 };
	struct veiled *v = veiled_new(hidden, &err);
	assert_non_null(v);
	/* in pieces of odd sizes */
	for (size_t at = 0, n = 100001; at < bytes->len; at += n) {
		n = n < bytes->len - at ? n : bytes->len - at;
		assert_int_equal(veiled_write(v, bytes->bytes + at, n, &err), 0);
	}
	assert_int_equal(veiled_length(v), bytes->len);
	return v;
}

static void sqlite_reads_what_was_written(void **state)
{
	(void)state;
	struct err err = { 0 };
	AUTO(buf) bytes = image();
	AUTO(veiled) v = filled(bytes);
	sqlite3 *db;
	sqlite3_stmt *q;
	assert_int_equal(veiled_open(v, &db, &err), 0);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*), sum(a), min(b) FROM t", -1, &q, NULL),
	                 SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(q, 0), 5000);
	assert_int_equal(sqlite3_column_int(q, 1), 12502500);
	assert_string_equal((const char *)sqlite3_column_text(q, 2), "a secret of number 1");
	sqlite3_finalize(q);
	assert_int_equal(sqlite3_exec(db, "PRAGMA integrity_check", NULL, NULL, NULL), SQLITE_OK);
	assert_int_not_equal(sqlite3_exec(db, "INSERT INTO t VALUES(1,2)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	unlink(hidden);
}

static void the_disk_holds_no_plain_byte(void **state)
{
	(void)state;
	struct err err = { 0 };
	AUTO(buf) bytes = image();
	AUTO(veiled) v = filled(bytes);
	assert_non_null(v);
	AUTO(buf) raw = buf_new(1 << 22, &err);
	assert_int_equal(io_read_file(hidden, raw, &err), 0);
	assert_int_equal(raw->len, bytes->len);
	assert_non_null(memmem(bytes->bytes, bytes->len, "secret", 6));
	assert_null(memmem(raw->bytes, raw->len, "secret", 6));
	assert_null(memmem(raw->bytes, raw->len, "SQLite", 6));
	unlink(hidden);
}

static void only_its_key_opens_it(void **state)
{
	(void)state;
	struct err err = { 0 };
	AUTO(buf) bytes = image();
	AUTO(veiled) v = filled(bytes);
	uint8_t wrong[VEIL_KEY_BYTES] = { 0 };
	sqlite3 *db;
	AUTO(veiled) other = veiled_attach(hidden, wrong, &err);
	AUTO(veiled) again = veiled_attach(hidden, veiled_key(v), &err);
	assert_non_null(other);
	assert_non_null(again);
	assert_int_equal(veiled_open(again, &db, &err), 0);
	assert_int_equal(sqlite3_exec(db, "SELECT * FROM t", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(veiled_open(other, &db, &err), 0);
	assert_int_equal(sqlite3_exec(db, "SELECT * FROM t", NULL, NULL, NULL), SQLITE_NOTADB);
	sqlite3_close(db);
	unlink(hidden);
}

static void what_is_there_already_is_not_written_into(void **state)
{
	(void)state;
	struct err err = { 0 };
	assert_null(veiled_new("/nowhere/at/all", &err));
	assert_int_equal(err.code, ERR_ABSENT);
	assert_int_equal(io_write_file(hidden, "mine", 4, 0600, &err), 0);
	assert_null(veiled_new(hidden, &err));
	assert_int_equal(err.code, ERR_EXISTS);
	unlink(hidden);
}

static int begin(void **state)
{
	(void)state;
	crypto_start();
	if (!scratch_make(folder))
		return -1;
	snprintf(hidden, sizeof hidden, "%s/hidden", folder);
	return 0;
}

static int end(void **state)
{
	(void)state;
	return scratch_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sqlite_reads_what_was_written),
		cmocka_unit_test(the_disk_holds_no_plain_byte),
		cmocka_unit_test(only_its_key_opens_it),
		cmocka_unit_test(what_is_there_already_is_not_written_into),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
