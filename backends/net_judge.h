/*
 * net_judge - what an attempt came to: an answer, a refusal, or something that may pass, and how long to
 * wait before the next. For net alone; pure, but for the dice.
 */
#ifndef NET_JUDGE_H
#define NET_JUDGE_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

struct err;
struct net_call;

enum net_verdict {
	NET_ANSWERED,   /* the call is done, whatever the answer says */
	NET_REFUSED,    /* a certificate, key or login does not fit: no use in trying again */
	NET_PASSING,
	NET_UNREACHED,  /* as NET_PASSING, but nobody ever answered: waiting longer seldom helps */
};

/* *reached: something answered before; set when this is an answer. */
enum net_verdict net_judge(const struct net_call *call, CURLcode result, bool *reached);

/* How long to wait after call->attempts of them: by Retry-After, or by chance. */
int64_t net_backoff_ns(const struct net_call *call);

/* The errors of a call that ends without an answer. ERR_DENIED or ERR_INVALID; ERR_UNREACHABLE. */
int net_refused(const char *host, CURLcode code, const struct net_call *call, struct err *err);
int net_unreachable(const char *host, CURLcode code, const struct net_call *call, struct err *err);

#endif
