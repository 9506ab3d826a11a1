/*
 * webdav_call - one request to a WebDAV server, and what its answer means.
 *
 * Basic authentication costs no challenge and is what is tried; a server that wants Digest says so once.
 */
#ifndef WEBDAV_CALL_H
#define WEBDAV_CALL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "holdfast/backend.h"
#include "holdfast/err.h"
#include "location.h"
#include "login.h"
#include "net.h"

#define WEBDAV_TEMPORARY ".tmp-"   /* an upload that is not moved yet */

enum { WEBDAV_NAME_SIZE = BACKEND_NAME_MAX + 40 };

struct webdav {
	struct backend base;
	struct location location;
	const char *scheme;             /* "http" or "https" */
	char password[LOGIN_PASSWORD_MAX];
	atomic_long auth;               /* CURLAUTH_BASIC until the server asks for CURLAUTH_DIGEST */
	atomic_bool seen;               /* the top collection was there */
	struct net *net;
};

void webdav_url_of(const struct webdav *w, const char *name, char out[LOCATION_URL_MAX]);

/* 0 when there is an answer, whatever call->status says, or what net_do gives. End it with
 * net_call_end. */
int webdav_run(struct webdav *w, struct net_call *call, struct err *err);

struct webdav_request {
	struct webdav *dav;
	char (*temporary)[WEBDAV_NAME_SIZE];   /* a PUT to a new name every time, which stands here then */
	const char *folder;                    /* where: "" or ends with '/' */
};

/* As webdav_run, for an upload: r->temporary may be NULL. */
int webdav_run_request(struct webdav *w, struct net_call *call, struct webdav_request *r,
                       struct err *err);

/* DELETE whose failure does not matter. */
void webdav_delete_at_best(struct webdav *w, const char *name);

/* Ask to be told a header of the answer. */
void webdav_want(struct net_call *call, const char *name);

bool webdav_is_good(const struct net_call *call);   /* 2xx */

/* What an answer that is not good means: ERR_ABSENT, ERR_EXISTS, ERR_DENIED, ERR_SPACE, ERR_IO. */
int webdav_refused(const struct webdav *w, const struct net_call *call, struct err *err);

int webdav_no_such_object(const struct webdav *w, struct err *err);   /* ERR_ABSENT */

#endif
