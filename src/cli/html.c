#include "cli/html.h"

#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "holdfast/err.h"

static const char *reference(char c)
{
	switch (c) {
	case '&': return "&amp;";
	case '<': return "&lt;";
	case '>': return "&gt;";
	case '"': return "&quot;";
	case '\'': return "&#39;";
	default: return NULL;
	}
}

int html_text(struct buf *out, const char *text, struct err *err)
{
	while (*text) {
		const char *as = reference(*text);
		size_t len = as ? 1 : utf8_printable(text);
		if (!as && len == 0)
			as = *text == '\n' || *text == '\t' ? " " : "\xef\xbf\xbd";
		if (buf_append(out, as ? as : text, as ? strlen(as) : len, err) != 0)
			return err->code;
		text += len ? len : 1;
	}
	return 0;
}
