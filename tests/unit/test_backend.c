/*
 * The contract of storage drivers (holdfast/backend.h), held against every driver: those that need no
 * server, or the place that the environment gives (place_env.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../backends/memory.h"
#include "holdfast/err.h"
#include "place_env.h"
#include "scratch.h"
#include "vault/storage.h"

enum { BIG = 16 << 20 };

struct place {
	char folder[SCRATCH_MAX];
	char url[PLACE_ENV_URL_MAX];
	struct place_env env;
	struct backend *b;
	struct err err;
};

/* Where each driver is tried; %s is a scratch folder. Another one is a place of the environment. */
static const char *const drivers[] = {
	"file://%s/vault",
	"memory://contract",
	"faulty:///file://%s/vault",
	"faulty:///memory://contract",
};
static const char *driver;
static bool outside;   /* it is the environment's */

static bool make_url(struct place *p)
{
	const char *hole = strstr(driver, "%s");
	if (outside)
		return place_env_fresh_url(p->url) && place_env_options(&p->env);
	if (hole)
		snprintf(p->url, sizeof p->url, "%.*s%s%s", (int)(hole - driver), driver, p->folder,
		         hole + 2);
	else
		snprintf(p->url, sizeof p->url, "%s", driver);
	return true;
}

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	if (!p || !scratch_make(p->folder) || !make_url(p))
		return -1;
	memory_forget("contract");
	p->b = storage_open(p->url, &p->env.options, &p->err);
	*state = p;
	if (!p->b)
		printf("# %s\n", p->err.msg);
	return p->b ? 0 : -1;
}

static int sweep(void *arg, const struct backend_object *o, struct err *err)
{
	return storage_remove(arg, o->name, err);
}

/* A server outlives the test, and need not have room for all that the tests put. */
static int tear_down(void **state)
{
	struct place *p = *state;
	struct err ignored;
	if (outside && p->b)
		(void)storage_list(p->b, "", sweep, p->b, &ignored);
	storage_free(p->b);
	scratch_remove(p->folder);
	free(p);
	return 0;
}

static int put_text(struct place *p, const char *name, const char *text, enum backend_put_mode mode)
{
	return storage_put(p->b, name, text, strlen(text), mode, &p->err);
}

static void assert_holds(struct place *p, const char *name, const char *text)
{
	char got[256];
	size_t len;
	assert_int_equal(storage_get(p->b, name, 0, got, sizeof got, &len, &p->err), 0);
	assert_int_equal(len, strlen(text));
	assert_memory_equal(got, text, len);
}

static void what_was_put_is_got(void **state)
{
	struct place *p = *state;
	assert_int_equal(put_text(p, "vault.json", "{}", BACKEND_NEW), 0);
	assert_int_equal(put_text(p, "a/b/c.d/e-f_g", "deep", BACKEND_NEW), 0);
	assert_holds(p, "vault.json", "{}");
	assert_holds(p, "a/b/c.d/e-f_g", "deep");
}

static void another_handle_sees_the_same_objects(void **state)
{
	struct place *p = *state;
	assert_int_equal(put_text(p, "a/b", "text", BACKEND_NEW), 0);
	storage_free(p->b);
	p->b = storage_open(p->url, &p->env.options, &p->err);
	assert_non_null(p->b);
	assert_holds(p, "a/b", "text");
	assert_int_equal(put_text(p, "a/c", "more", BACKEND_NEW), 0);
}

static void a_new_object_never_replaces(void **state)
{
	struct place *p = *state;
	assert_int_equal(put_text(p, "a/b", "first", BACKEND_NEW), 0);
	assert_int_equal(put_text(p, "a/b", "second", BACKEND_NEW), ERR_EXISTS);
	assert_non_null(strstr(p->err.msg, "a/b"));
	assert_holds(p, "a/b", "first");
}

static void replace_puts_and_replaces(void **state)
{
	struct place *p = *state;
	assert_int_equal(put_text(p, "log/checkpoint", "the first one", BACKEND_REPLACE), 0);
	assert_int_equal(put_text(p, "log/checkpoint", "second", BACKEND_REPLACE), 0);
	assert_holds(p, "log/checkpoint", "second");
}

static void ranges_end_where_the_object_ends(void **state)
{
	struct place *p = *state;
	char got[16];
	size_t len;
	assert_int_equal(put_text(p, "o", "0123456789", BACKEND_NEW), 0);
	assert_int_equal(storage_get(p->b, "o", 3, got, 4, &len, &p->err), 0);
	assert_int_equal(len, 4);
	assert_memory_equal(got, "3456", 4);
	assert_int_equal(storage_get(p->b, "o", 7, got, sizeof got, &len, &p->err), 0);
	assert_int_equal(len, 3);
	assert_memory_equal(got, "789", 3);
	static const uint64_t beyond[] = { 10, 11, 1 << 20, (uint64_t)1 << 40, INT64_MAX, UINT64_MAX };
	for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++) {
		len = 99;
		assert_int_equal(storage_get(p->b, "o", beyond[i], got, sizeof got, &len, &p->err), 0);
		assert_int_equal(len, 0);
	}
	assert_int_equal(storage_get(p->b, "o", 0, got, 0, &len, &p->err), 0);
	assert_int_equal(len, 0);
}

static void an_empty_object_is_an_object(void **state)
{
	struct place *p = *state;
	struct backend_object o;
	char byte;
	size_t len = 99;
	assert_int_equal(storage_put(p->b, "doomed/1", NULL, 0, BACKEND_NEW, &p->err), 0);
	assert_int_equal(storage_stat(p->b, "doomed/1", &o, &p->err), 0);
	assert_int_equal(o.size_bytes, 0);
	assert_int_equal(storage_get(p->b, "doomed/1", 0, &byte, 1, &len, &p->err), 0);
	assert_int_equal(len, 0);
	assert_int_equal(storage_put(p->b, "doomed/1", NULL, 0, BACKEND_NEW, &p->err), ERR_EXISTS);
}

static void stat_tells_size_and_time_of_the_put(void **state)
{
	struct place *p = *state;
	struct backend_object o;
	int64_t now = (int64_t)time(NULL);
	assert_int_equal(put_text(p, "a/b", "12345", BACKEND_NEW), 0);
	assert_int_equal(storage_stat(p->b, "a/b", &o, &p->err), 0);
	assert_string_equal(o.name, "a/b");
	assert_int_equal(o.size_bytes, 5);
	assert_in_range(o.time_s, now - 2, now + 60);
}

static void absence_is_said_and_nothing_else_changes(void **state)
{
	struct place *p = *state;
	struct backend_object o = { .size_bytes = 7 };
	char got[4] = "abc";
	size_t len = 99;
	assert_int_equal(put_text(p, "a/b", "text", BACKEND_NEW), 0);
	static const char *const absent[] = { "x", "a", "a/x", "a/b/c", "x/y/z" };
	for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++) {
		assert_int_equal(storage_get(p->b, absent[i], 0, got, 3, &len, &p->err), ERR_ABSENT);
		assert_non_null(strstr(p->err.msg, absent[i]));
		assert_int_equal(storage_stat(p->b, absent[i], &o, &p->err), ERR_ABSENT);
		assert_int_equal(storage_remove(p->b, absent[i], &p->err), ERR_ABSENT);
	}
	assert_int_equal(len, 99);
	assert_int_equal(o.size_bytes, 7);
	assert_string_equal(got, "abc");
	assert_holds(p, "a/b", "text");
}

static void an_empty_place_holds_nothing(void **state)
{
	struct place *p = *state;
	char byte;
	size_t len;
	assert_int_equal(storage_get(p->b, "a/b", 0, &byte, 1, &len, &p->err), ERR_ABSENT);
	assert_int_equal(storage_remove(p->b, "a/b", &p->err), ERR_ABSENT);
}

static void what_was_removed_is_gone_and_can_be_put_again(void **state)
{
	struct place *p = *state;
	char byte;
	size_t len;
	assert_int_equal(put_text(p, "a/b", "text", BACKEND_NEW), 0);
	assert_int_equal(put_text(p, "a/c", "stays", BACKEND_NEW), 0);
	assert_int_equal(storage_remove(p->b, "a/b", &p->err), 0);
	assert_int_equal(storage_get(p->b, "a/b", 0, &byte, 1, &len, &p->err), ERR_ABSENT);
	assert_int_equal(storage_remove(p->b, "a/b", &p->err), ERR_ABSENT);
	assert_int_equal(put_text(p, "a/b", "again", BACKEND_NEW), 0);
	assert_holds(p, "a/b", "again");
	assert_holds(p, "a/c", "stays");
}

/* ---- names ---- */

static void names_that_lead_elsewhere_are_refused(void **state)
{
	struct place *p = *state;
	static const char *const bad[] = { "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/..",
		                           "a/../b", "./a", ".a", "a/.tmp-1-2", "a b", "a\nb",
		                           "a\\b", "a:b", "\xc3\xa4" };
	struct backend_object o;
	char byte;
	size_t len;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(put_text(p, bad[i], "x", BACKEND_REPLACE), ERR_INVALID);
		assert_int_equal(storage_get(p->b, bad[i], 0, &byte, 1, &len, &p->err), ERR_INVALID);
		assert_int_equal(storage_stat(p->b, bad[i], &o, &p->err), ERR_INVALID);
		assert_int_equal(storage_remove(p->b, bad[i], &p->err), ERR_INVALID);
	}
}

static void the_longest_name_works_and_one_more_is_refused(void **state)
{
	struct place *p = *state;
	char name[BACKEND_NAME_MAX + 2];
	memset(name, 'n', sizeof name);
	name[BACKEND_NAME_MAX + 1] = '\0';
	assert_int_equal(put_text(p, name, "x", BACKEND_NEW), ERR_INVALID);
	name[BACKEND_NAME_MAX] = '\0';
	assert_int_equal(put_text(p, name, "one part", BACKEND_NEW), 0);
	assert_holds(p, name, "one part");
	for (size_t i = 1; i < BACKEND_NAME_MAX - 1; i += 2)
		name[i] = '/';
	assert_int_equal(put_text(p, name, "many parts", BACKEND_NEW), 0);
	assert_holds(p, name, "many parts");
}

/* ---- list ---- */

struct seen {
	char text[400];
	uint64_t bytes;
	unsigned n;
	int give_up;
};

static int collect(void *arg, const struct backend_object *o, struct err *err)
{
	(void)err;
	struct seen *s = arg;
	size_t used = strlen(s->text);
	snprintf(s->text + used, sizeof s->text - used, "[%s]", o->name);
	s->bytes += o->size_bytes;
	s->n++;
	return s->give_up;
}

static struct seen list(struct place *p, const char *prefix)
{
	struct seen s = { .n = 0 };
	assert_int_equal(storage_list(p->b, prefix, collect, &s, &p->err), 0);
	return s;
}

static void put_a_few(struct place *p)
{
	assert_int_equal(put_text(p, "top", "1", BACKEND_NEW), 0);
	assert_int_equal(put_text(p, "k1/s1/packs/a", "22", BACKEND_NEW), 0);
	assert_int_equal(put_text(p, "k1/s1/packs/b", "333", BACKEND_NEW), 0);
	assert_int_equal(put_text(p, "k1/s1/snapshots/1", "4444", BACKEND_NEW), 0);
	assert_int_equal(put_text(p, "k1/s10/packs/c", "55555", BACKEND_NEW), 0);
}

static void list_visits_every_object_once_at_any_depth(void **state)
{
	struct place *p = *state;
	put_a_few(p);
	struct seen s = list(p, "");
	assert_int_equal(s.n, 5);
	assert_int_equal(s.bytes, 15);
	static const char *const each[] = { "[top]", "[k1/s1/packs/a]", "[k1/s1/packs/b]",
		                            "[k1/s1/snapshots/1]", "[k1/s10/packs/c]" };
	for (size_t i = 0; i < sizeof each / sizeof each[0]; i++)
		assert_non_null(strstr(s.text, each[i]));
}

static void a_prefix_is_a_folder_and_not_the_begin_of_a_word(void **state)
{
	struct place *p = *state;
	put_a_few(p);
	assert_int_equal(list(p, "k1/").n, 4);
	assert_int_equal(list(p, "k1/s1/").n, 3);
	assert_int_equal(list(p, "k1/s1/packs/").n, 2);
	assert_string_equal(list(p, "k1/s10/").text, "[k1/s10/packs/c]");
}

static void nothing_below_a_prefix_is_no_error(void **state)
{
	struct place *p = *state;
	assert_int_equal(list(p, "").n, 0);
	assert_int_equal(list(p, "k1/").n, 0);
	put_a_few(p);
	assert_int_equal(list(p, "k2/").n, 0);
	assert_int_equal(list(p, "k1/s1/wal/x/").n, 0);
	assert_int_equal(list(p, "top/").n, 0);
}

static void bad_prefixes_are_refused(void **state)
{
	struct place *p = *state;
	struct seen s = { .n = 0 };
	static const char *const bad[] = { "k1", "/", "../", "k1/../", "k1//", ".k/" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(storage_list(p->b, bad[i], collect, &s, &p->err), ERR_INVALID);
	assert_int_equal(s.n, 0);
}

static void what_a_visitor_returns_ends_the_listing(void **state)
{
	struct place *p = *state;
	put_a_few(p);
	struct seen s = { .give_up = 42 };
	assert_int_equal(storage_list(p->b, "", collect, &s, &p->err), 42);
	assert_int_equal(s.n, 1);
}

static int remove_it(void *arg, const struct backend_object *o, struct err *err)
{
	char name[BACKEND_NAME_MAX + 1];
	snprintf(name, sizeof name, "%s", o->name);
	return storage_remove(((struct place *)arg)->b, name, err);
}

static void a_visitor_may_remove_what_it_visits(void **state)
{
	struct place *p = *state;
	put_a_few(p);
	assert_int_equal(storage_list(p->b, "", remove_it, p, &p->err), 0);
	assert_int_equal(list(p, "").n, 0);
}

/* ---- large objects ---- */

static uint8_t *big_memory(void)
{
	uint8_t *m = aligned_alloc(BACKEND_ALIGN, BIG + BACKEND_ALIGN);
	assert_non_null(m);
	return m;
}

static void fill(uint8_t *m, size_t len)
{
	uint32_t x = 1;
	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		m[i] = (uint8_t)(x >> 24);
	}
}

/* Put len bytes from memory `skew` bytes off alignment, get them back whole and in a few ranges. */
static void round_trip(struct place *p, const char *name, size_t len, size_t skew)
{
	uint8_t *in = big_memory(), *out = big_memory();
	size_t got;
	fill(in + skew, len);
	assert_int_equal(storage_put(p->b, name, in + skew, len, BACKEND_NEW, &p->err), 0);

	memset(out, 0, BIG + BACKEND_ALIGN);
	assert_int_equal(storage_get(p->b, name, 0, out, BIG + BACKEND_ALIGN, &got, &p->err), 0);
	assert_int_equal(got, len);
	assert_memory_equal(out, in + skew, len);

	static const size_t offsets[] = { 1, 4096, 5000, 8 << 20, (16 << 20) - 4096 };
	static const size_t caps[] = { 100, 1 << 20, (1 << 20) + 1, BIG };
	for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++)
		for (size_t j = 0; j < sizeof caps / sizeof caps[0]; j++) {
			size_t left = offsets[i] < len ? len - offsets[i] : 0;
			size_t want = caps[j] < left ? caps[j] : left;
			assert_int_equal(
				storage_get(p->b, name, offsets[i], out, caps[j], &got, &p->err), 0);
			assert_int_equal(got, want);
			assert_memory_equal(out, in + skew + offsets[i], want);
		}
	free(in);
	free(out);
}

static void large_objects_survive_whatever_their_alignment(void **state)
{
	struct place *p = *state;
	round_trip(p, "packs/whole", BIG, 0);
	round_trip(p, "packs/skewed", BIG, 1);
	round_trip(p, "packs/tail", BIG - 4095, 0);
	round_trip(p, "packs/tail-skewed", BIG - 123, 512);
	round_trip(p, "packs/small", (1 << 20) + 1, 0);
}

/* ---- several at once ---- */

enum { WRITERS = 8, ROUNDS = 10 };

struct racer {
	struct place *p;
	pthread_barrier_t *start;
	char text[200];
	const char *name;
	int rc;
};

static void *race(void *arg)
{
	struct racer *r = arg;
	struct err err;
	pthread_barrier_wait(r->start);
	r->rc = storage_put(r->p->b, r->name, r->text, sizeof r->text, BACKEND_NEW, &err);
	return NULL;
}

static void race_once(struct place *p, const char *name)
{
	struct racer racers[WRITERS];
	pthread_t threads[WRITERS];
	pthread_barrier_t start;
	pthread_barrier_init(&start, NULL, WRITERS);
	for (int i = 0; i < WRITERS; i++) {
		racers[i] = (struct racer){ .p = p, .start = &start, .name = name };
		memset(racers[i].text, 'A' + i, sizeof racers[i].text);
		assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	}
	const struct racer *winner = NULL;
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&start);
	for (int i = 0; i < WRITERS; i++) {
		if (racers[i].rc == 0) {
			assert_null(winner);
			winner = &racers[i];
		} else {
			assert_int_equal(racers[i].rc, ERR_EXISTS);
		}
	}
	assert_non_null(winner);
	char got[sizeof winner->text + 1];
	size_t len;
	assert_int_equal(storage_get(p->b, name, 0, got, sizeof got, &len, &p->err), 0);
	assert_int_equal(len, sizeof winner->text);
	assert_memory_equal(got, winner->text, len);
}

static void exactly_one_of_racing_writers_wins(void **state)
{
	struct place *p = *state;
	struct backend_traits traits;
	assert_int_equal(storage_traits(p->b, &traits, &p->err), 0);
	if (!traits.conditional) {
		print_message("this storage does not tell racing writers apart\n");
		skip();
	}
	for (int i = 0; i < ROUNDS; i++) {
		char name[40];
		snprintf(name, sizeof name, "k%d/snapshots/1", i);
		race_once(*state, name);
	}
}

struct replacer {
	struct place *p;
	atomic_bool done;
	int rc;
};

enum { REPLACEMENTS = 60, LONGEST = 100000 };

/* Every version is one letter throughout, and its length tells which. */
static size_t version(char *text, int i)
{
	size_t len = (size_t)(LONGEST - 1000 * (i % 26));
	memset(text, 'a' + i % 26, len);
	return len;
}

static void *replace(void *arg)
{
	struct replacer *r = arg;
	struct err err;
	char *text = malloc(LONGEST);
	r->rc = text ? 0 : ERR_NOMEM;
	for (int i = 1; i < REPLACEMENTS && r->rc == 0; i++)
		r->rc = storage_put(r->p->b, "log/checkpoint", text, version(text, i),
		                    BACKEND_REPLACE, &err);
	atomic_store(&r->done, true);
	free(text);
	return NULL;
}

static void a_reader_sees_the_old_or_the_new_and_nothing_else(void **state)
{
	struct place *p = *state;
	char *text = malloc(LONGEST), *expected = malloc(LONGEST);
	size_t len = 0;
	assert_non_null(text);
	assert_non_null(expected);
	len = version(text, 0);
	assert_int_equal(storage_put(p->b, "log/checkpoint", text, len, BACKEND_NEW, &p->err), 0);

	struct replacer r = { .p = p };
	pthread_t writer;
	assert_int_equal(pthread_create(&writer, NULL, replace, &r), 0);
	int rc = 0;
	bool mixed = false;
	while (rc == 0 && !mixed && !atomic_load(&r.done)) {
		rc = storage_get(p->b, "log/checkpoint", 0, text, LONGEST, &len, &p->err);
		mixed = rc == 0 && (len == 0 || version(expected, text[0] - 'a') != len ||
		                    memcmp(text, expected, len) != 0);
	}
	pthread_join(writer, NULL);
	assert_int_equal(rc, 0);
	assert_int_equal(r.rc, 0);
	assert_false(mixed);
	free(text);
	free(expected);
}

#define CONTRACT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static const struct CMUnitTest contract[] = {
	CONTRACT(what_was_put_is_got),
	CONTRACT(another_handle_sees_the_same_objects),
	CONTRACT(a_new_object_never_replaces),
	CONTRACT(replace_puts_and_replaces),
	CONTRACT(ranges_end_where_the_object_ends),
	CONTRACT(an_empty_object_is_an_object),
	CONTRACT(stat_tells_size_and_time_of_the_put),
	CONTRACT(absence_is_said_and_nothing_else_changes),
	CONTRACT(an_empty_place_holds_nothing),
	CONTRACT(what_was_removed_is_gone_and_can_be_put_again),
	CONTRACT(names_that_lead_elsewhere_are_refused),
	CONTRACT(the_longest_name_works_and_one_more_is_refused),
	CONTRACT(list_visits_every_object_once_at_any_depth),
	CONTRACT(a_prefix_is_a_folder_and_not_the_begin_of_a_word),
	CONTRACT(nothing_below_a_prefix_is_no_error),
	CONTRACT(bad_prefixes_are_refused),
	CONTRACT(what_a_visitor_returns_ends_the_listing),
	CONTRACT(a_visitor_may_remove_what_it_visits),
	CONTRACT(large_objects_survive_whatever_their_alignment),
	CONTRACT(exactly_one_of_racing_writers_wins),
	CONTRACT(a_reader_sees_the_old_or_the_new_and_nothing_else),
};

int main(void)
{
	int failed = 0;
	driver = getenv("HOLDFAST_TEST_URL");
	outside = driver != NULL;
	if (outside)
		return cmocka_run_group_tests_name(driver, contract, NULL, NULL) != 0;
	for (size_t i = 0; i < sizeof drivers / sizeof drivers[0]; i++) {
		driver = drivers[i];
		failed += cmocka_run_group_tests_name(driver, contract, NULL, NULL);
	}
	return failed != 0;
}
