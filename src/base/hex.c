#include "base/hex.h"

#include <string.h>

/* arithmetic instead of a table: no secret-dependent memory access */
static char digit(unsigned v)
{
	return (char)('0' + v + (((9u - v) >> 8) & ('a' - '0' - 10)));
}

char *hex_encode(char *out, const void *data, size_t len)
{
	const uint8_t *p = data;
	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digit(p[i] >> 4);
		out[2 * i + 1] = digit(p[i] & 15);
	}
	out[2 * len] = '\0';
	return out;
}

static int value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_decode(void *out, size_t len, const char *text)
{
	if (strlen(text) != 2 * len)
		return false;
	for (size_t i = 0; i < 2 * len; i++)
		if (value(text[i]) < 0)
			return false;
	uint8_t *p = out;
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(value(text[2 * i]) << 4 | value(text[2 * i + 1]));
	return true;
}
