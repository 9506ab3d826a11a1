/*
 * measure - run a command and append what it took, as one line of numbers, to a file.
 *
 *   measure FILE COMMAND [ARGUMENT...]
 *
 * The line: wall seconds, processor seconds (user and system, of the command and of all it waited
 * for), peak memory in KiB of its largest process, exit status (128 + signal if killed). measure
 * itself exits with that status.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fputs("usage: measure FILE COMMAND [ARGUMENT...]\n", stderr);
		return 2;
	}
	double start = now();
	/* this process is small, so the peak that a child starts with does not count */
	pid_t pid = fork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		fprintf(stderr, "measure: %s: %s\n", argv[2], strerror(errno));
		_exit(127);
	}
	int status = 0;
	struct rusage used;
	pid_t got;
	do
		got = pid < 0 ? -1 : wait4(pid, &status, 0, &used);
	while (got < 0 && errno == EINTR);
	if (got < 0) {
		fprintf(stderr, "measure: %s\n", strerror(errno));
		return 126;
	}
	double wall = now() - start;
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	FILE *out = fopen(argv[1], "a");
	if (!out ||
	    fprintf(out, "%.4f %.4f %ld %d\n", wall, seconds(used.ru_utime) + seconds(used.ru_stime),
	            used.ru_maxrss, code) < 0 || fclose(out) != 0) {
		fprintf(stderr, "measure: %s: %s\n", argv[1], strerror(errno));
		return 126;
	}
	return code;
}
