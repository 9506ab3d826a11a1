#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../backends/faulty.h"
#include "../../backends/memory.h"
#include "holdfast/err.h"
#include "scratch.h"
#include "vault/storage.h"

static struct err err;

static int set_up(void **state)
{
	(void)state;
	memory_forget("x");
	return 0;
}

static struct backend *open_fresh(const char *url)
{
	struct backend *b = storage_open(url, NULL, &err);
	assert_non_null(b);
	faulty_reset(url);
	return b;
}

static int put(struct backend *b, const char *name)
{
	return storage_put(b, name, "0123456789", 10, BACKEND_REPLACE, &err);
}

static int get(struct backend *b, const char *name, char out[11], size_t *len)
{
	memset(out, 0, 11);
	return storage_get(b, name, 0, out, 10, len, &err);
}

static int ignore(void *arg, const struct backend_object *o, struct err *e)
{
	(void)arg;
	(void)o;
	(void)e;
	return 0;
}

static bool is_there(const char *name)
{
	struct err ignored;
	struct backend_object o;
	AUTO(backend) b = storage_open("memory://x", NULL, &ignored);
	return b && storage_stat(b, name, &o, &ignored) == 0;
}

static void the_nth_call_fails_and_no_other(void **state)
{
	(void)state;
	static const char url[] = "faulty://put=3:io/memory://x";
	AUTO(backend) b = open_fresh(url);
	assert_int_equal(put(b, "a"), 0);
	assert_int_equal(storage_list(b, "", ignore, NULL, &err), 0);
	assert_int_equal(put(b, "b"), 0);
	assert_false(faulty_fired(url));
	assert_int_equal(put(b, "c"), ERR_IO);
	assert_int_equal(err.sys, EIO);
	assert_true(faulty_fired(url));
	assert_false(is_there("c"));
	assert_int_equal(put(b, "c"), 0);
	assert_int_equal(faulty_calls(url), 5);
}

static void from_the_nth_on_every_call_fails(void **state)
{
	(void)state;
	AUTO(backend) b = open_fresh("faulty://put=2+:space/memory://x");
	assert_int_equal(put(b, "a"), 0);
	assert_int_equal(put(b, "b"), ERR_SPACE);
	assert_int_equal(put(b, "b"), ERR_SPACE);
	assert_false(is_there("b"));
}

static void any_counts_the_calls_of_all_operations(void **state)
{
	(void)state;
	struct backend_object o;
	char out[11];
	size_t len;
	AUTO(backend) b = open_fresh("faulty://any=4:denied/memory://x");
	assert_int_equal(put(b, "a"), 0);
	assert_int_equal(get(b, "a", out, &len), 0);
	assert_int_equal(storage_stat(b, "a", &o, &err), 0);
	assert_int_equal(storage_remove(b, "a", &err), ERR_DENIED);
	assert_true(is_there("a"));
	assert_int_equal(storage_remove(b, "a", &err), 0);
}

static void every_operation_and_error_can_be_chosen(void **state)
{
	(void)state;
	struct backend_object o;
	char out[11];
	size_t len;
	AUTO(backend) b = open_fresh("faulty://put=1:space,get=1:unreachable,stat=1:denied,list=1:io,"
	                             "remove=1:absent/memory://x");
	assert_int_equal(put(b, "a"), ERR_SPACE);
	assert_int_equal(get(b, "a", out, &len), ERR_UNREACHABLE);
	assert_int_equal(storage_stat(b, "a", &o, &err), ERR_DENIED);
	assert_int_equal(storage_list(b, "", ignore, NULL, &err), ERR_IO);
	assert_int_equal(storage_remove(b, "a", &err), ERR_ABSENT);
	assert_int_equal(put(b, "a"), 0);
	assert_int_equal(get(b, "a", out, &len), 0);
}

static void a_lost_answer_hides_a_put_that_was_done(void **state)
{
	(void)state;
	AUTO(backend) b = open_fresh("faulty://put=1:lost,remove=1:lost/memory://x");
	assert_int_equal(put(b, "a"), ERR_UNREACHABLE);
	assert_true(is_there("a"));
	assert_int_equal(storage_put(b, "a", "x", 1, BACKEND_NEW, &err), ERR_EXISTS);
	assert_int_equal(storage_remove(b, "a", &err), ERR_UNREACHABLE);
	assert_false(is_there("a"));
}

static void a_torn_get_returns_fewer_bytes_as_if_that_were_all(void **state)
{
	(void)state;
	static const char url[] = "faulty://get=2+:torn/memory://x";
	char out[11];
	size_t len;
	AUTO(backend) b = open_fresh(url);
	assert_int_equal(put(b, "a"), 0);
	assert_int_equal(get(b, "a", out, &len), 0);
	assert_int_equal(len, 10);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(get(b, "a", out, &len), 0);
		assert_in_range(len, 0, 9);
		assert_memory_equal(out, "0123456789", len);
	}
	assert_true(faulty_fired(url));
}

static void a_flip_changes_exactly_one_bit(void **state)
{
	(void)state;
	char out[11];
	size_t len;
	AUTO(backend) b = open_fresh("faulty://get=1+:flip/memory://x");
	assert_int_equal(put(b, "a"), 0);
	for (int i = 0; i < 50; i++) {
		int bits = 0;
		assert_int_equal(get(b, "a", out, &len), 0);
		assert_int_equal(len, 10);
		for (size_t at = 0; at < len; at++)
			bits += __builtin_popcount((uint8_t)(out[at] ^ "0123456789"[at]));
		assert_int_equal(bits, 1);
	}
}

static void a_fault_that_finds_nothing_to_spoil_has_not_fired(void **state)
{
	(void)state;
	static const char url[] = "faulty://get=1:torn,get=2:flip/memory://x";
	char out[11];
	size_t len;
	AUTO(backend) b = open_fresh(url);
	assert_int_equal(storage_put(b, "empty", "", 0, BACKEND_NEW, &err), 0);
	assert_int_equal(get(b, "empty", out, &len), 0);
	assert_int_equal(get(b, "absent", out, &len), ERR_ABSENT);
	assert_false(faulty_fired(url));
}

/* Which of 400 calls fail. */
static unsigned failures(const char *url, char which[401])
{
	AUTO(backend) b = open_fresh(url);
	unsigned n = 0;
	memset(which, '.', 400);
	which[400] = '\0';
	for (int i = 0; i < 400; i++)
		if (put(b, "a") != 0) {
			which[i] = 'x';
			n++;
		}
	return n;
}

static void chance_is_in_proportion_and_repeats_for_a_seed(void **state)
{
	(void)state;
	char first[401], again[401], other[401];
	assert_in_range(failures("faulty://seed=7,any=25%:io/memory://x", first), 60, 140);
	failures("faulty://seed=7,any=25%:io/memory://x", again);
	failures("faulty://seed=8,any=25%:io/memory://x", other);
	assert_string_equal(first, again);
	assert_string_not_equal(first, other);
	assert_int_equal(failures("faulty://any=0%:io/memory://x", first), 0);
	assert_int_equal(failures("faulty://any=100%:io/memory://x", first), 400);
}

static void the_first_rule_that_matches_decides(void **state)
{
	(void)state;
	AUTO(backend) b = open_fresh("faulty://put=2:space,any=2+:denied/memory://x");
	assert_int_equal(put(b, "a"), 0);
	assert_int_equal(put(b, "a"), ERR_SPACE);
	assert_int_equal(put(b, "a"), ERR_DENIED);
}

static void calls_are_counted_over_all_handles_of_a_url(void **state)
{
	(void)state;
	static const char url[] = "faulty://put=3:io/memory://x";
	AUTO(backend) a = open_fresh(url);
	AUTO(backend) b = storage_open(url, NULL, &err);
	assert_int_equal(put(a, "a"), 0);
	assert_int_equal(put(b, "b"), 0);
	storage_free(TAKE(a));
	AUTO(backend) c = storage_open(url, NULL, &err);
	assert_int_equal(put(c, "c"), ERR_IO);
	assert_int_equal(faulty_calls(url), 3);
	faulty_reset(url);
	assert_int_equal(faulty_calls(url), 0);
	assert_false(faulty_fired(url));
	assert_int_equal(put(b, "b"), 0);
}

static void a_url_never_opened_has_no_calls(void **state)
{
	(void)state;
	assert_int_equal(faulty_calls("faulty:///memory://never"), 0);
	assert_false(faulty_fired("faulty:///memory://never"));
	faulty_reset("faulty:///memory://never");
}

/* The loop that a torture test makes: fail call 1, 2, 3... until none was left to fail. */
static void a_loop_over_n_ends_when_no_fault_fires(void **state)
{
	(void)state;
	unsigned n = 0;
	for (bool fired = true; fired && n < 100;) {
		char url[60], out[11];
		size_t len;
		snprintf(url, sizeof url, "faulty://any=%u:io/memory://x", ++n);
		AUTO(backend) b = open_fresh(url);
		int rc = put(b, "a");
		if (rc == 0)
			rc = get(b, "a", out, &len);
		if (rc == 0)
			rc = storage_remove(b, "a", &err);
		fired = faulty_fired(url);
		assert_int_equal(rc, fired ? ERR_IO : 0);
	}
	assert_int_equal(n, 4);
}

static void a_delay_delays_every_call(void **state)
{
	(void)state;
	AUTO(backend) b = open_fresh("faulty://delay=20/memory://x");
	struct timespec from, to;
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(put(b, "a"), 0);
	assert_int_equal(put(b, "a"), 0);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_true((to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000 >= 39);
}

/* Put twice in a child; what is in the folder afterwards. */
static void kill_at_second_put(const char *rule, const char *folder)
{
	char url[SCRATCH_MAX + 60];
	snprintf(url, sizeof url, "faulty://put=2:%s/file://%s", rule, folder);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct backend *b = storage_open(url, NULL, &err);
		if (b && put(b, "a") == 0)
			put(b, "b");
		_exit(1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void kill_strikes_before_the_call_and_killafter_after_it(void **state)
{
	(void)state;
	char folder[SCRATCH_MAX];
	struct backend_object o;
	assert_true(scratch_make(folder));
	AUTO(backend) b = storage_open(folder, NULL, &err);
	kill_at_second_put("kill", folder);
	assert_int_equal(storage_stat(b, "a", &o, &err), 0);
	assert_int_equal(storage_stat(b, "b", &o, &err), ERR_ABSENT);
	kill_at_second_put("killafter", folder);
	assert_int_equal(storage_stat(b, "b", &o, &err), 0);
	scratch_remove(folder);
}

static void faults_can_be_nested(void **state)
{
	(void)state;
	AUTO(backend) b = open_fresh("faulty://put=1:io/faulty://put=1:space/memory://x");
	faulty_reset("faulty://put=1:space/memory://x");
	assert_int_equal(put(b, "a"), ERR_IO);
	assert_int_equal(put(b, "a"), ERR_SPACE);
	assert_int_equal(put(b, "a"), 0);
}

static void rules_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"faulty://", "faulty://put=1:io", "faulty:///", "faulty:///gopher://x",
		"faulty://put/memory://x", "faulty://put=/memory://x", "faulty://put=1/memory://x",
		"faulty://put=0:io/memory://x", "faulty://put=-1:io/memory://x",
		"faulty://put=1:/memory://x", "faulty://put=1:nonsense/memory://x",
		"faulty://put=1+%:io/memory://x", "faulty://put=101%:io/memory://x",
		"faulty://puts=1:io/memory://x", "faulty://put=1:torn/memory://x",
		"faulty://get=1:lost/memory://x", "faulty://any=1:flip/memory://x",
		"faulty://put=1:io,/memory://x", "faulty://,put=1:io/memory://x",
		"faulty://seed=x/memory://x", "faulty://seed=/memory://x", "faulty://delay=2s/memory://x",
		"faulty://put=99999999999999999999999:io/memory://x",
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (storage_open(bad[i], NULL, &err))
			fail_msg("%s was accepted", bad[i]);
		assert_int_equal(err.code, ERR_INVALID);
	}
}

#define TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(the_nth_call_fails_and_no_other),
		TEST(from_the_nth_on_every_call_fails),
		TEST(any_counts_the_calls_of_all_operations),
		TEST(every_operation_and_error_can_be_chosen),
		TEST(a_lost_answer_hides_a_put_that_was_done),
		TEST(a_torn_get_returns_fewer_bytes_as_if_that_were_all),
		TEST(a_flip_changes_exactly_one_bit),
		TEST(a_fault_that_finds_nothing_to_spoil_has_not_fired),
		TEST(chance_is_in_proportion_and_repeats_for_a_seed),
		TEST(the_first_rule_that_matches_decides),
		TEST(calls_are_counted_over_all_handles_of_a_url),
		TEST(a_url_never_opened_has_no_calls),
		TEST(a_loop_over_n_ends_when_no_fault_fires),
		TEST(a_delay_delays_every_call),
		TEST(kill_strikes_before_the_call_and_killafter_after_it),
		TEST(faults_can_be_nested),
		TEST(rules_that_make_no_sense_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
