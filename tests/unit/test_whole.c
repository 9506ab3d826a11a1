/* engine/whole: packs in memory, in parts, no more than there is room for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "engine/whole.h"
#include "format/pack.h"
#include "holdfast/err.h"

enum { PACKS = 8, SHORT_SIZE = PACK_BYTES - 100, UNITS = 10 };

struct store {
	pthread_mutex_t lock;
	unsigned at_once, most_at_once, reads;
	unsigned company;             /* a read waits until so many are made at once, for 10 s at most */
	uint32_t highest;             /* pack that was read */
	uint32_t broken;              /* that cannot be read */
	uint32_t changing;            /* whose second part is of another copy */
};

#define CALM { .broken = UINT32_MAX, .changing = UINT32_MAX }

static struct head_pack list[PACKS];

static uint8_t byte_of(uint32_t pack, uint64_t offset)
{
	return (uint8_t)(pack * 31 + (offset >> 12) * 7 + 1);
}

static void note(struct store *s, uint32_t pack, int by)
{
	pthread_mutex_lock(&s->lock);
	s->at_once += (unsigned)by;
	s->reads += by > 0;
	if (s->at_once > s->most_at_once)
		s->most_at_once = s->at_once;
	if (pack > s->highest)
		s->highest = pack;
	pthread_mutex_unlock(&s->lock);
}

static void wait_for_company(struct store *s)
{
	for (int ms = 0; ms < 10000; ms += 10) {
		pthread_mutex_lock(&s->lock);
		bool met = s->most_at_once >= s->company;
		pthread_mutex_unlock(&s->lock);
		if (met)
			return;
		usleep(10000);
	}
}

static int read_pack(void *arg, uint32_t pack, uint64_t offset, void *out, size_t len, unsigned *copy,
                     struct err *err)
{
	struct store *s = arg;
	note(s, pack, 1);
	usleep(20000);
	wait_for_company(s);
	for (uint64_t at = offset; at < offset + len; at += 4096)
		((uint8_t *)out)[at - offset] = byte_of(pack, at);
	*copy = pack == s->changing && offset == WHOLE_PART_BYTES;
	note(s, pack, -1);
	return pack == s->broken ? err_set(err, ERR_UNREACHABLE, "pack %u: no", pack) : 0;
}

static struct whole *begin(struct store *s, bool remote)
{
	struct err err;
	static const uint32_t order[PACKS] = { 0, 1, 2, 3, 4, 5, 6, 7 };
	uint64_t units[PACKS];
	pthread_mutex_init(&s->lock, NULL);
	for (uint32_t i = 0; i < PACKS; i++) {
		list[i].size = SHORT_SIZE;
		units[i] = UNITS;
	}
	struct whole *w = whole_new(read_pack, s, list, PACKS, remote, &err);
	assert_non_null(w);
	assert_int_equal(whole_plan(w, order, units, PACKS, &err), 0);
	return w;
}

static void assert_pack(struct whole *w, uint32_t pack)
{
	const uint8_t *memory;
	unsigned copy;
	struct err err;
	assert_int_equal(whole_pin(w, pack, &memory, &copy, &err), 0);
	assert_non_null(memory);
	for (uint32_t at = 0; at < SHORT_SIZE; at += 4096)
		assert_int_equal(memory[at], byte_of(pack, at));
	whole_unpin(w, pack);
}

static void packs_come_whole(bool remote, unsigned reads_each)
{
	struct store s = CALM;
	struct whole *w = begin(&s, remote);
	for (uint32_t i = 0; i < PACKS; i++) {
		assert_pack(w, i);
		whole_consumed(w, i, UNITS);
	}
	whole_free(w);
	assert_int_equal(s.reads, PACKS * reads_each);
}

static void packs_come_whole_from_a_disk(void **state)
{
	(void)state;
	packs_come_whole(false, 1);
}

static void packs_come_whole_in_parts_over_a_network(void **state)
{
	(void)state;
	packs_come_whole(true, PACK_BYTES / WHOLE_PART_BYTES);
}

static void all_parts_that_have_room_are_asked_for_at_once(void **state)
{
	struct store s = CALM;
	(void)state;
	s.company = WHOLE_MAX * (PACK_BYTES / WHOLE_PART_BYTES);
	struct whole *w = begin(&s, true);
	assert_pack(w, 0);
	assert_pack(w, 1);
	assert_pack(w, 2);
	usleep(100000);
	assert_int_equal(s.most_at_once, s.company);
	assert_int_equal(s.highest, WHOLE_MAX - 1);   /* nothing was consumed: there is no more room */
	whole_consumed(w, 1, UNITS);
	assert_pack(w, WHOLE_MAX);
	whole_free(w);
}

static void a_pack_stays_until_it_is_consumed(void **state)
{
	struct store s = CALM;
	(void)state;
	struct whole *w = begin(&s, true);
	for (uint32_t i = 0; i < WHOLE_MAX; i++)
		assert_pack(w, i);
	whole_consumed(w, 0, UNITS - 1);
	assert_pack(w, 0);
	whole_consumed(w, 0, 1);
	assert_pack(w, WHOLE_MAX);
	whole_free(w);
}

static void what_has_no_room_is_not_waited_for(void **state)
{
	struct store s = CALM;
	const uint8_t *memory;
	unsigned copy;
	struct err err;
	(void)state;
	struct whole *w = begin(&s, true);
	for (uint32_t i = 0; i < WHOLE_MAX; i++)
		assert_pack(w, i);
	assert_int_equal(whole_pin(w, PACKS - 1, &memory, &copy, &err), 0);
	assert_null(memory);
	whole_free(w);
}

static void a_pack_of_two_copies_is_no_pack(void **state)
{
	struct store s = CALM;
	const uint8_t *memory;
	unsigned copy;
	struct err err;
	(void)state;
	s.changing = 2;
	struct whole *w = begin(&s, true);
	assert_pack(w, 0);
	assert_pack(w, 1);
	assert_int_equal(whole_pin(w, 2, &memory, &copy, &err), 0);
	assert_null(memory);
	whole_free(w);
}

static void the_first_failure_is_told_to_all(void **state)
{
	struct store s = CALM;
	const uint8_t *memory;
	unsigned copy;
	struct err err;
	(void)state;
	s.broken = 1;
	struct whole *w = begin(&s, true);
	assert_int_equal(whole_pin(w, 1, &memory, &copy, &err), ERR_UNREACHABLE);
	assert_string_equal(err.msg, "pack 1: no");
	assert_int_equal(whole_pin(w, 5, &memory, &copy, &err), ERR_UNREACHABLE);
	whole_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packs_come_whole_from_a_disk),
		cmocka_unit_test(packs_come_whole_in_parts_over_a_network),
		cmocka_unit_test(all_parts_that_have_room_are_asked_for_at_once),
		cmocka_unit_test(a_pack_stays_until_it_is_consumed),
		cmocka_unit_test(what_has_no_room_is_not_waited_for),
		cmocka_unit_test(a_pack_of_two_copies_is_no_pack),
		cmocka_unit_test(the_first_failure_is_told_to_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
