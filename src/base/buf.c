#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "holdfast/err.h"

struct buf *buf_new(size_t max_bytes, struct err *err)
{
	struct buf *b = calloc(1, sizeof *b);
	if (!b) {
		err_no_memory(err);
		return NULL;
	}
	b->max = max_bytes;
	return b;
}

void buf_free(struct buf *b)
{
	if (!b)
		return;
	buf_clear(b);
	free(b->bytes);
	free(b);
}

/* realloc would leave the old copy behind unwiped */
static int grow(struct buf *b, size_t need, struct err *err)
{
	size_t cap = b->cap < 64 ? 64 : b->cap;
	while (cap < need)
		cap += cap / 2;
	if (cap > b->max)
		cap = b->max;
	uint8_t *bytes = malloc(cap);
	if (!bytes)
		return err_set(err, ERR_NOMEM, "out of memory: %zu bytes", cap);
	if (b->len)
		memcpy(bytes, b->bytes, b->len);
	if (b->bytes)
		explicit_bzero(b->bytes, b->len);
	free(b->bytes);
	b->bytes = bytes;
	b->cap = cap;
	return 0;
}

uint8_t *buf_reserve(struct buf *b, size_t len, struct err *err)
{
	if (len > b->max - b->len) {
		err_set(err, ERR_LIMIT, "more than %zu bytes", b->max);
		return NULL;
	}
	if (len > b->cap - b->len && grow(b, b->len + len, err) != 0)
		return NULL;
	if (!b->bytes && grow(b, 1, err) != 0)
		return NULL;
	return b->bytes + b->len;
}

int buf_append(struct buf *b, const void *data, size_t len, struct err *err)
{
	uint8_t *to = buf_reserve(b, len, err);
	if (!to)
		return err->code;
	if (len)
		memcpy(to, data, len);
	b->len += len;
	return 0;
}

int buf_printf(struct buf *b, struct err *err, const char *fmt, ...)
{
	va_list args, again;
	va_start(args, fmt);
	va_copy(again, args);
	int n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);

	char *to = n < 0 ? NULL : (char *)buf_reserve(b, (size_t)n + 1, err);
	if (to) {
		vsnprintf(to, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
	if (n < 0)
		return err_set(err, ERR_INVALID, "cannot format text");
	return to ? 0 : err->code;
}

const char *buf_text(struct buf *b, struct err *err)
{
	uint8_t *end = buf_reserve(b, 1, err);
	if (!end)
		return NULL;
	*end = '\0';
	return (const char *)b->bytes;
}

void buf_clear(struct buf *b)
{
	if (b->bytes)
		explicit_bzero(b->bytes, b->len);
	b->len = 0;
}
