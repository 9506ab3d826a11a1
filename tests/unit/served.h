/* served - tests against a server that a script of tests/services started around us. */
#ifndef SERVED_H
#define SERVED_H

#include <libgen.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SERVED_PATH_MAX = 400 };

/* Start this program again inside the runner; where that is not found, all tests are skipped. */
static inline void served_enter(const char *runner, char **argv)
{
	char path[SERVED_PATH_MAX];
	snprintf(path, sizeof path, "tests/services/%s", runner);
	if (!getenv("HOLDFAST_TEST_RUN"))
		execl(path, runner, argv[0], (char *)NULL);
}

/* The server's folder is in this variable of the environment; skips where there is none. */
static inline const char *served_folder(const char *variable)
{
	const char *folder = getenv(variable);
	if (!folder) {
		print_message("# skipped: there is no such server here\n");
		skip();
	}
	return folder;
}

static inline void served_path(char out[SERVED_PATH_MAX], const char *folder, const char *name)
{
	snprintf(out, SERVED_PATH_MAX, "%s/%s", folder, name);
}

static inline unsigned served_number(const char *folder, const char *name)
{
	char path[SERVED_PATH_MAX];
	unsigned number = 0;
	served_path(path, folder, name);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%u", &number), 1);
	fclose(f);
	return number;
}

/* What the proxy in that folder, of faultproxy.sh, does from its next connection on; "": nothing. */
static inline void served_fault(const char *folder, const char *words)
{
	char path[SERVED_PATH_MAX];
	served_path(path, folder, "proxy/fault");
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(words, f);
	assert_int_equal(fclose(f), 0);
}

static inline void served_forget(const char *folder)
{
	char path[SERVED_PATH_MAX];
	served_path(path, folder, "proxy/stats");
	assert_int_equal(truncate(path, 0), 0);
}

/* Bytes that the server sent over the first connection to end since then. */
static inline unsigned served_received(const char *folder)
{
	char path[SERVED_PATH_MAX], line[200] = "";
	served_path(path, folder, "proxy/stats");
	for (int i = 0; i < 1000 && !strchr(line, '\n'); i++) {
		FILE *f = fopen(path, "r");
		assert_non_null(f);
		if (!fgets(line, sizeof line, f))
			nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
		fclose(f);
	}
	assert_non_null(strchr(line, '\n'));
	return (unsigned)strtoul(strrchr(line, ' '), NULL, 10);
}

/* Is what lies at this path on a disk of its own? Skips where it is not. */
static inline void served_own_disk(const char *folder, const char *name)
{
	char path[SERVED_PATH_MAX];
	struct stat above, at;
	assert_int_equal(stat(folder, &above), 0);
	served_path(path, folder, name);
	assert_int_equal(stat(path, &at), 0);
	if (above.st_dev == at.st_dev) {
		print_message("# skipped: no small disk could be mounted here\n");
		skip();
	}
}

/* The contract of drivers, against HOLDFAST_TEST_URL, by the program that lies beside this one. */
static inline int served_contract(char **argv)
{
	char self[SERVED_PATH_MAX], path[SERVED_PATH_MAX];
	int status = 0;
	if (!getenv("HOLDFAST_TEST_URL"))
		return 0;
	snprintf(self, sizeof self, "%s", argv[0]);
	served_path(path, dirname(self), "test_backend");
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		execl(path, path, (char *)NULL);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return 1;
	return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

#endif
