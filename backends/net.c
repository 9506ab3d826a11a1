#include "net.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "holdfast/err.h"
#include "net_attempt.h"
#include "net_connect.h"
#include "net_gate.h"
#include "net_judge.h"
#include "net_loop.h"

#define STOP_POLL_NS (NET_NS / 5)   /* how soon a stop is noticed */

enum {
	TIMEOUT_S = 300,
	NEVER_REACHED_TRIES = 3,       /* where nothing ever answered, waiting longer seldom helps */
	EASY_SPARE_MAX = NET_CONNECTIONS_MAX,
};

struct net {
	struct net_loop *loop;
	struct net_connect connect;
	char *host;
	int64_t timeout_ns;
	atomic_bool reached;           /* something answered once */
	atomic_int_least64_t clock_ahead_s;
	struct net_gate *gate;         /* for calls that move much */
	pthread_mutex_t lock;          /* over the spare handles */
	CURL *spare[EASY_SPARE_MAX];
	unsigned n_spare;
};

/* ---- handles of libcurl ---- */

static CURL *take_easy(struct net *n)
{
	pthread_mutex_lock(&n->lock);
	CURL *easy = n->n_spare ? n->spare[--n->n_spare] : NULL;
	pthread_mutex_unlock(&n->lock);
	return easy ? easy : curl_easy_init();
}

/* A handle is reset, which forgets its secrets and keeps nothing but memory. */
static void give_easy(struct net *n, CURL *easy)
{
	curl_easy_reset(easy);
	pthread_mutex_lock(&n->lock);
	bool kept = n->n_spare < EASY_SPARE_MAX;
	if (kept)
		n->spare[n->n_spare++] = easy;
	pthread_mutex_unlock(&n->lock);
	if (!kept)
		curl_easy_cleanup(easy);
}

/* ---- repeating ---- */

static int was_stopped(struct err *err)
{
	return err_set(err, ERR_STOPPED, "interrupted");
}

static int pause_for(const struct net *n, int64_t ns, struct err *err)
{
	for (int64_t end = net_now_ns() + ns, left; (left = end - net_now_ns()) > 0;) {
		if (net_loop_stopped(n->loop))
			return was_stopped(err);
		int64_t slice = left < STOP_POLL_NS ? left : STOP_POLL_NS;
		nanosleep(&(struct timespec){ .tv_sec = slice / NET_NS, .tv_nsec = slice % NET_NS }, NULL);
	}
	return 0;
}

static int attempt(struct net *n, struct net_call *c, size_t text_len, CURLcode *result,
                   struct err *err)
{
	const struct net_attempt_options o = { n->loop, &n->connect, &n->clock_ahead_s };
	CURL *easy = take_easy(n);
	if (!easy)
		return err_no_memory(err);
	int rc = net_attempt(&o, easy, c, text_len, result, err);
	give_easy(n, easy);
	return rc;
}

static enum net_verdict judge(struct net *n, const struct net_call *c, CURLcode result)
{
	bool reached = atomic_load(&n->reached);
	enum net_verdict v = net_judge(c, result, &reached);
	if (reached)
		atomic_store(&n->reached, true);
	return v;
}

static int do_all(struct net *n, struct net_call *c, struct err *err)
{
	int64_t deadline = net_now_ns() + n->timeout_ns;
	size_t text_len = c->text ? c->text->len : 0;
	for (;;) {
		CURLcode result = CURLE_OK;
		c->attempts++;
		if (net_loop_stopped(n->loop))
			return was_stopped(err);
		if (attempt(n, c, text_len, &result, err) != 0)
			return err->code;
		if (net_loop_stopped(n->loop) && result == CURLE_ABORTED_BY_CALLBACK)
			return was_stopped(err);
		c->curl = result;
		enum net_verdict v = judge(n, c, result);
		if (v == NET_ANSWERED)
			return 0;
		if (v == NET_REFUSED)
			return net_refused(n->host, result, c, err);
		int64_t wait = net_backoff_ns(c);
		if ((v == NET_UNREACHED && c->attempts >= NEVER_REACHED_TRIES) ||
		    net_now_ns() + wait > deadline)
			return net_unreachable(n->host, result, c, err);
		c->unheard = c->unheard || v == NET_PASSING || result == CURLE_OPERATION_TIMEDOUT;
		if (pause_for(n, wait, err) != 0)
			return err->code;
	}
}

/* ---- calls that move much ---- */

static bool is_bulk(const struct net_call *c)
{
	return (c->body && c->body_len >= NET_BULK_BYTES) || (c->out && c->cap >= NET_BULK_BYTES);
}

int net_do(struct net *n, struct net_call *call, struct err *err)
{
	/* always looked at */
	for (size_t i = 0; i < NET_HEADERS_MAX; i++)
		if (!call->wanted[i].name) {
			call->wanted[i].name = "Retry-After";
			break;
		}
	bool bulk = is_bulk(call);
	if (bulk)
		net_gate_enter(n->gate);
	int rc = do_all(n, call, err);
	if (bulk)
		net_gate_leave(n->gate, net_loop_moved(n->loop));
	return rc == 0 || !call->object ? rc : err_wrap(err, "%s", call->object);
}

int64_t net_clock_ahead_s(const struct net *n)
{
	return atomic_load(&n->clock_ahead_s);
}

/* ---- beginning and end ---- */

static int begin(struct net *n, const struct backend_options *o, const char *protocols,
                 const char *host, struct err *err)
{
	n->timeout_ns = (int64_t)(o->timeout_s ? o->timeout_s : TIMEOUT_S) * NET_NS;
	n->host = strdup(host);
	if (!net_connect_begin(&n->connect, o, protocols) || !n->host)
		return err_no_memory(err);
	n->loop = net_loop_new(o, strcmp(protocols, "sftp") == 0, n->connect.stall_timeout_s, err);
	n->gate = n->loop ? net_gate_new(o->connections, err) : NULL;
	return n->gate ? 0 : err->code;
}

struct net *net_new(const struct backend_options *options, const char *protocols, const char *host,
                    struct err *err)
{
	struct net *n = calloc(1, sizeof *n);
	if (!n) {
		err_no_memory(err);
		return NULL;
	}
	pthread_mutex_init(&n->lock, NULL);
	if (begin(n, options, protocols, host, err) == 0)
		return n;
	net_free(n);
	return NULL;
}

void net_free(struct net *n)
{
	if (!n)
		return;
	while (n->n_spare)
		curl_easy_cleanup(n->spare[--n->n_spare]);
	net_loop_free(n->loop);
	net_connect_end(&n->connect);
	net_gate_free(n->gate);
	pthread_mutex_destroy(&n->lock);
	free(n->host);
	free(n);
}
