/* engine/ends: both ends of packs come ahead, and once. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/ends.h"
#include "format/pack.h"
#include "holdfast/err.h"

enum { PACKS = 60, SIZE = 1 << 20 };

struct store {
	pthread_mutex_t lock;
	unsigned headers[PACKS], tails[PACKS];   /* how often each was read */
	unsigned at_once, most_at_once;
	uint32_t broken;                         /* a pack that cannot be read */
};

static struct head_pack list[PACKS];

static uint8_t byte_of(uint32_t pack, uint64_t offset)
{
	return (uint8_t)(pack * 7 + offset * 13);
}

static int read_pack(void *arg, uint32_t pack, uint64_t offset, void *out, size_t cap, size_t *len,
                     struct err *err)
{
	struct store *s = arg;
	pthread_mutex_lock(&s->lock);
	(offset == 0 ? s->headers : s->tails)[pack]++;
	if (++s->at_once > s->most_at_once)
		s->most_at_once = s->at_once;
	pthread_mutex_unlock(&s->lock);
	usleep(2000);
	for (size_t i = 0; i < cap; i++)
		((uint8_t *)out)[i] = byte_of(pack, offset + i);
	*len = cap;
	pthread_mutex_lock(&s->lock);
	s->at_once--;
	pthread_mutex_unlock(&s->lock);
	return pack == s->broken ? err_set(err, ERR_UNREACHABLE, "no") : 0;
}

static struct ends *begin(struct store *s)
{
	*s = (struct store){ .broken = UINT32_MAX };
	pthread_mutex_init(&s->lock, NULL);
	for (uint32_t i = 0; i < PACKS; i++)
		list[i].size = SIZE;
	struct ends *e = ends_new(read_pack, s, list, PACKS);
	assert_non_null(e);
	return e;
}

static void take_both(struct ends *e, uint32_t pack)
{
	uint8_t header[PACK_HEADER_BYTES], tail[1000];
	assert_true(ends_header(e, pack, header, sizeof header));
	assert_true(ends_tail(e, pack, tail, sizeof tail));
	for (size_t i = 0; i < sizeof header; i++)
		assert_int_equal(header[i], byte_of(pack, i));
	for (size_t i = 0; i < sizeof tail; i++)
		assert_int_equal(tail[i], byte_of(pack, SIZE - sizeof tail + i));
}

static void assert_each_once(const struct store *s)
{
	for (uint32_t i = 0; i < PACKS; i++) {
		assert_int_equal(s->headers[i], 1);
		assert_int_equal(s->tails[i], 1);
	}
}

static void upwards_every_end_is_read_once(void **state)
{
	struct store s;
	(void)state;
	struct ends *e = begin(&s);
	for (uint32_t i = 0; i < PACKS; i++)
		take_both(e, i);
	ends_free(e);
	assert_each_once(&s);
}

static void downwards_every_end_is_read_once(void **state)
{
	struct store s;
	(void)state;
	struct ends *e = begin(&s);
	for (uint32_t i = PACKS; i-- > 0;)
		take_both(e, i);
	ends_free(e);
	assert_each_once(&s);
}

static void many_ends_are_asked_for_at_once(void **state)
{
	struct store s;
	(void)state;
	struct ends *e = begin(&s);
	take_both(e, 0);
	ends_free(e);
	assert_in_range(s.most_at_once, 8, 64);
}

static void what_cannot_be_read_is_left_to_the_caller(void **state)
{
	struct store s;
	uint8_t header[PACK_HEADER_BYTES];
	(void)state;
	struct ends *e = begin(&s);
	s.broken = 5;
	for (uint32_t i = 0; i < 5; i++)
		take_both(e, i);
	assert_false(ends_header(e, 5, header, sizeof header));
	take_both(e, 6);
	ends_free(e);
}

/* It may have been damaged: then another copy of it is read. */
static void what_was_taken_is_read_anew(void **state)
{
	struct store s;
	(void)state;
	struct ends *e = begin(&s);
	take_both(e, PACKS - 1);
	take_both(e, PACKS - 1);
	ends_free(e);
	assert_int_equal(s.headers[PACKS - 1], 2);
	assert_int_equal(s.tails[PACKS - 1], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(upwards_every_end_is_read_once),
		cmocka_unit_test(downwards_every_end_is_read_once),
		cmocka_unit_test(many_ends_are_asked_for_at_once),
		cmocka_unit_test(what_was_taken_is_read_anew),
		cmocka_unit_test(what_cannot_be_read_is_left_to_the_caller),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
