#include "net_attempt.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "holdfast/err.h"
#include "net_call.h"
#include "net_connect.h"
#include "net_loop.h"

struct attempt {
	struct net_transfer transfer;
	struct net_call *call;
	CURL *easy;
	struct curl_slist *headers;
	size_t sent;
	bool cut;                      /* ended by us: out is full */
	bool too_long;                 /* text is full */
	bool no_memory;
	atomic_int_least64_t *clock_ahead_s;
};

/* ---- what curl calls back, in the driving thread ---- */

static size_t give_body(char *to, size_t size, size_t count, void *arg)
{
	struct attempt *a = arg;
	size_t want = a->call->body_len - a->sent;
	if (want > size * count)
		want = size * count;
	size_t may = net_loop_send(&a->transfer, want);
	if (may == 0 && want > 0)
		return CURL_READFUNC_PAUSE;
	memcpy(to, (const char *)a->call->body + a->sent, may);
	a->sent += may;
	return may;
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
	if (!net_loop_receive(&a->transfer, size * count))
		return CURL_WRITEFUNC_PAUSE;
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

static void note_date(const struct attempt *a, const char *value, size_t len)
{
	char text[NET_HEADER_MAX];
	copy_value(text, value, len);
	time_t theirs = curl_getdate(text, NULL);
	if (theirs > 0)
		atomic_store(a->clock_ahead_s, (int64_t)theirs - (int64_t)time(NULL));
}

static void begin_answer(struct attempt *a)
{
	for (size_t i = 0; i < NET_HEADERS_MAX; i++)
		a->call->wanted[i].value[0] = '\0';
	net_loop_heard(&a->transfer);
}

static size_t get_header(char *line, size_t size, size_t count, void *arg)
{
	struct attempt *a = arg;
	size_t len = size * count;
	const char *value;
	/* a new answer (after 100 Continue, or a challenge) begins with its status line */
	if (a->call->method && len > 5 && strncmp(line, "HTTP/", 5) == 0)
		begin_answer(a);
	for (size_t i = 0; i < NET_HEADERS_MAX && a->call->wanted[i].name; i++)
		if (is_header(line, len, a->call->wanted[i].name, &value))
			copy_value(a->call->wanted[i].value, value, len - (size_t)(value - line));
	if (is_header(line, len, "Date", &value))
		note_date(a, value, len - (size_t)(value - line));
	return len;
}

/* ---- the request ---- */

#define SET(option, value) (ok = ok && curl_easy_setopt(a->easy, (option), (value)) == CURLE_OK)

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
	SET(CURLOPT_PRIVATE, (char *)&a->transfer);
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

static int set_up(struct attempt *a, const struct net_connect *connect, struct err *err)
{
	bool http = a->call->method != NULL;
	if (!net_connect_set(connect, a->easy, http) || !net_loop_watch(&a->transfer) ||
	    !set_request(a) || !set_http(a))
		return err_set(err, ERR_NOMEM, "libcurl refuses an option, or is out of memory");
	return a->call->prepare ? a->call->prepare(a->easy, a->call, a->call->arg, err) : 0;
}

/* ---- the answer ---- */

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
}

int net_attempt(const struct net_attempt_options *o, CURL *easy, struct net_call *c, size_t text_len,
                CURLcode *result, struct err *err)
{
	struct attempt a = { .transfer = { .loop = o->loop, .easy = easy }, .call = c, .easy = easy,
	                     .clock_ahead_s = o->clock_ahead_s };
	clear_answer(c, text_len);
	int rc = set_up(&a, o->connect, err);
	if (rc == 0) {
		CURLcode said = net_loop_run(&a.transfer);
		read_answer(&a);
		*result = a.cut ? CURLE_OK : said;
	}
	curl_slist_free_all(a.headers);
	free_lists(c);
	if (rc == 0 && a.too_long)
		rc = err_set(err, ERR_LIMIT, "the answer is longer than %zu bytes", c->text->max);
	if (rc == 0 && a.no_memory)
		rc = err_no_memory(err);
	return rc;
}
