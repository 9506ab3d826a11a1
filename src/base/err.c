#include "holdfast/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
	err->sys = 0;
	err->code = code;
	err->hint[0] = '\0';

	va_list args;
	va_start(args, fmt);
	vsnprintf(err->msg, sizeof err->msg, fmt, args);
	va_end(args);
	return code;
}

int err_no_memory(struct err *err)
{
	return err_set(err, ERR_NOMEM, "out of memory");
}

static enum err_code code_of(int sys)
{
	switch (sys) {
	case ENOSPC: case EDQUOT: return ERR_SPACE;
	case EACCES: case EPERM: case EROFS: return ERR_DENIED;
	case ENOENT: return ERR_ABSENT;
	case EEXIST: return ERR_EXISTS;
	case ENOMEM: return ERR_NOMEM;
	default: return ERR_IO;
	}
}

int err_sys(struct err *err, const char *fmt, ...)
{
	int sys = errno;
	char what[sizeof err->msg / 2];

	va_list args;
	va_start(args, fmt);
	vsnprintf(what, sizeof what, fmt, args);
	va_end(args);

	char reason[128];
	err_set(err, code_of(sys), "%s: %s", what, strerror_r(sys, reason, sizeof reason));
	err->sys = sys;
	return err->code;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	char inner[sizeof err->msg];
	memcpy(inner, err->msg, sizeof inner);

	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(err->msg, sizeof err->msg, fmt, args);
	va_end(args);

	size_t used = n < 0 ? 0 : (size_t)n;
	if (used < sizeof err->msg &&
	    snprintf(err->msg + used, sizeof err->msg - used, ": %s", inner) < 0)
		err->msg[used] = '\0';
	return err->code;
}

int err_hint(struct err *err, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	vsnprintf(err->hint, sizeof err->hint, fmt, args);
	va_end(args);
	return err->code;
}
