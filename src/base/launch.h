/*
 * launch - start a program that inherits nothing but what it is given.
 *
 * It gets a session of its own (so a password prompt finds no terminal and fails instead of
 * waiting), default signals, umask 077, three descriptors and a short environment.
 */
#ifndef LAUNCH_H
#define LAUNCH_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct err;

/* What a child does between fork and exec, where only async-signal-safe calls are allowed. */
struct launch_enter {
	int namespaces;                /* CLONE_NEW... flags of clone(2) for the child */
	int (*run)(const void *arg);   /* 0, or the errno for which the program is not run */
	const void *arg;
};

struct launch {
	const char *const *argv;       /* NULL-terminated; argv[0] is found as launch_find does */
	const char *user;              /* run as this user, with "/" as folder; NULL: the caller */
	const char *const *keep_env;   /* NULL-terminated names, PREFIX* for several; may be NULL */
	const char *const *set_env;    /* NULL-terminated NAME=value; may be NULL */
	const struct launch_enter *enter;   /* instead of user; argv[0] is then no script; may be NULL */
	bool dies_with_parent;         /* killed when the thread that starts it ends; not with enter */
	int in, out, errors;           /* its descriptors 0, 1, 2; -1: /dev/null; all others above 2 */
};

/* The path of a program: itself if it holds a '/', else the first in PATH. ERR_SOURCE. */
int launch_find(const char *program, char path[PATH_MAX], struct err *err);

/* May this process run programs as that user? ERR_INVALID (no such user), ERR_DENIED. */
int launch_check_user(const char *user, struct err *err);

/* The process id, which is also its process group. The program does run when this returns.
 * ERR_SOURCE (not found, not executable), ERR_INVALID, ERR_DENIED (also: the kernel refuses the
 * namespaces), ERR_NOMEM, ERR_IO. */
pid_t launch_program(const struct launch *l, struct err *err);

/* pipe2 with both ends close-on-exec and above 2, so that they never collide with 0, 1, 2. */
int launch_pipe(int ends[2], struct err *err);

#endif
