/* run_lock - never two runs at once: an flock on STATE/run.lock, whose text is who holds it. */
#ifndef RUN_LOCK_H
#define RUN_LOCK_H

#include <stdint.h>

struct err;

struct run_holder {
	long pid;            /* 0: not known */
	int64_t since_s;
};

/* Open STATE/name to be locked, made if absent, and its folder. A descriptor, or ERR_IO, ERR_DENIED,
 * ERR_LIMIT. */
int run_lock_open(const char *state_dir, const char *name, struct err *err);

/* Take it without waiting. Returns a descriptor to close, or ERR_BUSY with *holder, ERR_IO,
 * ERR_DENIED. A run that was killed holds nothing. */
int run_lock_take(const char *state_dir, int64_t now_s, struct run_holder *holder, struct err *err);

#endif
