/*
 * The dump presets against real servers: what they deliver loads again and holds the same rows, and
 * what a server or a network breaks off is no backup. Starts its servers through
 * tests/services/run-presets; skipped where none are installed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "holdfast/err.h"
#include "holdfast/source.h"
#include "scratch.h"

extern const struct source_ops source_mariadb_dump, source_postgres_dump;

enum { BLOCK = 65536, OUT_MAX = 64 << 20, TEXT_MAX = 8192 };

static char folder[SCRATCH_MAX];
static char *out;
static size_t out_len;
static char facts_json[1000];
static struct err err;

__attribute__((format(printf, 1, 2))) static void shell(const char *fmt, ...)
{
	char script[TEXT_MAX];
	va_list args;
	va_start(args, fmt);
	vsnprintf(script, sizeof script, fmt, args);
	va_end(args);
	if (system(script) != 0)
		fail_msg("failed: %s", script);
}

static const char *shell_text(char text[TEXT_MAX], const char *script)
{
	FILE *f = popen(script, "r");
	assert_non_null(f);
	text[fread(text, 1, TEXT_MAX - 1, f)] = '\0';
	assert_int_equal(pclose(f), 0);
	return text;
}

static void need(const char *server, const char *name)
{
	if (getenv(server))
		return;
	printf("skipped: %s is not installed\n", name);
	skip();
}

static void need_data(const char *file)
{
	char path[SCRATCH_MAX * 2];
	snprintf(path, sizeof path, "%s/%s", getenv("HOLDFAST_TEST_DATA"), file);
	if (access(path, R_OK) == 0)
		return;
	printf("skipped: the sample database %s is not here\n", file);
	skip();
}

/* Reads on from where it is; calls `midway` (or not) after the first block. */
static int read_to_end(struct source *s, void (*midway)(void))
{
	for (size_t got = 1; got > 0; out_len += got) {
		assert_true(out_len + BLOCK < OUT_MAX);
		if (s->ops->read(s, out + out_len, BLOCK, &got, &err) != 0)
			return err.code;
		if (midway && out_len == 0)
			midway();
	}
	return 0;
}

static int back_up(const struct source_ops *ops, const struct source_options *options,
                   void (*midway)(void))
{
	struct source_entry entry;
	struct source_facts facts = { 0 };
	char stamp[SOURCE_STAMP_MAX];
	out_len = 0;
	memset(&err, 0, sizeof err);
	struct source *s = ops->open(options, &err);
	if (!s)
		return err.code;
	int rc = s->ops->begin(s, &err);
	if (rc == 0)
		rc = s->ops->next(s, &entry, &err) == 1 ? read_to_end(s, midway) : (int)err.code;
	if (rc == 0)
		rc = s->ops->end(s, &facts, stamp, &err);
	if (rc == 0)
		snprintf(facts_json, sizeof facts_json, "%s", facts.json);
	s->ops->free(s);
	return rc;
}

static void expect_backup(const struct source_ops *ops, const struct source_options *options)
{
	if (back_up(ops, options, NULL) != 0)
		fail_msg("%s", err.msg);
}

static void expect_said(const char *words)
{
	if (!strstr(err.msg, words))
		fail_msg("'%s' does not say '%s'", err.msg, words);
}

/* What was read last, into a restore command. */
static void load(const struct source_ops *ops, const char *command)
{
	struct source_options options = { .type = ops->type, .restore_command = command };
	struct source_entry entry = { .path = "chinook.sql", .mode = S_IFREG | 0600 };
	struct sink *k = ops->restore(&options, folder, false, &err);
	assert_non_null(k);
	if (k->ops->entry(k, &entry, &err) != 0 || k->ops->data(k, out, out_len, &err) != 0 ||
	    k->ops->close(k, &err) != 0)
		fail_msg("%s", err.msg);
	k->ops->free(k);
}

static const char *write_secret(const char *name, const char *text)
{
	static char path[SCRATCH_MAX + 40];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	unlink(path);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	fclose(f);
	assert_int_equal(chmod(path, 0600), 0);
	return path;
}

/* MariaDB */

static const char *mariadb_defaults(const char *user, const char *password)
{
	char text[1000];
	snprintf(text, sizeof text, "[client]\nsocket=%s/s.sock\nuser=%s\npassword=%s\n",
	         getenv("HOLDFAST_TEST_MARIADB"), user, password);
	return write_secret("my.cnf", text);
}

static const char *mariadb_rows(char text[TEXT_MAX], const char *database)
{
	char script[2000];
	snprintf(script, sizeof script,
	         "m() { mariadb --defaults-file=%s -BN \"$@\"; }; "
	         "for t in $(m -e 'SHOW TABLES' %s | sort); do echo $t $(m -e \"SELECT COUNT(*) FROM $t; "
	         "CHECKSUM TABLE $t\" %s | sed 's/.*\\.//'); done",
	         mariadb_defaults("backup", "backuppass"), database, database);
	return shell_text(text, script);
}

static void a_mariadb_dump_loads_into_another_database(void **state)
{
	(void)state;
	need("HOLDFAST_TEST_MARIADB", "MariaDB");
	need_data("chinook-mysql.sql");
	const char *file = mariadb_defaults("backup", "backuppass");
	shell("mariadb --defaults-file=%s <%s/chinook-mysql.sql", file, getenv("HOLDFAST_TEST_DATA"));
	struct source_options options = { .type = "mariadb-dump", .name = "shop", .defaults_file = file,
		.database = "Chinook" };
	expect_backup(&source_mariadb_dump, &options);
	assert_non_null(strstr(facts_json, "\"engine\":\"mariadb\""));
	assert_non_null(strstr(facts_json, "\"program\":\"mariadb-dump\",\"server_version\":\"10."));
	assert_non_null(strstr(facts_json, "\"version\":\"mariadb-dump "));

	char command[1000], before[TEXT_MAX], after[TEXT_MAX];
	shell("mariadb --defaults-file=%s -e 'CREATE DATABASE scratch'", file);
	snprintf(command, sizeof command, "mariadb --defaults-file=%s scratch", file);
	load(&source_mariadb_dump, command);
	mariadb_rows(before, "Chinook");
	assert_non_null(strstr(before, "Track 3503 "));
	assert_string_equal(mariadb_rows(after, "scratch"), before);
}

static void an_unchanged_mariadb_dumps_the_same_bytes(void **state)
{
	(void)state;
	need("HOLDFAST_TEST_MARIADB", "MariaDB");
	struct source_options options = { .type = "mariadb-dump", .database = "sample",
		.defaults_file = mariadb_defaults("backup", "backuppass") };
	expect_backup(&source_mariadb_dump, &options);
	size_t len = out_len;
	char *first = malloc(len);
	assert_non_null(first);
	memcpy(first, out, len);
	sleep(1);
	expect_backup(&source_mariadb_dump, &options);
	assert_int_equal(out_len, len);
	assert_memory_equal(out, first, len);
	free(first);
}

static void a_whole_mariadb_server_is_dumped(void **state)
{
	(void)state;
	need("HOLDFAST_TEST_MARIADB", "MariaDB");
	struct source_options options = { .type = "mariadb-dump",
		.defaults_file = mariadb_defaults("backup", "backuppass") };
	expect_backup(&source_mariadb_dump, &options);
	assert_non_null(memmem(out, out_len, "USE `sample`", 12));
	assert_non_null(memmem(out, out_len, "USE `mysql`", 11));
}

static void a_wrong_mariadb_password_is_told_in_the_servers_words(void **state)
{
	(void)state;
	need("HOLDFAST_TEST_MARIADB", "MariaDB");
	struct source_options options = { .type = "mariadb-dump",
		.defaults_file = mariadb_defaults("backup", "wrong") };
	assert_int_equal(back_up(&source_mariadb_dump, &options, NULL), ERR_SOURCE);
	expect_said("mariadb-dump exited 2: ");
	expect_said("Access denied for user 'backup'@'localhost'");
}

static void a_missing_mariadb_database_is_no_backup(void **state)
{
	(void)state;
	need("HOLDFAST_TEST_MARIADB", "MariaDB");
	struct source_options options = { .type = "mariadb-dump", .database = "nothing",
		.defaults_file = mariadb_defaults("backup", "backuppass") };
	assert_int_equal(back_up(&source_mariadb_dump, &options, NULL), ERR_SOURCE);
	expect_said("Unknown database 'nothing'");
}

static void kill_mariadb(void)
{
	shell("STOP_SIG=KILL %s/mariadb.sh stop %s", getenv("HOLDFAST_TEST_SERVICES"),
	      getenv("HOLDFAST_TEST_MARIADB"));
}

static void a_mariadb_that_dies_in_mid_dump_is_no_backup(void **state)
{
	(void)state;
	need("HOLDFAST_TEST_MARIADB", "MariaDB");
	struct source_options options = { .type = "mariadb-dump", .database = "sample",
		.defaults_file = mariadb_defaults("backup", "backuppass") };
	assert_int_equal(back_up(&source_mariadb_dump, &options, kill_mariadb), ERR_SOURCE);
	assert_true(out_len > BLOCK);
	/* between two tables it says nothing at all, and only its status tells */
	expect_said("mariadb-dump exited ");
}

/* PostgreSQL */

/* As root through the server's own user, to try the switch; else as we are. */
static const char *postgres_user(void)
{
	return geteuid() == 0 ? "postgres" : NULL;
}

static const char *postgres_rows(char text[TEXT_MAX], const char *database)
{
	char script[2000];
	snprintf(script, sizeof script,
	         "p() { psql -qAtX -d %s -c \"$1\"; }; "
	         "for t in $(p \"SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1\"); "
	         "do p \"SELECT '$t', count(*), md5(string_agg(t::text, '' ORDER BY t::text)) FROM $t t\"; "
	         "done", database);
	return shell_text(text, script);
}

static void a_postgres_dump_loads_into_another_database(void **state)
{
	(void)state;
	need("HOLDFAST_TEST_PG", "PostgreSQL");
	need_data("chinook-postgres.sql");
	shell("psql -qX -d postgres -f %s/chinook-postgres.sql >/dev/null 2>&1",
	      getenv("HOLDFAST_TEST_DATA"));
	struct source_options options = { .type = "postgres-dump", .name = "crm", .database = "chinook",
		.user = postgres_user() };
	expect_backup(&source_postgres_dump, &options);
	assert_non_null(strstr(facts_json, "\"database\":\"chinook\",\"engine\":\"postgres\""));
	assert_non_null(strstr(facts_json, "\"program\":\"pg_dump\",\"server_version\":\"15."));
	assert_non_null(strstr(facts_json, "\"version\":\"pg_dump (PostgreSQL) "));

	char before[TEXT_MAX], after[TEXT_MAX];
	shell("psql -qX -d postgres -c 'CREATE DATABASE scratch'");
	load(&source_postgres_dump, "psql -qX -v ON_ERROR_STOP=1 -d scratch");
	postgres_rows(before, "chinook");
	assert_non_null(strstr(before, "track|3503|"));
	assert_string_equal(postgres_rows(after, "scratch"), before);
}

static void a_whole_postgres_cluster_is_dumped(void **state)
{
	(void)state;
	need("HOLDFAST_TEST_PG", "PostgreSQL");
	struct source_options options = { .type = "postgres-dump", .user = postgres_user() };
	expect_backup(&source_postgres_dump, &options);
	assert_non_null(memmem(out, out_len, "CREATE ROLE repl", 16));
	assert_non_null(memmem(out, out_len, "CREATE DATABASE bench", 21));
	assert_non_null(strstr(facts_json, "\"program\":\"pg_dumpall\",\"server_version\":\"15."));
}

static const char *postgres_passfile(const char *password)
{
	char text[100];
	snprintf(text, sizeof text, "*:*:*:postgres:%s\n", password);
	return write_secret("pgpass", text);
}

static void a_postgres_password_comes_from_the_file(void **state)
{
	(void)state;
	need("HOLDFAST_TEST_PG", "PostgreSQL");
	struct source_options options = { .type = "postgres-dump", .database = "host=127.0.0.1 dbname=bench",
		.defaults_file = postgres_passfile("testpass") };
	expect_backup(&source_postgres_dump, &options);
	options.defaults_file = postgres_passfile("wrong");
	assert_int_equal(back_up(&source_postgres_dump, &options, NULL), ERR_SOURCE);
	expect_said("pg_dump exited 1: ");
	expect_said("password authentication failed for user \"postgres\"");
	/* and none at all must not ask a terminal */
	options.defaults_file = NULL;
	assert_int_equal(back_up(&source_postgres_dump, &options, NULL), ERR_SOURCE);
	expect_said("no password supplied");
}

static void a_postgres_lock_is_not_waited_for_for_ever(void **state)
{
	(void)state;
	need("HOLDFAST_TEST_PG", "PostgreSQL");
	shell("psql -qX -d bench -c \"BEGIN; LOCK pgbench_tellers; SELECT pg_sleep(30)\" >/dev/null 2>&1 & "
	      "for i in $(seq 100); do psql -qAtX -d bench -c \"SELECT 1 FROM pg_locks WHERE mode = "
	      "'AccessExclusiveLock' AND relation = 'pgbench_tellers'::regclass\" | grep -q 1 && exit 0; "
	      "sleep 0.05; done; exit 1");
	struct source_options options = { .type = "postgres-dump", .database = "bench", .timeout_s = 2 };
	assert_int_equal(back_up(&source_postgres_dump, &options, NULL), ERR_SOURCE);
	shell("psql -qAtX -d postgres -c \"SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
	      "WHERE query LIKE '%%pg_sleep(30)%%' AND pid <> pg_backend_pid()\" >/dev/null");
	expect_said("pg_dump");
}

static void kill_postgres(void)
{
	shell("STOP_SIG=KILL %s/postgres.sh stop %s", getenv("HOLDFAST_TEST_SERVICES"),
	      getenv("HOLDFAST_TEST_PG"));
}

static void a_postgres_that_dies_in_mid_dump_is_no_backup(void **state)
{
	(void)state;
	need("HOLDFAST_TEST_PG", "PostgreSQL");
	struct source_options options = { .type = "postgres-dump", .database = "bench" };
	assert_int_equal(back_up(&source_postgres_dump, &options, kill_postgres), ERR_SOURCE);
	assert_true(out_len > BLOCK);
	expect_said("pg_dump exited 1: ");
	expect_said("pgbench_accounts");
}

static int set_up(void **state)
{
	(void)state;
	out = malloc(OUT_MAX);
	return out && scratch_make(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	free(out);
	return scratch_remove(folder);
}

int main(int argc, char **argv)
{
	/* the runner starts us again with servers; where it is not found, all is skipped */
	if (argc == 1 && !getenv("HOLDFAST_TEST_PRESETS"))
		execl("tests/services/run-presets", "run-presets", argv[0], (char *)NULL);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mariadb_dump_loads_into_another_database),
		cmocka_unit_test(an_unchanged_mariadb_dumps_the_same_bytes),
		cmocka_unit_test(a_whole_mariadb_server_is_dumped),
		cmocka_unit_test(a_wrong_mariadb_password_is_told_in_the_servers_words),
		cmocka_unit_test(a_missing_mariadb_database_is_no_backup),
		cmocka_unit_test(a_mariadb_that_dies_in_mid_dump_is_no_backup),
		cmocka_unit_test(a_postgres_dump_loads_into_another_database),
		cmocka_unit_test(a_whole_postgres_cluster_is_dumped),
		cmocka_unit_test(a_postgres_password_comes_from_the_file),
		cmocka_unit_test(a_postgres_lock_is_not_waited_for_for_ever),
		cmocka_unit_test(a_postgres_that_dies_in_mid_dump_is_no_backup),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
