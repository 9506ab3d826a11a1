/* What only a WebDAV server can show, and the contract of drivers against one: run-webdav. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "hardship.h"
#include "holdfast/err.h"
#include "scratch.h"
#include "served.h"
#include "vault/storage.h"

static struct err err;
static unsigned long places;
static char folder[100];   /* of this test, below the server's data */

/* A place of its own at one of the server's hosts: see run-webdav. */
static struct backend *open_at(const char *host, const char *ca, const char *password)
{
	const char *server = served_folder("HOLDFAST_TEST_WEBDAV");
	char url[200], ca_path[SERVED_PATH_MAX], password_path[SERVED_PATH_MAX], port[40];
	bool plain = strcmp(host, "http") == 0 || strcmp(host, "digest") == 0;
	snprintf(port, sizeof port, "%s.port", host);
	snprintf(folder, sizeof folder, "t%lu", ++places);
	snprintf(url, sizeof url, "webdav%s://dav@127.0.0.1:%u/%s", plain ? "" : "s",
	         served_number(server, port), folder);
	served_path(ca_path, server, ca);
	served_path(password_path, server, password);
	struct backend_options o = { .ca_file = ca_path, .password_file = password_path, .timeout_s = 20 };
	struct backend *b = storage_open(url, &o, &err);
	if (!b)
		fail_msg("%s", err.msg);
	return b;
}

static struct backend *open_place(void)
{
	return open_at("https", "tls/ca.pem", "password");
}

static int put(struct backend *b, const char *name, const char *text)
{
	return storage_put(b, name, text, strlen(text), BACKEND_NEW, &err);
}

static void path_of(const char *name, char out[SERVED_PATH_MAX])
{
	snprintf(out, SERVED_PATH_MAX, "%s/data/%s/%s", getenv("HOLDFAST_TEST_WEBDAV"), folder, name);
}

static bool is_there(const char *name)
{
	char path[SERVED_PATH_MAX];
	path_of(name, path);
	return access(path, F_OK) == 0;
}

static void expect_refused(const char *host, const char *ca)
{
	AUTO(backend) b = open_at(host, ca, "password");
	assert_int_equal(put(b, "o", "text"), ERR_DENIED);
	assert_false(is_there("o"));
}

static void an_expired_certificate_is_refused(void **state)
{
	(void)state;
	expect_refused("expired", "tls/ca.pem");
}

static void a_certificate_of_another_host_is_refused(void **state)
{
	(void)state;
	expect_refused("wronghost", "tls/ca.pem");
}

static void a_certificate_of_an_unknown_authority_is_refused(void **state)
{
	(void)state;
	expect_refused("otherca", "tls/ca.pem");
	expect_refused("https", "tls/other-ca.pem");
}

static void a_wrong_password_is_refused_and_not_told(void **state)
{
	(void)state;
	AUTO(backend) b = open_at("https", "tls/ca.pem", "wrong-password");
	assert_int_equal(put(b, "o", "text"), ERR_DENIED);
	assert_null(strstr(err.msg, "wrong"));
	assert_null(strstr(err.msg, "dav@"));
	assert_non_null(strstr(err.hint, "password-file"));
}

static void digest_is_used_where_the_server_asks_for_it(void **state)
{
	(void)state;
	char got[8];
	size_t len;
	AUTO(backend) b = open_at("digest", "tls/ca.pem", "password");
	assert_int_equal(put(b, "a/o", "text"), 0);
	assert_int_equal(put(b, "a/o", "again"), ERR_EXISTS);
	assert_int_equal(storage_get(b, "a/o", 1, got, sizeof got, &len, &err), 0);
	assert_int_equal(len, 3);
	assert_int_equal(storage_remove(b, "a/o", &err), 0);
	AUTO(backend) wrong = open_at("digest", "tls/ca.pem", "wrong-password");
	assert_int_equal(put(wrong, "o", "text"), ERR_DENIED);
}

static struct backend *open_plain(const char *port_file, const char *path)
{
	const char *server = served_folder("HOLDFAST_TEST_WEBDAV");
	char url[200], password[SERVED_PATH_MAX];
	snprintf(url, sizeof url, "webdav://dav@127.0.0.1:%u/%s", served_number(server, port_file), path);
	served_path(password, server, "password");
	struct backend_options o = { .password_file = password, .timeout_s = 20 };
	struct backend *b = storage_open(url, &o, &err);
	if (!b)
		fail_msg("%s", err.msg);
	return b;
}

static void a_full_disk_is_told_as_such_and_nothing_half_stored_shows(void **state)
{
	(void)state;
	served_own_disk(served_folder("HOLDFAST_TEST_WEBDAV"), "data/small");
	AUTO(backend) b = open_plain("http.port", "small/t");
	hardship_full_disk(b);
}

static struct backend *open_through_the_proxy(void *arg)
{
	return open_plain("proxy/port", arg);
}

static void a_put_whose_answer_was_lost_is_a_success(void **state)
{
	(void)state;
	char path[] = "lost";
	const char *server = served_folder("HOLDFAST_TEST_WEBDAV");
	hardship_lost_answers(&(struct hardship_place){ server, open_through_the_proxy, path }, 700, 57);
}

static void removing_never_takes_a_folder(void **state)
{
	(void)state;
	AUTO(backend) b = open_place();
	assert_int_equal(put(b, "a/o", "text"), 0);
	assert_int_equal(storage_remove(b, "a", &err), ERR_ABSENT);
	assert_true(is_there("a/o"));
	assert_true(storage_put(b, "a", "x", 1, BACKEND_REPLACE, &err) < 0);
	assert_true(is_there("a/o"));
}

static int count(void *arg, const struct backend_object *o, struct err *why)
{
	(void)why;
	(void)o;
	++*(unsigned *)arg;
	return 0;
}

static void make_file(const char *name, time_t age_s)
{
	char path[SERVED_PATH_MAX];
	path_of(name, path);
	int fd = open(path, O_WRONLY | O_CREAT, 0644);
	assert_true(fd >= 0);
	struct timespec times[2] = { { .tv_sec = time(NULL) - age_s }, { .tv_sec = time(NULL) - age_s } };
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

static void temporaries_are_hidden_and_swept_after_a_day(void **state)
{
	(void)state;
	unsigned n = 0;
	AUTO(backend) b = open_place();
	assert_int_equal(put(b, "a/o", "text"), 0);
	make_file("a/.tmp-0123456789abcdef", 30 * 60 * 60);
	make_file("a/.tmp-0123456789abcdee", 60);
	make_file("a/.other", 30 * 60 * 60);
	assert_int_equal(storage_list(b, "", count, &n, &err), 0);
	assert_int_equal(n, 1);
	assert_false(is_there("a/.tmp-0123456789abcdef"));
	assert_true(is_there("a/.tmp-0123456789abcdee"));
	assert_true(is_there("a/.other"));
}

static void a_refused_put_leaves_no_temporary(void **state)
{
	(void)state;
	char path[SERVED_PATH_MAX], command[SERVED_PATH_MAX + 40];
	AUTO(backend) b = open_place();
	assert_int_equal(put(b, "a/o", "text"), 0);
	assert_int_equal(put(b, "a/o", "text"), ERR_EXISTS);
	path_of("a", path);
	snprintf(command, sizeof command, "test $(ls -A %s | wc -l) = 1", path);
	assert_int_equal(system(command), 0);
}

static int keep_tag(void *arg, const struct backend_object *o, struct err *why)
{
	(void)why;
	memcpy(arg, o->tag, BACKEND_TAG_MAX);
	return 0;
}

static void a_tag_tells_contents_apart(void **state)
{
	(void)state;
	char first[BACKEND_TAG_MAX], second[BACKEND_TAG_MAX];
	struct backend_object o;
	AUTO(backend) b = open_place();
	assert_int_equal(put(b, "a", "text"), 0);
	sleep(2);   /* weak until then */
	assert_int_equal(storage_list(b, "", keep_tag, first, &err), 0);
	assert_true(first[0] == '"');
	assert_int_equal(storage_stat(b, "a", &o, &err), 0);
	assert_string_equal(o.tag, first);
	assert_int_equal(storage_put(b, "a", "tex2", 4, BACKEND_REPLACE, &err), 0);
	assert_int_equal(storage_list(b, "", keep_tag, second, &err), 0);
	assert_string_not_equal(first, second);
}

static void a_top_that_vanished_is_unreachable_and_not_made_again(void **state)
{
	(void)state;
	char byte, path[SERVED_PATH_MAX];
	size_t len;
	AUTO(backend) b = open_place();
	assert_int_equal(put(b, "a/o", "text"), 0);
	path_of("", path);
	assert_int_equal(scratch_remove(path), 0);
	assert_int_equal(storage_get(b, "a/o", 0, &byte, 1, &len, &err), ERR_UNREACHABLE);
	assert_int_equal(put(b, "a/o", "text"), ERR_UNREACHABLE);
	assert_false(is_there(""));
}

static void the_server_and_its_clock_are_known(void **state)
{
	(void)state;
	struct backend_traits t;
	AUTO(backend) b = open_place();
	assert_int_equal(storage_traits(b, &t, &err), 0);
	assert_non_null(strstr(t.server, "Apache"));
	assert_in_range(t.clock_ahead_s + 5, 0, 10);
	assert_false(t.locks);
}

static void bad_locations_and_logins_are_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "webdav://host.example/x", "webdavs://u:secret@host/x",
		                           "webdavs://u@host/x", "webdavs:///x" };
	struct backend_options none = { 0 };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_null(storage_open(bad[i], &none, &err));
		assert_int_equal(err.code, ERR_INVALID);
		assert_null(strstr(err.msg, "secret"));
	}
}

static void this_machine_may_be_plain_in_any_case_of_its_name(void **state)
{
	(void)state;
	static const char *const own[] = { "webdav://localhost/x", "webdav://LOCALHOST/x",
		                           "webdav://LocalHost/x", "webdav://127.0.0.1/x",
		                           "webdav://[::1]/x" };
	struct backend_options none = { 0 };
	for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
		AUTO(backend) b = storage_open(own[i], &none, &err);
		assert_non_null(b);
	}
}

static void a_password_that_others_can_read_is_refused(void **state)
{
	(void)state;
	char own[SCRATCH_MAX], path[SCRATCH_MAX + 20];
	assert_true(scratch_make(own));
	snprintf(path, sizeof path, "%s/password", own);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "secret\n", 7), 7);
	assert_int_equal(fchmod(fd, 0644), 0);
	close(fd);
	struct backend_options o = { .password_file = path };
	assert_null(storage_open("webdavs://u@host/x", &o, &err));
	assert_int_equal(err.code, ERR_DENIED);
	assert_int_equal(chmod(path, 0600), 0);
	AUTO(backend) b = storage_open("webdavs://u@host/x", &o, &err);
	assert_non_null(b);
	scratch_remove(own);
}

int main(int argc, char **argv)
{
	if (argc == 1)
		served_enter("run-webdav", argv);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_expired_certificate_is_refused),
		cmocka_unit_test(a_certificate_of_another_host_is_refused),
		cmocka_unit_test(a_certificate_of_an_unknown_authority_is_refused),
		cmocka_unit_test(a_wrong_password_is_refused_and_not_told),
		cmocka_unit_test(digest_is_used_where_the_server_asks_for_it),
		cmocka_unit_test(a_full_disk_is_told_as_such_and_nothing_half_stored_shows),
		cmocka_unit_test(a_put_whose_answer_was_lost_is_a_success),
		cmocka_unit_test(removing_never_takes_a_folder),
		cmocka_unit_test(temporaries_are_hidden_and_swept_after_a_day),
		cmocka_unit_test(a_refused_put_leaves_no_temporary),
		cmocka_unit_test(a_tag_tells_contents_apart),
		cmocka_unit_test(a_top_that_vanished_is_unreachable_and_not_made_again),
		cmocka_unit_test(the_server_and_its_clock_are_known),
		cmocka_unit_test(bad_locations_and_logins_are_refused),
		cmocka_unit_test(this_machine_may_be_plain_in_any_case_of_its_name),
		cmocka_unit_test(a_password_that_others_can_read_is_refused),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	return served_contract(argv) != 0 || failed != 0;
}
