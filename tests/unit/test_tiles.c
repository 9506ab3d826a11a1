#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/wire.h"
#include "format/tiles.h"
#include "holdfast/err.h"

/* Examples of c2sp.org/tlog-tiles. */
static void paths_are_those_of_the_specification(void **state)
{
	static const struct { struct tile tile; const char *path; } known[] = {
		{ { 0, 0, 256 }, "tile/0/000" },
		{ { 0, 273, 256 }, "tile/0/273" },
		{ { 0, 273, 112 }, "tile/0/273.p/112" },
		{ { 1, 1, 17 }, "tile/1/001.p/17" },
		{ { TILES_ENTRIES, 1234067, 256 }, "tile/entries/x001/x234/067" },
		{ { TILES_ENTRIES, 1234067, 8 }, "tile/entries/x001/x234/067.p/8" },
	};
	char path[TILES_PATH_MAX];
	(void)state;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		struct tile t;
		assert_string_equal(tiles_path(path, &known[i].tile), known[i].path);
		assert_true(tiles_parse(path, &t));
		assert_int_equal(t.level, known[i].tile.level);
		assert_int_equal(t.n, known[i].tile.n);
		assert_int_equal(t.width, known[i].tile.width);
	}
}

static void other_spellings_are_refused(void **state)
{
	static const char *const wrong[] = {
		"tile/0/0", "tile/0/0000", "tile/00/000", "tile/9/000", "tile/0/x000/001", "tile/0/001.p/0",
		"tile/0/001.p/256", "tile/0/001.p/08", "tile/0/001.p/", "tile/0/x001", "tile/entries/",
		"tile/0/001/", "checkpoint", "tile/0/x001/x000/x000/x000/000", "",
	};
	struct tile t;
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (tiles_parse(wrong[i], &t))
			fail_msg("'%s' was taken", wrong[i]);
}

/* A log that keeps all its leaves. */
static uint8_t (*all)[MERKLE_BYTES];

static int naive(void *arg, unsigned level, uint64_t index, uint8_t out[MERKLE_BYTES], struct err *err)
{
	uint8_t left[MERKLE_BYTES], right[MERKLE_BYTES];
	if (level == 0) {
		memcpy(out, all[index], MERKLE_BYTES);
		return 0;
	}
	naive(arg, level - 1, 2 * index, left, err);
	naive(arg, level - 1, 2 * index + 1, right, err);
	merkle_node(out, left, right);
	return 0;
}

struct seen { unsigned full[TILES_LEVELS]; };

static int count_full(void *arg, const struct tile *t, const uint8_t hashes[][MERKLE_BYTES],
                      struct err *err)
{
	struct seen *s = arg;
	uint8_t expected[MERKLE_BYTES];
	assert_int_equal(t->n, s->full[t->level]);
	assert_int_equal(t->width, TILES_WIDTH);
	s->full[t->level]++;
	for (unsigned i = 0; i < TILES_WIDTH; i += 51) {
		naive(NULL, 8 * (unsigned)t->level, t->n * TILES_WIDTH + i, expected, err);
		assert_memory_equal(hashes[i], expected, sizeof expected);
	}
	return 0;
}

static void the_edge_has_the_roots_and_tiles_of_the_whole_tree(void **state)
{
	enum { N = 66000 };   /* a level-1 tile fills at 65536 */
	struct err err;
	struct seen seen = { { 0 } };
	struct tiles_edge *e = calloc(1, sizeof *e);
	uint8_t got[MERKLE_BYTES], expected[MERKLE_BYTES];
	(void)state;
	all = calloc(N, sizeof *all);
	for (uint64_t i = 0; i < N; i++) {
		merkle_leaf(all[i], &i, sizeof i);
		assert_int_equal(tiles_edge_add(e, all[i], count_full, &seen, &err), 0);
		if (i < 600 || i % 9973 == 0 || (i > 65530 && i < 65545)) {
			tiles_edge_root(e, got);
			merkle_root(i + 1, naive, NULL, expected, &err);
			assert_memory_equal(got, expected, sizeof got);
		}
	}
	assert_int_equal(seen.full[0], N / 256);
	assert_int_equal(seen.full[1], 1);
	assert_int_equal(seen.full[2], 0);
	free(all);
	free(e);
}

static void a_log_of_a_size_has_these_tiles(void **state)
{
	(void)state;
	assert_int_equal(tiles_of(0, 0, 0).width, 0);
	assert_int_equal(tiles_of(70000, TILES_ENTRIES, 273).width, 112);
	assert_int_equal(tiles_of(70000, 0, 273).width, 112);
	assert_int_equal(tiles_of(70000, 0, 272).width, 256);
	assert_int_equal(tiles_of(70000, 0, 274).width, 0);
	assert_int_equal(tiles_of(70000, 1, 1).width, 17);
	assert_int_equal(tiles_of(70000, 2, 0).width, 1);
	assert_int_equal(tiles_of(70000, 3, 0).width, 0);
}

static void bundles_give_back_entries_and_refuse_what_is_cut(void **state)
{
	struct err err;
	const uint8_t *entry;
	size_t len;
	AUTO(buf) b = buf_new(TILES_BUNDLE_MAX, &err);
	char *longest = calloc(1, TILES_ENTRY_MAX + 1);
	(void)state;
	memset(longest, 'x', TILES_ENTRY_MAX);
	assert_int_equal(tiles_add_entry(b, "abc", 3, &err), 0);
	assert_memory_equal(b->bytes, "\0\3abc", 5);
	assert_int_equal(tiles_add_entry(b, longest, TILES_ENTRY_MAX, &err), 0);
	assert_int_equal(tiles_add_entry(b, longest, TILES_ENTRY_MAX + 1, &err), ERR_LIMIT);
	struct wire w = wire_over(b->bytes, b->len);
	assert_true(tiles_next_entry(&w, &entry, &len));
	assert_int_equal(len, 3);
	assert_true(tiles_next_entry(&w, &entry, &len));
	assert_int_equal(len, TILES_ENTRY_MAX);
	assert_false(tiles_next_entry(&w, &entry, &len));
	assert_true(wire_done(&w));
	w = wire_over(b->bytes, b->len - 1);
	assert_true(tiles_next_entry(&w, &entry, &len));
	assert_false(tiles_next_entry(&w, &entry, &len));
	assert_false(wire_done(&w));
	free(longest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_those_of_the_specification),
		cmocka_unit_test(other_spellings_are_refused),
		cmocka_unit_test(the_edge_has_the_roots_and_tiles_of_the_whole_tree),
		cmocka_unit_test(a_log_of_a_size_has_these_tiles),
		cmocka_unit_test(bundles_give_back_entries_and_refuse_what_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
