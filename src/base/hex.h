/* hex - lower-case hexadecimal, the only spelling used for ids. */
#ifndef HEX_H
#define HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* out gets 2 * len digits and a NUL; returns out. Constant time, fit for secrets. */
char *hex_encode(char *out, const void *data, size_t len);

/* True if text is exactly 2 * len lower-case digits; only then is out written. */
bool hex_decode(void *out, size_t len, const char *text);

#endif
