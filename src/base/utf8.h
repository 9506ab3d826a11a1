/* utf8 - tell printable text from other bytes, without a locale. */
#ifndef UTF8_H
#define UTF8_H

#include <stddef.h>

/*
 * Bytes of the printable character at text (NUL-terminated), or 0: malformed, overlong, a surrogate,
 * a control character (C0, C1, DEL), a line separator or a mark that reorders text.
 */
size_t utf8_printable(const char *text);

#endif
