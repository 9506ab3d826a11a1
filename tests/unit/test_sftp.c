/* What only an SFTP server can show, and the contract of drivers against one: run-sftp. */
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

struct place {
	const char *server;
	char own[SCRATCH_MAX];              /* for files of the client */
	char url[200], key[SERVED_PATH_MAX], known_hosts[SERVED_PATH_MAX];
	struct backend_options options;
	struct err err;
};

static unsigned long places;

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	const char *server = getenv("HOLDFAST_TEST_SFTP"), *user = getenv("HOLDFAST_TEST_URL");
	*state = p;
	if (!p || !scratch_make(p->own))
		return -1;
	if (!server || !user)
		return 0;
	/* sftp://user@host:port of the contract's URL, and a folder of our own */
	snprintf(p->url, sizeof p->url, "%.*s/~/t%lu", (int)(strstr(user, "/~/") - user), user, ++places);
	served_path(p->key, server, "client_ed25519");
	served_path(p->known_hosts, server, "known_hosts");
	p->server = server;
	p->options = (struct backend_options){ .identity = p->key, .known_hosts = p->known_hosts };
	return 0;
}

/* Another port of the same machine, and perhaps user. */
static void go_to(struct place *p, const char *user, unsigned port)
{
	char old[sizeof p->url];
	memcpy(old, p->url, sizeof old);
	const char *name = old + strlen("sftp://"), *at = strchr(name, '@');
	snprintf(p->url, sizeof p->url, "sftp://%.*s@127.0.0.1:%u%.100s",
	         user ? (int)strlen(user) : (int)(at - name), user ? user : name, port,
	         strstr(old, "/~/"));
}

static int tear_down(void **state)
{
	struct place *p = *state;
	scratch_remove(p->own);
	free(p);
	return 0;
}

static struct backend *open_place(struct place *p)
{
	served_folder("HOLDFAST_TEST_SFTP");
	struct backend *b = storage_open(p->url, &p->options, &p->err);
	if (!b)
		print_message("# %s\n", p->err.msg);
	return b;
}

static int put(struct backend *b, const char *name, const char *text, struct err *err)
{
	return storage_put(b, name, text, strlen(text), BACKEND_NEW, err);
}

/* The path on this machine of a name in the place. */
static void path_of(const struct place *p, const char *name, char out[SERVED_PATH_MAX])
{
	snprintf(out, SERVED_PATH_MAX, "%s/data%s/%s", p->server, strstr(p->url, "/~/") + 2, name);
}

static void expect_open_refused(struct place *p, enum err_code code, const char *hint)
{
	AUTO(backend) b = storage_open(p->url, &p->options, &p->err);
	assert_null(b);
	assert_int_equal(p->err.code, code);
	assert_non_null(strstr(p->err.hint, hint));
}

static void expect_put_refused(struct place *p, enum err_code code, const char *words)
{
	AUTO(backend) b = open_place(p);
	assert_non_null(b);
	assert_int_equal(put(b, "o", "text", &p->err), code);
	assert_non_null(strstr(p->err.msg, words));
}

/* ---- hosts ---- */

static void a_changed_host_key_is_refused(void **state)
{
	struct place *p = *state;
	char bad[SERVED_PATH_MAX];
	served_path(bad, served_folder("HOLDFAST_TEST_SFTP"), "known_hosts.bad");
	p->options.known_hosts = bad;
	expect_put_refused(p, ERR_DENIED, "changed");
	p->options.accept_new_host = true;
	expect_put_refused(p, ERR_DENIED, "changed");
}

static void an_unknown_host_is_refused(void **state)
{
	struct place *p = *state;
	served_folder("HOLDFAST_TEST_SFTP");
	char mine[SERVED_PATH_MAX];
	served_path(mine, p->own, "known_hosts");
	p->options.known_hosts = mine;
	expect_open_refused(p, ERR_DENIED, "ssh-keyscan");
	close(open(mine, O_WRONLY | O_CREAT, 0600));
	expect_put_refused(p, ERR_DENIED, "is not in");
}

static void an_accepted_host_is_remembered(void **state)
{
	struct place *p = *state;
	struct stat st;
	served_folder("HOLDFAST_TEST_SFTP");
	char mine[SERVED_PATH_MAX];
	served_path(mine, p->own, "ssh/known_hosts");
	p->options.known_hosts = mine;
	p->options.accept_new_host = true;
	AUTO(backend) b = open_place(p);
	assert_non_null(b);
	assert_int_equal(put(b, "o", "text", &p->err), 0);
	assert_int_equal(stat(mine, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	p->options.accept_new_host = false;
	AUTO(backend) again = open_place(p);
	assert_non_null(again);
	assert_int_equal(put(again, "o2", "text", &p->err), 0);
}

/* ---- keys ---- */

static void a_key_that_others_can_read_is_refused(void **state)
{
	struct place *p = *state;
	char key[SERVED_PATH_MAX];
	served_folder("HOLDFAST_TEST_SFTP");
	served_path(key, p->own, "key");
	close(open(key, O_WRONLY | O_CREAT, 0600));
	chmod(key, 0640);
	p->options.identity = key;
	expect_open_refused(p, ERR_DENIED, "chmod 600");
}

static void a_key_that_the_server_does_not_know_is_refused(void **state)
{
	struct place *p = *state;
	char key[SERVED_PATH_MAX];
	served_path(key, served_folder("HOLDFAST_TEST_SFTP"), "host_ed25519");
	p->options.identity = key;
	expect_put_refused(p, ERR_DENIED, "127.0.0.1");
}

static void an_ecdsa_key_works(void **state)
{
	struct place *p = *state;
	char key[SERVED_PATH_MAX];
	served_path(key, served_folder("HOLDFAST_TEST_SFTP"), "client_ecdsa");
	p->options.identity = key;
	AUTO(backend) b = open_place(p);
	assert_non_null(b);
	assert_int_equal(put(b, "o", "text", &p->err), 0);
}

static void without_any_key_it_is_refused(void **state)
{
	struct place *p = *state;
	served_folder("HOLDFAST_TEST_SFTP");
	p->options.identity = NULL;
	setenv("HOME", p->own, 1);
	expect_open_refused(p, ERR_INVALID, "identity");
}

/* The only key is in an ssh-agent, behind one that the server does not know. */
static void an_agent_holds_the_key(void **state)
{
	struct place *p = *state;
	char socket[SERVED_PATH_MAX];
	served_path(socket, served_folder("HOLDFAST_TEST_SFTP"), "agent");
	p->options.identity = NULL;
	setenv("HOME", p->own, 1);
	setenv("SSH_AUTH_SOCK", socket, 1);
	AUTO(backend) b = open_place(p);
	assert_non_null(b);
	int rc = put(b, "o", "text", &p->err);
	unsetenv("SSH_AUTH_SOCK");
	assert_int_equal(rc, 0);
}

static void an_agent_without_the_right_key_is_refused(void **state)
{
	struct place *p = *state;
	char socket[SERVED_PATH_MAX];
	served_path(socket, served_folder("HOLDFAST_TEST_SFTP"), "other-agent");
	p->options.identity = NULL;
	setenv("HOME", p->own, 1);
	setenv("SSH_AUTH_SOCK", socket, 1);
	AUTO(backend) b = open_place(p);
	assert_non_null(b);
	int rc = put(b, "o", "text", &p->err);
	unsetenv("SSH_AUTH_SOCK");
	assert_int_equal(rc, ERR_DENIED);
}

/* ---- passwords ---- */

/* Log in as guest, with the password in the file of this name. */
static struct backend *open_as_guest(struct place *p, const char *file)
{
	const char *server = served_folder("HOLDFAST_TEST_SFTP");
	char password[SERVED_PATH_MAX], known_hosts[SERVED_PATH_MAX];
	served_path(known_hosts, server, "password/known_hosts");
	if (access(known_hosts, F_OK) != 0) {
		print_message("# skipped: only root can start a server that knows a password\n");
		skip();
	}
	served_path(password, server, file);
	p->options = (struct backend_options){ .password_file = password, .known_hosts = known_hosts };
	go_to(p, "guest", served_number(server, "password/port"));
	setenv("HOME", p->own, 1);
	return open_place(p);
}

static void a_password_works(void **state)
{
	struct place *p = *state;
	AUTO(backend) b = open_as_guest(p, "password/password");
	assert_non_null(b);
	assert_int_equal(put(b, "a/o", "text", &p->err), 0);
	assert_int_equal(put(b, "a/o", "text", &p->err), ERR_EXISTS);
}

static void a_wrong_password_is_refused_and_not_told(void **state)
{
	struct place *p = *state;
	AUTO(backend) b = open_as_guest(p, "password/wrong-password");
	assert_non_null(b);
	assert_int_equal(put(b, "o", "text", &p->err), ERR_DENIED);
	assert_null(strstr(p->err.msg, "wrong"));
	assert_null(strstr(p->err.hint, "wrong"));
}

/* ---- hardship ---- */

static void a_full_disk_is_told_as_such_and_nothing_half_stored_shows(void **state)
{
	struct place *p = *state;
	served_own_disk(served_folder("HOLDFAST_TEST_SFTP"), "data/small");
	snprintf(strstr(p->url, "/~/"), 20, "/~/small/t");
	AUTO(backend) b = open_place(p);
	assert_non_null(b);
	hardship_full_disk(b);
}

static struct backend *open_again(void *arg)
{
	return open_place(arg);
}

static void a_put_whose_answer_was_lost_is_a_success(void **state)
{
	struct place *p = *state;
	go_to(p, NULL, served_number(served_folder("HOLDFAST_TEST_SFTP"), "proxy/port"));
	hardship_lost_answers(&(struct hardship_place){ p->server, open_again, p }, 700, 60);
}

/* ---- names and folders ---- */

static void odd_folders_are_quoted(void **state)
{
	struct place *p = *state;
	struct backend_object o;
	strcat(p->url, "/a%20b%22c%5Cd'%25%C3%A4");
	AUTO(backend) b = open_place(p);
	assert_non_null(b);
	assert_int_equal(put(b, "x/o", "text", &p->err), 0);
	assert_int_equal(storage_stat(b, "x/o", &o, &p->err), 0);
	assert_int_equal(storage_put(b, "x/o", "more", 4, BACKEND_REPLACE, &p->err), 0);
	assert_int_equal(storage_remove(b, "x/o", &p->err), 0);
}

static void an_absolute_path_is_the_servers(void **state)
{
	struct place *p = *state;
	const char *server = served_folder("HOLDFAST_TEST_SFTP");
	struct stat st;
	char file[SERVED_PATH_MAX];
	*strstr(p->url, "/~/") = '\0';
	size_t len = strlen(p->url);
	snprintf(p->url + len, sizeof p->url - len, "%s/absolute", server);
	AUTO(backend) b = open_place(p);
	assert_non_null(b);
	assert_int_equal(put(b, "a/o", "text", &p->err), 0);
	served_path(file, server, "absolute/a/o");
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static int count(void *arg, const struct backend_object *o, struct err *err)
{
	(void)err;
	(void)o;
	++*(unsigned *)arg;
	return 0;
}

static int keep_time(void *arg, const struct backend_object *o, struct err *err)
{
	(void)err;
	*(int64_t *)arg = o->time_s;
	return 0;
}

static void times_of_listings_are_right_to_the_minute(void **state)
{
	struct place *p = *state;
	int64_t listed = 0, now = (int64_t)time(NULL);
	AUTO(backend) b = open_place(p);
	assert_non_null(b);
	assert_int_equal(put(b, "a/o", "text", &p->err), 0);
	assert_int_equal(storage_list(b, "", keep_time, &listed, &p->err), 0);
	assert_in_range(listed, now - 61, now + 61);
}

static void make_file(const struct place *p, const char *name, bool old)
{
	char path[SERVED_PATH_MAX];
	path_of(p, name, path);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "old", 3), 3);
	struct timespec times[2] = { { .tv_sec = time(NULL) - 30 * 60 * 60 },
		                     { .tv_sec = time(NULL) - 30 * 60 * 60 } };
	assert_int_equal(old ? futimens(fd, times) : 0, 0);
	close(fd);
}

static bool is_there(const struct place *p, const char *name)
{
	char path[SERVED_PATH_MAX];
	path_of(p, name, path);
	return access(path, F_OK) == 0;
}

static void temporaries_are_hidden_and_swept_after_a_day(void **state)
{
	struct place *p = *state;
	unsigned n = 0;
	AUTO(backend) b = open_place(p);
	assert_non_null(b);
	assert_int_equal(put(b, "a/o", "text", &p->err), 0);
	make_file(p, "a/.tmp-0123456789abcdef", true);
	make_file(p, "a/.tmp-0123456789abcdee", false);
	assert_int_equal(storage_list(b, "", count, &n, &p->err), 0);
	assert_int_equal(n, 1);
	assert_false(is_there(p, "a/.tmp-0123456789abcdef"));
	assert_true(is_there(p, "a/.tmp-0123456789abcdee"));
}

/* A writer died between its two renames. */
static void what_a_replacement_put_aside_is_still_the_object(void **state)
{
	struct place *p = *state;
	struct backend_object o;
	char got[8];
	size_t len;
	unsigned n = 0;
	AUTO(backend) b = open_place(p);
	assert_non_null(b);
	assert_int_equal(put(b, "log/other", "text", &p->err), 0);
	make_file(p, "log/.old-checkpoint", false);
	assert_int_equal(storage_get(b, "log/checkpoint", 0, got, sizeof got, &len, &p->err), 0);
	assert_int_equal(len, 3);
	assert_int_equal(storage_stat(b, "log/checkpoint", &o, &p->err), 0);
	assert_int_equal(storage_list(b, "log/", count, &n, &p->err), 0);
	assert_int_equal(n, 2);
	assert_int_equal(storage_put(b, "log/checkpoint", "new", 3, BACKEND_REPLACE, &p->err), 0);
	assert_false(is_there(p, "log/.old-checkpoint"));
	assert_int_equal(storage_get(b, "log/checkpoint", 0, got, sizeof got, &len, &p->err), 0);
	assert_memory_equal(got, "new", 3);
}

static void a_top_that_vanished_is_unreachable_and_not_made_again(void **state)
{
	struct place *p = *state;
	char byte, path[SERVED_PATH_MAX];
	size_t len;
	AUTO(backend) b = open_place(p);
	assert_non_null(b);
	assert_int_equal(put(b, "a/o", "text", &p->err), 0);
	path_of(p, "", path);
	assert_int_equal(scratch_remove(path), 0);
	assert_int_equal(storage_get(b, "a/o", 0, &byte, 1, &len, &p->err), ERR_UNREACHABLE);
	assert_int_equal(put(b, "a/o", "text", &p->err), ERR_UNREACHABLE);
	assert_false(is_there(p, ""));
}

static void a_file_in_the_way_is_an_error_and_not_absence(void **state)
{
	struct place *p = *state;
	AUTO(backend) b = open_place(p);
	assert_non_null(b);
	assert_int_equal(put(b, "a", "text", &p->err), 0);
	assert_int_equal(put(b, "a/o", "text", &p->err), ERR_IO);
}

static void bad_locations_are_refused(void **state)
{
	struct place *p = *state;
	struct backend_options none = { 0 };
	static const char *const bad[] = { "sftp://host/x", "sftp://u:secret@host/x", "sftp://u@/x",
		                           "sftp://u@host:0/x" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_null(storage_open(bad[i], &none, &p->err));
		assert_int_equal(p->err.code, ERR_INVALID);
		assert_null(strstr(p->err.msg, "secret"));
	}
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv)
{
	if (argc == 1)
		served_enter("run-sftp", argv);
	const struct CMUnitTest tests[] = {
		TEST(a_changed_host_key_is_refused),
		TEST(an_unknown_host_is_refused),
		TEST(an_accepted_host_is_remembered),
		TEST(a_key_that_others_can_read_is_refused),
		TEST(a_key_that_the_server_does_not_know_is_refused),
		TEST(an_ecdsa_key_works),
		TEST(without_any_key_it_is_refused),
		TEST(an_agent_holds_the_key),
		TEST(an_agent_without_the_right_key_is_refused),
		TEST(a_password_works),
		TEST(a_wrong_password_is_refused_and_not_told),
		TEST(a_full_disk_is_told_as_such_and_nothing_half_stored_shows),
		TEST(a_put_whose_answer_was_lost_is_a_success),
		TEST(odd_folders_are_quoted),
		TEST(an_absolute_path_is_the_servers),
		TEST(times_of_listings_are_right_to_the_minute),
		TEST(temporaries_are_hidden_and_swept_after_a_day),
		TEST(what_a_replacement_put_aside_is_still_the_object),
		TEST(a_top_that_vanished_is_unreachable_and_not_made_again),
		TEST(a_file_in_the_way_is_an_error_and_not_absence),
		TEST(bad_locations_are_refused),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	return served_contract(argv) != 0 || failed != 0;
}
