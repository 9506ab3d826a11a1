#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "../../backends/memory.h"
#include "base/buf.h"
#include "holdfast/err.h"
#include "vault/storage.h"

static int set_up(void **state)
{
	struct err err;
	memory_forget("storage");
	*state = storage_open("memory://storage", NULL, &err);
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	storage_free(*state);
	return 0;
}

static void an_unknown_scheme_is_refused_with_those_there_are(void **state)
{
	(void)state;
	struct err err;
	assert_null(storage_open("gopher://host/vault", NULL, &err));
	assert_int_equal(err.code, ERR_INVALID);
	assert_string_equal(err.msg, "no storage driver for 'gopher://': "
	                             "there are file, s3, sftp, webdavs, webdav, memory, faulty");
	static const char *const bad[] = { "", "vault", "://x", "File:///srv/vault", "file:/srv/vault",
		                           "memor://x", "memoryy://x" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_null(storage_open(bad[i], NULL, &err));
		assert_int_equal(err.code, ERR_INVALID);
	}
}

static void a_password_in_a_url_is_not_repeated(void **state)
{
	(void)state;
	struct err err;
	assert_null(storage_open("gopher://user:hunter2@host/vault", NULL, &err));
	assert_null(strstr(err.msg, "hunter2"));
	assert_null(strstr(err.hint, "hunter2"));
}

static void freeing_nothing_is_legal(void **state)
{
	(void)state;
	storage_free(NULL);
}

static void names_follow_the_contract(void **state)
{
	(void)state;
	assert_true(storage_name_ok("a"));
	assert_true(storage_name_ok("A/b.c/0_-"));
	assert_true(storage_name_ok("-"));
	assert_true(storage_name_ok("a..b"));
	assert_false(storage_name_ok(""));
	assert_false(storage_name_ok(".."));
	assert_false(storage_name_ok("a/../b"));
	assert_false(storage_name_ok("a/.b"));
	assert_false(storage_name_ok("/a"));
	assert_false(storage_name_ok("a/"));
	assert_false(storage_name_ok("a//b"));
	assert_false(storage_name_ok("a b"));
	assert_false(storage_name_ok("a\x80"));
}

static void errors_begin_with_the_objects_name(void **state)
{
	struct err err;
	char byte;
	size_t len;
	assert_int_equal(storage_get(*state, "k/s/packs/41d0", 0, &byte, 1, &len, &err), ERR_ABSENT);
	assert_string_equal(err.msg, "k/s/packs/41d0: no such object in memory://storage");
}

/* ---- get_all ---- */

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i ^ i >> 8 ^ i >> 16);
}

static void put_pattern(struct backend *b, size_t len)
{
	struct err err;
	uint8_t *data = malloc(len + 1);
	assert_non_null(data);
	for (size_t i = 0; i < len; i++)
		data[i] = pattern(i);
	assert_int_equal(storage_put(b, "o", data, len, BACKEND_REPLACE, &err), 0);
	free(data);
}

static void get_all_appends_objects_of_every_size(void **state)
{
	static const size_t sizes[] = { 0, 1, 65536, (256 << 10) - 1, 256 << 10, (256 << 10) + 1,
		                        768 << 10, (768 << 10) + 1, 9 << 20 };
	struct err err;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		put_pattern(*state, sizes[i]);
		AUTO(buf) out = buf_new(16 << 20, &err);
		assert_int_equal(buf_append(out, "before", 6, &err), 0);
		assert_int_equal(storage_get_all(*state, "o", out, &err), 0);
		assert_int_equal(out->len, 6 + sizes[i]);
		assert_memory_equal(out->bytes, "before", 6);
		for (size_t at = 0; at < sizes[i]; at++)
			if (out->bytes[6 + at] != pattern(at))
				fail_msg("byte %zu of %zu is wrong", at, sizes[i]);
	}
}

static void get_all_stops_at_the_cap_and_not_before(void **state)
{
	static const size_t sizes[] = { 0, 1, 1000, 256 << 10, 300 << 10, 1 << 20 };
	struct err err;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		AUTO(buf) out = buf_new(5 + sizes[i], &err);
		assert_int_equal(buf_append(out, "kept.", 5, &err), 0);
		put_pattern(*state, sizes[i] + 1);
		assert_int_equal(storage_get_all(*state, "o", out, &err), ERR_LIMIT);
		assert_int_equal(strncmp(err.msg, "o: ", 3), 0);
		assert_int_equal(out->len, 5);
		put_pattern(*state, sizes[i]);
		assert_int_equal(storage_get_all(*state, "o", out, &err), 0);
		assert_int_equal(out->len, 5 + sizes[i]);
		assert_memory_equal(out->bytes, "kept.", 5);
	}
}

static void get_all_leaves_the_buffer_alone_when_it_fails(void **state)
{
	struct err err;
	struct backend *b = storage_open("faulty://get=3:unreachable/memory://storage", NULL, &err);
	AUTO(buf) out = buf_new(16 << 20, &err);
	assert_non_null(b);
	put_pattern(*state, 4 << 20);
	assert_int_equal(buf_append(out, "kept", 4, &err), 0);
	assert_int_equal(storage_get_all(b, "o", out, &err), ERR_UNREACHABLE);
	assert_int_equal(out->len, 4);
	assert_int_equal(storage_get_all(b, "absent", out, &err), ERR_ABSENT);
	assert_int_equal(out->len, 4);
	storage_free(b);
}

/* ---- list ---- */

static int complain(void *arg, const struct backend_object *o, struct err *err)
{
	(void)arg;
	return err_set(err, ERR_CORRUPT, "%s is damaged", o->name);
}

static void a_visitors_error_is_passed_on_as_it_is(void **state)
{
	struct err err;
	assert_int_equal(storage_put(*state, "a/b", "x", 1, BACKEND_NEW, &err), 0);
	assert_int_equal(storage_list(*state, "a/", complain, NULL, &err), ERR_CORRUPT);
	assert_string_equal(err.msg, "a/b is damaged");
}

static void a_listing_that_fails_names_its_prefix(void **state)
{
	(void)state;
	struct err err;
	AUTO(backend) b = storage_open("faulty://list=1+:io/memory://storage", NULL, &err);
	assert_int_equal(storage_list(b, "a/", complain, NULL, &err), ERR_IO);
	assert_int_equal(strncmp(err.msg, "a/: ", 4), 0);
}

static void objects_that_no_put_can_have_made_are_not_visited(void **state)
{
	struct backend *b = *state;
	struct err err;
	static const struct backend_put hidden = { "a/.hidden", "x", 1, BACKEND_NEW, false };
	static const struct backend_put blank = { "a/with space", "x", 1, BACKEND_NEW, false };
	assert_int_equal(b->ops->put(b, &hidden, NULL, &err), 0);
	assert_int_equal(b->ops->put(b, &blank, NULL, &err), 0);
	assert_int_equal(storage_list(b, "", complain, NULL, &err), 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(an_unknown_scheme_is_refused_with_those_there_are),
		TEST(a_password_in_a_url_is_not_repeated),
		TEST(freeing_nothing_is_legal),
		TEST(names_follow_the_contract),
		TEST(errors_begin_with_the_objects_name),
		TEST(get_all_appends_objects_of_every_size),
		TEST(get_all_stops_at_the_cap_and_not_before),
		TEST(get_all_leaves_the_buffer_alone_when_it_fails),
		TEST(a_visitors_error_is_passed_on_as_it_is),
		TEST(a_listing_that_fails_names_its_prefix),
		TEST(objects_that_no_put_can_have_made_are_not_visited),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
