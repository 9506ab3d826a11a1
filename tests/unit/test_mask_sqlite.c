/* A masked database holds masked values only, still joins, and is what SQLite holds for sound. */
#include <setjmp.h>
#include <stdarg.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "crypto/hash.h"
#include "mask_make.h"
#include "source/mask_rules.h"
#include "source/mask_sqlite.h"

static char folder[SCRATCH_MAX], from[MASK_MAKE_PATH], to[MASK_MAKE_PATH];
static char said[2000];          /* tables and columns without a rule */
static struct mask_result result;
static struct err err;
static const volatile sig_atomic_t *stop;

static void missing(void *arg, const char *table, const char *column)
{
	(void)arg;
	size_t len = strlen(said);
	snprintf(said + len, sizeof said - len, "%s%s%s ", table, column ? "." : "", column ? column : "");
}

static int mask(const char *text)
{
	sqlite3 *db = NULL;
	struct err ignored;
	err = (struct err){ 0 };
	said[0] = '\0';
	AUTO(mask_rules) rules = mask_rules_parse("rules", folder, text, strlen(text), &err);
	if (!rules)
		print_message("%s\n", err.msg);
	assert_non_null(rules);
	assert_int_equal(io_write_file(to, "", 0, 0600, &ignored), 0);
	assert_int_equal(sqlite3_open_v2(from, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	const struct mask_request request = { .from = db, .rules = rules, .to = to, .stop = stop,
	                                      .missing = missing };
	int rc = mask_sqlite(&request, &result, &err);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return rc;
}

static void make(const char *sql)
{
	assert_true(mask_make(from, sql));
}

static void masked(const char *rules)
{
	int rc = mask(rules);
	if (rc != 0)
		print_message("%s\n", err.msg);
	assert_int_equal(rc, 0);
	assert_false(mask_file_holds(to, MASK_SECRET));
	assert_int_equal(mask_number_of(to, "SELECT count(*) FROM pragma_integrity_check WHERE "
	                                "integrity_check = 'ok'"), 1);
}

static void refused(const char *rules, const char *message)
{
	assert_int_equal(mask(rules), ERR_INVALID);
	assert_string_equal(err.msg, message);
}

static int64_t number(const char *sql) { return mask_number_of(to, sql); }

/* ---- what comes out ---- */

static const char crm[] =
	"PRAGMA secure_delete = OFF; CREATE TABLE customers(id INTEGER PRIMARY KEY, "
	"email TEXT UNIQUE COLLATE NOCASE, name TEXT, born TEXT, photo BLOB, mixed);"
	"CREATE TABLE orders(id INTEGER PRIMARY KEY AUTOINCREMENT, customer INTEGER REFERENCES customers,"
	" email TEXT REFERENCES customers(email), placed TEXT, shipped TEXT, total INT);"
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300) INSERT INTO customers "
	"SELECT i, 'SECRETmail' || i || '@example.org', 'SECRETname' || (i % 70), "
	"'1960-01-01', CAST('SECRETphoto' || i AS BLOB), "
	"CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN i WHEN 2 THEN i / 3.0 ELSE 'SECRETmixed' END FROM n;"
	"INSERT INTO orders SELECT NULL, id, upper(email), date('2024-01-01'), date('2024-01-08'), id * 10 "
	"FROM customers;"
	/* old bytes on free pages and in free space */
	"INSERT INTO customers(id, name) SELECT id + 1000, 'SECRETgone' || id FROM customers;"
	"DELETE FROM customers WHERE id > 1000; DELETE FROM orders WHERE id % 5 = 0; ANALYZE;";

static const char crm_rules[] =
	"[customers]\nid = hash\nemail = hash\nname = pseudonym names\nborn = date-shift 300 by id\n"
	"photo = hash\nmixed = hash\n"
	"[orders]\nid = keep\ncustomer = hash\nemail = hash\nplaced = date-shift 300 by customer\n"
	"shipped = date-shift 300 by customer\ntotal = keep\n";

static void no_original_value_is_anywhere_in_the_file(void **state)
{
	(void)state;
	make(crm);
	assert_true(mask_file_holds(from, "SECRETgone"));
	masked(crm_rules);
	assert_false(mask_file_holds(to, "example"));
	assert_false(mask_file_holds(to, "EXAMPLE"));
	assert_int_equal(number("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'sqlite_stat%'"), 0);
}

static void what_was_done_is_told(void **state)
{
	(void)state;
	make(crm);
	masked(crm_rules);
	assert_int_equal(result.tables, 2);
	assert_int_equal(result.rows, 300 + 240);
	assert_int_equal(result.columns[MASK_HASH], 6);
	assert_int_equal(result.columns[MASK_KEEP], 2);
	assert_int_equal(result.columns[MASK_DATE_SHIFT], 3);
	assert_int_equal(result.columns[MASK_PSEUDONYM], 1);
	assert_int_equal(result.unused, 0);
	assert_int_equal(result.orphans, 0);
}

static void joins_survive(void **state)
{
	(void)state;
	make(crm);
	masked(crm_rules);
	assert_int_equal(number("SELECT count(*) FROM orders o JOIN customers c ON c.id = o.customer "
	                        "AND c.email = o.email"), 240);
	assert_int_equal(number("SELECT count(*) FROM pragma_foreign_key_check"), 0);
	assert_int_equal(number("SELECT count(DISTINCT id) FROM customers"), 300);
	assert_int_equal(number("SELECT count(*) FROM customers WHERE id BETWEEN 1 AND 1000"), 0);
	assert_int_equal(number("SELECT count(DISTINCT name) FROM customers"), 2);
}

static void intervals_of_a_subject_stay(void **state)
{
	(void)state;
	make(crm);
	masked(crm_rules);
	assert_int_equal(number("SELECT count(*) FROM orders "
	                        "WHERE julianday(shipped) - julianday(placed) = 7"), 240);
	/* in another table too: 23376 days lie between 1960 and 2024 */
	assert_int_equal(number("SELECT count(*) FROM orders o JOIN customers c ON c.id = o.customer "
	                        "WHERE julianday(placed) - julianday(born) = 23376"), 240);
	assert_true(number("SELECT count(DISTINCT born) FROM customers") > 100);
	assert_int_equal(number("SELECT count(*) FROM customers WHERE born = '1960-01-01'"), 0);
}

static void types_stay_and_null_stays_null(void **state)
{
	(void)state;
	make(crm);
	masked(crm_rules);
	assert_int_equal(number("SELECT count(*) FROM customers WHERE typeof(photo) = 'blob'"), 300);
	assert_int_equal(number("SELECT count(*) FROM customers WHERE mixed IS NULL"), 75);
	assert_int_equal(number("SELECT count(*) FROM customers WHERE typeof(mixed) = 'integer'"), 75);
	assert_int_equal(number("SELECT count(*) FROM customers WHERE typeof(mixed) = 'real'"), 75);
	assert_int_equal(number("SELECT count(*) FROM customers WHERE typeof(mixed) = 'text'"), 75);
	assert_int_equal(number("SELECT count(*) FROM customers WHERE typeof(email) = 'text'"), 300);
}

static void each_restore_has_a_key_of_its_own(void **state)
{
	(void)state;
	make(crm);
	masked(crm_rules);
	int64_t first = number("SELECT max(id) FROM customers");
	masked(crm_rules);
	assert_true(number("SELECT max(id) FROM customers") != first);
}

static void every_kind_of_table_index_view_and_trigger_comes_along(void **state)
{
	(void)state;
	make("CREATE TABLE a(k TEXT PRIMARY KEY, n INT CHECK(n > 0), up AS (upper(k)) STORED, two AS (n * 2))"
	     " WITHOUT ROWID;"
	     "CREATE TABLE b(i INTEGER PRIMARY KEY AUTOINCREMENT, t TEXT NOT NULL, x ANY, bl BLOB) STRICT;"
	     "CREATE TABLE gone(s TEXT);"
	     "CREATE INDEX b_expr ON b(lower(t)); CREATE UNIQUE INDEX b_part ON b(t) WHERE i > 1;"
	     "CREATE VIEW v AS SELECT k, t FROM a JOIN b ON a.k = b.t;"
	     "INSERT INTO a(k, n) VALUES('SECRET1', 5), ('SECRET2', 6);"
	     "INSERT INTO b VALUES(1, 'SECRET1', 'SECRETx', x'00'), (7, 'SECRET2', 12, zeroblob(100000));"
	     "INSERT INTO gone VALUES('SECRETgone');"
	     "CREATE TRIGGER tr AFTER INSERT ON b BEGIN INSERT INTO gone VALUES(new.t); END;"
	     "CREATE TRIGGER iv INSTEAD OF INSERT ON v BEGIN INSERT INTO gone VALUES(1); END;"
	     "PRAGMA user_version = 42; PRAGMA application_id = 77;");
	masked("[a]\nk = hash domain=d\nn = keep\n[b]\ni = keep\nt = hash domain=d\nx = hash\nbl = keep\n"
	       "[gone]\n@rows = drop\n");
	assert_int_equal(number("SELECT count(*) FROM v"), 2);
	assert_int_equal(number("SELECT sum(two) FROM a WHERE up = upper(k)"), 22);
	assert_int_equal(number("SELECT count(*) FROM gone"), 0);
	assert_int_equal(number("SELECT count(*) FROM sqlite_schema WHERE sql IS NOT NULL "
	                        "AND type IN ('index', 'view', 'trigger')"), 5);
	assert_int_equal(number("SELECT seq FROM sqlite_sequence"), 7);
	assert_int_equal(number("SELECT length(bl) FROM b WHERE i = 7"), 100000);
	assert_int_equal(number("PRAGMA user_version"), 42);
	assert_int_equal(number("PRAGMA application_id"), 77);
	assert_int_equal(number("SELECT count(*) FROM b INDEXED BY b_part WHERE i > 1 AND t > ''"), 1);
	assert_int_equal(result.empty_tables, 1);
}

static void a_full_text_index_is_made_anew_or_left_empty(void **state)
{
	(void)state;
	make("CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT);"
	     "INSERT INTO notes VALUES(1, 'SECRETword here'), (2, 'SECRETword there');"
	     "CREATE VIRTUAL TABLE over USING fts5(body, content='notes', content_rowid='id');"
	     "INSERT INTO over(over) VALUES('rebuild');"
	     "CREATE VIRTUAL TABLE own USING fts4(body); INSERT INTO own VALUES('SECRETfour');"
	     "CREATE VIRTUAL TABLE place USING rtree(id, x0, x1); INSERT INTO place VALUES(1, 2, 3);");
	masked("[notes]\nid = keep\nbody = set 'one word'\n[over]\n@rows = rebuild\n[own]\n@rows = drop\n"
	       "[place]\n@rows = drop\n");
	assert_false(mask_file_holds(to, "secretword"));
	assert_int_equal(number("SELECT count(*) FROM over WHERE over MATCH 'word'"), 2);
	assert_int_equal(number("SELECT count(*) FROM over WHERE over MATCH 'secretword'"), 0);
	assert_int_equal(number("SELECT count(*) FROM own"), 0);
	assert_int_equal(number("SELECT count(*) FROM place"), 0);
	assert_int_equal(result.rebuilt_tables, 1);
	assert_int_equal(result.empty_tables, 2);
	refused("[notes]\nid = keep\nbody = null\n[over]\n@rows = keep\n[own]\n@rows = drop\n"
	        "[place]\n@rows = drop\n", "over: a virtual table is not copied");
}

static void a_virtual_table_of_an_unknown_kind_is_left_out(void **state)
{
	(void)state;
	make("CREATE TABLE t(a); PRAGMA writable_schema = ON;"
	     "INSERT INTO sqlite_schema VALUES('table', 'odd', 'odd', 0, "
	     "'CREATE VIRTUAL TABLE odd USING nobodys(x)')");
	masked("[t]\na = keep\n[odd]\n@rows = drop\n");
	assert_int_equal(result.left_out, 1);
	assert_int_equal(number("SELECT count(*) FROM sqlite_schema"), 1);
	assert_int_not_equal(mask("[t]\na = keep\n[odd]\n@rows = rebuild\n"), 0);
}

static void names_may_hold_anything(void **state)
{
	(void)state;
	char rules[200], table[MASK_NAME_MAX], column[MASK_NAME_MAX];
	make("CREATE TABLE \"a\"\"b=]; drop\"(\"x\"\"y\" TEXT, \"select\" TEXT);"
	     "INSERT INTO \"a\"\"b=]; drop\" VALUES('SECRET', 'SECRET')");
	mask_rules_spell(table, "a\"b=]; drop");
	mask_rules_spell(column, "x\"y");
	snprintf(rules, sizeof rules, "[%s]\n%s = hash\nselect = hash\n", table, column);
	masked(rules);
	assert_int_equal(number("SELECT count(\"x\"\"y\") FROM \"a\"\"b=]; drop\""), 1);
}

static void another_encoding_comes_along(void **state)
{
	(void)state;
	make("PRAGMA encoding = 'UTF-16le'; PRAGMA page_size = 1024; CREATE TABLE t(a, b);"
	     "INSERT INTO t VALUES('SECRET', 'Ü')");
	masked("[t]\na = hash\nb = keep\n");
	assert_int_equal(number("SELECT count(*) FROM pragma_encoding WHERE encoding = 'UTF-16le'"), 1);
	assert_int_equal(number("SELECT unicode(b) FROM t"), 0xdc);
	assert_int_equal(number("SELECT length(a) FROM t"), 24);
	assert_int_equal(number("PRAGMA page_size"), 1024);
}

/* ---- what is refused ---- */

static void what_no_rule_names_is_told_and_refused(void **state)
{
	(void)state;
	make("CREATE TABLE a(x, y, z); CREATE TABLE b(x); CREATE TABLE c(x); CREATE TABLE d(x);");
	refused("[a]\nX = keep\nz = ?\n[c]\n@rows = ?\n[d]\n@rows = drop\n",
	        "4 tables or columns without a rule, beginning with a.y");
	assert_string_equal(said, "a.y a.z b c ");
	assert_int_equal(mask_number_of(to, "SELECT count(*) FROM sqlite_schema"), 0);
}

static void rules_for_what_is_not_there_are_counted(void **state)
{
	(void)state;
	make("CREATE TABLE a(x)");
	masked("[a]\nx = keep\nz = keep\n[b]\n@rows = drop\n");
	assert_int_equal(result.unused, 2);
}

static void rules_that_cannot_hold_are_refused(void **state)
{
	(void)state;
	make("CREATE TABLE p(id INTEGER PRIMARY KEY, n TEXT NOT NULL, g AS (n));"
	     "CREATE TABLE c(id INTEGER PRIMARY KEY, p INT REFERENCES p);");
	refused("[p]\nid = null\nn = keep\n[c]\n@rows = drop\n", "p.id: takes no NULL");
	refused("[p]\nid = keep\nn = null\n[c]\n@rows = drop\n", "p.n: takes no NULL");
	refused("[p]\nid = keep\nn = keep\ng = keep\n[c]\n@rows = drop\n",
	        "p.g: is generated from other columns");
	refused("[p]\nid = keep\nn = date-shift 3 by who\n[c]\n@rows = drop\n",
	        "p.n: the column that is to name the subject is not there");
	refused("[p]\nid = hash\nn = keep\n[c]\nid = keep\np = keep\n",
	        "c.p: is masked otherwise than the column that it refers to");
	refused("[p]\nid = hash domain=a\nn = keep\n[c]\nid = keep\np = hash domain=b\n",
	        "c.p: is masked otherwise than the column that it refers to");
	refused("[p]\n@rows = drop\n[c]\nid = keep\np = keep\n",
	        "c.p: refers to a table whose rows are dropped");
	refused("[p]\n@rows = rebuild\n[c]\n@rows = drop\n",
	        "p: is no full-text index that could be made anew");
	masked("[p]\n@rows = drop\n[c]\nid = keep\np = null\n");
}

static void a_masked_row_that_does_not_fit_is_refused_without_its_value(void **state)
{
	(void)state;
	make("CREATE TABLE a(x TEXT UNIQUE ON CONFLICT REPLACE);"
	     "INSERT INTO a VALUES('SECRET1'), ('SECRET2');"
	     "CREATE TABLE b(n TEXT CHECK(length(n) = 7)); INSERT INTO b VALUES('SECRET1');");
	refused("[a]\nx = set SAME\n[b]\nn = keep\n",
	        "a: a masked row does not fit the table: UNIQUE constraint failed: a.x");
	refused("[a]\nx = hash\n[b]\nn = hash\n",
	        "b: a masked row does not fit the table: CHECK constraint failed: length(n) = 7");
	refused("[a]\nx = date-shift 3 by x\n[b]\nn = keep\n",
	        "a.x: date-shift does not fit a text that does not begin with YYYY-MM-DD");
	masked("[a]\nx = hash\n[b]\nn = set 'seven 7'\n");
	assert_int_equal(number("SELECT count(*) FROM a"), 2);
}

static void rows_without_parents_are_no_more_than_before(void **state)
{
	(void)state;
	make("CREATE TABLE p(id TEXT PRIMARY KEY); CREATE TABLE c(p REFERENCES p);"
	     "INSERT INTO p VALUES('a'); INSERT INTO c VALUES('a'), ('gone');");
	masked("[p]\nid = hash\n[c]\np = hash\n");
	assert_int_equal(result.orphans, 1);
	/* a number and its text are one value to a key, and two to a hash */
	make("CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p TEXT REFERENCES p);"
	     "INSERT INTO p VALUES(1); INSERT INTO c VALUES('1');");
	refused("[p]\nid = hash\n[c]\np = hash\n", "c: 1 masked rows have no parent, 0 had none before");
}

static void a_schema_that_means_harm_runs_nothing(void **state)
{
	(void)state;
	make("CREATE TABLE t(a); INSERT INTO t VALUES(1); PRAGMA writable_schema = ON;"
	     "INSERT INTO sqlite_schema VALUES('view', 'v', 'v', 0, "
	     "'CREATE VIEW v AS SELECT 1; CREATE TABLE evil(x)');");
	assert_int_not_equal(mask("[t]\na = keep\n"), 0);
	make("CREATE TABLE t(a); CREATE INDEX i ON t(a); INSERT INTO t VALUES(1);"
	     "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON "
	     "t(load_extension(a))' WHERE name = 'i';");
	assert_int_not_equal(mask("[t]\na = keep\n"), 0);
	assert_int_equal(err.code, ERR_SOURCE);
}

static void what_is_no_database_is_refused(void **state)
{
	(void)state;
	struct err ignored;
	assert_int_equal(io_write_file(from, "SECRET, and no database at all", 30, 0600, &ignored), 0);
	assert_int_equal(mask("[t]\na = keep\n"), ERR_SOURCE);
}

static void it_can_be_stopped(void **state)
{
	(void)state;
	static volatile sig_atomic_t now = 1;
	make(crm);
	stop = &now;
	int rc = mask(crm_rules);
	stop = NULL;
	assert_int_equal(rc, ERR_STOPPED);
}

static void a_skeleton_leaves_everything_to_be_decided(void **state)
{
	(void)state;
	sqlite3 *db = NULL;
	make("CREATE TABLE b(x, \"y=\" TEXT, g AS (x)); CREATE TABLE a(z);"
	     "CREATE VIRTUAL TABLE f USING fts5(t)");
	AUTO(buf) out = buf_new(10000, &err);
	assert_int_equal(sqlite3_open_v2(from, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(mask_sqlite_template(db, NULL, out, &err), 0);
	sqlite3_close(db);
	const char *text = buf_text(out, &err);
	char spelled[MASK_NAME_MAX], want[200];
	mask_rules_spell(spelled, "y=");
	snprintf(want, sizeof want, "[b]\n@rows = ?\nx = ?\n# y= is written as %s\n%s = ?\n\n[f]\n", spelled,
	         spelled);
	assert_non_null(strstr(text, "\n[a]\n@rows = ?\nz = ?\n"));
	assert_non_null(strstr(text, want));
	/* it is a file of rules, and decides nothing */
	assert_int_equal(mask(text), ERR_INVALID);
	assert_string_equal(said, "a b f ");
}

static int begin(void **state)
{
	(void)state;
	struct err ignored;
	char words[MASK_MAKE_PATH];
	crypto_start();
	if (!scratch_make(folder))
		return -1;
	snprintf(from, sizeof from, "%s/from.db", folder);
	snprintf(to, sizeof to, "%s/to.db", folder);
	snprintf(words, sizeof words, "%s/names", folder);
	return io_write_file(words, "Anna\nBert\n", 10, 0600, &ignored);
}

static int end(void **state)
{
	(void)state;
	return scratch_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_original_value_is_anywhere_in_the_file),
		cmocka_unit_test(what_was_done_is_told),
		cmocka_unit_test(joins_survive),
		cmocka_unit_test(intervals_of_a_subject_stay),
		cmocka_unit_test(types_stay_and_null_stays_null),
		cmocka_unit_test(each_restore_has_a_key_of_its_own),
		cmocka_unit_test(every_kind_of_table_index_view_and_trigger_comes_along),
		cmocka_unit_test(a_full_text_index_is_made_anew_or_left_empty),
		cmocka_unit_test(a_virtual_table_of_an_unknown_kind_is_left_out),
		cmocka_unit_test(names_may_hold_anything),
		cmocka_unit_test(another_encoding_comes_along),
		cmocka_unit_test(what_no_rule_names_is_told_and_refused),
		cmocka_unit_test(rules_for_what_is_not_there_are_counted),
		cmocka_unit_test(rules_that_cannot_hold_are_refused),
		cmocka_unit_test(a_masked_row_that_does_not_fit_is_refused_without_its_value),
		cmocka_unit_test(rows_without_parents_are_no_more_than_before),
		cmocka_unit_test(a_schema_that_means_harm_runs_nothing),
		cmocka_unit_test(what_is_no_database_is_refused),
		cmocka_unit_test(it_can_be_stopped),
		cmocka_unit_test(a_skeleton_leaves_everything_to_be_decided),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
