/* webdav_read - the driver's get, also while an object is replaced: rule 4 of webdav.c. */
#ifndef WEBDAV_READ_H
#define WEBDAV_READ_H

#include "holdfast/backend.h"

/* As in backend.h. */
int webdav_get(struct backend *b, const char *name, uint64_t offset, void *out, size_t cap,
               size_t *len, struct err *err);

#endif
