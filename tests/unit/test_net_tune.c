/* net_tune against networks that are one line of arithmetic each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../backends/net_tune.h"

enum { FIRST = 4, LEAST = 2, MOST = 16, SECOND = 1000000000, SAMPLES = 200 };

typedef double network(unsigned connections);   /* bytes a second */

static double least_of(double a, double b)
{
	return a < b ? a : b;
}

static double far(unsigned n) { return n * 10e6; }
static double far_and_narrow(unsigned n) { return least_of(n * 10e6, 95e6); }
static double near(unsigned n) { return n >= 4 ? 500e6 : n * 125e6; }
static double one_is_enough(unsigned n) { return n ? 100e6 : 0; }
static double chokes(unsigned n) { return n <= 6 ? n * 20e6 : 120e6 - (n - 6) * 15e6; }

static unsigned most_seen, least_seen;

static unsigned run(struct net_tune *t, network *net, unsigned samples)
{
	double sum = 0;
	for (unsigned i = 0; i < samples; i++) {
		most_seen = t->now > most_seen ? t->now : most_seen;
		least_seen = t->now < least_seen ? t->now : least_seen;
		sum += t->now;
		net_tune_sample(t, (uint64_t)net(t->now), SECOND);
	}
	return (unsigned)(sum / samples + 0.5);
}

static struct net_tune begin(void)
{
	struct net_tune t;
	net_tune_begin(&t, FIRST, LEAST, MOST);
	most_seen = 0;
	least_seen = MOST;
	return t;
}

static void behind_a_long_way_it_grows_to_the_most_within_four_samples(void **state)
{
	(void)state;
	struct net_tune t = begin();
	run(&t, far, 4);
	assert_int_equal(t.now, MOST);
	assert_in_range(run(&t, far, SAMPLES), 14, MOST);
	assert_int_equal(most_seen, MOST);
}

static void it_stops_growing_where_the_line_is_full(void **state)
{
	(void)state;
	struct net_tune t = begin();
	run(&t, far_and_narrow, 20);
	assert_in_range(run(&t, far_and_narrow, SAMPLES), 9, 12);
}

static void what_is_enough_stays(void **state)
{
	(void)state;
	struct net_tune t = begin();
	run(&t, near, 20);
	assert_in_range(run(&t, near, SAMPLES), 4, 5);
}

static void it_shrinks_to_two_and_never_below(void **state)
{
	(void)state;
	struct net_tune t = begin();
	run(&t, one_is_enough, SAMPLES);
	assert_in_range(run(&t, one_is_enough, SAMPLES), 2, 3);
	assert_int_equal(least_seen, LEAST);
}

static void it_turns_back_where_more_is_less(void **state)
{
	(void)state;
	struct net_tune t = begin();
	run(&t, chokes, 20);
	assert_in_range(run(&t, chokes, SAMPLES), 5, 7);
	assert_in_range(most_seen, 6, 9);
}

static void it_follows_a_network_that_changes(void **state)
{
	(void)state;
	struct net_tune t = begin();
	run(&t, one_is_enough, SAMPLES);
	run(&t, far, SAMPLES);
	assert_in_range(run(&t, far, SAMPLES), 12, MOST);
	run(&t, one_is_enough, 3 * SAMPLES);
	assert_in_range(run(&t, one_is_enough, SAMPLES), 2, 4);
}

static void a_trial_that_failed_is_repeated_more_seldom(void **state)
{
	(void)state;
	struct net_tune t = begin();
	unsigned changes[2] = { 0, 0 };
	for (unsigned half = 0; half < 2; half++)
		for (unsigned i = 0; i < SAMPLES; i++) {
			unsigned was = t.now;
			changes[half] += net_tune_sample(&t, (uint64_t)near(was), SECOND) != was;
		}
	assert_true(changes[1] > 0);
	assert_true(changes[1] * 2 <= changes[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(behind_a_long_way_it_grows_to_the_most_within_four_samples),
		cmocka_unit_test(it_stops_growing_where_the_line_is_full),
		cmocka_unit_test(what_is_enough_stays),
		cmocka_unit_test(it_shrinks_to_two_and_never_below),
		cmocka_unit_test(it_turns_back_where_more_is_less),
		cmocka_unit_test(it_follows_a_network_that_changes),
		cmocka_unit_test(a_trial_that_failed_is_repeated_more_seldom),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
