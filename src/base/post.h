/*
 * post - send a few bytes to an address of the web, once, and hear that they arrived.
 *
 * For news about runs, not for backups: short deadlines, one repetition where nothing was reached or the
 * server is busy, the answer's body is not read. TLS is 1.2 at least, certificates are always verified,
 * redirections are not followed. The address may hold a secret in its path: messages name the host alone.
 */
#ifndef POST_H
#define POST_H

#include <stddef.h>

struct err;

enum { POST_URL_MAX = 2048, POST_TIMEOUT_S = 20 };

struct post {
	const char *url;      /* http:// or https:// */
	const char *type;     /* of the content */
	const void *body;
	size_t len;
};

/* 0 for an answer 2xx. ERR_DENIED (401, 403, a certificate that does not fit), ERR_ABSENT (404, 410),
 * ERR_UNREACHABLE (no answer in time, or another status), ERR_INVALID, ERR_NOMEM. */
int post_send(const struct post *p, struct err *err);

#endif
