/* What a program leaves behind is ended, wherever it went, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/offspring.h"
#include "holdfast/err.h"

/* A child that waits until it is killed, and says who it is. */
static pid_t start_sleeper(void)
{
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

/* A child that ends when its own child, in a session of its own, has one too. */
static void leave_two(pid_t left[2])
{
	int ends[2], status;
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		if (fork() > 0)
			_exit(0);
		setsid();
		const pid_t both[2] = { getpid(), start_sleeper() };
		if (write(ends[1], both, sizeof both) != (ssize_t)sizeof both)
			_exit(1);
		for (;;)
			pause();
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], left, 2 * sizeof *left), 2 * sizeof *left);
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
}

static void what_was_left_is_ended_with_its_own_children(void **state)
{
	(void)state;
	struct offspring o;
	struct err err = { 0 };
	pid_t left[2];
	assert_int_equal(offspring_begin(&o, &err), 0);
	leave_two(left);
	assert_int_equal(kill(left[0], 0), 0);
	assert_int_equal(kill(left[1], 0), 0);
	assert_true(offspring_end(&o));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(kill(left[i], 0), -1);
		assert_int_equal(errno, ESRCH);
	}
}

static void a_child_that_was_there_before_stays(void **state)
{
	(void)state;
	struct offspring o;
	struct err err = { 0 };
	int status;
	pid_t before = start_sleeper();
	assert_int_equal(offspring_begin(&o, &err), 0);
	assert_true(offspring_end(&o));
	assert_int_equal(waitpid(before, &status, WNOHANG), 0);
	kill(before, SIGKILL);
	assert_int_equal(waitpid(before, &status, 0), before);
}

static void orphans_go_where_they_went_before(void **state)
{
	(void)state;
	struct offspring o;
	struct err err = { 0 };
	for (int adopted = 0; adopted < 2; adopted++) {
		int now = 0;
		assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, adopted), 0);
		assert_int_equal(offspring_begin(&o, &err), 0);
		assert_int_equal(prctl(PR_GET_CHILD_SUBREAPER, &now), 0);
		assert_int_equal(now, 1);
		assert_true(offspring_end(&o));
		assert_int_equal(prctl(PR_GET_CHILD_SUBREAPER, &now), 0);
		assert_int_equal(now, adopted);
	}
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static void too_many_children_are_refused(void **state)
{
	(void)state;
	struct offspring o;
	struct err err = { 0 };
	static pid_t children[OFFSPRING_KNOWN_MAX + 1];
	for (int i = 0; i <= OFFSPRING_KNOWN_MAX; i++)
		children[i] = start_sleeper();
	int rc = offspring_begin(&o, &err);
	for (int i = 0; i <= OFFSPRING_KNOWN_MAX; i++) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
	assert_int_equal(rc, ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_left_is_ended_with_its_own_children),
		cmocka_unit_test(a_child_that_was_there_before_stays),
		cmocka_unit_test(orphans_go_where_they_went_before),
		cmocka_unit_test(too_many_children_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
