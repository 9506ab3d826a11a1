/* Names become SQL in one way, and a tamed connection does no more than it must. */
#include <setjmp.h>
#include <stdarg.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "holdfast/err.h"
#include "source/mask_db.h"

static sqlite3 *db;
static struct err err;

static void a_name_is_quoted_whatever_it_holds(void **state)
{
	(void)state;
	static const char *const names[] = { "a", "a b", "a\"b", "\"\"", "x'); DROP TABLE t; --", "ü",
	                                     "select" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		sqlite3_str *sql = sqlite3_str_new(db);
		sqlite3_str_appendall(sql, "SELECT 1 AS ");
		mask_db_name(sql, names[i]);
		sqlite3_stmt *q = mask_db_prepare(db, sql, &err);
		assert_non_null(q);
		assert_string_equal(sqlite3_column_name(q, 0), names[i]);
		sqlite3_finalize(q);
	}
}

static void a_tamed_connection_attaches_and_loads_nothing(void **state)
{
	(void)state;
	int64_t n;
	assert_int_equal(mask_db_tame(db, NULL, &err), 0);
	assert_int_equal(mask_db_run(db, "ATTACH ':memory:' AS x", &err), ERR_SOURCE);
	assert_int_equal(mask_db_run(db, "SELECT load_extension('x')", &err), ERR_SOURCE);
	assert_int_equal(mask_db_number(db, "PRAGMA trusted_schema", &n, &err), 0);
	assert_int_equal(n, 0);
	assert_int_equal(mask_db_number(db, "PRAGMA cell_size_check", &n, &err), 0);
	assert_int_equal(n, 1);
	assert_int_equal(mask_db_number(db, "PRAGMA temp_store", &n, &err), 0);
	assert_int_equal(n, 2);
}

static void a_statement_without_end_is_stopped(void **state)
{
	(void)state;
	static volatile sig_atomic_t stop = 1;
	int64_t n;
	assert_int_equal(mask_db_tame(db, &stop, &err), 0);
	assert_int_equal(mask_db_number(db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
	                                "SELECT count(*) FROM n", &n, &err), ERR_STOPPED);
}

static int refuse_second(void *arg, sqlite3_stmt *q, struct err *e)
{
	(void)q;
	return ++*(int *)arg == 2 ? err_set(e, ERR_LIMIT, "enough") : 0;
}

static void a_row_that_is_refused_ends_it(void **state)
{
	(void)state;
	int rows = 0;
	assert_int_equal(mask_db_each(db, "VALUES(?1), (?1), (?1)", "x", refuse_second, &rows, &err),
	                 ERR_LIMIT);
	assert_int_equal(rows, 2);
	assert_string_equal(err.msg, "enough");
}

static void a_label_is_one_printable_line(void **state)
{
	(void)state;
	char label[MASK_LABEL_MAX], longer[1000];
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	assert_string_equal(mask_db_label(label, "a\nb", "c\x1b"), "a b.c?");
	assert_string_equal(mask_db_label(label, "t", NULL), "t");
	assert_true(strlen(mask_db_label(label, longer, longer)) < MASK_LABEL_MAX);
}

static int set_up(void **state)
{
	(void)state;
	return sqlite3_open(":memory:", &db) == SQLITE_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return sqlite3_close(db) == SQLITE_OK ? 0 : -1;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_name_is_quoted_whatever_it_holds),
		TEST(a_tamed_connection_attaches_and_loads_nothing),
		TEST(a_statement_without_end_is_stopped),
		TEST(a_row_that_is_refused_ends_it),
		TEST(a_label_is_one_printable_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
