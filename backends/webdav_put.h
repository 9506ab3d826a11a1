/* webdav_put - the driver's put, and the collections that it needs: rules 1, 2 and 5 of webdav.c. */
#ifndef WEBDAV_PUT_H
#define WEBDAV_PUT_H

#include "holdfast/backend.h"

/* As in backend.h; there are no tags. */
int webdav_put(struct backend *b, const struct backend_put *put, char tag[BACKEND_TAG_MAX],
               struct err *err);

#endif
