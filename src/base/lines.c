#include "base/lines.h"

#include <string.h>

bool lines_next(struct wire *w, struct line *out)
{
	const uint8_t *end = memchr(w->at, '\n', wire_left(w));
	if (!end)
		return false;
	*out = (struct line){ (const char *)w->at, (size_t)(end - w->at) };
	w->at = end + 1;
	return true;
}

bool line_is(const struct line *l, const char *text)
{
	return l->len == strlen(text) && memcmp(l->text, text, l->len) == 0;
}

bool line_skip(struct line *l, const char *prefix)
{
	size_t n = strlen(prefix);
	if (l->len < n || memcmp(l->text, prefix, n) != 0)
		return false;
	l->text += n;
	l->len -= n;
	return true;
}
