#include "vault/extents.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/wire.h"
#include "format/pack.h"
#include "holdfast/err.h"

static bool follows(const struct extent *e, const struct extent *last)
{
	return last && e->serial != 0 && e->serial == last->serial && e->frame == last->frame &&
	       e->offset == last->offset + last->length && e->ordinal == last->ordinal + 1;
}

int extents_encode(struct buf *b, const struct extent *list, size_t n, struct err *err)
{
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0; i++) {
		const struct extent *e = &list[i];
		bool next = follows(e, i ? e - 1 : NULL);
		uint8_t bytes[5 * WIRE_VARINT_MAX];
		uint8_t *p = wire_put_varint(bytes, (uint64_t)e->length << 1 | next);
		if (!next)
			p = wire_put_varint(p, e->serial);
		if (!next && e->serial != 0) {
			p = wire_put_varint(p, e->frame);
			p = wire_put_varint(p, e->offset);
			p = wire_put_varint(p, e->ordinal);
		}
		rc = buf_append(b, bytes, (size_t)(p - bytes), err);
	}
	return rc;
}

static struct extent decode_one(struct wire *w, const struct extent *last)
{
	uint64_t word = wire_bounded(w, (uint64_t)UINT32_MAX << 1 | 1);
	struct extent e = { .length = (uint32_t)(word >> 1) };
	if (word & 1) {
		w->bad |= !last || last->serial == 0;
		if (w->bad)
			return e;
		e.serial = last->serial;
		e.frame = last->frame;
		e.offset = last->offset + last->length;
		e.ordinal = last->ordinal + 1;
	} else {
		e.serial = (uint32_t)wire_bounded(w, UINT32_MAX);
		if (e.serial == 0)
			return e;
		e.frame = (uint32_t)wire_bounded(w, PACK_FRAMES_MAX);
		e.offset = (uint32_t)wire_bounded(w, PACK_FRAME_PLAIN_MAX);
		e.ordinal = (uint32_t)wire_bounded(w, EXTENTS_ORDINAL_MAX);
	}
	w->bad |= e.offset > PACK_FRAME_PLAIN_MAX || e.length > PACK_FRAME_PLAIN_MAX - e.offset ||
	          e.ordinal > EXTENTS_ORDINAL_MAX;
	return e;
}

int extents_decode(const uint8_t *bytes, size_t len, struct extent **list, size_t *n,
                   struct err *err)
{
	struct wire w = wire_over(bytes, len);
	struct extent *out = NULL;
	size_t count = 0, cap = 0;
	while (wire_ok(&w) && wire_left(&w) > 0) {
		if (count == cap) {
			cap = cap ? cap * 2 : 4;
			struct extent *grown = realloc(out, cap * sizeof *grown);
			if (!grown) {
				free(out);
				return err_no_memory(err);
			}
			out = grown;
		}
		out[count] = decode_one(&w, count ? &out[count - 1] : NULL);
		w.bad |= out[count].length == 0;
		count++;
	}
	if (!wire_ok(&w)) {
		free(out);
		return err_set(err, ERR_CORRUPT, "state: extents are malformed");
	}
	*list = out;
	*n = count;
	return 0;
}
