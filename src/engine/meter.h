/* meter - counts progress from many threads and reports it at most ten times a second. */
#ifndef METER_H
#define METER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "holdfast/progress.h"

struct err;

struct meter {
	const struct progress *progress;   /* may be NULL */
	pthread_mutex_t lock;
	struct progress_state state;
	uint64_t last_ms;
};

void meter_begin(struct meter *m, const struct progress *progress, const char *store);
void meter_end(struct meter *m);
void meter_phase(struct meter *m, const char *phase, uint64_t total_bytes);
void meter_done(struct meter *m, uint64_t bytes);
void meter_stored(struct meter *m, uint64_t bytes);

/* ERR_STOPPED if the caller asked for an end, else 0. */
int meter_check(const struct meter *m, struct err *err);

uint64_t meter_now_ms(void);   /* CLOCK_MONOTONIC */

#endif
