/*
 * location - where a server's folder is: what follows "scheme://" in [user@]host[:port]/path.
 *
 * Parts of the path and the user may be percent-encoded; a '?' or '#' in them must be. The host is a
 * name, an IPv4 address or an IPv6 address in brackets. There is no place for a password.
 */
#ifndef LOCATION_H
#define LOCATION_H

#include <stdbool.h>
#include <stddef.h>

struct err;

enum {
	LOCATION_USER_MAX = 128,
	LOCATION_HOST_MAX = 256,
	LOCATION_PATH_MAX = 1024,
	LOCATION_URL_MAX = 4608,   /* three characters for every one of a path and an object's name */
};

struct location {
	char user[LOCATION_USER_MAX];   /* decoded; "" when there is none */
	char host[LOCATION_HOST_MAX];   /* IPv6 with its brackets */
	unsigned port;                  /* 0: the protocol's own */
	char path[LOCATION_PATH_MAX];   /* decoded: begins with '/', does not end with one; "" for '/' */
};

/* ERR_INVALID: says which part is wrong, and repeats nothing that could be a password. No part of the
 * path is empty, "." or "..", and nothing holds control characters. */
int location_parse(struct location *l, const char *scheme, const char *text, struct err *err);

/* scheme://host:port/path/name, encoded and without the user; name "" gives the folder and ends with
 * '/', NULL ends without it. */
void location_url(const struct location *l, const char *scheme, const char *name,
                  char out[LOCATION_URL_MAX]);

/* Percent-decode into out, of out_size bytes with a NUL. False if it does not fit, is malformed, or
 * gives a control character. */
bool location_decode(char *out, size_t out_size, const char *text, size_t len);

/* Is a host, as it stands in a URL, this machine, so that no network sees what passes? */
bool location_is_loopback(const char *host);

#endif
