/* Snapshots are listed with what links them, found by number and time, and compared. */
#include "vault_make.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hex.h"
#include "cli/asking.h"
#include "crypto/hash.h"
#include "engine/select_time.h"
#include "format/body.h"
#include "format/head.h"
#include "format/names.h"
#include "holdfast/snapshot.h"
#include "vault/storage.h"

static struct made made;
static struct store_info store;
static struct err err;
static struct vault_epoch epoch;
static uint8_t page_key[32];

static int set_up(void **state)
{
	(void)state;
	memset(&made, 0, sizeof made);
	memset(page_key, 7, sizeof page_key);
	setenv("TZ", "UTC", 1);
	tzset();
	make_vault(&made, "memory://test-snapshot");
	memcpy(store.writer, vault_keyfile(made.vault)->id, 16);
	vault_store_id(made.vault, "crm", store.store);
	store.name = "crm";
	return vault_make_epoch(made.vault, "crm", 1, &epoch, &err);
}

static int tear_down(void **state)
{
	(void)state;
	drop_vault(&made);
	return 0;
}

/* ---- snapshots made by hand, so that their times and links can be chosen ---- */

struct file {
	const char *path;
	uint64_t length;
	uint8_t sum;               /* every byte of it */
	uint32_t mode;
	int64_t mtime_ns;
	uint32_t number;
};

struct wanted {
	uint64_t seq, time_s;
	uint8_t prev[32];
	const char *packs;         /* one letter each */
	const struct file *files;
	size_t n_files;
};

static void add_files(struct body_writer *body, const struct wanted *w)
{
	for (size_t i = 0; i < w->n_files; i++) {
		const struct file *f = &w->files[i];
		struct body_file file = { .number = f->number, .path = f->path,
		                          .path_len = strlen(f->path), .mode = f->mode, .page_bytes = 4096,
		                          .unit_bytes = 512, .length = f->length,
		                          .mtime_ns = f->mtime_ns };
		memset(file.sum, f->sum, sizeof file.sum);
		assert_int_equal(body_add(body, &file, &err), 0);
	}
}

static struct buf *make_body(const struct wanted *w, struct head *h)
{
	struct pack_header header = { .epoch = 1 };
	struct body_place place = { .seq = w->seq, .epoch = 1 };
	uint8_t key[32], context[PACK_CONTEXT_BYTES];
	randombytes_buf(key, sizeof key);
	memcpy(header.vault, h->vault, 16);
	memcpy(header.store, h->store, 16);
	memcpy(header.session, h->session, 16);
	pack_context(context, &header);
	assert_int_equal(seal_stanza(place.stanza, key, epoch.pk, vault_psk(made.vault), context,
	                             sizeof context), 0);
	memcpy(place.vault, h->vault, 16);
	memcpy(place.store, h->store, 16);
	memcpy(place.session, h->session, 16);
	struct buf *out = buf_new(1 << 20, &err);
	AUTO(body_writer) body = body_writer_new(page_key, &err);
	assert_true(out && body);
	add_files(body, w);
	assert_int_equal(body_finish(body, "{\"engine\":\"test\"}", &place, key, out, &err), 0);
	return out;
}

/* hash gets the new head's hash. */
static void put_snapshot(const struct wanted *w, uint8_t hash[32])
{
	const struct keyfile *key = vault_keyfile(made.vault);
	const struct charter *charter = vault_charter(made.vault);
	struct head_pack packs[26] = { 0 };
	struct head h = { .seq = w->seq, .time_s = w->time_s, .epoch = 1, .packs = packs,
	                  .charter_n = charter->n, .kind = w->seq == 1 ? HEAD_FULL : HEAD_INCREMENTAL };
	for (const char *p = w->packs; *p; p++) {
		memset(packs[h.n_packs].id, *p, 32);
		packs[h.n_packs++].size = 1000u + (uint32_t)*p;
	}
	memcpy(h.vault, vault_id(made.vault), 16);
	memcpy(h.store, store.store, 16);
	memcpy(h.writer, store.writer, 16);
	memcpy(h.prev, w->prev, 32);
	memcpy(h.epoch_pk, epoch.pk, 32);
	memcpy(h.charter_hash, charter->hash, 32);
	randombytes_buf(h.session, 16);
	AUTO(buf) body = make_body(w, &h);
	AUTO(buf) object = buf_new(1 << 20, &err);
	struct head_parts parts;
	char name[NAMES_MAX];
	assert_int_equal(head_encode(&h, body->bytes, body->len, key->record_sk->bytes, object, &err), 0);
	assert_int_equal(head_split(&parts, object->bytes, object->len, &err), 0);
	head_hash(hash, &parts);
	assert_int_equal(storage_put(vault_storage(made.vault),
	                             names_snapshot(name, store.writer, store.store, w->seq),
	                             object->bytes, object->len, BACKEND_REPLACE, &err), 0);
}

static void remove_snapshot(uint64_t seq)
{
	char name[NAMES_MAX];
	names_snapshot(name, store.writer, store.store, seq);
	assert_int_equal(storage_remove(vault_storage(made.vault), name, &err), 0);
}

static void damage_snapshot(uint64_t seq, uint64_t at)
{
	char name[NAMES_MAX];
	AUTO(buf) b = buf_new(1 << 20, &err);
	names_snapshot(name, store.writer, store.store, seq);
	assert_int_equal(storage_get_all(vault_storage(made.vault), name, b, &err), 0);
	b->bytes[at] ^= 1;
	assert_int_equal(storage_put(vault_storage(made.vault), name, b->bytes, b->len, BACKEND_REPLACE,
	                             &err), 0);
}

/* 2026-11-20, -21, -22 at 02:15:00 UTC, linked. */
enum { DAY = 86400, FIRST_S = 1795140900 };

static void put_three(void)
{
	struct wanted w = { .seq = 1, .time_s = FIRST_S, .packs = "ab" };
	uint8_t hash[32];
	put_snapshot(&w, hash);
	w = (struct wanted){ .seq = 2, .time_s = FIRST_S + DAY, .packs = "abc" };
	memcpy(w.prev, hash, 32);
	put_snapshot(&w, hash);
	w = (struct wanted){ .seq = 3, .time_s = FIRST_S + 2 * DAY, .packs = "bcde" };
	memcpy(w.prev, hash, 32);
	put_snapshot(&w, hash);
}

static void expect_words(const char *text)
{
	if (!strstr(err.msg, text))
		fail_msg("'%s' does not say '%s'", err.msg, text);
}

/* ---- list ---- */

struct seen {
	struct snapshot_info list[8];
	size_t n;
};

static int see(void *arg, const struct snapshot_info *info, struct err *e)
{
	struct seen *s = arg;
	(void)e;
	s->list[s->n++] = *info;
	return 0;
}

static void a_listing_tells_what_each_snapshot_added(void **state)
{
	struct seen s = { .n = 0 };
	(void)state;
	put_three();
	assert_int_equal(snapshot_list(made.vault, &store, see, &s, &err), 0);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.list[0].seq, 1);
	assert_int_equal(s.list[0].kind, SNAPSHOT_FULL);
	assert_int_equal(s.list[0].packs, 2);
	assert_int_equal(s.list[0].new_packs, 2);   /* a full added all that it lists */
	assert_int_equal(s.list[0].listed_bytes, 2000 + 'a' + 'b');
	assert_int_equal(s.list[1].new_packs, 1);
	assert_int_equal(s.list[1].new_bytes, 1000 + 'c');
	assert_int_equal(s.list[2].new_packs, 2);
	assert_int_equal(s.list[2].new_bytes, 2000 + 'd' + 'e');
	assert_int_equal(s.list[2].time_s, FIRST_S + 2 * DAY);
	assert_int_equal(strlen(s.list[2].id), 16);
	assert_string_not_equal(s.list[1].id, s.list[2].id);
}

static void no_snapshots_are_no_error(void **state)
{
	struct seen s = { .n = 0 };
	struct snapshot_info info;
	(void)state;
	assert_int_equal(snapshot_list(made.vault, &store, see, &s, &err), 0);
	assert_int_equal(s.n, 0);
	assert_int_equal(snapshot_select(made.vault, &store, NULL, &info, &err), ERR_ABSENT);
}

static void two_histories_are_a_fork(void **state)
{
	struct wanted other = { .seq = 2, .time_s = FIRST_S + 5, .packs = "abx" };
	struct seen s = { .n = 0 };
	struct snapshot_info info;
	uint8_t hash[32];
	(void)state;
	put_three();
	put_snapshot(&other, hash);
	assert_int_equal(snapshot_list(made.vault, &store, see, &s, &err), ERR_FORK);
	/* snapshot 2 itself does not follow 1 */
	expect_words("snapshots/00000001");
	expect_words("snapshots/00000002");
	remove_snapshot(1);
	assert_int_equal(snapshot_list(made.vault, &store, see, &s, &err), ERR_FORK);
	expect_words("snapshots/00000003");
	/* the newest is not taken silently, but may be asked for */
	assert_int_equal(snapshot_select(made.vault, &store, "latest", &info, &err), ERR_FORK);
	assert_int_equal(snapshot_select(made.vault, &store, "3", &info, &err), 0);
}

static void expired_snapshots_leave_no_fork(void **state)
{
	struct seen s = { .n = 0 };
	(void)state;
	put_three();
	remove_snapshot(2);
	assert_int_equal(snapshot_list(made.vault, &store, see, &s, &err), 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.list[1].new_packs, 3);
}

static void a_changed_head_is_refused_by_name(void **state)
{
	struct seen s = { .n = 0 };
	struct snapshot_info info;
	(void)state;
	put_three();
	damage_snapshot(2, 60);
	assert_int_equal(snapshot_list(made.vault, &store, see, &s, &err), ERR_CORRUPT);
	expect_words("snapshots/00000002");
	/* its neighbours can still be had */
	assert_int_equal(snapshot_select(made.vault, &store, "3", &info, &err), 0);
	assert_int_equal(info.new_packs, 0);
	assert_int_equal(snapshot_select(made.vault, &store, NULL, &info, &err), 0);
	assert_int_equal(snapshot_select(made.vault, &store, "2", &info, &err), ERR_CORRUPT);
}

/* ---- select ---- */

static void expect_selected(const char *spec, uint64_t seq)
{
	struct snapshot_info info = { 0 };
	if (snapshot_select(made.vault, &store, spec, &info, &err) != 0)
		fail_msg("%s: %s", spec, err.msg);
	if (info.seq != seq)
		fail_msg("%s gives %d, not %d", spec, (int)info.seq, (int)seq);
}

static void snapshots_are_found_by_number_and_time(void **state)
{
	(void)state;
	put_three();
	expect_selected(NULL, 3);
	expect_selected("", 3);
	expect_selected("latest", 3);
	expect_selected("1", 1);
	expect_selected("0000002", 2);
	expect_selected("2026-11-20", 1);
	expect_selected("2026-11-21", 2);
	expect_selected("2026-11-21T02:14:59", 1);
	expect_selected("2026-11-21T02:15", 2);
	expect_selected("2026-11-21T02:15:00Z", 2);
	expect_selected("2026-11-21T03:15+01:00", 2);
	expect_selected("2026-11-21T03:14:59+01:00", 1);
	expect_selected("2030-01-01", 3);
}

static void what_is_not_there_names_what_is(void **state)
{
	struct snapshot_info info;
	(void)state;
	put_three();
	static const char *const specs[] = { "4", "0", "99999999999999999999999", "2026-11-19",
	                                     "2026-11-20T02:14:59" };
	for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
		assert_int_equal(snapshot_select(made.vault, &store, specs[i], &info, &err), ERR_ABSENT);
		expect_words("the first is 1 of 2026-11-20 02:15:00, the last 3 of 2026-11-22 02:15:00");
	}
	assert_int_equal(snapshot_select(made.vault, &store, "tomorrow", &info, &err), ERR_INVALID);
}

/* A clock that was set back: the highest number of those old enough, not the first one found old. */
static void a_clock_set_back_hides_nothing(void **state)
{
	struct wanted w = { .seq = 4, .time_s = FIRST_S + DAY, .packs = "bcde" };
	uint8_t hash[32];
	(void)state;
	put_three();
	remove_snapshot(3);
	put_snapshot(&w, hash);
	expect_selected("2026-11-21", 4);
}

static int64_t moment(const char *text, int64_t now_s)
{
	int64_t t = -1;
	return select_time(text, now_s, &t) ? t : -1;
}

static void times_are_taken_in_the_local_zone(void **state)
{
	(void)state;
	/* UTC+1, and +2 from the last Sunday of March to that of October, by rule: no zone file */
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	assert_int_equal(moment("2026-01-15T12:00:00", 0), moment("2026-01-15T11:00:00Z", 0));
	assert_int_equal(moment("2026-07-15T12:00", 0), moment("2026-07-15T10:00Z", 0));
	assert_int_equal(moment("2026-07-15 12:00", 0), moment("2026-07-15T10:00Z", 0));
	/* days of 23 and of 25 hours end at midnight too */
	assert_int_equal(moment("2026-03-29", 0), moment("2026-03-29T21:59:59Z", 0));
	assert_int_equal(moment("2026-03-28", 0), moment("2026-03-28T22:59:59Z", 0));
	assert_int_equal(moment("2026-10-25", 0), moment("2026-10-25T22:59:59Z", 0));
	assert_int_equal(moment("2026-12-31", 0), moment("2027-01-01T00:00", 0) - 1);
	assert_int_equal(moment("yesterday", moment("2026-03-30T00:30", 0)), moment("2026-03-29", 0));
	assert_int_equal(moment("yesterday", moment("2026-01-01T23:59", 0)), moment("2025-12-31", 0));
	assert_int_equal(moment("2024-02-29", 0), moment("2024-03-01T00:00", 0) - 1);
	assert_int_equal(moment("1970-01-02T00:00-01:30", 0), 86400 + 5400);
}

static void what_is_no_time_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "2026", "2026-11", "2026-13-01", "2026-00-01", "2026-11-31", "2026-02-29",
		"2026-11-22T", "2026-11-22T2", "2026-11-22T24:00", "2026-11-22T02:60", "2026-11-22T02:15:",
		"2026-11-22T02:15:61", "2026-11-22T02:15z", "2026-11-22T02:15+1", "2026-11-22T02:15+15:00",
		"2026-11-22T02:15Z ", " 2026-11-22", "2026-11-22 ", "26-11-22", "1969-12-31", "Yesterday",
		"2026-11-22T02:15+01:00Z", "2026-11--2",
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int64_t t = 42;
		if (select_time(bad[i], 0, &t) || t != 42)
			fail_msg("'%s' was taken for a time", bad[i]);
	}
}

/* ---- files and differences ---- */

static const struct file older_files[] = {
	{ "same", 4096, 1, S_IFREG | 0600, 10, 1 },
	{ "gone", 512, 2, S_IFREG | 0600, 10, 2 },
	{ "changed", 4096, 3, S_IFREG | 0600, 10, 3 },
	{ "touched", 4096, 4, S_IFREG | 0600, 10, 4 },
	{ "grown", 4096, 5, S_IFREG | 0600, 10, 5 },
	{ "empty", 0, 6, S_IFREG | 0600, 10, 6 },
};

/* In another order, as sources may do. `changed` has the same length and time. */
static const struct file newer_files[] = {
	{ "grown", 8192, 5, S_IFREG | 0600, 10, 5 },
	{ "touched", 4096, 4, S_IFREG | 0640, 11, 4 },
	{ "new", 100, 9, S_IFREG | 0600, 10, 7 },
	{ "changed", 4096, 33, S_IFREG | 0600, 10, 3 },
	{ "empty", 0, 66, S_IFREG | 0600, 12, 8 },
	{ "same", 4096, 1, S_IFREG | 0600, 10, 1 },
};

static void put_pair(uint8_t second_key)
{
	struct wanted w = { .seq = 1, .time_s = FIRST_S, .packs = "a", .files = older_files,
	                    .n_files = sizeof older_files / sizeof *older_files };
	uint8_t hash[32];
	put_snapshot(&w, hash);
	memset(page_key, second_key, sizeof page_key);
	w.seq = 2;
	memcpy(w.prev, hash, 32);
	w.files = newer_files;
	w.n_files = sizeof newer_files / sizeof *newer_files;
	put_snapshot(&w, hash);
}

static int note_change(void *arg, enum diff_change change, const char *path, uint64_t old_bytes,
                       uint64_t new_bytes, struct err *e)
{
	char *out = arg;
	size_t len = strlen(out);
	(void)e;
	snprintf(out + len, 500 - len, "%c%s:%d-%d ", (char)change, path, (int)old_bytes,
	         (int)new_bytes);
	return 0;
}

static void a_difference_is_told_by_sums(void **state)
{
	char out[500] = "";
	bool exact = false;
	(void)state;
	put_pair(7);
	assert_int_equal(snapshot_diff(made.vault, &store, 1, 2, note_change, out, &exact, &err), 0);
	assert_string_equal(out, "Mgrown:4096-8192 Utouched:4096-4096 +new:0-100 Mchanged:4096-4096 "
	                         "Uempty:0-0 -gone:512-0 ");
	assert_true(exact);
	out[0] = '\0';
	assert_int_equal(snapshot_diff(made.vault, &store, 2, 2, note_change, out, &exact, &err), 0);
	assert_string_equal(out, "");
}

/* Other sums for the same bytes must not look like a change; `touched` may have changed. */
static void under_another_page_key_length_and_time_decide(void **state)
{
	char out[500] = "";
	bool exact = true;
	(void)state;
	put_pair(8);
	assert_int_equal(snapshot_diff(made.vault, &store, 1, 2, note_change, out, &exact, &err), 0);
	assert_string_equal(out, "Mgrown:4096-8192 Mtouched:4096-4096 +new:0-100 Uempty:0-0 "
	                         "-gone:512-0 ");
	assert_false(exact);
}

static int note_file(void *arg, const struct snapshot_file *f, struct err *e)
{
	char *out = arg;
	size_t len = strlen(out);
	(void)e;
	assert_string_equal(f->entry.stamp, "");
	snprintf(out + len, 500 - len, "%s:%d:%d ", f->entry.path, (int)f->entry.length_bytes,
	         (int)f->number);
	return 0;
}

static void files_are_listed_with_the_facts(void **state)
{
	char out[500] = "", *facts = NULL;
	(void)state;
	put_pair(7);
	assert_int_equal(snapshot_files(made.vault, &store, 1, note_file, out, &facts, &err), 0);
	assert_string_equal(out, "same:4096:1 gone:512:2 changed:4096:3 touched:4096:4 grown:4096:5 "
	                         "empty:0:6 ");
	assert_string_equal(facts, "{\"engine\":\"test\"}");
	free(facts);
	out[0] = '\0';
	assert_int_equal(snapshot_files(made.vault, &store, 1, note_file, out, NULL, &err), 0);
}

static int stop_at_once(void *arg, const struct snapshot_file *f, struct err *e)
{
	(void)arg, (void)f;
	return err_set(e, ERR_STOPPED, "enough");
}

static void without_the_secret_only_heads_are_read(void **state)
{
	char out[500] = "", *facts = NULL;
	bool exact;
	struct seen s = { .n = 0 };
	(void)state;
	put_pair(7);
	AUTO(vault) locked = must_open_vault(&made, false);
	assert_int_equal(snapshot_list(locked, &store, see, &s, &err), 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(snapshot_files(locked, &store, 1, note_file, out, &facts, &err), ERR_KEY);
	assert_int_equal(snapshot_diff(locked, &store, 1, 2, note_change, out, &exact, &err), ERR_KEY);
	assert_null(facts);
	assert_int_equal(snapshot_files(made.vault, &store, 1, stop_at_once, out, &facts, &err),
	                 ERR_STOPPED);
	assert_null(facts);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

/* ---- many stores, as if they lay behind a network ---- */

enum { MANY = 300 };

static struct store_entry many[MANY];

static void make_many(void)
{
	for (size_t i = 0; i < MANY; i++) {
		struct store_entry *e = &many[i];
		snprintf(e->label, sizeof e->label, "t%03zu", i);
		e->info = (struct store_info){ .name = e->label };
		memcpy(e->info.writer, store.writer, 16);
		vault_store_id(made.vault, e->label, e->info.store);
		store = e->info;
		assert_int_equal(vault_make_epoch(made.vault, e->label, 1, &epoch, &err), 0);
		put_three();
	}
	vault_storage(made.vault)->remote = true;
}

static void damage_newest_of(size_t i)
{
	store = many[i].info;
	damage_snapshot(3, 40);
}

static void the_newest_of_many_stores_are_found(void **state)
{
	static struct asking_newest list[MANY];
	(void)state;
	make_many();
	for (size_t i = 0; i < MANY; i++)
		list[i] = (struct asking_newest){ .store = &many[i].info, .label = many[i].label };
	list[7].store = NULL;
	store = many[8].info;
	for (uint64_t seq = 1; seq <= 3; seq++)
		remove_snapshot(seq);
	assert_int_equal(asking_newest(made.vault, list, MANY, &err), 0);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(list[i].found, i != 7 && i != 8);
		assert_int_equal(list[i].found ? list[i].newest.seq : 3, 3);
	}
	/* damage of some hides no other */
	damage_newest_of(155);
	damage_newest_of(150);
	assert_int_equal(asking_newest(made.vault, list, MANY, &err), 0);
	for (size_t i = 0; i < MANY; i++) {
		bool damaged = i == 150 || i == 155;
		assert_int_equal(list[i].found, i != 7 && i != 8 && !damaged);
		assert_int_equal(list[i].why.code, damaged ? ERR_CORRUPT : ERR_NONE);
	}
	assert_memory_equal(list[150].why.msg, "t150: ", 6);
}

struct visits { size_t n, end; };

static int visit_in_order(void *arg, const struct store_entry *e, const struct snapshot_info *list,
                          size_t n, struct err *ignored)
{
	struct visits *v = arg;
	(void)ignored;
	assert_ptr_equal(e, &many[v->n]);
	assert_int_equal(n, 3);
	for (uint64_t seq = 1; seq <= 3; seq++)
		assert_int_equal(list[seq - 1].seq, seq);
	return ++v->n == v->end ? 77 : 0;
}

static void many_stores_are_visited_in_their_order_up_to_the_first_bad_one(void **state)
{
	const struct stores all = { many, MANY };
	struct visits v = { .n = 0 };
	(void)state;
	make_many();
	assert_int_equal(asking_snapshots(made.vault, &all, visit_in_order, &v, &err), 0);
	assert_int_equal(v.n, MANY);
	v = (struct visits){ .end = 270 };
	assert_int_equal(asking_snapshots(made.vault, &all, visit_in_order, &v, &err), 77);
	assert_int_equal(v.n, 270);
	damage_newest_of(202);
	damage_newest_of(200);
	v = (struct visits){ .n = 0 };
	assert_int_equal(asking_snapshots(made.vault, &all, visit_in_order, &v, &err), ERR_CORRUPT);
	assert_int_equal(v.n, 200);
	assert_memory_equal(err.msg, "t200: ", 6);
}

struct names { char list[MANY + 1][8]; size_t n; };   /* and the one of all tests */

static int note_name(void *arg, const struct store_info *info, struct err *ignored)
{
	struct names *names = arg;
	(void)ignored;
	assert_int_equal(info->name == NULL, info->damage != NULL);
	snprintf(names->list[names->n++], 8, "%.7s", info->name ? info->name : "?");
	if (info->damage)
		assert_memory_equal(info->damage, "keys/", 5);
	return 0;
}

static int copy_name(void *arg, const struct backend_object *o, struct err *ignored)
{
	(void)ignored;
	snprintf(arg, NAMES_MAX, "%s", o->name);
	return 1;
}

/* The store's only one. */
static void damage_key(void)
{
	char prefix[NAMES_MAX], name[NAMES_MAX];
	struct backend *b = vault_storage(made.vault);
	AUTO(buf) bytes = buf_new(1 << 20, &err);
	names_keys(prefix, store.writer, store.store);
	assert_int_equal(storage_list(b, prefix, copy_name, name, &err), 1);
	assert_int_equal(storage_get_all(b, name, bytes, &err), 0);
	bytes->bytes[bytes->len / 2] ^= 1;
	assert_int_equal(storage_put(b, name, bytes->bytes, bytes->len, BACKEND_REPLACE, &err), 0);
}

static void the_names_of_many_stores_are_read_in_the_order_of_one_after_the_other(void **state)
{
	static struct names here, far;
	(void)state;
	here.n = far.n = 0;
	make_many();
	assert_int_equal(vault_stores(made.vault, NULL, note_name, &far, &err), 0);
	vault_storage(made.vault)->remote = false;
	assert_int_equal(vault_stores(made.vault, NULL, note_name, &here, &err), 0);
	assert_int_equal(here.n, MANY + 1);
	assert_memory_equal(&here, &far, sizeof here);
	/* what cannot be read costs its own store the name */
	vault_store_id(made.vault, here.list[200], store.store);
	damage_key();
	vault_storage(made.vault)->remote = true;
	far.n = 0;
	assert_int_equal(vault_stores(made.vault, NULL, note_name, &far, &err), 0);
	strcpy(here.list[200], "?");
	assert_memory_equal(&here, &far, sizeof here);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_listing_tells_what_each_snapshot_added),
		CASE(no_snapshots_are_no_error),
		CASE(two_histories_are_a_fork),
		CASE(expired_snapshots_leave_no_fork),
		CASE(a_changed_head_is_refused_by_name),
		CASE(snapshots_are_found_by_number_and_time),
		CASE(what_is_not_there_names_what_is),
		CASE(a_clock_set_back_hides_nothing),
		cmocka_unit_test(times_are_taken_in_the_local_zone),
		cmocka_unit_test(what_is_no_time_is_refused),
		CASE(a_difference_is_told_by_sums),
		CASE(under_another_page_key_length_and_time_decide),
		CASE(files_are_listed_with_the_facts),
		CASE(without_the_secret_only_heads_are_read),
		CASE(the_newest_of_many_stores_are_found),
		CASE(many_stores_are_visited_in_their_order_up_to_the_first_bad_one),
		CASE(the_names_of_many_stores_are_read_in_the_order_of_one_after_the_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
