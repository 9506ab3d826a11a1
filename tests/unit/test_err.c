#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "holdfast/err.h"

static void a_failure_is_recorded_and_its_code_returned(void **state)
{
	(void)state;
	struct err err = { .sys = 7, .hint = "old" };
	assert_int_equal(err_set(&err, ERR_CORRUPT, "pack %d: %s", 7, "bad"), ERR_CORRUPT);
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_int_equal(err.sys, 0);
	assert_string_equal(err.msg, "pack 7: bad");
	assert_string_equal(err.hint, "");
	assert_int_equal(err_no_memory(&err), ERR_NOMEM);
	assert_string_equal(err.msg, "out of memory");
}

static void system_errors_are_sorted_by_what_they_mean(void **state)
{
	(void)state;
	static const struct {
		int sys;
		enum err_code code;
	} table[] = {
		{ ENOSPC, ERR_SPACE },  { EDQUOT, ERR_SPACE }, { EACCES, ERR_DENIED },
		{ EPERM, ERR_DENIED },  { EROFS, ERR_DENIED }, { ENOENT, ERR_ABSENT },
		{ EEXIST, ERR_EXISTS }, { ENOMEM, ERR_NOMEM }, { EIO, ERR_IO },
		{ ENOTDIR, ERR_IO },    { ELOOP, ERR_IO },
	};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct err err;
		errno = table[i].sys;
		assert_int_equal(err_sys(&err, "/srv/vault"), table[i].code);
		assert_int_equal(err.sys, table[i].sys);
	}
}

static void a_system_error_says_what_failed_and_why(void **state)
{
	(void)state;
	struct err err;
	errno = ENOENT;
	err_sys(&err, "%s", "/srv/vault");
	assert_string_equal(err.msg, "/srv/vault: No such file or directory");
}

static void wrapping_puts_the_object_in_front_and_keeps_the_rest(void **state)
{
	(void)state;
	struct err err;
	errno = ENOSPC;
	err_sys(&err, "write");
	err_hint(&err, "free %d GiB", 3);
	assert_int_equal(err_wrap(&err, "pack %s", "41d0"), ERR_SPACE);
	assert_string_equal(err.msg, "pack 41d0: write: No space left on device");
	assert_string_equal(err.hint, "free 3 GiB");
	assert_int_equal(err.sys, ENOSPC);
}

static void a_hint_returns_the_code_and_leaves_the_message(void **state)
{
	(void)state;
	struct err err;
	err_set(&err, ERR_KEY, "no key");
	assert_int_equal(err_hint(&err, "run %s", "holdfast unlock"), ERR_KEY);
	assert_string_equal(err.msg, "no key");
	assert_string_equal(err.hint, "run holdfast unlock");
}

static void overlong_text_is_cut_and_terminated(void **state)
{
	(void)state;
	struct err err;
	char text[2000];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	err_set(&err, ERR_IO, "%s", text);
	assert_int_equal(strlen(err.msg), sizeof err.msg - 1);
	err_wrap(&err, "%s", text);
	assert_int_equal(strlen(err.msg), sizeof err.msg - 1);
	err_set(&err, ERR_IO, "%.598s", text);
	err_wrap(&err, "front");
	assert_int_equal(strlen(err.msg), sizeof err.msg - 1);
	assert_memory_equal(err.msg, "front: xxx", 10);
	err_hint(&err, "%s", text);
	assert_int_equal(strlen(err.hint), sizeof err.hint - 1);
	errno = EIO;
	err_sys(&err, "%s", text);
	assert_non_null(strstr(err.msg, ": Input/output error"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failure_is_recorded_and_its_code_returned),
		cmocka_unit_test(system_errors_are_sorted_by_what_they_mean),
		cmocka_unit_test(a_system_error_says_what_failed_and_why),
		cmocka_unit_test(wrapping_puts_the_object_in_front_and_keeps_the_rest),
		cmocka_unit_test(a_hint_returns_the_code_and_leaves_the_message),
		cmocka_unit_test(overlong_text_is_cut_and_terminated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
