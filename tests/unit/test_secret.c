#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hex.h"
#include "crypto/hash.h"
#include "crypto/secret.h"
#include "holdfast/err.h"

static void a_new_secret_is_zero(void **state)
{
	(void)state;
	struct err err;
	static const uint8_t zeros[100];
	AUTO(secret) s = secret_new(sizeof zeros, &err);
	assert_non_null(s);
	assert_int_equal(s->len, sizeof zeros);
	assert_memory_equal(s->bytes, zeros, sizeof zeros);
}

/* freed keys are kept for the next ones, more of them than are kept */
static void a_key_in_the_memory_of_a_freed_one_is_zero(void **state)
{
	(void)state;
	struct err err;
	static const uint8_t zeros[32];
	struct secret *keys[40];
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < 40; i++) {
			keys[i] = secret_new(32, &err);
			assert_non_null(keys[i]);
			assert_memory_equal(keys[i]->bytes, zeros, 32);
			memset(keys[i]->bytes, 'k', 32);
		}
		for (size_t i = 0; i < 40; i++)
			secret_free(keys[i]);
	}
}

static void random_secrets_differ(void **state)
{
	(void)state;
	struct err err;
	AUTO(secret) a = secret_random(32, &err);
	AUTO(secret) b = secret_random(32, &err);
	assert_non_null(a);
	assert_non_null(b);
	assert_memory_not_equal(a->bytes, b->bytes, 32);
}

static void a_copy_holds_the_bytes_and_may_be_empty(void **state)
{
	(void)state;
	struct err err;
	AUTO(secret) s = secret_copy("passphrase", 10, &err);
	assert_non_null(s);
	assert_int_equal(s->len, 10);
	assert_memory_equal(s->bytes, "passphrase", 10);
	AUTO(secret) empty = secret_copy(NULL, 0, &err);
	assert_non_null(empty);
	assert_int_equal(empty->len, 0);
}

static void derived_secrets_are_as_frozen_and_differ_by_label(void **state)
{
	(void)state;
	struct err err;
	uint8_t seed[32];
	for (uint8_t i = 0; i < sizeof seed; i++)
		seed[i] = (uint8_t)(9 + i);
	AUTO(secret) record = secret_derive(seed, "hf1.record", &err);
	AUTO(secret) other = secret_derive(seed, "hf1.log", &err);
	assert_non_null(record);
	assert_non_null(other);
	char text[65];
	assert_string_equal(hex_encode(text, record->bytes, record->len),
	                    "6eb56fe47e112f63dde53e697a415e877ec9992e77a46c1a2a404814f7777dd8");
	assert_memory_not_equal(record->bytes, other->bytes, 32);
}

static void an_impossible_size_is_out_of_memory(void **state)
{
	(void)state;
	struct err err;
	assert_null(secret_new(SIZE_MAX - 4096, &err));
	assert_int_equal(err.code, ERR_NOMEM);
}

static void freeing_nothing_is_legal(void **state)
{
	(void)state;
	secret_free(NULL);
}

/* 0 if the child left by itself, else the signal that ended it */
static int signal_of(void (*child)(void))
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		signal(SIGABRT, SIG_DFL);
		child();
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status))
		assert_int_equal(WEXITSTATUS(status), 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void read_behind(void)
{
	struct err err;
	struct secret *s = secret_random(64, &err);
	*(volatile uint8_t *)(s->bytes + 64);
}

static void reading_behind_a_secret_ends_the_process(void **state)
{
	(void)state;
	assert_int_not_equal(signal_of(read_behind), 0);
}

static void harden(void)
{
	struct rlimit core;
	secret_harden_process();
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0 || getrlimit(RLIMIT_CORE, &core) != 0 ||
	    core.rlim_cur != 0 || core.rlim_max != 0)
		_exit(1);
}

static void a_hardened_process_dumps_nothing(void **state)
{
	(void)state;
	assert_int_equal(signal_of(harden), 0);
}

static int start(void **state)
{
	(void)state;
	return crypto_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_secret_is_zero),
		cmocka_unit_test(a_key_in_the_memory_of_a_freed_one_is_zero),
		cmocka_unit_test(random_secrets_differ),
		cmocka_unit_test(a_copy_holds_the_bytes_and_may_be_empty),
		cmocka_unit_test(derived_secrets_are_as_frozen_and_differ_by_label),
		cmocka_unit_test(an_impossible_size_is_out_of_memory),
		cmocka_unit_test(freeing_nothing_is_legal),
		cmocka_unit_test(reading_behind_a_secret_ends_the_process),
		cmocka_unit_test(a_hardened_process_dumps_nothing),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
