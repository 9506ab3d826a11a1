/* The S3 driver without a server or with a scripted one: addresses, XML, keys, refusals, lost answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "../../backends/s3_auth.h"
#include "../../backends/s3_error.h"
#include "../../backends/s3_place.h"
#include "../../backends/s3_role.h"
#include "../../backends/s3_xml.h"
#include "base/buf.h"
#include "holdfast/backend.h"
#include "holdfast/err.h"
#include "scratch.h"
#include "scripted.h"
#include "vault/storage.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static char folder[SCRATCH_MAX];
static struct err err;

/* ---- addresses ---- */

static int parse(struct s3_place *p, const char *location, const char *endpoint)
{
	const struct backend_options o = { .location = location, .endpoint = endpoint };
	return s3_place_parse(p, &o, &err);
}

static void bucket_and_folder_are_taken_apart(void **state)
{
	(void)state;
	struct s3_place p;
	static const char *const urls[][3] = {
		{ "crm-backup", "crm-backup", "" },
		{ "crm-backup/", "crm-backup", "" },
		{ "crm.backup/a", "crm.backup", "a/" },
		{ "crm/a/b b/", "crm", "a/b b/" },
		{ "123/a.b/...", "123", "a.b/.../" },
	};
	for (size_t i = 0; i < COUNT(urls); i++) {
		assert_int_equal(parse(&p, urls[i][0], NULL), 0);
		assert_string_equal(p.bucket, urls[i][1]);
		assert_string_equal(p.prefix, urls[i][2]);
	}
}

static void what_is_no_bucket_or_folder_is_refused(void **state)
{
	(void)state;
	struct s3_place p;
	static const char *const bad[] = { "", "/", "ab", "ab/x", "Crm", "crm_x", "-crm", "crm-", "a..b",
		                           "key:secret@bucket", "crm//", "crm/a//b", "crm/..", "crm/../x",
		                           "crm/./x", "crm/a/..", "crm/a%2e", "crm/a?b", "crm/a#b",
		                           "crm/a\\b", "crm/a\nb", "crm/a//" };
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(parse(&p, bad[i], NULL), ERR_INVALID);
		assert_null(strstr(err.msg, "secret"));
	}
	char long_bucket[65], long_folder[800] = "crm/";
	memset(long_bucket, 'a', 64);
	long_bucket[64] = '\0';
	assert_int_equal(parse(&p, long_bucket, NULL), ERR_INVALID);
	long_bucket[63] = '\0';
	assert_int_equal(parse(&p, long_bucket, NULL), 0);
	memset(long_folder + 4, 'a', S3_PREFIX_MAX + 1);
	assert_int_equal(parse(&p, long_folder, NULL), ERR_INVALID);
	long_folder[4 + S3_PREFIX_MAX] = '\0';
	assert_int_equal(parse(&p, long_folder, NULL), 0);
}

static void assert_url(const struct backend_options *o, const char *name, const char *query,
                       const char *expected)
{
	struct s3_place p;
	AUTO(buf) url = buf_new(S3_URL_MAX, &err);
	assert_int_equal(s3_place_parse(&p, o, &err), 0);
	assert_int_equal(s3_place_url(&p, p.region, name, query, url, &err), 0);
	assert_string_equal(buf_text(url, &err), expected);
}

static void urls_are_encoded_as_signatures_want_them(void **state)
{
	(void)state;
	struct backend_options o = { .location = "crm/a b+\xc3\xbc/c" };
	assert_url(&o, "k/x", "", "https://crm.s3.us-east-1.amazonaws.com/a%20b%2B%C3%BC/c/k/x");
	o.region = "cn-north-1";
	assert_url(&o, NULL, "versioning=", "https://crm.s3.cn-north-1.amazonaws.com.cn/?versioning=");
	o.location = "crm.x";
	o.region = "eu-west-3";
	assert_url(&o, "x", "", "https://s3.eu-west-3.amazonaws.com/crm.x/x");
	o.endpoint = "https://minio.example:9000";
	assert_url(&o, NULL, "", "https://minio.example:9000/crm.x");
	o.virtual_host = true;
	assert_url(&o, "x", "", "https://crm.x.minio.example:9000/x");
}

static void endpoints_that_are_unsafe_or_none_are_refused(void **state)
{
	(void)state;
	struct s3_place p;
	static const char *const good[] = { "https://h", "https://h/", "https://h:9000", "https://[::2]:1",
		                            "http://127.0.0.1:80", "http://localhost:1", "http://LOCALHOST:1",
		                            "http://LocalHost", "http://[::1]:2" };
	static const char *const bad[] = { "", "h", "h:9000", "http://h", "http://127.0.0.1.evil.example",
		                           "http://localhost.evil.example", "ftp://h", "https://k:s@h",
		                           "https://h/path", "https://h?q", "https://h/?q", "https://h#f",
		                           "https://", "https://h:99999", "https://h h" };
	for (size_t i = 0; i < COUNT(good); i++)
		assert_int_equal(parse(&p, "crm", good[i]), 0);
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(parse(&p, "crm", bad[i]), ERR_INVALID);
		assert_true(err.hint[0]);
	}
}

static void regions_and_classes_cannot_smuggle_anything(void **state)
{
	(void)state;
	struct backend_options o = { .location = "crm", .region = "x/../y" };
	assert_null(storage_open("s3://crm", &o, &err));
	assert_int_equal(err.code, ERR_INVALID);
	o = (struct backend_options){ .storage_class = "STANDARD\r\nx: y" };
	assert_null(storage_open("s3://crm", &o, &err));
	assert_int_equal(err.code, ERR_INVALID);
}

/* ---- XML ---- */

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define OBJECTS HEAD "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
#define CONTENTS(key)                                                                              \
	"<Contents><Key>" key "</Key><LastModified>2026-01-31T23:59:58.123Z</LastModified>"         \
	"<ETag>&quot;abc&quot;</ETag><Size>12</Size><StorageClass>STANDARD</StorageClass>"          \
	"<Owner><ID>x</ID><DisplayName>y</DisplayName></Owner></Contents>"

static struct s3_page *page(const char *xml)
{
	return s3_page_parse(xml, strlen(xml), &err);
}

static void a_page_of_objects_is_read(void **state)
{
	(void)state;
	AUTO(s3_page) p = page(OBJECTS "<Name>crm</Name><Prefix></Prefix><IsTruncated>true</IsTruncated>"
	                       CONTENTS("a%2Fb") CONTENTS("c+d%2B&amp;&#x65;")
	                       "<NextContinuationToken>1/+x=</NextContinuationToken></ListBucketResult>");
	assert_non_null(p);
	assert_int_equal(p->n, 2);
	assert_true(p->truncated);
	assert_string_equal(p->next, "1/+x=");
	assert_string_equal(p->entries[0].key, "a/b");
	assert_string_equal(p->entries[0].tag, "abc");
	assert_string_equal(p->entries[0].version, "");
	assert_int_equal(p->entries[0].size_bytes, 12);
	assert_int_equal(p->entries[0].time_s, 1769903998);
	assert_string_equal(p->entries[1].key, "c d+&e");
}

static void a_page_of_versions_is_read_in_its_order(void **state)
{
	(void)state;
	AUTO(s3_page) p = page(
		HEAD "<ListVersionsResult><IsTruncated>false</IsTruncated>"
		"<DeleteMarker><Key>a</Key><VersionId>v3</VersionId><IsLatest>true</IsLatest>"
		"<LastModified>2026-01-31T23:59:58Z</LastModified></DeleteMarker>"
		"<Version><Key>a</Key><VersionId>v2</VersionId><IsLatest>false</IsLatest>"
		"<LastModified>2026-01-30T23:59:58.000000000Z</LastModified><ETag>\"e\"</ETag><Size>1</Size>"
		"</Version></ListVersionsResult>");
	assert_non_null(p);
	assert_int_equal(p->n, 2);
	assert_true(p->entries[0].marker && p->entries[0].latest);
	assert_string_equal(p->entries[0].version, "v3");
	assert_false(p->entries[1].marker || p->entries[1].latest || p->truncated);
}

static void what_is_no_whole_listing_is_an_error_and_not_a_shorter_one(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "x", "<html><body>log in to this network</body></html>", "<Error><Code>x</Code></Error>",
		OBJECTS, OBJECTS CONTENTS("a"), OBJECTS "</ListBucketResult><x/>",
		OBJECTS "<Contents><Key>a</Key></Contents></ListBucketResult>",
		OBJECTS "<Contents><LastModified>2026-01-31T23:59:58Z</LastModified></Contents>"
		        "</ListBucketResult>",
		OBJECTS CONTENTS("a%2") "</ListBucketResult>", OBJECTS CONTENTS("a%00") "</ListBucketResult>",
		OBJECTS "<Contents><Key>a</Key><Key>b</Key></Contents></ListBucketResult>",
		OBJECTS "<Contents><Size>-1</Size></Contents></ListBucketResult>",
		OBJECTS "<Contents><Size>99999999999999999999</Size></Contents></ListBucketResult>",
		OBJECTS "<Contents><LastModified>yesterday</LastModified></Contents></ListBucketResult>",
		OBJECTS "<a><a><a><a><a><a><a><a></a></a></a></a></a></a></a></a></ListBucketResult>",
		OBJECTS "<Contents><Key>&x;</Key></Contents></ListBucketResult>",
	};
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_null(page(bad[i]));
		assert_int_equal(err.code, ERR_IO);
	}
}

static void a_document_type_is_refused(void **state)
{
	(void)state;
	assert_null(page(HEAD "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>"
	                 "<ListBucketResult>" CONTENTS("&b;") "</ListBucketResult>"));
	assert_null(page(HEAD "<!DOCTYPE x SYSTEM \"file:///etc/passwd\">"
	                 "<ListBucketResult></ListBucketResult>"));
	char code[10];
	const struct s3_field field = { "Code", code, sizeof code };
	static const char xml[] = "<!DOCTYPE x [<!ENTITY a \"b\">]><Error><Code>&a;</Code></Error>";
	assert_false(s3_fields_parse(xml, strlen(xml), &field, 1));
	assert_string_equal(code, "");
}

static void endless_texts_and_pages_are_refused(void **state)
{
	(void)state;
	AUTO(buf) text = buf_new(8 << 20, &err);
	assert_int_equal(buf_printf(text, &err, OBJECTS "<Contents><Key>%0*d</Key>", S3_TEXT_MAX + 1, 1),
	                 0);
	assert_null(s3_page_parse(text->bytes, text->len, &err));
	buf_clear(text);
	assert_int_equal(buf_printf(text, &err, OBJECTS), 0);
	for (int i = 0; i <= S3_PAGE_MAX; i++)
		assert_int_equal(buf_printf(text, &err, CONTENTS("%d"), i), 0);
	assert_int_equal(buf_printf(text, &err, "</ListBucketResult>"), 0);
	assert_null(s3_page_parse(text->bytes, text->len, &err));
	assert_int_equal(err.code, ERR_IO);
}

static void tags_lose_their_quotes_and_are_never_cut(void **state)
{
	(void)state;
	char tag[BACKEND_TAG_MAX], longest[BACKEND_TAG_MAX + 1];
	s3_tag_copy(tag, "\"abc-2\"");
	assert_string_equal(tag, "abc-2");
	s3_tag_copy(tag, "abc");
	assert_string_equal(tag, "abc");
	memset(longest, 'x', BACKEND_TAG_MAX);
	longest[BACKEND_TAG_MAX] = '\0';
	s3_tag_copy(tag, longest);
	assert_string_equal(tag, "");
}

/* ---- refusals ---- */

static int refuse(long status, const char *xml)
{
	struct s3_refusal r = { .status = status, .bucket = "crm", .action = "s3:GetObject",
		                .clock_ahead_s = 1200 };
	s3_refusal_read(&r, xml, strlen(xml));
	return s3_refusal_set(&r, &err);
}

static void refusals_have_their_code_and_next_step(void **state)
{
	(void)state;
	static const struct {
		long status;
		const char *xml;
		int code;
		const char *msg, *hint;
	} cases[] = {
		{ 404, "<Error><Code>NoSuchKey</Code></Error>", ERR_ABSENT, "no such object", "" },
		{ 404, "", ERR_ABSENT, "no such object", "" },
		{ 404, "<Error><Code>NoSuchBucket</Code></Error>", ERR_UNREACHABLE, "no such bucket",
		  "make" },
		{ 403, "<Error><Code>AccessDenied</Code><Message>No.</Message></Error>", ERR_DENIED,
		  "(s3:GetObject): No.", "s3:ListBucket" },
		{ 403, "", ERR_DENIED, "may not do this", "" },
		{ 403, "<Error><Code>InvalidAccessKeyId</Code></Error>", ERR_DENIED,
		  "not know the access key", "" },
		{ 403, "<Error><Code>SignatureDoesNotMatch</Code></Error>", ERR_DENIED, "secret key", "" },
		{ 403, "<Error><Code>RequestTimeTooSkewed</Code></Error>", ERR_DENIED, "1200 s behind",
		  "clock" },
		{ 403, "<Error><Code>QuotaExceeded</Code></Error>", ERR_SPACE, "quota", "" },
		{ 507, "", ERR_SPACE, "full", "" },
		{ 412, "", ERR_EXISTS, "already", "" },
		{ 400, "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-3</Region></Error>",
		  ERR_INVALID, "another region (eu-west-3)", "region = eu-west-3" },
		{ 301, "<Error><Code>PermanentRedirect</Code><Endpoint>e.example</Endpoint></Error>",
		  ERR_INVALID, "another region", "endpoint = https://e.example" },
		{ 503, "<Error><Code>SlowDown</Code></Error>", ERR_UNREACHABLE, "overloaded", "later" },
		{ 403, "<Error><Code>InvalidObjectState</Code></Error>", ERR_UNREACHABLE, "archive",
		  "restore" },
		{ 418, "<Error><Code>Teapot</Code><Message>a\nb</Message></Error>", ERR_IO,
		  "418 Teapot: a b", "" },
		{ 400, "<html>a proxy</html", ERR_IO, "400", "" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(refuse(cases[i].status, cases[i].xml), cases[i].code);
		assert_non_null(strstr(err.msg, cases[i].msg));
		assert_non_null(strstr(err.hint, cases[i].hint));
	}
}

/* ---- keys ---- */

static const char *key_file(const char *text, mode_t mode)
{
	static char path[SCRATCH_MAX + 20];
	snprintf(path, sizeof path, "%s/credentials", folder);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(path, mode);
	return path;
}

static void keys_are_read_from_their_profile(void **state)
{
	(void)state;
	struct s3_keys k;
	const char *path = key_file("# a comment\n[default]\naws_access_key_id=AK1\n"
	                            "aws_secret_access_key = s/e+c=ret\nregion = x\n\n"
	                            "[other]\naws_access_key_id = AK2\naws_secret_access_key = two\r\n"
	                            "aws_session_token = tok==\n", 0600);
	assert_int_equal(s3_keys_read(&k, path, "default", &err), 0);
	assert_string_equal(k.id, "AK1");
	assert_string_equal(k.secret, "s/e+c=ret");
	assert_string_equal(k.token, "");
	assert_int_equal(s3_keys_read(&k, path, "other", &err), 0);
	assert_string_equal(k.id, "AK2");
	assert_string_equal(k.token, "tok==");
	assert_int_equal(s3_keys_read(&k, path, "third", &err), ERR_ABSENT);
	assert_int_equal(s3_keys_read(&k, "/nowhere/credentials", "default", &err), ERR_ABSENT);
}

static void long_tokens_and_comments_are_read_whole(void **state)
{
	(void)state;
	struct s3_keys k;
	char token[1501], text[4000], comment[301];
	for (size_t i = 0; i < sizeof token - 1; i++)
		token[i] = (char)('a' + i % 26);
	token[sizeof token - 1] = '\0';
	memset(comment, '#', sizeof comment - 1);
	comment[sizeof comment - 1] = '\0';
	snprintf(text, sizeof text, "[default]\naws_session_token = %s\naws_access_key_id = AK\n%s\n"
	         "aws_secret_access_key = s\n  ; %s\n", token, comment, comment);
	assert_int_equal(s3_keys_read(&k, key_file(text, 0600), "default", &err), 0);
	assert_string_equal(k.token, token);
	assert_string_equal(k.id, "AK");
	assert_string_equal(k.secret, "s");
}

static void files_that_others_read_or_that_hold_no_keys_are_refused(void **state)
{
	(void)state;
	struct s3_keys k;
	static const char good[] = "[default]\naws_access_key_id=AK\naws_secret_access_key=topsecret\n";
	assert_int_equal(s3_keys_read(&k, key_file(good, 0640), "default", &err), ERR_DENIED);
	assert_non_null(strstr(err.hint, "chmod 600"));
	assert_int_equal(s3_keys_read(&k, key_file(good, 0604), "default", &err), ERR_DENIED);
	assert_int_equal(s3_keys_read(&k, key_file(good, 0400), "default", &err), 0);
	(void)key_file("", 0600);
	static const char *const bad[] = {
		"[default]\naws_access_key_id=AK\n", "[default]\naws_secret_access_key=topsecret\n",
		"[default]\naws_access_key_id=AK\naws_secret_access_key=topsecret x\n",
		"[default]\naws_access_key_id=A\tK\naws_secret_access_key=topsecret\n",
		"[default\naws_access_key_id=AK\naws_secret_access_key=topsecret\n",
	};
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(s3_keys_read(&k, key_file(bad[i], 0600), "default", &err), ERR_INVALID);
		assert_null(strstr(err.msg, "topsecret"));
	}
	assert_int_equal(s3_keys_read(&k, folder, "default", &err), ERR_INVALID);
}

static void a_roles_keys_are_whole_or_none(void **state)
{
	(void)state;
	struct s3_keys k = { .id = "before" };
	static const char good[] = "{\"Code\":\"Success\",\"AccessKeyId\":\"AK\",\"SecretAccessKey\":\"s\","
	                           "\"Token\":\"t\",\"Expiration\":\"2026-01-31T23:59:58Z\"}";
	static const char *const bad[] = {
		"", "[]", "{}", "{\"Code\":\"Failed\"}", "{\"AccessKeyId\":\"AK\",\"SecretAccessKey\":\"s\"}",
		"{\"AccessKeyId\":1,\"SecretAccessKey\":\"s\",\"Token\":\"t\"}",
		"{\"AccessKeyId\":\"AK\",\"SecretAccessKey\":\"s\",\"Token\":\"t\",\"Expiration\":\"soon\"}",
	};
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(s3_role_parse(&k, bad[i], strlen(bad[i]), &err), ERR_IO);
	assert_string_equal(k.id, "before");
	assert_int_equal(s3_role_parse(&k, good, strlen(good), &err), 0);
	assert_string_equal(k.id, "AK");
	assert_int_equal(k.expires_s, 1769903998);
}

/* ---- with a server that answers by script ---- */

#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: \"e1\"\r\n\r\n"
#define XML(status, xml) "HTTP/1.1 " status "\r\n\r\n" xml
#define EMPTY_LIST XML("200 OK", OBJECTS "</ListBucketResult>")
#define LIST_OF_B XML("200 OK", OBJECTS CONTENTS("v%2Fb") "</ListBucketResult>")
#define EXISTS "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n"
#define HEAD_5 "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"e5\"\r\n\r\n"
#define RANGE_HELLO                                                                                \
	"HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nContent-Range: bytes 0-4/5\r\n\r\nhello"

static struct scripted server;
static struct backend *b;

static void open_scripted(const char *const *script)
{
	struct backend_options o = { .timeout_s = 5 };
	assert_true(scripted_start(&server, script));
	o.endpoint = server.url;
	o.credentials = key_file("[default]\naws_access_key_id=AK\naws_secret_access_key=topsecret\n",
	                         0600);
	b = storage_open("s3://crm/v", &o, &err);
	if (!b)
		fail_msg("%s", err.msg);
}

static void close_scripted(unsigned requests)
{
	storage_free(b);
	assert_int_equal(server.n, requests);
	scripted_stop(&server);
}

static void a_new_put_is_one_request(void **state)
{
	(void)state;
	char tag[BACKEND_TAG_MAX];
	static const char *const script[] = { OK_EMPTY, OK_EMPTY, NULL };
	open_scripted(script);
	assert_int_equal(storage_put_tagged(b, "a", "hello", 5, BACKEND_NEW, tag, &err), 0);
	assert_string_equal(tag, "e1");
	assert_int_equal(storage_put(b, "b", "hello", 5, BACKEND_NEW, &err), 0);
	assert_non_null(strstr(server.requests[0], "PUT /crm/v/a HTTP/1.1\r\n"));
	assert_non_null(strstr(server.requests[0], "If-None-Match: *\r\n"));
	assert_non_null(strstr(server.requests[0], "SignedHeaders=host;if-none-match;"
	                                           "x-amz-content-sha256;x-amz-date"));
	assert_null(strstr(server.requests[0], "topsecret"));
	assert_non_null(strstr(server.requests[1], "If-None-Match: *\r\n"));
	close_scripted(2);
}

static void a_refused_condition_is_asked_for_once(void **state)
{
	(void)state;
	static const char *const script[] = {
		XML("501 Not Implemented", "<Error><Code>NotImplemented</Code></Error>"),
		EMPTY_LIST, OK_EMPTY, LIST_OF_B, NULL
	};
	open_scripted(script);
	assert_int_equal(storage_put(b, "a", "hello", 5, BACKEND_NEW, &err), 0);
	assert_null(strstr(server.requests[2], "If-None-Match"));
	assert_int_equal(storage_put(b, "b", "hello", 5, BACKEND_NEW, &err), ERR_EXISTS);
	close_scripted(4);
}

static void success_that_was_not_heard_of_is_success(void **state)
{
	(void)state;
	char tag[BACKEND_TAG_MAX];
	static const char *const script[] = { "", EXISTS, HEAD_5, RANGE_HELLO, NULL };
	open_scripted(script);
	assert_int_equal(storage_put_tagged(b, "a", "hello", 5, BACKEND_NEW, tag, &err), 0);
	assert_string_equal(tag, "e5");
	close_scripted(4);
}

static void anothers_object_of_the_same_length_is_not_our_success(void **state)
{
	(void)state;
	static const char *const script[] = { "", EXISTS, HEAD_5, RANGE_HELLO, NULL };
	open_scripted(script);
	assert_int_equal(storage_put(b, "a", "world", 5, BACKEND_NEW, &err), ERR_EXISTS);
	close_scripted(4);
}

static void a_heard_refusal_needs_no_comparison(void **state)
{
	(void)state;
	static const char *const script[] = { EXISTS, NULL };
	open_scripted(script);
	assert_int_equal(storage_put(b, "a", "hello", 5, BACKEND_NEW, &err), ERR_EXISTS);
	close_scripted(1);
}

static void a_server_that_knows_no_ranges_gives_the_right_bytes(void **state)
{
	(void)state;
	char got[4];
	size_t len;
	static const char *const script[] = { XML("200 OK", "0123456789"), XML("200 OK", "0123456789"),
		                              XML("200 OK", "0123456789"), NULL };
	open_scripted(script);
	assert_int_equal(storage_get(b, "a", 0, got, 4, &len, &err), 0);
	assert_int_equal(len, 4);
	assert_memory_equal(got, "0123", 4);
	assert_int_equal(storage_get(b, "a", 8, got, 4, &len, &err), 0);
	assert_int_equal(len, 2);
	assert_memory_equal(got, "89", 2);
	close_scripted(3);
}

static void another_range_than_the_one_asked_for_is_no_answer(void **state)
{
	(void)state;
	char got[8];
	size_t len = 99;
	static const char *const script[] = {
		"HTTP/1.1 206 x\r\nContent-Length: 4\r\nContent-Range: bytes 1-4/10\r\n\r\n1234",
		"HTTP/1.1 206 x\r\nContent-Length: 4\r\nContent-Range: bytes 0-3/10\r\n\r\n0123",
		"HTTP/1.1 206 x\r\nContent-Length: 4\r\n\r\n0123",
		RANGE_HELLO, NULL
	};
	open_scripted(script);
	for (int i = 0; i < 3; i++)
		assert_int_equal(storage_get(b, "a", 0, got, 8, &len, &err), ERR_UNREACHABLE);
	assert_int_equal(len, 99);
	assert_int_equal(storage_get(b, "a", 0, got, 8, &len, &err), 0);
	assert_int_equal(len, 5);
	close_scripted(4);
}

static void an_answer_cut_short_is_asked_for_again(void **state)
{
	(void)state;
	char got[8];
	size_t len;
	static const char *const script[] = {
		"HTTP/1.1 206 x\r\nContent-Length: 5\r\nContent-Range: bytes 0-4/5\r\n\r\nhel",
		RANGE_HELLO, NULL
	};
	open_scripted(script);
	assert_int_equal(storage_get(b, "a", 0, got, 8, &len, &err), 0);
	assert_int_equal(len, 5);
	assert_memory_equal(got, "hello", 5);
	close_scripted(2);
}

static void the_region_is_learnt_from_the_answer(void **state)
{
	(void)state;
	char got[8];
	size_t len;
	static const char *const script[] = {
		XML("400 Bad Request", "<Error><Code>AuthorizationHeaderMalformed</Code>"
		                       "<Region>eu-west-3</Region></Error>"),
		RANGE_HELLO, RANGE_HELLO, NULL
	};
	open_scripted(script);
	for (int i = 0; i < 2; i++)
		assert_int_equal(storage_get(b, "a", 0, got, 8, &len, &err), 0);
	assert_non_null(strstr(server.requests[0], "/us-east-1/s3/aws4_request"));
	assert_non_null(strstr(server.requests[1], "/eu-west-3/s3/aws4_request"));
	assert_non_null(strstr(server.requests[2], "/eu-west-3/s3/aws4_request"));
	close_scripted(3);
}

static void a_wrong_region_that_stays_wrong_is_said(void **state)
{
	(void)state;
	struct backend_object o;
	static const char *const script[] = {
		"HTTP/1.1 301 Moved\r\nx-amz-bucket-region: eu-west-3\r\n\r\n",
		"HTTP/1.1 301 Moved\r\nx-amz-bucket-region: eu-west-3\r\n\r\n", NULL
	};
	open_scripted(script);
	assert_int_equal(storage_stat(b, "a", &o, &err), ERR_INVALID);
	assert_non_null(strstr(err.hint, "region = eu-west-3"));
	close_scripted(2);
}

static int ignore(void *arg, const struct backend_object *o, struct err *e)
{
	(void)o;
	(void)e;
	++*(unsigned *)arg;
	return 0;
}

static void a_listing_that_does_not_go_on_is_an_error(void **state)
{
	(void)state;
	unsigned n = 0;
	static const char again[] =
		XML("200 OK", OBJECTS "<IsTruncated>true</IsTruncated>" CONTENTS("v%2Fa")
		    "<NextContinuationToken>t</NextContinuationToken></ListBucketResult>");
	static const char *const script[] = { again, again, NULL };
	open_scripted(script);
	assert_int_equal(storage_list(b, "", ignore, &n, &err), ERR_IO);
	assert_non_null(strstr(server.requests[1], "GET /crm?continuation-token=t&encoding-type=url&"
	                                           "list-type=2&max-keys=1000&prefix=v%2F HTTP"));
	close_scripted(2);
}

static void a_portal_is_not_an_empty_bucket(void **state)
{
	(void)state;
	unsigned n = 0;
	static const char *const script[] = { XML("200 OK", "<html><body>Log in</body></html>"), NULL };
	open_scripted(script);
	assert_int_equal(storage_list(b, "", ignore, &n, &err), ERR_IO);
	close_scripted(1);
}

static void a_session_token_is_sent_and_signed(void **state)
{
	(void)state;
	char got[8];
	size_t len;
	static const char *const script[] = { RANGE_HELLO, NULL };
	struct backend_options o = { .timeout_s = 5 };
	assert_true(scripted_start(&server, script));
	o.endpoint = server.url;
	o.credentials = key_file("[p]\naws_access_key_id=AK\naws_secret_access_key=topsecret\n"
	                         "aws_session_token=tok/en==\n", 0600);
	o.profile = "p";
	b = storage_open("s3://crm/v", &o, &err);
	assert_non_null(b);
	assert_int_equal(storage_get(b, "a", 0, got, 8, &len, &err), 0);
	assert_non_null(strstr(server.requests[0], "x-amz-security-token: tok/en==\r\n"));
	assert_non_null(strstr(server.requests[0], ";x-amz-security-token"));
	close_scripted(1);
}

static void an_expired_token_is_looked_for_anew(void **state)
{
	(void)state;
	char got[8];
	size_t len;
	static const char *const script[] = {
		XML("400 Bad Request", "<Error><Code>ExpiredToken</Code></Error>"), RANGE_HELLO, NULL
	};
	open_scripted(script);
	(void)key_file("[default]\naws_access_key_id=AK2\naws_secret_access_key=topsecret\n", 0600);
	assert_int_equal(storage_get(b, "a", 0, got, 8, &len, &err), 0);
	assert_non_null(strstr(server.requests[0], "Credential=AK/"));
	assert_non_null(strstr(server.requests[1], "Credential=AK2/"));
	close_scripted(2);
}

static void an_overloaded_storage_is_asked_again(void **state)
{
	(void)state;
	char got[8];
	size_t len;
	static const char *const script[] = {
		XML("503 Slow Down", "<Error><Code>SlowDown</Code></Error>"),
		XML("409 Conflict", "<Error><Code>OperationAborted</Code></Error>"), RANGE_HELLO, NULL
	};
	open_scripted(script);
	assert_int_equal(storage_get(b, "a", 0, got, 8, &len, &err), 0);
	assert_int_equal(len, 5);
	close_scripted(3);
}

static void a_lock_is_asked_for_with_a_checksum(void **state)
{
	(void)state;
	static const char *const script[] = { OK_EMPTY, NULL };
	struct backend_options o = { .timeout_s = 5, .lock_s = 3600, .storage_class = "STANDARD_IA" };
	const struct backend_put put = { "packs/a", "hello", 5, BACKEND_NEW, true };
	assert_true(scripted_start(&server, script));
	o.endpoint = server.url;
	o.credentials = key_file("[default]\naws_access_key_id=AK\naws_secret_access_key=s\n", 0600);
	b = storage_open("s3://crm/v", &o, &err);
	assert_non_null(b);
	assert_int_equal(b->ops->put(b, &put, NULL, &err), 0);
	static const char *const headers[] = {
		"x-amz-object-lock-mode: GOVERNANCE\r\n", "x-amz-object-lock-retain-until-date: 2",
		"x-amz-checksum-sha256: LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=\r\n",
		"x-amz-storage-class: STANDARD_IA\r\n",
	};
	for (size_t i = 0; i < COUNT(headers); i++)
		assert_non_null(strstr(server.requests[0], headers[i]));
	close_scripted(1);
}

/* ---- where keys come from ---- */

static void no_aws_environment(void)
{
	static const char *const names[] = {
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE",
		"AWS_SHARED_CREDENTIALS_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_EC2_METADATA_SERVICE_ENDPOINT",
		"AWS_EC2_METADATA_DISABLED",
	};
	for (size_t i = 0; i < COUNT(names); i++)
		unsetenv(names[i]);
	setenv("HOME", folder, 1);
}

static void assert_id(const struct backend_options *o, const char *id)
{
	struct s3_keys k;
	AUTO(s3_auth) a = s3_auth_new(o, false, &err);
	if (!a || s3_auth_keys(a, &k, &err) != 0)
		fail_msg("%s", err.msg);
	assert_string_equal(k.id, id);
}

static void keys_are_looked_for_in_order(void **state)
{
	(void)state;
	struct backend_options o = { .location = "crm" };
	no_aws_environment();
	assert_null(s3_auth_new(&o, false, &err));
	assert_int_equal(err.code, ERR_DENIED);
	const char *path = key_file("[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n"
	                            "[p]\naws_access_key_id=PROFILE\naws_secret_access_key=s\n", 0600);
	setenv("AWS_SHARED_CREDENTIALS_FILE", path, 1);
	assert_id(&o, "FILE");
	setenv("AWS_PROFILE", "p", 1);
	assert_id(&o, "PROFILE");
	setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
	assert_null(s3_auth_new(&o, false, &err));   /* half of it is no reason to look elsewhere */
	assert_int_equal(err.code, ERR_INVALID);
	setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
	assert_id(&o, "ENV");
	o.profile = "default";
	assert_id(&o, "FILE");
	no_aws_environment();
	o.credentials = path;
	o.profile = NULL;
	assert_id(&o, "FILE");
	no_aws_environment();
}

#define ROLE(id, expiration)                                                                       \
	XML("200 OK", "{\"AccessKeyId\":\"" id "\",\"SecretAccessKey\":\"s\",\"Token\":\"t\","        \
	              "\"Expiration\":\"" expiration "\"}")

static void an_ec2_machines_role_is_asked_for_with_a_token(void **state)
{
	(void)state;
	const struct backend_options o = { .location = "crm" };
	static const char *const script[] = { XML("200 OK", "the-token"), XML("200 OK", "backup-role\n"),
		                              ROLE("ROLE1", "2100-01-01T00:00:00Z"), NULL };
	no_aws_environment();
	assert_true(scripted_start(&server, script));
	setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url, 1);
	assert_id(&o, "ROLE1");
	assert_int_equal(server.n, 3);
	assert_non_null(strstr(server.requests[0], "PUT /latest/api/token HTTP"));
	assert_non_null(strstr(server.requests[2], "/meta-data/iam/security-credentials/backup-role "));
	assert_non_null(strstr(server.requests[2], "X-aws-ec2-metadata-token: the-token\r\n"));
	scripted_stop(&server);
	no_aws_environment();
}

static void a_containers_keys_are_got_anew_before_they_expire(void **state)
{
	(void)state;
	const struct backend_options o = { .location = "crm" };
	char url[100];
	struct s3_keys k;
	static const char *const script[] = { ROLE("OLD", "2020-01-01T00:00:00Z"),
		                              ROLE("NEW", "2100-01-01T00:00:00Z"), NULL };
	no_aws_environment();
	assert_true(scripted_start(&server, script));
	snprintf(url, sizeof url, "%s/keys", server.url);
	setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
	setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic abc", 1);
	AUTO(s3_auth) a = s3_auth_new(&o, false, &err);
	assert_non_null(a);
	assert_int_equal(s3_auth_keys(a, &k, &err), 0);
	assert_int_equal(s3_auth_keys(a, &k, &err), 0);
	assert_string_equal(k.id, "NEW");
	assert_int_equal(s3_auth_keys(a, &k, &err), 0);
	assert_int_equal(server.n, 2);
	assert_non_null(strstr(server.requests[0], "Authorization: Basic abc\r\n"));
	scripted_stop(&server);
	setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://evil.example/keys", 1);
	AUTO(s3_auth) elsewhere = s3_auth_new(&o, false, &err);
	assert_non_null(elsewhere);
	assert_int_equal(s3_auth_keys(elsewhere, &k, &err), ERR_INVALID);
	no_aws_environment();
}

static void a_token_file_that_is_gone_is_no_absent_object(void **state)
{
	(void)state;
	const struct backend_options o = { .location = "crm", .timeout_s = 5 };
	uint8_t byte;
	size_t len;
	no_aws_environment();
	setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/keys", 1);
	setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nowhere/token", 1);
	b = storage_open("s3://crm/v", &o, &err);
	assert_non_null(b);
	assert_int_equal(storage_get(b, "vault.json", 0, &byte, 1, &len, &err), ERR_DENIED);
	assert_non_null(strstr(err.msg, "/nowhere/token"));
	storage_free(b);
	no_aws_environment();
}

static int begin(void **state)
{
	(void)state;
	return scratch_make(folder) ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	return scratch_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bucket_and_folder_are_taken_apart),
		cmocka_unit_test(what_is_no_bucket_or_folder_is_refused),
		cmocka_unit_test(urls_are_encoded_as_signatures_want_them),
		cmocka_unit_test(endpoints_that_are_unsafe_or_none_are_refused),
		cmocka_unit_test(regions_and_classes_cannot_smuggle_anything),
		cmocka_unit_test(a_page_of_objects_is_read),
		cmocka_unit_test(a_page_of_versions_is_read_in_its_order),
		cmocka_unit_test(what_is_no_whole_listing_is_an_error_and_not_a_shorter_one),
		cmocka_unit_test(a_document_type_is_refused),
		cmocka_unit_test(endless_texts_and_pages_are_refused),
		cmocka_unit_test(tags_lose_their_quotes_and_are_never_cut),
		cmocka_unit_test(refusals_have_their_code_and_next_step),
		cmocka_unit_test(keys_are_read_from_their_profile),
		cmocka_unit_test(long_tokens_and_comments_are_read_whole),
		cmocka_unit_test(files_that_others_read_or_that_hold_no_keys_are_refused),
		cmocka_unit_test(a_roles_keys_are_whole_or_none),
		cmocka_unit_test(a_new_put_is_one_request),
		cmocka_unit_test(a_refused_condition_is_asked_for_once),
		cmocka_unit_test(success_that_was_not_heard_of_is_success),
		cmocka_unit_test(anothers_object_of_the_same_length_is_not_our_success),
		cmocka_unit_test(a_heard_refusal_needs_no_comparison),
		cmocka_unit_test(a_server_that_knows_no_ranges_gives_the_right_bytes),
		cmocka_unit_test(another_range_than_the_one_asked_for_is_no_answer),
		cmocka_unit_test(an_answer_cut_short_is_asked_for_again),
		cmocka_unit_test(the_region_is_learnt_from_the_answer),
		cmocka_unit_test(a_wrong_region_that_stays_wrong_is_said),
		cmocka_unit_test(a_listing_that_does_not_go_on_is_an_error),
		cmocka_unit_test(a_portal_is_not_an_empty_bucket),
		cmocka_unit_test(a_session_token_is_sent_and_signed),
		cmocka_unit_test(an_expired_token_is_looked_for_anew),
		cmocka_unit_test(an_overloaded_storage_is_asked_again),
		cmocka_unit_test(a_lock_is_asked_for_with_a_checksum),
		cmocka_unit_test(keys_are_looked_for_in_order),
		cmocka_unit_test(an_ec2_machines_role_is_asked_for_with_a_token),
		cmocka_unit_test(a_containers_keys_are_got_anew_before_they_expire),
		cmocka_unit_test(a_token_file_that_is_gone_is_no_absent_object),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
