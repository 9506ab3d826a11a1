/* Each column finds its rule, what it shares with others, and whether case counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "crypto/hash.h"
#include "mask_make.h"
#include "source/mask_schema.h"

struct place {
	sqlite3 *db;
	struct mask_schema *schema;
	struct mask_rules *rules;
	struct mask_result result;
	struct err err;
};

static void make(struct place *p, const char *sql)
{
	assert_int_equal(sqlite3_open(":memory:", &p->db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(p->db, sql, NULL, NULL, NULL), SQLITE_OK);
	p->schema = mask_schema_read(p->db, &p->err);
	assert_non_null(p->schema);
}

static int decide(struct place *p, const char *rules)
{
	p->rules = mask_rules_parse("rules", ".", rules, strlen(rules), &p->err);
	assert_non_null(p->rules);
	return mask_schema_decide(p->schema, p->rules, NULL, NULL, &p->result, &p->err);
}

static const struct mask_column *column(const struct place *p, const char *table, const char *name)
{
	for (size_t i = 0; i < p->schema->n; i++)
		for (size_t k = 0; k < p->schema->tables[i].n; k++)
			if (strcmp(p->schema->tables[i].name, table) == 0 &&
			    strcmp(p->schema->tables[i].columns[k].name, name) == 0)
				return &p->schema->tables[i].columns[k];
	fail_msg("no %s.%s", table, name);
	return NULL;
}

static int set_up(void **state)
{
	*state = calloc(1, sizeof(struct place));
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	mask_schema_free(p->schema);
	mask_rules_free(p->rules);
	sqlite3_close(p->db);
	free(p);
	return 0;
}

static void columns_are_known_for_what_they_are(void **state)
{
	struct place *p = *state;
	make(p, "CREATE TABLE p(a TEXT, b INT, PRIMARY KEY(a, b));"
	     "CREATE TABLE t(id INTEGER PRIMARY KEY, n TEXT NOT NULL COLLATE NOCASE, v AS (n), "
	     "s AS (n) STORED, x TEXT, y INT, "
	     "FOREIGN KEY(x, y) REFERENCES P); CREATE VIEW w AS SELECT 1; ANALYZE;"
	     "CREATE VIRTUAL TABLE f USING fts5(z)");
	assert_int_equal(p->schema->n, 3);
	assert_true(p->schema->tables[0].is_virtual);
	assert_int_equal(p->schema->tables[0].n, 0);
	assert_true(column(p, "t", "id")->key);
	assert_true(column(p, "t", "n")->not_null);
	assert_true(column(p, "t", "n")->nocase);
	assert_false(column(p, "t", "n")->generated);
	assert_true(column(p, "t", "v")->generated);
	assert_true(column(p, "t", "s")->generated);
	assert_string_equal(column(p, "t", "y")->parent_table, "P");
	assert_string_equal(column(p, "t", "y")->parent_column, "b");
	assert_true(column(p, "p", "b")->key);
}

static void a_key_is_of_the_domain_of_what_it_refers_to(void **state)
{
	struct place *p = *state;
	make(p, "CREATE TABLE a(id TEXT PRIMARY KEY COLLATE NOCASE);"
	     "CREATE TABLE b(id TEXT PRIMARY KEY REFERENCES a(id), boss REFERENCES b(id), other TEXT);"
	     "CREATE TABLE c(b TEXT REFERENCES b(id), own TEXT)");
	assert_int_equal(decide(p, "[a]\nid = hash\n[b]\nid = hash\nboss = hash\nother = hash\n"
	                        "[c]\nb = hash\nown = hash domain=mine\n"), 0);
	const char *domain = column(p, "a", "id")->domain;
	assert_string_equal(column(p, "b", "id")->domain, domain);
	assert_string_equal(column(p, "b", "boss")->domain, domain);
	assert_string_equal(column(p, "c", "b")->domain, domain);
	assert_string_not_equal(column(p, "b", "other")->domain, domain);
	assert_string_equal(column(p, "c", "own")->domain, "mine");
	/* case counts for all of them as it does for the first */
	assert_true(column(p, "c", "b")->fold);
	assert_true(column(p, "b", "boss")->fold);
	assert_false(column(p, "b", "other")->fold);
}

static void keys_in_a_circle_end(void **state)
{
	struct place *p = *state;
	make(p, "CREATE TABLE a(x REFERENCES b(y)); CREATE TABLE b(y REFERENCES a(x))");
	assert_int_equal(decide(p, "[a]\nx = hash domain=d\n[b]\ny = hash domain=d\n"), 0);
	assert_string_equal(column(p, "a", "x")->domain, column(p, "b", "y")->domain);
}

static void a_subject_is_found_in_any_case(void **state)
{
	struct place *p = *state;
	make(p, "CREATE TABLE t(Who INT, at TEXT)");
	assert_int_equal(decide(p, "[t]\nwho = keep\nat = date-shift 3 by WHO\n"), 0);
	assert_int_equal(column(p, "t", "at")->subject, 0);
	assert_true(column(p, "t", "Who")->subject == MASK_NO_COLUMN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(columns_are_known_for_what_they_are),
		TEST(a_key_is_of_the_domain_of_what_it_refers_to),
		TEST(keys_in_a_circle_end),
		TEST(a_subject_is_found_in_any_case),
	};
	crypto_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
