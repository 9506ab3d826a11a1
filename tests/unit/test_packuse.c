#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "engine/packuse.h"
#include "holdfast/err.h"

static struct err err;

static void packs_are_found_in_whatever_order_they_came(void **state)
{
	(void)state;
	static const uint32_t serials[] = { 50, 7, 90, 8, 1, 91, 49 };
	AUTO(packuse) u = packuse_new(&err);
	assert_non_null(u);
	assert_null(packuse_find(u, 7));
	for (size_t i = 0; i < 7; i++) {
		assert_non_null(packuse_add(u, serials[i], &err));
		packuse_find(u, serials[i])->size = serials[i] * 10;
	}
	assert_int_equal(packuse_add(u, 8, &err)->size, 80);
	assert_int_equal(u->n, 7);
	for (uint32_t i = 1; i < u->n; i++)
		assert_true(u->packs[i - 1].serial < u->packs[i].serial);
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(packuse_find(u, serials[i])->size, serials[i] * 10);
	assert_null(packuse_find(u, 51));
}

static void a_chunk_counts_once(void **state)
{
	(void)state;
	const struct extent list[] = {
		{ 5, 0, 0, 100, 0 }, { 5, 0, 100, 50, 1 }, { 0, 0, 0, 1000, 0 }, { 6, 0, 0, 7, 1000 },
		{ 5, 0, 0, 100, 0 }, { 6, 1, 0, 3, 63 }, { 6, 1, 3, 4, 64 },
	};
	AUTO(packuse) u = packuse_new(&err);
	assert_non_null(u);
	assert_non_null(packuse_add(u, 5, &err));
	assert_non_null(packuse_add(u, 6, &err));
	assert_int_equal(packuse_mark(u, list, 7, &err), 0);
	assert_int_equal(packuse_mark(u, list, 3, &err), 0);
	assert_int_equal(packuse_find(u, 5)->live, 150);
	assert_int_equal(packuse_find(u, 6)->live, 14);
}

static void unknown_packs_are_refused(void **state)
{
	(void)state;
	const struct extent e = { 5, 0, 0, 100, 0 }, zeros = { 0, 0, 0, 100, 0 };
	AUTO(packuse) u = packuse_new(&err);
	assert_non_null(u);
	assert_int_equal(packuse_mark(u, &e, 1, &err), ERR_INVALID);
	assert_false(packuse_holds(u, &e, 1));
	assert_true(packuse_holds(u, &zeros, 1));
}

static void packs_to_be_emptied_hold_nothing(void **state)
{
	(void)state;
	const struct extent list[] = { { 5, 0, 0, 100, 0 }, { 6, 0, 0, 100, 0 } };
	AUTO(packuse) u = packuse_new(&err);
	assert_non_null(u);
	assert_non_null(packuse_add(u, 5, &err));
	assert_non_null(packuse_add(u, 6, &err));
	assert_true(packuse_holds(u, list, 2));
	packuse_find(u, 6)->evacuate = true;
	assert_true(packuse_holds(u, list, 1));
	assert_false(packuse_holds(u, list, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packs_are_found_in_whatever_order_they_came),
		cmocka_unit_test(a_chunk_counts_once),
		cmocka_unit_test(unknown_packs_are_refused),
		cmocka_unit_test(packs_to_be_emptied_hold_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
