#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/evacuation.h"

enum { MIB = 1 << 20, PACK = 16 * MIB };

static struct evacuation_pack pack(unsigned percent)
{
	return (struct evacuation_pack){ .size = PACK, .weight = 1000, .live = 10u * percent };
}

static size_t count(const bool *chosen, size_t n)
{
	size_t sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += chosen[i];
	return sum;
}

/* What a restore would fetch of old packs and of what was moved, by bytes in use. */
static double fetched(const struct evacuation_pack *p, size_t n, const bool *chosen)
{
	double all = 0, used = 0;
	for (size_t i = 0; i < n; i++) {
		double live = (double)p[i].size * (double)p[i].live / (double)p[i].weight;
		used += live;
		all += chosen[i] ? live : (double)p[i].size;
	}
	return all / used;
}

static void nothing_moves_while_packs_are_full(void **state)
{
	(void)state;
	struct evacuation_pack p[] = { pack(100), pack(90), pack(80) };
	bool chosen[3] = { true, true, true };
	evacuation_choose(p, 3, 0, 3, chosen);
	assert_int_equal(count(chosen, 3), 0);
}

static void the_emptiest_move_until_the_limit_holds(void **state)
{
	(void)state;
	struct evacuation_pack p[] = { pack(100), pack(10), pack(40), pack(20), pack(100) };
	bool chosen[5];
	evacuation_choose(p, 5, 0, 5, chosen);
	assert_true(chosen[1]);
	assert_true(fetched(p, 5, chosen) <= 1.5);
	assert_false(chosen[0] || chosen[4] || chosen[2]);
	/* none too many: the last one chosen was needed */
	chosen[chosen[3] ? 3 : 1] = false;
	assert_true(fetched(p, 5, chosen) > 1.5);
}

static void expected_churn_takes_its_share_of_the_limit(void **state)
{
	(void)state;
	struct evacuation_pack p[10];
	bool quiet[10], busy[10];
	for (size_t i = 0; i < 10; i++)
		p[i] = pack(70);
	evacuation_choose(p, 10, 0, 10, quiet);
	evacuation_choose(p, 10, 0.3, 10, busy);
	assert_int_equal(count(quiet, 10), 0);
	assert_true(count(busy, 10) > 0);
}

static void packs_in_full_use_never_move_for_churn(void **state)
{
	(void)state;
	struct evacuation_pack p[] = { pack(100), pack(100), pack(100) };
	bool chosen[3];
	evacuation_choose(p, 3, 1.0, 3, chosen);
	assert_int_equal(count(chosen, 3), 0);
}

static void many_small_packs_are_merged(void **state)
{
	(void)state;
	enum { N = 400 };
	struct evacuation_pack p[N];
	bool chosen[N];
	for (size_t i = 0; i < N; i++)
		p[i] = (struct evacuation_pack){ .size = MIB, .weight = 100, .live = i < 200 ? 99 : 100 };
	evacuation_choose(p, N, 0, 10, chosen);
	assert_int_equal(count(chosen, N), N - (2 * 10 + 256));
	for (size_t i = 200; i < N; i++)
		assert_false(chosen[i]);
}

static void packs_without_use_go_first(void **state)
{
	(void)state;
	struct evacuation_pack p[] = { pack(100), { .size = PACK, .weight = 0, .live = 0 }, pack(30) };
	bool chosen[3];
	evacuation_choose(p, 3, 0, 3, chosen);
	assert_true(chosen[1]);
	assert_false(chosen[0]);
}

static void nothing_in_use_and_no_packs_end_well(void **state)
{
	(void)state;
	struct evacuation_pack p[] = { pack(0), pack(0) };
	bool chosen[2];
	evacuation_choose(p, 2, 0.5, 0, chosen);
	assert_int_equal(count(chosen, 2), 2);
	evacuation_choose(p, 0, 0.5, 0, chosen);
}

static void a_month_stays_within_the_limit(void **state)
{
	(void)state;
	enum { MAX = 2000 };
	static struct evacuation_pack p[MAX];
	static bool chosen[MAX];
	const double churn = 0.06;
	size_t n = 64;
	for (size_t i = 0; i < n; i++)
		p[i] = pack(100);
	for (unsigned night = 0; night < 60; night++) {
		evacuation_choose(p, n, churn, 64, chosen);
		uint64_t fresh = 0, all = 0, live = 0;
		size_t kept = 0;
		for (size_t i = 0; i < n; i++) {
			uint64_t changed = (uint64_t)((double)p[i].live * churn);
			fresh += changed + (chosen[i] ? p[i].live - changed : 0);
			p[i].live -= changed;
			if (!chosen[i])
				p[kept++] = p[i];
		}
		n = kept;
		for (; fresh > 0 && n < MAX; n++) {
			uint64_t take = fresh < 1000 ? fresh : 1000;
			p[n] = (struct evacuation_pack){ .size = PACK / 1000 * take, .weight = take,
			                                 .live = take };
			fresh -= take;
		}
		for (size_t i = 0; i < n; i++) {
			all += p[i].size;
			live += PACK / 1000 * p[i].live;
		}
		assert_true((double)all <= 1.51 * (double)live);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_moves_while_packs_are_full),
		cmocka_unit_test(the_emptiest_move_until_the_limit_holds),
		cmocka_unit_test(expected_churn_takes_its_share_of_the_limit),
		cmocka_unit_test(packs_in_full_use_never_move_for_churn),
		cmocka_unit_test(many_small_packs_are_merged),
		cmocka_unit_test(packs_without_use_go_first),
		cmocka_unit_test(nothing_in_use_and_no_packs_end_well),
		cmocka_unit_test(a_month_stays_within_the_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
