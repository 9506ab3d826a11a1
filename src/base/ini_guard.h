/*
 * ini_guard - inih behind a reader that refuses what inih would cut or misread in silence.
 *
 * As packaged, inih ends a value at " ;", cuts lines at 200 bytes and goes on with the rest as if
 * it were the next line, cuts names at 49 bytes, takes an indented line for more of the value above,
 * ignores text behind "]" and says nothing of empty sections. Here each of these is ERR_INVALID
 * with file and line, except that indented lines are lines like any other and comments may be long.
 */
#ifndef INI_GUARD_H
#define INI_GUARD_H

#include <stddef.h>

struct err;

struct ini_place {
	const char *file;
	unsigned line;
};

/* Each returns 0 or a negative code with *err, which ends the reading. */
struct ini_visitor {
	int (*section)(void *arg, const struct ini_place *at, const char *section, struct err *err);
	int (*entry)(void *arg, const struct ini_place *at, const char *key, const char *value,
	             struct err *err);
	void *arg;
	const char *long_name, *long_line;   /* hints where a section's name, a line is too long, or NULL */
};

/* Read text (len bytes, any bytes); `file` is for messages. ERR_INVALID, what a visitor returns. */
int ini_guard_read(const char *file, const char *text, size_t len,
                   const struct ini_visitor *visitor, struct err *err);

/* Could `key = value` be written on one line and be read back the same? */
int ini_guard_writable(const char *key, const char *value, struct err *err);

#endif
