/* net against a server of this test that answers by script: one piece of script per request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../../backends/net.h"
#include "base/buf.h"
#include "holdfast/err.h"

enum { SCRIPT_MAX = 8, REQUEST_MAX = 4 << 20 };

/* What to do about one connection. */
struct answer {
	const char *text;      /* sent after the request was read */
	bool hold;             /* then say nothing more, until the end */
	bool reset;            /* RST instead of the orderly end */
	bool until_next;       /* keep the connection, and reset it when more comes */
};

struct server {
	int fd;
	uint16_t port;
	pthread_t thread;
	struct answer script[SCRIPT_MAX];
	unsigned n;
	atomic_uint served;
	int held[SCRIPT_MAX];
	unsigned n_held;
	char *last;            /* the last request, whole */
	size_t last_len;
	char url[64];
};

static struct server server;

static size_t length_of_request(const char *text, size_t len)
{
	const char *end = memmem(text, len, "\r\n\r\n", 4);
	if (!end)
		return SIZE_MAX;
	const char *at = strcasestr(text, "content-length:");
	size_t body = at && at < end ? strtoul(at + 15, NULL, 10) : 0;
	return (size_t)(end - text) + 4 + body;
}

static void read_request(int fd)
{
	server.last_len = 0;
	for (;;) {
		ssize_t n = read(fd, server.last + server.last_len, REQUEST_MAX - server.last_len);
		if (n <= 0)
			return;
		server.last_len += (size_t)n;
		server.last[server.last_len] = '\0';
		if (server.last_len >= length_of_request(server.last, server.last_len))
			return;
	}
}

static void answer(int fd, const struct answer *a)
{
	struct linger now = { 1, 0 };
	read_request(fd);
	if (a->text)
		assert_true(write(fd, a->text, strlen(a->text)) >= 0);
	if (a->hold) {
		server.held[server.n_held++] = fd;
		return;
	}
	if (a->until_next)
		(void)poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 5000);
	if (a->reset || a->until_next)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(fd);
}

static void *serve(void *arg)
{
	(void)arg;
	for (int fd; (fd = accept(server.fd, NULL, NULL)) >= 0;) {
		unsigned i = server.served;
		answer(fd, &server.script[i < server.n ? i : server.n - 1]);
		server.served++;
	}
	return NULL;
}

/* ---- a server that answers many at once, and keeps their connections ---- */

enum { MANY_MS = 150 };

static struct {
	atomic_uint inside, most;
	atomic_bool in_two;    /* head and body in two writes, as who leaves Nagle on has them wait */
} many;

static void *answer_many(void *arg)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
	char request[4096];
	int fd = (int)(intptr_t)arg;
	while (read(fd, request, sizeof request) > 0) {
		unsigned n = atomic_fetch_add(&many.inside, 1) + 1;
		for (unsigned most = atomic_load(&many.most);
		     n > most && !atomic_compare_exchange_weak(&many.most, &most, n);)
			;
		if (!atomic_load(&many.in_two))
			nanosleep(&(struct timespec){ .tv_nsec = MANY_MS * 1000000L }, NULL);
		atomic_fetch_sub(&many.inside, 1);
		if (write(fd, head, sizeof head - 1) < 0 || write(fd, "hello", 5) < 0)
			break;
	}
	close(fd);
	return NULL;
}

static void *serve_many(void *arg)
{
	pthread_t thread;
	(void)arg;
	for (int fd; (fd = accept(server.fd, NULL, NULL)) >= 0;)
		if (pthread_create(&thread, NULL, answer_many, (void *)(intptr_t)fd) == 0)
			pthread_detach(thread);
	return NULL;
}

static void start_many(bool in_two)
{
	atomic_store(&many.inside, 0);
	atomic_store(&many.most, 0);
	atomic_store(&many.in_two, in_two);
	server.n = 1;
	assert_int_equal(pthread_create(&server.thread, NULL, serve_many, NULL), 0);
}

static int set_up(void **state)
{
	(void)state;
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof at;
	memset(&server, 0, sizeof server);
	server.last = malloc(REQUEST_MAX + 1);
	server.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!server.last || server.fd < 0 || bind(server.fd, (struct sockaddr *)&at, len) != 0 ||
	    listen(server.fd, 16) != 0 || getsockname(server.fd, (struct sockaddr *)&at, &len) != 0)
		return -1;
	server.port = ntohs(at.sin_port);
	snprintf(server.url, sizeof server.url, "http://127.0.0.1:%u/x", server.port);
	return 0;
}

static void start(const struct answer *script, unsigned n)
{
	memcpy(server.script, script, n * sizeof *script);
	server.n = n;
	assert_int_equal(pthread_create(&server.thread, NULL, serve, NULL), 0);
}

#define START(...) start((const struct answer[]){ __VA_ARGS__ }, \
                         sizeof (const struct answer[]){ __VA_ARGS__ } / sizeof(struct answer))

static int tear_down(void **state)
{
	(void)state;
	shutdown(server.fd, SHUT_RDWR);
	if (server.n)
		pthread_join(server.thread, NULL);
	close(server.fd);
	for (unsigned i = 0; i < server.n_held; i++)
		close(server.held[i]);
	free(server.last);
	return 0;
}

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct net *open_net(struct backend_options *o)
{
	struct err err;
	if (o->timeout_s == 0)
		o->timeout_s = 10;
	struct net *n = net_new(o, "http,https", "the server", &err);
	assert_non_null(n);
	return n;
}

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\nETag: \"abc\"\r\n\r\nhello"
#define BUSY "HTTP/1.1 503 Slow Down\r\nContent-Length: 4\r\nConnection: close\r\n\r\nslow"

struct one {
	struct net_call call;
	char out[64];
	struct err err;
};

static int get(struct net *n, struct one *o)
{
	memset(o, 0, sizeof *o);
	o->call = (struct net_call){ .url = server.url, .method = "GET", .out = o->out,
		                     .cap = sizeof o->out, .wanted = { { .name = "etag" } } };
	return net_do(n, &o->call, &o->err);
}

static void assert_hello(const struct one *o)
{
	assert_int_equal(o->call.status, 200);
	assert_int_equal(o->call.len, 5);
	assert_memory_equal(o->out, "hello", 5);
}

static void an_answer_comes_with_its_headers(void **state)
{
	(void)state;
	struct backend_options o = { 0 };
	struct one one;
	AUTO(net) n = open_net(&o);
	START({ .text = HELLO });
	assert_int_equal(get(n, &one), 0);
	assert_hello(&one);
	assert_string_equal(net_wanted(&one.call, "ETag"), "\"abc\"");
	assert_int_equal(one.call.total, 5);
	assert_false(one.call.unheard);
	net_call_end(&one.call);
}

static void what_may_pass_is_tried_again(void **state)
{
	(void)state;
	struct backend_options o = { 0 };
	struct one one;
	AUTO(net) n = open_net(&o);
	START({ .text = BUSY }, { .reset = true },
	      { .text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel" },
	      { .text = HELLO });
	assert_int_equal(get(n, &one), 0);
	assert_hello(&one);
	assert_int_equal(one.call.attempts, 4);
	assert_true(one.call.unheard);
	net_call_end(&one.call);
}

static void retry_after_is_honoured(void **state)
{
	(void)state;
	struct backend_options o = { 0 };
	struct one one;
	AUTO(net) n = open_net(&o);
	START({ .text = "HTTP/1.1 429 Too Many\r\nRetry-After: 2\r\nContent-Length: 0\r\n"
	                "Connection: close\r\n\r\n" },
	      { .text = HELLO });
	double begun = seconds();
	assert_int_equal(get(n, &one), 0);
	assert_hello(&one);
	assert_true(seconds() - begun >= 1.9);
	net_call_end(&one.call);
}

static void a_refusal_is_an_answer_with_its_reason(void **state)
{
	(void)state;
	struct backend_options o = { 0 };
	struct one one;
	AUTO(net) n = open_net(&o);
	START({ .text = "HTTP/1.1 403 No\r\nContent-Length: 6\r\nConnection: close\r\n\r\ndenied" });
	assert_int_equal(get(n, &one), 0);
	assert_int_equal(one.call.status, 403);
	assert_int_equal(one.call.len, 0);
	assert_int_equal(one.call.reason->len, 6);
	assert_int_equal(one.call.attempts, 1);
	net_call_end(&one.call);
}

static void a_peer_that_falls_silent_is_given_up_at_the_deadline(void **state)
{
	(void)state;
	struct backend_options o = { .stall_timeout_s = 1, .timeout_s = 3 };
	struct one one;
	AUTO(net) n = open_net(&o);
	START({ .text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", .hold = true });
	double begun = seconds();
	assert_int_equal(get(n, &one), ERR_UNREACHABLE);
	assert_true(seconds() - begun < 8);
	assert_non_null(strstr(one.err.msg, "the server: "));
	net_call_end(&one.call);
}

static void a_peer_that_stays_busy_is_given_up_at_the_deadline(void **state)
{
	(void)state;
	struct backend_options o = { .timeout_s = 2 };
	struct one one;
	AUTO(net) n = open_net(&o);
	START({ .text = BUSY }, { .text = BUSY }, { .text = BUSY }, { .text = BUSY }, { .text = BUSY },
	      { .text = BUSY }, { .text = BUSY }, { .text = HELLO });
	assert_int_equal(get(n, &one), ERR_UNREACHABLE);
	assert_in_range(one.call.attempts, 2, 6);
	assert_non_null(strstr(one.err.msg, "answers 503"));
	net_call_end(&one.call);
}

static void a_host_that_never_answered_is_tried_three_times(void **state)
{
	(void)state;
	struct backend_options o = { .timeout_s = 60 };
	struct one one;
	AUTO(net) n = open_net(&o);
	close(server.fd);
	assert_int_equal(get(n, &one), ERR_UNREACHABLE);
	assert_int_equal(one.call.attempts, 3);
	net_call_end(&one.call);
	server.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void a_name_that_does_not_resolve_is_told_as_such(void **state)
{
	(void)state;
	struct backend_options o = { .timeout_s = 60 };
	struct one one;
	AUTO(net) n = open_net(&o);
	snprintf(server.url, sizeof server.url, "http://no-such-host.invalid/x");
	assert_int_equal(get(n, &one), ERR_UNREACHABLE);
	assert_non_null(strstr(one.err.msg, "resolve"));
	assert_int_equal(one.call.attempts, 3);
	net_call_end(&one.call);
}

/* Stands for a signal's handler, which the thread sanitizer does not follow. */
__attribute__((no_sanitize("thread"))) static void *stop_soon(void *flag)
{
	nanosleep(&(struct timespec){ .tv_nsec = 300000000 }, NULL);
	*(volatile sig_atomic_t *)flag = 1;
	return NULL;
}

static void a_call_is_stopped_within_a_second(void **state)
{
	(void)state;
	volatile sig_atomic_t flag = 0;
	struct backend_options o = { .stop = &flag };
	struct one one;
	pthread_t thread;
	AUTO(net) n = open_net(&o);
	START({ .hold = true });
	assert_int_equal(pthread_create(&thread, NULL, stop_soon, (void *)(uintptr_t)&flag), 0);
	double begun = seconds();
	assert_int_equal(get(n, &one), ERR_STOPPED);
	assert_true(seconds() - begun < 1.5);
	pthread_join(thread, NULL);
	net_call_end(&one.call);
}

static int put(struct net *n, struct net_call *call, const char *body, size_t len, struct err *err)
{
	*call = (struct net_call){ .url = server.url, .method = "PUT", .body = body, .body_len = len };
	return net_do(n, call, err);
}

static void a_body_arrives_whole_also_the_second_time(void **state)
{
	(void)state;
	enum { LEN = 3 << 20 };
	struct backend_options o = { 0 };
	struct net_call call;
	struct err err;
	char *body = malloc(LEN);
	assert_non_null(body);
	for (size_t i = 0; i < LEN; i++)
		body[i] = (char)(i * 7 / 3);
	AUTO(net) n = open_net(&o);
	START({ .text = BUSY },
	      { .text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok" });
	assert_int_equal(put(n, &call, body, LEN, &err), 0);
	assert_int_equal(call.status, 200);
	assert_true(server.last_len > LEN);
	assert_memory_equal(server.last + server.last_len - LEN, body, LEN);
	net_call_end(&call);
	free(body);
}

/* libcurl itself sends it again, on a new connection, and has to be given the body anew. */
static void a_body_arrives_whole_after_a_kept_connection_was_lost(void **state)
{
	(void)state;
	enum { LEN = 3 << 20 };
	struct backend_options o = { 0 };
	struct one one;
	struct net_call call;
	struct err err;
	char *body = malloc(LEN);
	assert_non_null(body);
	for (size_t i = 0; i < LEN; i++)
		body[i] = (char)(i * 7 / 3);
	AUTO(net) n = open_net(&o);
	START({ .text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", .until_next = true },
	      { .text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok" });
	assert_int_equal(get(n, &one), 0);
	net_call_end(&one.call);
	assert_int_equal(put(n, &call, body, LEN, &err), 0);
	assert_int_equal(call.status, 200);
	assert_true(server.last_len > LEN);
	assert_memory_equal(server.last + server.last_len - LEN, body, LEN);
	net_call_end(&call);
	free(body);
}

static void an_upload_keeps_to_its_limit(void **state)
{
	(void)state;
	enum { LEN = 1 << 20 };
	struct backend_options o = { .limit_up = "512K" };
	struct net_call call;
	struct err err;
	char *body = calloc(1, LEN);
	assert_non_null(body);
	AUTO(net) n = open_net(&o);
	START({ .text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" });
	double begun = seconds();
	assert_int_equal(put(n, &call, body, LEN, &err), 0);
	double took = seconds() - begun;
	if (took < 1.3 || took > 4)
		fail_msg("1 MiB at 512 KiB/s took %.2f s", took);
	net_call_end(&call);
	free(body);
}

static void a_download_keeps_to_its_limit(void **state)
{
	(void)state;
	enum { LEN = 1 << 20 };
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\nConnection: close\r\n\r\n";
	struct backend_options o = { .limit_down = "512K" };
	struct err err;
	static char text[sizeof head + LEN];   /* the server's thread has it to the end */
	char *out = malloc(LEN);
	assert_non_null(out);
	memcpy(text, head, sizeof head);
	memset(text + sizeof head - 1, 'x', LEN);
	text[sizeof head - 1 + LEN] = '\0';
	AUTO(net) n = open_net(&o);
	START({ .text = text });
	struct net_call call = { .url = server.url, .method = "GET", .out = out, .cap = LEN };
	double begun = seconds();
	assert_int_equal(net_do(n, &call, &err), 0);
	double took = seconds() - begun;
	assert_int_equal(call.len, LEN);
	if (took < 1.3 || took > 4)
		fail_msg("1 MiB at 512 KiB/s took %.2f s", took);
	net_call_end(&call);
	free(out);
}

/* ---- many at once ---- */

enum { CALLERS = 10 };

static void *get_much(void *arg)
{
	struct net_call call = { .url = server.url, .method = "GET", .out = malloc(NET_BULK_BYTES),
		                 .cap = NET_BULK_BYTES };
	struct err err;
	int rc = call.out ? net_do(arg, &call, &err) : ERR_NOMEM;
	free(call.out);
	net_call_end(&call);
	return (void *)(intptr_t)rc;
}

static void get_much_at_once(struct net *n)
{
	pthread_t threads[CALLERS];
	void *rc;
	for (unsigned i = 0; i < CALLERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, get_much, n), 0);
	for (unsigned i = 0; i < CALLERS; i++) {
		pthread_join(threads[i], &rc);
		assert_null(rc);
	}
}

static void large_calls_keep_to_the_number_of_connections(void **state)
{
	(void)state;
	struct backend_options o = { .connections = 3 };
	AUTO(net) n = open_net(&o);
	start_many(false);
	get_much_at_once(n);
	assert_int_equal(many.most, 3);
}

static void without_a_number_large_calls_begin_with_four(void **state)
{
	(void)state;
	struct backend_options o = { 0 };
	AUTO(net) n = open_net(&o);
	start_many(false);
	get_much_at_once(n);
	assert_in_range(many.most, 4, 8);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Linux holds acknowledgements back for 40 ms. */
static void a_head_is_acknowledged_before_its_body_comes(void **state)
{
	(void)state;
	enum { TIMES = 21 };
	double took[TIMES];
	struct backend_options o = { 0 };
	struct one one;
	AUTO(net) n = open_net(&o);
	start_many(true);
	for (unsigned i = 0; i < TIMES; i++) {
		double begun = seconds();
		assert_int_equal(get(n, &one), 0);
		took[i] = seconds() - begun;
		assert_hello(&one);
		net_call_end(&one.call);
	}
	qsort(took, TIMES, sizeof *took, by_value);
	if (took[TIMES / 2] > 0.03)
		fail_msg("half of the answers took more than %.0f ms", took[TIMES / 2] * 1000);
}

static void more_than_was_asked_for_is_not_fetched(void **state)
{
	(void)state;
	struct backend_options o = { .stall_timeout_s = 1, .timeout_s = 2 };
	struct one one;
	AUTO(net) n = open_net(&o);
	/* the rest never comes */
	START({ .text = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello", .hold = true });
	memset(&one, 0, sizeof one);
	one.call = (struct net_call){ .url = server.url, .method = "GET", .out = one.out, .cap = 3 };
	assert_int_equal(net_do(n, &one.call, &one.err), 0);
	assert_int_equal(one.call.len, 3);
	assert_memory_equal(one.out, "hel", 3);
	assert_int_equal(one.call.attempts, 1);
	net_call_end(&one.call);
}

static void a_text_beyond_its_limit_is_refused(void **state)
{
	(void)state;
	struct backend_options o = { 0 };
	struct err err;
	AUTO(net) n = open_net(&o);
	AUTO(buf) text = buf_new(4, &err);
	START({ .text = HELLO });
	struct net_call call = { .url = server.url, .method = "GET", .text = text };
	assert_int_equal(net_do(n, &call, &err), ERR_LIMIT);
	net_call_end(&call);
}

static void a_malformed_limit_is_refused(void **state)
{
	(void)state;
	struct backend_options o = { .limit_down = "fast" };
	struct err err;
	assert_null(net_new(&o, "http", "h", &err));
	assert_int_equal(err.code, ERR_INVALID);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	static const struct CMUnitTest tests[] = {
		TEST(an_answer_comes_with_its_headers),
		TEST(what_may_pass_is_tried_again),
		TEST(retry_after_is_honoured),
		TEST(a_refusal_is_an_answer_with_its_reason),
		TEST(a_peer_that_falls_silent_is_given_up_at_the_deadline),
		TEST(a_peer_that_stays_busy_is_given_up_at_the_deadline),
		TEST(a_host_that_never_answered_is_tried_three_times),
		TEST(a_name_that_does_not_resolve_is_told_as_such),
		TEST(a_call_is_stopped_within_a_second),
		TEST(a_body_arrives_whole_also_the_second_time),
		TEST(a_body_arrives_whole_after_a_kept_connection_was_lost),
		TEST(an_upload_keeps_to_its_limit),
		TEST(a_download_keeps_to_its_limit),
		TEST(large_calls_keep_to_the_number_of_connections),
		TEST(without_a_number_large_calls_begin_with_four),
		TEST(a_head_is_acknowledged_before_its_body_comes),
		TEST(more_than_was_asked_for_is_not_fetched),
		TEST(a_text_beyond_its_limit_is_refused),
		TEST(a_malformed_limit_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
