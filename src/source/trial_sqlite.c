/* A restored SQLite database: opened by this process, which is in a sandbox. */
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "holdfast/err.h"
#include "source/sqlite_distrust.h"
#include "source/sqlite_facts.h"
#include "source/trial_none.h"
#include "source/trial_rows.h"

extern const struct trial_ops trial_sqlite;

enum {
	CACHE_KIB = 65536,
	MAP_BYTES = 1 << 30,
	WARM_BYTES = 1 << 20,
	LOOK_STEPS = 20000,          /* of SQLite's machine, between two looks at the clock */
	SQL_MAX = 100000,
	MESSAGES_MAX = 5,            /* of integrity_check */
};

struct sqlite_trial {
	struct trial base;
	sqlite3 *db;
	unsigned timeout_ms;
	bool any_keys;
	int64_t deadline;
	struct stat st;
};

static struct sqlite_trial *of(struct trial *t)
{
	return (struct sqlite_trial *)t;
}

static int look_at_clock(void *arg)
{
	const struct sqlite_trial *t = arg;
	return clock_ms() >= t->deadline;
}

static void begin_clock(struct sqlite_trial *t)
{
	t->deadline = clock_ms() + t->timeout_ms;
}

static int failed(struct sqlite_trial *t, struct err *err)
{
	switch (sqlite3_errcode(t->db) & 0xff) {
	case SQLITE_INTERRUPT:
		return err_set(err, ERR_UNREACHABLE, "not done after %u s", t->timeout_ms / 1000);
	case SQLITE_NOMEM: return err_no_memory(err);
	case SQLITE_FULL: return err_set(err, ERR_SPACE, "no space left in the sandbox");
	case SQLITE_AUTH:
		return err_set(err, ERR_INVALID, "does more than to read: %s", sqlite3_errmsg(t->db));
	default: return err_set(err, ERR_SOURCE, "%s", sqlite3_errmsg(t->db));
	}
}

/* ---- start ---- */

/* The schema may be somebody else's work: nothing in it may run what it should not. */
static int tame(struct sqlite_trial *t, struct err *err)
{
	sqlite_distrust(t->db);
	sqlite3_limit(t->db, SQLITE_LIMIT_SQL_LENGTH, SQL_MAX);
	sqlite3_progress_handler(t->db, LOOK_STEPS, look_at_clock, t);
	char sql[120];
	snprintf(sql, sizeof sql, "PRAGMA cell_size_check=1; PRAGMA cache_size=-%d; "
	         "PRAGMA mmap_size=%d; BEGIN", CACHE_KIB, MAP_BYTES);
	begin_clock(t);
	if (sqlite3_exec(t->db, sql, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(t->db, "PRAGMA schema_version", NULL, NULL, NULL) != SQLITE_OK)
		return failed(t, err);
	return 0;
}

/* A restore leaves nothing in the cache, and the checks go through the file in no order: a page at a time
 * they would wait for the disk. What fits into memory is read in one go first. */
static int warm(const char *path, struct stat *st, struct err *err)
{
	static char block[WARM_BYTES];
	size_t got = sizeof block;
	IO_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, st) != 0)
		return err_sys(err, "%.200s", path);
	uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	if ((uint64_t)st->st_size > memory / 2)
		return 0;
	while (got == sizeof block)
		if (io_read(fd, block, sizeof block, &got, err) != 0)
			return err_wrap(err, "%.200s", path);
	return 0;
}

static int open_file(struct sqlite_trial *t, const struct trial_options *o, struct err *err)
{
	char path[PATH_MAX];
	if (!o->file || snprintf(path, sizeof path, "%s/%s", o->folder, o->file) >= (int)sizeof path)
		return err_set(err, ERR_INVALID, "there is no one file that is the database");
	if (warm(path, &t->st, err) != 0)
		return err->code;
	if (sqlite3_open_v2(path, &t->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return t->db ? failed(t, err) : err_no_memory(err);
	return tame(t, err);
}

static void sqlite_free(struct trial *base)
{
	sqlite3_close(of(base)->db);
	free(base);
}

static struct trial *sqlite_start(const struct trial_options *options, struct err *err)
{
	struct sqlite_trial *t = calloc(1, sizeof *t);
	if (!t) {
		err_no_memory(err);
		return NULL;
	}
	t->base.ops = &trial_sqlite;
	t->timeout_ms = options->timeout_ms;
	t->any_keys = options->any_keys;
	if (open_file(t, options, err) == 0)
		return &t->base;
	sqlite_free(&t->base);
	return NULL;
}

/* ---- structure ---- */

/* What the rows of a pragma say, the first of them in words. */
struct said {
	unsigned rows;
	size_t len;
	char text[TRIAL_TEXT_MAX];
};

static void say(struct said *s, const char *words)
{
	if (s->rows++ >= MESSAGES_MAX || s->len >= sizeof s->text)
		return;
	int n = snprintf(s->text + s->len, sizeof s->text - s->len, "%s%s", s->len ? "; " : "", words);
	s->len += n > 0 ? (size_t)n : 0;
}

static const char *column(sqlite3_stmt *q, int i)
{
	const unsigned char *text = sqlite3_column_text(q, i);
	return text ? (const char *)text : "";
}

static int ask(struct sqlite_trial *t, const char *sql, void (*row)(struct said *, sqlite3_stmt *),
               struct said *out, struct err *err)
{
	sqlite3_stmt *q = NULL;
	begin_clock(t);
	int rc = sqlite3_prepare_v2(t->db, sql, -1, &q, NULL);
	while (rc == SQLITE_OK || rc == SQLITE_ROW)
		if ((rc = sqlite3_step(q)) == SQLITE_ROW)
			row(out, q);
	rc = rc == SQLITE_DONE ? 0 : failed(t, err);
	sqlite3_finalize(q);
	return rc;
}

static void say_first(struct said *s, sqlite3_stmt *q)
{
	say(s, column(q, 0));
}

static void say_violation(struct said *s, sqlite3_stmt *q)
{
	char words[300];
	snprintf(words, sizeof words, "%.100s row %.30s has no parent in %.100s", column(q, 0),
	         column(q, 1), column(q, 2));
	say(s, words);
}

/* A database that is malformed makes the pragma itself fail: that is a finding too. */
static int run_check(struct sqlite_trial *t, const char *name, const char *expected,
                     void (*row)(struct said *, sqlite3_stmt *), trial_found *found, void *arg,
                     struct err *err)
{
	char sql[60];
	struct said said = { .rows = 0 };
	snprintf(sql, sizeof sql, "PRAGMA %s", name);
	int rc = ask(t, sql, row, &said, err);
	if (rc == ERR_SOURCE)
		say(&said, err->msg);
	else if (rc != 0)
		return err_wrap(err, "%s", name);
	if (said.rows == 0)
		snprintf(said.text, sizeof said.text, "%s", expected);
	bool good = strcmp(said.text, expected) == 0;
	return found(arg, name, good ? TRIAL_PASSED : TRIAL_FAILED, expected, said.text, err);
}

static int sqlite_structure(struct trial *base, trial_found *found, void *arg, struct err *err)
{
	if (run_check(of(base), "integrity_check", "ok", say_first, found, arg, err) != 0)
		return err->code;
	if (of(base)->any_keys)
		return 0;
	return run_check(of(base), "foreign_key_check", "no violations", say_violation, found, arg, err);
}

/* ---- facts ---- */

static int count_table(struct sqlite_trial *t, const char *name, json_t *rows, struct err *err)
{
	sqlite3_stmt *q = NULL;
	char *sql = sqlite3_mprintf("SELECT count(*) FROM \"%w\"", name);
	begin_clock(t);
	int rc = sql ? sqlite3_prepare_v2(t->db, sql, -1, &q, NULL) : SQLITE_NOMEM;
	sqlite3_free(sql);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(q);
	int64_t n = rc == SQLITE_ROW ? sqlite3_column_int64(q, 0) : 0;
	sqlite3_finalize(q);
	if (rc != SQLITE_ROW)
		return failed(t, err);
	return trial_rows_add(rows, name, n, err);
}

/* Virtual tables are code of extensions, and shadow tables theirs. */
static int count_rows(struct sqlite_trial *t, json_t *rows, struct err *err)
{
	sqlite3_stmt *q = NULL;
	begin_clock(t);
	int rc = sqlite3_prepare_v2(t->db, "SELECT name FROM pragma_table_list WHERE schema = 'main' AND "
	                            "type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' "
	                            "ORDER BY name", -1, &q, NULL);
	int bad = 0;
	while (!bad && (rc == SQLITE_OK || rc == SQLITE_ROW))
		if ((rc = sqlite3_step(q)) == SQLITE_ROW)
			bad = count_table(t, column(q, 0), rows, err);
	if (!bad && rc != SQLITE_DONE)
		bad = failed(t, err);
	sqlite3_finalize(q);
	return bad;
}

static int sqlite_facts_of(struct trial *base, struct buf *out, struct err *err)
{
	struct sqlite_trial *t = of(base);
	sqlite3_stmt *q = NULL;
	uint32_t page = 0;
	if (sqlite3_prepare_v2(t->db, "PRAGMA page_size", -1, &q, NULL) == SQLITE_OK &&
	    sqlite3_step(q) == SQLITE_ROW)
		page = (uint32_t)sqlite3_column_int(q, 0);
	sqlite3_finalize(q);
	if (page == 0)
		return failed(t, err);
	const struct sqlite_image_facts image = { .page_bytes = page,
	                                          .pages = (uint64_t)t->st.st_size / page };
	AUTO(buf) plain = buf_new(1 << 20, err);
	if (!plain || sqlite_facts(t->db, &image, plain, err) != 0)
		return err->code;
	JSON_AUTO facts = json_decode((const char *)plain->bytes, plain->len, "facts", err);
	JSON_AUTO rows = json_object();
	if (!facts || !rows)
		return facts ? err_no_memory(err) : (int)err->code;
	if (count_rows(t, rows, err) != 0)
		return err->code;
	json_object_set(facts, "rows", rows);
	return json_encode(facts, out, err);
}

/* ---- queries ---- */

static int allow(void *arg, int action, const char *a, const char *b, const char *db, const char *by)
{
	(void)arg, (void)a, (void)db, (void)by;
	if (action == SQLITE_FUNCTION && b && strcmp(b, "load_extension") == 0)
		return SQLITE_DENY;
	return action == SQLITE_SELECT || action == SQLITE_READ || action == SQLITE_FUNCTION ||
	       action == SQLITE_RECURSIVE ? SQLITE_OK : SQLITE_DENY;
}

static void take_value(sqlite3_stmt *q, struct trial_value *value)
{
	value->null = sqlite3_column_type(q, 0) == SQLITE_NULL;
	snprintf(value->text, sizeof value->text, "%s", column(q, 0));
}

static int step_once(struct sqlite_trial *t, sqlite3_stmt *q, struct trial_value *value,
                     struct err *err)
{
	struct trial_value first = { .null = true };
	if (sqlite3_column_count(q) != 1)
		return err_set(err, ERR_INVALID, "gives %d columns instead of one value",
		               sqlite3_column_count(q));
	int rc = sqlite3_step(q);
	if (rc == SQLITE_DONE)
		return err_set(err, ERR_INVALID, "gives no row instead of one value");
	if (rc != SQLITE_ROW)
		return failed(t, err);
	take_value(q, &first);
	rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		return err_set(err, ERR_INVALID, "gives several rows instead of one value");
	if (rc != SQLITE_DONE)
		return failed(t, err);
	*value = first;
	return 0;
}

static int sqlite_query(struct trial *base, const char *database, const char *sql,
                        struct trial_value *value, struct err *err)
{
	struct sqlite_trial *t = of(base);
	sqlite3_stmt *q = NULL;
	const char *rest = NULL;
	int rc = 0;
	(void)database;
	begin_clock(t);
	sqlite3_set_authorizer(t->db, allow, NULL);
	if (sqlite3_prepare_v2(t->db, sql, -1, &q, &rest) != SQLITE_OK)
		rc = failed(t, err);
	else if (!q || !sqlite3_stmt_readonly(q))
		rc = err_set(err, ERR_INVALID, "is no statement that reads");
	else if (rest[strspn(rest, " \t\n;")])
		rc = err_set(err, ERR_INVALID, "is more than one statement");
	else
		rc = step_once(t, q, value, err);
	sqlite3_finalize(q);
	sqlite3_set_authorizer(t->db, NULL, NULL);
	return rc;
}

static int sqlite_stop(struct trial *base, struct err *err)
{
	struct sqlite_trial *t = of(base);
	sqlite3_exec(t->db, "ROLLBACK", NULL, NULL, NULL);
	if (sqlite3_close(t->db) != SQLITE_OK)
		return failed(t, err);
	t->db = NULL;
	return 0;
}

const struct trial_ops trial_sqlite = {
	.type = "sqlite",
	.start = sqlite_start,
	.free = sqlite_free,
	.load = trial_none_load,
	.structure = sqlite_structure,
	.facts = sqlite_facts_of,
	.query = sqlite_query,
	.env = trial_none_env,
	.stop = sqlite_stop,
};
