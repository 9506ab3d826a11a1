#include "net_connect.h"

#include <stdlib.h>
#include <string.h>

#include "holdfast/backend.h"

enum {
	CONNECT_TIMEOUT_S = 20,
	STALL_TIMEOUT_S = 30,
	STALL_BYTES_PER_S = 100,
	BUFFER_BYTES = 512 << 10,
};

static bool keep(char **out, const char *text)
{
	if (!text || !*text)
		return true;
	*out = strdup(text);
	return *out != NULL;
}

bool net_connect_begin(struct net_connect *c, const struct backend_options *o, const char *protocols)
{
	*c = (struct net_connect){
		.connect_timeout_s = o->connect_timeout_s ? (long)o->connect_timeout_s : CONNECT_TIMEOUT_S,
		.stall_timeout_s = o->stall_timeout_s ? (long)o->stall_timeout_s : STALL_TIMEOUT_S,
	};
	return keep(&c->protocols, protocols) && keep(&c->ca_file, o->ca_file) &&
	       keep(&c->client_cert, o->client_cert) && keep(&c->client_key, o->client_key) &&
	       keep(&c->pinned_key, o->pinned_key) && keep(&c->proxy, o->proxy);
}

void net_connect_end(struct net_connect *c)
{
	free(c->protocols);
	free(c->ca_file);
	free(c->client_cert);
	free(c->client_key);
	free(c->pinned_key);
	free(c->proxy);
}

#define SET(option, value) (ok = ok && curl_easy_setopt(easy, (option), (value)) == CURLE_OK)

bool net_connect_set(const struct net_connect *c, CURL *easy, bool http)
{
	bool ok = true;
	SET(CURLOPT_PROTOCOLS_STR, c->protocols);
	SET(CURLOPT_CONNECTTIMEOUT, c->connect_timeout_s);
	if (http) {
		SET(CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES_PER_S);
		SET(CURLOPT_LOW_SPEED_TIME, c->stall_timeout_s);
	}
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_NOSIGNAL, 1L);
	/* refused on a handle whose last attempt ended before it had a connection: no matter */
	(void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES);
	(void)curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)BUFFER_BYTES);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	if (c->ca_file) {
		SET(CURLOPT_CAINFO, c->ca_file);
		SET(CURLOPT_CAPATH, NULL);
	}
	if (c->client_cert)
		SET(CURLOPT_SSLCERT, c->client_cert);
	if (c->client_key)
		SET(CURLOPT_SSLKEY, c->client_key);
	if (c->pinned_key)
		SET(CURLOPT_PINNEDPUBLICKEY, c->pinned_key);
	if (c->proxy)
		SET(CURLOPT_PROXY, c->proxy);
	return ok;
}
