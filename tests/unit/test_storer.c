/* Chunks, found or counted; without a packer, so that only what the storer itself does is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"
#include "engine/packuse.h"
#include "engine/storer.h"
#include "format/chunker.h"
#include "holdfast/err.h"
#include "vault/chunkindex.h"

enum { MIB = 1 << 20, SERIAL = 9, FILES_MAX = 64 };

struct lab {
	struct chunkindex *index;
	struct packuse *packs;
	struct storer *storer;
	pthread_mutex_t lock;
	struct placing_file files[FILES_MAX];
	unsigned n, placed;
	int refuse;                      /* error for the callback to return */
	struct err err;
};

static const uint8_t key[32] = { 3 };

static int placed(void *arg, struct placing_file *file, struct err *err)
{
	struct lab *l = arg;
	(void)file;
	l->placed++;
	return l->refuse ? err_set(err, (enum err_code)l->refuse, "refused") : 0;
}

static void begin(struct lab *l, unsigned workers)
{
	*l = (struct lab){ 0 };
	pthread_mutex_init(&l->lock, NULL);
	l->index = chunkindex_open("", CHUNKINDEX_TEMPORARY, key, &l->err);
	l->packs = packuse_new(&l->err);
	assert_non_null(l->index);
	assert_non_null(l->packs);
	const struct storer_options o = {
		.index = l->index, .packs = l->packs, .key = key, .lock = &l->lock,
		.first_serial = SERIAL, .workers = workers, .check_every = 16, .placed = placed, .arg = l,
	};
	l->storer = storer_new(&o, &l->err);
	assert_non_null(l->storer);
}

static void end(struct lab *l)
{
	storer_free(l->storer);
	for (unsigned i = 0; i < l->n; i++)
		free(l->files[i].extents);
	chunkindex_free(l->index);
	packuse_free(l->packs);
	pthread_mutex_destroy(&l->lock);
}

static struct placing_file *put(struct lab *l, const uint8_t *bytes, size_t len)
{
	struct placing_file *f = &l->files[l->n++];
	for (size_t n; len > 0; bytes += n, len -= n) {
		uint8_t *to = storer_room(l->storer, &l->err);
		if (!to)
			return NULL;
		n = len < STORER_READ_BYTES ? len : STORER_READ_BYTES;
		memcpy(to, bytes, n);
		storer_feed(l->storer, f, n);
	}
	return storer_close(l->storer, f, &l->err) == 0 ? f : NULL;
}

static uint8_t *noise(size_t len, uint64_t x)
{
	uint8_t *bytes = calloc(1, len + 8);
	assert_non_null(bytes);
	for (size_t i = 0; i < len; i += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(bytes + i, &x, 8);
	}
	return bytes;
}

static uint64_t covered(const struct placing_file *f)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < f->n; i++)
		sum += f->extents[i].length;
	return sum;
}

static void counts(const struct lab *l, uint64_t changed, uint64_t evacuated)
{
	uint64_t c, e;
	storer_counts(l->storer, &c, &e);
	assert_int_equal(c, changed);
	assert_int_equal(e, evacuated);
}

static void with_workers(void (*test)(unsigned workers))
{
	test(1);
	test(4);
}

/* The chunks are those of the chunker over the file alone, however files share jobs. */
static void cut(unsigned workers)
{
	static const size_t sizes[] = { 1, 100, 5 * MIB + 7, 16 << 10, 0, 256 << 10, MIB, 3 };
	struct lab l;
	begin(&l, workers);
	uint8_t *bytes = noise(6 * MIB, 5);
	struct chunker *c = chunker_new(key, &l.err);
	assert_non_null(c);
	for (size_t i = 0; i < 8; i++)
		assert_non_null(put(&l, bytes + i, sizes[i]));
	assert_int_equal(storer_flush(l.storer, &l.err), 0);
	assert_int_equal(l.placed, 8);
	for (size_t i = 0; i < 8; i++) {
		size_t at = 0;
		for (uint32_t k = 0; k < l.files[i].n; k++) {
			size_t n = chunker_scan(c, bytes + i + at, sizes[i] - at);
			n = n ? n : sizes[i] - at;
			assert_int_equal(l.files[i].extents[k].length, n);
			assert_int_equal(l.files[i].extents[k].serial, SERIAL);
			at += n;
		}
		assert_int_equal(at, sizes[i]);
		chunker_reset(c);
	}
	chunker_free(c);
	free(bytes);
	end(&l);
}

static void files_are_cut_as_if_each_were_alone(void **state)
{
	(void)state;
	with_workers(cut);
}

static void share(unsigned workers)
{
	struct lab l;
	begin(&l, workers);
	uint8_t *bytes = noise(4 * MIB, 6);
	for (int i = 0; i < 20; i++)
		assert_non_null(put(&l, bytes, 4 * MIB));
	assert_int_equal(storer_flush(l.storer, &l.err), 0);
	assert_int_equal(l.placed, 20);
	counts(&l, 4 * MIB, 0);
	for (unsigned i = 1; i < l.n; i++) {
		assert_int_equal(l.files[i].n, l.files[0].n);
		assert_memory_equal(l.files[i].extents, l.files[0].extents,
		                    l.files[0].n * sizeof *l.files[0].extents);
	}
	/* what is in the index is found as well as what is pending */
	assert_non_null(put(&l, bytes, 4 * MIB));
	assert_int_equal(storer_flush(l.storer, &l.err), 0);
	counts(&l, 4 * MIB, 0);
	free(bytes);
	end(&l);
}

static void equal_chunks_have_one_place(void **state)
{
	(void)state;
	with_workers(share);
}

static void evacuate(unsigned workers)
{
	struct lab l;
	begin(&l, workers);
	uint8_t *bytes = noise(2 * MIB, 7);
	assert_non_null(put(&l, bytes, 2 * MIB));
	assert_int_equal(storer_flush(l.storer, &l.err), 0);
	packuse_find(l.packs, SERIAL)->evacuate = true;
	assert_non_null(put(&l, bytes, 2 * MIB));
	assert_int_equal(storer_flush(l.storer, &l.err), 0);
	counts(&l, 2 * MIB, 2 * MIB);
	free(bytes);
	end(&l);
}

static void chunks_of_packs_to_be_emptied_are_stored_again(void **state)
{
	(void)state;
	with_workers(evacuate);
}

static void lose(unsigned workers)
{
	struct lab l;
	begin(&l, workers);
	uint8_t *bytes = noise(MIB, 8);
	assert_non_null(put(&l, bytes, MIB));
	assert_int_equal(storer_flush(l.storer, &l.err), 0);
	packuse_find(l.packs, SERIAL)->serial = SERIAL + 1;
	assert_non_null(put(&l, bytes, MIB));
	assert_int_equal(storer_flush(l.storer, &l.err), 0);
	counts(&l, 2 * MIB, 0);
	free(bytes);
	end(&l);
}

static void chunks_of_packs_that_do_not_count_are_stored_again(void **state)
{
	(void)state;
	with_workers(lose);
}

static void zeros(unsigned workers)
{
	struct lab l;
	begin(&l, workers);
	uint8_t *bytes = calloc(1, 4 * MIB);
	assert_non_null(bytes);
	const struct placing_file *f = put(&l, bytes, 4 * MIB);
	assert_non_null(f);
	assert_int_equal(storer_flush(l.storer, &l.err), 0);
	assert_int_equal(covered(f), 4 * MIB);
	for (uint32_t i = 0; i < f->n; i++)
		assert_int_equal(f->extents[i].serial, 0);
	counts(&l, 0, 0);
	free(bytes);
	end(&l);
}

static void chunks_of_zeros_lie_nowhere(void **state)
{
	(void)state;
	with_workers(zeros);
}

static void refuse(unsigned workers)
{
	struct lab l;
	begin(&l, workers);
	uint8_t *bytes = noise(8 * MIB, 9);
	l.refuse = ERR_IO;
	struct placing_file *f = &l.files[0];
	for (int i = 0; f && i < 10; i++)
		f = put(&l, bytes + i, 8 * MIB - 10);
	assert_int_equal(storer_flush(l.storer, &l.err), ERR_IO);
	assert_string_equal(l.err.msg, "refused");
	free(bytes);
	end(&l);
}

static void an_error_in_any_thread_ends_it(void **state)
{
	(void)state;
	with_workers(refuse);
}

static void abandon(unsigned workers)
{
	struct lab l;
	begin(&l, workers);
	uint8_t *bytes = noise(8 * MIB, 9);
	assert_non_null(put(&l, bytes, 8 * MIB));
	storer_stop(l.storer);
	storer_stop(l.storer);
	free(bytes);
	end(&l);
}

static void stopping_midway_leaks_nothing(void **state)
{
	(void)state;
	with_workers(abandon);
}

static int start(void **state)
{
	(void)state;
	return crypto_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_cut_as_if_each_were_alone),
		cmocka_unit_test(equal_chunks_have_one_place),
		cmocka_unit_test(chunks_of_packs_to_be_emptied_are_stored_again),
		cmocka_unit_test(chunks_of_packs_that_do_not_count_are_stored_again),
		cmocka_unit_test(chunks_of_zeros_lie_nowhere),
		cmocka_unit_test(an_error_in_any_thread_ends_it),
		cmocka_unit_test(stopping_midway_leaks_nothing),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
