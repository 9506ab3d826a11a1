#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "format/pack.h"
#include "holdfast/err.h"
#include "scratch.h"
#include "vault/journal.h"
#include "vault/state.h"
#include "vault/tagfile.h"

static char dir[SCRATCH_MAX];
static struct err err;
static const uint8_t store[16] = { 1, 2, 3 }, key[32] = { 4, 5, 6 }, other_key[32] = { 4, 5, 7 };

static int begin(void **state)
{
	(void)state;
	err = (struct err){ 0 };
	return scratch_make(dir) ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	return scratch_remove(dir);
}

static const char *path_of(const char *name)
{
	static char path[SCRATCH_MAX + 40];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static size_t size_of(const char *name)
{
	struct stat st;
	assert_int_equal(stat(path_of(name), &st), 0);
	return (size_t)st.st_size;
}

static bool is_there(const char *name) { return access(path_of(name), F_OK) == 0; }

static void make_file(const char *name)
{
	IO_AUTO_FD fd = open(path_of(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
}

static struct buf *bytes_of(const char *name)
{
	struct buf *b = buf_new(64 << 20, &err);
	assert_non_null(b);
	assert_int_equal(io_read_file(path_of(name), b, &err), 0);
	return b;
}

static void put_bytes(const char *name, const uint8_t *bytes, size_t len)
{
	IO_AUTO_FD fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(io_write(fd, bytes, len, &err), 0);
}

/* ---- the base record ---- */

static struct state *sample(void)
{
	struct state *s = state_new(store, &err);
	assert_non_null(s);
	s->seq = 7;
	s->epoch = 3;
	s->full_epoch = 2;
	s->epoch_since_s = 1000;
	s->last_full_s = 2000;
	s->last_read_s = 3000;
	s->generation = 5;
	s->next_number = 11;
	s->next_serial = 12;
	s->churn_ppm = 60000;
	s->full_packs = 64;
	memset(s->head_hash, 0xaa, sizeof s->head_hash);
	memset(s->epoch_pk, 0xbb, sizeof s->epoch_pk);
	memset(s->page_key, 0xcc, sizeof s->page_key);
	snprintf(s->stamp, sizeof s->stamp, "stamp of a file");
	s->facts = strdup("{\"engine\":\"sqlite\"}");
	for (uint32_t i = 0; i < 5; i++) {
		struct state_pack p = { .serial = 2 + 3 * i, .size = 100 + i, .weight = 10, .live = i,
		                        .zeros = 9 - i };
		memset(p.id, (int)i, sizeof p.id);
		assert_int_equal(state_add_pack(s, &p, &err), 0);
	}
	char a[] = "crm.db", b[] = "a name\nwith \xc3\xa4 and 'quotes'";
	struct state_file f = { .number = 1, .path = a, .page_bytes = 4096, .unit_bytes = 512,
	                        .length = UINT64_C(1) << 40, .mode = 0100640, .uid = 33, .gid = 44,
	                        .mtime_ns = -5 };
	memset(f.sum, 0xdd, sizeof f.sum);
	assert_non_null(state_add_file(s, &f, &err));
	f.number = 10;
	f.path = b;
	assert_non_null(state_add_file(s, &f, &err));
	return s;
}

static void assert_same(const struct state *a, const struct state *b)
{
	assert_true(a->seq == b->seq && a->epoch == b->epoch && a->full_epoch == b->full_epoch &&
	            a->epoch_since_s == b->epoch_since_s && a->last_full_s == b->last_full_s &&
	            a->last_read_s == b->last_read_s && a->generation == b->generation &&
	            a->next_number == b->next_number && a->next_serial == b->next_serial &&
	            a->churn_ppm == b->churn_ppm && a->full_packs == b->full_packs);
	assert_memory_equal(a->store, b->store, sizeof a->store);
	assert_memory_equal(a->head_hash, b->head_hash, sizeof a->head_hash);
	assert_memory_equal(a->epoch_pk, b->epoch_pk, sizeof a->epoch_pk);
	assert_memory_equal(a->page_key, b->page_key, sizeof a->page_key);
	assert_string_equal(a->stamp, b->stamp);
	assert_string_equal(a->facts, b->facts);
	assert_int_equal(a->n_packs, b->n_packs);
	for (uint32_t i = 0; i < a->n_packs; i++) {
		const struct state_pack *p = &a->packs[i], *q = &b->packs[i];
		assert_memory_equal(p->id, q->id, sizeof p->id);
		assert_true(p->serial == q->serial && p->size == q->size && p->weight == q->weight &&
		            p->live == q->live && p->zeros == q->zeros);
	}
	assert_int_equal(a->n_files, b->n_files);
	for (uint32_t i = 0; i < a->n_files; i++) {
		const struct state_file *f = &a->files[i], *g = &b->files[i];
		assert_string_equal(f->path, g->path);
		assert_memory_equal(f->sum, g->sum, sizeof f->sum);
		assert_true(f->number == g->number && f->page_bytes == g->page_bytes &&
		            f->unit_bytes == g->unit_bytes && f->length == g->length &&
		            f->mode == g->mode && f->uid == g->uid && f->gid == g->gid &&
		            f->mtime_ns == g->mtime_ns);
	}
}

static void what_is_stored_is_loaded(void **state)
{
	(void)state;
	AUTO(state) s = sample();
	assert_int_equal(state_store(s, dir, "base", key, &err), 0);
	AUTO(state) back = state_load(dir, "base", store, key, &err);
	assert_non_null(back);
	assert_same(s, back);
	assert_false(is_there("base.tmp"));

	AUTO(state) empty = state_new(store, &err);
	assert_int_equal(state_store(empty, dir, "base", key, &err), 0);
	AUTO(state) nothing = state_load(dir, "base", store, key, &err);
	assert_non_null(nothing);
	assert_null(nothing->facts);
	assert_int_equal(nothing->n_packs + nothing->n_files, 0);
}

static enum err_code load_code(const uint8_t *of, const uint8_t *with)
{
	struct err why = { 0 };
	AUTO(state) s = state_load(dir, "base", of, with, &why);
	assert_true((s == NULL) == (why.code != ERR_NONE));
	return why.code;
}

static void what_is_not_there_is_absent(void **state)
{
	(void)state;
	assert_int_equal(load_code(store, key), ERR_ABSENT);
}

static void a_record_of_another_store_or_machine_is_refused(void **state)
{
	static const uint8_t other_store[16] = { 1, 2, 4 };
	(void)state;
	AUTO(state) s = sample();
	assert_int_equal(state_store(s, dir, "base", key, &err), 0);
	assert_int_equal(load_code(other_store, key), ERR_CORRUPT);
	assert_int_equal(load_code(store, other_key), ERR_CORRUPT);
}

static void any_changed_or_missing_byte_of_a_record_is_noticed(void **state)
{
	(void)state;
	AUTO(state) s = sample();
	assert_int_equal(state_store(s, dir, "base", key, &err), 0);
	AUTO(buf) good = bytes_of("base");
	for (size_t i = 0; i < good->len; i++) {
		good->bytes[i] ^= 0x10;
		put_bytes("base", good->bytes, good->len);
		good->bytes[i] ^= 0x10;
		assert_int_equal(load_code(store, key), ERR_CORRUPT);
		put_bytes("base", good->bytes, i);
		assert_int_equal(load_code(store, key), ERR_CORRUPT);
	}
	put_bytes("base", good->bytes, good->len);
	assert_int_equal(load_code(store, key), ERR_NONE);
}

static void packs_are_found_by_serial_and_files_by_path(void **state)
{
	(void)state;
	AUTO(state) s = sample();
	for (uint32_t serial = 0; serial < 20; serial++) {
		const struct state_pack *p = state_find_pack(s, serial);
		bool there = serial >= 2 && serial <= 14 && (serial - 2) % 3 == 0;
		assert_int_equal(p != NULL, there);
		assert_true(!p || p->serial == serial);
	}
	assert_int_equal(state_find_file(s, "crm.db")->number, 1);
	assert_null(state_find_file(s, "crm.d"));
}

static void a_lock_holds_off_the_second_and_names_the_first(void **state)
{
	(void)state;
	char pid[24];
	int fd = state_lock(dir, "crm", &err);
	assert_true(fd >= 0);
	assert_int_equal(state_lock(dir, "crm", &err), ERR_BUSY);
	snprintf(pid, sizeof pid, "pid %ld ", (long)getpid());
	assert_non_null(strstr(err.msg, pid));
	assert_non_null(strstr(err.msg, "crm"));
	close(fd);
	fd = state_lock(dir, "crm", &err);
	assert_true(fd >= 0);
	close(fd);
}

static void a_promoted_record_takes_its_arrays_along(void **state)
{
	(void)state;
	AUTO(state) s = sample();
	make_file("tags-5-1");
	make_file("tags-5-10");
	make_file("tags-50-1");
	make_file("tags-4-1");
	make_file("journal");
	assert_int_equal(state_store(s, dir, "base.new", key, &err), 0);
	assert_int_equal(state_promote(dir, 5, &err), 0);
	assert_int_equal(load_code(store, key), ERR_NONE);
	assert_true(is_there("tags-5-1") && is_there("tags-5-10") && is_there("journal"));
	assert_false(is_there("base.new") || is_there("tags-4-1") || is_there("tags-50-1"));
	assert_int_not_equal(state_promote(dir, 5, &err), 0);
	assert_int_equal(load_code(store, key), ERR_NONE);
}

/* ---- the journal ---- */

enum { RUN = 3 };

static const struct journal_head head = { .base_hash = { 9 }, .seq = 8, .page_key = { 1 },
                                          .full = true };

struct heard {
	uint32_t files, packs, runs, units, skip_serial;
	char text[2000];
};

static int hear_file(void *arg, const struct journal_file *f, struct err *e)
{
	struct heard *h = arg;
	(void)e;
	size_t at = strlen(h->text);
	h->files++;
	snprintf(h->text + at, sizeof h->text - at, "file %u %u %u %s\n", f->number, f->page_bytes,
	         f->unit_bytes, f->path);
	return 0;
}

static int hear_pack(void *arg, const struct journal_pack *p, struct err *e)
{
	struct heard *h = arg;
	(void)e;
	size_t at = strlen(h->text);
	h->packs++;
	snprintf(h->text + at, sizeof h->text - at, "pack %u %u %02x %u %llu\n", p->serial, p->number,
	         p->id[0], p->size, (unsigned long long)p->weight);
	return p->serial == h->skip_serial;
}

static int hear_run(void *arg, const struct journal_pack *p, uint32_t file, uint64_t first,
                    uint32_t count, bool zero, const uint8_t *tags, struct err *e)
{
	struct heard *h = arg;
	(void)e, (void)p;
	size_t at = strlen(h->text);
	h->runs++;
	h->units += count;
	snprintf(h->text + at, sizeof h->text - at, "run %u %llu %u %d %02x %02x\n", file,
	         (unsigned long long)first, count, zero, tags[0], tags[SUM_TAG_BYTES * (count - 1)]);
	return 0;
}

static const struct journal_visit hear = { hear_file, hear_pack, hear_run };

static void write_pack(struct journal *j, uint32_t serial)
{
	uint8_t tags[RUN * SUM_TAG_BYTES];
	for (size_t i = 0; i < sizeof tags; i++)
		tags[i] = (uint8_t)(serial * 16 + i / SUM_TAG_BYTES);
	AUTO(buf) runs = buf_new(1 << 20, &err);
	assert_non_null(runs);
	assert_int_equal(journal_code_run(runs, 1, serial * 100, RUN, false, tags, &err), 0);
	assert_int_equal(journal_code_run(runs, 2, UINT64_C(1) << 40, 1, true, tags, &err), 0);
	struct journal_pack p = { .serial = serial, .number = serial - 1, .size = 1000 + serial,
	                          .weight = RUN, .runs = runs->bytes, .runs_len = runs->len };
	memset(p.id, (int)serial, sizeof p.id);
	assert_int_equal(journal_add_pack(j, &p, serial % 2, &err), 0);
}

static void write_file(struct journal *j, uint32_t number, const char *path)
{
	struct journal_file f = { number, 4096, 512, path };
	assert_int_equal(journal_add_file(j, &f, &err), 0);
}

static struct journal *write_journal(void)
{
	struct journal *j = journal_create(dir, &head, key, &err);
	assert_non_null(j);
	write_file(j, 1, "a.db");
	write_pack(j, 5);
	write_file(j, 2, "b.db");
	write_pack(j, 6);
	return j;
}

static const char whole[] =
	"file 1 4096 512 a.db\n"
	"pack 5 4 05 1005 3\nrun 1 500 3 0 50 52\nrun 2 1099511627776 1 1 50 50\n"
	"file 2 4096 512 b.db\n"
	"pack 6 5 06 1006 3\nrun 1 600 3 0 60 62\nrun 2 1099511627776 1 1 60 60\n";

static struct journal *open_journal(struct journal_head *h)
{
	return journal_open(dir, h, key, &err);
}

static void a_journal_tells_what_was_written(void **state)
{
	struct journal_head h;
	struct heard heard = { 0 };
	(void)state;
	journal_free(write_journal());
	AUTO(journal) j = open_journal(&h);
	assert_non_null(j);
	assert_true(h.seq == head.seq && h.full);
	assert_memory_equal(h.base_hash, head.base_hash, 32);
	assert_memory_equal(h.page_key, head.page_key, SUM_KEY_BYTES);
	assert_int_equal(journal_replay(j, &hear, &heard, &err), 0);
	assert_string_equal(heard.text, whole);
	/* again, and one written but not opened anew */
	heard = (struct heard){ 0 };
	assert_int_equal(journal_replay(j, &hear, &heard, &err), 0);
	assert_string_equal(heard.text, whole);
}

static void a_skipped_pack_tells_no_runs(void **state)
{
	struct heard heard = { .skip_serial = 5 };
	(void)state;
	AUTO(journal) j = write_journal();
	assert_int_equal(journal_replay(j, &hear, &heard, &err), 0);
	assert_int_equal(heard.packs, 2);
	assert_int_equal(heard.runs, 2);
}

static void a_journal_is_continued_after_opening_and_after_a_replay(void **state)
{
	struct journal_head h;
	struct heard heard = { 0 };
	(void)state;
	journal_free(write_journal());
	AUTO(journal) j = open_journal(&h);
	assert_int_equal(journal_replay(j, &hear, &heard, &err), 0);
	write_pack(j, 7);
	AUTO(journal) again = open_journal(&h);
	assert_non_null(again);
	heard = (struct heard){ 0 };
	assert_int_equal(journal_replay(again, &hear, &heard, &err), 0);
	assert_int_equal(heard.packs, 3);
	assert_non_null(strstr(heard.text, "pack 7 "));
}

/* Any cut leaves a beginning, and that is continued. */
static void a_journal_torn_at_any_byte_tells_its_beginning(void **state)
{
	struct journal_head h;
	size_t beginnings = 0, headless = 0;
	(void)state;
	journal_free(write_journal());
	AUTO(buf) good = bytes_of("journal");
	for (size_t len = 0; len <= good->len; len++) {
		struct heard heard = { 0 };
		put_bytes("journal", good->bytes, len);
		err = (struct err){ 0 };
		AUTO(journal) j = open_journal(&h);
		if (!j) {
			assert_int_equal(err.code, ERR_CORRUPT);
			headless++;
			continue;
		}
		assert_int_equal(journal_replay(j, &hear, &heard, &err), 0);
		assert_memory_equal(heard.text, whole, strlen(heard.text));
		beginnings += heard.packs == 1;
		write_pack(j, 8);
		AUTO(journal) again = open_journal(&h);
		heard = (struct heard){ 0 };
		assert_int_equal(journal_replay(again, &hear, &heard, &err), 0);
		assert_non_null(strstr(heard.text, "pack 8 "));
	}
	assert_true(headless > 32 && headless < 120 && beginnings > 50);
}

static void a_journal_ends_at_a_changed_byte(void **state)
{
	struct journal_head h;
	(void)state;
	journal_free(write_journal());
	AUTO(buf) good = bytes_of("journal");
	for (size_t i = 0; i < good->len; i++) {
		struct heard heard = { 0 };
		good->bytes[i] ^= 1;
		put_bytes("journal", good->bytes, good->len);
		good->bytes[i] ^= 1;
		AUTO(journal) j = open_journal(&h);
		if (!j)
			continue;
		assert_int_equal(journal_replay(j, &hear, &heard, &err), 0);
		assert_true(strlen(heard.text) < strlen(whole));
		assert_memory_equal(heard.text, whole, strlen(heard.text));
	}
}

static void records_of_another_journal_do_not_continue_this_one(void **state)
{
	struct journal_head h;
	struct heard heard = { 0 };
	(void)state;
	/* the same records behind another head */
	journal_free(write_journal());
	AUTO(buf) first = bytes_of("journal");
	struct journal_head later = head;
	later.seq++;
	journal_free(journal_create(dir, &later, key, &err));
	AUTO(buf) second = bytes_of("journal");
	memcpy(first->bytes, second->bytes, second->len);
	put_bytes("journal", first->bytes, first->len);
	AUTO(journal) j = open_journal(&h);
	assert_non_null(j);
	assert_true(h.seq == later.seq);
	assert_int_equal(journal_replay(j, &hear, &heard, &err), 0);
	assert_string_equal(heard.text, "");
}

static void a_journal_of_another_machine_is_refused(void **state)
{
	struct journal_head h;
	(void)state;
	journal_free(write_journal());
	assert_null(journal_open(dir, &h, other_key, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
}

static void no_journal_is_absent_and_is_removed_without_complaint(void **state)
{
	struct journal_head h;
	(void)state;
	assert_null(open_journal(&h));
	assert_int_equal(err.code, ERR_ABSENT);
	assert_int_equal(journal_remove(dir, &err), 0);
	journal_free(write_journal());
	assert_int_equal(journal_remove(dir, &err), 0);
	assert_false(is_there("journal"));
}

/* ---- arrays ---- */

enum { UNIT = 4096, PER = SUM_BLOCK_BYTES / UNIT };

static void fill_tags(uint8_t *tags, uint32_t n, unsigned value)
{
	for (uint32_t i = 0; i < n; i++)
		memset(tags + i * SUM_TAG_BYTES, (int)(value + i), SUM_TAG_BYTES);
}

static void a_new_array_knows_nothing(void **state)
{
	(void)state;
	AUTO(tagfile) t = tagfile_open(dir, 1, 2, UNIT, &err);
	assert_non_null(t);
	assert_int_equal(t->units_per_block, PER);
	assert_int_equal(t->record_bytes, PER * 20);
	uint8_t record[PER * 20], zeros[PER * 20] = { 0 };
	memset(record, 1, sizeof record);
	assert_int_equal(tagfile_read(t, 1000, record, &err), 0);
	assert_memory_equal(record, zeros, sizeof record);
	assert_true(is_there("tags-1-2"));
}

static void records_keep_tags_and_packs_apart(void **state)
{
	(void)state;
	AUTO(tagfile) t = tagfile_open(dir, 1, 2, UNIT, &err);
	uint8_t record[PER * 20], back[PER * 20];
	fill_tags(record, PER, 3);
	for (uint32_t u = 0; u < PER; u++)
		tagfile_set_pack(t, record, u, 1000 + u);
	tagfile_set_pack(t, record, 5, 77 | STATE_PACK_ZERO);
	assert_int_equal(tagfile_write(t, 2, record, &err), 0);
	AUTO(tagfile) again = tagfile_open(dir, 1, 2, UNIT, &err);
	assert_int_equal(tagfile_read(again, 2, back, &err), 0);
	assert_memory_equal(record, back, sizeof back);
	assert_int_equal(tagfile_pack(again, back, 4), 1004);
	assert_true(tagfile_pack(again, back, 5) == (77 | STATE_PACK_ZERO));
	assert_int_equal(tagfile_tag(again, back, 7)[3], 10);
	assert_int_equal(tagfile_truncate(again, 2, &err), 0);
	assert_int_equal(size_of("tags-1-2"), 2 * PER * 20);
}

/* Runs anywhere, in any order, over more records than the cache holds. */
static void a_cache_writes_the_same_as_no_cache(void **state)
{
	enum { BLOCKS = 40, RUNS = 400, MOST = 3 * PER };
	static uint8_t expected[BLOCKS * PER][20], tags[MOST * SUM_TAG_BYTES], record[PER * 20];
	uint64_t x = 88172645463325252U;
	(void)state;
	memset(expected, 0, sizeof expected);
	AUTO(tagfile) t = tagfile_open(dir, 1, 2, UNIT, &err);
	AUTO(tagfile_cache) c = tagfile_cache_new(t, &err);
	for (uint32_t i = 1; i <= RUNS; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		uint32_t count = 1 + (uint32_t)(x >> 40) % MOST;
		uint64_t first = x % (BLOCKS * PER - count);
		fill_tags(tags, count, i);
		for (uint32_t u = 0; u < count; u++) {
			memcpy(expected[first + u], tags + u * SUM_TAG_BYTES, SUM_TAG_BYTES);
			memcpy(expected[first + u] + 16, &i, 4);
		}
		/* twice: absolute values may be written again */
		for (int again = 0; again < 2; again++)
			assert_int_equal(tagfile_cache_put(c, first, count, tags, i, &err), 0);
	}
	assert_int_equal(tagfile_cache_flush(c, &err), 0);
	for (uint64_t b = 0; b < BLOCKS; b++) {
		assert_int_equal(tagfile_read(t, b, record, &err), 0);
		for (uint32_t u = 0; u < PER; u++) {
			uint32_t pack = tagfile_pack(t, record, u);
			assert_memory_equal(tagfile_tag(t, record, u), expected[b * PER + u], 16);
			assert_memory_equal(&pack, expected[b * PER + u] + 16, 4);
		}
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_stored_is_loaded),
		CASE(what_is_not_there_is_absent),
		CASE(a_record_of_another_store_or_machine_is_refused),
		CASE(any_changed_or_missing_byte_of_a_record_is_noticed),
		CASE(packs_are_found_by_serial_and_files_by_path),
		CASE(a_lock_holds_off_the_second_and_names_the_first),
		CASE(a_promoted_record_takes_its_arrays_along),
		CASE(a_journal_tells_what_was_written),
		CASE(a_skipped_pack_tells_no_runs),
		CASE(a_journal_is_continued_after_opening_and_after_a_replay),
		CASE(a_journal_torn_at_any_byte_tells_its_beginning),
		CASE(a_journal_ends_at_a_changed_byte),
		CASE(records_of_another_journal_do_not_continue_this_one),
		CASE(a_journal_of_another_machine_is_refused),
		CASE(no_journal_is_absent_and_is_removed_without_complaint),
		CASE(a_new_array_knows_nothing),
		CASE(records_keep_tags_and_packs_apart),
		CASE(a_cache_writes_the_same_as_no_cache),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
