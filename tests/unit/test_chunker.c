#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"
#include "holdfast/err.h"

/* the source, to reach the path for processors without AVX2 */
#include "format/chunker.c"

enum { DATA = 16 << 20, CUTS_MAX = DATA / CHUNKER_MIN_BYTES + 2 };

static uint8_t *data;
static uint8_t key[CHUNKER_KEY_BYTES];

/* xorshift64, easy to repeat in any language: the golden cuts are of these bytes */
static void fill(uint8_t *out, size_t len, uint64_t x)
{
	for (size_t i = 0; i < len; i += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		wire_put_u64(out + i, x);
	}
}

static int start(void **state)
{
	(void)state;
	for (uint8_t i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)(1 + i);
	data = malloc(DATA);
	if (!data)
		return -1;
	fill(data, DATA, 0x9e3779b97f4a7c15);
	return crypto_start();
}

static int finish(void **state)
{
	(void)state;
	free(data);
	return 0;
}

static struct chunker *chunker(const uint8_t k[CHUNKER_KEY_BYTES])
{
	struct err err;
	struct chunker *c = chunker_new(k, &err);
	assert_non_null(c);
	return c;
}

struct cuts {
	size_t n, end[CUTS_MAX];
};

/* Where chunks end, when the stream is handed over in pieces of at most `piece` bytes. */
static void cut(struct cuts *cuts, struct chunker *c, const uint8_t *bytes, size_t len,
                size_t piece)
{
	cuts->n = 0;
	for (size_t at = 0; at < len;) {
		size_t give = least(piece, len - at), used = chunker_scan(c, bytes + at, give);
		assert_true(used <= give);
		at += used ? used : give;
		if (!used)
			continue;
		assert_true(cuts->n < CUTS_MAX);
		cuts->end[cuts->n++] = at;
	}
}

static void assert_same(const struct cuts *a, const struct cuts *b)
{
	assert_int_equal(a->n, b->n);
	assert_memory_equal(a->end, b->end, a->n * sizeof a->end[0]);
}

/* made by an implementation in Python that follows the header and nothing else */
static const size_t golden[] = { 23687, 46369, 120582, 33362,  45506, 85795, 23869, 62529,
	                         37511, 44397, 146904, 125847, 26134, 48650, 86419, 43657 };

static void assert_golden(struct chunker *c)
{
	struct cuts cuts;
	cut(&cuts, c, data, 1 << 20, 1 << 20);
	assert_int_equal(cuts.n, sizeof golden / sizeof golden[0]);
	for (size_t i = 0; i < cuts.n; i++)
		assert_int_equal(cuts.end[i] - (i ? cuts.end[i - 1] : 0), golden[i]);
}

static void cuts_are_as_frozen(void **state)
{
	(void)state;
	AUTO(chunker) c = chunker(key);
	assert_golden(c);
}

static void cuts_are_the_same_without_avx2(void **state)
{
	(void)state;
	struct cuts with, without;
	AUTO(chunker) c = chunker(key);
	cut(&with, c, data, DATA, DATA);
	chunker_reset(c);
	c->avx2 = false;
	cut(&without, c, data, DATA, DATA);
	assert_same(&with, &without);
	chunker_reset(c);
	assert_golden(c);
}

static void cuts_do_not_depend_on_how_the_stream_was_split(void **state)
{
	(void)state;
	static const size_t pieces[] = {
		1, 2, 3, 47, 48, 49, 63, 64, 65, 4095, 16383, 16384, 100003
	};
	struct cuts whole, split;
	AUTO(chunker) c = chunker(key);
	cut(&whole, c, data, 2 << 20, DATA);
	for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
		chunker_reset(c);
		cut(&split, c, data, 2 << 20, pieces[i]);
		assert_same(&whole, &split);
	}
}

static void a_reset_forgets_what_came_before(void **state)
{
	(void)state;
	AUTO(chunker) c = chunker(key);
	static const size_t before[] = { 1, 100, CHUNKER_MIN_BYTES - 1, CHUNKER_MIN_BYTES + 33 };
	for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
		chunker_scan(c, data + (3 << 20), before[i]);
		chunker_reset(c);
		assert_golden(c);
	}
}

static void sizes_keep_their_limits_and_average_64_kib(void **state)
{
	(void)state;
	struct cuts cuts;
	AUTO(chunker) c = chunker(key);
	cut(&cuts, c, data, DATA, DATA);
	size_t last = 0, below_avg = 0;
	for (size_t i = 0; i < cuts.n; last = cuts.end[i++]) {
		size_t size = cuts.end[i] - last;
		assert_in_range(size, CHUNKER_MIN_BYTES, CHUNKER_MAX_BYTES);
		below_avg += size < CHUNKER_AVG_BYTES;
	}
	/* 256 chunks whose deviation is 47 KiB: three standard errors are 9 KiB; of the geometric
	 * law 62 % are below the average */
	assert_in_range(last / cuts.n, 55 << 10, 73 << 10);
	assert_in_range(100 * below_avg / cuts.n, 53, 71);
}

static void cuts_find_themselves_again_after_an_insertion(void **state)
{
	(void)state;
	struct cuts plain, moved;
	AUTO(chunker) c = chunker(key);
	cut(&plain, c, data, DATA - 8, DATA);
	uint8_t *longer = malloc(DATA);
	assert_non_null(longer);
	enum { AT = 5 << 20, MORE = 5 };
	memcpy(longer, data, AT);
	memcpy(longer + AT, "extra", MORE);
	memcpy(longer + AT + MORE, data + AT, DATA - 8 - AT);
	chunker_reset(c);
	cut(&moved, c, longer, DATA - 8 + MORE, DATA);
	free(longer);

	size_t missing = 0;
	for (size_t i = 0, j = 0; i < plain.n; i++) {
		size_t expected = plain.end[i] <= AT ? plain.end[i] : plain.end[i] + MORE;
		while (j < moved.n && moved.end[j] < expected)
			j++;
		missing += j == moved.n || moved.end[j] != expected;
	}
	assert_true(plain.n > 200);
	assert_in_range(missing, 0, 20);
}

static void a_change_before_the_last_window_leaves_the_cut_alone(void **state)
{
	(void)state;
	AUTO(chunker) c = chunker(key);
	uint8_t *bytes = malloc(golden[0]);
	assert_non_null(bytes);
	memcpy(bytes, data, golden[0]);
	bytes[golden[0] - WINDOW - 1] ^= 1;
	assert_int_equal(chunker_scan(c, bytes, golden[0]), golden[0]);
	for (size_t back = 1; back <= WINDOW; back++) {
		memcpy(bytes, data, golden[0]);
		bytes[golden[0] - back] ^= 1;
		chunker_reset(c);
		assert_int_equal(chunker_scan(c, bytes, golden[0]), 0);
	}
	free(bytes);
}

static void the_minimum_itself_is_the_first_place_for_a_cut(void **state)
{
	(void)state;
	AUTO(chunker) c = chunker(key);
	/* bytes that are known to end a chunk, put where they end at the minimum or just before */
	const uint8_t *ending = data + golden[0] - WINDOW;
	for (size_t early = 0; early < 70; early++) {
		uint8_t bytes[CHUNKER_MIN_BYTES] = { 0 };
		memcpy(bytes + sizeof bytes - WINDOW - early, ending, WINDOW);
		for (size_t piece = 1; piece <= sizeof bytes; piece *= 2) {
			struct cuts cuts;
			chunker_reset(c);
			cut(&cuts, c, bytes, sizeof bytes, piece);
			assert_int_equal(cuts.n, early == 0);
		}
	}
}

static void other_keys_cut_elsewhere(void **state)
{
	(void)state;
	struct cuts a, b;
	uint8_t other[CHUNKER_KEY_BYTES];
	memcpy(other, key, sizeof other);
	other[31] ^= 1;
	AUTO(chunker) one = chunker(key);
	AUTO(chunker) two = chunker(other);
	cut(&a, one, data, DATA, DATA);
	cut(&b, two, data, DATA, DATA);
	size_t common = 0;
	for (size_t i = 0, j = 0; i < a.n; i++) {
		while (j < b.n && b.end[j] < a.end[i])
			j++;
		common += j < b.n && b.end[j] == a.end[i];
	}
	assert_in_range(common, 0, 2);
}

static void constant_data_is_cut_at_the_maximum(void **state)
{
	(void)state;
	struct cuts cuts;
	AUTO(chunker) c = chunker(key);
	uint8_t *constant = malloc(1 << 20);
	assert_non_null(constant);
	for (unsigned byte = 0; byte < 256; byte += 51) {
		memset(constant, (int)byte, 1 << 20);
		chunker_reset(c);
		cut(&cuts, c, constant, 1 << 20, 100000);
		assert_int_equal(cuts.n, 4);
		for (size_t i = 0; i < cuts.n; i++)
			assert_int_equal(cuts.end[i], (i + 1) * CHUNKER_MAX_BYTES);
	}
	free(constant);
}

static void less_than_a_chunk_is_no_cut(void **state)
{
	(void)state;
	AUTO(chunker) c = chunker(key);
	assert_int_equal(chunker_scan(c, data, 0), 0);
	assert_int_equal(chunker_scan(c, data, golden[0] - 1), 0);
	assert_int_equal(chunker_scan(c, NULL, 0), 0);
	assert_int_equal(chunker_scan(c, data + golden[0] - 1, 1), 1);
}

static void freeing_nothing_is_legal(void **state)
{
	(void)state;
	chunker_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_are_as_frozen),
		cmocka_unit_test(cuts_are_the_same_without_avx2),
		cmocka_unit_test(cuts_do_not_depend_on_how_the_stream_was_split),
		cmocka_unit_test(a_reset_forgets_what_came_before),
		cmocka_unit_test(sizes_keep_their_limits_and_average_64_kib),
		cmocka_unit_test(cuts_find_themselves_again_after_an_insertion),
		cmocka_unit_test(a_change_before_the_last_window_leaves_the_cut_alone),
		cmocka_unit_test(the_minimum_itself_is_the_first_place_for_a_cut),
		cmocka_unit_test(other_keys_cut_elsewhere),
		cmocka_unit_test(constant_data_is_cut_at_the_maximum),
		cmocka_unit_test(less_than_a_chunk_is_no_cut),
		cmocka_unit_test(freeing_nothing_is_legal),
	};
	return cmocka_run_group_tests(tests, start, finish);
}
