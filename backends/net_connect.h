/* net_connect - how connections are made: timeouts, TLS, proxy. For net alone. */
#ifndef NET_CONNECT_H
#define NET_CONNECT_H

#include <curl/curl.h>
#include <stdbool.h>

struct backend_options;

struct net_connect {
	long connect_timeout_s, stall_timeout_s;
	char *protocols, *ca_file, *client_cert, *client_key, *pinned_key, *proxy;
};

/* Copies what the options say. false: out of memory; net_connect_end is to be called nevertheless. */
bool net_connect_begin(struct net_connect *c, const struct backend_options *options,
                       const char *protocols);
void net_connect_end(struct net_connect *c);

/* http: stalls are libcurl's to notice. false: libcurl refuses an option, or is out of memory. */
bool net_connect_set(const struct net_connect *c, CURL *easy, bool http);

#endif
