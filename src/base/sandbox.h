/*
 * sandbox - a folder of its own, and programs that see and reach nothing else.
 *
 * Programs run as an unprivileged user (for root: the user holdfast-drill, else one without a name
 * that nobody else is; others stay who they are), may gain no rights, dump no core, and each has
 * limits. Where the kernel allows namespaces, they
 *
 *   - have no network, not even the loopback;
 *   - see no process but their own, and end with the first of them, or when the caller dies;
 *   - see the sandbox's folder as /tmp, may write nowhere else, and find the folders that lead to
 *     servers (/run, ...) and those that are `hidden` empty.
 *
 * Where it does not, sandbox_isolation says so: then only user and limits hold them, and what they leave
 * behind is found and killed by base/offspring.h, whose rule for threads is then the caller's.
 *
 * On disk: PARENT/NAME/, which only the caller can enter, holds `lock` (locked as long as the sandbox
 * is in use: a sandbox whose lock nobody holds was left by a killed process, and sandbox_sweep removes
 * it) and `box`, the folder of the programs.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/scope.h"

struct buf;
struct err;
struct sandbox;

enum { SANDBOX_NAME_MAX = 64 };

struct sandbox_options {
	const char *parent;            /* made with mode 0700 if absent */
	const char *name;              /* of the new folder; [a-z0-9-] */
	const char *const *hidden;     /* further folders to hide, NULL-terminated, or NULL */
	uint64_t memory_bytes;         /* address space of each process; 0: no limit */
	uint64_t disk_bytes;           /* of all files together; 0: nine tenths of what is free now */
	const volatile sig_atomic_t *stop;   /* non-zero: end programs, ERR_STOPPED; or NULL */
};

/* ERR_EXISTS (the folder holds anything), ERR_INVALID, ERR_DENIED, ERR_SPACE, ERR_IO, ERR_NOMEM. */
struct sandbox *sandbox_new(const struct sandbox_options *options, struct err *err);

/* As sandbox_remove, without telling. */
void sandbox_free(struct sandbox *s);
AUTO_FREE(sandbox);

enum sandbox_walls {
	SANDBOX_NONE,          /* the kernel refuses namespaces */
	SANDBOX_NAMESPACES,
};
struct sandbox_isolation {
	enum sandbox_walls walls;
	uid_t uid;             /* that programs run as */
	bool own_user;         /* other than the caller's */
};
void sandbox_isolation(const struct sandbox *s, struct sandbox_isolation *out);

uint64_t sandbox_disk(const struct sandbox *s);        /* disk_bytes, as it came out */

const char *sandbox_folder(const struct sandbox *s);   /* the box, as the caller sees it */
const char *sandbox_inside(const struct sandbox *s);   /* the same, as programs see it */

/* Give everything in the box to the user that programs run as. ERR_* of files. */
int sandbox_give(const struct sandbox *s, struct err *err);

struct sandbox_program {
	const char *const *argv;       /* argv[0] is a program, no script */
	const char *const *set_env;    /* besides HOME, PATH, TMPDIR, LANG; or NULL */
	const void *input;             /* for its stdin */
	size_t input_len;
	unsigned timeout_ms;           /* for all of it */
};

/*
 * Run a program in the box to its end; what it writes to stdout is appended to output, also where it
 * fails. 0 only for exit status 0. Everything that it started is killed when it ends:
 * sandbox_ended. ERR_SOURCE (in words, with its last words on stderr), ERR_SPACE (more
 * than disk_bytes), ERR_UNREACHABLE (not done in time), ERR_LIMIT (more output than fits),
 * ERR_STOPPED, and what launch_program gives.
 */
int sandbox_run(struct sandbox *s, const struct sandbox_program *program, struct buf *output,
                struct err *err);

/* Was it seen that nothing is left of all programs that ran? With namespaces the kernel sees to it. */
bool sandbox_ended(const struct sandbox *s);

/* Remove the folder with all that is in it, and see that it is gone. The handle stays, to be
 * freed. ERR_* of files. */
int sandbox_remove(struct sandbox *s, struct err *err);

/* Remove what killed processes left below a parent; folders that are no sandboxes, or in use, stay.
 * *swept says how many were removed. A parent that is absent is no error. */
int sandbox_sweep(const char *parent, unsigned *swept, struct err *err);

#endif
