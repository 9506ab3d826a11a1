/* progress - what long work tells its caller while it runs, and how the caller stops it. */
#ifndef HOLDFAST_PROGRESS_H
#define HOLDFAST_PROGRESS_H

#include <signal.h>
#include <stdint.h>

struct progress_state {
	const char *store;      /* name, or NULL */
	const char *phase;      /* "reading", "uploading", "committing", "fetching", "verifying", ... */
	uint64_t done_bytes;
	uint64_t total_bytes;   /* 0: not known */
	uint64_t stored_bytes;  /* sent to or fetched from the vault */
};

/* A NULL pointer to this is allowed everywhere: silent and not to be stopped. */
struct progress {
	/* Called from any thread, never from two at once, at most ten times a second. May be NULL. */
	void (*report)(void *arg, const struct progress_state *state);
	void *arg;
	/* Set to non-zero (by a signal handler) to end the work soon with ERR_STOPPED. May be NULL. */
	const volatile sig_atomic_t *stop;
};

#endif
