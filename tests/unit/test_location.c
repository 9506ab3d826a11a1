/* What follows "scheme://" is taken apart strictly, and put together again for the protocol. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "../../backends/location.h"
#include "holdfast/err.h"

static void expect_url(const char *text, const char *user, const char *url)
{
	struct location l;
	struct err err = { 0 };
	char out[LOCATION_URL_MAX];
	assert_int_equal(location_parse(&l, "x", text, &err), 0);
	assert_string_equal(l.user, user);
	location_url(&l, "x", "a/b", out);
	assert_string_equal(out, url);
}

static void users_hosts_ports_and_paths_are_taken_apart(void **state)
{
	(void)state;
	expect_url("host", "", "x://host/a/b");
	expect_url("host/", "", "x://host/a/b");
	expect_url("u@host.example:2222/srv/vault/", "u", "x://host.example:2222/srv/vault/a/b");
	expect_url("u%40corp@[::1]:22/~/v", "u@corp", "x://[::1]:22/~/v/a/b");
	expect_url("me@me@10.0.0.1/v", "me@me", "x://10.0.0.1/v/a/b");
}

static void what_is_odd_in_a_path_is_encoded(void **state)
{
	(void)state;
	expect_url("h/a b/%3F%23/100%25/\xc3\xa4\"", "", "x://h/a%20b/%3F%23/100%25/%C3%A4%22/a/b");
}

static void a_folder_ends_with_a_slash_where_it_is_asked_for(void **state)
{
	(void)state;
	struct location l;
	struct err err;
	char out[LOCATION_URL_MAX];
	assert_int_equal(location_parse(&l, "x", "h/v", &err), 0);
	location_url(&l, "x", "", out);
	assert_string_equal(out, "x://h/v/");
	location_url(&l, "x", NULL, out);
	assert_string_equal(out, "x://h/v");
}

static void the_longest_path_and_name_fit(void **state)
{
	(void)state;
	struct location l;
	struct err err;
	char text[LOCATION_PATH_MAX + 10] = "h/", name[251], out[LOCATION_URL_MAX];
	memset(text + 2, ' ', LOCATION_PATH_MAX - 4);
	assert_int_equal(location_parse(&l, "x", text, &err), 0);
	memset(name, 'n', 250);
	name[250] = '\0';
	location_url(&l, "x", name, out);
	assert_string_equal(out + strlen(out) - 250, name);
	memset(text + 2, ' ', LOCATION_PATH_MAX + 2);
	assert_int_equal(location_parse(&l, "x", text, &err), ERR_INVALID);
}

static void malformed_locations_are_refused_without_repeating_them(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "/x", "@host/x", "u@/x", "u:secret@host/x", "user:secret@host", "host:/x", "host:0/x",
		"host:65536/x", "host:1a/x", "host:000022/x", "ho st/x", "-oProxy/x", "host/../x", "host/./x",
		"host//x", "host/x//", "host/%2e%2e/x", "host/a%2fb", "host/%", "host/%1", "host/%zz",
		"host/%00", "host/%0a", "host/a\nb", "host/x?secret", "host/x#secret", "host?secret",
		"[::1/x", "::1/x", "[]/x", "[::1]x/x", "u%@host/x", "h\xc3\xa4/x",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct location l;
		struct err err = { 0 };
		if (location_parse(&l, "x", bad[i], &err) != ERR_INVALID)
			fail_msg("taken: '%s'", bad[i]);
		assert_null(strstr(err.msg, "secret"));
		assert_null(strstr(err.hint, "secret"));
	}
}

static void only_this_machine_is_loopback(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool loopback;
	} hosts[] = {
		{ "localhost", true }, { "LocalHost:80/x", true }, { "127.0.0.1", true },
		{ "127.9.8.7:1/x", true }, { "[::1]", true }, { "localhost.example.org", false },
		{ "127.0.0.1.example.org", false }, { "[::2]", false }, { "10.0.0.1", false },
	};
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		struct location l;
		struct err err;
		assert_int_equal(location_parse(&l, "x", hosts[i].text, &err), 0);
		assert_int_equal(location_is_loopback(l.host), hosts[i].loopback);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_hosts_ports_and_paths_are_taken_apart),
		cmocka_unit_test(what_is_odd_in_a_path_is_encoded),
		cmocka_unit_test(a_folder_ends_with_a_slash_where_it_is_asked_for),
		cmocka_unit_test(the_longest_path_and_name_fit),
		cmocka_unit_test(malformed_locations_are_refused_without_repeating_them),
		cmocka_unit_test(only_this_machine_is_loopback),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
