/*
 * rate - how many bytes a second may pass: a limit with hours, and a token bucket that keeps to it.
 *
 * Written "20M" (bytes a second; K, M, G are powers of 1024) or "20M 08:00-18:00" for those hours of
 * the local day only; several "LIMIT HOURS" may follow each other, separated by commas, and the first
 * whose hours fit counts. Hours may span midnight.
 */
#ifndef RATE_H
#define RATE_H

#include <stddef.h>
#include <stdint.h>

struct err;

enum { RATE_RULES_MAX = 8 };

struct rate_rule {
	uint64_t bytes_per_s;
	uint16_t from_min, to_min;   /* minutes of the day; equal: always */
};

struct rate {
	struct rate_rule rules[RATE_RULES_MAX];
	unsigned n;
	uint64_t limit;              /* in force now; 0: none */
	int64_t tokens;              /* bytes that may pass at once; below 0: a debt to wait off */
	int64_t filled_ns;           /* monotonic time up to which the bucket is filled */
	int64_t looked_s;            /* monotonic second of the last look at the hours */
};

/* text NULL or "": no limit. ERR_INVALID says what is wrong and gives an example. */
int rate_parse(struct rate *r, const char *text, struct err *err);

/* The limit at this minute of the day, 0 for none. */
uint64_t rate_at(const struct rate *r, unsigned minute);

/* Bring the bucket to the present (CLOCK_MONOTONIC, ns). It holds at most a quarter of a second. */
void rate_refill(struct rate *r, int64_t now_ns);

/* How many ns until something worth while may pass: 0 if now. */
int64_t rate_wait_ns(const struct rate *r);

/* As many of these bytes as may pass now without a debt. */
size_t rate_allows(const struct rate *r, size_t want);

/* So many bytes have passed. */
void rate_take(struct rate *r, uint64_t bytes);

#endif
