#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "holdfast/err.h"
#include "scratch.h"

static char folder[SCRATCH_MAX];

static int start(void **state)
{
	(void)state;
	umask(022);
	return scratch_make(folder) ? 0 : -1;
}

static int finish(void **state)
{
	(void)state;
	return scratch_remove(folder);
}

static char *in_folder(char out[PATH_MAX], const char *name)
{
	snprintf(out, PATH_MAX, "%s/%s", folder, name);
	return out;
}

static int entries(const char *name)
{
	char command[PATH_MAX + 40], path[PATH_MAX];
	snprintf(command, sizeof command, "ls -A '%s' | wc -l", in_folder(path, name));
	FILE *f = popen(command, "r");
	int n = -1;
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &n), 1);
	assert_int_equal(pclose(f), 0);
	return n;
}

static void a_written_file_reads_back_whole(void **state)
{
	(void)state;
	struct err err;
	char path[PATH_MAX];
	enum { LEN = 200001 };
	char *data = malloc(LEN);
	assert_non_null(data);
	memset(data, 'd', LEN);
	assert_int_equal(io_write_file(in_folder(path, "whole"), data, LEN, 0600, &err), 0);
	AUTO(buf) out = buf_new(LEN, &err);
	assert_int_equal(io_read_file(path, out, &err), 0);
	assert_int_equal(out->len, LEN);
	assert_memory_equal(out->bytes, data, LEN);
	free(data);
}

static void an_overlong_file_is_refused_and_never_cut(void **state)
{
	(void)state;
	struct err err;
	char path[PATH_MAX];
	assert_int_equal(io_write_file(in_folder(path, "long"), "0123456789", 10, 0600, &err), 0);
	AUTO(buf) nine = buf_new(9, &err);
	assert_int_equal(io_read_file(path, nine, &err), ERR_LIMIT);
	AUTO(buf) ten = buf_new(10, &err);
	assert_int_equal(io_read_file(path, ten, &err), 0);
	assert_int_equal(ten->len, 10);
}

static void an_absent_file_is_absent_and_named(void **state)
{
	(void)state;
	struct err err;
	char path[PATH_MAX];
	AUTO(buf) out = buf_new(10, &err);
	assert_int_equal(io_read_file(in_folder(path, "absent"), out, &err), ERR_ABSENT);
	assert_non_null(strstr(err.msg, path));
}

static void a_folder_cannot_be_read_as_a_file(void **state)
{
	(void)state;
	struct err err;
	AUTO(buf) out = buf_new(10, &err);
	assert_int_equal(io_read_file(folder, out, &err), ERR_IO);
	assert_int_equal(err.sys, EISDIR);
}

static void replacing_takes_the_mode_given_and_leaves_nothing_beside(void **state)
{
	(void)state;
	struct err err;
	struct stat st;
	char path[PATH_MAX];
	assert_int_equal(io_make_dirs(in_folder(path, "replace"), 0700, &err), 0);
	in_folder(path, "replace/file");
	assert_int_equal(io_write_file(path, "first", 5, 0644, &err), 0);
	assert_int_equal(io_write_file(path, "2nd", 3, 0666, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0666);
	assert_int_equal(st.st_size, 3);
	assert_int_equal(entries("replace"), 1);
}

static void a_failed_replacement_leaves_the_old_file_and_nothing_beside(void **state)
{
	(void)state;
	struct err err;
	char path[PATH_MAX], inside[PATH_MAX];
	assert_int_equal(io_make_dirs(in_folder(path, "failed/taken"), 0700, &err), 0);
	assert_int_equal(io_write_file(in_folder(inside, "failed/taken/old"), "old", 3, 0600, &err),
	                 0);
	assert_true(io_write_file(path, "new", 3, 0600, &err) < 0);
	assert_non_null(strstr(err.msg, path));
	assert_int_equal(entries("failed"), 1);
	assert_int_equal(entries("failed/taken"), 1);
}

static void a_temporary_is_not_written_through_a_link(void **state)
{
	(void)state;
	struct err err;
	char path[PATH_MAX], link[PATH_MAX], victim[PATH_MAX], name[64];
	assert_int_equal(io_write_file(in_folder(victim, "victim"), "kept", 4, 0600, &err), 0);
	snprintf(name, sizeof name, "linked.%d.tmp", (int)getpid());
	assert_int_equal(symlink(victim, in_folder(link, name)), 0);
	assert_true(io_write_file(in_folder(path, "linked"), "new", 3, 0600, &err) < 0);
	AUTO(buf) out = buf_new(10, &err);
	assert_int_equal(io_read_file(victim, out, &err), 0);
	assert_memory_equal(out->bytes, "kept", 4);
}

static void writing_where_no_folder_is_says_absent(void **state)
{
	(void)state;
	struct err err;
	char path[PATH_MAX];
	assert_int_equal(io_write_file(in_folder(path, "no/such"), "x", 1, 0600, &err), ERR_ABSENT);
}

static void a_full_device_is_no_space(void **state)
{
	(void)state;
	struct err err;
	IO_AUTO_FD fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(io_write(fd, "x", 1, &err), ERR_SPACE);
	assert_int_equal(err.sys, ENOSPC);
}

static void folders_are_made_with_their_parents_and_may_exist(void **state)
{
	(void)state;
	struct err err;
	struct stat st;
	char path[PATH_MAX];
	assert_int_equal(io_make_dirs(in_folder(path, "a/b//c/"), 0700, &err), 0);
	assert_int_equal(io_make_dirs(path, 0755, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void a_file_in_the_way_of_a_folder_is_an_error(void **state)
{
	(void)state;
	struct err err;
	char path[PATH_MAX];
	assert_int_equal(io_write_file(in_folder(path, "way"), "x", 1, 0600, &err), 0);
	assert_true(io_make_dirs(in_folder(path, "way/below"), 0700, &err) < 0);
}

static void paths_are_bounded(void **state)
{
	(void)state;
	struct err err;
	static char path[2 * PATH_MAX];
	memset(path, 'p', sizeof path - 1);
	assert_int_equal(io_make_dirs(path, 0700, &err), ERR_LIMIT);
	assert_int_equal(io_make_dirs("", 0700, &err), ERR_LIMIT);
	assert_int_equal(io_write_file(path, "x", 1, 0600, &err), ERR_LIMIT);
	assert_int_equal(io_sync_parent(path, &err), ERR_LIMIT);
}

static void reading_goes_on_until_enough_or_the_end(void **state)
{
	(void)state;
	struct err err;
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		for (int i = 0; i < 5; i++) {
			if (write(ends[1], "ab", 2) != 2)
				_exit(1);
			usleep(2000);
		}
		_exit(0);
	}
	close(ends[1]);
	char out[20];
	size_t got = 0;
	assert_int_equal(io_read(ends[0], out, 7, &got, &err), 0);
	assert_int_equal(got, 7);
	assert_int_equal(io_read(ends[0], out + 7, sizeof out - 7, &got, &err), 0);
	assert_int_equal(got, 3);
	assert_memory_equal(out, "ababababab", 10);
	close(ends[0]);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void positions_are_read_and_written_without_moving(void **state)
{
	(void)state;
	struct err err;
	char path[PATH_MAX], out[10];
	size_t got;
	IO_AUTO_FD fd = open(in_folder(path, "at"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(io_pwrite(fd, "tail", 4, 6, &err), 0);
	assert_int_equal(io_pwrite(fd, "front.", 6, 0, &err), 0);
	assert_int_equal(io_pread(fd, out, sizeof out, 4, &got, &err), 0);
	assert_int_equal(got, 6);
	assert_memory_equal(out, "t.tail", 6);
	assert_int_equal(io_pread(fd, out, sizeof out, 100, &got, &err), 0);
	assert_int_equal(got, 0);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
}

static void a_bad_descriptor_is_an_io_error(void **state)
{
	(void)state;
	struct err err;
	char byte;
	size_t got = 77;
	assert_int_equal(io_read(-1, &byte, 1, &got, &err), ERR_IO);
	assert_int_equal(io_pread(-1, &byte, 1, 0, &got, &err), ERR_IO);
	assert_int_equal(got, 77);
	assert_int_equal(io_write(-1, "x", 1, &err), ERR_IO);
	assert_int_equal(io_pwrite(-1, "x", 1, 0, &err), ERR_IO);
}

static void closing_forgets_the_descriptor(void **state)
{
	(void)state;
	struct err err;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), kept = fd;
	assert_int_equal(io_close(&fd, &err), 0);
	assert_int_equal(fd, -1);
	assert_int_equal(fcntl(kept, F_GETFD), -1);
	assert_int_equal(io_close(&fd, &err), 0);
	io_drop(&fd);
}

static void names_are_joined_or_too_long(void **state)
{
	(void)state;
	struct err err;
	char out[PATH_MAX], name[PATH_MAX];
	assert_int_equal(io_join(out, "/srv/a", "b", &err), 0);
	assert_string_equal(out, "/srv/a/b");
	assert_int_equal(io_join(out, "", "b", &err), 0);
	assert_string_equal(out, "b");
	assert_int_equal(io_join(out, "/srv", "", &err), 0);
	assert_string_equal(out, "/srv");
	memset(name, 'x', sizeof name);
	name[PATH_MAX - 3] = '\0';
	assert_int_equal(io_join(out, "a", name, &err), 0);
	assert_int_equal(strlen(out), PATH_MAX - 1);
	assert_int_equal(io_join(out, "aa", name, &err), ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_joined_or_too_long),
		cmocka_unit_test(a_written_file_reads_back_whole),
		cmocka_unit_test(an_overlong_file_is_refused_and_never_cut),
		cmocka_unit_test(an_absent_file_is_absent_and_named),
		cmocka_unit_test(a_folder_cannot_be_read_as_a_file),
		cmocka_unit_test(replacing_takes_the_mode_given_and_leaves_nothing_beside),
		cmocka_unit_test(a_failed_replacement_leaves_the_old_file_and_nothing_beside),
		cmocka_unit_test(a_temporary_is_not_written_through_a_link),
		cmocka_unit_test(writing_where_no_folder_is_says_absent),
		cmocka_unit_test(a_full_device_is_no_space),
		cmocka_unit_test(folders_are_made_with_their_parents_and_may_exist),
		cmocka_unit_test(a_file_in_the_way_of_a_folder_is_an_error),
		cmocka_unit_test(paths_are_bounded),
		cmocka_unit_test(reading_goes_on_until_enough_or_the_end),
		cmocka_unit_test(positions_are_read_and_written_without_moving),
		cmocka_unit_test(a_bad_descriptor_is_an_io_error),
		cmocka_unit_test(closing_forgets_the_descriptor),
	};
	return cmocka_run_group_tests(tests, start, finish);
}
