#include "s3_place.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "holdfast/backend.h"
#include "holdfast/err.h"
#include "location.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz0123456789"
#define UNRESERVED LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ-._~"

/* ---- bucket and prefix ---- */

/* https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
static int read_bucket(struct s3_place *p, const char *location, size_t len, struct err *err)
{
	bool ok = len >= 3 && len <= S3_BUCKET_MAX && strspn(location, LOWER ".-") == len &&
	          isalnum((unsigned char)location[0]) && isalnum((unsigned char)location[len - 1]) &&
	          !memmem(location, len, "..", 2);
	if (!ok) {
		/* what is none may hold a password */
		err_set(err, ERR_INVALID, "an s3:// URL begins with a bucket's name: 3 to 63 of a-z 0-9 . -");
		return err_hint(err, "s3://bucket/folder; another server than Amazon's is 'endpoint'");
	}
	memcpy(p->bucket, location, len);
	p->bucket[len] = '\0';
	return 0;
}

static bool part_ok(const char *part, size_t len)
{
	if (len == 0 || (len <= 2 && strspn(part, ".") >= len))
		return false;
	for (size_t i = 0; i < len; i++)
		if (iscntrl((unsigned char)part[i]) || strchr("%?#\\", part[i]))
			return false;
	return true;
}

/* One '/' may follow the last part. */
static bool folder_ok(const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "/");
		if (!part_ok(text, n))
			return false;
		text += n + (text[n] == '/');
	}
	return true;
}

static int read_prefix(struct s3_place *p, const char *text, struct err *err)
{
	size_t len = strlen(text);
	if (!folder_ok(text)) {
		err_set(err, ERR_INVALID, "s3://%s/: what follows is not a folder in a bucket", p->bucket);
		return err_hint(err, "no empty part, no '.' or '..', none of %% ? # \\; a special character "
		                     "stands for itself");
	}
	if (len > 0 && text[len - 1] == '/')
		len--;
	if (len > S3_PREFIX_MAX)
		return err_set(err, ERR_INVALID, "the folder in s3://%s/ is longer than %d bytes", p->bucket,
		               S3_PREFIX_MAX);
	memcpy(p->prefix, text, len);
	memcpy(p->prefix + len, "/", 2);
	if (len == 0)
		p->prefix[0] = '\0';
	return 0;
}

/* ---- endpoint ---- */

static bool part_of(CURLU *u, CURLUPart part, char *out, size_t cap)
{
	char *text = NULL;
	if (curl_url_get(u, part, &text, 0) != CURLUE_OK)
		return false;
	bool fits = strlen(text) < cap;
	if (fits)
		memcpy(out, text, strlen(text) + 1);
	curl_free(text);
	return fits;
}

static bool has_part(CURLU *u, CURLUPart part)
{
	char *text = NULL;
	bool has = curl_url_get(u, part, &text, 0) == CURLUE_OK;
	curl_free(text);
	return has;
}

/* Of hosts, whose case does not matter. */
static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);
	return n >= m && strcasecmp(text + n - m, end) == 0;
}

static int bad_endpoint(const char *fact, struct err *err)
{
	err_set(err, ERR_INVALID, "endpoint: %s", fact);
	return err_hint(err, "endpoint = https://host or https://host:port");
}

static int take_endpoint(struct s3_place *p, CURLU *u, const char *text, struct err *err)
{
	char scheme[8], host[S3_HOST_MAX + 1], port[8] = "", path[4] = "";
	if (curl_url_set(u, CURLUPART_URL, text, 0) != CURLUE_OK ||
	    !part_of(u, CURLUPART_SCHEME, scheme, sizeof scheme) ||
	    !part_of(u, CURLUPART_HOST, host, sizeof host))
		return bad_endpoint("is not a URL", err);
	if (has_part(u, CURLUPART_USER) || has_part(u, CURLUPART_PASSWORD))
		return bad_endpoint("keys do not belong into it", err);
	if (has_part(u, CURLUPART_QUERY) || has_part(u, CURLUPART_FRAGMENT) ||
	    !part_of(u, CURLUPART_PATH, path, sizeof path) || strcmp(path, "/") != 0)
		return bad_endpoint("nothing may follow host and port", err);
	p->tls = strcmp(scheme, "https") == 0;
	if (!p->tls && strcmp(scheme, "http") != 0)
		return bad_endpoint("is neither https:// nor http://", err);
	if (!p->tls && !location_is_loopback(host)) {
		err_set(err, ERR_INVALID, "endpoint: http:// to %.100s would send data unprotected", host);
		return err_hint(err, "use https://; http:// is for this machine itself only");
	}
	bool own_port = part_of(u, CURLUPART_PORT, port, sizeof port);
	if (strlen(host) + strlen(port) + 1 > S3_HOST_MAX)
		return bad_endpoint("is too long", err);
	snprintf(p->host, sizeof p->host, "%.240s%s%s", host, own_port ? ":" : "", port);
	p->amazon = ends_with(host, ".amazonaws.com") || ends_with(host, ".amazonaws.com.cn");
	return 0;
}

static int read_endpoint(struct s3_place *p, const char *text, struct err *err)
{
	if (!strstr(text, "://"))
		return bad_endpoint("does not begin with https://", err);
	CURLU *u = curl_url();
	int rc = u ? take_endpoint(p, u, text, err) : err_no_memory(err);
	curl_url_cleanup(u);
	return rc;
}

bool s3_region_ok(const char *region)
{
	size_t len = strlen(region);
	return len > 0 && len <= S3_REGION_MAX && strspn(region, UNRESERVED) == len;
}

static int read_region(struct s3_place *p, const char *region, struct err *err)
{
	if (!s3_region_ok(region)) {
		err_set(err, ERR_INVALID, "'%.60s' is not the name of a region", region);
		return err_hint(err, "region = eu-central-1, say");
	}
	memcpy(p->region, region, strlen(region) + 1);
	return 0;
}

int s3_place_parse(struct s3_place *p, const struct backend_options *options, struct err *err)
{
	const char *location = options->location;
	size_t len = strcspn(location, "/");
	*p = (struct s3_place){ .tls = true, .amazon = true };
	if (read_bucket(p, location, len, err) != 0 ||
	    read_prefix(p, location + len + (location[len] == '/'), err) != 0 ||
	    read_region(p, options->region ? options->region : "us-east-1", err) != 0)
		return err->code;
	if (options->endpoint && read_endpoint(p, options->endpoint, err) != 0)
		return err->code;
	/* Amazon wants it so; a dot in the name would not fit its certificate */
	p->virtual_host = options->virtual_host || (!p->host[0] && !strchr(p->bucket, '.'));
	return 0;
}

/* ---- URLs ---- */

int s3_encode(struct buf *out, const char *text, bool keep_slash, struct err *err)
{
	while (*text) {
		size_t plain = strspn(text, keep_slash ? UNRESERVED "/" : UNRESERVED);
		if (buf_append(out, text, plain, err) != 0)
			return err->code;
		text += plain;
		if (*text && buf_printf(out, err, "%%%02X", (unsigned char)*text++) != 0)
			return err->code;
	}
	return 0;
}

static int add_host(const struct s3_place *p, const char *region, struct buf *out, struct err *err)
{
	if (p->host[0])
		return buf_printf(out, err, "%s", p->host);
	return buf_printf(out, err, "s3.%s.amazonaws.com%s", region,
	                  strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
}

int s3_place_url(const struct s3_place *p, const char *region, const char *name, const char *query,
                 struct buf *out, struct err *err)
{
	if (buf_printf(out, err, p->tls ? "https://" : "http://") != 0 ||
	    (p->virtual_host && buf_printf(out, err, "%s.", p->bucket) != 0) ||
	    add_host(p, region, out, err) != 0 || buf_append(out, "/", 1, err) != 0 ||
	    (!p->virtual_host && buf_printf(out, err, name ? "%s/" : "%s", p->bucket) != 0))
		return err->code;
	if (name && (s3_encode(out, p->prefix, true, err) != 0 || s3_encode(out, name, true, err) != 0))
		return err->code;
	return *query ? buf_printf(out, err, "?%s", query) : 0;
}
