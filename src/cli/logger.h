/*
 * logger - lines about a run, with time and the run's id, into the system's journal or a file.
 *
 * The journal takes datagrams of fields (systemd's "Native Journal Protocol"); a file gets one line each
 * and mode 0600. Neither keeps a backup from being made: a line that got lost is told at the end.
 */
#ifndef LOGGER_H
#define LOGGER_H

#include "base/scope.h"

struct err;
struct logger;

enum logger_priority { LOGGER_ERROR = 3, LOGGER_WARNING = 4, LOGGER_INFO = 6 };   /* syslog's */

#define LOGGER_JOURNAL "/run/systemd/journal/socket"

/* A path, or "journal" for the socket at `journal`. NULL `to`: no log, and nothing fails. NULL with
 * ERR_NOMEM, ERR_ABSENT, ERR_DENIED, ERR_IO. */
struct logger *logger_open(const char *to, const char *journal, const char *run_id, struct err *err);
void logger_free(struct logger *l);
AUTO_FREE(logger);

void logger_line(struct logger *l, enum logger_priority priority, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The first line that got lost, if any. */
int logger_end(struct logger *l, struct err *err);

#endif
