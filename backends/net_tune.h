/*
 * net_tune - how many calls at once move most: a number that grows as long as more of them bring more.
 *
 * Pure: measured throughput in, number out. It tries half as many again and keeps that if a twelfth more
 * comes of it; else it goes back and rests, for longer each time. From time to time it tries
 * fewer, and keeps that if nothing is lost by it. For net alone.
 */
#ifndef NET_TUNE_H
#define NET_TUNE_H

#include <stdbool.h>
#include <stdint.h>

struct net_tune {
	unsigned now, least, most;
	enum { NET_TUNE_FIRST, NET_TUNE_MORE, NET_TUNE_LESS, NET_TUNE_REST } state;
	unsigned before;             /* the number that a trial is held against, */
	double before_rate;          /* and what moved with it, in bytes a second */
	unsigned rest, rest_left;    /* samples */
	bool less_next;              /* what to try after the rest */
};

/* least <= first <= most */
void net_tune_begin(struct net_tune *t, unsigned first, unsigned least, unsigned most);

/* So much moved in that time while `now` calls were under way all the time. The number from now on. */
unsigned net_tune_sample(struct net_tune *t, uint64_t bytes, int64_t ns);

#endif
