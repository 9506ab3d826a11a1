/* fuzz_trailer - a parsed trailer keeps every promise that readers rely on without looking. */
#include <stdlib.h>

#include "format/pack.h"
#include "holdfast/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_run(const struct pack_trailer *t, const struct pack_run *r)
{
	if (r->file >= t->n_files || r->count == 0)
		abort();
	const struct pack_file *f = &t->files[r->file];
	uint64_t units = pack_units(f->length, f->unit_bytes);
	if (r->first >= units || r->count > units - r->first)
		abort();
}

static void check_frame(const struct pack_trailer *t, const struct pack_frame *f, uint64_t *end)
{
	if (f->offset != *end || f->plain > PACK_FRAME_PLAIN_MAX || f->run > t->zero_run ||
	    f->n_runs > t->zero_run - f->run)
		abort();
	*end += f->stored;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct err err;
	AUTO(pack_trailer) t = pack_trailer_decode(data, len, PACK_BYTES, &err);
	if (!t)
		return 0;
	uint64_t end = PACK_HEADER_BYTES;
	for (uint32_t i = 0; i < t->n_frames; i++)
		check_frame(t, &t->frames[i], &end);
	for (uint32_t i = 0; i < t->n_runs; i++)
		check_run(t, &t->runs[i]);
	if (end > PACK_BYTES || t->zero_run > t->n_runs)
		abort();
	return 0;
}
