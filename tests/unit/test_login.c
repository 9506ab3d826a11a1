/* login: secrets are read only from files that nobody else may read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../backends/login.h"
#include "base/buf.h"
#include "base/scope.h"
#include "holdfast/err.h"
#include "scratch.h"

static char folder[SCRATCH_MAX];
static struct err err;

static const char *file(const char *text, size_t len, mode_t mode)
{
	static char path[SCRATCH_MAX + 10];
	snprintf(path, sizeof path, "%s/secret", folder);
	unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	return path;
}

#define FILE_OF(text, mode) file(text, sizeof text - 1, mode)

static int password(const char *path)
{
	char out[LOGIN_PASSWORD_MAX] = "untouched";
	int rc = login_read_password(path, out, &err);
	if (rc != 0)
		assert_string_equal(out, "untouched");
	assert_null(strstr(err.msg, "s3cret"));
	return rc;
}

static void the_first_line_is_the_password(void **state)
{
	(void)state;
	char out[LOGIN_PASSWORD_MAX];
	static const char *const texts[] = { "s3cret", "s3cret\n", "s3cret\r\n", "s3cret\nsecond\n" };
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		assert_int_equal(login_read_password(file(texts[i], strlen(texts[i]), 0400), out, &err), 0);
		assert_string_equal(out, "s3cret");
	}
	assert_int_equal(login_read_password(FILE_OF(" s3 \xc3\xa4", 0600), out, &err), 0);
	assert_string_equal(out, " s3 \xc3\xa4");
}

static void a_file_that_others_can_read_is_refused(void **state)
{
	(void)state;
	static const mode_t modes[] = { 0640, 0604, 0620, 0602, 0610, 0601 };
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		assert_int_equal(password(FILE_OF("s3cret\n", modes[i])), ERR_DENIED);
		assert_non_null(strstr(err.hint, "chmod 600"));
		assert_int_equal(login_check_private(FILE_OF("s3cret\n", modes[i]), "key", &err), ERR_DENIED);
	}
}

static void lines_that_are_no_passwords_are_refused(void **state)
{
	(void)state;
	char longest[LOGIN_PASSWORD_MAX + 1];
	memset(longest, 'a', sizeof longest);
	assert_int_equal(password(FILE_OF("", 0600)), ERR_INVALID);
	assert_int_equal(password(FILE_OF("\ns3cret\n", 0600)), ERR_INVALID);
	assert_int_equal(password(FILE_OF("s3cret\x01\n", 0600)), ERR_INVALID);
	assert_int_equal(password(FILE_OF("s3c\0ret\n", 0600)), ERR_INVALID);
	assert_int_equal(password(file(longest, LOGIN_PASSWORD_MAX, 0600)), ERR_LIMIT);
	assert_int_equal(password(file(longest, LOGIN_PASSWORD_MAX - 1, 0600)), 0);
}

static void a_file_beyond_the_limit_is_refused(void **state)
{
	(void)state;
	AUTO(buf) out = buf_new(6, &err);
	assert_int_equal(login_read_private(FILE_OF("s3cret", 0600), "key", out, &err), 0);
	assert_int_equal(out->len, 6);
	AUTO(buf) small = buf_new(5, &err);
	assert_int_equal(login_read_private(FILE_OF("s3cret", 0600), "key", small, &err), ERR_LIMIT);
	assert_non_null(strstr(err.msg, "key "));
}

/* A pipe that nobody writes to would be waited for without end. */
static void what_is_no_file_is_refused_at_once(void **state)
{
	(void)state;
	char path[SCRATCH_MAX + 10];
	alarm(20);
	snprintf(path, sizeof path, "%s/pipe", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(password(path), ERR_INVALID);
	assert_int_equal(login_check_private(path, "key", &err), ERR_INVALID);
	assert_int_equal(password(folder), ERR_INVALID);
	snprintf(path, sizeof path, "%s/absent", folder);
	assert_int_equal(password(path), ERR_ABSENT);
	assert_int_equal(login_check_private(path, "key", &err), ERR_ABSENT);
	alarm(0);
}

static int set_up(void **state)
{
	(void)state;
	return scratch_make(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return scratch_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_line_is_the_password),
		cmocka_unit_test(a_file_that_others_can_read_is_refused),
		cmocka_unit_test(lines_that_are_no_passwords_are_refused),
		cmocka_unit_test(a_file_beyond_the_limit_is_refused),
		cmocka_unit_test(what_is_no_file_is_refused_at_once),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
