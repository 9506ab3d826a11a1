/* net_attempt - one attempt of a call: the request onto a handle of libcurl, the answer out of it. For net
 * alone. */
#ifndef NET_ATTEMPT_H
#define NET_ATTEMPT_H

#include <curl/curl.h>
#include <stdatomic.h>
#include <stddef.h>

struct err;
struct net_call;
struct net_connect;
struct net_loop;

struct net_attempt_options {
	struct net_loop *loop;
	const struct net_connect *connect;
	atomic_int_least64_t *clock_ahead_s;   /* set by the answer's Date */
};

/* The call's answer is cleared and filled in; its text is cut to text_len first. *result is what curl
 * says; an error (ERR_NOMEM, ERR_LIMIT, what `prepare` gives) is one of this machine. */
int net_attempt(const struct net_attempt_options *options, CURL *easy, struct net_call *call,
                size_t text_len, CURLcode *result, struct err *err);

#endif
