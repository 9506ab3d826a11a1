#include "engine/framer.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "engine/packer.h"
#include "holdfast/err.h"

enum { COMPRESSED_MAX = PACK_FRAME_PLAIN_MAX + 4096 };

struct framer {
	struct packer *packer;
	ZSTD_CCtx *compress;
	ZSTD_DCtx *decompress;
	unsigned check_every, count;
	uint8_t *compressed;         /* COMPRESSED_MAX */
	uint8_t *scratch, *again;    /* for the comparison, made when first needed */
};

struct framer *framer_new(struct packer *p, int level, unsigned check_every, struct err *err)
{
	AUTO(framer) f = calloc(1, sizeof *f);
	if (f) {
		f->compress = ZSTD_createCCtx();
		f->compressed = malloc(COMPRESSED_MAX);
	}
	if (!f || !f->compress || !f->compressed) {
		err_no_memory(err);
		return NULL;
	}
	f->packer = p;
	f->check_every = check_every;
	ZSTD_CCtx_setParameter(f->compress, ZSTD_c_compressionLevel, level);
	ZSTD_CCtx_setParameter(f->compress, ZSTD_c_contentSizeFlag, 0);
	ZSTD_CCtx_setParameter(f->compress, ZSTD_c_checksumFlag, 0);
	return TAKE(f);
}

void framer_free(struct framer *f)
{
	if (!f)
		return;
	ZSTD_freeCCtx(f->compress);
	ZSTD_freeDCtx(f->decompress);
	free(f->compressed);
	free(f->scratch);
	free(f->again);
	free(f);
}

static int make_checker(struct framer *f, struct err *err)
{
	if (f->again)
		return 0;
	f->decompress = ZSTD_createDCtx();
	f->scratch = malloc(COMPRESSED_MAX + SEAL_OVERHEAD_BYTES);
	f->again = malloc(PACK_FRAME_PLAIN_MAX);
	return f->decompress && f->scratch && f->again ? 0
	     : err_no_memory(err);
}

static int compare(struct framer *f, const struct packer_slot *s, const struct packer_frame *frame,
                   const uint8_t *plain, struct err *err)
{
	if (make_checker(f, err) != 0)
		return err->code;
	if (pack_open(f->again, frame->plain_len, s->at, frame->len + SEAL_OVERHEAD_BYTES, f->scratch,
	              f->decompress, s->key, PACK_FRAME, s->frame, frame->codec, err) != 0 ||
	    memcmp(f->again, plain, frame->plain_len) != 0) {
		err_set(err, ERR_CORRUPT, "a frame does not decrypt to what was put in: nothing was "
		        "committed");
		return err_hint(err, "this machine computes wrongly: test its memory and processor");
	}
	return 0;
}

int framer_put(struct framer *f, const uint8_t *plain, size_t len, const struct pack_run *runs,
               size_t n_runs, const uint8_t *tags, uint64_t weight, struct framer_place *place,
               struct err *err)
{
	size_t n = ZSTD_compress2(f->compress, f->compressed, COMPRESSED_MAX, plain, len);
	bool raw = ZSTD_isError(n) || n >= len;
	struct packer_frame frame = {
		.codec = raw ? PACK_RAW : PACK_ZSTD, .len = raw ? len : n,
		.plain_len = (uint32_t)len, .runs = runs, .n_runs = n_runs, .tags = tags,
		.weight = weight,
	};
	struct packer_slot slot;
	if (packer_reserve(f->packer, &frame, &slot, err) != 0)
		return err->code;
	pack_seal(slot.at, raw ? plain : f->compressed, frame.len, slot.key, PACK_FRAME, slot.frame,
	          frame.codec, frame.plain_len);
	int rc = 0;
	if (f->count++ % f->check_every == 0)
		rc = compare(f, &slot, &frame, plain, err);
	if (rc != 0)
		packer_stop(f->packer, err);
	*place = (struct framer_place){ slot.serial, slot.frame };
	struct err later;
	int released = packer_release(f->packer, &slot, rc == 0 ? err : &later);
	return rc != 0 ? rc : released;
}
