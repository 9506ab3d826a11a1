/* sftp_walk - the driver's list, sweeping up what uploads left behind a day ago. */
#ifndef SFTP_WALK_H
#define SFTP_WALK_H

#include "holdfast/backend.h"

/* As in backend.h; times are right to the minute, where the server's listings are. */
int sftp_list(struct backend *b, const char *prefix, backend_visit *visit, void *arg, struct err *err);

#endif
