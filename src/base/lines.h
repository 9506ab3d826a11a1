/* lines - cut text that came from outside into lines. */
#ifndef LINES_H
#define LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/wire.h"

struct line {
	const char *text;   /* in place, not terminated */
	size_t len;         /* without the LF */
};

/* The next line; false when no LF is left. The reader then stands behind the LF. */
bool lines_next(struct wire *w, struct line *out);

bool line_is(const struct line *l, const char *text);

/* Cut `prefix` off the line's beginning; false, and nothing done, if it does not begin so. */
bool line_skip(struct line *l, const char *prefix);

#endif
