/*
 * fuzz_extents - what the chunk index remembers of a file: whatever is decoded lies inside frames,
 * and encoded again and decoded again it is the same.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "format/pack.h"
#include "holdfast/err.h"
#include "vault/extents.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void lies_inside(const struct extent *e)
{
	if (e->length == 0)
		abort();
	if (e->serial == 0 ? e->frame || e->offset || e->ordinal
	                   : e->offset > PACK_FRAME_PLAIN_MAX || e->frame > PACK_FRAMES_MAX ||
	                     e->length > PACK_FRAME_PLAIN_MAX - e->offset ||
	                     e->ordinal > EXTENTS_ORDINAL_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct err err;
	struct extent *list, *again;
	size_t n, m;
	if (extents_decode(data, len, &list, &n, &err) != 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		lies_inside(&list[i]);
	AUTO(buf) b = buf_new(1 << 28, &err);
	if (!b || extents_encode(b, list, n, &err) != 0 ||
	    extents_decode(b->bytes, b->len, &again, &m, &err) != 0)
		abort();
	if (m != n || (n && memcmp(list, again, n * sizeof *list) != 0))
		abort();
	free(list);
	free(again);
	return 0;
}
