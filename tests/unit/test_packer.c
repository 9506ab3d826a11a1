#include <stdatomic.h>
#include <time.h>

#include "../../backends/faulty.h"
#include "crypto/hash.h"
#include "format/names.h"
#include "format/sum.h"
#include "sample_packs.h"

static const uint64_t gib[SAMPLE_FILES] = { UINT64_C(64) << 30, UINT64_C(64) << 30,
	                                    UINT64_C(64) << 30 };

static int set_up(void **state)
{
	struct sample_vault *v = malloc(sizeof *v);
	assert_non_null(v);
	sample_make(v, "memory://packer");
	*state = v;
	return 0;
}

static int tear_down(void **state)
{
	sample_drop(*state);
	free(*state);
	return 0;
}

/* ---- reading back ---- */

struct read_pack {
	uint8_t *bytes;
	size_t len;
	struct pack_header header;
	struct pack_key key;
	struct pack_trailer *trailer;
};

static struct read_pack read_pack(const struct sample_packs *s, const struct packer_done *d)
{
	struct err err;
	char name[NAMES_MAX];
	uint8_t id[32];
	uint32_t stored, plain;
	struct read_pack r = { .bytes = malloc(PACK_BYTES) };
	assert_non_null(r.bytes);
	names_pack(name, vault_keyfile(s->vault->vault)->id, s->store, d->id);
	must(storage_get(vault_storage(s->vault->vault), name, 0, r.bytes, PACK_BYTES, &r.len, &err));
	assert_int_equal(r.len, d->size);
	hash_plain(id, r.bytes, r.len);
	assert_memory_equal(id, d->id, 32);
	must(pack_header_decode(&r.header, r.bytes, r.len, &err));
	assert_int_equal(r.header.number, d->number);
	must(pack_unlock(&r.key, r.bytes, s->key, &err));
	must(pack_tail_decode(r.bytes + r.len - PACK_TAIL_BYTES, r.len, &stored, &plain, &err));
	r.trailer = pack_trailer_open(r.bytes + r.len - PACK_TAIL_BYTES - stored, stored, plain, r.len,
	                              &r.key, &err);
	if (!r.trailer)
		fail_msg("%s", err.msg);
	return r;
}

static void drop_pack(struct read_pack *r)
{
	pack_trailer_free(r->trailer);
	free(r->bytes);
}

/* What a frame of the tests holds follows from its first unit. */
static void frame_bytes(uint8_t *plain, size_t len, uint64_t unit)
{
	sample_fill(plain, len, unit);
	if (unit % 3 == 0)
		memset(plain, 'c', len / 2);
}

enum { UNITS = 512, FRAME = UNITS * 512 };

static int put_units(struct framer *f, uint32_t file, uint64_t first, struct framer_place *place,
                     struct err *err)
{
	static const uint8_t tags[UNITS * SUM_TAG_BYTES];
	uint8_t *plain = malloc(FRAME);
	assert_non_null(plain);
	frame_bytes(plain, FRAME, first);
	const struct pack_run run = { file, UNITS, first };
	int rc = framer_put(f, plain, FRAME, &run, 1, tags, UNITS, place, err);
	free(plain);
	return rc;
}

static void a_small_session_is_one_padded_pack(void **state)
{
	struct err err;
	struct sample_packs s;
	struct framer_place place;
	static const uint8_t tags[3 * SUM_TAG_BYTES];
	uint8_t plain[1024];
	uint32_t serial;
	sample_packs_begin(&s, *state, gib);
	sample_packer(&s, 2, 4);
	AUTO(framer) f = framer_new(s.packer, 1, 1, &err);
	sample_fill(plain, sizeof plain, 1);
	const struct pack_run run = { 1, 2, 40 }, zeros = { 0, 3, 7 };
	must(framer_put(f, plain, sizeof plain, &run, 1, tags, 2, &place, &err));
	assert_int_equal(place.serial, 1);
	assert_int_equal(place.frame, 0);
	must(packer_zeros(s.packer, &zeros, tags, &serial, &err));
	assert_int_equal(serial, 1);
	must(packer_finish(s.packer, &err));
	assert_int_equal(s.n, 1);
	assert_true(s.done[0].last);
	assert_int_equal(s.done[0].weight, 2);
	assert_int_equal(s.done[0].zeros, 3);
	assert_int_equal(s.done[0].size, pack_padded(s.done[0].size));
	assert_int_equal(packer_stored_packs(s.packer), 1);
	assert_int_equal(packer_stored_bytes(s.packer), s.done[0].size);
	assert_int_equal(packer_next_serial(s.packer), 2);
	struct read_pack r = read_pack(&s, &s.done[0]);
	assert_int_equal(r.trailer->n_files, 2);
	assert_int_equal(r.trailer->zero_run, 1);
	assert_int_equal(r.trailer->runs[0].first, 40);
	assert_int_equal(r.trailer->runs[1].first, 7);
	drop_pack(&r);
	packer_free(s.packer);
}

static void a_session_without_frames_sends_nothing(void **state)
{
	struct err err;
	struct sample_packs s;
	sample_packs_begin(&s, *state, gib);
	sample_packer(&s, 2, 4);
	must(packer_finish(s.packer, &err));
	assert_int_equal(s.n, 0);
	assert_int_equal(packer_stored_packs(s.packer), 0);
	packer_free(s.packer);
	/* nor does one that was never finished */
	sample_packer(&s, 2, 4);
	packer_free(s.packer);
	packer_free(NULL);
}

/* ---- many threads ---- */

struct crew_worker {
	pthread_t thread;
	struct sample_packs *s;
	unsigned number, frames;
	struct framer_place *places;
	int rc;
	struct err err;
};

static void *crew_work(void *arg)
{
	struct crew_worker *w = arg;
	struct framer *f = framer_new(w->s->packer, 1, 4, &w->err);
	w->rc = f ? 0 : w->err.code;
	for (unsigned i = 0; i < w->frames && w->rc == 0; i++)
		w->rc = put_units(f, w->number % 2, (w->number * 1000 + i) * (uint64_t)UNITS, &w->places[i],
		                  &w->err);
	framer_free(f);
	return NULL;
}

enum { CREW = 4, EACH = 60 };

static void run_crew(struct sample_packs *s, struct crew_worker crew[CREW],
                     struct framer_place places[CREW][EACH])
{
	for (unsigned i = 0; i < CREW; i++) {
		crew[i] = (struct crew_worker){ .s = s, .number = i, .frames = EACH,
		                                .places = places[i] };
		assert_int_equal(pthread_create(&crew[i].thread, NULL, crew_work, &crew[i]), 0);
	}
	for (unsigned i = 0; i < CREW; i++)
		pthread_join(crew[i].thread, NULL);
}

static const struct packer_done *done_of(const struct sample_packs *s, uint32_t serial)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->done[i].serial == serial)
			return &s->done[i];
	return NULL;
}

static void check_frame(const struct read_pack *r, uint32_t frame, uint32_t file, uint64_t first)
{
	struct err err;
	assert_true(frame < r->trailer->n_frames);
	const struct pack_frame *fr = &r->trailer->frames[frame];
	assert_int_equal(fr->n_runs, 1);
	const struct pack_run *run = &r->trailer->runs[fr->run];
	assert_int_equal(r->trailer->files[run->file].number, file);
	assert_int_equal(run->first, first);
	assert_int_equal(run->count, UNITS);
	uint8_t *out = malloc(FRAME), *want = malloc(FRAME), *scratch = malloc(2 * FRAME);
	assert_true(out && want && scratch);
	must(pack_open(out, fr->plain, r->bytes + fr->offset, fr->stored, scratch, NULL, &r->key,
	               PACK_FRAME, frame, fr->codec, &err));
	frame_bytes(want, FRAME, first);
	assert_memory_equal(out, want, FRAME);
	free(out);
	free(want);
	free(scratch);
}

static void frames_of_four_threads_are_all_where_they_are_said_to_be(void **state)
{
	struct err err;
	struct sample_packs s;
	struct crew_worker crew[CREW];
	static struct framer_place places[CREW][EACH];
	sample_packs_begin(&s, *state, gib);
	sample_packer(&s, 2, 3);
	run_crew(&s, crew, places);
	for (unsigned i = 0; i < CREW; i++)
		assert_int_equal(crew[i].rc, 0);
	must(packer_finish(s.packer, &err));
	assert_true(s.n >= 3);
	uint64_t weight = 0, bytes = 0;
	uint32_t frames = 0, lasts = 0;
	for (uint32_t i = 0; i < s.n; i++) {
		struct read_pack r = read_pack(&s, &s.done[i]);
		assert_int_equal(s.done[i].number, s.done[i].serial - 1);
		assert_true(s.done[i].last || s.done[i].size == PACK_BYTES);
		weight += s.done[i].weight;
		bytes += s.done[i].size;
		lasts += s.done[i].last;
		frames += r.trailer->n_frames;
		for (unsigned w = 0; w < CREW; w++)
			for (unsigned k = 0; k < EACH; k++)
				if (places[w][k].serial == s.done[i].serial)
					check_frame(&r, places[w][k].frame, w % 2,
					            (w * 1000 + k) * (uint64_t)UNITS);
		drop_pack(&r);
	}
	assert_int_equal(weight, CREW * EACH * UNITS);
	assert_int_equal(frames, CREW * EACH);
	assert_int_equal(bytes, packer_stored_bytes(s.packer));
	assert_true(lasts <= 1);
	for (unsigned w = 0; w < CREW; w++)
		for (unsigned k = 0; k < EACH; k++)
			assert_non_null(done_of(&s, places[w][k].serial));
	packer_free(s.packer);
}

/* ---- what fails ---- */

static void a_failing_put_ends_everybody(void **state)
{
	(void)state;
	struct err err;
	struct sample_vault v;
	struct sample_packs s;
	struct crew_worker crew[CREW];
	static struct framer_place places[CREW][EACH];
	sample_make(&v, "memory://packer-fails");
	sample_packs_begin(&s, &v, gib);
	vault_free(v.vault);
	/* the second pack fails */
	v.options.url = "faulty://put=2+:denied/memory://packer-fails";
	sample_open(&v);
	sample_packer(&s, 2, 3);
	run_crew(&s, crew, places);
	unsigned failed = 0;
	for (unsigned i = 0; i < CREW; i++)
		if (crew[i].rc != 0) {
			assert_int_equal(crew[i].rc, ERR_DENIED);
			assert_non_null(strstr(crew[i].err.msg, "/packs/"));
			failed++;
		}
	assert_true(failed > 0);
	assert_int_equal(packer_finish(s.packer, &err), ERR_DENIED);
	assert_non_null(strstr(err.msg, "/packs/"));
	assert_true(s.n <= 1);
	packer_free(s.packer);
	sample_drop(&v);
	memory_forget("packer-fails");
}

static void a_pack_that_cannot_be_remembered_fails_the_session(void **state)
{
	struct err err;
	struct sample_packs s;
	struct framer_place place;
	sample_packs_begin(&s, *state, gib);
	sample_packer(&s, 1, 2);
	s.stored_rc = ERR_SPACE;
	AUTO(framer) f = framer_new(s.packer, 1, 16, &err);
	must(put_units(f, 0, 0, &place, &err));
	assert_int_equal(packer_finish(s.packer, &err), ERR_SPACE);
	assert_string_equal(err.msg, "the journal cannot be written");
	assert_int_equal(packer_stored_packs(s.packer), 0);
	packer_free(s.packer);
}

static void an_unknown_file_fails_the_pack_and_leaks_nothing(void **state)
{
	struct err err;
	struct sample_packs s;
	struct framer_place place;
	sample_packs_begin(&s, *state, gib);
	sample_packer(&s, 1, 2);
	AUTO(framer) f = framer_new(s.packer, 1, 16, &err);
	int rc = 0;
	for (uint64_t i = 1; rc == 0 && i < 200; i++)
		rc = put_units(f, 99, (3 * i + 1) * UNITS, &place, &err);   /* these do not compress */
	assert_int_equal(rc, ERR_INVALID);
	assert_int_equal(packer_finish(s.packer, &err), ERR_INVALID);
	assert_int_equal(s.n, 0);
	packer_free(s.packer);
}

static void *stop_soon(void *arg)
{
	struct sample_packs *s = arg;
	struct err why;
	nanosleep(&(struct timespec){ 0, 30000000 }, NULL);
	err_set(&why, ERR_STOPPED, "stopped");
	packer_stop(s->packer, &why);
	return NULL;
}

static void stopping_wakes_who_waits_for_a_pack(void **state)
{
	(void)state;
	struct err err, wait = { 0 };
	struct sample_vault v;
	struct sample_packs s;
	struct framer_place place;
	pthread_t stopper;
	sample_make(&v, "memory://packer-slow");
	sample_packs_begin(&s, &v, gib);
	vault_free(v.vault);
	v.options.url = "faulty://delay=150/memory://packer-slow";
	sample_open(&v);
	sample_packer(&s, 1, 2);
	AUTO(framer) f = framer_new(s.packer, 1, 16, &err);
	int rc = 0;
	assert_int_equal(pthread_create(&stopper, NULL, stop_soon, &s), 0);
	for (uint64_t i = 1; rc == 0 && i < 1000; i++)
		rc = put_units(f, 0, (3 * i + 1) * UNITS, &place, &wait);
	assert_int_equal(rc, ERR_STOPPED);
	pthread_join(stopper, NULL);
	assert_int_equal(packer_finish(s.packer, &err), ERR_STOPPED);
	packer_free(s.packer);
	sample_drop(&v);
	memory_forget("packer-slow");
}

/* ---- limits ---- */

/* Zero units cost nothing but their tags and runs: what bounds those ends the pack, not the backup. */
static void endless_zeros_go_into_more_than_one_pack(void **state)
{
	struct err err;
	struct sample_packs s;
	uint32_t serial = 0;
	static const uint8_t tags[UNITS * SUM_TAG_BYTES];
	uint64_t blocks = (UINT64_C(2) << 30) / FRAME;   /* 2 GiB */
	sample_packs_begin(&s, *state, gib);
	sample_packer(&s, 2, 4);
	for (uint64_t i = 0; i < blocks; i++) {
		const struct pack_run run = { 0, UNITS, i * UNITS };
		must(packer_zeros(s.packer, &run, tags, &serial, &err));
	}
	must(packer_finish(s.packer, &err));
	uint64_t zeros = 0;
	for (uint32_t i = 0; i < s.n; i++) {
		struct read_pack r = read_pack(&s, &s.done[i]);
		zeros += s.done[i].zeros;
		drop_pack(&r);
	}
	assert_int_equal(zeros, blocks * UNITS);
	packer_free(s.packer);
}

static void scattered_zeros_go_into_packs_that_can_be_read(void **state)
{
	struct err err;
	struct sample_packs s;
	uint32_t serial = 0;
	static const uint8_t tag[SUM_TAG_BYTES];
	enum { RUNS = 2400000 };
	sample_packs_begin(&s, *state, gib);
	sample_packer(&s, 2, 4);
	for (uint64_t i = 0; i < RUNS; i++) {
		const struct pack_run run = { 0, 1, 2 * i };
		must(packer_zeros(s.packer, &run, tag, &serial, &err));
	}
	must(packer_finish(s.packer, &err));
	uint64_t listed = 0;
	for (uint32_t i = 0; i < s.n; i++) {
		struct read_pack r = read_pack(&s, &s.done[i]);
		listed += r.trailer->n_runs;
		drop_pack(&r);
	}
	assert_int_equal(listed, RUNS);
	packer_free(s.packer);
}

static void what_is_larger_than_a_pack_is_refused(void **state)
{
	struct err err;
	struct sample_packs s;
	struct packer_slot slot;
	sample_packs_begin(&s, *state, gib);
	sample_packer(&s, 1, 2);
	const struct packer_frame frame = { .codec = PACK_RAW, .len = PACK_BYTES,
	                                    .plain_len = PACK_BYTES, .weight = 1 };
	assert_int_equal(packer_reserve(s.packer, &frame, &slot, &err), ERR_LIMIT);
	must(packer_finish(s.packer, &err));
	assert_int_equal(s.n, 0);
	packer_free(s.packer);
}

static void serials_can_be_skipped_only_forward(void **state)
{
	struct sample_packs s;
	sample_packs_begin(&s, *state, gib);
	sample_packer(&s, 1, 2);
	packer_skip_serials(s.packer, 7);
	assert_int_equal(packer_next_serial(s.packer), 7);
	packer_skip_serials(s.packer, 3);
	assert_int_equal(packer_next_serial(s.packer), 7);
	packer_free(s.packer);
}

static void chunks_have_no_runs_and_weigh_their_bytes(void **state)
{
	struct err err;
	struct sample_packs s;
	struct framer_place place;
	uint8_t plain[3000];
	sample_packs_begin(&s, *state, gib);
	sample_packer(&s, 1, 2);
	AUTO(framer) f = framer_new(s.packer, 3, 1, &err);
	memset(plain, 'x', sizeof plain);
	must(framer_put(f, plain, sizeof plain, NULL, 0, NULL, sizeof plain, &place, &err));
	plain[0] = 'y';
	must(framer_put(f, plain, 1, NULL, 0, NULL, 1, &place, &err));
	must(packer_finish(s.packer, &err));
	assert_int_equal(s.done[0].weight, 3001);
	struct read_pack r = read_pack(&s, &s.done[0]);
	assert_int_equal(r.trailer->n_files, 0);
	assert_int_equal(r.trailer->frames[0].codec, PACK_ZSTD);
	assert_int_equal(r.trailer->frames[1].codec, PACK_RAW);
	assert_int_equal(r.trailer->frames[0].n_runs, 0);
	drop_pack(&r);
	packer_free(s.packer);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_small_session_is_one_padded_pack),
		TEST(a_session_without_frames_sends_nothing),
		TEST(frames_of_four_threads_are_all_where_they_are_said_to_be),
		cmocka_unit_test(a_failing_put_ends_everybody),
		TEST(a_pack_that_cannot_be_remembered_fails_the_session),
		TEST(an_unknown_file_fails_the_pack_and_leaks_nothing),
		cmocka_unit_test(stopping_wakes_who_waits_for_a_pack),
		TEST(endless_zeros_go_into_more_than_one_pack),
		TEST(scattered_zeros_go_into_packs_that_can_be_read),
		TEST(what_is_larger_than_a_pack_is_refused),
		TEST(serials_can_be_skipped_only_forward),
		TEST(chunks_have_no_runs_and_weigh_their_bytes),
	};
	return cmocka_run_group_tests_name("packer", tests, NULL, NULL);
}
