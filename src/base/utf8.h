/* utf8 - tell printable text from other bytes, without a locale. */
#ifndef UTF8_H
#define UTF8_H

#include <stddef.h>

/*
 * Bytes of the printable character at text (NUL-terminated), or 0: malformed, overlong, a surrogate,
 * a control character (C0, C1, DEL), a line separator or a mark that reorders text.
 */
size_t utf8_printable(const char *text);

/* Copy text into out so that all of it is printable: line feeds and tabs become blanks, other bytes '?'.
 * Cut at cap, between characters. cap is at least 5. */
void utf8_clean(char *out, size_t cap, const char *text);

#endif
