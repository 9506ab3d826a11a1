/* buf - a growable run of bytes with a cap that it never exceeds. Contents are wiped on free. */
#ifndef BUF_H
#define BUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"

struct err;

struct buf {
	size_t len, cap, max;
	uint8_t *bytes;   /* NULL until the first byte */
};

/* An empty buffer that may grow to max_bytes. NULL with ERR_NOMEM. */
struct buf *buf_new(size_t max_bytes, struct err *err);
void buf_free(struct buf *b);
AUTO_FREE(buf);

/* Append len bytes. ERR_LIMIT beyond max, ERR_NOMEM. */
int buf_append(struct buf *b, const void *data, size_t len, struct err *err);

/* Make room for len more bytes and return where they start; the caller then adds to b->len what
 * it wrote. NULL with ERR_LIMIT or ERR_NOMEM. */
uint8_t *buf_reserve(struct buf *b, size_t len, struct err *err);

/* Append formatted text, without its NUL. */
int buf_printf(struct buf *b, struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Appends a NUL that is not counted in len and returns the bytes as text. NULL as above. */
const char *buf_text(struct buf *b, struct err *err);

/* len = 0; the memory stays, wiped. */
void buf_clear(struct buf *b);

#endif
