/* base64 - RFC 4648 section 4, with padding and one spelling only. */
#ifndef BASE64_H
#define BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BASE64_TEXT_MAX = 160 };   /* of up to 119 bytes, with the NUL */

/* Returns out. */
const char *base64_encode(char out[BASE64_TEXT_MAX], const void *data, size_t len);

/* False if it is not that, or more than cap bytes. */
bool base64_decode(uint8_t *out, size_t cap, const char *text, size_t len, size_t *got);

/* True if the text is exactly len bytes. */
bool base64_decode_all(void *out, size_t len, const char *text, size_t text_len);

#endif
