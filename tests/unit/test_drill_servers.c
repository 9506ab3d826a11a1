/*
 * Drills of dumps: made by real servers, loaded into scratch servers in the sandbox. Starts the servers
 * through tests/services/run-presets; skipped where they are not installed.
 */
#include "drill_world.h"

#include <sys/wait.h>

#include "base/sandbox.h"
#include "source/postgres_roles.h"

enum { MANY_TABLES = 620 };

static char config[SCRATCH_MAX * 2];

/* Without namespaces the sandbox's user has no name, and paths of sockets are too long here. */
static bool has_namespaces(void)
{
	char dir[SCRATCH_MAX];
	struct err err;
	struct sandbox_isolation i = { .walls = SANDBOX_NONE };
	assert_true(scratch_make(dir) && chmod(dir, 0711) == 0);
	const struct sandbox_options o = { .parent = dir, .name = "look" };
	AUTO(sandbox) box = sandbox_new(&o, &err);
	if (box)
		sandbox_isolation(box, &i);
	sandbox_free(TAKE(box));
	scratch_remove(dir);
	return i.walls == SANDBOX_NAMESPACES;
}

static void need(const char *server)
{
	bool installed = getenv(server) != NULL;
	if (installed && has_namespaces())
		return;
	print_message("%s\n", installed ? "the kernel refuses namespaces here"
	                                : "the server is not installed");
	skip();
}

__attribute__((format(printf, 1, 2))) static void shell(const char *fmt, ...)
{
	char script[4000];
	va_list args;
	va_start(args, fmt);
	vsnprintf(script, sizeof script, fmt, args);
	va_end(args);
	if (system(script) != 0)
		fail_msg("failed: %s", script);
}

static int set_up(void **state)
{
	static struct world w;
	world_begin(&w);
	*state = &w;
	return 0;
}

static int tear_down(void **state)
{
	world_end(*state);
	return 0;
}

static void back_up(struct world *w, const char *type, const char *database)
{
	w->source.source = (struct source_options){ .type = type, .name = "crm", .database = database,
	                                            .defaults_file = strcmp(type, "mariadb-dump") == 0
	                                                             ? config : NULL };
	w->store.type = NULL;
	w->options.timeout_s = 300;
	world_backup(w);
}

static json_int_t rows(const struct world *w)
{
	return json_integer_value(json_object_get(json_object_get(w->detail, "counts"), "rows_actual"));
}

/* ---- PostgreSQL ---- */

static void make_pg(void)
{
	shell("psql -qX -d postgres -v ON_ERROR_STOP=1 -c 'DROP DATABASE IF EXISTS shop' "
	      "-c 'CREATE DATABASE shop'");
	shell("psql -qX -d postgres -c 'CREATE ROLE \"Odd Role\"' -c 'CREATE ROLE clerk' 2>/dev/null; "
	      "psql -qX -d shop -v ON_ERROR_STOP=1 -c 'CREATE TABLE orders(id int PRIMARY KEY, total int, "
	      "at timestamptz DEFAULT now())' -c 'INSERT INTO orders SELECT i, i * 3 FROM "
	      "generate_series(1, 5000) i' -c 'ALTER TABLE orders OWNER TO \"Odd Role\"' "
	      "-c 'GRANT SELECT ON orders TO clerk' -c 'CREATE TABLE empty()' -c 'CREATE SEQUENCE counter'");
}

static void a_database_of_postgres_passes(void **state)
{
	struct world *w = *state;
	static const struct drill_assertion a[] = {
		{ .name = "count", .sql = "SELECT count(*) FROM orders;", .expect = "= 5000" },
		{ .name = "cast", .sql = "SELECT '7'::int -- a comment", .expect = "= 7" },
		{ .name = "null", .sql = "SELECT total FROM orders WHERE id = 0", .expect = "null" },
	};
	need("HOLDFAST_TEST_PG");
	make_pg();
	back_up(w, "postgres-dump", "shop");
	w->store.assertions = a;
	w->store.n_assertions = 3;
	w->store.rpo_sql = "SELECT max(at) FROM orders";
	w->options.rpo_s = 3600;
	w->store.check_shell = true;
	w->store.check_command = "test \"$(psql -XAtc 'SELECT sum(total) FROM orders')\" = 37507500";
	EXPECT(w, DRILL_PASSED);
	assert_int_equal(rows(w), 5000);
	assert_string_equal(world_check(w, "load", NULL), "passed");
	assert_string_equal(world_check(w, "invalid-indexes", NULL), "passed");
	assert_string_equal(world_check(w, "facts", "bytes"), "passed");
	assert_int_equal(world_count(w->sandboxes), 0);
}

static void a_server_of_postgres_passes(void **state)
{
	struct world *w = *state;
	static const struct drill_assertion a = {
		.name = "count", .sql = "SELECT count(*) FROM orders", .expect = "= 5000", .database = "shop",
	};
	need("HOLDFAST_TEST_PG");
	make_pg();
	back_up(w, "postgres-dump", NULL);
	w->store.assertions = &a;
	w->store.n_assertions = 1;
	EXPECT(w, DRILL_PASSED);
	assert_true(rows(w) > 100000);
}

/* More tables than one statement or one line of a command takes. */
static void every_table_of_postgres_is_counted(void **state)
{
	struct world *w = *state;
	need("HOLDFAST_TEST_PG");
	make_pg();
	shell("psql -qX -d shop -v ON_ERROR_STOP=1 -c 'DO $$ BEGIN FOR i IN 1..%d LOOP EXECUTE "
	      "format($q$CREATE TABLE %%I AS SELECT 1 AS id$q$, repeat($q$t$q$, 50) || i); END LOOP; END $$'",
	      MANY_TABLES);
	back_up(w, "postgres-dump", "shop");
	EXPECT(w, DRILL_PASSED);
	assert_int_equal(rows(w), 5000 + MANY_TABLES);
}

static void an_assertion_cannot_change_the_server(void **state)
{
	struct world *w = *state;
	static const struct drill_assertion a[] = {
		{ .name = "function", .sql = "SELECT nextval('counter')", .expect = ">= 0" },
		{ .name = "rows", .sql = "SELECT id FROM orders", .expect = ">= 0" },
		{ .name = "out", .sql = "SELECT 1); DROP TABLE orders; SELECT (1", .expect = "= 1" },
		{ .name = "count", .sql = "SELECT count(*) FROM orders", .expect = "= 5000" },
	};
	need("HOLDFAST_TEST_PG");
	make_pg();
	back_up(w, "postgres-dump", "shop");
	w->store.assertions = a;
	w->store.n_assertions = 4;
	EXPECT(w, DRILL_FAILED);
	assert_string_equal(world_check(w, "assertion", "function"), "failed");
	assert_string_equal(world_check(w, "assertion", "rows"), "failed");
	assert_string_equal(world_check(w, "assertion", "out"), "failed");
	assert_string_equal(world_check(w, "assertion", "count"), "passed");
}

static void a_dump_that_does_not_load_fails(void **state)
{
	struct world *w = *state;
	need("HOLDFAST_TEST_PG");
	w->source.source = (struct source_options){ .type = "command", .name = "crm",
		.command = "echo 'INSERT INTO nowhere VALUES(1);'" };
	world_backup(w);
	w->store.type = "postgres-dump";
	w->store.database = "x";
	w->options.timeout_s = 300;
	EXPECT(w, DRILL_FAILED);
	assert_string_equal(world_check(w, "load", NULL), "failed");
	assert_non_null(strstr(world_said(w, "load", "actual"), "nowhere"));
}

static void a_server_that_does_not_start_is_not_verified(void **state)
{
	struct world *w = *state;
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
	print_message("the sanitizer itself needs more addresses than the limit\n");
	skip();
#endif
	need("HOLDFAST_TEST_PG");
	make_pg();
	back_up(w, "postgres-dump", "shop");
	/* enough for the programs, too little for what the server shares among its processes */
	w->options.memory_bytes = 100 << 20;
	EXPECT(w, DRILL_UNVERIFIED);
	assert_string_equal(world_stopped(w), "start");
}

static void a_load_that_fills_the_sandbox_is_not_verified(void **state)
{
	struct world *w = *state;
	need("HOLDFAST_TEST_PG");
	make_pg();
	back_up(w, "postgres-dump", "shop");
	w->options.disk_bytes = 20 << 20;
	EXPECT(w, DRILL_UNVERIFIED);
}

static void roles_are_found_in_a_dump(void **state)
{
	char role[POSTGRES_ROLE_MAX];
	static const struct { const char *line, *role; } lines[] = {
		{ "ALTER TABLE public.orders OWNER TO \"Odd Role\";\n", "\"Odd Role\"" },
		{ "ALTER TABLE public.\" OWNER TO x\" OWNER TO bob;\n", "bob" },
		{ "GRANT SELECT ON TABLE public.orders TO clerk;\n", "clerk" },
		{ "GRANT ALL ON SCHEMA public TO \"a\"\"b\" WITH GRANT OPTION;\n", "\"a\"\"b\"" },
		{ "ALTER DEFAULT PRIVILEGES FOR ROLE boss IN SCHEMA x GRANT ALL ON TABLES TO y;\n", "boss" },
		{ "REVOKE ALL ON x FROM eve;\n", "eve" },
		{ "GRANT USAGE ON SCHEMA x TO PUBLIC;\n", NULL },
		{ "INSERT INTO x VALUES (' OWNER TO mallory');\n", NULL },
		{ "GRANT ALL ON x TO \"open;\n", NULL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		assert_int_equal(postgres_role_of(lines[i].line, role), lines[i].role != NULL);
		if (lines[i].role)
			assert_string_equal(role, lines[i].role);
	}
}

/* ---- MariaDB ---- */

static void a_database_of_mariadb_passes(void **state)
{
	struct world *w = *state;
	static const struct drill_assertion a[] = {
		{ .name = "count", .sql = "SELECT COUNT(*) FROM t;", .expect = "= 100000" },
		{ .name = "null", .sql = "SELECT v FROM t WHERE id = 0", .expect = "null" },
		{ .name = "text", .sql = "SELECT v FROM a ORDER BY id LIMIT 1", .expect = "!= null" },
	};
	need("HOLDFAST_TEST_MARIADB");
	back_up(w, "mariadb-dump", "sample");
	w->store.assertions = a;
	w->store.n_assertions = 3;
	w->store.check_shell = true;
	w->store.check_command = "test \"$(mariadb -N -B sample -e 'SELECT COUNT(*) FROM w')\" = 100000";
	EXPECT(w, DRILL_PASSED);
	assert_int_equal(rows(w), 100000 + 2 * 10001);
	assert_string_equal(world_check(w, "check-table", NULL), "passed");
}

static void a_server_of_mariadb_passes(void **state)
{
	struct world *w = *state;
	static const struct drill_assertion a = { .name = "count", .sql = "SELECT COUNT(*) FROM sample.t",
	                                          .expect = "= 100000" };
	need("HOLDFAST_TEST_MARIADB");
	back_up(w, "mariadb-dump", NULL);
	w->store.assertions = &a;
	w->store.n_assertions = 1;
	EXPECT(w, DRILL_PASSED);
}

static void every_table_of_mariadb_is_checked_and_counted(void **state)
{
	struct world *w = *state;
	char expected[40];
	need("HOLDFAST_TEST_MARIADB");
	shell("mariadb -S %s/s.sock -u root -e 'DROP DATABASE IF EXISTS wide; CREATE DATABASE wide' && "
	      "for i in $(seq %d); do printf 'CREATE TABLE `%%050d;%%d` (id int) ENGINE=MyISAM; INSERT INTO "
	      "`%%050d;%%d` VALUES (1);\n' 0 $i 0 $i; done | mariadb -S %s/s.sock -u root wide",
	      getenv("HOLDFAST_TEST_MARIADB"), MANY_TABLES, getenv("HOLDFAST_TEST_MARIADB"));
	back_up(w, "mariadb-dump", "wide");
	EXPECT(w, DRILL_PASSED);
	assert_int_equal(rows(w), MANY_TABLES);
	snprintf(expected, sizeof expected, "all %d are", MANY_TABLES);
	assert_string_equal(world_said(w, "check-table", "actual"), expected);
}

static void a_statement_cannot_change_mariadb(void **state)
{
	struct world *w = *state;
	static const struct drill_assertion a[] = {
		{ .name = "rows", .sql = "SELECT id FROM t", .expect = ">= 0" },
		{ .name = "file", .sql = "SELECT 1 INTO OUTFILE '/tmp/x'", .expect = "= 1" },
		{ .name = "write", .sql = "DELETE FROM t RETURNING id", .expect = ">= 0" },
		{ .name = "count", .sql = "SELECT COUNT(*) FROM t", .expect = "= 100000" },
	};
	need("HOLDFAST_TEST_MARIADB");
	back_up(w, "mariadb-dump", "sample");
	w->store.assertions = a;
	w->store.n_assertions = 4;
	EXPECT(w, DRILL_FAILED);
	assert_string_equal(world_check(w, "assertion", "rows"), "failed");
	assert_string_equal(world_check(w, "assertion", "file"), "failed");
	assert_string_equal(world_check(w, "assertion", "write"), "failed");
	assert_string_equal(world_check(w, "assertion", "count"), "passed");
}

int main(int argc, char **argv)
{
	int status;
	if (drill_world_inside(argc, argv, &status))
		return status;
	if (!getenv("HOLDFAST_TEST_PRESETS")) {
		execl("tests/services/run-presets", "run-presets", argv[0], (char *)NULL);
		perror("tests/services/run-presets");
		return 1;
	}
	if (getenv("HOLDFAST_TEST_MARIADB"))
		snprintf(config, sizeof config, "%s/client.cnf", getenv("HOLDFAST_TEST_MARIADB"));
	if (*config) {
		FILE *f = fopen(config, "w");
		if (!f || fprintf(f, "[client]\nuser=backup\npassword=backuppass\nsocket=%s/s.sock\n",
		                  getenv("HOLDFAST_TEST_MARIADB")) < 0 || fclose(f) != 0 ||
		    chmod(config, 0600) != 0)
			return 1;
	}
#define WITH_WORLD(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_WORLD(a_database_of_postgres_passes),
		WITH_WORLD(a_server_of_postgres_passes),
		WITH_WORLD(every_table_of_postgres_is_counted),
		WITH_WORLD(an_assertion_cannot_change_the_server),
		WITH_WORLD(a_dump_that_does_not_load_fails),
		WITH_WORLD(a_server_that_does_not_start_is_not_verified),
		WITH_WORLD(a_load_that_fills_the_sandbox_is_not_verified),
		cmocka_unit_test(roles_are_found_in_a_dump),
		WITH_WORLD(a_database_of_mariadb_passes),
		WITH_WORLD(a_server_of_mariadb_passes),
		WITH_WORLD(every_table_of_mariadb_is_checked_and_counted),
		WITH_WORLD(a_statement_cannot_change_mariadb),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
