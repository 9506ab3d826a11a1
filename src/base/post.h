/*
 * post - send a few bytes to an address of the web, once, and hear that they arrived.
 *
 * For news about runs and for short questions, not for backups: short deadlines, one repetition where
 * nothing was reached or the server is busy, and of the answer's body no more is read than is wanted. TLS is
 * 1.2 at least, certificates are always verified, redirections are not followed. The address may hold a
 * secret in its path: messages name the host alone.
 */
#ifndef POST_H
#define POST_H

#include <stddef.h>

struct buf;
struct err;

enum { POST_URL_MAX = 2048, POST_TIMEOUT_S = 20 };

struct post {
	const char *url;      /* http:// or https:// */
	const char *type;     /* of the content */
	const void *body;
	size_t len;
	struct buf *answer;   /* gets the body of an answer 2xx, up to its cap; NULL: it is not read */
};

/* 0 for an answer 2xx. ERR_DENIED (401, 403, a certificate that does not fit), ERR_ABSENT (404, 410),
 * ERR_UNREACHABLE (no answer in time, not all of it, or another status), ERR_LIMIT (the answer does not fit
 * its buffer), ERR_INVALID, ERR_NOMEM. With an error the answer's buffer holds anything. */
int post_send(const struct post *p, struct err *err);

#endif
