/* s3_read - the driver's reading half: get, stat, list, older copies, and all of them in the past. */
#ifndef S3_READ_H
#define S3_READ_H

#include "holdfast/backend.h"

/* As in backend.h. */
int s3_get(struct backend *b, const char *name, uint64_t offset, void *out, size_t cap, size_t *len,
           struct err *err);
int s3_stat(struct backend *b, const char *name, struct backend_object *object, struct err *err);
int s3_list(struct backend *b, const char *prefix, backend_visit *visit, void *arg,
            struct err *err);
int s3_next_copy(struct backend *b, const char *name, struct err *err);

#endif
