/*
 * SIGKILL at any moment of a backup and of a restore: at every call of the vault, at every change of
 * a local file, and at random times. The vault stays whole, earlier snapshots restore, the next run
 * succeeds and uses what was stored.
 *
 * wrap: open64 write pwrite64 rename unlink unlinkat ftruncate64 mkdir
 *
 *   HOLDFAST_TEST_KILLS=N   kills at random times (12)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sqlite3.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>

#include "holdfast/check.h"
#include "history.h"
#include "strike.h"
#include "vault/journal.h"

enum { MIB = 1 << 20, PACK = 16 * MIB, FOLDER = LAB_PATH + 80, NEVER = -1 };

static struct lab lab;
static struct history h;
static struct err err;
static char db_path[LAB_PATH];

static void must(int rc)
{
	if (rc != 0)
		fail_msg("%d: %s", rc, err.msg);
}

/* ---- the database ---- */

static void sql(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void sql(const char *fmt, ...)
{
	char text[1000], *why = NULL;
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	sqlite3 *db;
	assert_int_equal(sqlite3_open(db_path, &db), SQLITE_OK);
	if (sqlite3_exec(db, "PRAGMA synchronous = OFF; PRAGMA cache_size = -65536", NULL, NULL, &why) ||
	    sqlite3_exec(db, text, NULL, NULL, &why))
		fail_msg("%s: %s", text, why);
	sqlite3_close(db);
}

/* Rows of 3000 random bytes: nearly one page each. */
static void make_database(unsigned rows)
{
	sql("CREATE TABLE t (id INTEGER PRIMARY KEY, b BLOB);"
	    "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %u) "
	    "INSERT INTO t SELECT i, randomblob(3000) FROM n", rows);
}

/* One row in `every`, some more, some less. */
static void change_database(unsigned every)
{
	sql("UPDATE t SET b = randomblob(2900) WHERE (id + random()) %% %u = 0;"
	    "INSERT INTO t SELECT NULL, randomblob(3000) FROM t WHERE random() %% %u = 0;"
	    "DELETE FROM t WHERE random() %% %u = 0", every, 2 * every, 2 * every);
}

static uint8_t *read_file(const char *path, size_t *len)
{
	struct stat st;
	size_t got = 0;
	IO_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		return NULL;
	uint8_t *bytes = malloc((size_t)st.st_size + 1);
	*len = (size_t)st.st_size;
	if (bytes && (io_read(fd, bytes, *len, &got, &err) != 0 || got != *len)) {
		free(bytes);
		return NULL;
	}
	return bytes;
}

/* What the next snapshot has to bring back. */
static void look_at_database(void)
{
	struct stat st;
	struct pages_image *now = &h.store.now;
	pages_clear(now);
	struct pages_file *f = pages_add(now, "crm.db", 4096, 0);
	if (!f)
		abort();
	free(f->bytes);
	f->bytes = read_file(db_path, &f->len);
	assert_non_null(f->bytes);
	assert_int_equal(stat(db_path, &st), 0);
	f->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

/* Small ones, of which there are many, in memory; large ones on a real disk. */
static void begin_on(bool small, unsigned rows)
{
	err = (struct err){ 0 };
	static char usual[PATH_MAX];
	if (!usual[0])
		snprintf(usual, sizeof usual, "%s", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	bool memory = small && access("/dev/shm", W_OK) == 0;
	setenv("TMPDIR", memory ? "/dev/shm" : usual, 1);
	must(lab_begin(&lab, "file", &err));
	snprintf(db_path, sizeof db_path, "%s/crm.db", lab.dir);
	make_database(rows);
	assert_true(history_begin(&h, &lab, "crm"));
	h.spec.source.type = "sqlite";
	h.spec.source.path = db_path;
}

static void end_all(void)
{
	history_end(&h);
	lab_end(&lab);
}

/* ---- a run that is killed ---- */

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

typedef int deed(const char *url, struct err *why);

static int back_up(const char *url, struct err *why)
{
	struct vault *v = lab_open(&lab, url, NULL, NULL, why);
	return v ? backup_run(v, &h.spec, 1, &h.options, &h.result, why) : why->code;
}

/* In a process of its own, killed after so many seconds, or where strike says. True: it was killed
 * before it was done. */
static bool is_killed(deed *what, const char *url, enum strike_how how, unsigned long at, double after)
{
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct err why = { 0 };
		strike_at(how, at);
		int rc = what(url, &why);
		strike_end();
		if (rc != 0)
			fprintf(stderr, "in the child: %s\n", why.msg);
		_exit(rc == 0 ? 0 : 1);
	}
	if (after >= 0) {
		struct timespec t = { (time_t)after, (long)((after - (double)(time_t)after) * 1e9) };
		nanosleep(&t, NULL);
		kill(pid, SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	return WIFSIGNALED(status);
}

static void problem(void *arg, const struct err *why)
{
	(void)arg;
	fail_msg("check: %s", why->msg);
}

static void vault_is_whole(void)
{
	const struct check_options o = { .read_data = true };
	struct check_result r;
	must(check_run(lab.reader, &h.info, &o, problem, NULL, &r, &err));
	assert_int_equal(r.problems, 0);
	must(history_verify(&h, &err));
}

/* Was the snapshot committed before the process died? Then it must come back like any other. */
static bool is_committed(void)
{
	uint64_t *seqs;
	size_t n;
	must(heads_list(lab.reader, h.info.writer, h.info.store, &seqs, &n, &err));
	uint64_t newest = n ? seqs[n - 1] : 0, known = h.n ? h.moments[h.n - 1].seq : 0;
	free(seqs);
	assert_true(newest == known || newest == known + 1);
	if (newest > known)
		assert_true(history_remember(&h, newest));
	return newest > known;
}

static void expire_oldest(void)
{
	char name[NAMES_MAX];
	names_snapshot(name, h.info.writer, h.info.store, h.moments[0].seq);
	must(lab_remove(&lab, name, &err));
	history_forget(&h, 0);
}

/* The run after a kill. */
static void next_run(bool has_snapshots)
{
	must(history_backup(&h, &err));
	if (h.result.warning.code != ERR_NONE)
		fail_msg("%s", h.result.warning.msg);
	assert_int_equal(h.result.kind == SNAPSHOT_FULL, !has_snapshots);
	must(history_verify_one(&h, &h.moments[h.n - 1], &err));
	while (h.n > 3)
		expire_oldest();
}

/* ---- at every step of a small backup ---- */

/* From one step to the next that is tried. Odd: what is done at every other one is done with either. */
static unsigned long stride(void)
{
	return getenv("HOLDFAST_TEST_SHORT") ? 15 : 1;
}

/* Kill the Nth call of the vault before or after it is done, or the Nth change of a local file. False
 * when there are not so many. */
static bool kill_step(unsigned way, unsigned long n)
{
	char url[2 * LAB_PATH];
	if (way >= 2)
		return is_killed(back_up, NULL, way == 2 ? STRIKE_KILL : STRIKE_KILL_AFTER, n, NEVER);
	snprintf(url, sizeof url, "faulty://any=%lu:%s/%s", n, way == 0 ? "kill" : "killafter", lab.url);
	return is_killed(back_up, url, STRIKE_NEVER, 0, NEVER);
}

static unsigned long kill_every_step(unsigned way, bool first)
{
	unsigned long steps = 0;
	char name[40];
	for (bool killed = true; killed; steps += stride()) {
		if (first) {   /* a store of its own: nothing is there yet */
			snprintf(name, sizeof name, "store %u-%lu", way, steps);
			while (h.n > 0)
				history_forget(&h, h.n - 1);
			h.spec.source.name = name;
			h.info = lab_store(&lab, name);
		}
		change_database(7);
		look_at_database();
		killed = kill_step(way, steps + 1);
		bool committed = is_committed();
		assert_true(killed || committed);
		vault_is_whole();
		if (steps % 2)
			change_database(9);
		look_at_database();
		next_run(!first || committed);
	}
	return steps;
}

static void a_backup_killed_at_any_step_harms_nothing(void **state)
{
	unsigned long steps[4];
	(void)state;
	begin_on(true, 60);
	look_at_database();
	next_run(false);
	for (unsigned way = 0; way < 4; way++)
		steps[way] = kill_every_step(way, false);
	print_message("killed at %lu calls of the vault and %lu changes of files\n", steps[0], steps[2]);
	assert_true(steps[0] > 8 && steps[0] == steps[1]);
	assert_true(steps[2] > 8);
	end_all();
}

static void a_first_backup_killed_at_any_step_harms_nothing(void **state)
{
	(void)state;
	begin_on(true, 60);
	for (unsigned way = 0; way < 4; way++)
		assert_true(kill_every_step(way, true) > 8);
	end_all();
}

/* Killed again and again, a little later each time, without a run in between that succeeds. */
static void kills_in_a_row_harm_nothing(void **state)
{
	bool killed = true, committed = false;
	(void)state;
	begin_on(true, 60);
	look_at_database();
	next_run(false);
	for (unsigned long n = 1; killed && !committed; n++) {
		change_database(7);
		look_at_database();
		killed = kill_step(n % 2 ? 0 : 2, 1 + n / 2);
		committed = is_committed();
		vault_is_whole();
	}
	assert_true(committed);
	next_run(true);
	end_all();
}

/* ---- at random times of a large one ---- */

struct stored {
	uint8_t ids[64][32];
	uint32_t n;
	uint64_t bytes;
	uint32_t sizes[64];
};

static int see_file(void *arg, const struct journal_file *f, struct err *why)
{
	(void)arg, (void)f, (void)why;
	return 0;
}

static int see_pack(void *arg, const struct journal_pack *p, struct err *why)
{
	struct stored *s = arg;
	(void)why;
	assert_true(s->n < 64);
	memcpy(s->ids[s->n], p->id, 32);
	s->sizes[s->n++] = p->size;
	s->bytes += p->size;
	return 1;
}

/* What the killed run's journal says that it stored. */
static struct stored journaled(void)
{
	char dir[FOLDER];
	struct stored s = { .n = 0 };
	struct journal_head head;
	struct err why = { 0 };
	const struct journal_visit visit = { see_file, see_pack, NULL };
	lab_state_folder(&lab, &h.info, dir);
	AUTO(journal) j = journal_open(dir, &head, vault_keyfile(lab.writer)->state->bytes, &why);
	if (j)
		must(journal_replay(j, &visit, &s, &err));
	return s;
}

static uint64_t listed_bytes(struct heads_entry *e)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < e->head.n_packs; i++)
		sum += e->head.packs[i].size;
	return sum;
}

static bool lists(const struct heads_entry *e, const uint8_t id[32])
{
	for (uint32_t i = 0; i < e->head.n_packs; i++)
		if (memcmp(e->head.packs[i].id, id, 32) == 0)
			return true;
	return false;
}

/* The next run lists what the killed one had stored, and stores the rest. */
static void expect_reuse(const struct stored *was)
{
	const struct moment *m = &h.moments[h.n - 1];
	AUTO(heads_entry) e = heads_load(lab.reader, h.info.writer, h.info.store, m->seq, false, &err);
	assert_non_null(e);
	for (uint32_t i = 0; i < was->n; i++)
		assert_true(lists(e, was->ids[i]));
	if (h.result.kind == SNAPSHOT_FULL) {
		assert_int_equal(h.result.bytes_stored + was->bytes, listed_bytes(e));
		/* not a byte more than was missing, but for the ends of the last packs */
		assert_true(h.result.bytes_stored < m->image.files[0].len - was->bytes + 2 * MIB);
	}
}

static unsigned long kills_wanted(void)
{
	const char *text = getenv("HOLDFAST_TEST_KILLS");
	return text ? strtoul(text, NULL, 10) : getenv("HOLDFAST_TEST_SHORT") ? 4 : 12;
}

static double random_below(double most)
{
	uint32_t r = 0;
	assert_int_equal(getrandom(&r, sizeof r, 0), sizeof r);
	return most * (double)r / 4294967296.0;
}

/* Every second one is a store's first: several packs. The others change a fifth. */
static void a_backup_killed_at_a_random_time_harms_nothing_and_is_used(void **state)
{
	char name[40], prefix[NAMES_MAX];
	unsigned long kills = kills_wanted(), killed = 0, reused = 0;
	double full_s = 0, incremental_s = 0;
	(void)state;
	begin_on(false, 16000);
	for (unsigned long i = 0; i < kills + 2; i++) {
		bool first = i % 2 == 0;
		if (first) {
			while (h.n > 0)
				history_forget(&h, h.n - 1);
			must(lab_remove_all(&lab, names_packs(prefix, h.info.writer, h.info.store), &err));
			must(lab_remove_all(&lab, names_snapshots(prefix, h.info.writer, h.info.store),
			                    &err));
			snprintf(name, sizeof name, "store %lu", i);
			h.spec.source.name = name;
			h.info = lab_store(&lab, name);
		}
		change_database(first ? 50 : 5);
		look_at_database();
		if (i < 2) {   /* how long does it take? */
			double began = now_s();
			assert_false(is_killed(back_up, NULL, STRIKE_NEVER, 0, NEVER));
			*(first ? &full_s : &incremental_s) = now_s() - began;
			assert_true(is_committed());
			continue;
		}
		double most = 1.1 * (first ? full_s : incremental_s);
		killed += is_killed(back_up, NULL, STRIKE_NEVER, 0, random_below(most));
		bool committed = is_committed();
		vault_is_whole();
		struct stored was = journaled();
		next_run(!first || committed);
		if (!committed && was.n > 0) {
			expect_reuse(&was);
			reused++;
		}
		if (i % 4 == 3)
			vault_is_whole();
	}
	print_message("%lu of %lu killed in time, %lu continued\n", killed, kills, reused);
	assert_true(killed > 0 || kills < 10);
	end_all();
}

/* Killed when the fifth pack of six is to be put: three at least were acknowledged. */
static void packs_stored_before_the_kill_are_not_put_again(void **state)
{
	char url[2 * LAB_PATH];
	(void)state;
	begin_on(false, 27000);
	look_at_database();
	/* put 1 is the epoch's key; the other uploader may be amid the put before */
	snprintf(url, sizeof url, "faulty://put=6:kill/%s", lab.url);
	assert_true(is_killed(back_up, url, STRIKE_NEVER, 0, NEVER));
	assert_false(is_committed());
	struct stored was = journaled();
	assert_true(was.n >= 3);
	for (uint32_t i = 0; i < was.n; i++)
		assert_int_equal(was.sizes[i], PACK);
	next_run(false);
	expect_reuse(&was);
	assert_true(h.result.bytes_stored <= 3 * (uint64_t)PACK);
	vault_is_whole();
	end_all();
}

/* ---- restore ---- */

static char target[LAB_PATH], restored_path[LAB_PATH + 20];
static struct restore_result restored;

static int bring_back(const char *url, struct err *why)
{
	const struct vault_options o = { .url = url ? url : lab.url };
	const struct restore_options r = { .to = target };
	struct vault *v = vault_open(&o, why);
	if (!v || vault_unlock(v, lab_passphrase, strlen(lab_passphrase), why) != 0)
		return why->code;
	int rc = restore_snapshot(v, &h.info, h.moments[h.n - 1].seq, &r, &restored, why);
	vault_free(v);
	return rc;
}

static bool is_exact(void)
{
	size_t len;
	uint8_t *bytes = read_file(restored_path, &len);
	const struct pages_file *f = &h.moments[h.n - 1].image.files[0];
	bool same = bytes && len == f->len && memcmp(bytes, f->bytes, len) == 0;
	free(bytes);
	return same;
}

static bool is_there(void) { return access(restored_path, F_OK) == 0; }

static unsigned files_in(const char *dir)
{
	struct dirent **list;
	int n = scandir(dir, &list, NULL, NULL);
	for (int i = 0; i < n; i++)
		free(list[i]);
	if (n >= 0)
		free(list);
	return n > 2 ? (unsigned)n - 2 : 0;
}

static void begin_restore(bool small, unsigned rows)
{
	begin_on(small, rows);
	snprintf(target, sizeof target, "%.200s/back", lab.dir);
	snprintf(restored_path, sizeof restored_path, "%s/crm.db", target);
	look_at_database();
	next_run(false);
	change_database(11);
	look_at_database();
	next_run(true);
}

/* A killed restore leaves nothing under the final name, or all of it. */
static void finish_restore(void)
{
	if (is_there()) {
		assert_true(is_exact());
		return;
	}
	must(bring_back(NULL, &err));
	assert_true(is_exact());
	assert_int_equal(files_in(target), 1);
}

static void a_restore_killed_at_any_step_is_repeated(void **state)
{
	unsigned long steps = 0;
	(void)state;
	begin_restore(true, 60);
	for (enum strike_how how = STRIKE_KILL; how <= STRIKE_KILL_AFTER; how++) {
		bool killed = true;
		for (unsigned long n = 1; killed; n++, steps++) {
			scratch_remove(target);
			killed = is_killed(bring_back, NULL, how, n, NEVER);
			finish_restore();
		}
	}
	assert_true(steps > 8);
	end_all();
}

static void a_restore_killed_at_a_random_time_is_repeated(void **state)
{
	unsigned long kills = kills_wanted(), killed = 0;
	(void)state;
	begin_restore(false, 8000);
	double began = now_s();
	must(bring_back(NULL, &err));
	double whole_s = now_s() - began;
	for (unsigned long i = 0; i < kills; i++) {
		if (i % 3 == 0)   /* else the next one goes on with what is there */
			scratch_remove(target);
		else
			unlink(restored_path);
		killed += is_killed(bring_back, NULL, STRIKE_NEVER, 0, random_below(1.1 * whole_s));
		finish_restore();
	}
	assert_true(killed > 0 || kills < 10);
	end_all();
}

/* Above 64 MiB it is noted how far a restore came. */
static void a_restore_killed_late_fetches_only_the_rest(void **state)
{
	(void)state;
	begin_restore(false, 34000);
	must(bring_back(NULL, &err));
	uint64_t whole = restored.bytes_fetched;
	scratch_remove(target);
	/* a hundred regions of 1 MiB are written by then */
	assert_true(is_killed(bring_back, NULL, STRIKE_KILL, 100, NEVER));
	assert_false(is_there());
	must(bring_back(NULL, &err));
	assert_true(is_exact());
	if (restored.bytes_fetched > whole / 4 * 3)
		fail_msg("fetched %" PRIu64 " of %" PRIu64, restored.bytes_fetched, whole);
	end_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_backup_killed_at_any_step_harms_nothing),
		cmocka_unit_test(a_first_backup_killed_at_any_step_harms_nothing),
		cmocka_unit_test(kills_in_a_row_harm_nothing),
		cmocka_unit_test(a_backup_killed_at_a_random_time_harms_nothing_and_is_used),
		cmocka_unit_test(packs_stored_before_the_kill_are_not_put_again),
		cmocka_unit_test(a_restore_killed_at_any_step_is_repeated),
		cmocka_unit_test(a_restore_killed_at_a_random_time_is_repeated),
		cmocka_unit_test(a_restore_killed_late_fetches_only_the_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
