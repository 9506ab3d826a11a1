#include "s3_call.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/hex.h"
#include "holdfast/err.h"
#include "s3_auth.h"

enum {
	HEADERS_MAX = S3_OWN_HEADERS_MAX + 4,
	SHA256_TEXT = 2 * crypto_hash_sha256_BYTES + 1,
};

/* What a request needs beyond what its caller gave. */
struct signing {
	char region[S3_REGION_MAX + 1], provider[S3_REGION_MAX + 16];
	struct s3_keys keys;
	char hash[24 + SHA256_TEXT], checksum[80], token[S3_TOKEN_MAX + 32];
	const char *headers[HEADERS_MAX];
};

/* ---- signing ---- */

/*
 * Our own list takes the place of net's, whose "Expect:" (send none) curl 7.88 would sign as a header
 * that then is not sent. So large bodies go with one; waiting a millisecond for its answer is none.
 */
static bool set_headers(CURL *easy, const struct signing *s, struct net_call *call)
{
	for (size_t i = 0; s->headers[i]; i++) {
		struct curl_slist *more = curl_slist_append(call->lists[0], s->headers[i]);
		if (!more)
			return false;
		call->lists[0] = more;
	}
	return curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->lists[0]) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_EXPECT_100_TIMEOUT_MS, 1L) == CURLE_OK;
}

static int sign(CURL *easy, struct net_call *call, void *arg, struct err *err)
{
	const struct signing *s = arg;
	if (!set_headers(easy, s, call) ||
	    curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, s->provider) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_USERNAME, s->keys.id) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_PASSWORD, s->keys.secret) != CURLE_OK)
		return err_set(err, ERR_NOMEM, "libcurl cannot sign requests, or is out of memory");
	return 0;
}

/* TLS protects large bodies already, and hashing them would take as long as encrypting them. */
static void hash_body(const struct s3 *s, const struct s3_request *r, struct signing *out)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char text[SHA256_TEXT] = "UNSIGNED-PAYLOAD";
	bool plain = s->place.tls && r->body_len >= NET_BULK_BYTES;
	if (!plain || r->checksum)
		crypto_hash_sha256(hash, r->body, r->body_len);
	if (!plain)
		hex_encode(text, hash, sizeof hash);
	snprintf(out->hash, sizeof out->hash, "x-amz-content-sha256: %s", text);
	if (!r->checksum)
		return;
	char base64[sodium_base64_ENCODED_LEN(sizeof hash, sodium_base64_VARIANT_ORIGINAL)];
	sodium_bin2base64(base64, sizeof base64, hash, sizeof hash, sodium_base64_VARIANT_ORIGINAL);
	snprintf(out->checksum, sizeof out->checksum, "x-amz-checksum-sha256: %s", base64);
}

static void gather_headers(const struct s3_request *r, struct signing *s)
{
	size_t n = 0;
	s->headers[n++] = s->hash;
	if (r->checksum)
		s->headers[n++] = s->checksum;
	if (s->keys.token[0]) {
		snprintf(s->token, sizeof s->token, "x-amz-security-token: %s", s->keys.token);
		s->headers[n++] = s->token;
	}
	for (size_t i = 0; i < S3_OWN_HEADERS_MAX && r->headers[i]; i++)
		s->headers[n++] = r->headers[i];
	s->headers[n] = NULL;
}

static void gather_wanted(struct s3_request *r)
{
	static const char *const always[] = { "ETag", "Last-Modified", "x-amz-version-id",
		                              "x-amz-bucket-region" };
	size_t n = 0;
	for (; n < sizeof always / sizeof *always; n++)
		r->call.wanted[n].name = always[n];
	for (size_t i = 0; i < S3_OWN_WANTED_MAX; i++)
		r->call.wanted[n++].name = r->wanted[i];
}

static void known_region(struct s3 *s, char region[S3_REGION_MAX + 1])
{
	pthread_mutex_lock(&s->lock);
	memcpy(region, s->region, S3_REGION_MAX + 1);
	pthread_mutex_unlock(&s->lock);
}

static int prepare(struct s3 *s, struct s3_request *r, struct signing *out, struct err *err)
{
	/* keys that cannot be had are no answer about an object */
	if (s3_auth_keys(s->auth, &out->keys, err) != 0)
		return err->code = err->code == ERR_ABSENT ? ERR_DENIED : err->code;
	known_region(s, out->region);
	snprintf(out->provider, sizeof out->provider, "aws:amz:%s:s3", out->region);
	hash_body(s, r, out);
	gather_headers(r, out);
	gather_wanted(r);
	return 0;
}

/* ---- answers ---- */

static void read_reason(const struct net_call *c, struct s3_refusal *out)
{
	if (c->reason)
		s3_refusal_read(out, c->reason->bytes, c->reason->len);
}

bool s3_code_is(const struct s3_request *r, const char *code)
{
	struct s3_refusal refusal = { 0 };
	read_reason(&r->call, &refusal);
	return strcmp(refusal.code, code) == 0;
}

/* Refusals that pass: net.h knows of those with a status of their own. */
static bool passes(const struct net_call *call, void *arg)
{
	static const char *const codes[] = { "SlowDown", "RequestTimeout", "OperationAborted",
		                             "ConditionalRequestConflict", "InternalError" };
	struct s3_refusal refusal = { 0 };
	(void)arg;
	read_reason(call, &refusal);
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (strcmp(refusal.code, codes[i]) == 0)
			return true;
	return false;
}

static int attempt(struct s3 *s, struct s3_request *r, struct signing *g, struct err *err)
{
	AUTO(buf) url = buf_new(S3_URL_MAX, err);
	if (!url || s3_place_url(&s->place, g->region, r->name, r->query ? r->query : "", url, err) != 0)
		return err->code;
	r->call.url = buf_text(url, err);
	if (!r->call.url)
		return err->code;
	r->call.method = r->method;
	r->call.body = r->body;
	r->call.body_len = r->body_len;
	r->call.prepare = sign;
	r->call.again = passes;
	r->call.arg = g;
	int rc = net_do(s->net, &r->call, err);
	r->call.url = NULL;
	return rc;
}

static bool good(const struct s3_request *r)
{
	return r->call.status >= 200 && r->call.status <= 299;
}

/* The answer names the region that the bucket is in: from now on it is asked there. */
static bool learn_region(struct s3 *s, const struct s3_refusal *refusal, const char *used)
{
	if (!refusal->region[0] || strcmp(refusal->region, used) == 0)
		return false;
	pthread_mutex_lock(&s->lock);
	memcpy(s->region, refusal->region, sizeof s->region);
	pthread_mutex_unlock(&s->lock);
	return true;
}

static bool repeat_otherwise(struct s3 *s, const struct s3_refusal *refusal, const char *region)
{
	if (strcmp(refusal->code, "ExpiredToken") == 0 || strcmp(refusal->code, "TokenRefreshRequired") == 0)
		return s3_auth_renew(s->auth);
	/* a refusal may name the region, too, that was asked, or another for other reasons */
	bool moved = refusal->status == 400 || (refusal->status >= 300 && refusal->status < 400);
	return moved && learn_region(s, refusal, region);
}

static void note_there(struct s3 *s, const struct s3_request *r, const struct s3_refusal *refusal)
{
	if (!good(r) && strcmp(refusal->code, "NoSuchKey") != 0)
		return;
	pthread_mutex_lock(&s->lock);
	s->there = true;
	pthread_mutex_unlock(&s->lock);
}

static void read_refusal(const struct s3 *s, const struct s3_request *r, struct s3_refusal *out)
{
	*out = (struct s3_refusal){ .status = r->call.status, .bucket = s->place.bucket,
		                    .action = r->action, .clock_ahead_s = net_clock_ahead_s(s->net) };
	read_reason(&r->call, out);
	const char *region = net_wanted(&r->call, "x-amz-bucket-region");
	if (s3_region_ok(region))
		memcpy(out->region, region, strlen(region) + 1);
	if (!r->name && out->status == 404 && !out->code[0])
		memcpy(out->code, "NoSuchBucket", sizeof "NoSuchBucket");
}

/* One request; *refusal is set where the answer is no 2xx. */
static int once(struct s3 *s, struct s3_request *r, struct s3_refusal *refusal, bool *repeat,
                struct err *err)
{
	struct signing g = { 0 };
	int rc = prepare(s, r, &g, err);
	if (rc == 0)
		rc = attempt(s, r, &g, err);
	if (rc == 0) {
		read_refusal(s, r, refusal);
		note_there(s, r, refusal);
		*repeat = !good(r) && repeat_otherwise(s, refusal, g.region);
	}
	explicit_bzero(&g, sizeof g);
	return rc;
}

/* An answer to HEAD does not say whether the object or the bucket is absent, nor what is wrong with the
 * keys: a GET does. */
static int expect_bucket(struct s3 *s, struct err *err)
{
	struct s3_request r = { .method = "GET", .action = "s3:ListBucket",
		                .query = "list-type=2&max-keys=1" };
	pthread_mutex_lock(&s->lock);
	bool there = s->there;
	pthread_mutex_unlock(&s->lock);
	if (there)
		return 0;
	int rc = s3_do(s, &r, err);
	/* not allowed to list: then it is there */
	if (rc != 0 && s3_code_is(&r, "AccessDenied"))
		rc = 0;
	s3_end(&r);
	return rc;
}

static bool is_unclear(const struct s3_refusal *r)
{
	return !r->code[0] && (r->status == 400 || r->status == 403 || r->status == 404);
}

int s3_do(struct s3 *s, struct s3_request *r, struct err *err)
{
	struct s3_refusal refusal;
	bool repeat;
	if (once(s, r, &refusal, &repeat, err) != 0)
		return err->code;
	if (repeat) {
		net_call_end(&r->call);
		if (once(s, r, &refusal, &repeat, err) != 0)
			return err->code;
	}
	if (good(r))
		return 0;
	if (r->name && is_unclear(&refusal) && expect_bucket(s, err) != 0)
		return err->code;
	return s3_refusal_set(&refusal, err);
}

void s3_end(struct s3_request *r)
{
	net_call_end(&r->call);
}

int s3_refuse_past(const struct s3 *s, struct err *err)
{
	if (!s->as_of_s)
		return 0;
	char then[40];
	struct tm tm;
	time_t at = (time_t)s->as_of_s;
	strftime(then, sizeof then, "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&at, &tm));
	return err_set(err, ERR_DENIED, "the vault is read as of %s: nothing is changed in it", then);
}
