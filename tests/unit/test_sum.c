#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "format/sum.h"

enum { LEN = SUM_BLOCK_BYTES + 1000, UNIT = 512, TAGS = LEN / UNIT + 1 };

struct sample {
	struct sum_keys keys;
	uint8_t data[LEN], tags[TAGS * SUM_TAG_BYTES];
};

static int set_up(void **state)
{
	uint8_t page_key[SUM_KEY_BYTES];
	struct sample *s = malloc(sizeof *s);
	assert_non_null(s);
	for (size_t i = 0; i < sizeof page_key; i++)
		page_key[i] = (uint8_t)i;
	for (size_t i = 0; i < LEN; i++)
		s->data[i] = (uint8_t)(i * 7 + i / 256);
	sum_keys_derive(&s->keys, page_key);
	sum_tags(s->tags, s->data, LEN, UNIT, &s->keys);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static void file_sum(uint8_t sum[SUM_BYTES], const struct sample *s, uint32_t file, uint32_t page,
                     size_t len)
{
	struct sum_fold fold;
	uint8_t leaf[SUM_BYTES];
	size_t per_block = SUM_BLOCK_BYTES / UNIT, tags = (len + UNIT - 1) / UNIT;
	sum_begin(&fold, file, page, UNIT, &s->keys);
	for (size_t b = 0; b * per_block < tags; b++) {
		size_t n = tags - b * per_block < per_block ? tags - b * per_block : per_block;
		sum_leaf(leaf, b, s->tags + b * per_block * SUM_TAG_BYTES, n, &s->keys);
		sum_add(&fold, leaf);
	}
	sum_end(&fold, len, sum);
}

static void assert_hex(const void *data, size_t len, const char *hex)
{
	char text[129];
	assert_string_equal(hex_encode(text, data, len), hex);
}

/* Values of another implementation, after the formulas of FORMAT.md. */
static void golden_values_hold(void **state)
{
	const struct sample *s = *state;
	uint8_t sum[SUM_BYTES];
	assert_hex(s->keys.tag, 32, "0af504e8ce2d30efcca8bf5508307a6328fb8d73fecf05458cb24ae43b5b07d4");
	assert_hex(s->keys.sum, 32, "6f2b9c14a6324c6ef4a375912652f15175bc8f763503954cb70a015a18bd6af6");
	assert_hex(s->keys.chunk, 32, "79e30fdc2f5acdcee063e924a75deaaa800d5a892752bd0b9733549ed5098628");
	assert_hex(s->tags, 16, "325babc8c50a95985e84c8d82459170e");
	assert_hex(s->tags + (TAGS - 1) * SUM_TAG_BYTES, 16, "4f7791db4ae5949de1dde6d29d61f739");
	file_sum(sum, s, 7, 4096, LEN);
	assert_hex(sum, 32, "f46974efd10946fe74f6ab2a124c81a4450f63e8ec19fcd3d2ea65444fe60d1c");
	file_sum(sum, s, 7, 4096, 0);
	assert_hex(sum, 32, "88f77051ed761a5e415d26ca276c4f4eacb58b7706ef99c8e7603ddd9c091c2e");
}

static void a_tag_covers_its_unit_and_no_more(void **state)
{
	struct sample *s = *state;
	uint8_t tags[TAGS * SUM_TAG_BYTES];
	static const size_t at[] = { 0, UNIT - 1, UNIT, 100000, LEN - 1 };
	for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
		s->data[at[i]] ^= 1;
		sum_tags(tags, s->data, LEN, UNIT, &s->keys);
		s->data[at[i]] ^= 1;
		for (size_t t = 0; t < TAGS; t++) {
			size_t tag = t * SUM_TAG_BYTES;
			int differs = memcmp(tags + tag, s->tags + tag, SUM_TAG_BYTES);
			assert_int_equal(differs != 0, t == at[i] / UNIT);
		}
	}
}

static void a_short_unit_is_not_one_with_zeros_behind(void **state)
{
	const struct sample *s = *state;
	static const uint8_t zeros[UNIT];
	uint8_t whole[SUM_TAG_BYTES], shorter[SUM_TAG_BYTES];
	sum_tags(whole, zeros, UNIT, UNIT, &s->keys);
	sum_tags(shorter, zeros, UNIT - 1, UNIT, &s->keys);
	assert_memory_not_equal(whole, shorter, SUM_TAG_BYTES);
}

static void no_bytes_have_no_tags(void **state)
{
	const struct sample *s = *state;
	uint8_t tag[SUM_TAG_BYTES] = { 9 };
	sum_tags(tag, s->data, 0, UNIT, &s->keys);
	assert_int_equal(tag[0], 9);
}

static void a_sum_depends_on_everything_it_names(void **state)
{
	struct sample *s = *state;
	uint8_t sum[SUM_BYTES], other[SUM_BYTES];
	file_sum(sum, s, 7, 4096, LEN);
	file_sum(other, s, 8, 4096, LEN);
	assert_memory_not_equal(sum, other, SUM_BYTES);
	file_sum(other, s, 7, 8192, LEN);
	assert_memory_not_equal(sum, other, SUM_BYTES);
	file_sum(other, s, 7, 4096, LEN - 1);   /* same number of units */
	assert_memory_not_equal(sum, other, SUM_BYTES);
	s->tags[LEN / UNIT * SUM_TAG_BYTES] ^= 1;
	file_sum(other, s, 7, 4096, LEN);
	assert_memory_not_equal(sum, other, SUM_BYTES);
}

static void a_block_cannot_take_the_place_of_another(void **state)
{
	const struct sample *s = *state;
	uint8_t leaf[SUM_BYTES], other[SUM_BYTES];
	sum_leaf(leaf, 0, s->tags, 4, &s->keys);
	sum_leaf(other, 1, s->tags, 4, &s->keys);
	assert_memory_not_equal(leaf, other, SUM_BYTES);
	sum_leaf(other, 0, s->tags, 3, &s->keys);
	assert_memory_not_equal(leaf, other, SUM_BYTES);
}

int main(void)
{
	crypto_start();
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(golden_values_hold),
		TEST(a_tag_covers_its_unit_and_no_more),
		TEST(a_short_unit_is_not_one_with_zeros_behind),
		TEST(no_bytes_have_no_tags),
		TEST(a_sum_depends_on_everything_it_names),
		TEST(a_block_cannot_take_the_place_of_another),
	};
	return cmocka_run_group_tests_name("sum", tests, NULL, NULL);
}
