/* fuzz_body - the plain text of a snapshot body: eight bytes of length, then a zstd frame. */
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "format/body.h"
#include "holdfast/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { PACKS = 5, PLAIN_MAX = 16 << 20 };

static void check_file(const struct body_file *f)
{
	uint64_t covered = 0;
	if (strlen(f->path) != f->path_len || f->path_len == 0)
		abort();
	for (uint32_t i = 0; i < f->n_extents; i++) {
		const struct body_extent *e = &f->extents[i];
		if (e->length == 0 || (e->pack != UINT32_MAX && e->pack >= PACKS))
			abort();
		covered += e->length;
	}
	if (f->page_bytes == 0 && covered != f->length)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct wire w = wire_over(data, len < 8 ? len : 8);
	uint64_t plain = wire_u64(&w);
	struct err err;
	struct body_file f;
	if (!wire_ok(&w) || plain > PLAIN_MAX)
		return 0;
	AUTO(body_reader) r = body_open_plain(data + 8, len - 8, plain, &err);
	while (r && body_next(r, PACKS, &f, &err) == 1)
		check_file(&f);
	return 0;
}
