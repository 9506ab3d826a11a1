/* shell - run other programs' commands in a folder: what Debian's tools say of our files. */
#ifndef SHELL_H
#define SHELL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/io.h"
#include "holdfast/err.h"

/* The exit status; what was printed is in DIR/.said. */
__attribute__((format(printf, 2, 3))) static inline int shell(const char *dir, const char *fmt, ...)
{
	char command[4000], whole[5000];
	va_list args;
	va_start(args, fmt);
	vsnprintf(command, sizeof command, fmt, args);
	va_end(args);
	snprintf(whole, sizeof whole, "cd '%s' && { %s\n} >.said 2>&1 </dev/null", dir, command);
	int status = system(whole);
	return status >= 0 && status % 256 == 0 ? status / 256 : -1;
}

/* What the last command printed; the caller's buffer. */
static inline const char *shell_said(const char *dir, char out[4000])
{
	char path[600];
	snprintf(path, sizeof path, "%s/.said", dir);
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(out, 1, 3999, f) : 0;
	out[n] = '\0';
	if (f)
		fclose(f);
	return out;
}

static inline bool shell_put(const char *dir, const char *name, const void *data, size_t len)
{
	char path[600];
	struct err err;
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return io_write_file(path, data, len, 0644, &err) == 0;
}

/* Appends to out. */
static inline bool shell_get(const char *dir, const char *name, struct buf *out)
{
	char path[600];
	struct err err;
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return io_read_file(path, out, &err) == 0;
}

#endif
