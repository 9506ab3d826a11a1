/* webdav_look - what is there under a name: PROPFIND, and stat by it. */
#ifndef WEBDAV_LOOK_H
#define WEBDAV_LOOK_H

#include "webdav_call.h"
#include "webdav_xml.h"

enum { WEBDAV_NOT_THERE, WEBDAV_OBJECT, WEBDAV_FOLDER };

/* PROPFIND to call->url with this Depth header, as webdav_run. */
int webdav_ask(struct webdav *w, struct net_call *call, const char *depth, struct err *err);

/* WEBDAV_NOT_THERE, WEBDAV_OBJECT, WEBDAV_FOLDER, or an error, ERR_CORRUPT among them. name has no '/' at
 * its end; "" is the top. *found is set where something is there. */
int webdav_look(struct webdav *w, const char *name, struct webdav_resource *found, struct err *err);

/* As webdav_look, from the one answer of a URL, whose status *status gets. */
int webdav_look_at(struct webdav *w, const char *url, struct webdav_resource *found, long *status,
                   struct err *err);

/* 0, or ERR_UNREACHABLE if the top collection was there before and is gone; other errors as above. */
int webdav_check_top(struct webdav *w, struct err *err);

/* ERR_ABSENT, unless it is the whole vault that is gone. */
int webdav_absent(struct webdav *w, struct err *err);

/* As in backend.h. */
int webdav_stat(struct backend *b, const char *name, struct backend_object *object, struct err *err);

#endif
