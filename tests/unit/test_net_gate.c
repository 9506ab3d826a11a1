/* net_gate with threads that move bytes as a network would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "../../backends/net_gate.h"
#include "holdfast/err.h"

enum { THREADS = 24, CALL_MS = 20, CALL_BYTES = 1 << 20 };

struct users {
	struct net_gate *gate;
	atomic_uint inside, most_inside;
	atomic_uint_least64_t moved;
	atomic_bool end;
	unsigned least_width, most_width;
};

static void rest_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

static void *use(void *arg)
{
	struct users *u = arg;
	while (!atomic_load(&u->end)) {
		net_gate_enter(u->gate);
		unsigned n = atomic_fetch_add(&u->inside, 1) + 1;
		for (unsigned most = atomic_load(&u->most_inside);
		     n > most && !atomic_compare_exchange_weak(&u->most_inside, &most, n);)
			;
		rest_ms(CALL_MS);
		uint64_t moved = atomic_fetch_add(&u->moved, CALL_BYTES) + CALL_BYTES;
		atomic_fetch_sub(&u->inside, 1);
		net_gate_leave(u->gate, moved);
	}
	return NULL;
}

static void look(struct users *u)
{
	unsigned width = net_gate_width(u->gate);
	u->least_width = width < u->least_width ? width : u->least_width;
	u->most_width = width > u->most_width ? width : u->most_width;
}

/* The width at the end. */
static unsigned run(struct users *u, unsigned fixed, unsigned threads, unsigned ms)
{
	struct err err;
	pthread_t ids[THREADS];
	*u = (struct users){ .gate = net_gate_new(fixed, &err), .least_width = UINT32_MAX };
	assert_non_null(u->gate);
	for (unsigned i = 0; i < threads; i++)
		assert_int_equal(pthread_create(&ids[i], NULL, use, u), 0);
	for (unsigned at = 0; at < ms; at += 50) {
		rest_ms(50);
		look(u);
	}
	atomic_store(&u->end, true);
	for (unsigned i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	unsigned width = net_gate_width(u->gate);
	net_gate_free(u->gate);
	return width;
}

static void a_fixed_number_stays(void **state)
{
	struct users u;
	(void)state;
	assert_int_equal(run(&u, 3, THREADS, 1500), 3);
	assert_int_equal(u.most_inside, 3);
}

static void it_grows_where_more_calls_move_more(void **state)
{
	struct users u;
	(void)state;
	assert_in_range(run(&u, 0, THREADS, 3000), NET_GATE_AUTO_FIRST + 1, NET_GATE_AUTO_MOST);
	assert_in_range(u.most_inside, NET_GATE_AUTO_FIRST + 1, NET_GATE_AUTO_MOST);
}

static void it_learns_nothing_from_callers_that_do_not_fill_it(void **state)
{
	struct users u;
	(void)state;
	run(&u, 0, NET_GATE_AUTO_FIRST - 1, 2500);
	assert_int_equal(u.least_width, NET_GATE_AUTO_FIRST);
	assert_int_equal(u.most_width, NET_GATE_AUTO_FIRST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fixed_number_stays),
		cmocka_unit_test(it_grows_where_more_calls_move_more),
		cmocka_unit_test(it_learns_nothing_from_callers_that_do_not_fill_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
