#include "cli/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/io.h"
#include "cli/live.h"
#include "holdfast/err.h"

static int open_terminal(void)
{
	return open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
}

bool terminal_is_there(void)
{
	IO_AUTO_FD fd = open_terminal();
	return fd >= 0;
}

void terminal_tell(const char *fmt, ...)
{
	IO_AUTO_FD fd = open_terminal();
	if (fd < 0)
		return;
	va_list args;
	va_start(args, fmt);
	vdprintf(fd, fmt, args);
	va_end(args);
}

static int read_line(int fd, char *out, size_t cap, size_t *len, struct err *err)
{
	for (*len = 0; *len < cap; ++*len) {
		ssize_t n = read(fd, out + *len, 1);
		if (n == 0 || (n < 0 && errno == EINTR))
			return err_set(err, ERR_STOPPED, "interrupted");
		if (n < 0)
			return err_sys(err, "/dev/tty");
		if (out[*len] == '\n')
			return 0;
	}
	tcflush(fd, TCIFLUSH);
	return err_set(err, ERR_LIMIT, "the answer is longer than %zu bytes", cap - 1);
}

int terminal_ask(const char *question, bool hidden, char *out, size_t cap, size_t *len,
                 struct err *err)
{
	IO_AUTO_FD fd = open_terminal();
	struct termios old, quiet;
	if (fd < 0 || tcgetattr(fd, &old) != 0)
		return err_sys(err, "/dev/tty");
	live_clear();
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	dprintf(fd, "%s", question);
	if (hidden)
		tcsetattr(fd, TCSAFLUSH, &quiet);
	int rc = read_line(fd, out, cap, len, err);
	if (hidden) {
		tcsetattr(fd, TCSAFLUSH, &old);
		dprintf(fd, "\n");
	}
	return rc;
}

int terminal_confirm(const char *question, bool *yes, struct err *err)
{
	char answer[16];
	size_t len;
	for (;;) {
		if (terminal_ask(question, false, answer, sizeof answer, &len, err) != 0)
			return err->code;
		if (len == 0 || strchr("yYnN", answer[0]))
			break;
		terminal_tell("Please answer y or n.\n");
	}
	*yes = len == 0 || answer[0] == 'y' || answer[0] == 'Y';
	return 0;
}
