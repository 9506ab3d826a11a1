/*
 * fuzz_s3_place - "location NUL endpoint": what is taken becomes a URL of exactly that bucket and
 * folder, on a host that is asked over TLS or is this machine.
 */
#include <curl/curl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../backends/s3_place.h"
#include "base/buf.h"
#include "holdfast/backend.h"
#include "holdfast/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_url(const char *url, const struct s3_place *p)
{
	char *host = NULL, *path = NULL, *user = NULL;
	CURLU *u = curl_url();
	if (!u || curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_PATH, &path, CURLU_URLDECODE) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK)
		abort();
	size_t bucket = p->virtual_host ? 0 : strlen(p->bucket) + 1, prefix = strlen(p->prefix);
	if ((bucket && strncmp(path + 1, p->bucket, bucket - 1) != 0) ||
	    strncmp(path + 1 + bucket, p->prefix, prefix) != 0 ||
	    strcmp(path + 1 + bucket + prefix, "a/b") != 0)
		abort();
	if (!p->tls && !strstr(host, "127.") && !strstr(host, "localhost") && !strstr(host, "[::1]"))
		abort();
	curl_free(host);
	curl_free(path);
	curl_url_cleanup(u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct err err = { 0 };
	struct s3_place p;
	AUTO(buf) text = buf_new(len + 2, &err);
	AUTO(buf) url = buf_new(S3_URL_MAX, &err);
	if (!text || !url || buf_append(text, data, len, &err) != 0 || buf_append(text, "\0\0", 2, &err) != 0)
		return 0;
	const char *location = (const char *)text->bytes;
	struct backend_options o = { .location = location, .endpoint = location + strlen(location) + 1 };
	if (!*o.endpoint)
		o.endpoint = NULL;
	int rc = s3_place_parse(&p, &o, &err);
	if (rc != 0 && rc != ERR_INVALID)
		abort();
	if (rc != 0)
		return 0;
	if (s3_place_url(&p, p.region, "a/b", "", url, &err) != 0)
		abort();
	check_url(buf_text(url, &err), &p);
	return 0;
}
