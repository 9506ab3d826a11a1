/*
 * Real full disks: small file systems in memory under vault, state and target. Each says what is
 * full and what to do; nothing that was there is lost, nothing half is visible, and once there is
 * room the next run is a good one. Needs the right to mount.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "crypto/hash.h"
#include "format/names.h"
#include "holdfast/backup.h"
#include "holdfast/restore.h"
#include "holdfast/snapshot.h"
#include "sample_vault.h"

enum { CONTENTS = 200, MIB = 1 << 20, DB_MAX = 96 << 20 };

struct scene {
	struct sample_vault v;
	char disk[SCRATCH_MAX + 8], db[SCRATCH_MAX + 16], to[SCRATCH_MAX + 16], ballast[SCRATCH_MAX + 32];
	bool mounted;
	struct buf *content[CONTENTS];
	uint64_t newest;
	unsigned version;
};

/* ---- disks ---- */

/* Mounts of a test end with it, and nobody else sees them. */
static bool may_mount(void)
{
	static int may = -1;
	if (may < 0)
		may = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	return may;
}

static void mount_disk(struct scene *s, const char *options)
{
	assert_int_equal(mkdir(s->disk, 0700), 0);
	if (mount("tmpfs", s->disk, "tmpfs", 0, options) != 0)
		fail_msg("mount: %s", strerror(errno));
	s->mounted = true;
}

static void resize_disk(const struct scene *s, const char *options)
{
	assert_int_equal(mount(NULL, s->disk, NULL, MS_REMOUNT, options), 0);
}

/* Fill the disk until this much is left. */
static void leave(const struct scene *s, uint64_t bytes)
{
	struct statvfs st;
	unlink(s->ballast);
	assert_int_equal(statvfs(s->disk, &st), 0);
	uint64_t there = (uint64_t)st.f_bavail * st.f_frsize;
	int fd = open(s->ballast, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0 && there > bytes);
	assert_int_equal(fallocate(fd, 0, 0, (off_t)(there - bytes)), 0);
	close(fd);
}

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
	char text[400];
	snprintf(text, sizeof text,
	         "pragma page_size = 4096;"
	         "create table customer (id integer primary key, version int, data blob);"
	         "with recursive n(i) as (select 1 union all select i + 1 from n where i < %u)"
	         " insert into customer select i, 0, randomblob(%u) from n;", rows, bytes);
	sql(s, text);
}

/* One row in `every` gets new content. */
static void change_db(struct scene *s, unsigned every)
{
	char text[200];
	s->version++;
	snprintf(text, sizeof text, "update customer set version = %u, data = randomblob(length(data)) "
	         "where id %% %u = %u;", s->version, every, s->version % every);
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

enum where { VAULT, STATE, TARGET, KEYS };

/* `where` lies on a disk with these options. */
static struct scene *new_scene(enum where where, const char *options, unsigned rows, unsigned bytes)
{
	struct scene *s = calloc(1, sizeof *s);
	assert_non_null(s);
	sample_place(&s->v, "file:///to-be-set");
	snprintf(s->disk, sizeof s->disk, "%s/disk", s->v.root);
	snprintf(s->ballast, sizeof s->ballast, "%s/ballast", s->disk);
	snprintf(s->db, sizeof s->db, "%s/crm.db", s->v.root);
	mount_disk(s, options);
	const char *on = s->disk, *off = s->v.root;
	snprintf(s->v.url, sizeof s->v.url, "file://%s/vault", where == VAULT ? on : off);
	snprintf(s->v.state, sizeof s->v.state, "%.190s/state", where == STATE ? on : off);
	snprintf(s->v.keys, sizeof s->v.keys, "%.190s/keys", where == KEYS ? on : off);
	snprintf(s->to, sizeof s->to, "%s/to", where == TARGET ? on : off);
	if (rows)
		make_db(s, rows, bytes);
	return s;
}

static struct scene *with_vault(enum where where, const char *options, unsigned rows, unsigned bytes)
{
	struct err err;
	struct scene *s = new_scene(where, options, rows, bytes);
	must(sample_init(&s->v.options, &err));
	sample_open(&s->v);
	sample_unlock(&s->v);
	return s;
}

static void end(struct scene *s)
{
	for (size_t i = 0; i < CONTENTS; i++)
		buf_free(s->content[i]);
	vault_free(s->v.vault);
	s->v.vault = NULL;
	if (s->mounted)
		assert_int_equal(umount2(s->disk, MNT_DETACH), 0);
	assert_int_equal(scratch_remove(s->v.root), 0);
	free(s);
}

static int back_up(const struct scene *s, bool full, struct backup_result *r, struct err *err)
{
	const struct backup_store store = {
		.source = { .type = "sqlite", .name = "crm", .path = s->db },
	};
	const struct backup_options options = { .full = full };
	memset(r, 0, sizeof *r);
	return backup_run(s->v.vault, &store, 1, &options, r, err);
}

static struct store_info info_of(const struct scene *s)
{
	struct store_info info = { .name = "crm" };
	memcpy(info.writer, vault_keyfile(s->v.vault)->id, 16);
	vault_store_id(s->v.vault, "crm", info.store);
	return info;
}

static int restore(const struct scene *s, uint64_t seq, const char *to, struct err *err)
{
	struct store_info info = info_of(s);
	const struct restore_options options = { .to = to };
	struct restore_result *r = calloc(1, sizeof *r);
	assert_non_null(r);
	int rc = restore_snapshot(s->v.vault, &info, seq, &options, r, err);
	free(r);
	return rc;
}

static void assert_is(const char *folder, const struct buf *want)
{
	char path[SCRATCH_MAX + 40];
	snprintf(path, sizeof path, "%.220s/crm.db", folder);
	AUTO(buf) got = slurp(path);
	assert_int_equal(got->len, want->len);
	assert_memory_equal(got->bytes, want->bytes, want->len);
}

static void assert_restores(const struct scene *s, uint64_t seq)
{
	struct err err;
	char to[SCRATCH_MAX];
	assert_true(scratch_make(to));
	if (restore(s, seq, to, &err) != 0)
		fail_msg("snapshot %u: %s", (unsigned)seq, err.msg);
	assert_is(to, s->content[seq]);
	assert_int_equal(scratch_remove(to), 0);
}

static int newest(void *arg, const struct snapshot_info *info, struct err *err)
{
	(void)err;
	*(uint64_t *)arg = info->seq;
	return 0;
}

/* Is every object whole? A pack's name is the hash of what it holds. */
static int look_at(void *arg, const struct backend_object *o, struct err *err)
{
	const struct scene *s = arg;
	uint8_t id[32], hash[32];
	if (!strstr(o->name, "/packs/"))
		return 0;
	AUTO(buf) b = buf_new(32 * MIB, err);
	assert_non_null(b);
	assert_int_equal(storage_get_all(vault_storage(s->v.vault), o->name, b, err), 0);
	assert_true(names_tail_id(o->name, id, 32));
	hash_plain(hash, b->bytes, b->len);
	assert_memory_equal(hash, id, 32);
	return 0;
}

static unsigned hidden;

static int count_hidden(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	hidden += type == FTW_F && path[at->base] == '.';
	return 0;
}

/* A snapshot more, or none; all objects whole; no temporary left in the vault. */
static void take_note(struct scene *s)
{
	struct err err;
	uint64_t seq = 0;
	struct store_info info = info_of(s);
	must(snapshot_list(s->v.vault, &info, newest, &seq, &err));
	must(storage_list(vault_storage(s->v.vault), "", look_at, s, &err));
	hidden = 0;
	nftw(s->v.url + strlen("file://"), count_hidden, 16, FTW_PHYS);
	assert_int_equal(hidden, 0);
	if (seq == s->newest)
		return;
	assert_int_equal(seq, s->newest + 1);
	assert_true(seq < CONTENTS);
	s->newest = seq;
	s->content[seq] = slurp(s->db);
	assert_restores(s, seq);
}

static void all_restore(const struct scene *s)
{
	for (uint64_t seq = 1; seq <= s->newest; seq++)
		assert_restores(s, seq);
}

/* What is full is named; so is what to do. */
static void assert_says_full(const struct err *err)
{
	if (err->code != ERR_SPACE || !strstr(err->hint, "room") ||
	    (!strchr(err->msg, '/') && !strchr(err->hint, '/')))
		fail_msg("%d: '%s', hint '%s'", err->code, err->msg, err->hint);
}

#define NEEDS_MOUNT()                                                                              \
	do {                                                                                       \
		if (!may_mount()) {                                                                \
			print_message("skipped: needs the right to mount a file system\n");        \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

/* ---- the vault's disk ---- */

static void a_vault_that_fills_up_during_a_full(void **state)
{
	(void)state;
	NEEDS_MOUNT();
	struct err err = { 0 };
	struct backup_result r;
	struct scene *s = with_vault(VAULT, "size=40m", 1000, 45000);
	assert_int_equal(back_up(s, false, &r, &err), ERR_SPACE);
	assert_says_full(&err);
	take_note(s);
	assert_int_equal(s->newest, 0);
	resize_disk(s, "size=200m");
	must(back_up(s, false, &r, &err));
	take_note(s);
	assert_int_equal(s->newest, 1);
	/* what had arrived was used again */
	assert_in_range(r.bytes_stored, 1, 40 * MIB);
	end(s);
}

static void a_vault_that_fills_up_during_an_incremental(void **state)
{
	(void)state;
	NEEDS_MOUNT();
	struct err err = { 0 };
	struct backup_result r;
	struct scene *s = with_vault(VAULT, "size=80m", 1000, 45000);
	must(back_up(s, false, &r, &err));
	take_note(s);
	change_db(s, 1);
	assert_int_equal(back_up(s, false, &r, &err), ERR_SPACE);
	assert_says_full(&err);
	take_note(s);
	assert_int_equal(s->newest, 1);
	assert_restores(s, 1);
	resize_disk(s, "size=300m");
	must(back_up(s, false, &r, &err));
	take_note(s);
	assert_int_equal(s->newest, 2);
	all_restore(s);
	end(s);
}

/* An odd multiple, so that fulls and incrementals take turns in the short run too. */
static uint64_t stride(uint64_t bytes)
{
	return getenv("HOLDFAST_TEST_SHORT") ? 3 * bytes : bytes;
}

/* Full at any moment: pack, key, snapshot. */
static void a_vault_with_less_and_less_room(void **state)
{
	(void)state;
	NEEDS_MOUNT();
	struct err err = { 0 };
	struct backup_result r;
	struct scene *s = with_vault(VAULT, "size=64m", 70, 4000);
	unsigned done = 0, failed = 0;
	must(back_up(s, false, &r, &err));
	take_note(s);
	for (uint64_t room = 0; room < 512 << 10; room += stride(8192)) {
		change_db(s, 5);
		leave(s, room);
		int rc = back_up(s, room % 16384 == 0, &r, &err);
		if (rc != 0)
			assert_says_full(&err);
		take_note(s);
		*(rc ? &failed : &done) += 1;
	}
	assert_true(done > 0 && failed > 0);
	unlink(s->ballast);
	must(back_up(s, false, &r, &err));
	take_note(s);
	all_restore(s);
	end(s);
}

static void a_vault_without_free_inodes(void **state)
{
	(void)state;
	NEEDS_MOUNT();
	struct err err = { 0 };
	struct backup_result r;
	struct scene *s = with_vault(VAULT, "size=64m,nr_inodes=40", 70, 4000);
	int rc = 0;
	for (unsigned i = 0; i < 40 && rc == 0; i++) {
		change_db(s, 5);
		rc = back_up(s, false, &r, &err);
		take_note(s);
	}
	assert_int_equal(rc, ERR_SPACE);
	assert_says_full(&err);
	resize_disk(s, "nr_inodes=400");
	must(back_up(s, false, &r, &err));
	take_note(s);
	all_restore(s);
	end(s);
}

/* ---- the state's disk ---- */

static void a_state_folder_with_less_and_less_room(void **state)
{
	(void)state;
	NEEDS_MOUNT();
	struct err err = { 0 };
	struct backup_result r;
	struct scene *s = with_vault(STATE, "size=64m", 70, 4000);
	unsigned failed = 0;
	must(back_up(s, false, &r, &err));
	take_note(s);
	for (uint64_t room = 0; room < 128 << 10; room += stride(4096)) {
		change_db(s, 5);
		leave(s, room);
		int rc = back_up(s, room % 8192 == 0, &r, &err);
		if (rc != 0) {
			assert_says_full(&err);
			failed++;
		}
		take_note(s);
		all_restore(s);
		unlink(s->ballast);
		change_db(s, 5);
		must(back_up(s, false, &r, &err));
		take_note(s);
	}
	assert_true(failed > 0);
	all_restore(s);
	end(s);
}

static void a_state_folder_too_small_for_its_store(void **state)
{
	(void)state;
	NEEDS_MOUNT();
	static const char *const sizes[] = { "size=4k", "size=64k", "size=512k", "size=1m", "size=2m",
		                             "size=4m" };
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct err err = { 0 };
		struct backup_result r;
		struct scene *s = new_scene(STATE, sizes[i], 1000, 45000);
		int rc = sample_init(&s->v.options, &err);
		if (rc == 0)
			s->v.vault = vault_open(&s->v.options, &err);
		if (!s->v.vault) {
			assert_says_full(&err);
			end(s);
			continue;
		}
		sample_unlock(&s->v);
		for (int run = 0; run < 2; run++) {
			if (back_up(s, false, &r, &err) != 0)
				assert_says_full(&err);
			take_note(s);
			change_db(s, 10);
		}
		resize_disk(s, "size=64m");
		must(back_up(s, false, &r, &err));
		take_note(s);
		all_restore(s);
		end(s);
	}
}

/* ---- other disks ---- */

static void a_target_too_small_is_refused_before_a_byte(void **state)
{
	(void)state;
	NEEDS_MOUNT();
	struct err err = { 0 };
	struct backup_result r;
	struct scene *s = with_vault(TARGET, "size=20m", 1000, 45000);
	must(back_up(s, false, &r, &err));
	take_note(s);
	assert_int_equal(restore(s, 1, s->to, &err), ERR_SPACE);
	assert_non_null(strstr(err.msg, s->to));
	assert_non_null(strstr(err.hint, "--to"));
	hidden = 0;
	nftw(s->to, count_hidden, 16, FTW_PHYS);
	assert_int_equal(hidden, 0);
	resize_disk(s, "size=64m");
	must(restore(s, 1, s->to, &err));
	assert_is(s->to, s->content[1]);
	end(s);
}

static void make_tree(const struct scene *s, const char *dir)
{
	char path[SCRATCH_MAX + 60];
	uint8_t *bytes = malloc(MIB);
	assert_non_null(bytes);
	assert_int_equal(mkdir(dir, 0755), 0);
	for (unsigned i = 0; i < 30; i++) {
		struct err err;
		randombytes_buf(bytes, MIB);
		snprintf(path, sizeof path, "%.200s/file-%02u", dir, i);
		must(io_write_file(path, bytes, MIB, 0644, &err));
	}
	free(bytes);
	(void)s;
}

/* A tree onto a disk that cannot take it: an error; what has its final name is whole. */
static void a_tree_onto_a_full_disk(void **state)
{
	(void)state;
	NEEDS_MOUNT();
	struct err err = { 0 };
	struct backup_result r = { 0 };
	struct scene *s = with_vault(TARGET, "size=12m", 0, 0);
	char tree[SCRATCH_MAX + 16], path[SCRATCH_MAX + 60];
	snprintf(tree, sizeof tree, "%s/tree", s->v.root);
	make_tree(s, tree);
	const struct backup_store store = {
		.source = { .type = "files", .name = "crm", .path = tree },
	};
	const struct backup_options options = { 0 };
	must(backup_run(s->v.vault, &store, 1, &options, &r, &err));
	for (int attempt = 0; attempt < 2; attempt++) {
		struct store_info info = info_of(s);
		const struct restore_options to = { .to = s->to, .source = &store.source };
		struct restore_result *rr = calloc(1, sizeof *rr);
		assert_non_null(rr);
		int rc = restore_snapshot(s->v.vault, &info, 1, &to, rr, &err);
		free(rr);
		if (attempt == 0) {
			assert_int_equal(rc, ERR_SPACE);
			assert_says_full(&err);
			resize_disk(s, "size=64m");
			for (unsigned i = 0; i < 30; i++) {
				struct stat st;
				snprintf(path, sizeof path, "%.200s/file-%02u", s->to, i);
				assert_true(stat(path, &st) != 0 || st.st_size == MIB);
			}
		} else if (rc != 0)
			fail_msg("after making room: %s", err.msg);
	}
	for (unsigned i = 0; i < 30; i++) {
		snprintf(path, sizeof path, "%.200s/file-%02u", tree, i);
		AUTO(buf) want = slurp(path);
		snprintf(path, sizeof path, "%.200s/file-%02u", s->to, i);
		AUTO(buf) got = slurp(path);
		assert_int_equal(got->len, want->len);
		assert_memory_equal(got->bytes, want->bytes, want->len);
	}
	end(s);
}

static void a_keys_folder_that_is_full_makes_no_vault(void **state)
{
	(void)state;
	NEEDS_MOUNT();
	struct err err = { 0 };
	struct scene *s = new_scene(KEYS, "size=16k", 0, 0);
	leave(s, 0);
	assert_int_equal(sample_init(&s->v.options, &err), ERR_SPACE);
	assert_non_null(strstr(err.msg, s->v.keys));
	assert_null(vault_open(&s->v.options, &err));
	assert_int_equal(err.code, ERR_ABSENT);
	end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vault_that_fills_up_during_a_full),
		cmocka_unit_test(a_vault_that_fills_up_during_an_incremental),
		cmocka_unit_test(a_vault_with_less_and_less_room),
		cmocka_unit_test(a_vault_without_free_inodes),
		cmocka_unit_test(a_state_folder_with_less_and_less_room),
		cmocka_unit_test(a_state_folder_too_small_for_its_store),
		cmocka_unit_test(a_target_too_small_is_refused_before_a_byte),
		cmocka_unit_test(a_tree_onto_a_full_disk),
		cmocka_unit_test(a_keys_folder_that_is_full_makes_no_vault),
	};
	return cmocka_run_group_tests_name("disks", tests, NULL, NULL);
}
