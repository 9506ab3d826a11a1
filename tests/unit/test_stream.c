/* Trees and dumps, end to end: what is read, what is stored, and that exactly that comes back. */
#include "vault_make.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hex.h"
#include "engine/fetch.h"
#include "engine/meter.h"
#include "engine/open.h"
#include "engine/restore_stream.h"
#include "format/names.h"
#include "holdfast/backup.h"
#include "holdfast/restore.h"
#include "tree.h"
#include "tree_make.h"
#include "vault/heads.h"
#include "vault/inventory.h"
#include "vault/storage.h"

enum { MIB = 1 << 20, RACY_S = 3, PATHS = SCRATCH_MAX + 40 };

struct place {
	struct made made;
	char url[PATHS + 100], from[PATHS], to[PATHS];
	int fd;                          /* of from */
	struct backup_store spec;
	struct backup_options options;
	struct progress progress;
	struct backup_result result;
	struct restore_result restored;
	struct err err;
	uint64_t seed;
};

static int set_up_at(void **state, const char *url)
{
	struct place *p = calloc(1, sizeof *p);
	if (!p)
		return -1;
	snprintf(p->url, sizeof p->url, "%s", url);
	make_vault(&p->made, p->url);
	snprintf(p->from, sizeof p->from, "%s/from", p->made.folder);
	snprintf(p->to, sizeof p->to, "%s/to", p->made.folder);
	p->spec = (struct backup_store){ .source = { .type = "files", .name = "tree",
	                                             .path = p->from } };
	p->options.progress = &p->progress;
	p->fd = -1;
	p->seed = 88172645463325252;
	*state = p;
	return 0;
}

static int set_up(void **state) { return set_up_at(state, "memory://stream"); }

/* nftw stops at paths of more than PATH_MAX */
static void remove_tree(const char *path)
{
	char command[PATHS + 20];
	snprintf(command, sizeof command, "rm -rf '%s'", path);
	if (system(command) != 0)
		fprintf(stderr, "%s: left behind\n", path);
}

static int tear_down(void **state)
{
	struct place *p = *state;
	if (p->fd >= 0)
		close(p->fd);
	remove_tree(p->from);
	remove_tree(p->to);
	drop_vault(&p->made);
	free(p);
	return 0;
}

/* ---- files ---- */

static void make_from(struct place *p)
{
	assert_int_equal(mkdir(p->from, 0755), 0);
	p->fd = open(p->from, O_RDONLY | O_DIRECTORY);
	assert_true(p->fd >= 0);
}

/* xorshift64: nothing repeats, nothing compresses */
static void noise(struct place *p, uint8_t *out, size_t len)
{
	for (size_t i = 0; i + 8 <= len; i += 8) {
		p->seed ^= p->seed << 13;
		p->seed ^= p->seed >> 7;
		p->seed ^= p->seed << 17;
		memcpy(out + i, &p->seed, 8);
	}
}

static uint8_t *new_noise(struct place *p, size_t len)
{
	uint8_t *bytes = calloc(1, len + 8);
	assert_non_null(bytes);
	noise(p, bytes, len + 7);
	return bytes;
}

static void put_bytes(struct place *p, const char *name, const void *bytes, size_t len)
{
	assert_true(tree_file(p->fd, name, bytes, len));
}

static void put_noise(struct place *p, const char *name, size_t len)
{
	uint8_t *bytes = new_noise(p, len);
	put_bytes(p, name, bytes, len);
	free(bytes);
}

static void overwrite(struct place *p, const char *name, off_t at, size_t len)
{
	uint8_t *bytes = new_noise(p, len);
	int fd = openat(p->fd, name, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, at), len);
	close(fd);
	free(bytes);
}

/* ---- verbs ---- */

static void backup(struct place *p)
{
	if (backup_run(p->made.vault, &p->spec, 1, &p->options, &p->result, &p->err) != 0)
		fail_msg("%s", p->err.msg);
}

static void backup_quietly(struct place *p)
{
	backup(p);
	if (p->result.warning.code)
		fail_msg("%s", p->result.warning.msg);
}

static int first_store(void *arg, const struct store_info *info, struct err *err)
{
	(void)err;
	*(struct store_info *)arg = *info;
	return 0;
}

static struct store_info store_of(struct place *p)
{
	struct store_info info = { 0 };
	if (vault_stores(p->made.vault, NULL, first_store, &info, &p->err) != 0)
		fail_msg("%s", p->err.msg);
	info.name = info.writer_name = NULL;
	return info;
}

static int restore(struct place *p, uint64_t seq, const char *path)
{
	struct store_info info = store_of(p);
	struct restore_options o = { .to = p->to, .path = path };
	remove_tree(p->to);
	return restore_snapshot(p->made.vault, &info, seq, &o, &p->restored, &p->err);
}

static void must_come_back(struct place *p)
{
	if (restore(p, p->result.seq, NULL) != 0)
		fail_msg("%s", p->err.msg);
	if (p->restored.warning.code)
		fail_msg("%s", p->restored.warning.msg);
	assert_true(tree_equal(p->from, p->to));
}

static void reopen_at(struct place *p, const char *url)
{
	vault_free(p->made.vault);
	p->made.url = url;
	p->made.vault = must_open_vault(&p->made, true);
}

/* Stored bytes that the snapshot lists. */
static uint64_t listed_bytes(struct place *p, uint64_t seq)
{
	struct store_info info = store_of(p);
	AUTO(heads_entry) e = heads_load(p->made.vault, info.writer, info.store, seq, false, &p->err);
	uint64_t sum = 0;
	assert_non_null(e);
	for (uint32_t i = 0; i < e->head.n_packs; i++)
		sum += e->head.packs[i].size;
	return sum;
}

static size_t packs_in_vault(struct place *p)
{
	struct store_info info = store_of(p);
	AUTO(inventory) i = inventory_load(p->made.vault, info.writer, info.store, NULL, &p->err);
	assert_non_null(i);
	return i->n;
}

/* The name of the snapshot's n-th pack. */
static void pack_name(struct place *p, uint64_t seq, uint32_t n, char name[NAMES_MAX])
{
	struct store_info info = store_of(p);
	AUTO(heads_entry) e = heads_load(p->made.vault, info.writer, info.store, seq, false, &p->err);
	assert_non_null(e);
	assert_true(n < e->head.n_packs);
	names_pack(name, info.writer, info.store, e->head.packs[n].id);
}

static void state_file(struct place *p, const char *name, char out[PATHS + 200])
{
	char hex[33];
	struct store_info info = store_of(p);
	snprintf(out, PATHS + 200, "%s/%s/%s/%s", p->made.state, vault_id_text(p->made.vault),
	         hex_encode(hex, info.store, 16), name);
}

/* ---- what comes back ---- */

static void every_kind_of_file_comes_back(void **state)
{
	struct place *p = *state;
	assert_true(tree_make(p->from));
	p->fd = open(p->from, O_RDONLY | O_DIRECTORY);
	put_noise(p, "large", 5 * MIB + 12345);
	backup_quietly(p);
	assert_int_equal(p->result.kind, SNAPSHOT_FULL);
	must_come_back(p);
}

static void sizes_around_chunks_blocks_and_frames_come_back(void **state)
{
	static const size_t around[] = { 1, 16 << 10, 64 << 10, 256 << 10, 512 << 10, 1 << 20,
	                                 2 << 20 };
	struct place *p = *state;
	char name[40];
	make_from(p);
	for (size_t i = 0; i < sizeof around / sizeof *around; i++)
		for (size_t d = 0; d < 3; d++) {
			snprintf(name, sizeof name, "%zu", around[i] + d - 1);
			put_noise(p, name, around[i] + d - 1);
			/* nothing to cut at: only the longest chunks */
			uint8_t *same = malloc(around[i] + d);
			assert_non_null(same);
			memset(same, 'x', around[i] + d);
			snprintf(name, sizeof name, "same-%zu", around[i] + d - 1);
			put_bytes(p, name, same, around[i] + d - 1);
			free(same);
		}
	backup_quietly(p);
	must_come_back(p);
}

static void an_empty_folder_comes_back(void **state)
{
	struct place *p = *state;
	make_from(p);
	backup_quietly(p);
	assert_int_equal(p->result.bytes_read, 0);
	must_come_back(p);
	backup_quietly(p);
	assert_int_equal(p->result.kind, SNAPSHOT_UNCHANGED);
	must_come_back(p);
}

static void one_folder_of_many_comes_back_with_its_parents(void **state)
{
	struct place *p = *state;
	struct stat st;
	char path[PATHS + 20];
	make_from(p);
	assert_int_equal(mkdirat(p->fd, "a", 0755), 0);
	assert_int_equal(mkdirat(p->fd, "a/b", 0750), 0);
	put_noise(p, "a/b/wanted", 3 * MIB);
	put_noise(p, "a/other", MIB);
	put_noise(p, "z", MIB);
	backup_quietly(p);
	if (restore(p, p->result.seq, "a/b") != 0)
		fail_msg("%s", p->err.msg);
	snprintf(path, sizeof path, "%s/a/b/wanted", p->to);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 3 * MIB);
	snprintf(path, sizeof path, "%s/a/b", p->to);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0750);
	snprintf(path, sizeof path, "%s/a/other", p->to);
	assert_int_not_equal(stat(path, &st), 0);
	assert_int_equal(restore(p, p->result.seq, "a/nothing"), ERR_ABSENT);
}

/* ---- what is read and stored ---- */

static void what_has_not_changed_is_neither_read_nor_stored(void **state)
{
	struct place *p = *state;
	make_from(p);
	put_noise(p, "kept", 4 * MIB);
	put_noise(p, "changed", 4 * MIB);
	assert_int_equal(mkdirat(p->fd, "folder", 0755), 0);
	sleep(RACY_S);
	backup_quietly(p);
	assert_int_equal(p->result.bytes_read, 8 * MIB);
	assert_int_equal(p->result.bytes_changed, 8 * MIB);
	backup_quietly(p);
	assert_int_equal(p->result.kind, SNAPSHOT_UNCHANGED);
	assert_int_equal(p->result.bytes_read, 0);
	assert_int_equal(p->result.bytes_stored, 0);

	overwrite(p, "changed", 2 * MIB, 1000);
	backup_quietly(p);
	assert_int_equal(p->result.kind, SNAPSHOT_INCREMENTAL);
	assert_int_equal(p->result.bytes_read, 4 * MIB);
	assert_in_range(p->result.bytes_changed, 1000, 3 * 256 << 10);
	must_come_back(p);

	p->options.reread = true;
	backup_quietly(p);
	assert_int_equal(p->result.bytes_read, 8 * MIB);
	assert_int_equal(p->result.bytes_changed, 0);
	assert_int_equal(p->result.kind, SNAPSHOT_UNCHANGED);
	must_come_back(p);

	p->options.reread = false;
	p->spec.rehash_s = 1;
	sleep(1);
	backup_quietly(p);
	assert_int_equal(p->result.bytes_read, 8 * MIB);
}

static void changes_without_new_bytes_are_changes(void **state)
{
	struct place *p = *state;
	make_from(p);
	put_noise(p, "a", MIB);
	put_noise(p, "b", 100);
	backup_quietly(p);
	assert_int_equal(fchmodat(p->fd, "a", 0600, 0), 0);
	backup_quietly(p);
	assert_int_equal(p->result.kind, SNAPSHOT_INCREMENTAL);
	assert_int_equal(p->result.bytes_changed, 0);
	must_come_back(p);
	assert_int_equal(unlinkat(p->fd, "b", 0), 0);
	backup_quietly(p);
	assert_int_equal(p->result.kind, SNAPSHOT_INCREMENTAL);
	must_come_back(p);
	assert_int_equal(renameat(p->fd, "a", p->fd, "c"), 0);
	backup_quietly(p);
	assert_int_equal(p->result.kind, SNAPSHOT_INCREMENTAL);
	assert_int_equal(p->result.bytes_changed, 0);
	must_come_back(p);
}

static void duplicates_are_stored_once(void **state)
{
	struct place *p = *state;
	char name[20];
	make_from(p);
	uint8_t *bytes = new_noise(p, 3 * MIB);
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof name, "copy%d", i);
		put_bytes(p, name, bytes, 3 * MIB);
	}
	free(bytes);
	backup_quietly(p);
	assert_int_equal(p->result.bytes_read, 30 * MIB);
	assert_int_equal(p->result.bytes_changed, 3 * MIB);
	assert_true(p->result.bytes_stored < 4 * MIB);
	must_come_back(p);
}

static void many_small_copies_end_in_time(void **state)
{
	enum { COPIES = 40000 };
	struct place *p = *state;
	char name[20];
	make_from(p);
	for (int i = 0; i < COPIES; i++) {
		snprintf(name, sizeof name, "%d", i);
		put_bytes(p, name, "the same in all", 15);
	}
	backup_quietly(p);
	assert_int_equal(p->result.bytes_changed, 15);
	must_come_back(p);
}

static void zeros_are_listed_and_not_stored(void **state)
{
	struct place *p = *state;
	make_from(p);
	put_bytes(p, "sparse", "", 0);
	int fd = openat(p->fd, "sparse", O_WRONLY);
	assert_int_equal(ftruncate(fd, 100 * MIB), 0);
	close(fd);
	backup_quietly(p);
	assert_int_equal(p->result.bytes_read, 100 * MIB);
	assert_int_equal(p->result.bytes_changed, 0);
	assert_int_equal(p->result.packs, 0);
	must_come_back(p);
}

static void a_dry_run_counts_and_stores_nothing(void **state)
{
	struct place *p = *state;
	make_from(p);
	put_noise(p, "a", 3 * MIB);
	p->options.dry_run = true;
	backup_quietly(p);
	assert_int_equal(p->result.bytes_read, 3 * MIB);
	assert_int_equal(p->result.bytes_changed, 3 * MIB);
	assert_int_equal(p->result.packs, 0);
	p->options.dry_run = false;
	backup_quietly(p);
	assert_int_equal(p->result.seq, 1);
	overwrite(p, "a", 0, 10);
	p->options.dry_run = true;
	backup_quietly(p);
	assert_in_range(p->result.bytes_changed, 10, 256 << 10);
	assert_int_equal(p->result.kind, SNAPSHOT_INCREMENTAL);
	p->options.dry_run = false;
	backup_quietly(p);
	assert_int_equal(p->result.seq, 2);
	assert_in_range(p->result.bytes_changed, 10, 256 << 10);
	must_come_back(p);
}

static void a_dump_is_stored_like_a_file(void **state)
{
	struct place *p = *state;
	char command[PATHS + 20], path[PATHS + 20];
	make_from(p);
	put_noise(p, "data", 6 * MIB);
	snprintf(command, sizeof command, "cat %s/data", p->from);
	p->spec.source = (struct source_options){ .type = "command", .name = "crm",
	                                          .command = command };
	backup_quietly(p);
	assert_int_equal(p->result.bytes_changed, 6 * MIB);
	overwrite(p, "data", 3 * MIB, 10);
	backup_quietly(p);
	assert_int_equal(p->result.bytes_read, 6 * MIB);
	assert_in_range(p->result.bytes_changed, 10, 2 * 256 << 10);
	if (restore(p, 2, NULL) != 0)
		fail_msg("%s", p->err.msg);
	snprintf(path, sizeof path, "%s/crm.dump", p->to);
	int a = openat(p->fd, "data", O_RDONLY), b = open(path, O_RDONLY);
	assert_true(a >= 0 && b >= 0 && tree_same_data(a, b));
	close(a);
	close(b);
}

/* ---- generations ---- */

static void restores_stay_exact_and_lean_over_many_generations(void **state)
{
	enum { FILES = 12, GENERATIONS = 20, SIZE = 3 * MIB };
	struct place *p = *state;
	char name[40];
	make_from(p);
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof name, "f%d", i);
		put_noise(p, name, SIZE);
	}
	backup_quietly(p);
	uint64_t evacuated = 0;
	for (int g = 1; g <= GENERATIONS; g++) {
		for (int i = 0; i < 4; i++) {
			snprintf(name, sizeof name, "f%d", (g * 5 + i * i) % FILES);
			overwrite(p, name, (off_t)((g * 7 + i) % 5) * (SIZE / 5), SIZE / 5);
		}
		backup_quietly(p);
		evacuated += p->result.bytes_evacuated;
		assert_int_equal(p->result.kind, SNAPSHOT_INCREMENTAL);
		assert_true((double)listed_bytes(p, p->result.seq) < 1.65 * FILES * SIZE);
		must_come_back(p);
	}
	assert_true(evacuated > 0);
	assert_true(p->result.seq == GENERATIONS + 1);
	/* and the first ones are what they were */
	assert_int_equal(restore(p, 1, NULL), 0);
	assert_int_equal(restore(p, 10, NULL), 0);
}

static void shared_chunks_count_once_in_what_packs_hold(void **state)
{
	struct place *p = *state;
	char name[20];
	make_from(p);
	/* one pack: a quarter in many copies, the rest unique and then deleted */
	uint8_t *bytes = new_noise(p, 3 * MIB);
	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof name, "copy%d", i);
		put_bytes(p, name, bytes, 3 * MIB);
	}
	free(bytes);
	put_noise(p, "gone", 9 * MIB);
	backup_quietly(p);
	assert_int_equal(unlinkat(p->fd, "gone", 0), 0);
	backup_quietly(p);
	backup_quietly(p);
	assert_true(listed_bytes(p, 3) < 5 * MIB);
	must_come_back(p);
	assert_int_equal(p->result.bytes_evacuated, 3 * MIB);
}

/* ---- interruptions ---- */

/* Returns how the child died: 0, or its signal. */
static int backup_in_child(struct place *p, const char *url)
{
	pid_t pid = fork();
	if (pid == 0) {
		reopen_at(p, url);
		int rc = backup_run(p->made.vault, &p->spec, 1, &p->options, &p->result, &p->err);
		_exit(rc == 0 ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static int set_up_file(void **state)
{
	char dir[SCRATCH_MAX], url[PATHS];
	if (!scratch_make(dir))
		return -1;
	snprintf(url, sizeof url, "file://%s", dir);
	return set_up_at(state, url);
}

static int tear_down_file(void **state)
{
	struct place *p = *state;
	char dir[PATHS];
	snprintf(dir, sizeof dir, "%s", p->url + strlen("file://"));
	tear_down(state);
	remove_tree(dir);
	return 0;
}

static void killed_at_put(struct place *p, unsigned put)
{
	char url[PATHS + 200];
	snprintf(url, sizeof url, "faulty://put=%u:kill/%s", put, p->url);
	assert_int_equal(backup_in_child(p, url), SIGKILL);
}

/* n files of 12 MiB */
static void put_many(struct place *p, int n)
{
	for (int i = 0; i < n; i++)
		put_noise(p, (const char[]){ (char)('a' + i), '\0' }, 12 * MIB);
}

/* The first put of a run is that of its epoch key, where there is none yet. */
static void a_killed_first_run_is_continued(void **state)
{
	struct place *p = *state;
	make_from(p);
	put_many(p, 5);
	killed_at_put(p, 4);
	assert_true(packs_in_vault(p) >= 1);
	backup_quietly(p);
	assert_int_equal(p->result.seq, 1);
	assert_int_equal(p->result.kind, SNAPSHOT_FULL);
	assert_true(p->result.bytes_changed < (60 - 12) * MIB);
	assert_true(listed_bytes(p, 1) < 62 * MIB);
	must_come_back(p);
	backup_quietly(p);
	assert_int_equal(p->result.bytes_changed, 0);
	must_come_back(p);
}

static void a_killed_incremental_run_is_continued(void **state)
{
	struct place *p = *state;
	make_from(p);
	put_noise(p, "old", 5 * MIB);
	backup_quietly(p);
	put_many(p, 5);
	killed_at_put(p, 3);
	overwrite(p, "old", 0, 100);
	killed_at_put(p, 2);
	backup_quietly(p);
	assert_int_equal(p->result.seq, 2);
	assert_true(p->result.bytes_changed < (60 - 12) * MIB);
	must_come_back(p);
	assert_true(listed_bytes(p, 2) < 70 * MIB);
}

static void a_run_killed_before_its_first_pack_leaves_nothing_behind(void **state)
{
	struct place *p = *state;
	make_from(p);
	put_noise(p, "a", 2 * MIB);
	sleep(RACY_S);
	backup_quietly(p);
	put_noise(p, "b", 2 * MIB);
	sleep(RACY_S);
	killed_at_put(p, 1);
	backup_quietly(p);
	assert_int_equal(p->result.bytes_read, 2 * MIB);
	assert_int_equal(p->result.bytes_changed, 2 * MIB);
	must_come_back(p);
}

static void a_full_that_is_killed_does_not_disturb_the_next_incremental(void **state)
{
	struct place *p = *state;
	make_from(p);
	put_many(p, 3);
	backup_quietly(p);
	p->options.full = true;
	killed_at_put(p, 3);
	p->options.full = false;
	overwrite(p, "a", 0, 100);
	backup_quietly(p);
	assert_int_equal(p->result.kind, SNAPSHOT_INCREMENTAL);
	assert_in_range(p->result.bytes_changed, 100, 512 << 10);
	must_come_back(p);
	p->options.full = true;
	backup_quietly(p);
	assert_int_equal(p->result.kind, SNAPSHOT_FULL);
	assert_int_equal(p->result.bytes_changed, 36 * MIB);
	must_come_back(p);
	p->options.full = false;
	backup_quietly(p);
	assert_int_equal(p->result.bytes_changed, 0);
	must_come_back(p);
}

static void a_run_killed_behind_its_commit_is_finished_by_the_next(void **state)
{
	struct place *p = *state;
	char url[PATHS + 200];
	make_from(p);
	put_noise(p, "a", MIB);
	/* key, pack, snapshot */
	snprintf(url, sizeof url, "faulty://put=3:killafter/%s", p->url);
	assert_int_equal(backup_in_child(p, url), SIGKILL);
	put_noise(p, "b", MIB);
	backup_quietly(p);
	assert_int_equal(p->result.seq, 2);
	assert_int_equal(p->result.kind, SNAPSHOT_INCREMENTAL);
	assert_int_equal(p->result.bytes_changed, MIB);
	must_come_back(p);
}

/* It may be doomed at any moment: nobody is to rely on a pack that no snapshot lists. */
static void packs_of_earlier_runs_that_no_snapshot_lists_do_not_count(void **state)
{
	struct place *p = *state;
	static const char passing[] = "passing";
	char url[PATHS + 200];
	make_from(p);
	put_noise(p, "a", MIB);
	backup_quietly(p);
	uint64_t seed = p->seed;
	put_noise(p, passing, 40 * MIB);
	killed_at_put(p, 3);
	assert_int_equal(unlinkat(p->fd, passing, 0), 0);
	put_noise(p, "b", MIB);
	snprintf(url, sizeof url, "faulty://put=2:killafter/%s", p->url);
	assert_int_equal(backup_in_child(p, url), SIGKILL);
	p->seed = seed;
	put_noise(p, passing, 40 * MIB);
	backup_quietly(p);
	assert_int_equal(p->result.seq, 3);
	assert_int_equal(p->result.bytes_changed, 40 * MIB);
	must_come_back(p);
}

static void a_failing_vault_ends_the_run_and_the_next_one_succeeds(void **state)
{
	struct place *p = *state;
	char url[PATHS + 200];
	make_from(p);
	put_many(p, 4);
	snprintf(url, sizeof url, "faulty://put=3+:space/%s", p->url);
	reopen_at(p, url);
	assert_int_equal(backup_run(p->made.vault, &p->spec, 1, &p->options, &p->result, &p->err),
	                 ERR_SPACE);
	reopen_at(p, p->url);
	backup_quietly(p);
	must_come_back(p);
}

static volatile sig_atomic_t stop;

static void stop_later(void *arg, const struct progress_state *s)
{
	(void)arg;
	if (s->done_bytes > 20 * MIB)
		stop = 1;
}

static void a_run_that_is_stopped_ends_soon(void **state)
{
	struct place *p = *state;
	make_from(p);
	put_many(p, 4);
	stop = 0;
	p->progress = (struct progress){ .report = stop_later, .stop = &stop };
	assert_int_equal(backup_run(p->made.vault, &p->spec, 1, &p->options, &p->result, &p->err),
	                 ERR_STOPPED);
	assert_true(p->result.bytes_read < 48 * MIB);
	p->progress = (struct progress){ 0 };
	backup_quietly(p);
	must_come_back(p);
}

/* ---- losses ---- */

static void a_pack_that_vanished_makes_a_full(void **state)
{
	struct place *p = *state;
	char name[NAMES_MAX];
	make_from(p);
	put_noise(p, "a", 3 * MIB);
	sleep(RACY_S);
	backup_quietly(p);
	pack_name(p, 1, 0, name);
	assert_int_equal(storage_remove(vault_storage(p->made.vault), name, &p->err), 0);
	backup(p);
	assert_int_equal(p->result.kind, SNAPSHOT_FULL);
	assert_int_equal(p->result.warning.code, ERR_ABSENT);
	assert_int_equal(p->result.bytes_changed, 3 * MIB);
	must_come_back(p);
}

static void harm(const char *path, off_t at)
{
	static const char rubbish[4096] = "rubbish";
	int fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, rubbish, sizeof rubbish, at), sizeof rubbish);
	close(fd);
}

static void a_lost_or_damaged_index_costs_only_time(void **state)
{
	struct place *p = *state;
	char path[PATHS + 200];
	struct stat st;
	make_from(p);
	put_noise(p, "a", 30 * MIB);
	for (int i = 0; i < 300; i++) {
		char name[20];
		snprintf(name, sizeof name, "small%d", i);
		put_noise(p, name, 100);
	}
	backup_quietly(p);
	state_file(p, "index.db", path);
	assert_int_equal(unlink(path), 0);
	backup_quietly(p);
	assert_int_equal(p->result.bytes_changed, 30 * MIB + 300 * 100);
	must_come_back(p);
	assert_int_equal(stat(path, &st), 0);
	for (off_t at = 0; at < st.st_size; at += 5 * 4096) {
		harm(path, at);
		backup(p);
		must_come_back(p);
		backup_quietly(p);
		assert_int_equal(p->result.bytes_changed, 0);
	}
}

static void a_dump_is_drained_when_its_index_is_of_no_use(void **state)
{
	struct place *p = *state;
	char command[PATHS + 20], name[NAMES_MAX];
	make_from(p);
	put_noise(p, "data", 6 * MIB);
	snprintf(command, sizeof command, "cat %s/data", p->from);
	p->spec.source = (struct source_options){ .type = "command", .name = "crm",
	                                          .command = command };
	backup_quietly(p);
	pack_name(p, 1, 0, name);
	assert_int_equal(storage_remove(vault_storage(p->made.vault), name, &p->err), 0);
	backup(p);
	assert_int_equal(p->result.kind, SNAPSHOT_FULL);
	assert_int_equal(p->result.seq, 2);
}

static void damage_in_a_pack_names_pack_and_file(void **state)
{
	struct place *p = *state;
	char name[NAMES_MAX];
	make_from(p);
	put_noise(p, "first", 100);
	put_noise(p, "second", 3 * MIB);
	backup_quietly(p);
	pack_name(p, 1, 0, name);
	struct backend *b = vault_storage(p->made.vault);
	uint8_t *bytes = malloc(PACK_BYTES);
	size_t len;
	assert_non_null(bytes);
	assert_int_equal(storage_get(b, name, 0, bytes, PACK_BYTES, &len, &p->err), 0);
	bytes[len / 2] ^= 1;
	assert_int_equal(storage_put(b, name, bytes, len, BACKEND_REPLACE, &p->err), 0);
	free(bytes);
	assert_int_equal(restore(p, 1, NULL), ERR_CORRUPT);
	assert_non_null(strstr(p->err.msg, "file 'second': pack "));
	assert_non_null(strstr(p->err.msg, "frame "));
}

static int no_entry(struct sink *k, const struct source_entry *e, struct err *err)
{
	(void)k, (void)e, (void)err;
	return 0;
}

static int no_data(struct sink *k, const void *data, size_t len, struct err *err)
{
	(void)k, (void)data, (void)len, (void)err;
	return 0;
}

static int no_close(struct sink *k, struct err *err)
{
	(void)k, (void)err;
	return 0;
}

static void no_free(struct sink *k) { (void)k; }

/* Every file through restore_stream. */
static int read_back(struct place *p, const struct open_snapshot *s, const struct sum_keys *keys)
{
	static const struct sink_ops ops = { no_entry, no_data, no_close, no_free };
	const struct head *h = &s->entry->head;
	struct sink sink = { &ops };
	struct meter meter;
	struct body_file f;
	meter_begin(&meter, NULL, "tree");
	AUTO(fetch) fetch = fetch_new(p->made.vault, s->keys, h->writer, h->store, h->packs,
	                              h->n_packs, &meter, &p->err);
	AUTO(body_reader) body = open_snapshot_body(s, &p->err);
	AUTO(restore_stream) r = restore_stream_new(fetch, keys, &sink, 2, &meter, &p->err);
	int rc = 0;
	while (rc == 0 && (rc = body_next(body, h->n_packs, &f, &p->err)) == 1)
		rc = restore_stream_file(r, &f, &p->err);
	return rc == 0 ? restore_stream_end(r, &p->err) : rc;
}

static void what_does_not_match_its_sum_is_refused(void **state)
{
	struct place *p = *state;
	make_from(p);
	put_noise(p, "a", 3 * MIB);
	backup_quietly(p);
	struct store_info info = store_of(p);
	AUTO(open_snapshot) s = open_snapshot_new(p->made.vault, info.writer, info.store, 1, &p->err);
	assert_non_null(s);
	assert_int_equal(read_back(p, s, &s->sum_keys), 0);
	struct sum_keys other = s->sum_keys;
	other.tag[0] ^= 1;
	assert_int_equal(read_back(p, s, &other), ERR_CORRUPT);
	assert_non_null(strstr(p->err.msg, "file 'a': does not match its sum"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_FILE(name) cmocka_unit_test_setup_teardown(name, set_up_file, tear_down_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_kind_of_file_comes_back),
		TEST(sizes_around_chunks_blocks_and_frames_come_back),
		TEST(an_empty_folder_comes_back),
		TEST(one_folder_of_many_comes_back_with_its_parents),
		TEST(what_has_not_changed_is_neither_read_nor_stored),
		TEST(changes_without_new_bytes_are_changes),
		TEST(duplicates_are_stored_once),
		TEST(many_small_copies_end_in_time),
		TEST(zeros_are_listed_and_not_stored),
		TEST(a_dry_run_counts_and_stores_nothing),
		TEST(a_dump_is_stored_like_a_file),
		TEST(restores_stay_exact_and_lean_over_many_generations),
		TEST(shared_chunks_count_once_in_what_packs_hold),
		TEST_FILE(a_killed_first_run_is_continued),
		TEST_FILE(a_killed_incremental_run_is_continued),
		TEST_FILE(a_run_killed_before_its_first_pack_leaves_nothing_behind),
		TEST_FILE(a_full_that_is_killed_does_not_disturb_the_next_incremental),
		TEST_FILE(a_run_killed_behind_its_commit_is_finished_by_the_next),
		TEST_FILE(packs_of_earlier_runs_that_no_snapshot_lists_do_not_count),
		TEST(a_failing_vault_ends_the_run_and_the_next_one_succeeds),
		TEST(a_run_that_is_stopped_ends_soon),
		TEST(a_pack_that_vanished_makes_a_full),
		TEST(a_lost_or_damaged_index_costs_only_time),
		TEST(a_dump_is_drained_when_its_index_is_of_no_use),
		TEST(damage_in_a_pack_names_pack_and_file),
		TEST(what_does_not_match_its_sum_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
