#include "login.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/io.h"
#include "holdfast/err.h"

int login_check_private(const char *path, const char *what, struct err *err)
{
	struct stat st;
	if (stat(path, &st) != 0)
		return err_sys(err, "%s %s", what, path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_IO, "%s %s is not a regular file", what, path);
	if ((st.st_mode & 077) == 0)
		return 0;
	err_set(err, ERR_DENIED, "%s %s can be read by others (mode %04o)", what, path,
	        (unsigned)st.st_mode & 07777);
	return err_hint(err, "chmod 600 %s", path);
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
	if (login_check_private(path, "password file", err) != 0)
		return err->code;
	AUTO(buf) b = buf_new(4096, err);
	if (!b || io_read_file(path, b, err) != 0)
		return err->code;
	return take_line(b, out, err) == 0 ? 0 : err_wrap(err, "password file %s", path);
}
