/* The log of runs survives crashes, grows to a bound, and is read from its beginning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/runlog.h"
#include "holdfast/err.h"

static char folder[64], state_dir[96], file[128], old_file[128];

static int start(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/test_runlog.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(state_dir, sizeof state_dir, "%s/a/state", folder);
	snprintf(file, sizeof file, "%s/runs.log", state_dir);
	snprintf(old_file, sizeof old_file, "%s/runs.log.1", state_dir);
	return 0;
}

static int end(void **state)
{
	(void)state;
	char parent[96];
	snprintf(parent, sizeof parent, "%s/a", folder);
	unlink(file);
	unlink(old_file);
	rmdir(state_dir);
	rmdir(parent);
	return rmdir(folder);
}

static void add_run(int number)
{
	struct err err = { 0 };
	JSON_AUTO run = json_pack("{s:i}", "n", number);
	assert_int_equal(runlog_append(state_dir, run, &err), 0);
}

static int sum(void *arg, const json_t *run, struct err *err)
{
	int *numbers = arg;
	(void)err;
	*numbers = *numbers * 10 + (int)json_integer_value(json_object_get(run, "n"));
	return 0;
}

static void expect_runs(int numbers)
{
	struct err err = { 0 };
	int got = 0;
	assert_int_equal(runlog_read(state_dir, sum, &got, &err), 0);
	assert_int_equal(got, numbers);
}

static void append_text(const char *text)
{
	int fd = open(file, O_WRONLY | O_APPEND);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void no_log_is_no_error(void **state)
{
	(void)state;
	expect_runs(0);
}

static void runs_are_read_in_their_order(void **state)
{
	struct stat st;
	(void)state;
	add_run(1);
	add_run(2);
	expect_runs(12);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_torn_line_loses_no_other(void **state)
{
	(void)state;
	add_run(1);
	append_text("{\"n\":");
	add_run(3);
	expect_runs(13);
}

static void a_full_log_moves_aside_once(void **state)
{
	(void)state;
	add_run(1);
	assert_int_equal(truncate(file, 16 << 20), 0);
	append_text("\n");
	add_run(2);
	assert_int_equal(access(old_file, F_OK), 0);
	expect_runs(12);
	assert_int_equal(truncate(file, 16 << 20), 0);
	append_text("\n");
	add_run(3);
	expect_runs(23);
}

static int stop_at_once(void *arg, const json_t *run, struct err *err)
{
	(void)arg;
	(void)run;
	return err_set(err, ERR_STOPPED, "enough");
}

static void a_visitor_may_stop(void **state)
{
	(void)state;
	struct err err = { 0 };
	add_run(1);
	assert_int_equal(runlog_read(state_dir, stop_at_once, NULL, &err), ERR_STOPPED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_log_is_no_error, start, end),
		cmocka_unit_test_setup_teardown(runs_are_read_in_their_order, start, end),
		cmocka_unit_test_setup_teardown(a_torn_line_loses_no_other, start, end),
		cmocka_unit_test_setup_teardown(a_full_log_moves_aside_once, start, end),
		cmocka_unit_test_setup_teardown(a_visitor_may_stop, start, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
