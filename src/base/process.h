/*
 * process - one program on the other end of a pipe: its bytes, its last words, its end.
 *
 * What it writes to stderr is drained whenever a call here waits, and the last 4 KiB are kept for
 * messages. Every wait has a deadline; when it passes, the program's whole process group is killed.
 * Not for several threads at once.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/scope.h"

struct err;
struct launch_enter;
struct process;

enum { PROCESS_STDERR_KEPT = 4096 };

struct process_options {
	const char *const *argv;       /* as in struct launch, and the next five too */
	const char *user;
	const char *const *keep_env;
	const char *const *set_env;
	const struct launch_enter *enter;
	bool dies_with_parent;
	bool input;                    /* a pipe to its stdin; else /dev/null */
	bool output;                   /* a pipe from its stdout; else /dev/null */
};

/* NULL with what launch_program gives. */
struct process *process_start(const struct process_options *options, struct err *err);

/* Unless process_finish was called: asks the process group to end, kills it after a second, and
 * waits for that. Its stdin is closed only afterwards, so that it never takes this for an end. */
void process_free(struct process *p);
AUTO_FREE(process);

/* The program's name without its folder, for messages. */
const char *process_name(const struct process *p);

/* What there is now, up to cap: waits at most timeout_ms for a first byte. *len 0: none came, or with
 * *ended none will. ERR_IO. */
int process_read_some(struct process *p, void *out, size_t cap, size_t *len, bool *ended,
                      unsigned timeout_ms, struct err *err);

/* Fill cap unless its stdout ends. ERR_SOURCE when no byte comes for timeout_ms, ERR_IO. */
int process_read(struct process *p, void *out, size_t cap, size_t *len, unsigned timeout_ms,
                 struct err *err);

/* All len bytes to its stdin. ERR_SOURCE when it takes none for timeout_ms or stops reading; if it
 * stopped because it ended, the message says how. */
int process_write(struct process *p, const void *data, size_t len, unsigned timeout_ms,
                  struct err *err);

/* Wait until it took all that was written, then close its stdin. ERR_SOURCE if it did not. */
int process_end_input(struct process *p, unsigned timeout_ms, struct err *err);

/*
 * Wait until it ends; 0 only for exit status 0. ERR_SOURCE otherwise, in words: `pg_dump exited 1:
 * "its last line on stderr"`, `pg_dump was killed by signal 9`. What is left of its process group
 * is killed in either case.
 */
int process_finish(struct process *p, unsigned timeout_ms, struct err *err);

#endif
