/* When runs found stores current: what the ledger of a writer tells, walked from its end. */
#include "ledger_make.h"

#include "holdfast/runs.h"

static struct lab lab;
static struct err err;

enum { T0 = 1700000000, NIGHT = 86400, MANY = 40 };

static int begin(void **state)
{
	(void)state;
	return lab_begin(&lab, "memory", &err);
}

static int end(void **state) { (void)state; lab_end(&lab); return 0; }

static struct store_info stores[MANY];
static char names[MANY][16];

static void name_stores(void)
{
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof names[i], "s%02u", i);
		stores[i] = lab_store(&lab, names[i]);
	}
}

/* A run at that time over stores [first, first + n), of which one (or none: n) failed. */
static void run_at(int64_t t, unsigned first, unsigned n, unsigned failed)
{
	uint8_t covers[MANY][16];
	struct entry_item item = { .did = DID_FAIL, .number = 3 };
	struct entry e = { .kind = ENTRY_RUN, .started_s = (uint64_t)t, .finished_s = (uint64_t)t + 60,
	                   .time_s = (uint64_t)t + 60, .stores = n, .unchanged = n, .covers = covers,
	                   .n_covers = n };
	for (unsigned i = 0; i < n; i++)
		memcpy(covers[i], stores[first + i].store, 16);
	if (failed < n) {
		memcpy(item.store, stores[first + failed].store, 16);
		e.items = &item;
		e.n_items = e.failed = 1;
	}
	AUTO(ledger) l = ledger_open(lab.writer, &err);
	if (!l || ledger_put_items(l, &e, &err) != 0 || ledger_put_stores(l, &e, &err) != 0 ||
	    ledger_append(l, &e, 1, &err) != 0)
		fail_msg("%s", err.msg);
}

static int64_t newest(unsigned store, int64_t since_s)
{
	struct runs_query q = { .store = &stores[store], .since_s = since_s, .newest_s = 7 };
	if (runs_newest(lab.reader, &q, 1, &err) != 0)
		fail_msg("%s", err.msg);
	return q.newest_s;
}

static int64_t next(unsigned store, int64_t after_s)
{
	int64_t t = 7;
	if (runs_next(lab.reader, &stores[store], after_s, &t, &err) != 0)
		fail_msg("%s", err.msg);
	return t;
}

static void the_newest_run_that_covered_a_store_is_found(void **state)
{
	(void)state;
	name_stores();
	assert_int_equal(newest(0, 0), 0);
	run_at(T0, 0, 3, 3);
	run_at(T0 + NIGHT, 1, 2, 2);
	run_at(T0 + 2 * NIGHT, 2, 1, 1);
	assert_int_equal(newest(0, T0), T0);
	assert_int_equal(newest(1, T0), T0 + NIGHT);
	assert_int_equal(newest(2, T0), T0 + 2 * NIGHT);
	assert_int_equal(newest(3, T0), 0);
	/* what is older than a newer snapshot is of no interest */
	assert_int_equal(newest(0, T0 + NIGHT / 2), 0);
	assert_int_equal(newest(1, T0 + NIGHT / 2), T0 + NIGHT);
}

static void a_run_that_failed_for_a_store_does_not_count_for_it(void **state)
{
	(void)state;
	name_stores();
	run_at(T0, 0, 3, 3);
	run_at(T0 + NIGHT, 0, 3, 1);
	assert_int_equal(newest(0, T0), T0 + NIGHT);
	assert_int_equal(newest(1, T0), T0);
	assert_int_equal(next(1, T0 - 1), T0);
	assert_int_equal(next(1, T0), 0);
	assert_int_equal(next(0, T0), T0 + NIGHT);
}

static void the_next_run_is_the_first_after_that_moment(void **state)
{
	(void)state;
	name_stores();
	for (int64_t n = 0; n < 5; n++)
		run_at(T0 + n * NIGHT, 0, 2, 2);
	assert_int_equal(next(0, T0 - NIGHT), T0);
	assert_int_equal(next(0, T0), T0 + NIGHT);
	assert_int_equal(next(1, T0 + 3 * NIGHT + 1), T0 + 4 * NIGHT);
	assert_int_equal(next(1, T0 + 4 * NIGHT), 0);
	assert_int_equal(next(2, T0), 0);
}

/* More stores than an entry names itself; more runs than a tile holds; two sets of stores in turn. */
static void long_lists_and_long_logs_are_walked(void **state)
{
	struct runs_query all[MANY];
	(void)state;
	name_stores();
	run_at(T0, 0, MANY, MANY);
	for (int64_t n = 1; n < 600; n++)
		run_at(T0 + n * 3600, n % 2 ? 0 : 18, 18, 18);
	for (unsigned i = 0; i < MANY; i++)
		all[i] = (struct runs_query){ .store = &stores[i], .since_s = T0 };
	assert_int_equal(runs_newest(lab.reader, all, MANY, &err), 0);
	assert_int_equal(all[0].newest_s, T0 + 599 * 3600);
	assert_int_equal(all[18].newest_s, T0 + 598 * 3600);
	assert_int_equal(all[39].newest_s, T0);
	assert_int_equal(next(39, T0 - 1), T0);
	assert_int_equal(next(0, T0 + 3 * 3600), T0 + 5 * 3600);
}

static void other_machines_runs_say_nothing_of_ours(void **state)
{
	(void)state;
	struct vault *other = enroll(&lab, "other", ROLE_WRITER);
	assert_int_equal(lab_unlock(&lab, &err), 0);
	name_stores();
	run_at(T0, 0, 1, 1);
	struct store_info theirs = stores[0];
	memcpy(theirs.writer, vault_keyfile(other)->id, 16);
	struct runs_query q[2] = { { .store = &theirs, .since_s = T0 }, { .store = &stores[0] } };
	assert_int_equal(runs_newest(lab.reader, q, 2, &err), 0);
	assert_int_equal(q[0].newest_s, 0);
	assert_int_equal(q[1].newest_s, T0);
	vault_free(other);
}

/* Whoever can write into the storage cannot make a store look fresh. */
static void entries_that_were_not_signed_for_are_refused(void **state)
{
	char prefix[NAMES_MAX];
	struct lab_names tiles;
	(void)state;
	name_stores();
	for (int64_t n = 0; n < 300; n++)
		run_at(T0 + n * NIGHT, 0, 1, 1);
	names_log(prefix, vault_keyfile(lab.writer)->id, "tile/entries/");
	assert_int_equal(lab_list(&lab, prefix, &tiles, &err), 0);
	for (size_t i = 0; i < tiles.n; i++) {
		AUTO(buf) b = buf_new(LAB_OBJECT_MAX, &err);
		assert_int_equal(storage_get_all(vault_storage(lab.reader), tiles.names[i], b, &err), 0);
		uint8_t *digit = memmem(b->bytes, b->len, "\"started\":1", 11);
		digit[10] = '2';
		assert_int_equal(storage_put(vault_storage(lab.reader), tiles.names[i], b->bytes, b->len,
		                             BACKEND_REPLACE, &err), 0);
	}
	free(tiles.names);
	struct runs_query q = { .store = &stores[0], .since_s = T0 };
	int64_t t;
	assert_int_equal(runs_newest(lab.reader, &q, 1, &err), ERR_CORRUPT);
	assert_int_equal(q.newest_s, 0);
	assert_int_equal(runs_next(lab.reader, &stores[0], T0, &t, &err), ERR_CORRUPT);
}

static void a_list_that_is_gone_tells_of_nothing(void **state)
{
	char prefix[NAMES_MAX];
	(void)state;
	name_stores();
	run_at(T0, 0, 2, 2);
	run_at(T0 + NIGHT, 0, MANY, MANY);
	snprintf(prefix, sizeof prefix, "%s", "");
	names_list(prefix, vault_keyfile(lab.writer)->id, (const uint8_t[32]){ 0 });
	*(strrchr(prefix, '/') + 1) = '\0';
	assert_int_equal(lab_remove_all(&lab, prefix, &err), 0);
	assert_int_equal(newest(0, T0), T0);
	assert_int_equal(newest(MANY - 1, T0), 0);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(the_newest_run_that_covered_a_store_is_found),
		CASE(a_run_that_failed_for_a_store_does_not_count_for_it),
		CASE(the_next_run_is_the_first_after_that_moment),
		CASE(long_lists_and_long_logs_are_walked),
		CASE(other_machines_runs_say_nothing_of_ours),
		CASE(entries_that_were_not_signed_for_are_refused),
		CASE(a_list_that_is_gone_tells_of_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
