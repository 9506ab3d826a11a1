/* Images of a database while other processes write to it and checkpoint it. */
#include "sqlite_image.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "scratch.h"

enum { SECONDS = 10, ROWS = 3000, IMAGES = 10 };

/* The driver's own connection, for a reference from within its transaction. */
static sqlite3 *newest;

static int remember(sqlite3 *db, char **why, const struct sqlite3_api_routines *api)
{
	(void)why;
	(void)api;
	newest = db;
	return SQLITE_OK;
}

static void try_sql(sqlite3 *db, const char *sql)
{
	sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static void make(const char *path, const char *mode)
{
	char sql[100];
	sqlite3 *db = must_open(path);
	must_sql(db, "PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL");
	snprintf(sql, sizeof sql, "PRAGMA journal_mode=%s", mode);
	must_sql(db, sql);
	must_sql(db, "CREATE TABLE t(id INTEGER PRIMARY KEY, n INT, x BLOB);"
	             "CREATE INDEX tn ON t(n);"
	             "CREATE TABLE log(id INTEGER PRIMARY KEY, x BLOB);"
	             "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<3000)"
	             "INSERT INTO t SELECT i, 0, randomblob(1200) FROM c");
	sqlite3_close(db);
}

/* Every transaction counts one on in three places; some let the database grow, some shrink. */
static void write_for_ever(const char *path, unsigned seed)
{
	sqlite3 *db = must_open(path);
	try_sql(db, "PRAGMA synchronous=OFF; PRAGMA wal_autocheckpoint=0");
	for (;;) {
		char sql[900];
		int from = 2 + rand_r(&seed) % (ROWS - 100), many = rand_r(&seed) % 60;
		const char *size = rand_r(&seed) % 8 == 0 ?
			"DELETE FROM t WHERE id > 3000; PRAGMA incremental_vacuum;" :
			"INSERT INTO t(n, x) VALUES(7, randomblob(9000));";
		snprintf(sql, sizeof sql,
		         "BEGIN IMMEDIATE; UPDATE t SET n = n + 1 WHERE id IN (1, %d);"
		         "UPDATE t SET x = randomblob(1200) WHERE id BETWEEN %d AND %d;"
		         "%s INSERT INTO log SELECT n, randomblob(40) FROM t WHERE id = 1; COMMIT",
		         ROWS, from, from + many, size);
		if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
			try_sql(db, "ROLLBACK");
		if (rand_r(&seed) % 4 == 0)
			usleep((unsigned)rand_r(&seed) % 8000);
	}
}

static void checkpoint_for_ever(const char *path, unsigned seed)
{
	static const char *const ways[] = { "PASSIVE", "TRUNCATE", "RESTART", "PASSIVE", "FULL" };
	sqlite3 *db = must_open(path);
	sqlite3_busy_timeout(db, 20);
	for (;;) {
		char sql[64];
		snprintf(sql, sizeof sql, "PRAGMA wal_checkpoint(%s)", ways[rand_r(&seed) % 5]);
		try_sql(db, sql);
		usleep((unsigned)rand_r(&seed) % 4000);
	}
}

static pid_t start(void (*work)(const char *, unsigned), const char *path, unsigned seed)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		work(path, seed);
		_exit(0);
	}
	return pid;
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

struct tally {
	unsigned images, overlaid;
	long last;
};

static void check_content(struct taken *t, struct tally *tally)
{
	char count[64];
	sqlite3 *db = open_image(t);
	assert_value(db, "PRAGMA integrity_check(1)", "ok");
	assert_value(db, "SELECT (SELECT n FROM t WHERE id = 1) = "
	                 "(SELECT n FROM t WHERE id = 3000)", "1");
	assert_value(db, "SELECT count(*) = coalesce(max(id), 0) AND count(*) = "
	                 "(SELECT n FROM t WHERE id = 1) FROM log", "1");
	long now = atol(value(db, "SELECT n FROM t WHERE id = 1", count, sizeof count));
	assert_true(now >= tally->last);
	tally->last = now;
	sqlite3_close(db);
}

static void one_image(const char *path, struct tally *tally, unsigned pause_us)
{
	struct err err;
	struct taken t;
	size_t len;
	struct source *s = must_begin(path, &err);
	if (tally->images % 2)
		usleep(pause_us);
	must_take(s, &t);
	uint8_t *wanted = reference(newest, &len);
	assert_int_equal(t.len, len);
	assert_int_equal(pages_unlike(&t, wanted), 0);

	/* the same again, later, in pieces that fit no page */
	uint8_t again[9216];
	for (uint64_t at = 512; at + sizeof again <= t.len; at += 512 * 1021) {
		assert_int_equal(s->ops->reread(s, at, again, sizeof again, &err), 0);
		assert_memory_equal(again, t.bytes + at, sizeof again);
	}
	struct source_facts facts;
	char stamp[SOURCE_STAMP_MAX];
	if (s->ops->end(s, &facts, stamp, &err) != 0)
		fail_msg("%s", err.msg);
	tally->images++;
	tally->overlaid += !strstr(facts.json, "\"log_frames\":0,");
	source_free(s);
	check_content(&t, tally);
	sqlite3_free(wanted);
	free(t.bytes);
}

static struct tally images_for(const char *path, int seconds, unsigned pause_us)
{
	struct tally tally = { 0 };
	time_t end = time(NULL) + seconds, patience = end + 9 * (time_t)seconds;
	/* a busy machine needs longer for as many */
	while (time(NULL) < end || (tally.images <= IMAGES && time(NULL) < patience))
		one_image(path, &tally, pause_us);
	return tally;
}

static void every_image_of_a_busy_log_is_one_commit(void **state)
{
	(void)state;
	char dir[SCRATCH_MAX], path[SCRATCH_MAX + 8];
	assert_true(scratch_make(dir));
	snprintf(path, sizeof path, "%s/a.db", dir);
	make(path, "WAL");
	pid_t writers[] = { start(write_for_ever, path, 1), start(write_for_ever, path, 2) };
	pid_t checkpointers[] = { start(checkpoint_for_ever, path, 3),
	                          start(checkpoint_for_ever, path, 4) };
	struct tally tally = images_for(path, SECONDS, 4000);
	for (int i = 0; i < 2; i++) {
		stop(writers[i]);
		stop(checkpointers[i]);
	}
	print_message("%u images, %u with frames of the log, %ld commits\n", tally.images,
	              tally.overlaid, tally.last);
	assert_true(tally.images > IMAGES);
	assert_true(tally.overlaid > 0);
	assert_true(tally.last > 10);
	scratch_remove(dir);
}

/* A log that checkpoints have emptied may start again under the image, which must not notice. */
static void the_log_may_start_again_under_an_image_of_the_file_alone(void **state)
{
	(void)state;
	char dir[SCRATCH_MAX], path[SCRATCH_MAX + 8], sql[100];
	assert_true(scratch_make(dir));
	snprintf(path, sizeof path, "%s/a.db", dir);
	make(path, "WAL");
	sqlite3 *db = must_open(path);
	for (int i = 0; i < 20; i++) {
		must_sql(db, "UPDATE t SET n = n + 1, x = randomblob(1200) WHERE id % 3 = 0");
		must_sql(db, "PRAGMA wal_checkpoint(PASSIVE)");
		struct err err;
		struct taken t;
		size_t len;
		struct source *s = must_begin(path, &err);
		sqlite3 *ours = newest;
		snprintf(sql, sizeof sql, "UPDATE t SET x = randomblob(1200) WHERE id > %d",
		         i * 100);
		must_sql(db, sql);
		must_take(s, &t);
		uint8_t *wanted = reference(ours, &len);
		assert_int_equal(t.len, len);
		assert_int_equal(pages_unlike(&t, wanted), 0);
		struct source_facts facts;
		char stamp[SOURCE_STAMP_MAX];
		assert_int_equal(s->ops->end(s, &facts, stamp, &err), 0);
		assert_non_null(strstr(facts.json, "\"log_frames\":0,"));
		source_free(s);
		sqlite3_free(wanted);
		free(t.bytes);
	}
	sqlite3_close(db);
	scratch_remove(dir);
}

static void every_image_in_rollback_mode_is_one_commit(void **state)
{
	(void)state;
	char dir[SCRATCH_MAX], path[SCRATCH_MAX + 8];
	assert_true(scratch_make(dir));
	snprintf(path, sizeof path, "%s/a.db", dir);
	make(path, "DELETE");
	pid_t writer = start(write_for_ever, path, 1);
	struct tally tally = { 0 };
	/* a busy machine needs longer */
	for (int seconds = 2; seconds <= 32 && (tally.images <= 2 || tally.last <= 2); seconds *= 2)
		tally = images_for(path, seconds, 1000);
	stop(writer);
	print_message("%u images, %ld commits\n", tally.images, tally.last);
	assert_true(tally.images > 2);
	assert_true(tally.last > 2);
	scratch_remove(dir);
}

int main(void)
{
	sqlite3_auto_extension((void (*)(void))remember);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_image_of_a_busy_log_is_one_commit),
		cmocka_unit_test(the_log_may_start_again_under_an_image_of_the_file_alone),
		cmocka_unit_test(every_image_in_rollback_mode_is_one_commit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
