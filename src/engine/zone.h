/*
 * zone - where every unit of a part of a page file lies: the newest pack wins.
 *
 * A zone is a stretch of the file of at most ZONE_UNITS_MAX units. Its packs are gone through newest
 * first with one bit per unit; what is claimed becomes extents, sorted into regions of 1 MiB of the
 * file, which workers then put together in any order. Memory does not grow with the file.
 */
#ifndef ZONE_H
#define ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/scope.h"

struct err;
struct fetch;

enum {
	ZONE_REGION_BYTES = 1 << 20,
	ZONE_UNITS_MAX = 1 << 21,
};

struct zone_extent {
	uint32_t unit;       /* first, counted from the zone's first */
	uint32_t count;
	uint32_t pack;       /* index of the pack; UINT32_MAX: zero units */
	uint32_t frame;
	uint32_t offset;     /* bytes, in the frame's plain text */
};

/* What of the file's packs is looked at; ranges are learnt on the first zone. */
struct zone_file {
	uint32_t number;
	uint32_t page_bytes, unit_bytes;
	uint64_t length;
	uint32_t n_packs;
	bool fill_missing;                 /* units in no pack become zeros, counted in `missing` */
	uint64_t missing;
	struct zone_range { uint64_t from, to; } *ranges;   /* units per pack, from > to: none; or NULL */
};

struct zone {
	const struct zone_file *file;
	uint64_t first, units;             /* units of the file */
	uint32_t regions;
	uint32_t *starts;                  /* regions + 1: extents of region r are starts[r].. */
	struct zone_extent *extents;
	uint32_t n_extents;
};

/* Units from `first` on, `units` of them; first is a multiple of a region's units. ERR_CORRUPT if a
 * unit is in no pack, or a pack disagrees about the file. */
struct zone *zone_plan(struct zone_file *file, uint64_t first, uint64_t units, struct fetch *fetch,
                       struct err *err);
void zone_free(struct zone *z);
AUTO_FREE(zone);

uint32_t zone_region_units(const struct zone_file *f);

#endif
