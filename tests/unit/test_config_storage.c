/* What a [vault] section says of its storage reaches the driver as it was meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "cli/config.h"
#include "cli/config_storage.h"
#include "holdfast/backend.h"
#include "holdfast/err.h"

static struct config *parse(const char *keys, struct err *err)
{
	static const char head[] = "[vault]\nurl = s3://bucket\n";
	struct config *c = config_new(err);
	assert_non_null(c);
	if (config_add(c, "t.conf", head, strlen(head), err) == 0 &&
	    config_add(c, "t.conf", keys, strlen(keys), err) == 0 && config_complete(c, err) == 0)
		return c;
	config_free(c);
	return NULL;
}

static struct backend_options options_of(const struct config *c)
{
	struct backend_options o;
	config_backend_options(c, config_find(c, CONFIG_VAULT, ""), &o);
	return o;
}

static void every_key_reaches_its_option(void **state)
{
	(void)state;
	struct err err = { 0 };
	AUTO(config) c = parse("ca-file = /a\nclient-cert = /b\nclient-key = /c\n"
	                       "pinned-key = sha256//YhKJKSzoTt2b5FP18fvpHo7fJYqQCjAa3HWY3tvRMwE=\n"
	                       "proxy = http://p:3128\nlimit-up = 20M 08:00-18:00\nlimit-down = 5M\n"
	                       "connections = 6\nconnect-timeout = 7s\nstall-timeout = 1m\ntimeout = 2m\n"
	                       "password-file = /d\ncredentials = /e\nprofile = f\nidentity = /g\n"
	                       "known-hosts = /h\nhost-keys = accept-new\nendpoint = i\nregion = j\n"
	                       "storage-class = k\nstyle = virtual-host\nlock = compliance 30d\n", &err);
	assert_non_null(c);
	struct backend_options o = options_of(c);
	assert_string_equal(o.ca_file, "/a");
	assert_string_equal(o.client_cert, "/b");
	assert_string_equal(o.client_key, "/c");
	assert_string_equal(o.pinned_key, "sha256//YhKJKSzoTt2b5FP18fvpHo7fJYqQCjAa3HWY3tvRMwE=");
	assert_string_equal(o.proxy, "http://p:3128");
	assert_string_equal(o.limit_up, "20M 08:00-18:00");
	assert_string_equal(o.limit_down, "5M");
	assert_int_equal(o.connections, 6);
	assert_int_equal(o.connect_timeout_s, 7);
	assert_int_equal(o.stall_timeout_s, 60);
	assert_int_equal(o.timeout_s, 120);
	assert_string_equal(o.password_file, "/d");
	assert_string_equal(o.credentials, "/e");
	assert_string_equal(o.profile, "f");
	assert_string_equal(o.identity, "/g");
	assert_string_equal(o.known_hosts, "/h");
	assert_true(o.accept_new_host);
	assert_string_equal(o.endpoint, "i");
	assert_string_equal(o.region, "j");
	assert_string_equal(o.storage_class, "k");
	assert_true(o.virtual_host);
	assert_true(o.lock_compliance);
	assert_int_equal(o.lock_s, 30 * 86400);
	assert_null(o.location);
	assert_null(o.stop);
	assert_int_equal(o.as_of_s, 0);
}

static void what_is_not_said_is_absent(void **state)
{
	(void)state;
	struct err err = { 0 };
	const struct backend_options none = { .location = NULL };
	struct backend_options o = { .ca_file = "/left", .lock_s = 9 };
	AUTO(config) c = parse("", &err);
	assert_non_null(c);
	config_backend_options(c, config_find(c, CONFIG_VAULT, ""), &o);
	assert_memory_equal(&o, &none, sizeof o);
	o.region = "left";
	config_backend_options(c, NULL, &o);
	assert_memory_equal(&o, &none, sizeof o);
}

static void the_other_words_mean_the_other_thing(void **state)
{
	(void)state;
	struct err err = { 0 };
	AUTO(config) c = parse("host-keys = strict\nstyle = path\nlock = governance 1w\n"
	                       "connections = auto\n", &err);
	assert_non_null(c);
	struct backend_options o = options_of(c);
	assert_false(o.accept_new_host);
	assert_false(o.virtual_host);
	assert_false(o.lock_compliance);
	assert_int_equal(o.lock_s, 7 * 86400);
	assert_int_equal(o.connections, 0);
}

static void wrong_values_are_refused_with_file_and_line(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"connections = 0\n", "connections = 33\n", "connections = many\n", "lock = 30d\n",
		"lock = compliance\n", "lock = compliance never\n", "lock = governance30d\n",
		"limit-up = 20X\n", "limit-up = 20M 08:00\n", "limit-down = 20M,\n",
		"style = virtual\n", "host-keys = yes\n", "ca-file = ca.pem\n", "proxy = p\n",
		"pinned-key = sha256//AAAA=\n", "pinned-key = sha1//x\n", "stall-timeout = 30\n",
		"copy = yes\n",
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct err err = { 0 };
		struct config *c = parse(wrong[i], &err);
		if (c)
			fail_msg("accepted: %s", wrong[i]);
		assert_int_equal(err.code, ERR_INVALID);
		if (strncmp(err.msg, "t.conf:1: '", 11) != 0 || !strstr(err.msg, " is not "))
			fail_msg("%s", err.msg);
	}
}

static void a_store_has_none_of_these_keys(void **state)
{
	(void)state;
	struct err err = { 0 };
	assert_null(parse("[store a]\ntype = files\npath = /a\nregion = x\n", &err));
	assert_int_equal(err.code, ERR_INVALID);
	assert_non_null(strstr(err.msg, "unknown key 'region' in [store a]"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_reaches_its_option),
		cmocka_unit_test(what_is_not_said_is_absent),
		cmocka_unit_test(the_other_words_mean_the_other_thing),
		cmocka_unit_test(wrong_values_are_refused_with_file_and_line),
		cmocka_unit_test(a_store_has_none_of_these_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
