#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "format/entry.h"
#include "holdfast/err.h"

static struct entry_item items[20];
static uint8_t stores[20][16];
static struct entry_log logs[2] = { { .size = 7 }, { .size = 1 } };

/* One of each kind, every member set. */
static struct entry sample(enum entry_kind kind)
{
	struct entry e = { .kind = kind, .time_s = 1764000000, .started_s = 1, .finished_s = 2, .stores = 3,
	                   .made = 4, .unchanged = 5, .failed = 6, .items = items, .n_items = 2,
	                   .covers = stores, .n_covers = 3, .seq = 9, .verdict = VERDICT_UNVERIFIED,
	                   .bytes = 10, .duration_ms = 11, .act = "restore", .code = 4, .logs = logs,
	                   .n_logs = 2, .roles = 16, .keys = 12, .charter_n = 13, .due_s = 14,
	                   .attempt = 15 };
	memset(e.run, 1, 16);
	memset(e.current, 2, 32);
	memset(e.head, 3, 32);
	memset(e.report, 4, 32);
	memset(e.drill, 5, 16);
	memset(e.mask, 6, 32);
	items[1].did = DID_FAIL;
	items[1].number = 8;
	return e;
}

static struct buf *encode(const struct entry *e)
{
	struct err err;
	struct buf *b = buf_new(ENTRY_MAX, &err);
	if (entry_encode(e, b, &err) != 0)
		fail_msg("%s", err.msg);
	return b;
}

static void every_kind_comes_back_as_the_same_bytes(void **state)
{
	(void)state;
	for (enum entry_kind kind = 0; kind < ENTRY_OTHER; kind++) {
		struct err err;
		struct entry e = sample(kind), d;
		AUTO(buf) b = encode(&e);
		if (entry_decode(&d, b->bytes, b->len, &err) != 0)
			fail_msg("%s: %s", entry_kind_word(kind), err.msg);
		assert_int_equal(d.kind, kind);
		assert_string_equal(d.word, entry_kind_word(kind));
		assert_int_equal(d.time_s, e.time_s);
		AUTO(buf) again = encode(&d);
		assert_int_equal(again->len, b->len);
		assert_memory_equal(again->bytes, b->bytes, b->len);
		for (enum entry_kind other = 0; other < ENTRY_OTHER; other++)
			assert_int_equal(entry_may_be(b->bytes, b->len, other), other == kind);
		entry_clear(&d);
	}
}

static void an_attempt_that_is_not_told_is_left_out(void **state)
{
	struct err err;
	struct entry e = sample(ENTRY_DRILL_PLANNED), d;
	(void)state;
	AUTO(buf) told = encode(&e);
	assert_non_null(memmem(told->bytes, told->len, "{\"attempt\":15,", 14));
	e.attempt = 0;
	AUTO(buf) b = encode(&e);
	assert_null(memmem(b->bytes, b->len, "attempt", 7));
	assert_int_equal(entry_decode(&d, b->bytes, b->len, &err), 0);
	assert_int_equal(d.attempt, 0);
	entry_clear(&d);
}

static void a_run_is_written_as_documented(void **state)
{
	static const char expected[] = "{\"covers\":[\"00000000000000000000000000000000\"],\"current\":"
		"\"0202020202020202020202020202020202020202020202020202020202020202\",\"failed\":6,"
		"\"finished\":2,\"items\":[[\"00000000000000000000000000000000\",0,"
		"\"0000000000000000000000000000000000000000000000000000000000000000\",\"full\"]],"
		"\"kind\":\"run\",\"made\":4,\"run\":\"01010101010101010101010101010101\",\"started\":1,"
		"\"stores\":3,\"time\":1764000000,\"unchanged\":5,\"v\":1}";
	struct err err;
	struct entry e = sample(ENTRY_RUN);
	(void)state;
	e.n_covers = e.n_items = 1;
	AUTO(buf) b = encode(&e);
	assert_string_equal(buf_text(b, &err), expected);
}

static void a_member_that_is_missing_or_wrong_is_damage(void **state)
{
	static const char *const wrong[] = {
		"{}", "[]", "", "{\"kind\":\"run\",\"time\":1,\"v\":1}",
		"{\"kind\":\"seen\",\"logs\":[1],\"time\":1,\"v\":1}",
		"{\"kind\":\"seen\",\"logs\":[],\"time\":-1,\"v\":1}",
		"{\"kind\":\"Seen\",\"logs\":[],\"time\":1,\"v\":1}",
		"{\"kind\":\"seen\",\"time\":1,\"logs\":[],\"v\":1}", "{\"kind\":\"\",\"time\":1,\"v\":1}",
	};
	struct err err;
	struct entry e;
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (entry_decode(&e, (const uint8_t *)wrong[i], strlen(wrong[i]), &err) != ERR_CORRUPT)
			fail_msg("%s", wrong[i]);
}

static void a_kind_of_the_future_is_kept_and_a_newer_version_is_named(void **state)
{
	static const char future[] = "{\"kind\":\"revoke\",\"time\":5,\"v\":1}";
	static const char newer[] = "{\"kind\":\"run\",\"time\":5,\"v\":2}";
	struct err err;
	struct entry e;
	(void)state;
	assert_int_equal(entry_decode(&e, (const uint8_t *)future, sizeof future - 1, &err), 0);
	assert_int_equal(e.kind, ENTRY_OTHER);
	assert_string_equal(e.word, "revoke");
	assert_int_equal(e.time_s, 5);
	assert_int_equal(entry_decode(&e, (const uint8_t *)newer, sizeof newer - 1, &err), ERR_NEWER);
}

static void long_lists_are_not_written_inline(void **state)
{
	struct err err;
	struct entry e = sample(ENTRY_RUN);
	AUTO(buf) b = buf_new(ENTRY_MAX, &err);
	(void)state;
	e.n_items = ENTRY_INLINE_MAX + 1;
	assert_int_equal(entry_encode(&e, b, &err), ERR_INVALID);
	memset(e.list, 9, 32);
	assert_int_equal(entry_encode(&e, b, &err), 0);
	assert_null(memmem(b->bytes, b->len, "items", 5));
}

static void lists_come_back_sorted(void **state)
{
	struct err err;
	struct entry_item list[3] = { { .number = 12, .did = DID_INCREMENTAL },
	                              { .number = 2, .did = DID_EPOCH },
	                              { .number = 8, .did = DID_FAIL } }, *back;
	uint8_t some[2][16] = { { 2 }, { 1 } }, (*ids)[16];
	size_t n;
	AUTO(buf) b = buf_new(4096, &err);
	(void)state;
	list[0].store[0] = 5;
	list[1].store[0] = 1;
	list[2].store[0] = 3;
	assert_int_equal(entry_items_encode(list, 3, b, &err), 0);
	assert_memory_equal(b->bytes, "01000000000000000000000000000000 2 00", 37);
	assert_int_equal(entry_items_decode(&back, &n, b->bytes, b->len, &err), 0);
	assert_int_equal(n, 3);
	assert_memory_equal(back, list, sizeof list);
	free(back);
	assert_int_equal(entry_items_decode(&back, &n, b->bytes, b->len - 1, &err), ERR_CORRUPT);
	buf_clear(b);
	assert_int_equal(entry_stores_encode(some, 2, b, &err), 0);
	assert_int_equal(entry_stores_decode(&ids, &n, b->bytes, b->len, &err), 0);
	assert_int_equal(n, 2);
	assert_int_equal(ids[0][0], 1);
	free(ids);
	b->bytes[1] = '9';   /* no longer sorted */
	assert_int_equal(entry_stores_decode(&ids, &n, b->bytes, b->len, &err), ERR_CORRUPT);
}

static void the_items_of_a_run_can_be_had_without_decoding_it(void **state)
{
	struct err err;
	struct entry_item given[ENTRY_INLINE_MAX], found[ENTRY_INLINE_MAX];
	size_t n;
	(void)state;
	for (size_t i = 0; i < ENTRY_INLINE_MAX; i++) {
		given[i] = (struct entry_item){ .number = i * i * 1000003, .did = (enum entry_did)(i % 5) };
		memset(given[i].store, (int)i, 16);
		memset(given[i].hash, (int)(7 * i), 32);
	}
	for (size_t count = 0; count <= ENTRY_INLINE_MAX; count++)
		for (enum entry_kind kind = ENTRY_RUN; kind <= ENTRY_ADOPTED; kind++) {
			struct entry e = { .kind = kind, .time_s = 1764000000, .items = given,
			                   .n_items = count };
			AUTO(buf) b = buf_new(ENTRY_MAX, &err);
			assert_int_equal(entry_encode(&e, b, &err), 0);
			bool got = entry_peek_items(b->bytes, b->len, found, &n);
			assert_int_equal(got, count > 0);
			if (!got)
				continue;
			assert_int_equal(n, count);
			for (size_t i = 0; i < n; i++) {
				assert_memory_equal(found[i].store, given[i].store, 16);
				assert_memory_equal(found[i].hash, given[i].hash, 32);
				assert_int_equal(found[i].number, given[i].number);
				assert_int_equal(found[i].did, given[i].did);
			}
			/* one that is cut, or of another version, is for decoding to refuse */
			for (size_t len = 0; len < b->len; len++)
				assert_false(entry_peek_items(b->bytes, len, found, &n));
			b->bytes[b->len - 2] = '2';
			assert_false(entry_peek_items(b->bytes, b->len, found, &n));
		}
}

static void what_peeking_cannot_read_is_left_to_decoding(void **state)
{
#define DIGITS "000102030405060708090a0b0c0d0e0f"
#define STORE "\"" DIGITS "\""
#define HASH "\"" DIGITS DIGITS "\""
	static const char *const lists[] = {
		"", "[]", "[" STORE "]", "[" STORE ",1," STORE ",\"full\"]",
		"[" STORE ",01," HASH ",\"full\"]", "[" STORE ",," HASH ",\"full\"]",
		"[" STORE ",-1," HASH ",\"full\"]", "[" STORE ",1," HASH ",\"fuller\"]",
		"[" STORE ",1," HASH ",\"full\"],", "[" STORE ",1," HASH ",\"full\",2]",
	};
	struct entry_item found[ENTRY_INLINE_MAX];
	char text[400];
	size_t n;
	(void)state;
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		snprintf(text, sizeof text, "{\"items\":[%s],\"v\":1}", lists[i]);
		assert_false(entry_peek_items((const uint8_t *)text, strlen(text), found, &n));
	}
	snprintf(text, sizeof text, "{\"items\":[[%s,1,%s,\"full\"]],\"v\":1}", STORE, HASH);
	assert_true(entry_peek_items((const uint8_t *)text, strlen(text), found, &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_comes_back_as_the_same_bytes),
		cmocka_unit_test(an_attempt_that_is_not_told_is_left_out),
		cmocka_unit_test(a_run_is_written_as_documented),
		cmocka_unit_test(a_member_that_is_missing_or_wrong_is_damage),
		cmocka_unit_test(a_kind_of_the_future_is_kept_and_a_newer_version_is_named),
		cmocka_unit_test(long_lists_are_not_written_inline),
		cmocka_unit_test(lists_come_back_sorted),
		cmocka_unit_test(the_items_of_a_run_can_be_had_without_decoding_it),
		cmocka_unit_test(what_peeking_cannot_read_is_left_to_decoding),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
