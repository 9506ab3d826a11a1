#include "net.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/rate.h"
#include "holdfast/err.h"

#define NS INT64_C(1000000000)

enum {
	CONNECT_TIMEOUT_S = 20,
	STALL_TIMEOUT_S = 30,
	TIMEOUT_S = 300,
	STALL_BYTES_PER_S = 100,
	NEVER_REACHED_TRIES = 3,       /* where nothing ever answered, waiting longer seldom helps */
	POLL_MS = 200,                 /* how soon a stop is noticed */
	BACKOFF_FIRST_MS = 250,
	BACKOFF_MAX_MS = 20000,
	RETRY_AFTER_MAX_S = 120,
	CONNECTIONS_MAX = 64,          /* of one driver, small calls and large ones */
	BULK_AUTO = 4,
	EASY_SPARE_MAX = CONNECTIONS_MAX,
};

/* libcurl says goodbye to an SSH server and waits for its answer as long as it takes, in the driving
 * thread. So a stall is noticed here, and the socket shut under libcurl's feet; also at the end. */
struct sockets {
	int fds[CONNECTIONS_MAX];
	unsigned n;
};

/* One attempt of a call, in the hands of the driving thread. */
struct attempt {
	struct net *net;
	struct net_call *call;
	CURL *easy;
	struct curl_slist *headers;
	size_t sent;
	int64_t moved_ns;              /* when something last moved */
	int local_port;                /* of its connection, once there is one */
	bool paused_up, paused_down;   /* until the bucket has something again */
	bool cut;                      /* ended by us: out is full */
	bool too_long;                 /* text is full */
	bool no_memory;
	bool done;
	CURLcode result;
	pthread_cond_t finished;
	struct attempt *next;
};

struct net {
	CURLM *multi;
	pthread_t thread;
	bool running;
	pthread_mutex_t lock;          /* over all below */
	struct attempt *queued;        /* not yet with curl */
	struct attempt *active;
	bool ending;
	CURL *spare[EASY_SPARE_MAX];
	unsigned n_spare;
	int64_t clock_ahead_s;

	struct rate up, down;          /* the driving thread's */
	struct sockets sockets;        /* the same's; of SSH only */
	atomic_bool reached;           /* something answered once */

	sem_t bulk;                    /* calls at once that move much */
	long connect_timeout_s, stall_timeout_s;
	int64_t timeout_ns;
	const volatile sig_atomic_t *stop;
	char *protocols, *host, *ca_file, *client_cert, *client_key, *pinned_key, *proxy;
};

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS + t.tv_nsec;
}

static bool stopped(const struct net *n)
{
	return n->stop && *n->stop;
}

/* ---- what curl calls back, in the driving thread ---- */

static size_t give_body(char *to, size_t size, size_t count, void *arg)
{
	struct attempt *a = arg;
	size_t want = a->call->body_len - a->sent;
	if (want > size * count)
		want = size * count;
	if (want > 0 && rate_wait_ns(&a->net->up) > 0) {
		a->paused_up = true;
		return CURL_READFUNC_PAUSE;
	}
	want = rate_allows(&a->net->up, want);
	memcpy(to, (const char *)a->call->body + a->sent, want);
	a->sent += want;
	a->moved_ns = now_ns();
	rate_take(&a->net->up, want);
	return want;
}

/* A connection that was kept and closed meanwhile is noticed after some of the body went into it. */
static int rewind_body(void *arg, curl_off_t offset, int origin)
{
	struct attempt *a = arg;
	if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > a->call->body_len)
		return CURL_SEEKFUNC_FAIL;
	a->sent = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

static bool is_good(const struct attempt *a)
{
	long status = 0;
	if (!a->call->method)
		return true;
	curl_easy_getinfo(a->easy, CURLINFO_RESPONSE_CODE, &status);
	return status >= 200 && status < 300;
}

static size_t keep_reason(struct attempt *a, const char *data, size_t len)
{
	struct net_call *c = a->call;
	struct err ignored;
	if (!c->reason)
		c->reason = buf_new(NET_REASON_MAX, &ignored);
	size_t room = c->reason ? NET_REASON_MAX - c->reason->len : 0;
	if (room > 0)
		(void)buf_append(c->reason, data, len < room ? len : room, &ignored);
	return len;
}

/* Returning less than len ends the transfer. */
static size_t take_answer(struct attempt *a, const char *data, size_t len)
{
	struct net_call *c = a->call;
	struct err err;
	if (!is_good(a))
		return keep_reason(a, data, len);
	if (c->text) {
		int rc = buf_append(c->text, data, len, &err);
		a->too_long = rc == ERR_LIMIT;
		a->no_memory = rc == ERR_NOMEM;
		return rc == 0 ? len : 0;
	}
	if (!c->out)
		return len;   /* of no interest */
	size_t room = c->cap - c->len;
	size_t take = len < room ? len : room;
	if (take > 0)
		memcpy((char *)c->out + c->len, data, take);
	c->len += take;
	if (take == len)
		return len;
	a->cut = true;
	return 0;
}

static size_t get_answer(char *data, size_t size, size_t count, void *arg)
{
	struct attempt *a = arg;
	if (rate_wait_ns(&a->net->down) > 0) {
		a->paused_down = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	rate_take(&a->net->down, size * count);
	a->moved_ns = now_ns();
	return take_answer(a, data, size * count);
}

static void copy_value(char *out, const char *value, size_t len)
{
	while (len > 0 && isspace((unsigned char)*value)) {
		value++;
		len--;
	}
	while (len > 0 && isspace((unsigned char)value[len - 1]))
		len--;
	if (len >= NET_HEADER_MAX)
		len = 0;   /* cut, it would mean something else */
	memcpy(out, value, len);
	out[len] = '\0';
}

static bool is_header(const char *line, size_t len, const char *name, const char **value)
{
	size_t n = strlen(name);
	*value = line + n + 1;
	return len > n && line[n] == ':' && strncasecmp(line, name, n) == 0;
}

static void note_date(struct net *n, const char *value, size_t len)
{
	char text[NET_HEADER_MAX];
	copy_value(text, value, len);
	time_t theirs = curl_getdate(text, NULL);
	if (theirs > 0) {
		pthread_mutex_lock(&n->lock);
		n->clock_ahead_s = (int64_t)theirs - (int64_t)time(NULL);
		pthread_mutex_unlock(&n->lock);
	}
}

static size_t get_header(char *line, size_t size, size_t count, void *arg)
{
	struct attempt *a = arg;
	size_t len = size * count;
	const char *value;
	/* a new answer (after 100 Continue, or a challenge) begins with its status line */
	if (a->call->method && len > 5 && strncmp(line, "HTTP/", 5) == 0)
		for (size_t i = 0; i < NET_HEADERS_MAX; i++)
			a->call->wanted[i].value[0] = '\0';
	for (size_t i = 0; i < NET_HEADERS_MAX && a->call->wanted[i].name; i++)
		if (is_header(line, len, a->call->wanted[i].name, &value))
			copy_value(a->call->wanted[i].value, value, len - (size_t)(value - line));
	if (is_header(line, len, "Date", &value))
		note_date(a->net, value, len - (size_t)(value - line));
	return len;
}

/* ---- sockets of SSH ---- */

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct sockets *s = arg;
	(void)purpose;
	if (s->n == CONNECTIONS_MAX)
		return CURL_SOCKET_BAD;
	int fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
	if (fd >= 0)
		s->fds[s->n++] = fd;
	return fd >= 0 ? fd : CURL_SOCKET_BAD;
}

static int close_socket(void *arg, curl_socket_t fd)
{
	struct sockets *s = arg;
	for (unsigned i = 0; i < s->n; i++)
		if (s->fds[i] == fd) {
			s->fds[i] = s->fds[--s->n];
			break;
		}
	return close(fd);
}

static void shut_sockets(const struct sockets *s)
{
	for (unsigned i = 0; i < s->n; i++)
		(void)shutdown(s->fds[i], SHUT_RDWR);
}

static bool is_stalled(const struct attempt *a)
{
	return !a->call->method && !a->paused_up && !a->paused_down &&
	       now_ns() - a->moved_ns > a->net->stall_timeout_s * NS;
}

static int local_port(int fd)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof at;
	if (getsockname(fd, (struct sockaddr *)&at, &len) != 0)
		return -1;
	return ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port
	                                      : ((struct sockaddr_in *)&at)->sin_port);
}

/* Called when an attempt has its connection: the only way to learn which one. */
static int note_connection(void *arg, char *their_ip, char *our_ip, int their_port, int our_port)
{
	struct attempt *a = arg;
	(void)their_ip;
	(void)our_ip;
	(void)their_port;
	a->local_port = our_port;
	a->moved_ns = now_ns();
	return CURL_PREREQFUNC_OK;
}

static void shut_stalled(struct net *n)
{
	for (struct attempt *a = n->active; a; a = a->next)
		for (unsigned i = 0; a->local_port && is_stalled(a) && i < n->sockets.n; i++)
			if (local_port(n->sockets.fds[i]) == a->local_port)
				(void)shutdown(n->sockets.fds[i], SHUT_RDWR);
}

/* ---- the driving thread ---- */

static void finish(struct net *n, struct attempt *a, CURLcode result)
{
	for (struct attempt **at = &n->active; *at; at = &(*at)->next)
		if (*at == a) {
			*at = a->next;
			break;
		}
	a->result = result;
	a->done = true;
	pthread_cond_signal(&a->finished);
}

static void begin_queued(struct net *n)
{
	while (n->queued) {
		struct attempt *a = n->queued;
		n->queued = a->next;
		a->next = n->active;
		n->active = a;
		a->moved_ns = now_ns();
		if (curl_multi_add_handle(n->multi, a->easy) != CURLM_OK)
			finish(n, a, CURLE_OUT_OF_MEMORY);
	}
}

static void end_finished(struct net *n)
{
	int left;
	const CURLMsg *m;
	while ((m = curl_multi_info_read(n->multi, &left)) != NULL) {
		if (m->msg != CURLMSG_DONE)
			continue;
		struct attempt *a = NULL;
		CURL *easy = m->easy_handle;
		CURLcode result = m->data.result;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&a);
		curl_multi_remove_handle(n->multi, easy);
		pthread_mutex_lock(&n->lock);
		finish(n, a, result);
		pthread_mutex_unlock(&n->lock);
	}
}

static void end_all(struct net *n)
{
	shut_sockets(&n->sockets);
	pthread_mutex_lock(&n->lock);
	while (n->active) {
		curl_multi_remove_handle(n->multi, n->active->easy);
		finish(n, n->active, CURLE_ABORTED_BY_CALLBACK);
	}
	pthread_mutex_unlock(&n->lock);
}

/* Wake what the buckets held up; how many ms until there is more to wake. */
static int unpause(struct net *n)
{
	int64_t now = now_ns(), wait = POLL_MS * (NS / 1000);
	rate_refill(&n->up, now);
	rate_refill(&n->down, now);
	int64_t up = rate_wait_ns(&n->up), down = rate_wait_ns(&n->down);
	/* only this thread changes the list of active ones, so it may read it */
	for (struct attempt *a = n->active; a; a = a->next) {
		bool go = (a->paused_up && up == 0) || (a->paused_down && down == 0);
		if (a->paused_up && up > 0 && up < wait)
			wait = up;
		if (a->paused_down && down > 0 && down < wait)
			wait = down;
		if (!go)
			continue;
		a->paused_up = a->paused_up && up > 0;
		a->paused_down = a->paused_down && down > 0;
		curl_easy_pause(a->easy, (a->paused_up ? CURLPAUSE_SEND : 0) |
		                                 (a->paused_down ? CURLPAUSE_RECV : 0));
	}
	return (int)(wait / (NS / 1000)) + 1;
}

static void *drive(void *arg)
{
	struct net *n = arg;
	int running;
	for (;;) {
		pthread_mutex_lock(&n->lock);
		begin_queued(n);
		bool ending = n->ending;
		pthread_mutex_unlock(&n->lock);
		if (ending || stopped(n))
			end_all(n);
		if (ending)
			return NULL;
		int wait_ms = unpause(n);
		shut_stalled(n);
		curl_multi_perform(n->multi, &running);
		end_finished(n);
		curl_multi_poll(n->multi, NULL, 0, wait_ms, NULL);
	}
}

/* ---- one attempt ---- */

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

#define SET(option, value) (ok = ok && curl_easy_setopt(a->easy, (option), (value)) == CURLE_OK)

static bool set_connection(struct attempt *a)
{
	const struct net *n = a->net;
	bool ok = true;
	SET(CURLOPT_PROTOCOLS_STR, n->protocols);
	SET(CURLOPT_CONNECTTIMEOUT, n->connect_timeout_s);
	if (a->call->method) {
		SET(CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES_PER_S);
		SET(CURLOPT_LOW_SPEED_TIME, n->stall_timeout_s);
	} else {
		SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
		SET(CURLOPT_OPENSOCKETDATA, &a->net->sockets);
		SET(CURLOPT_CLOSESOCKETFUNCTION, close_socket);
		SET(CURLOPT_CLOSESOCKETDATA, &a->net->sockets);
		SET(CURLOPT_PREREQFUNCTION, note_connection);
		SET(CURLOPT_PREREQDATA, a);
	}
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_NOSIGNAL, 1L);
	/* refused on a handle whose last attempt ended before it had a connection: no matter */
	(void)curl_easy_setopt(a->easy, CURLOPT_BUFFERSIZE, 512L << 10);
	(void)curl_easy_setopt(a->easy, CURLOPT_UPLOAD_BUFFERSIZE, 512L << 10);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	if (n->ca_file) {
		SET(CURLOPT_CAINFO, n->ca_file);
		SET(CURLOPT_CAPATH, NULL);
	}
	if (n->client_cert)
		SET(CURLOPT_SSLCERT, n->client_cert);
	if (n->client_key)
		SET(CURLOPT_SSLKEY, n->client_key);
	if (n->pinned_key)
		SET(CURLOPT_PINNEDPUBLICKEY, n->pinned_key);
	if (n->proxy)
		SET(CURLOPT_PROXY, n->proxy);
	return ok;
}

static bool add_header(struct attempt *a, const char *line)
{
	struct curl_slist *more = curl_slist_append(a->headers, line);
	if (more)
		a->headers = more;
	return more != NULL;
}

static bool set_http(struct attempt *a)
{
	const struct net_call *c = a->call;
	bool ok = true;
	if (!c->method)
		return true;
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	SET(CURLOPT_PIPEWAIT, 1L);
	if (strcmp(c->method, "HEAD") == 0)
		SET(CURLOPT_NOBODY, 1L);
	else
		SET(CURLOPT_CUSTOMREQUEST, c->method);
	/* it costs a round trip, and 100 answers are what middle boxes lose */
	ok = ok && add_header(a, "Expect:");
	for (const char *const *h = c->headers; ok && h && *h; h++)
		ok = add_header(a, *h);
	SET(CURLOPT_HTTPHEADER, a->headers);
	return ok;
}

static bool set_request(struct attempt *a)
{
	struct net_call *c = a->call;
	bool ok = true;
	SET(CURLOPT_URL, c->url);
	SET(CURLOPT_PRIVATE, (char *)a);
	SET(CURLOPT_ERRORBUFFER, c->said);
	SET(CURLOPT_WRITEFUNCTION, get_answer);
	SET(CURLOPT_WRITEDATA, a);
	SET(CURLOPT_HEADERFUNCTION, get_header);
	SET(CURLOPT_HEADERDATA, a);
	if (c->body) {
		SET(CURLOPT_UPLOAD, 1L);
		SET(CURLOPT_READFUNCTION, give_body);
		SET(CURLOPT_READDATA, a);
		SET(CURLOPT_SEEKFUNCTION, rewind_body);
		SET(CURLOPT_SEEKDATA, a);
		SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)c->body_len);
	}
	return ok;
}

static int set_up(struct attempt *a, struct err *err)
{
	if (!set_connection(a) || !set_request(a) || !set_http(a))
		return err_set(err, ERR_NOMEM, "libcurl refuses an option, or is out of memory");
	return a->call->prepare ? a->call->prepare(a->easy, a->call, a->call->arg, err) : 0;
}

static void clear_answer(struct net_call *c, size_t text_len)
{
	c->len = 0;
	if (c->text)
		c->text->len = text_len;
	buf_free(c->reason);
	c->reason = NULL;
	c->status = 0;
	c->curl = CURLE_OK;
	c->said[0] = '\0';
	c->total = UINT64_MAX;
	for (size_t i = 0; i < NET_HEADERS_MAX; i++)
		c->wanted[i].value[0] = '\0';
}

static void free_lists(struct net_call *c)
{
	for (size_t i = 0; i < sizeof c->lists / sizeof *c->lists; i++) {
		curl_slist_free_all(c->lists[i]);
		c->lists[i] = NULL;
	}
}

static void read_answer(struct attempt *a)
{
	struct net_call *c = a->call;
	curl_off_t length = -1;
	curl_easy_getinfo(a->easy, CURLINFO_RESPONSE_CODE, &c->status);
	if (!c->method)
		c->status = 0;   /* the last word of the ssh server, which says nothing */
	curl_easy_getinfo(a->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	c->total = length >= 0 ? (uint64_t)length : UINT64_MAX;
	curl_off_t changed = -1;
	curl_easy_getinfo(a->easy, CURLINFO_FILETIME_T, &changed);
	c->time_s = (int64_t)changed;
	if (a->cut)
		a->result = CURLE_OK;
}

static void wait_for(struct net *n, struct attempt *a)
{
	pthread_mutex_lock(&n->lock);
	a->next = n->queued;
	n->queued = a;
	curl_multi_wakeup(n->multi);
	while (!a->done)
		pthread_cond_wait(&a->finished, &n->lock);
	pthread_mutex_unlock(&n->lock);
}

/* *result is what curl says; an error is one of this machine. */
static int attempt(struct net *n, struct net_call *c, CURLcode *result, struct err *err)
{
	struct attempt a = { .net = n, .call = c, .easy = take_easy(n) };
	if (!a.easy)
		return err_set(err, ERR_NOMEM, "out of memory");
	pthread_cond_init(&a.finished, NULL);
	int rc = set_up(&a, err);
	if (rc == 0) {
		wait_for(n, &a);
		read_answer(&a);
		*result = a.result;
	}
	curl_slist_free_all(a.headers);
	free_lists(c);
	pthread_cond_destroy(&a.finished);
	give_easy(n, a.easy);
	if (rc == 0 && a.too_long)
		rc = err_set(err, ERR_LIMIT, "the answer is longer than %zu bytes", c->text->max);
	if (rc == 0 && a.no_memory)
		rc = err_set(err, ERR_NOMEM, "out of memory");
	return rc;
}

/* ---- what an attempt came to ---- */

enum verdict { ANSWERED, REFUSED, PASSING, UNREACHED };

/* By https://curl.se/libcurl/c/libcurl-errors.html; what is not here may pass. */
static const struct {
	CURLcode code;
	enum verdict verdict;
} verdicts[] = {
	{ CURLE_OK, ANSWERED },
	{ CURLE_QUOTE_ERROR, ANSWERED },
	{ CURLE_REMOTE_FILE_NOT_FOUND, ANSWERED },
	{ CURLE_REMOTE_ACCESS_DENIED, ANSWERED },
	{ CURLE_REMOTE_DISK_FULL, ANSWERED },
	{ CURLE_REMOTE_FILE_EXISTS, ANSWERED },
	{ CURLE_UPLOAD_FAILED, ANSWERED },
	{ CURLE_BAD_DOWNLOAD_RESUME, ANSWERED },
	{ CURLE_SSH, ANSWERED },
	{ CURLE_PEER_FAILED_VERIFICATION, REFUSED },
	{ CURLE_SSL_CACERT_BADFILE, REFUSED },
	{ CURLE_SSL_CERTPROBLEM, REFUSED },
	{ CURLE_SSL_PINNEDPUBKEYNOTMATCH, REFUSED },
	{ CURLE_SSL_ISSUER_ERROR, REFUSED },
	{ CURLE_SSL_INVALIDCERTSTATUS, REFUSED },
	{ CURLE_LOGIN_DENIED, REFUSED },
	{ CURLE_UNSUPPORTED_PROTOCOL, REFUSED },
	{ CURLE_URL_MALFORMAT, REFUSED },
	{ CURLE_COULDNT_RESOLVE_HOST, UNREACHED },
	{ CURLE_COULDNT_RESOLVE_PROXY, UNREACHED },
	{ CURLE_COULDNT_CONNECT, UNREACHED },
	{ CURLE_OPERATION_TIMEDOUT, UNREACHED },
};

/* Of the ways in which no SSH session comes about only this one is a refusal: no method in common. */
static bool is_kex_failure(const char *said)
{
	return strstr(said, "ssh session: -5,") != NULL;   /* LIBSSH2_ERROR_KEX_FAILURE */
}

static enum verdict judge_curl(CURLcode code, const char *said)
{
	if (code == CURLE_FAILED_INIT && is_kex_failure(said))
		return REFUSED;
	for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
		if (verdicts[i].code == code)
			return verdicts[i].verdict;
	return PASSING;
}

static bool passes(long status)
{
	return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
	       status == 504;
}

static enum verdict judge(struct net *n, const struct net_call *c, CURLcode result)
{
	enum verdict v = judge_curl(result, c->said);
	if (v == UNREACHED && atomic_load(&n->reached))
		return PASSING;
	if (v != ANSWERED)
		return v;
	atomic_store(&n->reached, true);
	bool good = c->method ? c->status >= 200 && c->status < 300 : result == CURLE_OK;
	if (!good && ((c->method && passes(c->status)) || (c->again && c->again(c, c->arg))))
		return PASSING;
	return ANSWERED;
}

static int refused(const struct net *n, CURLcode code, const struct net_call *c, struct err *err)
{
	if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT)
		return err_set(err, ERR_INVALID, "%s: %s", n->host, curl_easy_strerror(code));
	err_set(err, ERR_DENIED, "%s: %s", n->host, c->said[0] ? c->said : curl_easy_strerror(code));
	if (code == CURLE_LOGIN_DENIED)
		return err_hint(err, "the server took none of the keys or passwords that were offered");
	return err_hint(err, "this may not be the server it claims to be; for an authority of your own "
	                     "set ca-file");
}

static int unreachable(const struct net *n, CURLcode code, const struct net_call *c,
                       struct err *err)
{
	if (code == CURLE_OK)
		err_set(err, ERR_UNREACHABLE, "%s answers %ld, tried %u times", n->host, c->status,
		        c->attempts);
	else
		err_set(err, ERR_UNREACHABLE, "%s: %s, tried %u times", n->host,
		        c->said[0] ? c->said : curl_easy_strerror(code), c->attempts);
	return err_hint(err, "repeat it later: what has arrived is used again");
}

static int was_stopped(struct err *err)
{
	return err_set(err, ERR_STOPPED, "interrupted");
}

/* ---- repeating ---- */

static int64_t retry_after_ns(const struct net_call *c)
{
	const char *value = net_wanted(c, "Retry-After");
	char *end;
	long seconds = isdigit((unsigned char)value[0]) ? strtol(value, &end, 10) : 0;
	if (value[0] && !isdigit((unsigned char)value[0])) {
		time_t at = curl_getdate(value, NULL);
		seconds = at > 0 ? (long)(at - time(NULL)) : 0;
	}
	if (seconds < 0)
		seconds = 0;
	return (seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S) * NS;
}

static int64_t backoff_ns(const struct net_call *c)
{
	uint64_t ms = BACKOFF_FIRST_MS;
	for (unsigned i = 1; i < c->attempts && ms < BACKOFF_MAX_MS; i++)
		ms *= 2;
	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	uint32_t random = 0;
	(void)!getrandom(&random, sizeof random, 0);
	int64_t wait = (int64_t)(ms / 2 + random % (ms / 2 + 1)) * (NS / 1000);
	int64_t asked = retry_after_ns(c);
	return wait > asked ? wait : asked;
}

static int pause_for(const struct net *n, int64_t ns, struct err *err)
{
	for (int64_t end = now_ns() + ns, left; (left = end - now_ns()) > 0;) {
		if (stopped(n))
			return was_stopped(err);
		int64_t slice = left < POLL_MS * (NS / 1000) ? left : POLL_MS * (NS / 1000);
		nanosleep(&(struct timespec){ .tv_sec = slice / NS, .tv_nsec = slice % NS }, NULL);
	}
	return 0;
}

static int do_all(struct net *n, struct net_call *c, struct err *err)
{
	int64_t deadline = now_ns() + n->timeout_ns;
	size_t text_len = c->text ? c->text->len : 0;
	for (;;) {
		CURLcode result = CURLE_OK;
		clear_answer(c, text_len);
		c->attempts++;
		if (stopped(n))
			return was_stopped(err);
		if (attempt(n, c, &result, err) != 0)
			return err->code;
		if (stopped(n) && result == CURLE_ABORTED_BY_CALLBACK)
			return was_stopped(err);
		c->curl = result;
		enum verdict v = judge(n, c, result);
		if (v == ANSWERED)
			return 0;
		if (v == REFUSED)
			return refused(n, result, c, err);
		int64_t wait = backoff_ns(c);
		if ((v == UNREACHED && c->attempts >= NEVER_REACHED_TRIES) || now_ns() + wait > deadline)
			return unreachable(n, result, c, err);
		c->unheard = c->unheard || v == PASSING || result == CURLE_OPERATION_TIMEDOUT;
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
	while (bulk && sem_wait(&n->bulk) != 0)
		;   /* EINTR */
	int rc = do_all(n, call, err);
	if (bulk)
		sem_post(&n->bulk);
	return rc == 0 || !call->object ? rc : err_wrap(err, "%s", call->object);
}

void net_call_end(struct net_call *call)
{
	buf_free(call->reason);
	call->reason = NULL;
}

const char *net_wanted(const struct net_call *call, const char *name)
{
	for (size_t i = 0; i < NET_HEADERS_MAX && call->wanted[i].name; i++)
		if (strcasecmp(call->wanted[i].name, name) == 0)
			return call->wanted[i].value;
	return "";
}

int64_t net_clock_ahead_s(const struct net *n)
{
	struct net *own = (struct net *)(uintptr_t)n;
	pthread_mutex_lock(&own->lock);
	int64_t ahead = n->clock_ahead_s;
	pthread_mutex_unlock(&own->lock);
	return ahead;
}

/* ---- beginning and end ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode global;

static void start_curl(void)
{
	global = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static bool keep(char **out, const char *text)
{
	if (!text || !*text)
		return true;
	*out = strdup(text);
	return *out != NULL;
}

static bool copy_options(struct net *n, const struct backend_options *o, const char *protocols,
                         const char *host)
{
	n->connect_timeout_s = o->connect_timeout_s ? (long)o->connect_timeout_s : CONNECT_TIMEOUT_S;
	n->stall_timeout_s = o->stall_timeout_s ? (long)o->stall_timeout_s : STALL_TIMEOUT_S;
	n->timeout_ns = (int64_t)(o->timeout_s ? o->timeout_s : TIMEOUT_S) * NS;
	n->stop = o->stop;
	return keep(&n->protocols, protocols) && keep(&n->host, host) &&
	       keep(&n->ca_file, o->ca_file) && keep(&n->client_cert, o->client_cert) &&
	       keep(&n->client_key, o->client_key) && keep(&n->pinned_key, o->pinned_key) &&
	       keep(&n->proxy, o->proxy);
}

static int start(struct net *n, struct err *err)
{
	pthread_once(&once, start_curl);
	n->multi = global == CURLE_OK ? curl_multi_init() : NULL;
	if (!n->multi)
		return err_set(err, ERR_NOMEM, "libcurl does not start");
	curl_multi_setopt(n->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)CONNECTIONS_MAX);
	curl_multi_setopt(n->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
	n->running = pthread_create(&n->thread, NULL, drive, n) == 0;
	return n->running ? 0 : err_set(err, ERR_NOMEM, "cannot start a thread");
}

struct net *net_new(const struct backend_options *options, const char *protocols, const char *host,
                    struct err *err)
{
	struct net *n = calloc(1, sizeof *n);
	if (!n) {
		err_set(err, ERR_NOMEM, "out of memory");
		return NULL;
	}
	pthread_mutex_init(&n->lock, NULL);
	sem_init(&n->bulk, 0, options->connections ? options->connections : BULK_AUTO);
	int rc = copy_options(n, options, protocols, host) ? 0 : err_set(err, ERR_NOMEM, "out of memory");
	if (rc == 0)
		rc = rate_parse(&n->up, options->limit_up, err);
	if (rc == 0)
		rc = rate_parse(&n->down, options->limit_down, err);
	if (rc == 0)
		rc = start(n, err);
	if (rc == 0)
		return n;
	net_free(n);
	return NULL;
}

void net_free(struct net *n)
{
	if (!n)
		return;
	if (n->running) {
		pthread_mutex_lock(&n->lock);
		n->ending = true;
		pthread_mutex_unlock(&n->lock);
		curl_multi_wakeup(n->multi);
		pthread_join(n->thread, NULL);
	}
	while (n->n_spare)
		curl_easy_cleanup(n->spare[--n->n_spare]);
	if (n->multi)
		curl_multi_cleanup(n->multi);
	sem_destroy(&n->bulk);
	pthread_mutex_destroy(&n->lock);
	free(n->protocols);
	free(n->host);
	free(n->ca_file);
	free(n->client_cert);
	free(n->client_key);
	free(n->pinned_key);
	free(n->proxy);
	free(n);
}
