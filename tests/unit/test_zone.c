#include "base/wire.h"
#include "engine/fetch.h"
#include "engine/keyring.h"
#include "engine/zone.h"
#include "sample_packs.h"

/* File 0: units of 512, a short last one. File 2: units of 4096. */
enum { PACKS = 12, RUNS = 40, ZONES_BYTES = 5 << 20 };
static const uint64_t lengths[SAMPLE_FILES] = { ZONES_BYTES + 100, ZONES_BYTES, ZONES_BYTES };
enum { UNITS = ZONES_BYTES / 512 + 1 };

struct place {
	struct sample_vault v;
	struct sample_packs s;
	struct keyring *keys;
	struct fetch *fetch;
	struct fetch_worker *worker;
	/* per unit of file 0: 1 + pack that wins, 0 for none; is it a zero there? */
	uint32_t owner[UNITS];
	bool zero[UNITS];
	uint64_t random;
};

static uint64_t draw(struct place *p, uint64_t below)
{
	p->random ^= p->random << 13;
	p->random ^= p->random >> 7;
	p->random ^= p->random << 17;
	return p->random % below;
}

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	assert_non_null(p);
	p->random = 88172645463325252;
	sample_make(&p->v, "memory://zone");
	sample_unlock(&p->v);
	sample_packs_begin(&p->s, &p->v, lengths);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	fetch_worker_free(p->worker);
	fetch_free(p->fetch);
	keyring_free(p->keys);
	sample_drop(&p->v);
	free(p);
	return 0;
}

/* What unit `unit` of a file looks like in a pack. */
static void unit_bytes(uint8_t *out, size_t len, uint32_t pack, uint32_t file, uint64_t unit)
{
	sample_fill(out, len, ((uint64_t)pack << 48 | (uint64_t)file << 40 | unit) + 1);
}

struct frame {
	uint8_t plain[PACK_FRAME_PLAIN_MAX];
	size_t len;
	struct pack_run runs[RUNS];
	size_t n;
	uint64_t units;
};

static void add_run(struct place *p, struct frame *f, uint32_t pack, uint32_t file, uint64_t first,
                    uint32_t count)
{
	const struct pack_file *pf = &p->s.files[file];
	for (uint64_t u = first; u < first + count; u++) {
		size_t n = pack_unit_len(pf, u);
		assert_true(f->len + n <= sizeof f->plain);
		unit_bytes(f->plain + f->len, n, pack, file, u);
		f->len += n;
		if (file == 0) {
			p->owner[u] = pack + 1;
			p->zero[u] = false;
		}
	}
	f->runs[f->n++] = (struct pack_run){ file, count, first };
	f->units += count;
}

static void put_frame(struct place *p, struct framer *framer, struct frame *f)
{
	struct err err;
	struct framer_place at;
	static const uint8_t tags[16 * 2048];
	(void)p;
	must(framer_put(framer, f->plain, f->len, f->runs, f->n, tags, f->units, &at, &err));
	f->len = f->n = f->units = 0;
}

static void put_zeros(struct place *p, uint32_t pack, uint64_t first, uint32_t count)
{
	struct err err;
	uint32_t serial;
	static const uint8_t tags[16 * 2048];
	const struct pack_run run = { 0, count, first };
	must(packer_zeros(p->s.packer, &run, tags, &serial, &err));
	for (uint64_t u = first; u < first + count; u++) {
		p->owner[u] = pack + 1;
		p->zero[u] = true;
	}
}

static bool overlaps(const bool *taken, uint64_t first, uint64_t count)
{
	for (uint64_t u = first; u < first + count; u++)
		if (taken[u])
			return true;
	return false;
}

/* Random runs of files 0 and 2 in frames of both, and some zeros; no unit twice in one pack. */
static void random_pack(struct place *p, uint32_t pack)
{
	struct err err;
	struct frame *f = calloc(1, sizeof *f);
	bool *taken = calloc(UNITS, sizeof *taken);
	assert_true(f && taken);
	sample_packer(&p->s, 1, 2);
	AUTO(framer) framer = framer_new(p->s.packer, 1, 16, &err);
	for (uint32_t i = 0; i < RUNS; i++) {
		uint32_t count = 1 + (uint32_t)draw(p, i % 9 ? 12 : 200);
		uint64_t first = draw(p, UNITS - count + 1);
		if (i % 11 == 0) {
			count = 1;
			first = UNITS - 1;   /* the short one */
		}
		if (overlaps(taken, first, count))
			continue;
		memset(taken + first, true, count);
		if (i % 5 == 4)
			put_zeros(p, pack, first, count);
		else
			add_run(p, f, pack, 0, first, count);
		if (i % 3 == 0)
			add_run(p, f, pack, 2, draw(p, 1000), 1 + (uint32_t)draw(p, 3));
		if (f->n > 6)
			put_frame(p, framer, f);
	}
	if (f->n)
		put_frame(p, framer, f);
	must(packer_finish(p->s.packer, &err));
	packer_free(p->s.packer);
	free(f);
	free(taken);
}

/* Every unit of file 0 in one pack; [from, to) left out. */
static void whole_pack(struct place *p, uint32_t pack, uint64_t from, uint64_t to)
{
	struct err err;
	struct frame *f = calloc(1, sizeof *f);
	assert_non_null(f);
	sample_packer(&p->s, 1, 2);
	AUTO(framer) framer = framer_new(p->s.packer, 1, 16, &err);
	for (uint64_t u = 0; u < UNITS; u++) {
		if (u >= from && u < to)
			continue;
		if (f->n && f->runs[0].first + f->runs[0].count == u && f->units < 512) {
			unit_bytes(f->plain + f->len, pack_unit_len(&p->s.files[0], u), pack, 0, u);
			f->len += pack_unit_len(&p->s.files[0], u);
			f->runs[0].count++;
			f->units++;
			p->owner[u] = pack + 1;
			continue;
		}
		if (f->n)
			put_frame(p, framer, f);
		add_run(p, f, pack, 0, u, 1);
	}
	put_frame(p, framer, f);
	must(packer_finish(p->s.packer, &err));
	packer_free(p->s.packer);
	free(f);
}

static void open_fetch(struct place *p)
{
	struct err err;
	const uint8_t *writer = vault_keyfile(p->v.vault)->id;
	p->keys = keyring_new(p->v.vault, writer, p->s.store, &err);
	assert_non_null(p->keys);
	p->fetch = fetch_new(p->v.vault, p->keys, writer, p->s.store, p->s.list, p->s.n, NULL, &err);
	p->worker = fetch_worker_new(&err);
	assert_true(p->fetch && p->worker);
}

static struct zone_file file_zero(const struct place *p)
{
	return (struct zone_file){ .number = 0, .page_bytes = 4096, .unit_bytes = 512,
	                           .length = lengths[0], .n_packs = p->s.n };
}

static void check_extent(struct place *p, const struct zone *z, const struct zone_extent *e,
                         bool *seen)
{
	struct err err;
	static uint8_t plain[PACK_FRAME_PLAIN_MAX];
	uint32_t len, at = e->offset;
	bool zero = e->pack == UINT32_MAX;
	if (!zero)
		must(fetch_frame(p->fetch, e->pack, e->frame, plain, &len, p->worker, &err));
	for (uint32_t i = 0; i < e->count; i++) {
		uint64_t unit = z->first + e->unit + i;
		uint8_t want[512];
		assert_true(unit < UNITS && !seen[unit]);
		seen[unit] = true;
		assert_int_equal(zero, p->zero[unit] || p->owner[unit] == 0);
		if (zero)
			continue;
		uint32_t n = pack_unit_len(&p->s.files[0], unit);
		assert_int_equal(e->pack + 1, p->owner[unit]);
		assert_true(at + n <= len);
		unit_bytes(want, n, e->pack, 0, unit);
		assert_memory_equal(plain + at, want, n);
		at += n;
	}
}

/* Whole file, zone after zone. */
static void check_zones(struct place *p, struct zone_file *f, uint64_t per_zone)
{
	struct err err;
	bool *seen = calloc(UNITS, sizeof *seen);
	uint32_t per_region = zone_region_units(f);
	assert_non_null(seen);
	for (uint64_t first = 0; first < UNITS; first += per_zone) {
		uint64_t units = UNITS - first < per_zone ? UNITS - first : per_zone;
		AUTO(zone) z = zone_plan(f, first, units, p->fetch, &err);
		if (!z)
			fail_msg("%s", err.msg);
		assert_int_equal(z->regions, (units + per_region - 1) / per_region);
		assert_int_equal(z->starts[0], 0);
		assert_int_equal(z->starts[z->regions], z->n_extents);
		for (uint32_t r = 0; r < z->regions; r++)
			for (uint32_t i = z->starts[r]; i < z->starts[r + 1]; i++) {
				const struct zone_extent *e = &z->extents[i];
				assert_int_equal(e->unit / per_region, r);
				assert_int_equal((e->unit + e->count - 1) / per_region, r);
				check_extent(p, z, e, seen);
			}
	}
	for (uint64_t u = 0; u < UNITS; u++)
		assert_true(seen[u]);
	free(seen);
}

static void the_newest_pack_wins_for_every_unit(void **state)
{
	struct place *p = *state;
	whole_pack(p, 0, 0, 0);
	for (uint32_t i = 1; i < PACKS; i++)
		random_pack(p, i);
	open_fetch(p);
	static const uint64_t sizes[] = { UNITS, 2048, 4096, ZONE_UNITS_MAX };
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct zone_file f = file_zero(p);
		check_zones(p, &f, sizes[i]);
		assert_non_null(f.ranges);
		check_zones(p, &f, sizes[i]);   /* with the ranges learnt */
		free(f.ranges);
	}
}

static void a_unit_in_no_pack_is_damage(void **state)
{
	struct place *p = *state;
	struct err err;
	whole_pack(p, 0, 3000, 3002);
	open_fetch(p);
	struct zone_file f = file_zero(p);
	assert_null(zone_plan(&f, 0, UNITS, p->fetch, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "1536000"));   /* where: byte 3000 * 512 */
	assert_non_null(strstr(err.msg, "2 units"));
	AUTO(zone) before = zone_plan(&f, 0, 2048, p->fetch, &err);
	assert_non_null(before);
	assert_null(zone_plan(&f, 2048, 2048, p->fetch, &err));
	free(f.ranges);
}

static void a_rescue_fills_and_counts_what_is_missing(void **state)
{
	struct place *p = *state;
	whole_pack(p, 0, 2040, 2060);   /* over the edge of a region */
	random_pack(p, 1);
	open_fetch(p);
	struct zone_file f = file_zero(p);
	f.fill_missing = true;
	check_zones(p, &f, 2048);
	uint64_t missing = 0;
	for (uint64_t u = 0; u < UNITS; u++)
		missing += p->owner[u] == 0;
	assert_true(missing > 0);
	assert_int_equal(f.missing, missing);
	free(f.ranges);
}

static void a_pack_that_disagrees_about_the_file_is_damage(void **state)
{
	struct place *p = *state;
	struct err err;
	whole_pack(p, 0, 0, 0);
	open_fetch(p);
	struct zone_file f = file_zero(p);
	f.unit_bytes = 1024;
	assert_null(zone_plan(&f, 0, UNITS / 2, p->fetch, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
	free(f.ranges);
	f = file_zero(p);
	f.page_bytes = 8192;
	assert_null(zone_plan(&f, 0, UNITS, p->fetch, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
	free(f.ranges);
}

static void a_pack_that_does_not_open_is_named(void **state)
{
	struct place *p = *state;
	struct err err;
	whole_pack(p, 0, 0, 0);
	p->s.list[0].size--;
	open_fetch(p);
	struct zone_file f = file_zero(p);
	assert_null(zone_plan(&f, 0, UNITS, p->fetch, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "pack"));
	free(f.ranges);
	zone_free(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_newest_pack_wins_for_every_unit),
		TEST(a_unit_in_no_pack_is_damage),
		TEST(a_rescue_fills_and_counts_what_is_missing),
		TEST(a_pack_that_disagrees_about_the_file_is_damage),
		TEST(a_pack_that_does_not_open_is_named),
	};
	return cmocka_run_group_tests_name("zone", tests, NULL, NULL);
}
