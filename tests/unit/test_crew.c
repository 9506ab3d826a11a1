/* Work shared by threads ends as if one had done it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdatomic.h>
#include <time.h>

#include "base/crew.h"
#include "holdfast/err.h"

enum { N = 400 };

struct deeds {
	atomic_uint done[N], now, most;
	uint64_t bad, worse;         /* fail; the worse one does it first */
};

static void rest(long us)
{
	nanosleep(&(struct timespec){ .tv_nsec = us * 1000 }, NULL);
}

static int work(void *arg, uint64_t number, struct err *err)
{
	struct deeds *d = arg;
	unsigned now = ++d->now, most = d->most;
	while (now > most && !atomic_compare_exchange_weak(&d->most, &most, now))
		;
	rest(number == d->bad ? 20000 : 200);
	d->done[number]++;
	d->now--;
	if (number == d->bad || number == d->worse)
		return err_set(err, ERR_IO, "number %d", (int)number);
	return 0;
}

static void every_number_is_done_once_by_no_more_threads_than_asked_for(void **state)
{
	struct deeds d = { .bad = N, .worse = N };
	struct err err;
	(void)state;
	assert_int_equal(crew_run(8, N, work, &d, &err), 0);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(d.done[i], 1);
	assert_in_range(d.most, 2, 8);
}

static void the_error_is_that_of_the_lowest_number_and_all_below_are_done(void **state)
{
	struct deeds d = { .bad = 100, .worse = 103 };
	struct err err;
	(void)state;
	assert_int_equal(crew_run(8, N, work, &d, &err), ERR_IO);
	assert_string_equal(err.msg, "number 100");
	for (size_t i = 0; i <= 103; i++)
		assert_int_equal(d.done[i], 1);
	assert_int_equal(d.done[N - 1], 0);
}

static void one_thread_goes_in_order_and_ends_at_the_error(void **state)
{
	struct deeds d = { .bad = 10, .worse = 20 };
	struct err err;
	(void)state;
	assert_int_equal(crew_run(crew_waiting(false), N, work, &d, &err), ERR_IO);
	assert_int_equal(d.most, 1);
	assert_int_equal(d.done[10], 1);
	assert_int_equal(d.done[11], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number_is_done_once_by_no_more_threads_than_asked_for),
		cmocka_unit_test(the_error_is_that_of_the_lowest_number_and_all_below_are_done),
		cmocka_unit_test(one_thread_goes_in_order_and_ends_at_the_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
