#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/fold.h"
#include "holdfast/err.h"

enum { BLOCKS = 5000, THREADS = 4 };

static struct sum_keys keys;

static void leaf_of(uint8_t leaf[SUM_BYTES], uint64_t block)
{
	hash_labelled(leaf, SUM_BYTES, "hf1.test", NULL, 0, &block, sizeof block);
}

static void in_order(uint8_t sum[SUM_BYTES], uint64_t blocks, uint64_t length)
{
	struct sum_fold f;
	uint8_t leaf[SUM_BYTES];
	sum_begin(&f, 3, 4096, 512, &keys);
	for (uint64_t b = 0; b < blocks; b++) {
		leaf_of(leaf, b);
		sum_add(&f, leaf);
	}
	sum_end(&f, length, sum);
}

struct crew {
	struct fold *fold;
	atomic_uint_least64_t next;
	atomic_uint stopped;
	uint64_t slow;           /* the block that takes long */
};

static void *work(void *arg)
{
	struct crew *c = arg;
	uint8_t leaf[SUM_BYTES];
	for (uint64_t b; (b = atomic_fetch_add(&c->next, 1)) < BLOCKS;) {
		leaf_of(leaf, b);
		if (b == c->slow)
			nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
		if (!fold_put(c->fold, b, leaf)) {
			atomic_fetch_add(&c->stopped, 1);
			break;
		}
	}
	return NULL;
}

static void run(struct crew *c)
{
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, c), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void blocks_of_four_threads_are_folded_in_order(void **state)
{
	(void)state;
	struct err err;
	uint8_t sum[SUM_BYTES], want[SUM_BYTES];
	AUTO(fold) f = fold_new(&err);
	assert_non_null(f);
	in_order(want, BLOCKS, 12345);
	/* the second file begins where the first left nothing behind; a slow block makes others wait */
	for (unsigned round = 0; round < 3; round++) {
		struct crew c = { .fold = f, .slow = round * 100 };
		fold_begin(f, 3, 4096, 512, &keys);
		run(&c);
		fold_end(f, 12345, sum);
		assert_memory_equal(sum, want, SUM_BYTES);
		assert_int_equal(c.stopped, 0);
	}
}

static void any_order_within_the_window_gives_the_same_sum(void **state)
{
	(void)state;
	struct err err;
	uint8_t sum[SUM_BYTES], want[SUM_BYTES], leaf[SUM_BYTES];
	AUTO(fold) f = fold_new(&err);
	fold_begin(f, 3, 4096, 512, &keys);
	for (uint64_t b = 1000; b-- > 0;) {
		leaf_of(leaf, b);
		assert_true(fold_put(f, b, leaf));
	}
	fold_end(f, 7, sum);
	in_order(want, 1000, 7);
	assert_memory_equal(sum, want, SUM_BYTES);
}

static void no_blocks_are_a_sum_too(void **state)
{
	(void)state;
	struct err err;
	uint8_t sum[SUM_BYTES], want[SUM_BYTES];
	AUTO(fold) f = fold_new(&err);
	fold_begin(f, 3, 4096, 512, &keys);
	fold_end(f, 0, sum);
	in_order(want, 0, 0);
	assert_memory_equal(sum, want, SUM_BYTES);
}

static void *put_far_ahead(void *arg)
{
	static bool went;
	uint8_t leaf[SUM_BYTES] = { 0 };
	went = fold_put(arg, 100000, leaf);
	return &went;
}

static void stopping_wakes_who_is_far_ahead(void **state)
{
	(void)state;
	struct err err;
	pthread_t thread;
	void *went;
	uint8_t leaf[SUM_BYTES] = { 0 };
	AUTO(fold) f = fold_new(&err);
	fold_begin(f, 3, 4096, 512, &keys);
	assert_int_equal(pthread_create(&thread, NULL, put_far_ahead, f), 0);
	nanosleep(&(struct timespec){ 0, 30000000 }, NULL);
	fold_stop(f);
	pthread_join(thread, &went);
	assert_false(*(bool *)went);
	assert_false(fold_put(f, 0, leaf));
	fold_begin(f, 3, 4096, 512, &keys);
	assert_true(fold_put(f, 0, leaf));
}

static void freeing_nothing_is_legal(void **state)
{
	(void)state;
	fold_free(NULL);
}

int main(void)
{
	crypto_start();
	static const uint8_t page_key[SUM_KEY_BYTES] = { 1 };
	sum_keys_derive(&keys, page_key);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_of_four_threads_are_folded_in_order),
		cmocka_unit_test(any_order_within_the_window_gives_the_same_sum),
		cmocka_unit_test(no_blocks_are_a_sum_too),
		cmocka_unit_test(stopping_wakes_who_is_far_ahead),
		cmocka_unit_test(freeing_nothing_is_legal),
	};
	return cmocka_run_group_tests_name("fold", tests, NULL, NULL);
}
