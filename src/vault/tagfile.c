#include "vault/tagfile.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/wire.h"
#include "holdfast/err.h"

enum { CACHED = 8 };

struct tagfile *tagfile_open(const char *dir, uint64_t generation, uint32_t number,
                             uint32_t unit_bytes, struct err *err)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/tags-%" PRIu64 "-%" PRIu32, dir, generation, number);
	struct tagfile *t = calloc(1, sizeof *t);
	if (!t) {
		err_no_memory(err);
		return NULL;
	}
	t->unit_bytes = unit_bytes;
	t->units_per_block = SUM_BLOCK_BYTES / unit_bytes;
	t->record_bytes = (size_t)t->units_per_block * (SUM_TAG_BYTES + 4);
	t->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (t->fd < 0) {
		err_sys(err, "%s", path);
		free(t);
		return NULL;
	}
	return t;
}

void tagfile_free(struct tagfile *t)
{
	if (!t)
		return;
	io_drop(&t->fd);
	free(t);
}

int tagfile_read(const struct tagfile *t, uint64_t block, uint8_t *record, struct err *err)
{
	size_t got;
	if (io_pread(t->fd, record, t->record_bytes, block * t->record_bytes, &got, err) != 0)
		return err_wrap(err, "state: tags");
	memset(record + got, 0, t->record_bytes - got);
	return 0;
}

int tagfile_write(const struct tagfile *t, uint64_t block, const uint8_t *record,
                  struct err *err)
{
	if (io_pwrite(t->fd, record, t->record_bytes, block * t->record_bytes, err) != 0)
		return err_wrap(err, "state: tags");
	return 0;
}

int tagfile_truncate(const struct tagfile *t, uint64_t blocks, struct err *err)
{
	if (ftruncate(t->fd, (off_t)(blocks * t->record_bytes)) != 0)
		return err_sys(err, "state: tags");
	return 0;
}

uint32_t tagfile_pack(const struct tagfile *t, const uint8_t *record, uint32_t unit)
{
	struct wire w = wire_over(record + (size_t)t->units_per_block * SUM_TAG_BYTES + 4u * unit, 4);
	return wire_u32(&w);
}

void tagfile_set_pack(const struct tagfile *t, uint8_t *record, uint32_t unit, uint32_t pack)
{
	wire_put_u32(record + (size_t)t->units_per_block * SUM_TAG_BYTES + 4u * unit, pack);
}

/* ---- cache ---- */

struct slot {
	uint8_t *record;
	uint64_t block, used;
	bool dirty;
};

struct tagfile_cache {
	const struct tagfile *t;
	uint64_t clock;
	struct slot slots[CACHED];
};

struct tagfile_cache *tagfile_cache_new(const struct tagfile *t, struct err *err)
{
	AUTO(tagfile_cache) c = calloc(1, sizeof *c);
	for (size_t i = 0; c && i < CACHED; i++) {
		c->slots[i].block = UINT64_MAX;
		c->slots[i].record = malloc(t->record_bytes);
		if (!c->slots[i].record) {
			err_no_memory(err);
			return NULL;
		}
	}
	if (!c) {
		err_no_memory(err);
		return NULL;
	}
	c->t = t;
	return TAKE(c);
}

void tagfile_cache_free(struct tagfile_cache *c)
{
	for (size_t i = 0; c && i < CACHED; i++)
		free(c->slots[i].record);
	free(c);
}

static int write_back(struct tagfile_cache *c, struct slot *s, struct err *err)
{
	if (!s->dirty)
		return 0;
	s->dirty = false;
	return tagfile_write(c->t, s->block, s->record, err);
}

static struct slot *slot_for(struct tagfile_cache *c, uint64_t block, struct err *err)
{
	struct slot *oldest = &c->slots[0];
	for (size_t i = 0; i < CACHED; i++) {
		if (c->slots[i].block == block) {
			c->slots[i].used = ++c->clock;
			return &c->slots[i];
		}
		if (c->slots[i].used < oldest->used)
			oldest = &c->slots[i];
	}
	if (write_back(c, oldest, err) != 0)
		return NULL;
	oldest->block = UINT64_MAX;
	if (tagfile_read(c->t, block, oldest->record, err) != 0)
		return NULL;
	oldest->block = block;
	oldest->used = ++c->clock;
	return oldest;
}

int tagfile_cache_put(struct tagfile_cache *c, uint64_t first, uint32_t count,
                      const uint8_t *tags, uint32_t pack, struct err *err)
{
	uint32_t per = c->t->units_per_block;
	while (count > 0) {
		struct slot *s = slot_for(c, first / per, err);
		if (!s)
			return err->code;
		uint32_t at = (uint32_t)(first % per), n = per - at < count ? per - at : count;
		memcpy(tagfile_tag(c->t, s->record, at), tags, (size_t)n * SUM_TAG_BYTES);
		for (uint32_t i = 0; i < n; i++)
			tagfile_set_pack(c->t, s->record, at + i, pack);
		s->dirty = true;
		first += n;
		count -= n;
		tags += (size_t)n * SUM_TAG_BYTES;
	}
	return 0;
}

int tagfile_cache_flush(struct tagfile_cache *c, struct err *err)
{
	for (size_t i = 0; i < CACHED; i++)
		if (write_back(c, &c->slots[i], err) != 0)
			return err->code;
	return 0;
}
