/* The SQLite driver against databases at rest, in trouble, in other hands; settling; dumps. */
#include "sqlite_image.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/io.h"
#include "base/json.h"
#include "crypto/hash.h"
#include "scratch.h"
#include "source/sqlite_dump.h"

enum { NOBODY = 65534, PATH_ROOM = SCRATCH_MAX + 100 };

struct place {
	char dir[SCRATCH_MAX];
	char path[PATH_ROOM];
	struct err err;
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	if (!p || !scratch_make(p->dir))
		return -1;
	chmod(p->dir, 0777);
	snprintf(p->path, sizeof p->path, "%s/crm.db", p->dir);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	scratch_remove(p->dir);
	free(p);
	return 0;
}

static const char *beside(const struct place *p, const char *name)
{
	static char paths[4][PATH_ROOM];
	static unsigned next;
	char *path = paths[next++ % 4];
	snprintf(path, PATH_ROOM, "%s/%s", p->dir, name);
	return path;
}

static void fill(const char *path, const char *pragmas)
{
	sqlite3 *db = must_open(path);
	must_sql(db, pragmas);
	must_sql(db, "CREATE TABLE t(id INTEGER PRIMARY KEY, x BLOB); CREATE TABLE u(a TEXT);"
	             "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<400)"
	             "INSERT INTO t SELECT i, randomblob(700) FROM c; PRAGMA user_version=7");
	sqlite3_close(db);
}

static struct buf *slurp(const char *path)
{
	struct err err;
	struct buf *b = buf_new(64 << 20, &err);
	assert_non_null(b);
	if (io_read_file(path, b, &err) != 0)
		fail_msg("%s", err.msg);
	return b;
}

static void write_text(const char *path, const char *text)
{
	struct err err;
	assert_int_equal(io_write_file(path, text, strlen(text), 0644, &err), 0);
}

static bool there(const char *path)
{
	return access(path, F_OK) == 0;
}

/* Runs work in a process of its own; its exit status. */
static int elsewhere(int (*work)(const char *), const char *path)
{
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(work(path));
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

/* A process that has done its work and sits on the result. */
static pid_t sitting(int (*work)(const char *), const char *path)
{
	int ready[2];
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		char ok = (char)work(path);
		if (write(ready[1], &ok, 1) == 1)
			pause();
		_exit(0);
	}
	char failed = 1;
	assert_int_equal(read(ready[0], &failed, 1), 1);
	assert_int_equal(failed, 0);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void end_sitting(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* An open transaction, or whatever; 0 if SQLite did it. */
static int quietly(const char *path, const char *sql)
{
	sqlite3 *db;
	if (sqlite3_open(path, &db) != SQLITE_OK)
		return 2;
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 :
	       sqlite3_errcode(db) == SQLITE_BUSY ? 5 : 1;
}

static int open_error(const char *path, struct err *err)
{
	const struct source_options options = {
		.type = "sqlite", .name = "crm", .path = path, .timeout_s = 1,
	};
	memset(err, 0, sizeof *err);
	struct source *s = source_open(&options, err);
	if (s)
		s->ops->begin(s, err);
	source_free(s);
	return err->code;
}

static int end_image(struct source *s, char stamp[SOURCE_STAMP_MAX], struct err *err)
{
	struct source_facts facts;
	int rc = s->ops->end(s, &facts, stamp, err);
	source_free(s);
	return rc;
}

static void assert_image_is_file(struct place *p, const char *path)
{
	struct taken t;
	char stamp[SOURCE_STAMP_MAX];
	struct source *s = must_begin(path, &p->err);
	must_take(s, &t);
	assert_string_equal(t.entry.path, strrchr(path, '/') + 1);
	assert_int_equal(end_image(s, stamp, &p->err), 0);
	struct buf *file = slurp(path);
	assert_int_equal(file->len, t.len);
	assert_memory_equal(file->bytes, t.bytes, t.len);
	buf_free(file);
	free(t.bytes);
}

/* ---- images ---- */

static void a_database_at_rest_is_delivered_byte_for_byte(void **state)
{
	struct place *p = *state;
	static const char *const kinds[] = {
		"PRAGMA page_size=512", "PRAGMA page_size=4096", "PRAGMA page_size=65536",
		"PRAGMA page_size=512; PRAGMA journal_mode=WAL",
		"PRAGMA page_size=4096; PRAGMA journal_mode=WAL",
		"PRAGMA page_size=65536; PRAGMA journal_mode=WAL",
		"PRAGMA journal_mode=PERSIST", "PRAGMA encoding='UTF-16le'",
	};
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		char name[32];
		snprintf(name, sizeof name, "rest%zu.db", i);
		fill(beside(p, name), kinds[i]);
		assert_image_is_file(p, beside(p, name));
	}
}

static void any_name_will_do(void **state)
{
	struct place *p = *state;
	static const char *const names[] = {
		"two words.db", "new\nline.db", "Kundschaft-\xc3\xa4\xe5\xae\xa2.db", "50%?#&.db",
		"file:x?mode=memory&cache=shared", "-wal", "o'neill\".db", "\xff\xfe.db",
	};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		fill(p->path, "PRAGMA journal_mode=WAL");
		assert_int_equal(rename(p->path, beside(p, names[i])), 0);
		assert_image_is_file(p, beside(p, names[i]));
	}
}

static void frames_of_the_log_lie_over_the_file(void **state)
{
	struct place *p = *state;
	static const char *const changes[] = {
		"UPDATE t SET x = randomblob(700) WHERE id % 7 = 0",
		/* longer than the file, then shorter */
		"INSERT INTO t(x) SELECT randomblob(900) FROM t",
		"PRAGMA wal_checkpoint(TRUNCATE); DELETE FROM t WHERE id > 100; VACUUM",
	};
	fill(p->path, "PRAGMA journal_mode=WAL");
	sqlite3 *db = must_open(p->path);
	must_sql(db, "PRAGMA wal_autocheckpoint=0");
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		must_sql(db, changes[i]);
		struct taken t;
		size_t len;
		struct source *s = must_begin(p->path, &p->err);
		must_take(s, &t);
		uint8_t *wanted = reference(db, &len);
		assert_int_equal(t.len, len);
		assert_int_equal(pages_unlike(&t, wanted), 0);
		for (uint64_t at = 0; at + 1536 <= t.len; at += 512 * 7) {
			uint8_t again[1536];
			assert_int_equal(s->ops->reread(s, at, again, sizeof again, &p->err), 0);
			assert_memory_equal(again, t.bytes + at, sizeof again);
		}
		char stamp[SOURCE_STAMP_MAX];
		assert_int_equal(end_image(s, stamp, &p->err), 0);
		sqlite3_free(wanted);
		free(t.bytes);
	}
	sqlite3_close(db);
}

static void bytes_beyond_the_image_are_refused(void **state)
{
	struct place *p = *state;
	uint8_t bytes[1024];
	fill(p->path, "PRAGMA page_size=512");
	struct source *s = must_begin(p->path, &p->err);
	struct source_entry e;
	assert_int_equal(s->ops->next(s, &e, &p->err), 1);
	assert_int_equal(s->ops->reread(s, e.length_bytes - 512, bytes, 512, &p->err), 0);
	assert_int_equal(s->ops->reread(s, e.length_bytes - 512, bytes, 1024, &p->err),
	                 ERR_INVALID);
	assert_int_equal(s->ops->reread(s, UINT64_MAX - 8, bytes, 512, &p->err), ERR_INVALID);
	source_free(s);
}

static void facts_describe_the_image(void **state)
{
	struct place *p = *state;
	fill(p->path, "PRAGMA page_size=1024; PRAGMA application_id=42");
	struct source *s = must_begin(p->path, &p->err);
	struct taken t;
	must_take(s, &t);
	struct source_facts facts;
	char stamp[SOURCE_STAMP_MAX], hex[2 * HASH_BYTES + 1];
	assert_int_equal(s->ops->end(s, &facts, stamp, &p->err), 0);
	json_t *j = json_decode_canonical(facts.json, strlen(facts.json), "facts", &p->err);
	assert_non_null(j);
	assert_int_equal(json_integer_value(json_object_get(j, "application_id")), 42);
	assert_int_equal(json_integer_value(json_object_get(j, "user_version")), 7);
	assert_int_equal(json_integer_value(json_object_get(j, "page_count")), t.len / 1024);
	assert_int_equal(json_integer_value(json_object_get(j, "table_count")), 2);
	const json_t *tables = json_object_get(j, "tables");
	assert_string_equal(json_string_value(json_array_get(tables, 1)), "u");

	static const char schema[] =
		"CREATE TABLE t(id INTEGER PRIMARY KEY, x BLOB)\nCREATE TABLE u(a TEXT)\n";
	uint8_t digest[HASH_BYTES];
	hash_plain(digest, schema, strlen(schema));
	assert_string_equal(json_string_value(json_object_get(j, "schema_hash")),
	                    hex_encode(hex, digest, sizeof digest));
	json_decref(j);
	source_free(s);
	free(t.bytes);
}

/* ---- trouble ---- */

static int sit_exclusive(const char *path)
{
	return quietly(path, "BEGIN EXCLUSIVE");
}

static void a_locked_database_is_busy_after_the_deadline(void **state)
{
	struct place *p = *state;
	fill(p->path, "");
	pid_t pid = sitting(sit_exclusive, p->path);
	assert_int_equal(open_error(p->path, &p->err), ERR_BUSY);
	assert_non_null(strstr(p->err.msg, "locked for 1 s by its application"));
	end_sitting(pid);
	assert_int_equal(open_error(p->path, &p->err), 0);
}

static int spill(const char *path)
{
	return quietly(path, "PRAGMA cache_size=1; PRAGMA journal_mode=PERSIST; BEGIN;"
	                     "UPDATE t SET x = randomblob(800)");
}

static int roll_back(const char *path)
{
	return quietly(path, "SELECT * FROM t");
}

static void a_hot_journal_is_refused(void **state)
{
	struct place *p = *state;
	fill(p->path, "");
	end_sitting(sitting(spill, p->path));
	struct buf *before = slurp(p->path);
	assert_int_equal(open_error(p->path, &p->err), ERR_SOURCE);
	assert_non_null(strstr(p->err.msg, "hot -journal"));
	assert_non_null(strstr(p->err.hint, "its application"));
	struct buf *after = slurp(p->path);
	assert_int_equal(before->len, after->len);
	assert_memory_equal(before->bytes, after->bytes, after->len);
	assert_int_equal(elsewhere(roll_back, p->path), 0);
	assert_int_equal(open_error(p->path, &p->err), 0);
	buf_free(before);
	buf_free(after);
}

static void what_is_no_database_is_refused_in_plain_words(void **state)
{
	struct place *p = *state;
	char random[5000];
	for (size_t i = 0; i < sizeof random; i++)
		random[i] = (char)(1 + i * 7919 % 251);
	random[sizeof random - 1] = '\0';
	write_text(p->path, random);
	assert_int_equal(open_error(p->path, &p->err), ERR_SOURCE);
	assert_non_null(strstr(p->err.msg, "not a database, or an encrypted one"));
	write_text(p->path, "");
	assert_int_equal(open_error(p->path, &p->err), ERR_SOURCE);
	assert_non_null(strstr(p->err.msg, "empty"));
	write_text(p->path, "SQLite");
	assert_int_equal(open_error(p->path, &p->err), ERR_SOURCE);
	assert_int_equal(open_error(p->dir, &p->err), ERR_SOURCE);
	assert_int_equal(open_error(beside(p, "none.db"), &p->err), ERR_ABSENT);
	assert_false(there(beside(p, "none.db")));
	assert_int_equal(mkfifo(beside(p, "pipe"), 0600), 0);
	assert_int_equal(open_error(beside(p, "pipe"), &p->err), ERR_SOURCE);
	assert_int_equal(open_error("", &p->err), ERR_INVALID);
}

static void a_file_cut_short_is_refused_in_wal_mode(void **state)
{
	struct place *p = *state;
	fill(p->path, "PRAGMA journal_mode=WAL");
	sqlite3 *db = must_open(p->path);
	must_sql(db, "INSERT INTO t(x) SELECT randomblob(900) FROM t;"
	             "PRAGMA wal_checkpoint(PASSIVE)");
	struct stat st;
	assert_int_equal(stat(p->path, &st), 0);
	assert_int_equal(truncate(p->path, st.st_size - 8192), 0);
	assert_int_equal(open_error(p->path, &p->err), ERR_SOURCE);
	sqlite3_close(db);
}

static void a_damaged_frame_of_the_log_is_refused(void **state)
{
	struct place *p = *state;
	fill(p->path, "PRAGMA journal_mode=WAL");
	sqlite3 *db = must_open(p->path);
	must_sql(db, "PRAGMA wal_autocheckpoint=0; UPDATE t SET x = randomblob(700)");
	char log[PATH_ROOM + 8];
	snprintf(log, sizeof log, "%s-wal", p->path);
	int fd = open(log, O_WRONLY);
	assert_int_equal(pwrite(fd, "x", 1, 32 + 3 * 4120 + 2000), 1);
	close(fd);
	assert_int_equal(open_error(p->path, &p->err), ERR_SOURCE);
	assert_non_null(strstr(p->err.msg, "frame 4"));
	sqlite3_close(db);
}

static int touch_with(const char *path, const char *by)
{
	usleep(20000);   /* more than a tick of the file system's clock */
	int fd = open(path, O_WRONLY);
	return pwrite(fd, by, 1, 9000) == 1 ? 0 : 1;
}

static int write_past_the_locks(const char *path)
{
	return touch_with(path, "!");
}

static void a_write_in_spite_of_the_locks_fails_the_image(void **state)
{
	struct place *p = *state;
	static const char *const modes[] = {
		"PRAGMA journal_mode=DELETE", "PRAGMA journal_mode=WAL",
	};
	for (int i = 0; i < 2; i++) {
		struct taken t;
		char stamp[SOURCE_STAMP_MAX];
		unlink(p->path);
		fill(p->path, modes[i]);
		struct source *s = must_begin(p->path, &p->err);
		assert_int_equal(elsewhere(write_past_the_locks, p->path), 0);
		must_take(s, &t);
		assert_int_equal(end_image(s, stamp, &p->err), ERR_SOURCE);
		free(t.bytes);
	}
}

static void a_database_replaced_during_the_backup_fails_the_image(void **state)
{
	struct place *p = *state;
	struct taken t;
	char stamp[SOURCE_STAMP_MAX];
	fill(p->path, "");
	fill(beside(p, "other.db"), "");
	struct source *s = must_begin(p->path, &p->err);
	must_take(s, &t);
	assert_int_equal(rename(beside(p, "other.db"), p->path), 0);
	assert_int_equal(end_image(s, stamp, &p->err), ERR_SOURCE);
	assert_non_null(strstr(p->err.msg, "replaced"));
	free(t.bytes);
}

/* ---- other hands ---- */

static int as_nobody(const char *path)
{
	struct err err;
	if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
		return 255;
	return -open_error(path, &err);
}

static void without_the_right_to_read_it_is_denied(void **state)
{
	struct place *p = *state;
	if (geteuid() != 0)
		skip();
	fill(p->path, "");
	chmod(p->path, 0600);
	assert_int_equal(elsewhere(as_nobody, p->path), -ERR_DENIED);
	chmod(p->path, 0644);
	assert_int_equal(elsewhere(as_nobody, p->path), 0);
}

static void no_log_is_made_that_the_application_could_not_write(void **state)
{
	struct place *p = *state;
	if (geteuid() != 0)
		skip();
	fill(p->path, "PRAGMA journal_mode=WAL");
	assert_false(there(beside(p, "crm.db-wal")));
	assert_int_equal(elsewhere(as_nobody, p->path), -ERR_DENIED);
	assert_false(there(beside(p, "crm.db-wal")));
	assert_false(there(beside(p, "crm.db-shm")));
	/* while its application has it open, all is there */
	sqlite3 *db = must_open(p->path);
	must_sql(db, "INSERT INTO u VALUES('x')");
	chmod(beside(p, "crm.db-shm"), 0644);
	assert_int_equal(elsewhere(as_nobody, p->path), 0);
	sqlite3_close(db);
}

static void a_log_that_root_makes_belongs_to_the_databases_owner(void **state)
{
	struct place *p = *state;
	if (geteuid() != 0)
		skip();
	fill(p->path, "PRAGMA journal_mode=WAL");
	assert_int_equal(chown(p->path, NOBODY, NOBODY), 0);
	chmod(p->path, 0640);
	assert_image_is_file(p, p->path);
	static const char *const parts[] = { "crm.db-wal", "crm.db-shm" };
	for (int i = 0; i < 2; i++) {
		struct stat st;
		assert_int_equal(stat(beside(p, parts[i]), &st), 0);
		assert_int_equal(st.st_uid, NOBODY);
		assert_int_equal(st.st_gid, NOBODY);
		assert_int_equal(st.st_mode & 0777, 0640);
	}
}

static int commit(const char *path)
{
	return quietly(path, "UPDATE t SET x = randomblob(700) WHERE id = 5");
}

static int empty_the_log(const char *path)
{
	sqlite3 *db;
	sqlite3_stmt *q;
	if (sqlite3_open(path, &db) != SQLITE_OK ||
	    sqlite3_prepare_v2(db, "PRAGMA wal_checkpoint(TRUNCATE)", -1, &q, NULL) != SQLITE_OK ||
	    sqlite3_step(q) != SQLITE_ROW)
		return 2;
	return sqlite3_column_int(q, 0);
}

static void an_image_keeps_the_log_and_no_writer_waits(void **state)
{
	struct place *p = *state;
	struct taken t;
	char stamp[SOURCE_STAMP_MAX];
	fill(p->path, "PRAGMA journal_mode=WAL");
	sqlite3 *db = must_open(p->path);
	must_sql(db, "PRAGMA wal_autocheckpoint=0; UPDATE t SET x = randomblob(700)");
	struct source *s = must_begin(p->path, &p->err);
	assert_int_equal(elsewhere(commit, p->path), 0);
	assert_int_equal(elsewhere(empty_the_log, p->path), 1);
	must_take(s, &t);
	assert_int_equal(elsewhere(empty_the_log, p->path), 1);
	assert_int_equal(end_image(s, stamp, &p->err), 0);
	assert_int_equal(elsewhere(empty_the_log, p->path), 0);
	sqlite3_close(db);
	free(t.bytes);
}

static void in_rollback_mode_writers_wait_only_for_the_image(void **state)
{
	struct place *p = *state;
	struct taken t;
	char stamp[SOURCE_STAMP_MAX];
	fill(p->path, "");
	struct source *s = must_begin(p->path, &p->err);
	assert_int_equal(elsewhere(commit, p->path), 5);
	must_take(s, &t);
	assert_int_equal(s->ops->end(s, &(struct source_facts){ 0 }, stamp, &p->err), 0);
	assert_int_equal(elsewhere(commit, p->path), 0);   /* although the handle lives on */
	source_free(s);
	free(t.bytes);
}

/* ---- stamps ---- */

static void stamp_now(const char *path, char stamp[SOURCE_STAMP_MAX])
{
	struct err err;
	const struct source_options options = { .type = "sqlite", .path = path };
	struct source *s = source_open(&options, &err);
	assert_non_null(s);
	assert_int_equal(s->ops->stamp(s, stamp, &err), 0);
	source_free(s);
}

static void image_stamp(struct place *p, char stamp[SOURCE_STAMP_MAX])
{
	struct taken t;
	struct source *s = must_begin(p->path, &p->err);
	must_take(s, &t);
	assert_int_equal(end_image(s, stamp, &p->err), 0);
	free(t.bytes);
}

static void a_stamp_is_given_only_to_what_surely_rests(void **state)
{
	struct place *p = *state;
	char fresh[SOURCE_STAMP_MAX], first[SOURCE_STAMP_MAX], later[SOURCE_STAMP_MAX];
	fill(p->path, "PRAGMA journal_mode=WAL");
	stamp_now(p->path, fresh);
	assert_string_equal(fresh, "");
	usleep(2200000);
	image_stamp(p, first);   /* makes -wal and -shm */
	assert_true(there(beside(p, "crm.db-wal")));
	assert_true(strlen(first) > 20);
	stamp_now(p->path, later);
	assert_string_equal(first, later);
	image_stamp(p, later);
	assert_string_equal(first, later);
}

static void a_commit_into_an_equally_long_log_changes_the_stamp(void **state)
{
	struct place *p = *state;
	char first[SOURCE_STAMP_MAX], later[SOURCE_STAMP_MAX];
	struct stat before, after;
	fill(p->path, "PRAGMA journal_mode=WAL");
	sqlite3 *db = must_open(p->path);
	must_sql(db, "UPDATE t SET x = randomblob(700); PRAGMA wal_checkpoint(PASSIVE);"
	             "UPDATE t SET x = randomblob(700) WHERE id = 1");
	usleep(2200000);
	image_stamp(p, first);
	assert_true(strlen(first) > 20);
	assert_int_equal(stat(beside(p, "crm.db-wal"), &before), 0);
	must_sql(db, "UPDATE t SET x = randomblob(700) WHERE id = 1");
	assert_int_equal(stat(beside(p, "crm.db-wal"), &after), 0);
	assert_int_equal(before.st_size, after.st_size);
	stamp_now(p->path, later);
	assert_string_equal(later, "");
	usleep(2200000);
	stamp_now(p->path, later);
	assert_true(strlen(later) > 20);
	assert_string_not_equal(first, later);
	sqlite3_close(db);
}

static void an_image_that_was_written_behind_has_no_stamp(void **state)
{
	struct place *p = *state;
	struct taken t;
	char stamp[SOURCE_STAMP_MAX];
	fill(p->path, "PRAGMA journal_mode=WAL");
	sqlite3 *db = must_open(p->path);
	must_sql(db, "UPDATE t SET x = randomblob(700)");
	usleep(2200000);
	struct source *s = must_begin(p->path, &p->err);
	must_take(s, &t);
	must_sql(db, "UPDATE t SET x = randomblob(700)");
	assert_int_equal(end_image(s, stamp, &p->err), 0);
	assert_string_equal(stamp, "");
	sqlite3_close(db);
	free(t.bytes);
}

/* ---- settling ---- */

static const struct source_entry recorded = {
	.path = "crm.db", .mode = S_IFREG | 0640, .uid = NOBODY, .gid = NOBODY,
	.mtime_ns = 1500000000123456789,
};

static int settle(struct place *p, bool overwrite)
{
	char temporary[PATH_ROOM];
	snprintf(temporary, sizeof temporary, "%s", beside(p, "crm.tmp"));
	if (!there(temporary))
		fill(temporary, "PRAGMA application_id=1");
	struct settle_request r = {
		.temporary = temporary,
		.target = p->path,
		.entry = &recorded,
		.overwrite = overwrite,
	};
	return source_driver("sqlite")->settle(&r, &p->err);
}

static void a_settled_database_has_its_owner_mode_and_time(void **state)
{
	struct place *p = *state;
	struct stat st;
	assert_int_equal(settle(p, false), 0);
	assert_int_equal(stat(p->path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	assert_int_equal(st.st_mtim.tv_sec, 1500000000);
	assert_int_equal(st.st_mtim.tv_nsec, 123456789);
	if (geteuid() == 0)
		assert_int_equal(st.st_uid, NOBODY);
	assert_false(there(beside(p, "crm.tmp")));
}

static void nothing_is_overwritten_unasked(void **state)
{
	struct place *p = *state;
	static const char *const names[] = {
		"crm.db", "crm.db-wal", "crm.db-shm", "crm.db-journal",
	};
	for (int i = 0; i < 4; i++) {
		write_text(beside(p, names[i]), "mine");
		assert_int_equal(settle(p, false), ERR_EXISTS);
		assert_non_null(strstr(p->err.msg, names[i]));
		assert_true(there(beside(p, "crm.tmp")));
		assert_int_equal(unlink(beside(p, names[i])), 0);
	}
	assert_int_equal(settle(p, false), 0);
}

static int leave_a_log(const char *path)
{
	sqlite3 *db;
	return sqlite3_open(path, &db) == SQLITE_OK &&
	       sqlite3_exec(db, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;"
	                        "INSERT INTO u VALUES('only in the log')", NULL, NULL, NULL) ==
	               SQLITE_OK ? 0 : 1;   /* no close: the log stays */
}

static void what_was_there_is_kept_and_still_opens_with_its_log(void **state)
{
	struct place *p = *state;
	for (int i = 0; i < 2; i++) {
		if (i == 0)
			fill(p->path, "");
		assert_int_equal(elsewhere(leave_a_log, p->path), 0);
		assert_true(there(beside(p, "crm.db-wal")));
		assert_int_equal(settle(p, true), 0);
		assert_false(there(beside(p, "crm.db-wal")));
		assert_false(there(beside(p, "crm.db-shm")));
		sqlite3 *now = must_open(p->path), *kept = must_open(
			beside(p, i ? "crm.db.before-restore.1" : "crm.db.before-restore"));
		assert_value(now, "PRAGMA application_id", "1");
		assert_value(now, "SELECT count(*) FROM u", "0");
		assert_value(kept, "SELECT a FROM u", "only in the log");
		sqlite3_close(now);
		sqlite3_close(kept);
	}
}

static int sit_open(const char *path)
{
	return quietly(path, "BEGIN; SELECT * FROM t");
}

static void a_database_in_use_is_not_replaced(void **state)
{
	struct place *p = *state;
	fill(p->path, "");
	pid_t pid = sitting(sit_open, p->path);
	assert_int_equal(settle(p, true), ERR_BUSY);
	assert_non_null(strstr(p->err.msg, "in use by process"));
	end_sitting(pid);
	assert_int_equal(settle(p, true), 0);
}

static void page_files_have_no_sink(void **state)
{
	struct place *p = *state;
	const struct source_options options = { .type = "sqlite" };
	assert_null(source_driver("sqlite")->restore(&options, p->dir, false, &p->err));
	assert_int_equal(p->err.code, ERR_INVALID);
}

/* ---- dumps ---- */

static void dump_to(struct place *p, const char *table, const char *file, int wanted)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	int rc = sqlite_dump_table(p->path, table, fd, &p->err);
	if (rc != wanted)
		fail_msg("%d: %s", rc, p->err.msg);
	close(fd);
}

/* What the sqlite3 shell makes of the dump. */
static sqlite3 *load_dump(struct place *p, const char *sql_file)
{
	char command[3 * PATH_ROOM];
	snprintf(command, sizeof command, "sqlite3 -bail '%s' < '%s'", beside(p, "read.db"),
	         sql_file);
	assert_int_equal(system(command), 0);
	return must_open(beside(p, "read.db"));
}

static const char odd[] =
	"CREATE TABLE \"order \"\"x\"\"\"(id INTEGER PRIMARY KEY AUTOINCREMENT, \"from\" ANY, "
	"  twice AS (id * 2), b BLOB);"
	"CREATE INDEX \"odd one\" ON \"order \"\"x\"\"\"(\"from\");"
	"CREATE TRIGGER tr AFTER INSERT ON \"order \"\"x\"\"\" BEGIN SELECT 'a;b'; END;"
	"INSERT INTO \"order \"\"x\"\"\"(\"from\", b) VALUES"
	"  (NULL, NULL), ('', X''), ('it''s; \"quoted\"', X'00ff27'), (1, 2), (1.0, 0.1),"
	"  (-9223372036854775808, 9223372036854775807), (9e999, -9e999), (1e300, -4.9e-324),"
	"  (CAST(X'610062' AS TEXT), CAST(X'00' AS TEXT)), (char(13, 10, 97, 13, 10), char(10)),"
	"  ('.tables' || char(10) || '/' || char(10) || 'go', ';'),"
	"  (CAST(X'c3a4e5aea2f09f9880' AS TEXT), CAST(X'ff27fe' AS TEXT)),"
	"  (2.5e20, 100000000000000000000);"
	"INSERT INTO \"order \"\"x\"\"\"(id, b) VALUES(1000, 3); "
	"DELETE FROM \"order \"\"x\"\"\" WHERE id = 1000;"
	"CREATE TABLE w(a TEXT, n REAL, PRIMARY KEY(a, n)) WITHOUT ROWID;"
	"CREATE VIRTUAL TABLE f USING fts5(x); CREATE VIEW v AS SELECT 1";

#define DIGEST(table, columns)                                                                     \
	"SELECT group_concat(r, '|') FROM (SELECT " columns " AS r FROM " table " ORDER BY 1)"

static char *whole(sqlite3 *db, const char *sql)
{
	char *text = calloc(1, 1 << 20);
	assert_non_null(text);
	value(db, sql, text, 1 << 20);
	return text;
}

static void assert_same(sqlite3 *a, sqlite3 *b, const char *sql)
{
	char *x = whole(a, sql), *y = whole(b, sql);
	assert_true(strlen(x) > 10);
	assert_string_equal(x, y);
	free(x);
	free(y);
}

static void a_dumped_table_reads_back_the_same(void **state)
{
	struct place *p = *state;
	sqlite3 *db = must_open(p->path);
	must_sql(db, odd);
	dump_to(p, "ORDER \"X\"", beside(p, "dump.sql"), 0);
	sqlite3 *back = load_dump(p, beside(p, "dump.sql"));
	assert_same(db, back, DIGEST("\"order \"\"x\"\"\"",
		"id || typeof(\"from\") || hex(\"from\") || typeof(b) || hex(b) || twice"));
	assert_same(db, back, "SELECT group_concat(type || name || sql) FROM (SELECT * FROM "
	                      "sqlite_schema WHERE tbl_name LIKE 'order%' ORDER BY name)");
	assert_value(back, "SELECT seq FROM sqlite_sequence", "1000");
	sqlite3_close(back);
	sqlite3_close(db);
}

static void every_real_number_reads_back_the_same(void **state)
{
	struct place *p = *state;
	sqlite3 *db = must_open(p->path);
	sqlite3_stmt *q;
	must_sql(db, "CREATE TABLE w(a TEXT, n REAL, PRIMARY KEY(a, n)) WITHOUT ROWID; BEGIN");
	assert_int_equal(sqlite3_prepare_v2(db, "INSERT INTO w VALUES(?, ?)", -1, &q, NULL),
	                 SQLITE_OK);
	uint64_t x = 88172645463325252u;
	for (int i = 0; i < 4000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		double v = (double)(int64_t)x / 1e6;
		sqlite3_bind_int(q, 1, i);
		sqlite3_bind_double(q, 2, i % 2 ? v : (double)(x >> 40) / 100);
		assert_int_equal(sqlite3_step(q), SQLITE_DONE);
		sqlite3_reset(q);
	}
	sqlite3_finalize(q);
	must_sql(db, "COMMIT");
	dump_to(p, "w", beside(p, "dump.sql"), 0);
	sqlite3_close(load_dump(p, beside(p, "dump.sql")));
	char sql[PATH_ROOM + 30];
	snprintf(sql, sizeof sql, "ATTACH '%s' AS back", beside(p, "read.db"));
	must_sql(db, sql);
	assert_value(db, "SELECT count(*) FROM main.w JOIN back.w USING(a, n)", "4000");
	sqlite3_close(db);
}

static void a_missing_table_is_absent_and_the_others_are_named(void **state)
{
	struct place *p = *state;
	sqlite3 *db = must_open(p->path);
	must_sql(db, odd);
	sqlite3_close(db);
	dump_to(p, "orders", beside(p, "dump.sql"), ERR_ABSENT);
	assert_non_null(strstr(p->err.hint, "order \"x\""));
	assert_null(strstr(p->err.hint, "sqlite_sequence"));
	dump_to(p, "f", beside(p, "dump.sql"), ERR_INVALID);
	dump_to(p, "v", beside(p, "dump.sql"), ERR_INVALID);
	dump_to(p, "sqlite_sequence", beside(p, "dump.sql"), ERR_INVALID);
	struct buf *b = slurp(beside(p, "dump.sql"));
	assert_int_equal(b->len, 0);
	buf_free(b);
}

static void a_dump_to_a_full_device_fails(void **state)
{
	struct place *p = *state;
	fill(p->path, "");
	int fd = open("/dev/full", O_WRONLY);
	assert_int_equal(sqlite_dump_table(p->path, "t", fd, &p->err), ERR_SPACE);
	close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_database_at_rest_is_delivered_byte_for_byte),
		TEST(any_name_will_do),
		TEST(frames_of_the_log_lie_over_the_file),
		TEST(bytes_beyond_the_image_are_refused),
		TEST(facts_describe_the_image),
		TEST(a_locked_database_is_busy_after_the_deadline),
		TEST(a_hot_journal_is_refused),
		TEST(what_is_no_database_is_refused_in_plain_words),
		TEST(a_file_cut_short_is_refused_in_wal_mode),
		TEST(a_damaged_frame_of_the_log_is_refused),
		TEST(a_write_in_spite_of_the_locks_fails_the_image),
		TEST(a_database_replaced_during_the_backup_fails_the_image),
		TEST(without_the_right_to_read_it_is_denied),
		TEST(no_log_is_made_that_the_application_could_not_write),
		TEST(a_log_that_root_makes_belongs_to_the_databases_owner),
		TEST(an_image_keeps_the_log_and_no_writer_waits),
		TEST(in_rollback_mode_writers_wait_only_for_the_image),
		TEST(a_stamp_is_given_only_to_what_surely_rests),
		TEST(a_commit_into_an_equally_long_log_changes_the_stamp),
		TEST(an_image_that_was_written_behind_has_no_stamp),
		TEST(a_settled_database_has_its_owner_mode_and_time),
		TEST(nothing_is_overwritten_unasked),
		TEST(what_was_there_is_kept_and_still_opens_with_its_log),
		TEST(a_database_in_use_is_not_replaced),
		TEST(page_files_have_no_sink),
		TEST(a_dumped_table_reads_back_the_same),
		TEST(every_real_number_reads_back_the_same),
		TEST(a_missing_table_is_absent_and_the_others_are_named),
		TEST(a_dump_to_a_full_device_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
