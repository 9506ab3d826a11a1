#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "engine/usage.h"
#include "holdfast/err.h"
#include "vault/state.h"

static const uint8_t store[16];

static struct usage *counted(void)
{
	struct err err;
	struct usage *u = usage_new(5, 9, &err);
	assert_non_null(u);
	assert_true(usage_count(u, 5, 10));
	assert_true(usage_count(u, 5, 1));
	assert_true(usage_count(u, 7, 4));
	assert_true(usage_count(u, 7 | STATE_PACK_ZERO, 3));
	assert_true(usage_count(u, 8 | STATE_PACK_ZERO, 2));
	return u;
}

static struct state *base_like_that(void)
{
	struct err err;
	static const struct state_pack packs[] = {
		{ .serial = 5, .live = 11 }, { .serial = 7, .live = 4, .zeros = 3 },
		{ .serial = 8, .zeros = 2 },
	};
	struct state *s = state_new(store, &err);
	assert_non_null(s);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(state_add_pack(s, &packs[i], &err), 0);
	return s;
}

static void live_and_zero_units_are_counted_apart(void **state)
{
	(void)state;
	AUTO(usage) u = counted();
	static const uint64_t want[][2] = { { 11, 0 }, { 0, 0 }, { 4, 3 }, { 0, 2 } };
	assert_int_equal(u->n, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(u->packs[i].live, want[i][0]);
		assert_int_equal(u->packs[i].zeros, want[i][1]);
	}
}

static void a_word_out_of_range_is_damage(void **state)
{
	(void)state;
	struct err err;
	AUTO(usage) u = counted();
	static const uint32_t words[] = { 0, 4, 9, 4 | STATE_PACK_ZERO, 9 | STATE_PACK_ZERO,
		                          STATE_PACK_ZERO, INT32_MAX, UINT32_MAX };
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		assert_false(usage_count(u, words[i], 1));
	AUTO(usage) none = usage_new(5, 5, &err);
	assert_false(usage_count(none, 5, 1));
	AUTO(usage) backwards = usage_new(5, 3, &err);
	assert_int_equal(backwards->n, 0);
}

static void what_workers_counted_adds_up(void **state)
{
	(void)state;
	AUTO(usage) a = counted();
	AUTO(usage) b = counted();
	usage_add(a, b);
	assert_int_equal(a->packs[0].live, 22);
	assert_int_equal(a->packs[2].zeros, 6);
}

static void it_matches_only_the_record_it_was_counted_for(void **state)
{
	(void)state;
	struct err err;
	AUTO(usage) u = counted();
	AUTO(state) s = base_like_that();
	assert_true(usage_matches(u, s));
	s->packs[0].live++;
	assert_false(usage_matches(u, s));
	s->packs[0].live--;
	s->packs[1].zeros--;
	assert_false(usage_matches(u, s));
	s->packs[1].zeros++;
	/* a pack too many, in use or not; a pack too few */
	struct state_pack more = { .serial = 12, .live = 1 };
	assert_int_equal(state_add_pack(s, &more, &err), 0);
	assert_false(usage_matches(u, s));
	s->n_packs = 2;
	assert_false(usage_matches(u, s));
	s->n_packs = 3;
	s->packs[0].serial = 6;
	assert_false(usage_matches(u, s));
}

static void nothing_matches_nothing(void **state)
{
	(void)state;
	struct err err;
	AUTO(usage) u = usage_new(1, 1, &err);
	AUTO(state) s = state_new(store, &err);
	assert_true(usage_matches(u, s));
	usage_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(live_and_zero_units_are_counted_apart),
		cmocka_unit_test(a_word_out_of_range_is_damage),
		cmocka_unit_test(what_workers_counted_adds_up),
		cmocka_unit_test(it_matches_only_the_record_it_was_counted_for),
		cmocka_unit_test(nothing_matches_nothing),
	};
	return cmocka_run_group_tests_name("usage", tests, NULL, NULL);
}
