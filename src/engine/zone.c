#include "engine/zone.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/fetch.h"
#include "holdfast/err.h"

struct planning {
	struct zone *z;
	uint64_t *claimed;           /* one bit per unit */
	uint64_t left;               /* units nobody has claimed yet */
	uint32_t cap;
	uint32_t per_region;
};

uint32_t zone_region_units(const struct zone_file *f)
{
	return ZONE_REGION_BYTES / f->unit_bytes;
}

void zone_free(struct zone *z)
{
	if (!z)
		return;
	free(z->starts);
	free(z->extents);
	free(z);
}

static bool is_claimed(const struct planning *p, uint64_t unit)
{
	return p->claimed[unit / 64] >> (unit % 64) & 1;
}

static int add(struct planning *p, const struct zone_extent *e, struct err *err)
{
	struct zone *z = p->z;
	if (z->n_extents == p->cap) {
		uint32_t cap = p->cap ? p->cap * 2 : 4096;
		struct zone_extent *grown = realloc(z->extents, cap * sizeof *grown);
		if (!grown)
			return err_no_memory(err);
		z->extents = grown;
		p->cap = cap;
	}
	z->extents[z->n_extents++] = *e;
	return 0;
}

/* Units [from, to) of the zone lie at e; they are not claimed yet. Cut at regions. */
static int claim(struct planning *p, uint64_t from, uint64_t to, struct zone_extent e,
                 struct err *err)
{
	for (uint64_t u = from; u < to; u++)
		p->claimed[u / 64] |= UINT64_C(1) << (u % 64);
	p->left -= to - from;
	while (from < to) {
		uint64_t end = (from / p->per_region + 1) * p->per_region;
		if (end > to)
			end = to;
		e.unit = (uint32_t)from;
		e.count = (uint32_t)(end - from);
		if (add(p, &e, err) != 0)
			return err->code;
		e.offset += e.count * p->z->file->unit_bytes;
		from = end;
	}
	return 0;
}

/* A run whose first unit lies `offset` bytes into its frame: claim what is still free of it. */
static int take_run(struct planning *p, const struct pack_run *r, uint32_t pack, uint32_t frame,
                    uint32_t offset, struct err *err)
{
	const struct zone *z = p->z;
	uint64_t from = r->first > z->first ? r->first : z->first;
	uint64_t to = r->first + r->count < z->first + z->units ? r->first + r->count
	                                                        : z->first + z->units;
	while (from < to) {
		while (from < to && is_claimed(p, from - z->first))
			from++;
		uint64_t end = from;
		while (end < to && !is_claimed(p, end - z->first))
			end++;
		struct zone_extent e = { .pack = pack, .frame = frame };
		e.offset = offset + (uint32_t)(from - r->first) * z->file->unit_bytes;
		if (end > from && claim(p, from - z->first, end - z->first, e, err) != 0)
			return err->code;
		from = end;
	}
	return 0;
}

static uint64_t run_bytes(const struct pack_file *f, const struct pack_run *r)
{
	return (uint64_t)(r->count - 1) * f->unit_bytes + pack_unit_len(f, r->first + r->count - 1);
}

static int take_frame(struct planning *p, const struct pack_trailer *t, uint32_t frame,
                      uint32_t number, uint32_t pack, struct err *err)
{
	const struct pack_frame *f = &t->frames[frame];
	uint64_t offset = 0;
	for (uint32_t i = f->run; i < f->run + f->n_runs; i++) {
		const struct pack_run *r = &t->runs[i];
		const struct pack_file *file = &t->files[r->file];
		if (file->number == number &&
		    take_run(p, r, pack, frame, (uint32_t)offset, err) != 0)
			return err->code;
		offset += run_bytes(file, r);
	}
	return 0;
}

static int check_file(const struct zone_file *want, const struct pack_trailer *t, bool *here,
                      struct err *err)
{
	*here = false;
	for (uint32_t i = 0; i < t->n_files; i++) {
		const struct pack_file *f = &t->files[i];
		if (f->number != want->number)
			continue;
		*here = f->page_bytes == want->page_bytes && f->unit_bytes == want->unit_bytes;
		/* after a loss of state numbers begin anew, and rescue meets both files */
		if (!*here && !want->fill_missing)
			return err_set(err, ERR_CORRUPT, "trailer: file %" PRIu32 " has other page or unit "
			               "sizes than its snapshot says", want->number);
	}
	return 0;
}

static void learn_range(struct zone_range *range, const struct pack_trailer *t, uint32_t number)
{
	*range = (struct zone_range){ UINT64_MAX, 0 };
	for (uint32_t i = 0; i < t->n_runs; i++) {
		const struct pack_run *r = &t->runs[i];
		if (t->files[r->file].number != number)
			continue;
		if (r->first < range->from)
			range->from = r->first;
		if (r->first + r->count > range->to)
			range->to = r->first + r->count;
	}
}

/* A pack under another's name stands out: packs are listed in the order in which they were made. */
static int check_order(const struct zone_file *file, struct fetch *fetch, uint32_t pack,
                       struct err *err)
{
	if (pack + 1 == file->n_packs || file->fill_missing)
		return 0;
	const struct pack_header *older = fetch_header(fetch, pack);
	const struct pack_header *newer = fetch_header(fetch, pack + 1);
	if (older->seq < newer->seq || (older->seq == newer->seq && older->number < newer->number))
		return 0;
	return err_set(err, ERR_CORRUPT, "a pack is not the one its snapshot lists (were two swapped?)");
}

/* Within a pack the later frame would win; the writer never stores a unit twice in one. */
static int take_pack(struct planning *p, struct fetch *fetch, uint32_t pack, bool learn,
                     struct err *err)
{
	const struct zone_file *file = p->z->file;
	const struct pack_trailer *t = fetch_trailer(fetch, pack, err);
	bool here;
	if (!t || check_file(file, t, &here, err) != 0 ||
	    (learn && check_order(file, fetch, pack, err) != 0))
		return err->code;
	if (learn)
		learn_range(&file->ranges[pack], t, file->number);
	int rc = 0;
	for (uint32_t i = t->n_frames; here && i-- > 0 && rc == 0;)
		rc = take_frame(p, t, i, file->number, pack, err);
	for (uint32_t i = t->zero_run; here && i < t->n_runs && rc == 0; i++)
		if (t->files[t->runs[i].file].number == file->number)
			rc = take_run(p, &t->runs[i], UINT32_MAX, 0, 0, err);
	fetch_drop_runs(fetch, pack);
	return rc;
}

/* Counting sort by region: extents never cross one. */
static int sort_extents(struct planning *p, struct err *err)
{
	struct zone *z = p->z;
	struct zone_extent *sorted = malloc((z->n_extents + 1u) * sizeof *sorted);
	z->starts = calloc(z->regions + 2u, sizeof *z->starts);
	if (!sorted || !z->starts) {
		free(sorted);
		return err_no_memory(err);
	}
	for (uint32_t i = 0; i < z->n_extents; i++)
		z->starts[z->extents[i].unit / p->per_region + 2]++;
	for (uint32_t r = 2; r < z->regions + 2; r++)
		z->starts[r] += z->starts[r - 1];
	for (uint32_t i = 0; i < z->n_extents; i++)
		sorted[z->starts[z->extents[i].unit / p->per_region + 1]++] = z->extents[i];
	free(z->extents);
	z->extents = sorted;
	return 0;
}

/* For rescue: what nobody has is written as zeros, and said. */
static int fill_missing(struct planning *p, struct zone_file *file, struct err *err)
{
	file->missing += p->left;
	for (uint64_t u = 0; u < p->z->units; u++) {
		uint64_t end = u;
		while (end < p->z->units && !is_claimed(p, end))
			end++;
		struct zone_extent zeros = { .pack = UINT32_MAX };
		if (end > u && claim(p, u, end, zeros, err) != 0)
			return err->code;
		u = end;
	}
	return 0;
}

static int missing(const struct planning *p, struct err *err)
{
	uint64_t u = 0;
	while (u < p->z->units && is_claimed(p, u))
		u++;
	return err_set(err, ERR_CORRUPT, "byte %" PRIu64 " and %" PRIu64 " units in all are in none of "
	               "the snapshot's packs", (p->z->first + u) * p->z->file->unit_bytes, p->left);
}

static int plan(struct planning *p, struct zone_file *file, struct fetch *fetch, struct err *err)
{
	bool learn = !file->ranges;
	struct zone *z = p->z;
	if (learn && !(file->ranges = calloc(file->n_packs + 1u, sizeof *file->ranges)))
		return err_no_memory(err);
	for (uint32_t i = file->n_packs; i-- > 0 && (p->left > 0 || learn);) {
		const struct zone_range *r = &file->ranges[i];
		if (!learn && (r->from >= z->first + z->units || r->to <= z->first))
			continue;
		if (take_pack(p, fetch, i, learn, err) != 0)
			return err->code;
	}
	if (p->left > 0 && (!file->fill_missing || fill_missing(p, file, err) != 0))
		return file->fill_missing ? err->code : missing(p, err);
	return sort_extents(p, err);
}

struct zone *zone_plan(struct zone_file *file, uint64_t first, uint64_t units, struct fetch *fetch,
                       struct err *err)
{
	AUTO(zone) z = calloc(1, sizeof *z);
	struct planning p = { .z = z, .left = units, .per_region = zone_region_units(file) };
	p.claimed = calloc(units / 64 + 1, 8);
	int rc = z && p.claimed ? 0 : err_no_memory(err);
	if (rc == 0) {
		z->file = file;
		z->first = first;
		z->units = units;
		z->regions = (uint32_t)((units + p.per_region - 1) / p.per_region);
		rc = plan(&p, file, fetch, err);
	}
	free(p.claimed);
	return rc == 0 ? TAKE(z) : NULL;
}
