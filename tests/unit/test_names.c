#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "format/names.h"
#include "vault/storage.h"

#define W "0102030405060708090a0b0c0d0e0f10"
#define S "a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0"
#define R "ffffffffffffffffffffffffffffffff"

static const uint8_t w[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
static uint8_t s[16], r[16], id[32];

static int set_up(void **state)
{
	(void)state;
	memset(s, 0xa0, sizeof s);
	memset(r, 0xff, sizeof r);
	memset(id, 0x5c, sizeof id);
	return 0;
}

/* These are where every vault in the world has its objects. */
static void objects_lie_where_the_format_says(void **state)
{
	(void)state;
	char out[NAMES_MAX];
	assert_string_equal(names_charter(out, 2), "charter/00000002");
	assert_string_equal(names_charter(out, 123456789), "charter/123456789");
	assert_string_equal(names_slot(out, w), "slots/" W);
	assert_string_equal(names_keys(out, w, s), "keys/" W "/" S "/");
	assert_string_equal(names_keys(out, w, NULL), "keys/" W "/");
	assert_string_equal(names_key(out, w, s, 7, r), "keys/" W "/" S "/00000007-" R);
	assert_string_equal(names_key(out, w, s, UINT32_MAX, r), "keys/" W "/" S "/4294967295-" R);
	assert_string_equal(names_writer(out, w), W "/");
	assert_string_equal(names_doomed(out, w), W "/doomed/");
	assert_string_equal(names_packs(out, w, s), W "/" S "/packs/");
	assert_string_equal(names_pack(out, w, s, id), W "/" S "/packs/"
	                    "5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c");
	assert_string_equal(names_snapshots(out, w, s), W "/" S "/snapshots/");
	assert_string_equal(names_snapshot(out, w, s, 12), W "/" S "/snapshots/00000012");
}

static void every_name_is_one_that_storage_takes(void **state)
{
	(void)state;
	char out[NAMES_MAX];
	assert_true(storage_name_ok(names_charter(out, UINT64_MAX)));
	assert_true(storage_name_ok(names_slot(out, w)));
	assert_true(storage_name_ok(names_key(out, w, s, UINT32_MAX, r)));
	assert_true(storage_name_ok(names_pack(out, w, s, id)));
	assert_true(storage_name_ok(names_snapshot(out, w, s, UINT64_MAX)));
}

static void numbers_come_back(void **state)
{
	(void)state;
	static const uint64_t numbers[] = { 0, 1, 99999999, 100000000, UINT64_C(999999999999999999) };
	char out[NAMES_MAX];
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		uint64_t n = 4711;
		assert_true(names_tail_number(names_snapshot(out, w, s, numbers[i]), &n));
		assert_int_equal(n, numbers[i]);
	}
}

/* One number has one spelling: else two objects could claim to be the same snapshot. */
static void other_spellings_of_numbers_are_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"x/", "x/1", "x/0000001", "x/000000012", "x/0000001a", "x/0000001 ", "x/-0000001",
		"x/+0000001", "x/1000000000000000000", "x/18446744073709551615", "x/00000001.tmp", "",
		"00000001/x", "x/\xd9\xa1\xd9\xa1\xd9\xa1\xd9\xa1",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		uint64_t n = 4711;
		assert_false(names_tail_number(bad[i], &n));
		assert_int_equal(n, 4711);
	}
}

static void ids_come_back_and_nothing_else_does(void **state)
{
	(void)state;
	char out[NAMES_MAX];
	uint8_t back[32];
	names_pack(out, w, s, id);
	assert_true(names_tail_id(out, back, 32));
	assert_memory_equal(back, id, 32);
	assert_false(names_tail_id(out, back, 16));
	out[strlen(out) - 1] = 'C';   /* upper case */
	assert_false(names_tail_id(out, back, 32));
	out[strlen(out) - 1] = '\0';
	assert_false(names_tail_id(out, back, 32));
	assert_false(names_tail_id("", back, 32));
}

static void a_copy_in_a_folder_below_is_not_the_object(void **state)
{
	(void)state;
	assert_true(names_directly_in("a/packs/", "a/packs/x"));
	assert_false(names_directly_in("a/packs/", "a/packs/old/x"));
	assert_false(names_directly_in("a/packs/", "a/packs"));
	assert_false(names_directly_in("a/packs/", "b/packs/x"));
	assert_false(names_directly_in("a/packs/", "a/packsx"));
	assert_true(names_directly_in("", "vault.json"));
}

static void a_key_name_is_taken_apart(void **state)
{
	(void)state;
	char out[NAMES_MAX];
	uint8_t writer[16], store[16], recipient[16];
	static const uint32_t epochs[] = { 1, 99999999, 100000000, UINT32_MAX };
	for (size_t i = 0; i < sizeof epochs / sizeof *epochs; i++) {
		uint32_t epoch = 0;
		assert_true(names_parse_key(names_key(out, w, s, epochs[i], r), writer, store, &epoch,
		                            recipient));
		assert_memory_equal(writer, w, 16);
		assert_memory_equal(store, s, 16);
		assert_memory_equal(recipient, r, 16);
		assert_int_equal(epoch, epochs[i]);
	}
}

static void what_is_no_key_name_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "keys/", "keys/" W, "keys/" W "/" S, "keys/" W "/" S "/", "keys/" W "/" S "/00000001",
		"keys/" W "/" S "/00000001-", "keys/" W "/" S "/1-" R, "keys/" W "/" S "/000000001-" R,
		"keys/" W "/" S "/4294967296-" R, "keys/" W "/" S "/00000001-" R "f",
		"keys/" W "/" S "/00000001-" R "/x", "keys/" W "/" S "/00000001-" R "-" R,
		"keys/" W "/" S "x/00000001-" R, "keys/" W S "/00000001-" R, "slots/" W "/" S "/00000001-" R,
		"keys/" W "/A0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0/00000001-" R,
		"keys/" W "/" S "/0000000x-" R, "k", "keys",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		uint8_t writer[16], store[16], recipient[16];
		uint32_t epoch;
		char *exact = strdup(bad[i]);   /* so that a read beyond is seen */
		assert_non_null(exact);
		if (names_parse_key(exact, writer, store, &epoch, recipient))
			fail_msg("accepted: %s", bad[i]);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_lie_where_the_format_says),
		cmocka_unit_test(every_name_is_one_that_storage_takes),
		cmocka_unit_test(numbers_come_back),
		cmocka_unit_test(other_spellings_of_numbers_are_refused),
		cmocka_unit_test(ids_come_back_and_nothing_else_does),
		cmocka_unit_test(a_copy_in_a_folder_below_is_not_the_object),
		cmocka_unit_test(a_key_name_is_taken_apart),
		cmocka_unit_test(what_is_no_key_name_is_refused),
	};
	return cmocka_run_group_tests_name("names", tests, set_up, NULL);
}
