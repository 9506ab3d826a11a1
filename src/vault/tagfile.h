/*
 * tagfile - per unit of a page file: its tag (16 bytes) and where it is stored (pack serial, 4
 * bytes, little endian; top bit: zero unit; 0: nowhere yet). One record per block of 256 KiB: the
 * tags of its units, then their packs; the last record has full size too.
 */
#ifndef TAGFILE_H
#define TAGFILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"
#include "format/sum.h"

struct err;

struct tagfile {
	int fd;
	uint32_t unit_bytes, units_per_block;
	size_t record_bytes;
};

/* dir/tags-<generation>-<number>, created if absent. NULL with ERR_IO... */
struct tagfile *tagfile_open(const char *dir, uint64_t generation, uint32_t number,
                             uint32_t unit_bytes, struct err *err);
void tagfile_free(struct tagfile *t);
AUTO_FREE(tagfile);

/* Beyond the file's end records are zeros. Thread-safe. */
int tagfile_read(const struct tagfile *t, uint64_t block, uint8_t *record, struct err *err);
int tagfile_write(const struct tagfile *t, uint64_t block, const uint8_t *record,
                  struct err *err);

/* Cut down to this many blocks. */
int tagfile_truncate(const struct tagfile *t, uint64_t blocks, struct err *err);

/* Inside a record. */
static inline uint8_t *tagfile_tag(const struct tagfile *t, uint8_t *record, uint32_t unit)
{
	(void)t;
	return record + (size_t)unit * SUM_TAG_BYTES;
}
uint32_t tagfile_pack(const struct tagfile *t, const uint8_t *record, uint32_t unit);
void tagfile_set_pack(const struct tagfile *t, uint8_t *record, uint32_t unit, uint32_t pack);

/*
 * Writes runs of new tags into arrays, in any order, through a few cached records. Absolute values:
 * writing the same again changes nothing.
 */
struct tagfile_cache;
struct tagfile_cache *tagfile_cache_new(const struct tagfile *t, struct err *err);
int tagfile_cache_put(struct tagfile_cache *c, uint64_t first, uint32_t count,
                      const uint8_t *tags, uint32_t pack, struct err *err);
int tagfile_cache_flush(struct tagfile_cache *c, struct err *err);
void tagfile_cache_free(struct tagfile_cache *c);
AUTO_FREE(tagfile_cache);

#endif
