#include "base/post.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "holdfast/err.h"

enum { CONNECT_TIMEOUT_S = 10, TRIES = 2, PAUSE_S = 1, PLACE_MAX = 200 };

struct receiving {
	struct buf *body;     /* NULL: it is ignored */
	struct err failed;
};

/* Anything but size * n makes curl give up. */
static size_t receive(char *data, size_t size, size_t n, void *arg)
{
	struct receiving *r = arg;
	if (r->body && buf_append(r->body, data, size * n, &r->failed) != 0)
		return 0;
	return size * n;
}

/* "https://host": there may be a password before it and a secret behind it. */
static void place_of(const char *url, char out[PLACE_MAX])
{
	CURLU *u = curl_url();
	char *scheme = NULL, *host = NULL;
	bool good = u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
	            curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	            curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK;
	snprintf(out, PLACE_MAX, "%s%s%s", good ? scheme : "the address", good ? "://" : "",
	         good ? host : "");
	curl_free(scheme);
	curl_free(host);
	curl_url_cleanup(u);
}

static bool set_up(CURL *c, const struct post *p, struct curl_slist *headers)
{
	bool good = curl_easy_setopt(c, CURLOPT_URL, p->url) == CURLE_OK;
	good &= curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
	good &= curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
	good &= curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK;
	good &= curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
	good &= curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
	good &= curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
	good &= curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S) == CURLE_OK;
	good &= curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)POST_TIMEOUT_S) == CURLE_OK;
	good &= curl_easy_setopt(c, CURLOPT_POSTFIELDS, p->body ? p->body : "") == CURLE_OK;
	good &= curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)p->len) == CURLE_OK;
	good &= curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers) == CURLE_OK;
	good &= curl_easy_setopt(c, CURLOPT_USERAGENT, "holdfast/" HOLDFAST_VERSION) == CURLE_OK;
	good &= curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, receive) == CURLE_OK;
	return good;
}

static bool is_about_trust(CURLcode code)
{
	return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CERTPROBLEM ||
	       code == CURLE_SSL_ISSUER_ERROR || code == CURLE_SSL_CACERT_BADFILE;
}

static int judge(CURLcode code, long status, const char *place, struct err *err)
{
	if (code == CURLE_OUT_OF_MEMORY)
		return err_no_memory(err);
	if (code != CURLE_OK) {
		enum err_code kind = is_about_trust(code) ? ERR_DENIED
		                     : code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL
		                     ? ERR_INVALID : ERR_UNREACHABLE;
		return err_set(err, kind, "%s: %s", place, curl_easy_strerror(code));
	}
	if (status >= 200 && status < 300)
		return 0;
	enum err_code kind = status == 401 || status == 403 ? ERR_DENIED
	                     : status == 404 || status == 410 ? ERR_ABSENT : ERR_UNREACHABLE;
	return err_set(err, kind, "%s: answers with status %ld", place, status);
}

static int send_once(CURL *c, struct buf *answer, const char *place, long *status, struct err *err)
{
	struct receiving r = { .body = answer };
	*status = 0;
	if (answer)
		buf_clear(answer);
	if (curl_easy_setopt(c, CURLOPT_WRITEDATA, &r) != CURLE_OK)
		return err_no_memory(err);
	CURLcode code = curl_easy_perform(c);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, status);
	if (r.failed.code == ERR_NONE)
		return judge(code, *status, place, err);
	*err = r.failed;
	return err->code == ERR_LIMIT ? err_set(err, ERR_LIMIT, "%s: the answer is longer than %zu bytes",
	                                        place, answer->max)
	                              : (int)err->code;
}

static int send_all(CURL *c, struct buf *answer, const char *place, struct err *err)
{
	for (int tries = 1;; tries++) {
		long status;
		int rc = send_once(c, answer, place, &status, err);
		bool passing = rc == ERR_UNREACHABLE && (status == 0 || status == 429 || status >= 500);
		if (!passing || tries == TRIES)
			return rc;
		nanosleep(&(struct timespec){ .tv_sec = PAUSE_S }, NULL);
	}
}

int post_send(const struct post *p, struct err *err)
{
	char place[PLACE_MAX], type[100];
	place_of(p->url, place);
	snprintf(type, sizeof type, "Content-Type: %s", p->type);
	struct curl_slist *headers = curl_slist_append(NULL, type);
	CURL *c = headers ? curl_easy_init() : NULL;
	int rc = c && set_up(c, p, headers) ? send_all(c, p->answer, place, err)
	                                    : err_no_memory(err);
	curl_easy_cleanup(c);
	curl_slist_free_all(headers);
	return rc;
}
