/*
 * net - requests over a network, for the drivers that need one: HTTP(S) and SFTP through libcurl.
 *
 * One thread drives one curl multi handle; callers wait. So connections are kept and shared, HTTP/2 is
 * used where it is offered, and the limits of bytes a second hold for all calls of a driver together.
 *
 * net_do repeats a call while what went wrong may pass: no connection, a reset, a stall, an answer
 * cut short, 408, 429, 5xx, and what the driver's `again` says. It waits in between, from a
 * quarter of a second doubling to 20 s, each between half and all of it by chance, or for as long as
 * Retry-After asks; and gives up at the deadline of the options, or after three times where nothing
 * was ever reached. A certificate or host key that does not fit is never retried. TLS is 1.2 at
 * least, and its verification cannot be switched off.
 *
 * Strings in errors hold URLs without their user part and query.
 */
#ifndef NET_H
#define NET_H

#include <stdint.h>

#include "base/scope.h"
#include "holdfast/backend.h"
#include "net_call.h"

struct err;
struct net;

/* protocols as in CURLOPT_PROTOCOLS_STR; host for messages. options are copied. NULL with
 * ERR_INVALID, ERR_NOMEM, ERR_IO. */
struct net *net_new(const struct backend_options *options, const char *protocols, const char *host,
                    struct err *err);
void net_free(struct net *n);
AUTO_FREE(net);

/* 0 when there is an answer, whatever it says: see status, curl. Else ERR_UNREACHABLE (nothing, or
 * nothing whole, before the deadline), ERR_DENIED (a certificate, host key or login that does not
 * fit), ERR_STOPPED, ERR_LIMIT, ERR_NOMEM. Free with net_call_end, once for every call. */
int net_do(struct net *n, struct net_call *call, struct err *err);

/* Seconds that the clock of the other side is ahead of ours, from the last Date header. */
int64_t net_clock_ahead_s(const struct net *n);

#endif
