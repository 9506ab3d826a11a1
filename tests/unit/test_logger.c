/* Lines of a run reach the journal's socket and files, whole, safe, and with the run's id. */
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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cli/logger.h"
#include "holdfast/err.h"
#include "scratch.h"

static char folder[SCRATCH_MAX];

static int start(void **state)
{
	(void)state;
	setenv("TZ", "Asia/Shanghai", 1);
	tzset();
	return scratch_make(folder) ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	return scratch_remove(folder);
}

static void path_in(char out[SCRATCH_MAX + 32], const char *name)
{
	snprintf(out, SCRATCH_MAX + 32, "%s/%s", folder, name);
}

static int listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_true(strlen(path) < sizeof at.sun_path);
	memcpy(at.sun_path, path, strlen(path));
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
	return fd;
}

static void the_journal_gets_its_fields(void **state)
{
	(void)state;
	struct err err = { 0 };
	char socket_path[SCRATCH_MAX + 32], got[4096], want[400];
	path_in(socket_path, "socket");
	int fd = listen_at(socket_path);
	AUTO(logger) l = logger_open("journal", socket_path, "8f21c03a", &err);
	assert_non_null(l);
	/* a line feed would begin a field of somebody else's making */
	logger_line(l, LOGGER_ERROR, "shop: FAILED: %s", "exited 2\nPRIORITY=0");
	ssize_t len = recv(fd, got, sizeof got - 1, MSG_DONTWAIT);
	assert_true(len > 0);
	got[len] = '\0';
	snprintf(want, sizeof want, "PRIORITY=3\nSYSLOG_IDENTIFIER=holdfast\nSYSLOG_PID=%ld\n"
	         "HOLDFAST_RUN=8f21c03a\nMESSAGE=shop: FAILED: exited 2\\nPRIORITY=0\n", (long)getpid());
	assert_string_equal(got, want);
	assert_int_equal(logger_end(l, &err), 0);
	close(fd);
}

static void a_journal_that_went_away_is_told_at_the_end(void **state)
{
	(void)state;
	struct err err = { 0 };
	char socket_path[SCRATCH_MAX + 32];
	path_in(socket_path, "socket");
	int fd = listen_at(socket_path);
	AUTO(logger) l = logger_open("journal", socket_path, "1", &err);
	assert_non_null(l);
	close(fd);
	logger_line(l, LOGGER_INFO, "first");
	logger_line(l, LOGGER_INFO, "second");
	assert_int_not_equal(logger_end(l, &err), 0);
	assert_non_null(strstr(err.msg, "log: journal"));
}

static void without_a_journal_there_is_no_log(void **state)
{
	(void)state;
	struct err err = { 0 };
	char socket_path[SCRATCH_MAX + 32];
	path_in(socket_path, "none");
	assert_null(logger_open("journal", socket_path, "1", &err));
	assert_int_equal(err.code, ERR_ABSENT);
}

static void a_file_is_appended_to_and_private(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct stat st;
	char path[SCRATCH_MAX + 32], got[400];
	int year, hours, minutes;
	path_in(path, "log");
	for (int i = 1; i <= 2; i++) {
		AUTO(logger) l = logger_open(path, NULL, "8f21c03a", &err);
		assert_non_null(l);
		logger_line(l, LOGGER_INFO, "line %d", i);
		assert_int_equal(logger_end(l, &err), 0);
	}
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	FILE *f = fopen(path, "r");
	for (int i = 1; i <= 2; i++) {
		char rest[100] = "", want[100];
		assert_non_null(fgets(got, sizeof got, f));
		assert_int_equal(sscanf(got, "%d-%*d-%*dT%*d:%*d:%*d+%2d%2d %99[^\n]", &year, &hours,
		                        &minutes, rest), 4);
		assert_int_equal(hours, 8);
		snprintf(want, sizeof want, "holdfast[8f21c03a]: line %d", i);
		assert_string_equal(rest, want);
	}
	assert_null(fgets(got, sizeof got, f));
	fclose(f);
}

static void a_full_disk_is_told_at_the_end(void **state)
{
	(void)state;
	struct err err = { 0 };
	AUTO(logger) l = logger_open("/dev/full", NULL, "1", &err);
	assert_non_null(l);
	logger_line(l, LOGGER_INFO, "lost");
	assert_int_equal(logger_end(l, &err), ERR_SPACE);
}

static void no_log_loses_nothing(void **state)
{
	(void)state;
	struct err err = { 0 };
	AUTO(logger) l = logger_open(NULL, NULL, "1", &err);
	assert_non_null(l);
	logger_line(l, LOGGER_INFO, "nowhere");
	assert_int_equal(logger_end(l, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_journal_gets_its_fields, start, end),
		cmocka_unit_test_setup_teardown(a_journal_that_went_away_is_told_at_the_end, start, end),
		cmocka_unit_test_setup_teardown(without_a_journal_there_is_no_log, start, end),
		cmocka_unit_test_setup_teardown(a_file_is_appended_to_and_private, start, end),
		cmocka_unit_test_setup_teardown(a_full_disk_is_told_at_the_end, start, end),
		cmocka_unit_test_setup_teardown(no_log_loses_nothing, start, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
