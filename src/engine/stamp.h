/*
 * stamp - ask a timestamp authority (RFC 3161) for its word that these bytes exist now.
 *
 * The answer is believed when it is for these bytes and for this question, and `openssl ts -verify` finds it
 * signed below the certificates in ca_file: one that auditors could not verify is not worth keeping. So the
 * way there may be http.
 */
#ifndef STAMP_H
#define STAMP_H

#include <stddef.h>

struct buf;
struct err;

struct stamp_authority {
	const char *url;             /* http:// or https:// */
	const char *ca_file;         /* PEM */
};

enum { STAMP_CA_MAX = 256 << 10 };   /* bytes of ca_file */

/*
 * Append the authority's answer, and its certificates as the file has them. What post_send gives (a long
 * answer is ERR_LIMIT); ERR_DENIED: the authority refused; ERR_CORRUPT: the answer is malformed, for other
 * bytes or another question, or its signature does not verify; ERR_SOURCE: there is no openssl; errors of
 * files. Outputs may hold anything then.
 */
int stamp_ask(const struct stamp_authority *a, const void *bytes, size_t len, struct buf *answer,
              struct buf *certificates, struct err *err);

#endif
