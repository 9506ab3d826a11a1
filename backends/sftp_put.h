/* sftp_put - the driver's put: rules 1 and 2 of sftp.c. */
#ifndef SFTP_PUT_H
#define SFTP_PUT_H

#include "holdfast/backend.h"

/* As in backend.h; there are no tags. ERR_SPACE also where the server has no word for a full disk. */
int sftp_put(struct backend *b, const struct backend_put *put, char tag[BACKEND_TAG_MAX],
             struct err *err);

#endif
