/* sftp_read - the driver's get and stat, also while an object is replaced: rules 2 and 4 of sftp.c. */
#ifndef SFTP_READ_H
#define SFTP_READ_H

#include "holdfast/backend.h"

/* As in backend.h. */
int sftp_get(struct backend *b, const char *name, uint64_t offset, void *out, size_t cap, size_t *len,
             struct err *err);
int sftp_stat(struct backend *b, const char *name, struct backend_object *object, struct err *err);

#endif
