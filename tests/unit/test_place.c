/*
 * What is remembered of a vault's beginning: whole, for a week, and never what is torn.
 *
 * wrap: time
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "format/charter.h"
#include "holdfast/err.h"
#include "scratch.h"
#include "vault/place.h"

static char dir[SCRATCH_MAX];
static struct err err;
static const char url[] = "s3://bucket/folder";

static time_t now = 1764000000;
time_t __wrap_time(time_t *t);
time_t __wrap_time(time_t *t)
{
	if (t)
		*t = now;
	return now;
}

static int begin(void **state)
{
	(void)state;
	now = 1764000000;
	return scratch_make(dir) ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	scratch_remove(dir);
	return 0;
}

static void store(const char *tag)
{
	AUTO(place) p = place_new(&err);
	assert_non_null(p);
	p->n = 42;
	snprintf(p->tag, sizeof p->tag, "%s", tag);
	assert_int_equal(buf_append(p->anchor, "anchor\n", 7, &err), 0);
	assert_int_equal(buf_append(p->charter, "line 1\nline 2\n", 14, &err), 0);
	assert_int_equal(place_store(p, dir, url, &err), 0);
}

static void what_was_stored_comes_back(void **state)
{
	(void)state;
	assert_null(place_load(dir, url, &err));
	assert_int_equal(err.code, ERR_ABSENT);
	store("0123-4");
	AUTO(place) p = place_load(dir, url, &err);
	assert_non_null(p);
	assert_int_equal(p->n, 42);
	assert_string_equal(p->tag, "0123-4");
	assert_int_equal(p->anchor->len, 7);
	assert_memory_equal(p->anchor->bytes, "anchor\n", 7);
	assert_int_equal(p->charter->len, 14);
	assert_memory_equal(p->charter->bytes, "line 1\nline 2\n", 14);
	assert_null(place_load(dir, "s3://bucket/other", &err));
	assert_int_equal(err.code, ERR_ABSENT);
}

static void it_counts_for_a_week_and_only_with_a_fingerprint(void **state)
{
	(void)state;
	store("0123-4");
	now += 7 * 86400 - 1;
	AUTO(place) p = place_load(dir, url, &err);
	assert_non_null(p);
	now += 1;
	assert_null(place_load(dir, url, &err));
	assert_int_equal(err.code, ERR_ABSENT);
	/* a clock that was set back */
	now -= 8 * 86400;
	assert_null(place_load(dir, url, &err));
	assert_int_equal(err.code, ERR_ABSENT);
	store("");
	assert_null(place_load(dir, url, &err));
	assert_int_equal(err.code, ERR_ABSENT);
}

static void a_torn_file_is_refused_at_every_length(void **state)
{
	char path[SCRATCH_MAX + 300] = "";
	(void)state;
	store("0123-4");
	char folder[SCRATCH_MAX + 16];
	snprintf(folder, sizeof folder, "%s/places", dir);
	DIR *d = opendir(folder);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.')
			snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
	closedir(d);
	AUTO(buf) whole = buf_new(4096, &err);
	assert_int_equal(io_read_file(path, whole, &err), 0);
	for (size_t len = whole->len; len-- > 0;) {
		assert_int_equal(truncate(path, (off_t)len), 0);
		assert_null(place_load(dir, url, &err));
		assert_int_equal(err.code, ERR_CORRUPT);
	}
	assert_int_equal(io_write_file(path, "HFPLCE2", 8, 0600, &err), 0);
	assert_null(place_load(dir, url, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(what_was_stored_comes_back),
		CASE(it_counts_for_a_week_and_only_with_a_fingerprint),
		CASE(a_torn_file_is_refused_at_every_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
