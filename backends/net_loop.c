#include "net_loop.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/rate.h"
#include "holdfast/backend.h"
#include "holdfast/err.h"

enum { POLL_MS = 200 };            /* how soon a stop is noticed */

/* The connections, which libcurl tells nobody of. */
struct sockets {
	int fds[2 * NET_CONNECTIONS_MAX];   /* it may try two addresses at a time for each */
	unsigned n;
};

struct net_loop {
	CURLM *multi;
	pthread_t thread;
	bool running;
	pthread_mutex_t lock;          /* over queued, active, ending and what is finished */
	struct net_transfer *queued;   /* not yet with curl */
	struct net_transfer *active;   /* only the thread changes it */
	bool ending;
	/* the thread's */
	struct rate up, down;
	struct sockets sockets;
	atomic_uint_least64_t moved;
	bool ssh;
	int64_t stall_timeout_ns;
	const volatile sig_atomic_t *stop;
};

int64_t net_now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NET_NS + t.tv_nsec;
}

bool net_loop_stopped(const struct net_loop *l)
{
	return l->stop && *l->stop;
}

uint64_t net_loop_moved(const struct net_loop *l)
{
	return atomic_load(&l->moved);
}

/* ---- limits ---- */

size_t net_loop_send(struct net_transfer *t, size_t want)
{
	struct rate *up = &t->loop->up;
	if (want > 0 && rate_wait_ns(up) > 0) {
		t->paused_up = true;
		return 0;
	}
	want = rate_allows(up, want);
	t->moved_ns = net_now_ns();
	rate_take(up, want);
	atomic_fetch_add(&t->loop->moved, want);
	return want;
}

bool net_loop_receive(struct net_transfer *t, size_t len)
{
	if (rate_wait_ns(&t->loop->down) > 0) {
		t->paused_down = true;
		return false;
	}
	rate_take(&t->loop->down, len);
	atomic_fetch_add(&t->loop->moved, len);
	t->moved_ns = net_now_ns();
	return true;
}

/* ---- sockets ---- */

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct sockets *s = arg;
	(void)purpose;
	if (s->n == sizeof s->fds / sizeof *s->fds)
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

static int local_port(int fd)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof at;
	if (getsockname(fd, (struct sockaddr *)&at, &len) != 0)
		return -1;
	return ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port
	                                      : ((struct sockaddr_in *)&at)->sin_port);
}

/* Called when a transfer has its connection, a new one or one that was kept: the only way to learn
 * which. */
static int note_connection(void *arg, char *their_ip, char *our_ip, int their_port, int our_port)
{
	struct net_transfer *t = arg;
	const struct sockets *s = &t->loop->sockets;
	(void)their_ip;
	(void)our_ip;
	(void)their_port;
	t->fd = 0;
	for (unsigned i = 0; i < s->n && !t->fd; i++)
		if (local_port(s->fds[i]) == our_port)
			t->fd = s->fds[i];
	t->moved_ns = net_now_ns();
	return CURL_PREREQFUNC_OK;
}

void net_loop_heard(const struct net_transfer *t)
{
	const int on = 1;
	if (t->fd)
		(void)setsockopt(t->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

/*
 * libcurl says goodbye to an SSH server and waits for its answer as long as it takes, in the driving
 * thread. So a stall is noticed here, and the socket shut under libcurl's feet; also at the end.
 */
static void shut_sockets(const struct sockets *s)
{
	for (unsigned i = 0; i < s->n; i++)
		(void)shutdown(s->fds[i], SHUT_RDWR);
}

static bool is_stalled(const struct net_transfer *t)
{
	return t->fd && !t->paused_up && !t->paused_down &&
	       net_now_ns() - t->moved_ns > t->loop->stall_timeout_ns;
}

static void shut_stalled(const struct net_loop *l)
{
	for (const struct net_transfer *t = l->active; t; t = t->next)
		if (is_stalled(t))
			(void)shutdown(t->fd, SHUT_RDWR);
}

/* ---- the driving thread ---- */

static void finish(struct net_loop *l, struct net_transfer *t, CURLcode result)
{
	for (struct net_transfer **at = &l->active; *at; at = &(*at)->next)
		if (*at == t) {
			*at = t->next;
			break;
		}
	t->result = result;
	t->done = true;
	pthread_cond_signal(&t->finished);
}

static void begin_queued(struct net_loop *l)
{
	while (l->queued) {
		struct net_transfer *t = l->queued;
		l->queued = t->next;
		t->next = l->active;
		l->active = t;
		t->moved_ns = net_now_ns();
		if (curl_multi_add_handle(l->multi, t->easy) != CURLM_OK)
			finish(l, t, CURLE_OUT_OF_MEMORY);
	}
}

static void end_finished(struct net_loop *l)
{
	int left;
	const CURLMsg *m;
	while ((m = curl_multi_info_read(l->multi, &left)) != NULL) {
		if (m->msg != CURLMSG_DONE)
			continue;
		struct net_transfer *t = NULL;
		CURL *easy = m->easy_handle;
		CURLcode result = m->data.result;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
		curl_multi_remove_handle(l->multi, easy);
		pthread_mutex_lock(&l->lock);
		finish(l, t, result);
		pthread_mutex_unlock(&l->lock);
	}
}

static void end_all(struct net_loop *l)
{
	if (l->ssh)
		shut_sockets(&l->sockets);
	pthread_mutex_lock(&l->lock);
	while (l->active) {
		curl_multi_remove_handle(l->multi, l->active->easy);
		finish(l, l->active, CURLE_ABORTED_BY_CALLBACK);
	}
	pthread_mutex_unlock(&l->lock);
}

/* Wake what the buckets held up; how many ms until there is more to wake. */
static int unpause(struct net_loop *l)
{
	int64_t now = net_now_ns(), wait = POLL_MS * (NET_NS / 1000);
	rate_refill(&l->up, now);
	rate_refill(&l->down, now);
	int64_t up = rate_wait_ns(&l->up), down = rate_wait_ns(&l->down);
	/* only this thread changes the list of active ones, so it may read it */
	for (struct net_transfer *t = l->active; t; t = t->next) {
		bool go = (t->paused_up && up == 0) || (t->paused_down && down == 0);
		if (t->paused_up && up > 0 && up < wait)
			wait = up;
		if (t->paused_down && down > 0 && down < wait)
			wait = down;
		if (!go)
			continue;
		t->paused_up = t->paused_up && up > 0;
		t->paused_down = t->paused_down && down > 0;
		curl_easy_pause(t->easy, (t->paused_up ? CURLPAUSE_SEND : 0) |
		                                 (t->paused_down ? CURLPAUSE_RECV : 0));
	}
	return (int)(wait / (NET_NS / 1000)) + 1;
}

static void *drive(void *arg)
{
	struct net_loop *l = arg;
	int running;
	for (;;) {
		pthread_mutex_lock(&l->lock);
		begin_queued(l);
		bool ending = l->ending;
		pthread_mutex_unlock(&l->lock);
		if (ending || net_loop_stopped(l))
			end_all(l);
		if (ending)
			return NULL;
		int wait_ms = unpause(l);
		if (l->ssh)
			shut_stalled(l);
		curl_multi_perform(l->multi, &running);
		end_finished(l);
		curl_multi_poll(l->multi, NULL, 0, wait_ms, NULL);
	}
}

/* ---- for others ---- */

CURLcode net_loop_run(struct net_transfer *t)
{
	struct net_loop *l = t->loop;
	pthread_cond_init(&t->finished, NULL);
	pthread_mutex_lock(&l->lock);
	t->next = l->queued;
	l->queued = t;
	curl_multi_wakeup(l->multi);
	while (!t->done)
		pthread_cond_wait(&t->finished, &l->lock);
	pthread_mutex_unlock(&l->lock);
	pthread_cond_destroy(&t->finished);
	return t->result;
}

bool net_loop_watch(struct net_transfer *t)
{
	return curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
	       curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETDATA, &t->loop->sockets) == CURLE_OK &&
	       curl_easy_setopt(t->easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket) == CURLE_OK &&
	       curl_easy_setopt(t->easy, CURLOPT_CLOSESOCKETDATA, &t->loop->sockets) == CURLE_OK &&
	       curl_easy_setopt(t->easy, CURLOPT_PREREQFUNCTION, note_connection) == CURLE_OK &&
	       curl_easy_setopt(t->easy, CURLOPT_PREREQDATA, t) == CURLE_OK;
}

/* ---- beginning and end ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode global;

static void start_curl(void)
{
	global = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static int start(struct net_loop *l, struct err *err)
{
	pthread_once(&once, start_curl);
	l->multi = global == CURLE_OK ? curl_multi_init() : NULL;
	if (!l->multi)
		return err_set(err, ERR_NOMEM, "libcurl does not start");
	curl_multi_setopt(l->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)NET_CONNECTIONS_MAX);
	curl_multi_setopt(l->multi, CURLMOPT_MAXCONNECTS, (long)NET_CONNECTIONS_MAX);
	l->running = pthread_create(&l->thread, NULL, drive, l) == 0;
	return l->running ? 0 : err_set(err, ERR_NOMEM, "cannot start a thread");
}

struct net_loop *net_loop_new(const struct backend_options *options, bool ssh, long stall_timeout_s,
                              struct err *err)
{
	struct net_loop *l = calloc(1, sizeof *l);
	if (!l) {
		err_no_memory(err);
		return NULL;
	}
	pthread_mutex_init(&l->lock, NULL);
	l->stall_timeout_ns = stall_timeout_s * NET_NS;
	l->stop = options->stop;
	l->ssh = ssh;
	if (rate_parse(&l->up, options->limit_up, err) == 0 &&
	    rate_parse(&l->down, options->limit_down, err) == 0 && start(l, err) == 0)
		return l;
	net_loop_free(l);
	return NULL;
}

void net_loop_free(struct net_loop *l)
{
	if (!l)
		return;
	if (l->running) {
		pthread_mutex_lock(&l->lock);
		l->ending = true;
		pthread_mutex_unlock(&l->lock);
		curl_multi_wakeup(l->multi);
		pthread_join(l->thread, NULL);
	}
	if (l->multi)
		curl_multi_cleanup(l->multi);
	pthread_mutex_destroy(&l->lock);
	free(l);
}
