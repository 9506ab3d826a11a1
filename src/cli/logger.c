#include "cli/logger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "cli/text.h"
#include "holdfast/err.h"

enum { LINE_MAX_BYTES = 2000, SAFE_MAX_BYTES = 4 * LINE_MAX_BYTES, FIELDS_MAX_BYTES = 300 };

struct logger {
	int fd;
	bool journal;
	const char *to;      /* for messages */
	char run_id[16];
	struct err lost;
};

void logger_free(struct logger *l)
{
	if (!l)
		return;
	io_drop(&l->fd);
	free(l);
}

static int open_journal(const char *path, struct err *err)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof at.sun_path)
		return err_set(err, ERR_LIMIT, "path is too long: %.100s...", path);
	memcpy(at.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, "log: %s", path);
	if (connect(fd, (const struct sockaddr *)&at, sizeof at) == 0)
		return fd;
	err_sys(err, "log: %s", path);
	io_drop(&fd);
	return err->code;
}

static int open_file(const char *path, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
	return fd >= 0 ? fd : err_sys(err, "log: %s", path);
}

struct logger *logger_open(const char *to, const char *journal, const char *run_id, struct err *err)
{
	struct logger *l = calloc(1, sizeof *l);
	if (!l) {
		err_no_memory(err);
		return NULL;
	}
	l->journal = to && strcmp(to, "journal") == 0;
	l->to = to;
	snprintf(l->run_id, sizeof l->run_id, "%s", run_id);
	l->fd = !to ? -1 : l->journal ? open_journal(journal, err) : open_file(to, err);
	if (l->fd >= 0 || !to)
		return l;
	logger_free(l);
	return NULL;
}

/* A message holds no line feed (text_escape), so that the short form of a field does for it. */
static int to_journal(struct logger *l, enum logger_priority priority, const char *text,
                      struct err *err)
{
	char datagram[SAFE_MAX_BYTES + FIELDS_MAX_BYTES];
	int len = snprintf(datagram, sizeof datagram,
	                   "PRIORITY=%d\nSYSLOG_IDENTIFIER=holdfast\nSYSLOG_PID=%ld\nHOLDFAST_RUN=%s\n"
	                   "MESSAGE=%s\n", (int)priority, (long)getpid(), l->run_id, text);
	ssize_t sent;
	do
		sent = send(l->fd, datagram, (size_t)len, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent == len ? 0 : err_sys(err, "log: journal");
}

/* One write a line: with O_APPEND lines of several programs do not mix. */
static int to_file(struct logger *l, const char *text, struct err *err)
{
	char line[SAFE_MAX_BYTES + FIELDS_MAX_BYTES], when[40];
	time_t now = time(NULL);
	struct tm tm = { 0 };
	localtime_r(&now, &tm);
	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S%z", &tm);
	int len = snprintf(line, sizeof line, "%s holdfast[%s]: %s\n", when, l->run_id, text);
	return io_write(l->fd, line, (size_t)len, err) == 0 ? 0 : err_wrap(err, "log: %s", l->to);
}

void logger_line(struct logger *l, enum logger_priority priority, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES], safe[SAFE_MAX_BYTES];
	struct err err;
	if (l->fd < 0)
		return;
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	text_escape(safe, sizeof safe, text);
	int rc = l->journal ? to_journal(l, priority, safe, &err) : to_file(l, safe, &err);
	if (rc != 0 && l->lost.code == ERR_NONE)
		l->lost = err;
}

int logger_end(struct logger *l, struct err *err)
{
	if (l->lost.code == ERR_NONE && l->fd >= 0 && !l->journal && io_close(&l->fd, err) != 0)
		return err_wrap(err, "log: %s", l->to);
	if (l->lost.code == ERR_NONE)
		return 0;
	*err = l->lost;
	return err->code;
}
