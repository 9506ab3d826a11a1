/* What the file driver promises beyond the contract: modes, crashes, full disks, links. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "holdfast/err.h"
#include "scratch.h"
#include "vault/storage.h"

enum { BIG = 16 << 20, NOBODY = 65534 };

struct place {
	char folder[SCRATCH_MAX];
	char vault[SCRATCH_MAX + 10];
	struct backend *b;
	struct err err;
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	if (!p || !scratch_make(p->folder))
		return -1;
	snprintf(p->vault, sizeof p->vault, "%s/vault", p->folder);
	p->b = storage_open(p->vault, NULL, &p->err);
	*state = p;
	return p->b ? 0 : -1;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	storage_free(p->b);
	umount2(p->vault, MNT_DETACH);   /* where a test that mounts failed */
	scratch_remove(p->folder);
	free(p);
	return 0;
}

static const char *in_vault(const struct place *p, const char *name)
{
	static char path[SCRATCH_MAX + 300];
	snprintf(path, sizeof path, "%s/%s", p->vault, name);
	return path;
}

static int put(struct place *p, const char *name)
{
	return storage_put(p->b, name, "text", 4, BACKEND_NEW, &p->err);
}

static int get(struct place *p, const char *name)
{
	char got[8];
	size_t len;
	return storage_get(p->b, name, 0, got, sizeof got, &len, &p->err);
}

static uint8_t *big(void)
{
	uint8_t *m = aligned_alloc(BACKEND_ALIGN, BIG);
	assert_non_null(m);
	memset(m, 'x', BIG);
	return m;
}

/* How many entries of a folder begin so; "" counts all but . and .. */
static unsigned count(const struct place *p, const char *folder, const char *begin)
{
	DIR *dir = opendir(in_vault(p, folder));
	unsigned n = 0;
	for (const struct dirent *e; dir && (e = readdir(dir)) != NULL;)
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		     strncmp(e->d_name, begin, strlen(begin)) == 0;
	if (dir)
		closedir(dir);
	return n;
}

static void modes_do_not_depend_on_the_umask(void **state)
{
	struct place *p = *state;
	static const mode_t masks[] = { 0, 022, 0277 };
	static const char *const folders[] = { "a", "b", "c" };
	for (size_t i = 0; i < 3; i++) {
		char name[20];
		struct stat st;
		snprintf(name, sizeof name, "%s/object", folders[i]);
		mode_t before = umask(masks[i]);
		int rc = put(p, name);
		umask(before);
		/* only root can enter a folder that has no permissions yet */
		if (rc != 0 && geteuid() != 0)
			continue;
		assert_int_equal(rc, 0);
		assert_int_equal(stat(in_vault(p, folders[i]), &st), 0);
		assert_int_equal(st.st_mode & 07777, 0700);
		assert_int_equal(stat(in_vault(p, name), &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
}

static void opening_makes_nothing(void **state)
{
	struct place *p = *state;
	assert_int_equal(get(p, "a/b"), ERR_ABSENT);
	assert_non_null(strstr(p->err.msg, "is not there"));
	assert_non_null(strstr(p->err.msg, p->vault));
	assert_int_equal(access(p->vault, F_OK), -1);
	assert_int_equal(put(p, "a/b"), 0);
	assert_int_equal(get(p, "a/b"), 0);
}

static void a_vault_that_vanishes_is_not_absent_and_not_made_again(void **state)
{
	struct place *p = *state;
	char away[SCRATCH_MAX + 20];
	struct backend_object o;
	snprintf(away, sizeof away, "%s/away", p->folder);
	assert_int_equal(put(p, "a/b"), 0);
	assert_int_equal(rename(p->vault, away), 0);
	assert_int_equal(get(p, "a/b"), ERR_UNREACHABLE);
	assert_int_equal(storage_stat(p->b, "a/b", &o, &p->err), ERR_UNREACHABLE);
	assert_int_equal(storage_list(p->b, "", NULL, NULL, &p->err), ERR_UNREACHABLE);
	assert_int_equal(storage_remove(p->b, "a/b", &p->err), ERR_UNREACHABLE);
	assert_int_equal(put(p, "a/c"), ERR_UNREACHABLE);
	assert_int_equal(access(p->vault, F_OK), -1);
	assert_int_equal(rename(away, p->vault), 0);
	assert_int_equal(get(p, "a/b"), 0);
}

static void a_folder_that_vanishes_is_made_again(void **state)
{
	struct place *p = *state;
	assert_int_equal(put(p, "a/b/c"), 0);
	assert_int_equal(unlink(in_vault(p, "a/b/c")), 0);
	assert_int_equal(rmdir(in_vault(p, "a/b")), 0);
	assert_int_equal(rmdir(in_vault(p, "a")), 0);
	assert_int_equal(put(p, "a/b/c"), 0);
	assert_int_equal(get(p, "a/b/c"), 0);
}

static void urls_name_the_same_folder(void **state)
{
	struct place *p = *state;
	char url[SCRATCH_MAX + 40], here[4096];
	assert_int_equal(put(p, "a"), 0);
	assert_non_null(getcwd(here, sizeof here));
	assert_int_equal(chdir(p->folder), 0);
	const char *const urls[] = { p->vault, url, "./vault", "./vault//", "file://./vault" };
	snprintf(url, sizeof url, "file://%s/", p->vault);
	struct backend *opened[5];
	for (size_t i = 0; i < 5; i++)
		opened[i] = storage_open(urls[i], NULL, &p->err);
	assert_int_equal(chdir(here), 0);
	for (size_t i = 0; i < 5; i++) {
		struct backend_object o;
		assert_non_null(opened[i]);
		assert_int_equal(storage_stat(opened[i], "a", &o, &p->err), 0);
		storage_free(opened[i]);
	}
}

static void what_is_no_folder_is_refused(void **state)
{
	struct place *p = *state;
	char below[SCRATCH_MAX + 30];
	assert_int_equal(put(p, "a"), 0);
	assert_null(storage_open(in_vault(p, "a"), NULL, &p->err));
	assert_int_equal(p->err.code, ERR_INVALID);
	snprintf(below, sizeof below, "%s/a/b", p->vault);
	assert_null(storage_open(below, NULL, &p->err));
	assert_int_equal(p->err.code, ERR_INVALID);
	assert_null(storage_open("file://srv/vault", NULL, &p->err));
	assert_int_equal(p->err.code, ERR_INVALID);
	assert_null(storage_open("file://", NULL, &p->err));
	assert_int_equal(p->err.code, ERR_INVALID);
}

static int forbid(void *arg, const struct backend_object *o, struct err *err)
{
	(void)arg;
	return err_set(err, ERR_INVALID, "visited %s", o->name);
}

static void files_that_are_no_objects_are_not_listed(void **state)
{
	struct place *p = *state;
	assert_int_equal(put(p, "a/b"), 0);
	assert_int_equal(storage_remove(p->b, "a/b", &p->err), 0);
	assert_int_equal(symlink("/etc/passwd", in_vault(p, "a/link")), 0);
	assert_int_equal(symlink("/etc", in_vault(p, "a/folder")), 0);
	assert_int_equal(mkfifo(in_vault(p, "a/fifo"), 0600), 0);
	assert_int_equal(close(creat(in_vault(p, "a/.hidden"), 0600)), 0);
	assert_int_equal(close(creat(in_vault(p, "a/.tmp-1-ff"), 0600)), 0);
	assert_int_equal(close(creat(in_vault(p, "a/with space"), 0600)), 0);
	assert_int_equal(mkdir(in_vault(p, "lost+found"), 0), 0);
	assert_int_equal(storage_list(p->b, "", forbid, NULL, &p->err), 0);
	/* neither absent nor there: an error, and no waiting for the FIFO's writer */
	assert_int_equal(get(p, "a/fifo"), ERR_IO);
}

static void links_are_not_followed(void **state)
{
	struct place *p = *state;
	struct backend_object o;
	char outside[SCRATCH_MAX + 20];
	snprintf(outside, sizeof outside, "%s/outside", p->folder);
	assert_int_equal(put(p, "a"), 0);
	assert_int_equal(mkdir(outside, 0700), 0);
	assert_int_equal(symlink("../outside", in_vault(p, "folder")), 0);
	assert_int_equal(symlink("a", in_vault(p, "link")), 0);
	assert_int_equal(get(p, "link"), ERR_IO);
	assert_int_equal(storage_stat(p->b, "link", &o, &p->err), ERR_IO);
	assert_int_equal(get(p, "folder/x"), ERR_IO);
	assert_int_equal(put(p, "folder/x"), ERR_IO);
	assert_int_equal(storage_list(p->b, "folder/", forbid, NULL, &p->err), ERR_IO);
	assert_int_equal(rmdir(outside), 0);
}

/* ---- denied is not absent ---- */

static void what_may_not_be_read_is_denied_and_not_absent(void **state)
{
	struct place *p = *state;
	struct backend_object o;
	bool root = geteuid() == 0;
	assert_int_equal(put(p, "a/b"), 0);
	assert_int_equal(chmod(in_vault(p, "a"), root ? 0700 : 0), 0);
	assert_int_equal(chmod(p->folder, 0755), 0);
	assert_int_equal(chmod(p->vault, 0755), 0);
	if (root)
		assert_int_equal(seteuid(NOBODY), 0);
	struct err err;
	char byte;
	size_t len;
	int got = storage_get(p->b, "a/b", 0, &byte, 1, &len, &err);
	int missing = storage_get(p->b, "a/x", 0, &byte, 1, &len, &err);
	int there = storage_stat(p->b, "a/b", &o, &err);
	int listed = storage_list(p->b, "", forbid, NULL, &err);
	int removed = storage_remove(p->b, "a/b", &err);
	int stored = storage_put(p->b, "a/c", "x", 1, BACKEND_NEW, &err);
	int above = storage_get(p->b, "x", 0, &byte, 1, &len, &err);
	if (root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(in_vault(p, "a"), 0700), 0);
	assert_int_equal(got, ERR_DENIED);
	assert_int_equal(missing, ERR_DENIED);
	assert_int_equal(there, ERR_DENIED);
	assert_int_equal(listed, ERR_DENIED);
	assert_int_equal(removed, ERR_DENIED);
	assert_int_equal(stored, ERR_DENIED);
	assert_int_equal(above, ERR_ABSENT);
	assert_int_equal(get(p, "a/b"), 0);
}

/* ---- full disks ---- */

/* Put until it fails for lack of space; then nothing of the failed put may be left. */
static void fill_up(struct place *p, const uint8_t *data, size_t len, enum backend_put_mode mode)
{
	int rc = 0;
	unsigned n = 0;
	char name[40];
	for (; rc == 0 && n < 100; n++) {
		snprintf(name, sizeof name, "packs/%zu-%u", len, n);
		rc = storage_put(p->b, name, data, len, mode, &p->err);
	}
	assert_int_equal(rc, ERR_SPACE);
	assert_int_equal(p->err.sys, ENOSPC);
	assert_int_equal(get(p, name), ERR_ABSENT);
	assert_int_equal(count(p, "packs", ".tmp-"), 0);
	assert_int_equal(count(p, "packs", ""), n - 1);
	while (n-- > 1) {
		snprintf(name, sizeof name, "packs/%zu-%u", len, n - 1);
		assert_int_equal(storage_remove(p->b, name, &p->err), 0);
	}
}

static void a_full_disk_leaves_no_object_and_no_leftovers(void **state)
{
	struct place *p = *state;
	assert_int_equal(mkdir(p->vault, 0700), 0);
	if (mount("tmpfs", p->vault, "tmpfs", 0, "size=4m") != 0) {
		print_message("skipped: a file system of 4 MiB cannot be mounted here: %s\n",
		              strerror(errno));
		skip();
	}
	uint8_t *data = big();
	fill_up(p, data, BIG, BACKEND_NEW);
	fill_up(p, data, (3 << 20) + 5, BACKEND_REPLACE);
	fill_up(p, data + 1, (1 << 20) + 5, BACKEND_NEW);
	fill_up(p, data, 300000, BACKEND_NEW);
	free(data);
	assert_int_equal(umount2(p->vault, MNT_DETACH), 0);
}

/* ---- crashes ---- */

static void put_many(struct place *p, const uint8_t *data)
{
	for (unsigned n = 0; n < 20; n++) {
		char name[60];
		snprintf(name, sizeof name, "packs/%d-%u", (int)getpid(), n);
		if (storage_put(p->b, name, data, BIG, BACKEND_NEW, &p->err) != 0)
			break;
	}
	_exit(1);
}

/* A child puts large objects and is killed soon after its first temporary is seen. */
static void kill_a_writer(struct place *p, const uint8_t *data, long after_us)
{
	unsigned before = count(p, "packs", ".tmp-");
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		put_many(p, data);
	int status;
	while (count(p, "packs", ".tmp-") == before)
		assert_int_equal(waitpid(child, &status, WNOHANG), 0);
	nanosleep(&(struct timespec){ 0, after_us * 1000 }, NULL);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

static int expect_whole(void *arg, const struct backend_object *o, struct err *err)
{
	struct place *p = arg;
	char last;
	size_t len;
	if (o->size_bytes != BIG || strncmp(o->name, "packs/", 6) != 0)
		return err_set(err, ERR_CORRUPT, "%s has %d bytes", o->name, (int)o->size_bytes);
	if (storage_get(p->b, o->name, BIG - 1, &last, 1, &len, err) != 0)
		return err->code;
	if (len != 1 || last != 'x')
		return err_set(err, ERR_CORRUPT, "%s ends wrongly", o->name);
	return storage_remove(p->b, o->name, err);
}

static void a_killed_put_leaves_no_visible_object(void **state)
{
	struct place *p = *state;
	assert_int_equal(put(p, "packs/warm"), 0);
	assert_int_equal(storage_remove(p->b, "packs/warm", &p->err), 0);
	uint8_t *data = big();
	/* until some were hit in the middle: they leave a temporary */
	for (int i = 0; i < 200 && (i < 20 || count(p, "packs", ".tmp-") < 3); i++) {
		kill_a_writer(p, data, i * 997 % 20000);
		assert_int_equal(storage_list(p->b, "", expect_whole, p, &p->err), 0);
	}
	free(data);
	assert_in_range(count(p, "packs", ".tmp-"), 3, 200);
}

static void leave_temporary(const struct place *p, const char *name, pid_t pid, time_t age_s)
{
	char path[100];
	snprintf(path, sizeof path, "packs/.tmp-%d-%s", (int)pid, name);
	assert_int_equal(close(creat(in_vault(p, path), 0600)), 0);
	struct timespec times[2] = { { time(NULL) - age_s, 0 }, { time(NULL) - age_s, 0 } };
	assert_int_equal(utimensat(AT_FDCWD, in_vault(p, path), times, 0), 0);
}

static pid_t dead_pid(void)
{
	pid_t child = fork();
	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
	return child;
}

static void only_old_leftovers_of_the_dead_are_swept(void **state)
{
	struct place *p = *state;
	assert_int_equal(put(p, "packs/a"), 0);
	pid_t dead = dead_pid();
	leave_temporary(p, "old", dead, 2 * 86400);
	leave_temporary(p, "young", dead, 3600);
	leave_temporary(p, "alive", getpid(), 2 * 86400);
	storage_free(p->b);
	p->b = storage_open(p->vault, NULL, &p->err);
	assert_non_null(p->b);
	assert_int_equal(put(p, "packs/b"), 0);
	assert_int_equal(count(p, "packs", ".tmp-"), 2);
	char old[60];
	snprintf(old, sizeof old, "packs/.tmp-%d-old", (int)dead);
	assert_int_equal(access(in_vault(p, old), F_OK), -1);
	assert_int_equal(get(p, "packs/a"), 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(modes_do_not_depend_on_the_umask),
		TEST(opening_makes_nothing),
		TEST(a_vault_that_vanishes_is_not_absent_and_not_made_again),
		TEST(a_folder_that_vanishes_is_made_again),
		TEST(urls_name_the_same_folder),
		TEST(what_is_no_folder_is_refused),
		TEST(files_that_are_no_objects_are_not_listed),
		TEST(links_are_not_followed),
		TEST(what_may_not_be_read_is_denied_and_not_absent),
		TEST(a_full_disk_leaves_no_object_and_no_leftovers),
		TEST(a_killed_put_leaves_no_visible_object),
		TEST(only_old_leftovers_of_the_dead_are_swept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
