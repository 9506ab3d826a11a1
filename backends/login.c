#include "login.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/io.h"
#include "holdfast/err.h"

static int check_mode(const struct stat *st, const char *path, const char *what, struct err *err)
{
	if (!S_ISREG(st->st_mode))
		return err_set(err, ERR_INVALID, "%s %s is not a regular file", what, path);
	if ((st->st_mode & (S_IRWXG | S_IRWXO)) == 0)
		return 0;
	err_set(err, ERR_DENIED, "%s %s can be read by others (mode %04o)", what, path,
	        (unsigned)st->st_mode & 07777);
	return err_hint(err, "chmod 600 %s", path);
}

int login_check_private(const char *path, const char *what, struct err *err)
{
	struct stat st;
	if (stat(path, &st) != 0)
		return err_sys(err, "%s %s", what, path);
	return check_mode(&st, path, what, err);
}

int login_read_private(const char *path, const char *what, struct buf *out, struct err *err)
{
	struct stat st;
	/* a pipe would be waited for */
	IO_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) != 0)
		return err_sys(err, "%s %s", what, path);
	if (check_mode(&st, path, what, err) != 0)
		return err->code;
	return io_read_all(fd, out, err) == 0 ? 0 : err_wrap(err, "%s %s", what, path);
}

static int take_line(const struct buf *b, char out[LOGIN_PASSWORD_MAX], struct err *err)
{
	size_t len = 0;
	while (len < b->len && b->bytes[len] != '\n' && b->bytes[len] != '\r')
		len++;
	if (len == 0)
		return err_set(err, ERR_INVALID, "its first line is empty");
	if (len >= LOGIN_PASSWORD_MAX)
		return err_set(err, ERR_LIMIT, "its first line is too long for a password");
	for (size_t i = 0; i < len; i++)
		if (b->bytes[i] < 0x20 || b->bytes[i] == 0x7f)
			return err_set(err, ERR_INVALID, "its first line holds control characters");
	memcpy(out, b->bytes, len);
	out[len] = '\0';
	return 0;
}

int login_read_password(const char *path, char out[LOGIN_PASSWORD_MAX], struct err *err)
{
	static const char what[] = "password file";
	AUTO(buf) b = buf_new(4096, err);
	if (!b || login_read_private(path, what, b, err) != 0)
		return err->code;
	return take_line(b, out, err) == 0 ? 0 : err_wrap(err, "%s %s", what, path);
}
