/* The table of verdicts: what is done to a backup, a sandbox or a drill, and what the drill says. */
#include "drill_world.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <time.h>

#include "base/sandbox.h"

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

static const struct drill_assertion fresh[] = {
	{ .name = "fresh-orders", .sql = "SELECT count(*) FROM orders", .expect = ">= 3000" },
	{ .name = "named", .sql = "SELECT name FROM customers WHERE id = 7;", .expect = "= 'customer 7'" },
};

static void use(struct world *w, const struct drill_assertion *a, size_t n)
{
	w->store.assertions = a;
	w->store.n_assertions = n;
}

/* ---- passed ---- */

static void a_sound_backup_passes(void **state)
{
	struct world *w = *state;
	use(w, fresh, 2);
	w->store.rpo_sql = "SELECT max(at) FROM orders";
	w->options.rto_s = 600;
	w->options.rpo_s = 3600;
	w->store.check_command = "test -s crm.db";
	w->store.check_command = "/bin/sh -c 'test -s $HOLDFAST_DRILL_FOLDER/crm.db'";
	EXPECT(w, DRILL_PASSED);
	static const char *const kinds[] = { "sums", "integrity-check", "foreign-key-check", "facts",
	                                     "assertion", "rpo", "check-command" };
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		assert_string_equal(world_check(w, kinds[i], NULL), "passed");
	assert_string_equal(world_check(w, "facts", "schema_hash"), "passed");
	assert_string_equal(world_check(w, "facts", "page_count"), "passed");
	assert_string_equal(world_said(w, "assertion", "actual"), "3000");
	assert_string_equal(world_said(w, "assertion", "statement"), fresh[0].sql);
	const json_t *counts = json_object_get(w->detail, "counts");
	assert_int_equal(json_integer_value(json_object_get(counts, "rows_actual")), 2 * WORLD_ROWS);
	assert_int_equal(json_integer_value(json_object_get(counts, "tables_actual")), 2);
}

static void the_rows_of_every_table_are_counted(void **state)
{
	struct world *w = *state;
	enum { TABLES = 620 };
	char sql[100 * TABLES], *at = sql;
	for (int i = 0; i < TABLES; i++)
		at += sprintf(at, "CREATE TABLE t%d(a INT); INSERT INTO t%d VALUES(%d);", i, i, i);
	world_sql(w->db, sql);
	world_backup(w);
	EXPECT(w, DRILL_PASSED);
	const json_t *counts = json_object_get(w->detail, "counts");
	assert_int_equal(json_integer_value(json_object_get(counts, "rows_actual")), 2 * WORLD_ROWS + TABLES);
}

static void nothing_is_left_behind(void **state)
{
	struct world *w = *state;
	EXPECT(w, DRILL_PASSED);
	assert_int_equal(world_count(w->sandboxes), 0);
	const json_t *steps = json_object_get(w->report, "teardown"), *step;
	size_t i;
	assert_int_equal(json_array_size(steps), 2);
	json_array_foreach(steps, i, step)
		assert_true(json_is_true(json_object_get(step, "done")));
}

static void every_phase_is_timed(void **state)
{
	struct world *w = *state;
	static const char *const names[] = { "keys", "find", "sandbox", "fetch", "write", "start",
	                                     "replay", "checks", "teardown" };
	EXPECT(w, DRILL_PASSED);
	const json_t *phases = json_object_get(w->report, "phases");
	assert_int_equal(json_array_size(phases), sizeof names / sizeof names[0]);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		assert_string_equal(json_string_value(json_object_get(json_array_get(phases, i), "name")),
		                    names[i]);
}

static void what_holds_the_sandbox_is_reported(void **state)
{
	struct world *w = *state;
	EXPECT(w, DRILL_PASSED);
	const json_t *isolation = json_object_get(w->report, "isolation");
	assert_int_equal(json_is_true(json_object_get(isolation, "own_user")), geteuid() == 0);
	assert_true(json_is_true(json_object_get(isolation, "private_socket")));
	assert_non_null(json_object_get(isolation, "private_network"));
}

/* ---- the backup is no good ---- */

static void a_corrupted_pack_fails(void **state)
{
	struct world *w = *state;
	char pack[LAB_PATH + NAMES_MAX];
	world_pack(w, pack);
	assert_int_equal(chmod(pack, 0600), 0);
	assert_true(lab_flip(pack, 5000, 3));
	EXPECT(w, DRILL_FAILED);
	assert_string_equal(world_stopped(w), "fetch");
	const json_t *complete = json_object_get(w->report, "complete");
	assert_string_equal(json_string_value(json_object_get(complete, "tables")), "skipped");
	assert_string_equal(json_string_value(json_object_get(complete, "rows")), "skipped");
	assert_non_null(strstr(world_said(w, "fetch", "message"), "pack"));
}

static void a_missing_pack_fails(void **state)
{
	struct world *w = *state;
	char pack[LAB_PATH + NAMES_MAX];
	world_pack(w, pack);
	assert_int_equal(unlink(pack), 0);
	EXPECT(w, DRILL_FAILED);
	assert_string_equal(world_check(w, "fetch", NULL), "failed");
}

static void a_damaged_head_fails(void **state)
{
	struct world *w = *state;
	char name[NAMES_MAX], path[LAB_PATH + NAMES_MAX];
	names_snapshot(name, w->store.info.writer, w->store.info.store, 1);
	snprintf(path, sizeof path, "%s/%s", w->lab.url + 7, name);
	assert_int_equal(chmod(path, 0600), 0);
	assert_true(lab_flip(path, 100, 0));
	EXPECT(w, DRILL_FAILED);
	assert_string_equal(world_stopped(w), "find");
}

static void a_store_key_that_is_gone_fails(void **state)
{
	struct world *w = *state;
	char prefix[NAMES_MAX];
	struct err err;
	names_keys(prefix, w->store.info.writer, w->store.info.store);
	assert_int_equal(lab_remove_all(&w->lab, prefix, &err), 0);
	EXPECT(w, DRILL_FAILED);
}

static void a_wrong_assertion_fails(void **state)
{
	struct world *w = *state;
	static const struct drill_assertion wrong[] = {
		{ .name = "true", .sql = "SELECT 1", .expect = "= 1" },
		{ .name = "too-few", .sql = "SELECT count(*) FROM orders", .expect = "> 3000" },
	};
	use(w, wrong, 2);
	EXPECT(w, DRILL_FAILED);
	assert_string_equal(world_check(w, "assertion", "true"), "passed");
	assert_string_equal(world_check(w, "assertion", "too-few"), "failed");
}

static void an_assertion_about_a_table_that_is_not_there_fails(void **state)
{
	struct world *w = *state;
	static const struct drill_assertion wrong = { .name = "lost", .sql = "SELECT count(*) FROM invoices",
	                                              .expect = ">= 0" };
	use(w, &wrong, 1);
	EXPECT(w, DRILL_FAILED);
	assert_non_null(strstr(world_said(w, "assertion", "message"), "no such table"));
}

static void a_violated_foreign_key_fails(void **state)
{
	struct world *w = *state;
	world_sql(w->db, "DELETE FROM customers WHERE id = 5");
	world_backup(w);
	EXPECT(w, DRILL_FAILED);
	assert_string_equal(world_check(w, "integrity-check", NULL), "passed");
	assert_string_equal(world_check(w, "foreign-key-check", NULL), "failed");
	assert_non_null(strstr(world_said(w, "foreign-key-check", "actual"), "customers"));
	/* where nobody enforces them it may be old news */
	w->store.any_keys = true;
	EXPECT(w, DRILL_PASSED);
	assert_string_equal(world_check(w, "foreign-key-check", NULL), "none");
}

/* An index that lost an entry, as a broken disk or a bug leaves it. */
static void a_broken_index_fails(void **state)
{
	struct world *w = *state;
	world_sql(w->db, "PRAGMA writable_schema=1; UPDATE sqlite_schema SET sql = 'CREATE INDEX "
	                 "by_customer ON orders(total)' WHERE name = 'by_customer'; "
	                 "PRAGMA wal_checkpoint(TRUNCATE)");
	world_backup(w);
	EXPECT(w, DRILL_FAILED);
	assert_string_equal(world_check(w, "integrity-check", NULL), "failed");
}

static void a_file_that_is_no_database_fails(void **state)
{
	struct world *w = *state;
	w->source.source = (struct source_options){ .type = "command", .name = "crm",
	                                            .command = "head -c 100000 /dev/urandom" };
	world_backup(w);
	w->store.type = "sqlite";
	EXPECT(w, DRILL_FAILED);
	assert_string_equal(world_check(w, "opens", NULL), "failed");
}

static void a_failing_check_command_fails(void **state)
{
	struct world *w = *state;
	w->store.check_command = "echo 'error: prices are negative' >&2; exit 1";
	w->store.check_shell = true;
	EXPECT(w, DRILL_FAILED);
	assert_non_null(strstr(world_said(w, "check-command", "actual"), "prices are negative"));
}

/* ---- objectives ---- */

static void a_restore_that_takes_too_long_fails(void **state)
{
	struct world *w = *state;
	w->options.rto_s = 1;
	w->store.check_command = "sleep 2";
	EXPECT(w, DRILL_FAILED);
	assert_string_equal(world_check(w, "check-command", NULL), "passed");
}

static void data_that_is_too_old_fails(void **state)
{
	struct world *w = *state;
	w->options.rpo_s = 3600;
	w->store.rpo_sql = "SELECT strftime('%s', 'now', '-2 hours')";
	EXPECT(w, DRILL_FAILED);
	const json_t *rpo = json_object_get(w->report, "rpo");
	json_int_t value = json_integer_value(json_object_get(rpo, "value_s"));
	/* the drill began before it asked what time it is */
	assert_in_range(value, 6900, 7200);
	assert_string_equal(json_string_value(json_object_get(rpo, "basis")), "restored-data");
	w->options.rpo_s = 3 * 3600;
	EXPECT(w, DRILL_PASSED);
}

/* A run that finds nothing changed puts no snapshot; what it saw is no older than itself. */
static void the_newest_snapshot_is_measured_against_the_run_that_found_it_current(void **state)
{
	struct world *w = *state;
	struct drill_plan before, after;
	struct err err = { 0 };
	/* a file that has just been written is read once more */
	nanosleep(&(struct timespec){ 2, 200000000 }, NULL);
	world_backup(w);
	assert_int_equal(drill_plan(w->lab.reader, &w->options, &before, &err), 0);
	nanosleep(&(struct timespec){ 1, 100000000 }, NULL);
	world_backup(w);
	int64_t most = (int64_t)time(NULL) - before.time_s;
	nanosleep(&(struct timespec){ 2, 0 }, NULL);
	assert_int_equal(drill_plan(w->lab.reader, &w->options, &after, &err), 0);
	assert_int_equal(after.seq, before.seq);
	w->options.rpo_s = 3600;
	w->store.rpo_sql = NULL;
	EXPECT(w, DRILL_PASSED);
	const json_t *rpo = json_object_get(w->report, "rpo");
	assert_in_range(json_integer_value(json_object_get(rpo, "value_s")), 1, most);
}

/* Between two snapshots the age of the older does not grow. */
static void an_older_snapshot_is_measured_against_the_next(void **state)
{
	struct world *w = *state;
	world_sql(w->db, "INSERT INTO customers(name) VALUES('new')");
	nanosleep(&(struct timespec){ 1, 100000000 }, NULL);
	world_backup(w);
	nanosleep(&(struct timespec){ 2, 0 }, NULL);
	struct drill_plan first, second;
	struct err err = { 0 };
	assert_int_equal(drill_plan(w->lab.reader, &w->options, &second, &err), 0);
	w->options.select = DRILL_OLDEST;
	assert_int_equal(drill_plan(w->lab.reader, &w->options, &first, &err), 0);
	assert_int_equal(first.seq, 1);
	assert_true(second.time_s > first.time_s);
	w->options.rpo_s = 3600;
	EXPECT(w, DRILL_PASSED);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(w->report, "snapshot"), "seq")),
	                 1);
	const json_t *rpo = json_object_get(w->report, "rpo");
	assert_int_equal(json_integer_value(json_object_get(rpo, "value_s")), second.time_s - first.time_s);
	assert_non_null(strstr(json_string_value(json_object_get(w->detail, "position")), "no rpo-sql"));
	assert_string_equal(json_string_value(json_object_get(rpo, "basis")), "snapshot-time");
}

static void an_objective_that_cannot_be_measured_is_not_met(void **state)
{
	struct world *w = *state;
	w->options.rpo_s = 3600;
	w->store.rpo_sql = "SELECT 'last tuesday'";
	EXPECT(w, DRILL_UNVERIFIED);
	assert_string_equal(world_check(w, "rpo", NULL), "skipped");
}

/* Milliseconds, a date that is planned, local time that passes for UTC: it would be an RPO of 0. */
static void a_last_change_after_the_snapshot_is_not_known(void **state)
{
	struct world *w = *state;
	static const char *const late[] = { "SELECT strftime('%s', 'now') * 1000",
	                                    "SELECT datetime('now', '+1 hour')",
	                                    "SELECT '2400-01-01 00:00:00'" };
	w->options.rpo_s = 3600;
	for (size_t i = 0; i < sizeof late / sizeof late[0]; i++) {
		w->store.rpo_sql = late[i];
		EXPECT(w, DRILL_UNVERIFIED);
		assert_string_equal(world_check(w, "rpo", NULL), "skipped");
		assert_non_null(strstr(world_said(w, "rpo", "message"), "later than the snapshot"));
		assert_false(json_is_true(json_object_get(json_object_get(w->report, "rpo"), "measured")));
		assert_null(json_object_get(json_object_get(w->report, "rpo"), "basis"));
		assert_null(json_object_get(w->report, "restored_time"));
	}
	/* two clocks need not agree to the second */
	w->store.rpo_sql = "SELECT datetime('now', '+1 minute')";
	EXPECT(w, DRILL_PASSED);
}

/* ---- could not verify ---- */

static void without_the_secret_nothing_is_verified(void **state)
{
	struct world *w = *state;
	assert_int_equal(world_drill_by(w, w->lab.writer), DRILL_UNVERIFIED);
	assert_string_equal(world_stopped(w), "find");
}

static int refuse(void *arg, struct err *err)
{
	(void)arg;
	return err_set(err, ERR_KEY, "wrong passphrase");
}

static void a_wrong_passphrase_is_not_verified(void **state)
{
	struct world *w = *state;
	w->options.unlock = refuse;
	EXPECT(w, DRILL_UNVERIFIED);
	assert_string_equal(world_stopped(w), "keys");
	assert_string_equal(world_said(w, "keys", "message"), "wrong passphrase");
}

static void a_store_that_the_sandbox_may_not_hold_is_not_verified(void **state)
{
	struct world *w = *state;
	w->options.disk_bytes = 100000;
	EXPECT(w, DRILL_UNVERIFIED);
	assert_string_equal(world_stopped(w), "sandbox");
}

static void a_full_disk_is_not_verified(void **state)
{
	struct world *w = *state;
	assert_int_equal(mkdir(w->sandboxes, 0700), 0);
	if (mount("tmpfs", w->sandboxes, "tmpfs", 0, "size=200k") != 0) {
		print_message("needs root\n");
		skip();
	}
	enum drill_verdict v = world_drill(w);
	size_t left = world_count(w->sandboxes);
	umount(w->sandboxes);
	assert_int_equal(v, DRILL_UNVERIFIED);
	assert_int_equal(left, 0);
	assert_non_null(strstr(json_string_value(json_object_get(json_array_get(json_object_get(
	                w->report, "checks"), 0), "why")), "space"));
}

static void a_command_store_without_a_restore_command_is_not_verified(void **state)
{
	struct world *w = *state;
	w->source.source = (struct source_options){ .type = "command", .name = "crm",
	                                            .command = "echo a dump" };
	world_backup(w);
	EXPECT(w, DRILL_UNVERIFIED);
	assert_string_equal(world_check(w, "sums", NULL), "passed");
	assert_string_equal(world_check(w, "restore-command", NULL), "skipped");
	w->store.restore_command = "grep -q dump";
	EXPECT(w, DRILL_PASSED);
	w->store.restore_command = "grep -q something-else";
	EXPECT(w, DRILL_FAILED);
}

static void a_load_that_is_only_slow_is_not_verified(void **state)
{
	struct world *w = *state;
	/* at each moment that a load waits: to be read from, to have its input taken, to end */
	static const struct { const char *dump, *load; } slow[] = {
		{ "head -c 2000000 /dev/zero", "sleep 20" }, { "echo a dump", "sleep 20" },
		{ "echo a dump", "cat >/dev/null; sleep 20" },
	};
	w->options.timeout_s = 2;
	w->store.shell = true;
	for (size_t i = 0; i < sizeof slow / sizeof slow[0]; i++) {
		w->source.source = (struct source_options){ .type = "command", .name = "crm",
		                                            .command = slow[i].dump };
		world_backup(w);
		w->store.restore_command = slow[i].load;
		EXPECT(w, DRILL_UNVERIFIED);
		assert_string_equal(world_stopped(w), "replay");
		assert_non_null(strstr(world_said(w, "replay", "message"), "not done after 2 s"));
	}
}

static void a_question_without_end_is_not_verified(void **state)
{
	struct world *w = *state;
	static const struct drill_assertion endless = {
		.name = "endless", .expect = ">= 0",
		.sql = "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n) "
		       "SELECT count(*) FROM n",
	};
	use(w, &endless, 1);
	w->options.timeout_s = 2;
	EXPECT(w, DRILL_UNVERIFIED);
	assert_string_equal(world_check(w, "assertion", NULL), "skipped");
	assert_string_equal(world_check(w, "integrity-check", NULL), "passed");
}

static void a_statement_that_writes_is_not_run(void **state)
{
	struct world *w = *state;
	static const struct drill_assertion bad[] = {
		{ .name = "writes", .sql = "DELETE FROM orders RETURNING 1", .expect = "= 1" },
		{ .name = "attaches", .sql = "ATTACH '/tmp/x' AS x", .expect = "= 1" },
		{ .name = "two", .sql = "SELECT 1; SELECT 2", .expect = "= 1" },
		{ .name = "rows", .sql = "SELECT id FROM orders", .expect = ">= 1" },
		{ .name = "columns", .sql = "SELECT 1, 2", .expect = ">= 1" },
		{ .name = "nothing", .sql = "SELECT 1 WHERE 0", .expect = ">= 1" },
	};
	use(w, bad, sizeof bad / sizeof bad[0]);
	EXPECT(w, DRILL_UNVERIFIED);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_string_equal(world_check(w, "assertion", bad[i].name), "skipped");
}

/* Programs that are not what a drill expects in its sandbox. */
static void an_answer_that_breaks_off_is_not_verified(void **state)
{
	struct world *w = *state;
	w->options.program = "/bin/false";
	EXPECT(w, DRILL_UNVERIFIED);
	w->options.program = "/bin/true";
	EXPECT(w, DRILL_UNVERIFIED);
	w->options.program = "/bin/echo";
	EXPECT(w, DRILL_UNVERIFIED);
}

static void too_little_memory_is_not_verified(void **state)
{
	struct world *w = *state;
	w->options.memory_bytes = 3 << 20;
	EXPECT(w, DRILL_UNVERIFIED);
}

/* ---- the draw ---- */

static void the_same_facts_draw_the_same_snapshot(void **state)
{
	struct world *w = *state;
	struct drill_plan a, b;
	struct err err = { 0 };
	for (int i = 0; i < 6; i++) {
		world_sql(w->db, "INSERT INTO customers(name) VALUES('new')");
		world_backup(w);
	}
	w->options.select = DRILL_RANDOM;
	assert_int_equal(drill_plan(w->lab.writer, &w->options, &a, &err), 0);
	assert_int_equal(drill_plan(w->lab.reader, &w->options, &b, &err), 0);
	assert_int_equal(a.population, 7);
	assert_int_equal(a.seq, a.chosen + 1);
	assert_int_equal(a.seq, b.seq);
	assert_string_equal(a.seed, b.seed);
	/* other dates draw others */
	unsigned drawn = 0;
	for (int i = 0; i < 60; i++) {
		w->options.due_s += 86400;
		assert_int_equal(drill_plan(w->lab.writer, &w->options, &b, &err), 0);
		assert_in_range(b.seq, 1, 7);
		drawn |= 1u << b.seq;
	}
	assert_int_equal(drawn, 0xfe);
	/* and a new snapshot makes a new draw */
	world_sql(w->db, "INSERT INTO customers(name) VALUES('new')");
	world_backup(w);
	assert_int_equal(drill_plan(w->lab.writer, &w->options, &a, &err), 0);
	assert_string_not_equal(a.seed, b.seed);
}

static void each_way_to_select_gives_its_snapshots(void **state)
{
	struct world *w = *state;
	struct drill_plan plan;
	struct err err = { 0 };
	world_sql(w->db, "INSERT INTO customers(name) VALUES('new')");
	world_backup(w);
	w->options.select = DRILL_LATEST;
	assert_int_equal(drill_plan(w->lab.writer, &w->options, &plan, &err), 0);
	assert_int_equal(plan.seq, 2);
	assert_int_equal(plan.population, 1);
	w->options.select = DRILL_OLDEST;
	assert_int_equal(drill_plan(w->lab.writer, &w->options, &plan, &err), 0);
	assert_int_equal(plan.seq, 1);
	w->options.select = DRILL_LONGEST;
	assert_int_equal(drill_plan(w->lab.writer, &w->options, &plan, &err), 0);
	assert_int_equal(plan.seq, 2);
	w->options.select = DRILL_EPOCHS;
	w->source.rotate_s = 1;
	nanosleep(&(struct timespec){ 1, 200000000 }, NULL);
	world_sql(w->db, "INSERT INTO customers(name) VALUES('new')");
	world_backup(w);
	assert_int_equal(drill_plan(w->lab.writer, &w->options, &plan, &err), 0);
	assert_int_equal(plan.population, 2);
}

static void a_store_without_snapshots_is_no_drill(void **state)
{
	struct world *w = *state;
	struct err err = { 0 };
	w->store.info = lab_store(&w->lab, "empty");
	assert_int_equal(drill_run(w->lab.reader, &w->options, &w->result, &err), ERR_ABSENT);
}

int main(int argc, char **argv)
{
	int status;
	if (drill_world_inside(argc, argv, &status))
		return status;
#define WITH_WORLD(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_WORLD(a_sound_backup_passes),
		WITH_WORLD(the_rows_of_every_table_are_counted),
		WITH_WORLD(nothing_is_left_behind),
		WITH_WORLD(every_phase_is_timed),
		WITH_WORLD(what_holds_the_sandbox_is_reported),
		WITH_WORLD(a_corrupted_pack_fails),
		WITH_WORLD(a_missing_pack_fails),
		WITH_WORLD(a_damaged_head_fails),
		WITH_WORLD(a_store_key_that_is_gone_fails),
		WITH_WORLD(a_wrong_assertion_fails),
		WITH_WORLD(an_assertion_about_a_table_that_is_not_there_fails),
		WITH_WORLD(a_violated_foreign_key_fails),
		WITH_WORLD(a_broken_index_fails),
		WITH_WORLD(a_file_that_is_no_database_fails),
		WITH_WORLD(a_failing_check_command_fails),
		WITH_WORLD(a_restore_that_takes_too_long_fails),
		WITH_WORLD(data_that_is_too_old_fails),
		WITH_WORLD(an_older_snapshot_is_measured_against_the_next),
		WITH_WORLD(the_newest_snapshot_is_measured_against_the_run_that_found_it_current),
		WITH_WORLD(an_objective_that_cannot_be_measured_is_not_met),
		WITH_WORLD(a_last_change_after_the_snapshot_is_not_known),
		WITH_WORLD(without_the_secret_nothing_is_verified),
		WITH_WORLD(a_wrong_passphrase_is_not_verified),
		WITH_WORLD(a_store_that_the_sandbox_may_not_hold_is_not_verified),
		WITH_WORLD(a_full_disk_is_not_verified),
		WITH_WORLD(a_command_store_without_a_restore_command_is_not_verified),
		WITH_WORLD(a_load_that_is_only_slow_is_not_verified),
		WITH_WORLD(a_question_without_end_is_not_verified),
		WITH_WORLD(a_statement_that_writes_is_not_run),
		WITH_WORLD(an_answer_that_breaks_off_is_not_verified),
		WITH_WORLD(too_little_memory_is_not_verified),
		WITH_WORLD(the_same_facts_draw_the_same_snapshot),
		WITH_WORLD(each_way_to_select_gives_its_snapshots),
		WITH_WORLD(a_store_without_snapshots_is_no_drill),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
