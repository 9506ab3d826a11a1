#include "base/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool is_printable(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c <= 0x9f) || c > 0x10ffff)
		return false;
	if (c >= 0xd800 && c <= 0xdfff)
		return false;
	/* line separators and the bidirectional controls, which make one name look like another */
	return !(c >= 0x2028 && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069);
}

size_t utf8_printable(const char *text)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)text;
	size_t len = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;
	if (len == 0)
		return 0;

	uint32_t c = len == 1 ? p[0] : p[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	return c >= least[len] && is_printable(c) ? len : 0;
}

void utf8_clean(char *out, size_t cap, const char *text)
{
	size_t n = 0;
	for (size_t len; *text && n + 4 < cap; text += len) {
		len = utf8_printable(text);
		if (len == 0) {
			out[n++] = *text == '\n' || *text == '\t' ? ' ' : '?';
			len = 1;
			continue;
		}
		memcpy(out + n, text, len);
		n += len;
	}
	out[n] = '\0';
}
