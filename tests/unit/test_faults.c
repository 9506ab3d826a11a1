/*
 * Every call that a backup, a restore and their neighbours make of a vault fails once, in every way
 * in which storage fails: what follows is success or a clear error, and nothing is lost by it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../backends/faulty.h"
#include "base/buf.h"
#include "base/io.h"
#include "holdfast/backup.h"
#include "holdfast/check.h"
#include "holdfast/restore.h"
#include "holdfast/snapshot.h"
#include "sample_vault.h"

enum { SNAPSHOTS_MAX = 2000, DB_MAX = 96 << 20, CALLS_MAX = 400 };

static const char *const kinds[] = {
	"any=%u:io", "any=%u:denied", "any=%u:unreachable", "any=%u:space", "put=%u:lost",
	"get=%u:torn", "get=%u:flip",
};
enum { KINDS = sizeof kinds / sizeof *kinds };

struct scene {
	struct sample_vault v;
	char db[SCRATCH_MAX + 16], name[40];
	unsigned version;
	/* what snapshot n of the store held when it was taken */
	struct buf *content[SNAPSHOTS_MAX];
	uint64_t newest;
};

/* ---- the database ---- */

static void sql(const struct scene *s, const char *text)
{
	sqlite3 *db;
	char *why = NULL;
	assert_int_equal(sqlite3_open(s->db, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", text, why);
	sqlite3_close(db);
}

static void make_db(struct scene *s, unsigned rows, unsigned bytes)
{
	char text[500];
	snprintf(text, sizeof text,
	         "pragma page_size = 4096;"
	         "create table customer (id integer primary key, version int, data blob);"
	         "with recursive n(i) as (select 1 union all select i + 1 from n where i < %u)"
	         " insert into customer select i, 0, randomblob(%u) from n;", rows, bytes);
	sql(s, text);
}

static void change_db(struct scene *s)
{
	char text[200];
	snprintf(text, sizeof text, "update customer set version = %u, data = randomblob(length(data)) "
	         "where id %% 50 = %u;", s->version + 1, s->version % 50);
	s->version++;
	sql(s, text);
}

static struct buf *slurp(const char *path)
{
	struct err err;
	struct buf *b = buf_new(DB_MAX, &err);
	assert_non_null(b);
	must(io_read_file(path, b, &err));
	return b;
}

/* ---- scenes ---- */

static void begin(struct scene *s, const char *url, unsigned rows, unsigned bytes)
{
	memset(s, 0, sizeof *s);
	sample_make(&s->v, url);
	sample_unlock(&s->v);
	snprintf(s->db, sizeof s->db, "%s/crm.db", s->v.root);
	snprintf(s->name, sizeof s->name, "crm");
	make_db(s, rows, bytes);
}

static void end(struct scene *s)
{
	for (size_t i = 0; i < SNAPSHOTS_MAX; i++)
		buf_free(s->content[i]);
	sample_drop(&s->v);
	free(s);
}

static struct scene *new_scene(const char *url, unsigned rows, unsigned bytes)
{
	struct scene *s = malloc(sizeof *s);
	assert_non_null(s);
	begin(s, url, rows, bytes);
	return s;
}

/* A handle on the same vault that meets the fault. NULL with *err if opening failed already. */
static struct vault *open_faulty(const struct scene *s, const char *rule, unsigned n, char url[400],
                                 struct err *err)
{
	char rules[100];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(rules, sizeof rules, rule, n);
#pragma GCC diagnostic pop
	snprintf(url, 400, "faulty://%s/%s", rules, s->v.url);
	faulty_reset(url);
	struct vault_options o = s->v.options;
	o.url = url;
	return vault_open(&o, err);
}

/* The user must be told what it was about, and in one line. */
static void assert_clear(const struct scene *s, const struct err *err, const char *url)
{
	bool names = strchr(err->msg, '/') || strstr(err->msg, "vault.json") ||
	             strstr(err->msg, "RECOVERY.txt") || strstr(err->msg, "FORMAT.md") ||
	             strstr(err->msg, "listing the vault") || strstr(err->msg, "pack ") ||
	             strstr(err->msg, s->name) ||
	             strstr(err->msg, vault_short_id(s->v.vault));
	if (err->code == ERR_NONE || err->msg[0] == '\0' || strchr(err->msg, '\n') || !names ||
	    strncmp(err->msg, "injected", 8) == 0)
		fail_msg("%s: unclear error %d: '%s'", url, err->code, err->msg);
}

static int run_backup(const struct scene *s, struct vault *v, bool full,
                      struct backup_result *result, struct err *err)
{
	const struct backup_store store = {
		.source = { .type = "sqlite", .name = s->name, .path = s->db },
	};
	const struct backup_options options = { .full = full };
	return backup_run(v, &store, 1, &options, result, err);
}

static struct store_info info_of(const struct scene *s)
{
	struct store_info info = { .name = s->name };
	memcpy(info.writer, vault_keyfile(s->v.vault)->id, 16);
	vault_store_id(s->v.vault, s->name, info.store);
	return info;
}

static int newest(void *arg, const struct snapshot_info *info, struct err *err)
{
	(void)err;
	*(uint64_t *)arg = info->seq;
	return 0;
}

static uint64_t newest_listed(const struct scene *s)
{
	struct err err;
	uint64_t seq = 0;
	struct store_info info = info_of(s);
	must(snapshot_list(s->v.vault, &info, newest, &seq, &err));
	return seq;
}

static int restore(const struct scene *s, struct vault *v, uint64_t seq, const char *to,
                   struct restore_result *r, struct err *err)
{
	struct store_info info = info_of(s);
	const struct restore_options options = { .to = to };
	memset(r, 0, sizeof *r);
	return restore_snapshot(v, &info, seq, &options, r, err);
}

static void assert_is(const char *path, const struct buf *want)
{
	AUTO(buf) got = slurp(path);
	assert_int_equal(got->len, want->len);
	assert_memory_equal(got->bytes, want->bytes, want->len);
}

static void assert_restores(const struct scene *s, uint64_t seq)
{
	struct err err;
	struct restore_result *r = malloc(sizeof *r);
	char to[SCRATCH_MAX];
	assert_non_null(r);
	assert_true(scratch_make(to));
	if (restore(s, s->v.vault, seq, to, r, &err) != 0)
		fail_msg("snapshot %u: %s", (unsigned)seq, err.msg);
	assert_is(r->target, s->content[seq]);
	assert_int_equal(scratch_remove(to), 0);
	free(r);
}

/* At most one snapshot has appeared since the last look; then it is of the database as it is now.
 * Behind a head that could not be read right a number is left free. */
static void take_note(struct scene *s, const char *url)
{
	uint64_t now = newest_listed(s);
	if (now == s->newest)
		return;
	if (now < s->newest || now > s->newest + 2 || now >= SNAPSHOTS_MAX)
		fail_msg("%s: snapshot %u after %u", url, (unsigned)now, (unsigned)s->newest);
	s->newest = now;
	s->content[now] = slurp(s->db);
	assert_restores(s, now);
}

static void forget_store(struct scene *s, unsigned n, const char *kind)
{
	snprintf(s->name, sizeof s->name, "crm-%u-%.3s%.10s", n, kind, strchr(kind, ':') + 1);
	for (size_t i = 0; i < SNAPSHOTS_MAX; i++) {
		buf_free(s->content[i]);
		s->content[i] = NULL;
	}
	s->newest = 0;
}

/* One backup that meets the fault, and one behind it that does not. False when none fired. */
static bool backup_through(struct scene *s, const char *kind, unsigned n, bool full)
{
	struct err err = { 0 };
	struct backup_result result;
	char url[400];
	uint64_t before = s->newest;
	change_db(s);
	struct vault *v = open_faulty(s, kind, n, url, &err);
	int rc = v ? run_backup(s, v, full, &result, &err) : err.code;
	vault_free(v);
	bool fired = faulty_fired(url);
	if (rc != 0)
		assert_clear(s, &err, url);
	take_note(s, url);
	if (rc == 0) {
		assert_int_equal(s->newest, result.seq);
		assert_true(result.seq == before + 1 || result.warning.code == ERR_CORRUPT);
	} else if (!strstr(kind, "lost") && s->newest != before)
		fail_msg("%s: failed, and yet there is a snapshot: %s", url, err.msg);
	else if (!fired)
		fail_msg("%s: failed without a fault: %s", url, err.msg);

	before = s->newest;
	if (run_backup(s, s->v.vault, false, &result, &err) != 0)
		fail_msg("%s: the next backup fails: %s", url, err.msg);
	take_note(s, url);
	assert_int_equal(s->newest, before + 1);
	return fired;
}

static void all_restore(const struct scene *s)
{
	for (uint64_t seq = 1; seq <= s->newest; seq++)
		if (s->content[seq])
			assert_restores(s, seq);
}

static unsigned step(void)
{
	return getenv("HOLDFAST_TEST_SHORT") ? 9 : 1;
}

static void every_call_of_an_incremental_backup(void **state)
{
	(void)state;
	for (size_t k = 0; k < KINDS; k++) {
		struct err err;
		struct backup_result result;
		struct scene *s = new_scene("memory://faults", 70, 4000);
		must(run_backup(s, s->v.vault, false, &result, &err));
		take_note(s, "first");
		unsigned n = 1;
		while (n < CALLS_MAX && backup_through(s, kinds[k], n, false))
			n += step();
		assert_in_range(n, 2, CALLS_MAX - 1);
		all_restore(s);
		end(s);
	}
}

static void every_call_of_a_full_backup(void **state)
{
	(void)state;
	for (size_t k = 0; k < KINDS; k++) {
		struct err err;
		struct backup_result result;
		struct scene *s = new_scene("memory://faults", 70, 4000);
		must(run_backup(s, s->v.vault, false, &result, &err));
		take_note(s, "first");
		unsigned n = 1;
		while (n < CALLS_MAX && backup_through(s, kinds[k], n, true))
			n += step();
		all_restore(s);
		end(s);
	}
}

static void every_call_of_the_first_backup_of_a_store(void **state)
{
	(void)state;
	for (size_t k = 0; k < KINDS; k++) {
		struct scene *s = new_scene("memory://faults", 70, 4000);
		unsigned n = 1;
		do
			forget_store(s, n, kinds[k]);
		while (backup_through(s, kinds[k], n, false) && (n += step()) < CALLS_MAX);
		assert_in_range(n, 2, CALLS_MAX - 1);
		end(s);
	}
}

static void every_put_of_a_backup_of_many_packs(void **state)
{
	(void)state;
	static const char *const some[] = { "put=%u:io", "put=%u:lost", "put=%u:space", "list=%u:unreachable",
		                            "get=%u:flip" };
	for (size_t k = 0; k < sizeof some / sizeof *some; k++) {
		struct scene *s = new_scene("memory://faults", 1000, 45000);
		unsigned n = 1;
		do
			forget_store(s, n, some[k]);
		while (backup_through(s, some[k], n, true) && (n += (step() + 1) / 2) <= 20);
		end(s);
	}
}

/* A bad line: every call may fail, and the packs that did arrive are used again. */
static void backups_over_a_bad_line_come_through_in_the_end(void **state)
{
	(void)state;
	struct scene *s = new_scene("memory://faults", 70, 4000);
	unsigned done = 0, failed = 0;
	for (unsigned seed = 1; seed <= 100 / step(); seed++) {
		struct err err = { 0 };
		struct backup_result result;
		char url[400];
		change_db(s);
		struct vault *v = open_faulty(s, "seed=%u,any=4%%:unreachable", seed, url, &err);
		uint64_t before = s->newest;
		int rc = v ? run_backup(s, v, seed % 7 == 0, &result, &err) : err.code;
		vault_free(v);
		take_note(s, url);
		assert_int_equal(rc == 0, s->newest == before + 1);
		if (rc != 0)
			assert_clear(s, &err, url);
		*(rc ? &failed : &done) += 1;
	}
	assert_true(done > 0 && failed > 0);
	all_restore(s);
	end(s);
}

/* ---- reading ---- */

static struct scene *two_snapshots(unsigned rows, unsigned bytes)
{
	struct err err;
	struct backup_result result;
	struct scene *s = new_scene("memory://faults", rows, bytes);
	for (int i = 0; i < 2; i++) {
		change_db(s);
		must(run_backup(s, s->v.vault, false, &result, &err));
		take_note(s, "made");
	}
	return s;
}

static int unlocked(struct vault *v, struct err *err)
{
	return v ? vault_unlock(v, SAMPLE_PASSPHRASE, strlen(SAMPLE_PASSPHRASE), err) : err->code;
}

/* Nothing but the whole file ever has the final name. */
static bool restore_through(const struct scene *s, const char *kind, unsigned n)
{
	struct err err = { 0 };
	struct restore_result *r = malloc(sizeof *r);
	char url[400], to[SCRATCH_MAX], target[SCRATCH_MAX + 20];
	struct stat st;
	assert_non_null(r);
	assert_true(scratch_make(to));
	snprintf(target, sizeof target, "%s/crm.db", to);
	struct vault *v = open_faulty(s, kind, n, url, &err);
	int rc = unlocked(v, &err);
	if (rc == 0)
		rc = restore(s, v, 2, to, r, &err);
	vault_free(v);
	bool fired = faulty_fired(url);
	if (rc == 0)
		assert_is(target, s->content[2]);
	else {
		assert_clear(s, &err, url);
		assert_true(fired);
		assert_int_equal(lstat(target, &st), -1);
		if (restore(s, s->v.vault, 2, to, r, &err) != 0)
			fail_msg("%s: the next restore fails: %s", url, err.msg);
		assert_is(target, s->content[2]);
	}
	assert_int_equal(scratch_remove(to), 0);
	free(r);
	return fired;
}

static void every_call_of_a_restore(void **state)
{
	(void)state;
	struct scene *s = two_snapshots(70, 4000);
	for (size_t k = 0; k < KINDS; k++) {
		unsigned n = 1;
		while (n < CALLS_MAX && restore_through(s, kinds[k], n))
			n += step();
		assert_true(n < CALLS_MAX);
	}
	end(s);
}

static void every_call_of_a_restore_of_many_packs(void **state)
{
	(void)state;
	static const char *const some[] = { "get=%u:unreachable", "get=%u:torn", "get=%u:flip" };
	struct scene *s = two_snapshots(1000, 45000);
	for (size_t k = 0; k < 3; k++)
		for (unsigned n = 1; n < CALLS_MAX && restore_through(s, some[k], n); n += 2 * step())
			;
	end(s);
}

struct told { const struct scene *s; const char *url; unsigned problems; };

static void tell(void *arg, const struct err *problem)
{
	struct told *t = arg;
	assert_clear(t->s, problem, t->url);
	t->problems++;
}

static int count_files(void *arg, const struct snapshot_file *file, struct err *err)
{
	(void)err;
	assert_string_equal(file->entry.path, "crm.db");
	++*(unsigned *)arg;
	return 0;
}

static int count_stores(void *arg, const struct store_info *info, struct err *err)
{
	(void)err;
	(void)info;
	++*(unsigned *)arg;
	return 0;
}

/* Lists, looks into and checks: 0, or an error, or problems; never fewer snapshots than there are. */
static bool look_through(const struct scene *s, const char *kind, unsigned n)
{
	struct err err = { 0 };
	char url[400];
	struct store_info info = info_of(s);
	struct vault *v = open_faulty(s, kind, n, url, &err);
	int rc = unlocked(v, &err);
	uint64_t seq = 0;
	unsigned stores = 0, files = 0;
	struct told told = { s, url, 0 };
	struct check_result result = { 0 };
	const struct check_options options = { .read_data = true };
	if (rc == 0 && (rc = vault_stores(v, NULL, count_stores, &stores, &err)) == 0)
		assert_int_equal(stores, 1);
	if (rc == 0 && (rc = snapshot_list(v, &info, newest, &seq, &err)) == 0)
		assert_int_equal(seq, 2);
	if (rc == 0 && (rc = snapshot_files(v, &info, 2, count_files, &files, NULL, &err)) == 0)
		assert_int_equal(files, 1);
	if (rc == 0)
		rc = check_run(v, NULL, &options, tell, &told, &result, &err);
	if (rc == 0)
		rc = check_run(v, &info, &options, tell, &told, &result, &err);
	vault_free(v);
	bool fired = faulty_fired(url);
	if (rc != 0)
		assert_clear(s, &err, url);
	if (!fired && (rc != 0 || told.problems))
		fail_msg("%s: trouble without a fault: %s", url, err.msg);
	return fired;
}

static void every_call_of_lists_and_checks(void **state)
{
	(void)state;
	struct scene *s = two_snapshots(70, 4000);
	for (size_t k = 0; k < KINDS; k++) {
		unsigned n = 1;
		while (n < CALLS_MAX && look_through(s, kinds[k], n))
			n += step();
		assert_true(n < CALLS_MAX);
	}
	end(s);
}

static bool rescue_through(const struct scene *s, const char *kind, unsigned n)
{
	struct err err = { 0 };
	struct restore_result *r = calloc(1, sizeof *r);
	struct store_info info = info_of(s);
	char url[400], to[SCRATCH_MAX];
	assert_non_null(r);
	assert_true(scratch_make(to));
	struct vault *v = open_faulty(s, kind, n, url, &err);
	int rc = unlocked(v, &err);
	if (rc == 0)
		rc = restore_rescue(v, &info, to, NULL, r, &err);
	vault_free(v);
	bool fired = faulty_fired(url);
	if (rc != 0)
		assert_clear(s, &err, url);
	else
		assert_true(r->warning.code != ERR_NONE);
	assert_true(rc == 0 || fired);
	assert_int_equal(scratch_remove(to), 0);
	free(r);
	return fired;
}

static void every_call_of_a_rescue(void **state)
{
	(void)state;
	struct scene *s = two_snapshots(70, 4000);
	for (size_t k = 0; k < KINDS; k++) {
		unsigned n = 1;
		while (n < CALLS_MAX && rescue_through(s, kinds[k], n))
			n += step();
		assert_true(n < CALLS_MAX);
	}
	end(s);
}

/* ---- making a vault ---- */

static bool init_through(const char *kind, unsigned n)
{
	struct err err = { 0 };
	struct sample_vault v;
	char url[400], rules[100];
	sample_place(&v, "memory://faults-init");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(rules, sizeof rules, kind, n);
#pragma GCC diagnostic pop
	snprintf(url, sizeof url, "faulty://%s/%s", rules, v.url);
	faulty_reset(url);
	v.options.url = url;
	int rc = sample_init(&v.options, &err);
	bool fired = faulty_fired(url);
	assert_true(rc == 0 || fired);
	v.options.url = v.url;
	struct err why = { 0 };
	v.vault = vault_open(&v.options, &why);
	if (rc == 0)
		assert_non_null(v.vault);
	else {
		assert_true(err.code != ERR_NONE && err.msg[0] != '\0');
		/* there is a vault only where the last answer was lost; then it is a good one */
		assert_true(v.vault || why.code == ERR_ABSENT);
		assert_true(!v.vault || strstr(kind, "lost"));
	}
	if (v.vault)
		sample_unlock(&v);
	sample_drop(&v);
	return fired;
}

static void every_call_of_init(void **state)
{
	(void)state;
	for (size_t k = 0; k < KINDS; k++) {
		unsigned n = 1;
		while (n < CALLS_MAX && init_through(kinds[k], n))
			n++;
		assert_true(n < CALLS_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call_of_init),
		cmocka_unit_test(every_call_of_the_first_backup_of_a_store),
		cmocka_unit_test(every_call_of_a_full_backup),
		cmocka_unit_test(every_call_of_an_incremental_backup),
		cmocka_unit_test(every_put_of_a_backup_of_many_packs),
		cmocka_unit_test(backups_over_a_bad_line_come_through_in_the_end),
		cmocka_unit_test(every_call_of_a_restore),
		cmocka_unit_test(every_call_of_a_restore_of_many_packs),
		cmocka_unit_test(every_call_of_lists_and_checks),
		cmocka_unit_test(every_call_of_a_rescue),
	};
	return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
