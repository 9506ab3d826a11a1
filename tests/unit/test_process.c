/* A program on a pipe: its bytes, its deadline, and that nothing of it stays behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/launch.h"
#include "base/process.h"
#include "holdfast/err.h"

enum { LONG_MS = 20000 };

static const char *const keep_path[] = { "PATH", "HOLDFAST_TEST_KEPT*", NULL };

static struct process *start_shell(const char *script, const char *user, bool input, struct err *err)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	struct process_options options = {
		.argv = argv, .user = user, .keep_env = keep_path, .input = input, .output = !input,
	};
	return process_start(&options, err);
}

static struct process *run_shell(const char *script)
{
	struct err err = { 0 };
	struct process *p = start_shell(script, NULL, false, &err);
	assert_non_null(p);
	return p;
}

/* Everything a script writes to stdout, as text. */
static void read_all(struct process *p, char *out, size_t cap)
{
	struct err err = { 0 };
	size_t len;
	assert_int_equal(process_read(p, out, cap - 1, &len, LONG_MS, &err), 0);
	out[len] = '\0';
}

static void expect_failure(const char *script, const char *message)
{
	char text[64];
	struct err err = { 0 };
	struct process *p = run_shell(script);
	read_all(p, text, sizeof text);
	assert_int_equal(process_finish(p, LONG_MS, &err), ERR_SOURCE);
	assert_string_equal(err.msg, message);
	process_free(p);
}

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Gone, or dead and only not yet reaped by whoever inherited it. */
static bool is_gone(pid_t pid)
{
	char path[64], line[256] = "";
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	FILE *f = fopen(path, "r");
	if (!f)
		return true;
	char *got = fgets(line, sizeof line, f);
	fclose(f);
	const char *state = got ? strrchr(line, ')') : NULL;
	return !state || state[2] == 'Z' || state[2] == 'X';
}

static void assert_gone(pid_t pid)
{
	assert_true(pid > 1);
	double end = seconds() + 5;
	while (!is_gone(pid) && seconds() < end)
		usleep(10000);
	assert_true(is_gone(pid));
}

static void stdout_arrives_whole(void **state)
{
	(void)state;
	enum { WANT = 5000000 };
	struct err err = { 0 };
	char *out = malloc(WANT + 65536);
	assert_non_null(out);
	struct process *p = run_shell("head -c 5000000 /dev/zero | tr '\\0' x");
	size_t len;
	assert_int_equal(process_read(p, out, WANT + 65536, &len, LONG_MS, &err), 0);
	assert_int_equal(len, WANT);
	assert_int_equal(out[0], 'x');
	assert_int_equal(out[WANT - 1], 'x');
	assert_int_equal(process_read(p, out, 65536, &len, LONG_MS, &err), 0);
	assert_int_equal(len, 0);
	assert_int_equal(process_finish(p, LONG_MS, &err), 0);
	process_free(p);
	free(out);
}

static void slow_pieces_fill_the_buffer(void **state)
{
	(void)state;
	char text[64];
	struct process *p = run_shell("printf a; sleep 0.05; printf b; sleep 0.05; printf c");
	read_all(p, text, sizeof text);
	assert_string_equal(text, "abc");
	process_free(p);
}

static void the_end_is_told_in_words(void **state)
{
	(void)state;
	expect_failure("exit 7", "sh exited 7");
	expect_failure("echo one >&2; echo ' two ' >&2; echo >&2; exit 2", "sh exited 2: \"two\"");
	expect_failure("kill -9 $$", "sh was killed by signal 9");
	expect_failure("echo bye >&2; kill -TERM $$", "sh was killed by signal 15: \"bye\"");
	expect_failure("printf 'bad\\001\\377byte\\033[31m' >&2; exit 1", "sh exited 1: \"bad  byte [31m\"");
	expect_failure("printf 'Fehler: Stra\\303\\237e' >&2; exit 1", "sh exited 1: \"Fehler: Straße\"");
}

static void details_behind_an_error_do_not_hide_it(void **state)
{
	(void)state;
	expect_failure("printf 'start\\nx: error: lost\\nx: detail: COPY t\\n' >&2; exit 1",
		       "sh exited 1: \"x: error: lost; x: detail: COPY t\"");
}

static void a_flood_on_stderr_neither_blocks_nor_grows(void **state)
{
	(void)state;
	char text[64];
	struct err err = { 0 };
	struct process *p = run_shell("head -c 3000000 /dev/zero | tr '\\0' '\\n' >&2; "
				      "seq 1 100000 >&2; echo out; echo last words >&2; exit 4");
	read_all(p, text, sizeof text);
	assert_string_equal(text, "out\n");
	assert_int_equal(process_finish(p, LONG_MS, &err), ERR_SOURCE);
	assert_string_equal(err.msg, "sh exited 4: \"last words\"");
	process_free(p);

	p = run_shell("head -c 20000 /dev/zero | tr '\\0' e >&2; exit 4");
	read_all(p, text, sizeof text);
	assert_int_equal(process_finish(p, LONG_MS, &err), ERR_SOURCE);
	assert_true(strlen(err.msg) < 500);
	process_free(p);
}

static void silence_has_a_deadline(void **state)
{
	(void)state;
	char text[64];
	size_t len;
	struct err err = { 0 };
	double begin = seconds();
	struct process *p = run_shell("echo stuck >&2; exec sleep 60");
	assert_int_equal(process_read(p, text, sizeof text, &len, 1000, &err), ERR_SOURCE);
	assert_string_equal(err.msg, "sh sent nothing for 1 s and was killed: \"stuck\"");
	process_free(p);
	assert_true(seconds() - begin < 10);
}

static void every_byte_starts_the_deadline_anew(void **state)
{
	(void)state;
	char text[64];
	struct process *p = run_shell("for i in 1 2 3 4; do sleep 0.4; printf $i; done");
	size_t len;
	struct err err = { 0 };
	assert_int_equal(process_read(p, text, sizeof text, &len, 1000, &err), 0);
	assert_int_equal(len, 4);
	process_free(p);
}

static void a_program_that_closed_stdout_is_waited_for(void **state)
{
	(void)state;
	char text[64];
	struct err err = { 0 };
	struct process *p = run_shell("echo x; exec >&-; sleep 0.3; exit 9");
	read_all(p, text, sizeof text);
	assert_int_equal(process_finish(p, LONG_MS, &err), ERR_SOURCE);
	assert_string_equal(err.msg, "sh exited 9");
	process_free(p);

	p = run_shell("echo x; exec >&-; exec sleep 60");
	read_all(p, text, sizeof text);
	assert_int_equal(process_finish(p, 1000, &err), ERR_SOURCE);
	assert_string_equal(err.msg, "sh did not end for 1 s and was killed");
	process_free(p);
}

static pid_t read_pid(struct process *p)
{
	char text[16];
	struct err err = { 0 };
	size_t len, used = 0;
	do {
		assert_int_equal(process_read(p, text + used, 1, &len, LONG_MS, &err), 0);
		used += len;
	} while (len && text[used - 1] != '\n' && used < sizeof text - 1);
	text[used] = '\0';
	return (pid_t)strtol(text, NULL, 10);
}

static void freeing_kills_the_whole_group(void **state)
{
	(void)state;
	struct process *p = run_shell("echo $$; sleep 600 & echo $!; sh -c 'sleep 600 & echo $!; wait' & "
				      "trap '' TERM; while :; do sleep 600; done");
	pid_t pids[3];
	for (int i = 0; i < 3; i++)
		pids[i] = read_pid(p);
	for (int i = 0; i < 3; i++)
		assert_false(is_gone(pids[i]));
	process_free(p);
	for (int i = 0; i < 3; i++)
		assert_gone(pids[i]);
}

static void what_a_program_leaves_behind_is_killed_at_its_end(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct process *p = run_shell("sleep 600 >/dev/null 2>&1 & echo $!");
	pid_t left = read_pid(p);
	assert_int_equal(process_finish(p, LONG_MS, &err), 0);
	process_free(p);
	assert_gone(left);
}

static void nothing_of_ours_is_inherited(void **state)
{
	(void)state;
	char text[4096];
	int leaked = fcntl(1, F_DUPFD, 50);
	assert_int_equal(leaked, 50);
	setenv("HOLDFAST_TEST_SECRET", "s3cret", 1);
	setenv("HOLDFAST_TEST_KEPT_1", "kept", 1);
	signal(SIGPIPE, SIG_IGN);
	struct process *p = run_shell("cd /proc/self/fd; echo *; env; umask; cat; "
				      "grep -E 'SigIgn|SigBlk' /proc/self/status");
	read_all(p, text, sizeof text);
	process_free(p);
	signal(SIGPIPE, SIG_DFL);
	close(leaked);
	assert_int_equal(strncmp(text, "0 1 2", 5), 0);
	*strchr(text, '\n') = '\0';
	assert_null(strstr(text, " 50"));
	text[strlen(text)] = ' ';
	assert_null(strstr(text, "s3cret"));
	assert_non_null(strstr(text, "HOLDFAST_TEST_KEPT_1=kept"));
	assert_non_null(strstr(text, "0077"));
	assert_non_null(strstr(text, "SigIgn:\t0000000000000000"));
	assert_non_null(strstr(text, "SigBlk:\t0000000000000000"));
}

static void programs_run_as_another_user_with_its_groups(void **state)
{
	(void)state;
	char text[256];
	struct err err = { 0 };
	if (geteuid() != 0) {
		assert_int_equal(launch_check_user("root", &err), ERR_DENIED);
		return;
	}
	static const gid_t ours[] = { 4 };
	assert_int_equal(setgroups(1, ours), 0);
	struct process *p = start_shell("id -un; id -Gn; echo $USER $HOME; pwd", "nobody", false, &err);
	assert_int_equal(setgroups(0, NULL), 0);
	assert_non_null(p);
	read_all(p, text, sizeof text);
	assert_int_equal(process_finish(p, LONG_MS, &err), 0);
	process_free(p);
	assert_string_equal(text, "nobody\nnogroup\nnobody /nonexistent\n/\n");
	assert_int_equal(launch_check_user("no-such-user", &err), ERR_INVALID);
}

static void what_cannot_run_is_said_so(void **state)
{
	(void)state;
	struct err err = { 0 };
	char path[PATH_MAX];
	assert_int_equal(launch_find("holdfast-no-such-program", path, &err), ERR_SOURCE);
	assert_string_equal(err.msg, "holdfast-no-such-program: not found in PATH");
	assert_int_equal(launch_find("", path, &err), ERR_SOURCE);
	assert_int_equal(launch_find("/etc/passwd", path, &err), ERR_SOURCE);
	assert_int_equal(launch_find("sh", path, &err), 0);
	assert_int_equal(path[0], '/');
}

static void a_program_without_its_interpreter_is_not_absent_data(void **state)
{
	(void)state;
	char path[] = "/tmp/holdfast-test-XXXXXX";
	static const char text[] = "#!/no/such/interpreter\n";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof text - 1), (ssize_t)sizeof text - 1);
	fchmod(fd, 0755);
	close(fd);
	struct err err = { 0 };
	const char *const argv[] = { path, NULL };
	struct process_options options = { .argv = argv, .output = true };
	assert_null(process_start(&options, &err));
	unlink(path);
	assert_int_equal(err.code, ERR_SOURCE);
	assert_non_null(strstr(err.msg, "cannot run"));
}

static struct process *feed(const char *script, size_t bytes, int *rc, struct err *err)
{
	struct process *p = start_shell(script, NULL, true, err);
	assert_non_null(p);
	char block[1000];
	memset(block, 'x', sizeof block);
	*rc = 0;
	for (size_t sent = 0; sent < bytes && *rc == 0; sent += sizeof block)
		*rc = process_write(p, block, sizeof block, LONG_MS, err);
	return p;
}

static void stdin_is_taken_whole(void **state)
{
	(void)state;
	struct err err = { 0 };
	int rc;
	struct process *p = feed("sleep 0.2; test $(wc -c) = 3000000", 3000000, &rc, &err);
	assert_int_equal(rc, 0);
	assert_int_equal(process_end_input(p, LONG_MS, &err), 0);
	assert_int_equal(process_finish(p, LONG_MS, &err), 0);
	process_free(p);
}

static void unread_stdin_is_a_failure_even_with_status_0(void **state)
{
	(void)state;
	struct err err = { 0 };
	int rc;
	struct process *p = feed("head -c 10 >/dev/null; exit 0", 3000000, &rc, &err);
	assert_int_equal(rc, ERR_SOURCE);
	assert_string_equal(err.msg, "sh ended without reading everything");
	process_free(p);

	/* so little that it all fits into the pipe */
	p = feed("sleep 0.2; exit 0", 1000, &rc, &err);
	assert_int_equal(rc, 0);
	assert_int_equal(process_end_input(p, LONG_MS, &err), ERR_SOURCE);
	assert_string_equal(err.msg, "sh ended without reading everything");
	process_free(p);

	p = feed("exec sleep 60", 1000, &rc, &err);
	assert_int_equal(process_end_input(p, 1000, &err), ERR_SOURCE);
	assert_string_equal(err.msg, "sh took nothing for 1 s and was killed");
	process_free(p);
}

static void a_failing_reader_tells_why(void **state)
{
	(void)state;
	struct err err = { 0 };
	int rc;
	struct process *p = feed("head -c 10 >/dev/null; echo no room >&2; exit 3", 3000000, &rc, &err);
	assert_int_equal(rc, ERR_SOURCE);
	assert_string_equal(err.msg, "sh exited 3: \"no room\"");
	process_free(p);
}

static void a_freed_reader_never_sees_an_end_of_file(void **state)
{
	(void)state;
	char path[] = "/tmp/holdfast-test-XXXXXX", script[200];
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	snprintf(script, sizeof script, "trap '' TERM; cat >/dev/null; echo committed >%s", path);
	struct err err = { 0 };
	int rc;
	struct process *p = feed(script, 100000, &rc, &err);
	process_free(p);
	usleep(100000);
	fd = open(path, O_RDONLY);
	char text[16];
	assert_int_equal(read(fd, text, sizeof text), 0);
	close(fd);
	unlink(path);
}

/* The parent is killed: it cannot end anything itself. Who is left comes to this process. */
static bool ends_with_parent(bool wanted)
{
	int ends[2], status;
	pid_t left = 0;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	pid_t parent = fork();
	if (parent == 0) {
		struct err err;
		const struct launch l = { .argv = (const char *const[]){ "/bin/sleep", "600", NULL },
		                          .dies_with_parent = wanted, .in = -1, .out = -1, .errors = -1 };
		pid_t pid = launch_program(&l, &err);
		if (write(ends[1], &pid, sizeof pid) == (ssize_t)sizeof pid)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ends[0], &left, sizeof left), sizeof left);
	assert_true(left > 0);
	close(ends[0]);
	close(ends[1]);
	kill(parent, SIGKILL);
	assert_int_equal(waitpid(parent, &status, 0), parent);
	bool ended = false;
	for (int i = 0; i < 100 && !ended; i++) {
		ended = waitpid(left, &status, WNOHANG) == left;
		usleep(10000);
	}
	kill(left, SIGKILL);
	if (!ended)
		waitpid(left, &status, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	return ended;
}

static void a_program_dies_with_its_parent_if_it_is_to(void **state)
{
	(void)state;
	assert_true(ends_with_parent(true));
	assert_false(ends_with_parent(false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stdout_arrives_whole),
		cmocka_unit_test(slow_pieces_fill_the_buffer),
		cmocka_unit_test(the_end_is_told_in_words),
		cmocka_unit_test(details_behind_an_error_do_not_hide_it),
		cmocka_unit_test(a_flood_on_stderr_neither_blocks_nor_grows),
		cmocka_unit_test(silence_has_a_deadline),
		cmocka_unit_test(every_byte_starts_the_deadline_anew),
		cmocka_unit_test(a_program_that_closed_stdout_is_waited_for),
		cmocka_unit_test(freeing_kills_the_whole_group),
		cmocka_unit_test(what_a_program_leaves_behind_is_killed_at_its_end),
		cmocka_unit_test(nothing_of_ours_is_inherited),
		cmocka_unit_test(programs_run_as_another_user_with_its_groups),
		cmocka_unit_test(what_cannot_run_is_said_so),
		cmocka_unit_test(a_program_without_its_interpreter_is_not_absent_data),
		cmocka_unit_test(stdin_is_taken_whole),
		cmocka_unit_test(unread_stdin_is_a_failure_even_with_status_0),
		cmocka_unit_test(a_failing_reader_tells_why),
		cmocka_unit_test(a_freed_reader_never_sees_an_end_of_file),
		cmocka_unit_test(a_program_dies_with_its_parent_if_it_is_to),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
