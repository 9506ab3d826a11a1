/* clock - how much time passes, whatever the calendar does. */
#ifndef CLOCK_H
#define CLOCK_H

#include <limits.h>
#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC */
static inline int64_t clock_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* CLOCK_BOOTTIME: sleep counts. */
static inline uint64_t clock_boot_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec;
}

/* Until a moment of clock_ms: 0 when it has come. */
static inline unsigned clock_left_ms(int64_t deadline)
{
	int64_t left = deadline - clock_ms();
	return left <= 0 ? 0 : left < UINT_MAX ? (unsigned)left : UINT_MAX;
}

#endif
