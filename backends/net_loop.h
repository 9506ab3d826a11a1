/*
 * net_loop - the one thread that drives libcurl's transfers: for net alone.
 *
 * Others queue a transfer and wait until it is finished. The thread keeps the limits of bytes a second, which
 * hold for all transfers together, and ends what stalls over SSH; what HTTP does itself, libcurl ends.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"

struct backend_options;
struct err;
struct net_loop;

#define NET_NS INT64_C(1000000000)   /* a second */

enum { NET_CONNECTIONS_MAX = 64 };   /* of one loop, for small calls and large ones */

/* What the thread knows of one transfer. Embedded by who describes the transfer; set to zero before,
 * but for loop and easy. CURLOPT_PRIVATE of easy must be this. */
struct net_transfer {
	struct net_loop *loop;
	CURL *easy;
	/* the loop's */
	int64_t moved_ns;              /* when something last moved */
	int fd;                        /* of its connection, once it has one; else 0 */
	bool paused_up, paused_down;   /* until there may be more */
	bool done;
	CURLcode result;
	pthread_cond_t finished;
	struct net_transfer *next;
};

int64_t net_now_ns(void);

/* ssh: stalls are noticed here, after stall_timeout_s. Limits and the flag `stop` are of the options.
 * NULL with ERR_INVALID for a malformed limit, ERR_NOMEM. */
struct net_loop *net_loop_new(const struct backend_options *options, bool ssh, long stall_timeout_s,
                              struct err *err);
/* No transfer may be under way. */
void net_loop_free(struct net_loop *l);
AUTO_FREE(net_loop);

/* Bytes of bodies that went either way so far, of all transfers. */
uint64_t net_loop_moved(const struct net_loop *l);

bool net_loop_stopped(const struct net_loop *l);

/* Carry it out. What curl says of it; CURLE_ABORTED_BY_CALLBACK where it was stopped. */
CURLcode net_loop_run(struct net_transfer *t);

/* Before it is run, once easy has its other options: so that the loop knows the connection. */
bool net_loop_watch(struct net_transfer *t);

/* In callbacks, within the thread: how many of `want` bytes may be sent now; 0 for more than 0 means that the
 * transfer is paused. And whether bytes may be taken; false: paused. */
size_t net_loop_send(struct net_transfer *t, size_t want);
bool net_loop_receive(struct net_transfer *t, size_t len);

/* In a callback: the first of an answer is here. A server that sends an answer's head and body in two
 * writes may wait between them for our acknowledgement (Nagle), which the kernel would hold back for
 * 40 ms: now it goes at once. */
void net_loop_heard(const struct net_transfer *t);

#endif
