/*
 * The S3 driver against a real Ceph gateway, beyond the contract: versions, locks, the past, pages,
 * refusals. main has tests/services/run-s3 start it; skipped where none is installed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../../backends/s3_call.h"
#include "../../backends/s3_list.h"
#include "holdfast/err.h"
#include "scratch.h"
#include "vault/storage.h"

static char folder[SCRATCH_MAX];
static struct err err;

#define must(call)                                                                                 \
	do {                                                                                       \
		if ((call) != 0)                                                                   \
			fail_msg("%s: %s", #call, err.msg);                                        \
	} while (0)

/* Options that reach the gateway. */
static struct backend_options gateway(void)
{
	struct backend_options o = { .endpoint = getenv("HOLDFAST_TEST_S3_ENDPOINT"),
		                     .credentials = getenv("HOLDFAST_TEST_S3_CREDENTIALS"),
		                     .timeout_s = 60 };
	if (!o.endpoint) {
		print_message("no Ceph gateway is installed\n");
		skip();
	}
	return o;
}

static struct backend *open_at(const char *url, const struct backend_options *o)
{
	struct backend *b = storage_open(url, o, &err);
	if (!b)
		fail_msg("%s: %s", url, err.msg);
	return b;
}

/* A folder of one's own in the bucket. */
static char *fresh(const char *bucket)
{
	static char url[100];
	uint64_t random;
	assert_int_equal(getrandom(&random, sizeof random, 0), sizeof random);
	snprintf(url, sizeof url, "s3://%s/live/%016llx", bucket, (unsigned long long)random);
	return url;
}

static void put(struct backend *b, const char *name, const char *text, enum backend_put_mode mode)
{
	must(storage_put(b, name, text, strlen(text), mode, &err));
}

static void assert_holds(struct backend *b, const char *name, const char *text)
{
	char got[200];
	size_t len;
	must(storage_get(b, name, 0, got, sizeof got, &len, &err));
	assert_int_equal(len, strlen(text));
	assert_memory_equal(got, text, len);
}

/* What somebody does who holds the credentials: a delete marker over the object. */
static void delete_over(struct backend *b, const char *name)
{
	struct s3_request r = { .method = "DELETE", .action = "s3:DeleteObject", .name = name };
	must(s3_do((struct s3 *)b, &r, &err));
	s3_end(&r);
}

static int count(void *arg, const struct backend_object *o, struct err *e)
{
	(void)o;
	(void)e;
	++*(unsigned *)arg;
	return 0;
}

static unsigned listed(struct backend *b, const char *prefix)
{
	unsigned n = 0;
	must(storage_list(b, prefix, count, &n, &err));
	return n;
}

/* ---- tags ---- */

static int keep_tag(void *arg, const struct backend_object *o, struct err *e)
{
	(void)e;
	memcpy(arg, o->tag, BACKEND_TAG_MAX);
	return 0;
}

static void put_stat_and_list_give_the_same_tag(void **state)
{
	(void)state;
	const struct backend_options o = gateway();
	AUTO(backend) b = open_at(fresh("plain"), &o);
	char tag[BACKEND_TAG_MAX] = "", seen[BACKEND_TAG_MAX] = "";
	struct backend_object object;
	must(storage_put_tagged(b, "a/b", "hello", 5, BACKEND_NEW, tag, &err));
	assert_string_equal(tag, "5d41402abc4b2a76b9719d911017c592");
	must(storage_stat(b, "a/b", &object, &err));
	assert_string_equal(object.tag, tag);
	must(storage_list(b, "", keep_tag, seen, &err));
	assert_string_equal(seen, tag);
}

/* ---- versions ---- */

static void older_copies_are_read_one_after_the_other_and_then_the_newest_again(void **state)
{
	(void)state;
	const struct backend_options o = gateway();
	AUTO(backend) b = open_at(fresh("versioned"), &o);
	put(b, "log/checkpoint", "first", BACKEND_REPLACE);
	put(b, "log/checkpoint", "second", BACKEND_REPLACE);
	put(b, "log/checkpoint-of-another", "other", BACKEND_REPLACE);
	put(b, "log/checkpoint", "third", BACKEND_REPLACE);
	assert_holds(b, "log/checkpoint", "third");
	must(storage_next_copy(b, "log/checkpoint", &err));
	assert_holds(b, "log/checkpoint", "second");
	struct backend_object object;
	must(storage_stat(b, "log/checkpoint", &object, &err));
	assert_int_equal(object.size_bytes, 6);
	must(storage_next_copy(b, "log/checkpoint", &err));
	assert_holds(b, "log/checkpoint", "first");
	assert_int_equal(storage_next_copy(b, "log/checkpoint", &err), ERR_ABSENT);
	assert_holds(b, "log/checkpoint", "third");
}

static unsigned versions_of(struct backend *b, const char *name)
{
	AUTO(s3_page) history = s3_history((struct s3 *)b, name, &err);
	assert_non_null(history);
	return (unsigned)history->n;
}

/* Ceph ignores the condition in such a bucket, so the first put of a handle, which does not know yet
 * what the bucket is like, stores a second version. */
static void a_first_put_onto_somebodys_version_is_taken_back(void **state)
{
	(void)state;
	const struct backend_options o = gateway();
	const char *url = fresh("versioned");
	AUTO(backend) first = open_at(url, &o);
	put(first, "snapshots/1", "of the first", BACKEND_NEW);
	AUTO(backend) second = open_at(url, &o);
	assert_int_equal(storage_put(second, "snapshots/1", "of the second", 13, BACKEND_NEW, &err),
	                 ERR_EXISTS);
	assert_holds(first, "snapshots/1", "of the first");
	assert_int_equal(versions_of(first, "snapshots/1"), 1);
	/* and the next ones look first */
	assert_int_equal(storage_put(second, "snapshots/1", "of the second", 13, BACKEND_NEW, &err),
	                 ERR_EXISTS);
	assert_int_equal(versions_of(first, "snapshots/1"), 1);
}

/* What a first put finds with the same bytes may be its own, of an attempt whose answer was lost. */
static void a_first_put_onto_the_same_bytes_is_a_success(void **state)
{
	(void)state;
	const struct backend_options o = gateway();
	const char *url = fresh("versioned");
	AUTO(backend) first = open_at(url, &o);
	put(first, "packs/1", "the same", BACKEND_NEW);
	AUTO(backend) second = open_at(url, &o);
	put(second, "packs/1", "the same", BACKEND_NEW);
	assert_holds(second, "packs/1", "the same");
}

static void what_was_deleted_over_is_absent_and_its_copies_are_not(void **state)
{
	(void)state;
	const struct backend_options o = gateway();
	AUTO(backend) b = open_at(fresh("versioned"), &o);
	char byte;
	size_t len;
	put(b, "a/b", "text", BACKEND_NEW);
	delete_over(b, "a/b");
	assert_int_equal(storage_get(b, "a/b", 0, &byte, 1, &len, &err), ERR_ABSENT);
	assert_int_equal(listed(b, ""), 0);
	must(storage_next_copy(b, "a/b", &err));
	assert_holds(b, "a/b", "text");
	assert_int_equal(storage_next_copy(b, "a/b", &err), ERR_ABSENT);
	assert_int_equal(storage_get(b, "a/b", 0, &byte, 1, &len, &err), ERR_ABSENT);
}

static void an_unversioned_bucket_has_no_older_copies(void **state)
{
	(void)state;
	const struct backend_options o = gateway();
	AUTO(backend) b = open_at(fresh("plain"), &o);
	put(b, "a", "first", BACKEND_REPLACE);
	put(b, "a", "second", BACKEND_REPLACE);
	assert_int_equal(storage_next_copy(b, "a", &err), ERR_ABSENT);
	assert_int_equal(storage_next_copy(b, "none", &err), ERR_ABSENT);
	assert_holds(b, "a", "second");
}

static void removing_removes_every_version_and_marker(void **state)
{
	(void)state;
	const struct backend_options o = gateway();
	AUTO(backend) b = open_at(fresh("versioned"), &o);
	put(b, "a/b", "first", BACKEND_NEW);
	delete_over(b, "a/b");
	put(b, "a/b", "second", BACKEND_REPLACE);
	put(b, "a/bc", "stays", BACKEND_NEW);
	must(storage_remove(b, "a/b", &err));
	AUTO(s3_page) history = s3_history((struct s3 *)b, "a/b", &err);
	assert_non_null(history);
	assert_int_equal(history->n, 0);
	assert_holds(b, "a/bc", "stays");
	assert_int_equal(storage_remove(b, "a/b", &err), ERR_ABSENT);
}

/* ---- the past ---- */

/* Times of versions are whole seconds to us: the next one begins a new second. */
static int64_t now_and_next_second(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	nanosleep(&(struct timespec){ .tv_sec = 1, .tv_nsec = 20000000 }, NULL);
	return t.tv_sec;
}

static int keep_names(void *arg, const struct backend_object *o, struct err *e)
{
	char *text = arg;
	size_t used = strlen(text);
	(void)e;
	snprintf(text + used, 200 - used, "[%s %d]", o->name, (int)o->size_bytes);
	return 0;
}

static void a_bucket_is_read_as_it_was(void **state)
{
	(void)state;
	struct backend_options o = gateway();
	char *url = fresh("versioned"), text[200] = "", byte;
	size_t len;
	AUTO(backend) b = open_at(url, &o);
	put(b, "a", "first", BACKEND_NEW);
	put(b, "deleted", "was there", BACKEND_NEW);
	put(b, "removed-before", "x", BACKEND_NEW);
	delete_over(b, "removed-before");
	o.as_of_s = now_and_next_second();
	put(b, "a", "and now the second", BACKEND_REPLACE);
	put(b, "later", "x", BACKEND_NEW);
	delete_over(b, "deleted");

	AUTO(backend) past = open_at(url, &o);
	assert_holds(past, "a", "first");   /* looked up, and below from the list */
	must(storage_list(past, "", keep_names, text, &err));
	assert_string_equal(text, "[a 5][deleted 9]");
	assert_holds(past, "a", "first");
	assert_holds(past, "deleted", "was there");
	assert_int_equal(storage_get(past, "later", 0, &byte, 1, &len, &err), ERR_ABSENT);
	assert_int_equal(storage_get(past, "removed-before", 0, &byte, 1, &len, &err), ERR_ABSENT);
	assert_holds(b, "a", "and now the second");
}

static void the_past_cannot_be_changed(void **state)
{
	(void)state;
	struct backend_options o = gateway();
	o.as_of_s = (int64_t)time(NULL);
	AUTO(backend) past = open_at(fresh("versioned"), &o);
	assert_int_equal(storage_put(past, "a", "x", 1, BACKEND_NEW, &err), ERR_DENIED);
	assert_int_equal(storage_put(past, "a", "x", 1, BACKEND_REPLACE, &err), ERR_DENIED);
	assert_int_equal(storage_remove(past, "a", &err), ERR_DENIED);
	assert_non_null(strstr(err.msg, "the vault is read as of 20"));
}

/* ---- pages ---- */

enum { MANY = 1105 };

static void a_listing_goes_on_over_its_pages(void **state)
{
	(void)state;
	struct backend_options o = gateway();
	char *url = fresh("versioned");
	AUTO(backend) b = open_at(url, &o);
	for (int i = 0; i < MANY; i++) {
		char name[40];
		snprintf(name, sizeof name, "many/%04d", i);
		put(b, name, "x", BACKEND_REPLACE);
	}
	put(b, "many/0999", "longer", BACKEND_REPLACE);
	assert_int_equal(listed(b, "many/"), MANY);
	o.as_of_s = (int64_t)time(NULL) + 2;
	AUTO(backend) past = open_at(url, &o);
	assert_int_equal(listed(past, "many/"), MANY);
	assert_holds(past, "many/0999", "longer");
	assert_holds(past, "many/1104", "x");
}

/* ---- locks ---- */

static void put_locked(struct backend *b, const char *name)
{
	const struct backend_put locked = { name, "locked", 6, BACKEND_NEW, true };
	must(b->ops->put(b, &locked, NULL, &err));
}

static int64_t locked_until(struct backend *b, const char *name)
{
	struct s3_request r = { .method = "HEAD", .action = "s3:GetObject", .name = name,
		                .wanted = { "x-amz-object-lock-retain-until-date" } };
	must(s3_do((struct s3 *)b, &r, &err));
	int64_t until = s3_time_parse(net_wanted(&r.call, "x-amz-object-lock-retain-until-date"));
	s3_end(&r);
	return until;
}

static void what_is_locked_cannot_be_removed(void **state)
{
	(void)state;
	struct backend_options o = gateway();
	o.lock_s = 3600;
	AUTO(backend) b = open_at(fresh("locked"), &o);
	put_locked(b, "packs/a");
	int64_t end = (int64_t)time(NULL) + 3600;
	assert_in_range(locked_until(b, "packs/a"), end - 30, end + 1);
	assert_int_equal(storage_remove(b, "packs/a", &err), ERR_DENIED);
	assert_non_null(strstr(err.hint, "lock"));
	assert_holds(b, "packs/a", "locked");
}

static void a_lock_becomes_longer_and_never_shorter(void **state)
{
	(void)state;
	struct backend_options o = gateway();
	char *url = fresh("locked");
	o.lock_s = 3600;
	AUTO(backend) b = open_at(url, &o);
	put_locked(b, "packs/a");
	put(b, "open", "no lock", BACKEND_NEW);
	o.lock_s = 7200;
	AUTO(backend) longer = open_at(url, &o);
	int64_t end = (int64_t)time(NULL) + 7200;
	must(storage_retain(longer, "packs/a", &err));
	must(storage_retain(longer, "open", &err));
	assert_in_range(locked_until(b, "packs/a"), end - 1, end + 30);
	assert_in_range(locked_until(b, "open"), end - 1, end + 30);
	must(storage_retain(b, "packs/a", &err));
	assert_in_range(locked_until(b, "packs/a"), end - 1, end + 30);
	assert_int_equal(storage_retain(b, "absent", &err), ERR_ABSENT);
}

static void where_no_lock_is_configured_nothing_is_retained(void **state)
{
	(void)state;
	const struct backend_options o = gateway();
	AUTO(backend) b = open_at(fresh("locked"), &o);
	put_locked(b, "packs/a");
	assert_int_equal(storage_retain(b, "packs/a", &err), ERR_INVALID);
	assert_int_equal(locked_until(b, "packs/a"), -1);
	must(storage_remove(b, "packs/a", &err));
}

static void a_bucket_without_locks_refuses_them(void **state)
{
	(void)state;
	struct backend_options o = gateway();
	o.lock_s = 3600;
	AUTO(backend) b = open_at(fresh("plain"), &o);
	const struct backend_put locked = { "packs/a", "x", 1, BACKEND_NEW, true };
	assert_int_equal(b->ops->put(b, &locked, NULL, &err), ERR_INVALID);
}

/* ---- traits ---- */

static void assert_traits(const char *bucket, bool conditional, bool versions, bool locks)
{
	const struct backend_options o = gateway();
	struct backend_traits t;
	AUTO(backend) b = open_at(fresh(bucket), &o);
	must(storage_traits(b, &t, &err));
	assert_int_equal(t.conditional, conditional);
	assert_int_equal(t.versions, versions);
	assert_int_equal(t.locks, locks);
	assert_in_range(t.clock_ahead_s + 2, 0, 4);
	assert_non_null(strstr(t.server, "Ceph"));
	assert_int_equal(listed(b, ""), 0);
}

static void traits_tell_buckets_apart(void **state)
{
	(void)state;
	assert_traits("plain", true, false, false);
	assert_traits("versioned", false, true, false);
	assert_traits("locked", false, true, true);
}

/* ---- refusals ---- */

static void assert_refused(const char *url, const struct backend_options *o, int code, const char *text)
{
	char byte;
	size_t len;
	struct backend_object object;
	unsigned n = 0;
	AUTO(backend) b = open_at(url, o);
	assert_int_equal(storage_get(b, "a", 0, &byte, 1, &len, &err), code);
	assert_non_null(strstr(err.msg, text));
	assert_int_equal(storage_put(b, "a", "x", 1, BACKEND_NEW, &err), code);
	assert_non_null(strstr(err.msg, text));
	assert_int_equal(storage_list(b, "", count, &n, &err), code);
	assert_non_null(strstr(err.msg, text));
	/* an answer to HEAD has no words */
	assert_int_equal(storage_stat(b, "a", &object, &err), code);
	assert_int_equal(storage_remove(b, "a", &err), code);
}

static void a_bucket_that_is_not_there_is_not_an_empty_one(void **state)
{
	(void)state;
	const struct backend_options o = gateway();
	assert_refused("s3://no-such-bucket/x", &o, ERR_UNREACHABLE, "no such bucket");
}

static const char *credentials(const char *id, const char *secret)
{
	static char path[SCRATCH_MAX + 20];
	snprintf(path, sizeof path, "%s/credentials", folder);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", id, secret);
	fclose(f);
	chmod(path, 0600);
	return path;
}

static void wrong_keys_are_told_apart(void **state)
{
	(void)state;
	struct backend_options o = gateway();
	o.credentials = credentials("TESTACCESSKEY0000001", "not-the-secret");
	assert_refused("s3://plain/x", &o, ERR_DENIED, "secret key does not belong");
	assert_null(strstr(err.msg, "not-the-secret"));
	o.credentials = credentials("NOSUCHKEY", "not-the-secret");
	assert_refused("s3://plain/x", &o, ERR_DENIED, "does not know the access key");
}

static void a_full_bucket_is_no_space(void **state)
{
	(void)state;
	const struct backend_options o = gateway();
	AUTO(backend) b = open_at("s3://full/x", &o);
	char *large = calloc(1, 100000);
	assert_non_null(large);
	assert_int_equal(storage_put(b, "large", large, 100000, BACKEND_NEW, &err), ERR_SPACE);
	free(large);
}

static void strange_folders_work(void **state)
{
	(void)state;
	const struct backend_options o = gateway();
	static const char *const urls[] = { "s3://plain/a b+c&d=e/f",
		                            "s3://versioned/K\xc3\xbc" "che/(x)!*'" };
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		AUTO(backend) b = open_at(urls[i], &o);
		put(b, "a/b", "text", BACKEND_NEW);
		assert_holds(b, "a/b", "text");
		assert_int_equal(listed(b, "a/"), 1);
		must(storage_remove(b, "a/b", &err));
		assert_int_equal(listed(b, ""), 0);
	}
}

static void the_bucket_may_be_part_of_the_hosts_name(void **state)
{
	(void)state;
	struct backend_options o = gateway();
	char endpoint[100];
	snprintf(endpoint, sizeof endpoint, "http://localhost%s", strrchr(o.endpoint, ':'));
	o.endpoint = endpoint;
	o.virtual_host = true;
	AUTO(backend) b = open_at(fresh("plain"), &o);
	put(b, "a/b", "text", BACKEND_NEW);
	assert_holds(b, "a/b", "text");
	assert_int_equal(listed(b, ""), 1);
}

static void a_certificate_must_be_of_an_authority_that_is_trusted(void **state)
{
	(void)state;
	struct backend_options o = gateway();
	char ca[300];
	o.endpoint = getenv("HOLDFAST_TEST_S3_TLS");
	AUTO(backend) stranger = open_at(fresh("plain"), &o);
	assert_int_equal(storage_put(stranger, "a", "x", 1, BACKEND_NEW, &err), ERR_DENIED);
	assert_non_null(strstr(err.hint, "ca-file"));
	snprintf(ca, sizeof ca, "%.250s/ca.pem", getenv("HOLDFAST_TEST_S3_CA"));
	o.ca_file = ca;
	AUTO(backend) b = open_at(fresh("plain"), &o);
	put(b, "a/b", "text", BACKEND_NEW);
	assert_holds(b, "a/b", "text");
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

int main(int argc, char **argv)
{
	/* the runner starts us again with a server; where it is not found, all is skipped */
	if (argc == 1 && !getenv("HOLDFAST_TEST_S3"))
		execl("tests/services/run-s3", "run-s3", argv[0], (char *)NULL);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(put_stat_and_list_give_the_same_tag),
		cmocka_unit_test(older_copies_are_read_one_after_the_other_and_then_the_newest_again),
		cmocka_unit_test(a_first_put_onto_somebodys_version_is_taken_back),
		cmocka_unit_test(a_first_put_onto_the_same_bytes_is_a_success),
		cmocka_unit_test(what_was_deleted_over_is_absent_and_its_copies_are_not),
		cmocka_unit_test(an_unversioned_bucket_has_no_older_copies),
		cmocka_unit_test(removing_removes_every_version_and_marker),
		cmocka_unit_test(a_bucket_is_read_as_it_was),
		cmocka_unit_test(the_past_cannot_be_changed),
		cmocka_unit_test(a_listing_goes_on_over_its_pages),
		cmocka_unit_test(what_is_locked_cannot_be_removed),
		cmocka_unit_test(a_lock_becomes_longer_and_never_shorter),
		cmocka_unit_test(where_no_lock_is_configured_nothing_is_retained),
		cmocka_unit_test(a_bucket_without_locks_refuses_them),
		cmocka_unit_test(traits_tell_buckets_apart),
		cmocka_unit_test(a_bucket_that_is_not_there_is_not_an_empty_one),
		cmocka_unit_test(wrong_keys_are_told_apart),
		cmocka_unit_test(a_full_bucket_is_no_space),
		cmocka_unit_test(strange_folders_work),
		cmocka_unit_test(the_bucket_may_be_part_of_the_hosts_name),
		cmocka_unit_test(a_certificate_must_be_of_an_authority_that_is_trusted),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, begin, end);
}
