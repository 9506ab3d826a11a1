/* trial_program - run a program of a trial to its end and take what it says. */
#ifndef TRIAL_PROGRAM_H
#define TRIAL_PROGRAM_H

struct buf;
struct err;

struct trial_program {
	const char *const *argv;       /* NULL-terminated */
	const char *const *set_env;    /* or NULL */
	const char *input;             /* a file for its stdin, or NULL */
	unsigned timeout_ms;           /* for all of it */
};

/* What it writes to stdout is appended to output, which may be NULL. ERR_ABSENT (the program is not
 * here), ERR_SOURCE (it failed, in words), ERR_UNREACHABLE (not done in time), ERR_LIMIT (it says more
 * than output takes), ERR_IO. */
int trial_program_run(const struct trial_program *p, struct buf *output, struct err *err);

#endif
