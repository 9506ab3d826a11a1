/*
 * net_gate - how many calls that move much go on at once: a fixed number, or as many as help.
 * For net alone; safe between threads.
 */
#ifndef NET_GATE_H
#define NET_GATE_H

#include <stdint.h>

#include "base/scope.h"

struct err;
struct net_gate;

enum {
	NET_GATE_AUTO_FIRST = 4,
	NET_GATE_AUTO_LEAST = 2,
	NET_GATE_AUTO_MOST = 16,
};

/* fixed: so many; 0: NET_GATE_AUTO_FIRST, and then what is measured to be best. NULL with ERR_NOMEM. */
struct net_gate *net_gate_new(unsigned fixed, struct err *err);
void net_gate_free(struct net_gate *g);
AUTO_FREE(net_gate);

/* Waits for a place. */
void net_gate_enter(struct net_gate *g);

/* moved: bytes of all calls since the beginning of the world, also of those under way. */
void net_gate_leave(struct net_gate *g, uint64_t moved);

unsigned net_gate_width(struct net_gate *g);

#endif
