/* webdav_walk - the driver's list, sweeping up what uploads left behind a day ago. */
#ifndef WEBDAV_WALK_H
#define WEBDAV_WALK_H

#include "holdfast/backend.h"

/* As in backend.h. */
int webdav_list(struct backend *b, const char *prefix, backend_visit *visit, void *arg,
                struct err *err);

#endif
