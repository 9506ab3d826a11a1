/* The local index of content-defined stores: what lasts, what is refused, what is made anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#include "crypto/hash.h"
#include "holdfast/err.h"
#include "scratch.h"
#include "vault/chunkindex.h"

struct place {
	char dir[SCRATCH_MAX];
	uint8_t key[32], other[32];
	struct chunkindex *x;
	struct err err;
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	if (!p || crypto_start() != 0 || !scratch_make(p->dir))
		return -1;
	memset(p->key, 1, sizeof p->key);
	memset(p->other, 2, sizeof p->other);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	chunkindex_free(p->x);
	scratch_remove(p->dir);
	free(p);
	return 0;
}

static void must(struct place *p, int rc)
{
	if (rc != 0)
		fail_msg("%s", p->err.msg);
}

static void reopen(struct place *p, enum chunkindex_place place, const uint8_t key[32])
{
	chunkindex_free(p->x);
	p->x = chunkindex_open(p->dir, place, key, &p->err);
	if (!p->x)
		fail_msg("%s", p->err.msg);
}

static void chunk_id(uint8_t id[16], unsigned n)
{
	hash_labelled(id, 16, "test", NULL, 0, &n, sizeof n);
}

static void put_chunk(struct place *p, unsigned n, uint32_t serial)
{
	uint8_t id[16];
	struct extent e = { .serial = serial, .frame = n / 4, .offset = n % 4 * 1000, .length = 1000,
	                    .ordinal = n };
	chunk_id(id, n);
	must(p, chunkindex_put_chunk(p->x, id, &e, &p->err));
}

static int get_chunk(struct place *p, unsigned n, struct extent *e)
{
	uint8_t id[16];
	chunk_id(id, n);
	return chunkindex_chunk(p->x, id, e, &p->err);
}

static bool has_chunk(struct place *p, unsigned n)
{
	struct extent e;
	int rc = get_chunk(p, n, &e);
	if (rc < 0)
		fail_msg("%s", p->err.msg);
	return rc == 1;
}

static struct chunkindex_file file(uint32_t number, const char *path)
{
	struct chunkindex_file f = { .number = number, .path = path, .stamp = "stamp",
	                             .read_s = 1700000000, .mode = 0100644, .uid = 7, .gid = 8,
	                             .mtime_ns = -5, .extra = "\0x", .extra_len = 2,
	                             .length = UINT64_C(1) << 40,
	                             .extents = (const uint8_t *)"abc", .extents_len = 3 };
	memset(f.sum, 9, sizeof f.sum);
	return f;
}

static void put_file(struct place *p, uint32_t number, const char *path)
{
	struct chunkindex_file f = file(number, path);
	must(p, chunkindex_put_file(p->x, &f, &p->err));
}

static bool has_file(struct place *p, const char *path)
{
	struct chunkindex_file f;
	int rc = chunkindex_file(p->x, path, &f, &p->err);
	if (rc < 0)
		fail_msg("%s", p->err.msg);
	return rc == 1;
}

static void path_in(const struct place *p, const char *name, char out[SCRATCH_MAX + 20])
{
	snprintf(out, SCRATCH_MAX + 20, "%s/%s", p->dir, name);
}

static bool is_there(const struct place *p, const char *name)
{
	char path[SCRATCH_MAX + 20];
	path_in(p, name, path);
	return access(path, F_OK) == 0;
}

/* ---- what lasts ---- */

static void what_was_committed_is_there_again(void **state)
{
	struct place *p = *state;
	struct chunkindex_file f;
	struct extent e;
	reopen(p, CHUNKINDEX_DB, p->key);
	put_chunk(p, 5, 3);
	put_file(p, 11, "a/\xff\n");
	chunkindex_meta(p->x)->next_serial = 77;
	memset(chunkindex_meta(p->x)->listing, 4, 32);
	must(p, chunkindex_commit(p->x, &p->err));
	reopen(p, CHUNKINDEX_DB, p->key);
	assert_int_equal(get_chunk(p, 5, &e), 1);
	assert_int_equal(e.serial, 3);
	assert_int_equal(e.frame, 1);
	assert_int_equal(e.offset, 1000);
	assert_int_equal(e.length, 1000);
	assert_int_equal(e.ordinal, 5);
	assert_false(has_chunk(p, 6));
	assert_int_equal(chunkindex_file(p->x, "a/\xff\n", &f, &p->err), 1);
	assert_int_equal(f.number, 11);
	assert_string_equal(f.path, "a/\xff\n");
	assert_string_equal(f.stamp, "stamp");
	assert_int_equal(f.read_s, 1700000000);
	assert_int_equal(f.mode, 0100644);
	assert_int_equal(f.uid, 7);
	assert_int_equal(f.gid, 8);
	assert_int_equal(f.mtime_ns, -5);
	assert_int_equal(f.extra_len, 2);
	assert_memory_equal(f.extra, "\0x", 2);
	assert_int_equal(f.length, UINT64_C(1) << 40);
	assert_int_equal(f.sum[31], 9);
	assert_int_equal(f.extents_len, 3);
	assert_memory_equal(f.extents, "abc", 3);
	assert_int_equal(chunkindex_meta(p->x)->next_serial, 77);
	assert_int_equal(chunkindex_meta(p->x)->listing[31], 4);
}

static void what_was_not_committed_is_gone(void **state)
{
	struct place *p = *state;
	reopen(p, CHUNKINDEX_DB, p->key);
	put_chunk(p, 1, 3);
	must(p, chunkindex_commit(p->x, &p->err));
	put_chunk(p, 2, 3);
	reopen(p, CHUNKINDEX_DB, p->key);
	assert_true(has_chunk(p, 1));
	assert_false(has_chunk(p, 2));
}

static int remember_pack(void *arg, const struct chunkindex_pack *pack, struct err *err)
{
	(void)err;
	struct chunkindex_pack *packs = arg;
	packs[packs[0].serial++] = *pack;
	return 0;
}

static void packs_come_in_order_with_all_that_is_known(void **state)
{
	struct place *p = *state;
	struct chunkindex_pack seen[4] = { { .serial = 1 } };
	reopen(p, CHUNKINDEX_DB, p->key);
	for (uint32_t serial = 9; serial >= 7; serial--) {
		struct chunkindex_pack k = { .serial = serial, .size = 16 << 20, .chunks = 250,
		                             .weight = UINT64_C(1) << 33, .seq = 12 };
		k.id[0] = (uint8_t)serial;
		must(p, chunkindex_put_pack(p->x, &k, &p->err));
	}
	must(p, chunkindex_drop_pack(p->x, 8, &p->err));
	must(p, chunkindex_commit(p->x, &p->err));
	reopen(p, CHUNKINDEX_DB, p->key);
	must(p, chunkindex_packs(p->x, remember_pack, seen, &p->err));
	assert_int_equal(seen[0].serial, 3);
	assert_int_equal(seen[1].serial, 7);
	assert_int_equal(seen[2].serial, 9);
	assert_int_equal(seen[2].id[0], 9);
	assert_int_equal(seen[2].size, 16 << 20);
	assert_int_equal(seen[2].chunks, 250);
	assert_int_equal(seen[2].weight, UINT64_C(1) << 33);
	assert_int_equal(seen[2].seq, 12);
}

static int join_paths(void *arg, const struct chunkindex_file *f, struct err *err)
{
	(void)err;
	char *out = arg;
	snprintf(out + strlen(out), 100 - strlen(out), "%s ", f->path);
	return 0;
}

static void the_listing_keeps_the_order_and_sweeping_the_rest_forgets(void **state)
{
	struct place *p = *state;
	char seen[100] = "";
	reopen(p, CHUNKINDEX_DB, p->key);
	put_file(p, 1, "bee");
	put_file(p, 2, "ant");
	put_file(p, 3, "zebra");
	must(p, chunkindex_list_begin(p->x, &p->err));
	must(p, chunkindex_list_add(p->x, 2, &p->err));
	must(p, chunkindex_list_begin(p->x, &p->err));
	must(p, chunkindex_list_add(p->x, 3, &p->err));
	must(p, chunkindex_list_add(p->x, 1, &p->err));
	must(p, chunkindex_files(p->x, join_paths, seen, &p->err));
	assert_string_equal(seen, "zebra bee ");
	must(p, chunkindex_sweep(p->x, &p->err));
	assert_false(has_file(p, "ant"));
	assert_true(has_file(p, "bee"));
	assert_true(has_file(p, "zebra"));
}

static void a_listed_file_without_a_row_is_damage(void **state)
{
	struct place *p = *state;
	char seen[100] = "";
	reopen(p, CHUNKINDEX_DB, p->key);
	must(p, chunkindex_list_add(p->x, 5, &p->err));
	assert_int_equal(chunkindex_files(p->x, join_paths, seen, &p->err), ERR_CORRUPT);
}

static void chunks_of_dropped_packs_are_purged_once_they_are_many(void **state)
{
	struct place *p = *state;
	struct chunkindex_pack pack = { .serial = 1, .chunks = 10 };
	reopen(p, CHUNKINDEX_DB, p->key);
	must(p, chunkindex_put_pack(p->x, &pack, &p->err));
	put_chunk(p, 1, 1);
	put_chunk(p, 2, 2);
	chunkindex_meta(p->x)->dead = 5;
	must(p, chunkindex_sweep(p->x, &p->err));
	assert_true(has_chunk(p, 2));
	chunkindex_meta(p->x)->dead = 1 << 20;
	must(p, chunkindex_sweep(p->x, &p->err));
	assert_true(has_chunk(p, 1));
	assert_false(has_chunk(p, 2));
	assert_int_equal(chunkindex_meta(p->x)->dead, 0);
}

/* ---- whose it is ---- */

static void another_page_key_starts_empty(void **state)
{
	struct place *p = *state;
	reopen(p, CHUNKINDEX_DB, p->key);
	put_chunk(p, 1, 3);
	must(p, chunkindex_commit(p->x, &p->err));
	reopen(p, CHUNKINDEX_DB, p->other);
	assert_false(has_chunk(p, 1));
	reopen(p, CHUNKINDEX_DB, p->key);
	assert_false(has_chunk(p, 1));
}

static void a_full_takes_the_old_ones_place_when_it_is_promoted(void **state)
{
	struct place *p = *state;
	reopen(p, CHUNKINDEX_DB, p->key);
	put_chunk(p, 1, 3);
	must(p, chunkindex_commit(p->x, &p->err));
	reopen(p, CHUNKINDEX_NEW, p->other);
	put_chunk(p, 2, 4);
	must(p, chunkindex_promote(p->x, &p->err));
	assert_false(is_there(p, "index.new"));
	assert_false(is_there(p, "index.new-wal"));
	reopen(p, CHUNKINDEX_DB, p->other);
	assert_true(has_chunk(p, 2));
	assert_false(has_chunk(p, 1));
}

static void a_full_that_is_given_up_leaves_the_old_one_alone(void **state)
{
	struct place *p = *state;
	reopen(p, CHUNKINDEX_DB, p->key);
	put_chunk(p, 1, 3);
	must(p, chunkindex_commit(p->x, &p->err));
	reopen(p, CHUNKINDEX_NEW, p->other);
	put_chunk(p, 2, 4);
	must(p, chunkindex_commit(p->x, &p->err));
	reopen(p, CHUNKINDEX_DB, p->key);
	assert_true(has_chunk(p, 1));
	must(p, chunkindex_promote(p->x, &p->err));
	assert_false(is_there(p, "index.new"));
}

static void a_promotion_that_was_interrupted_is_finished(void **state)
{
	struct place *p = *state;
	reopen(p, CHUNKINDEX_DB, p->key);
	must(p, chunkindex_commit(p->x, &p->err));
	reopen(p, CHUNKINDEX_NEW, p->other);
	put_chunk(p, 2, 4);
	must(p, chunkindex_commit(p->x, &p->err));
	reopen(p, CHUNKINDEX_DB, p->other);
	assert_true(has_chunk(p, 2));
	assert_false(is_there(p, "index.new"));
}

static void what_a_killed_full_was_can_be_seen(void **state)
{
	struct place *p = *state;
	struct chunkindex_meta m;
	uint8_t key[32];
	assert_int_equal(chunkindex_peek(p->dir, key, &m), 0);
	reopen(p, CHUNKINDEX_NEW, p->other);
	chunkindex_meta(p->x)->seq = 41;
	chunkindex_meta(p->x)->epoch = 6;
	put_chunk(p, 2, 4);
	must(p, chunkindex_commit(p->x, &p->err));
	chunkindex_free(p->x);
	p->x = NULL;
	assert_int_equal(chunkindex_peek(p->dir, key, &m), 1);
	assert_memory_equal(key, p->other, 32);
	assert_int_equal(m.seq, 41);
	assert_int_equal(m.epoch, 6);
	reopen(p, CHUNKINDEX_NEW, key);
	assert_true(has_chunk(p, 2));
}

static void a_temporary_index_leaves_nothing(void **state)
{
	struct place *p = *state;
	reopen(p, CHUNKINDEX_TEMPORARY, p->key);
	put_chunk(p, 1, 3);
	must(p, chunkindex_commit(p->x, &p->err));
	assert_true(has_chunk(p, 1));
	assert_false(is_there(p, "index.db"));
	assert_false(is_there(p, "index.new"));
}

/* ---- damage ---- */

static void write_at(const struct place *p, const char *name, off_t at, const char *bytes,
                     size_t len)
{
	char path[SCRATCH_MAX + 20];
	path_in(p, name, path);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, at), len);
	close(fd);
}

static void make_with_chunk(struct place *p)
{
	reopen(p, CHUNKINDEX_DB, p->key);
	put_chunk(p, 1, 3);
	must(p, chunkindex_promote(p->x, &p->err));
	chunkindex_free(p->x);
	p->x = NULL;
}

static void a_damaged_database_is_made_anew(void **state)
{
	struct place *p = *state;
	static const char rubbish[8192] = "rubbish";
	make_with_chunk(p);
	write_at(p, "index.db", 0, rubbish, 100);
	reopen(p, CHUNKINDEX_DB, p->key);
	assert_false(has_chunk(p, 1));
	make_with_chunk(p);
	write_at(p, "index.db", 0, rubbish, sizeof rubbish);
	reopen(p, CHUNKINDEX_DB, p->key);
	assert_false(has_chunk(p, 1));
}

static void an_empty_file_in_its_place_is_made_anew(void **state)
{
	struct place *p = *state;
	write_at(p, "index.db", 0, "", 0);
	make_with_chunk(p);
	reopen(p, CHUNKINDEX_DB, p->key);
	assert_true(has_chunk(p, 1));
}

static void change(struct place *p, const char *sql)
{
	char path[SCRATCH_MAX + 20];
	sqlite3 *db;
	chunkindex_free(p->x);
	p->x = NULL;
	path_in(p, "index.db", path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_true(sqlite3_changes(db) > 0);
	sqlite3_close(db);
}

static void remove_index(const struct place *p)
{
	char path[SCRATCH_MAX + 20];
	path_in(p, "index.db", path);
	assert_int_equal(unlink(path), 0);
}

/* SQLite finds nothing wrong with any of these. */
static void rows_that_say_something_else_are_noticed(void **state)
{
	static const char *const harm[] = {
		"UPDATE chunks SET serial = serial + 1",
		"UPDATE chunks SET place = x'01000000' || substr(place, 5)",
		"UPDATE chunks SET place = substr(place, 2)",
		"UPDATE files SET number = number + 1",
		"UPDATE files SET path = CAST('b' AS BLOB) WHERE path = CAST('a' AS BLOB)",
		"UPDATE files SET record = record || x'00'",
		"UPDATE packs SET record = substr(record, 1, 32) || x'ff' || substr(record, 34)",
		"UPDATE packs SET serial = serial + 1",
	};
	struct place *p = *state;
	for (size_t i = 0; i < sizeof harm / sizeof *harm; i++) {
		struct chunkindex_pack pack = { .serial = 3 }, seen[4] = { { .serial = 1 } };
		struct chunkindex_file f;
		struct extent e;
		reopen(p, CHUNKINDEX_DB, p->key);
		put_chunk(p, 1, 3);
		put_file(p, 1, "a");
		must(p, chunkindex_put_pack(p->x, &pack, &p->err));
		must(p, chunkindex_commit(p->x, &p->err));
		change(p, harm[i]);
		reopen(p, CHUNKINDEX_DB, p->key);
		int rc = get_chunk(p, 1, &e) | chunkindex_file(p->x, "a", &f, &p->err) |
		         chunkindex_file(p->x, "b", &f, &p->err) |
		         chunkindex_packs(p->x, remember_pack, seen, &p->err);
		if (rc >= 0)
			fail_msg("not noticed: %s", harm[i]);
		assert_true(chunkindex_damaged(p->x));
		chunkindex_free(p->x);
		p->x = NULL;
		remove_index(p);
	}
}

static void meta_that_says_something_else_is_made_anew(void **state)
{
	struct place *p = *state;
	make_with_chunk(p);
	change(p, "UPDATE meta SET record = substr(record, 1, 32) || x'09' || substr(record, 34)");
	reopen(p, CHUNKINDEX_DB, p->key);
	assert_false(has_chunk(p, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_committed_is_there_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_was_not_committed_is_gone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(packs_come_in_order_with_all_that_is_known, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(
			the_listing_keeps_the_order_and_sweeping_the_rest_forgets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_listed_file_without_a_row_is_damage, set_up, tear_down),
		cmocka_unit_test_setup_teardown(chunks_of_dropped_packs_are_purged_once_they_are_many,
		                                set_up, tear_down),
		cmocka_unit_test_setup_teardown(another_page_key_starts_empty, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_full_takes_the_old_ones_place_when_it_is_promoted,
		                                set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_full_that_is_given_up_leaves_the_old_one_alone, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(a_promotion_that_was_interrupted_is_finished, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(what_a_killed_full_was_can_be_seen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_temporary_index_leaves_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_damaged_database_is_made_anew, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_empty_file_in_its_place_is_made_anew, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(rows_that_say_something_else_are_noticed, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(meta_that_says_something_else_is_made_anew, set_up,
		                                tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
