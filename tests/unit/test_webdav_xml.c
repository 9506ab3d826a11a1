/* Multistatus bodies as servers write them, and those that would harm us. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "../../backends/webdav_xml.h"
#include "holdfast/err.h"

struct seen {
	struct webdav_resource last;
	unsigned n;
	int give_up;
};

static int keep(void *arg, const struct webdav_resource *r, struct err *err)
{
	(void)err;
	struct seen *s = arg;
	s->last = *r;
	s->n++;
	return s->give_up;
}

static int parse(const char *text, struct seen *s)
{
	struct err err = { 0 };
	return webdav_xml_parse(text, strlen(text), keep, s, &err);
}

#define OK "<D:status>HTTP/1.1 200 OK</D:status>"
#define RESPONSE(href, props)                                                                      \
	"<D:response><D:href>" href "</D:href><D:propstat><D:prop>" props "</D:prop>" OK           \
	"</D:propstat></D:response>"
#define MULTI(x) "<?xml version=\"1.0\"?><D:multistatus xmlns:D=\"DAV:\">" x "</D:multistatus>"

static void an_object_has_size_time_and_tag(void **state)
{
	(void)state;
	struct seen s = { .n = 0 };
	assert_int_equal(parse(MULTI(RESPONSE("/v/a%20b",
		"<x:resourcetype xmlns:x='DAV:'/><D:getcontentlength> 562\n</D:getcontentlength>"
		"<D:getlastmodified>Thu, 26 Nov 2026 14:30:04 GMT</D:getlastmodified>"
		"<D:getetag>\"232-66\"</D:getetag>")), &s), 0);
	assert_int_equal(s.n, 1);
	assert_string_equal(s.last.href, "/v/a%20b");
	assert_false(s.last.folder);
	assert_int_equal(s.last.size_bytes, 562);
	assert_int_equal(s.last.time_s, 1795703404);
	assert_string_equal(s.last.tag, "\"232-66\"");
}

static void a_weak_tag_is_none(void **state)
{
	(void)state;
	struct seen s = { .n = 0 };
	assert_int_equal(parse(MULTI(RESPONSE("/a", "<D:getetag>W/\"1\"</D:getetag>")), &s), 0);
	assert_string_equal(s.last.tag, "");
	assert_int_equal(s.last.size_bytes, UINT64_MAX);
	assert_int_equal(s.last.time_s, -1);
}

static void a_collection_is_a_folder(void **state)
{
	(void)state;
	struct seen s = { .n = 0 };
	assert_int_equal(parse(MULTI(RESPONSE("/v/",
		"<D:resourcetype><D:collection/></D:resourcetype>")), &s), 0);
	assert_true(s.last.folder);
	/* one of another namespace is not */
	assert_int_equal(parse(MULTI(RESPONSE("/v",
		"<D:resourcetype><c:collection xmlns:c='urn:x'/></D:resourcetype>")), &s), 0);
	assert_false(s.last.folder);
}

static void properties_that_were_not_found_do_not_count(void **state)
{
	(void)state;
	struct seen s = { .n = 0 };
	assert_int_equal(parse(MULTI("<D:response><D:href>/a</D:href><D:propstat><D:prop>"
		"<D:getcontentlength>7</D:getcontentlength></D:prop>" OK "</D:propstat><D:propstat><D:prop>"
		"<D:getcontentlength>9</D:getcontentlength><D:resourcetype><D:collection/></D:resourcetype>"
		"</D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response>"), &s), 0);
	assert_int_equal(s.last.size_bytes, 7);
	assert_false(s.last.folder);
}

static void a_response_may_say_that_it_is_missing(void **state)
{
	(void)state;
	struct seen s = { .n = 0 };
	assert_int_equal(parse(MULTI("<D:response><D:href>/a</D:href>"
		"<D:status>HTTP/1.1 404 Not Found</D:status></D:response>"), &s), 0);
	assert_true(s.last.missing);
}

static void every_response_is_visited_until_one_gives_up(void **state)
{
	(void)state;
	struct seen s = { .n = 0 };
	assert_int_equal(parse(MULTI(RESPONSE("/a", "") RESPONSE("/b", "")), &s), 0);
	assert_int_equal(s.n, 2);
	s = (struct seen){ .give_up = 42 };
	assert_int_equal(parse(MULTI(RESPONSE("/a", "") RESPONSE("/b", "")), &s), 42);
	assert_int_equal(s.n, 1);
}

static void odd_sizes_are_unknown(void **state)
{
	(void)state;
	static const char *const sizes[] = { "-1", "+1", "1x", "", "99999999999999999999", "0x10" };
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct seen s = { .n = 0 };
		char text[600];
		snprintf(text, sizeof text,
			 MULTI(RESPONSE("/a", "<D:getcontentlength>%s</D:getcontentlength>")), sizes[i]);
		assert_int_equal(parse(text, &s), 0);
		assert_int_equal(s.last.size_bytes, UINT64_MAX);
	}
}

static void what_is_no_multistatus_is_corrupt(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "no", "<html/>", "<multistatus/>", "<D:multistatus xmlns:D='DAV:'>",
		"<D:multistatus xmlns:D='DAV:'><D:response></D:multistatus>",
		"<!DOCTYPE x [<!ENTITY a \"b\">]><D:multistatus xmlns:D='DAV:'>&a;</D:multistatus>",
		"<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><D:multistatus xmlns:D='DAV:'/>",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct seen s = { .n = 0 };
		assert_int_equal(parse(bad[i], &s), ERR_CORRUPT);
		assert_int_equal(s.n, 0);
	}
}

static void depth_and_length_are_bounded(void **state)
{
	(void)state;
	static char text[40000];
	struct seen s = { .n = 0 };
	for (int i = 0; i < 2 * WEBDAV_DEPTH_MAX; i++)
		memcpy(text + 3 * i, "<a>", 4);
	assert_int_equal(parse(text, &s), ERR_LIMIT);
	int n = snprintf(text, sizeof text, "<D:multistatus xmlns:D='DAV:'><D:response><D:href>");
	memset(text + n, 'x', WEBDAV_HREF_MAX);
	text[n + WEBDAV_HREF_MAX] = '\0';
	assert_int_equal(parse(text, &s), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_has_size_time_and_tag),
		cmocka_unit_test(a_weak_tag_is_none),
		cmocka_unit_test(a_collection_is_a_folder),
		cmocka_unit_test(properties_that_were_not_found_do_not_count),
		cmocka_unit_test(a_response_may_say_that_it_is_missing),
		cmocka_unit_test(every_response_is_visited_until_one_gives_up),
		cmocka_unit_test(odd_sizes_are_unknown),
		cmocka_unit_test(what_is_no_multistatus_is_corrupt),
		cmocka_unit_test(depth_and_length_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
