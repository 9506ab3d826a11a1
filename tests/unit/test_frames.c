#include "base/buf.h"
#include "engine/fetch.h"
#include "engine/frames.h"
#include "engine/keyring.h"
#include "format/names.h"
#include "sample_packs.h"

static const uint64_t lengths[SAMPLE_FILES] = { 1 << 30, 1 << 30, 1 << 30 };
enum { FRAMES = 40, THREADS = 4, GETS = 400, UNITS = 64, PLAIN = UNITS * 512 };

struct place {
	struct sample_vault v;
	struct sample_packs s;
	struct keyring *keys;
	struct fetch *fetch;
};

/* Two packs of FRAMES frames each. */
static int set_up(void **state)
{
	struct err err;
	static const uint8_t tags[UNITS * 16];
	struct place *p = calloc(1, sizeof *p);
	assert_non_null(p);
	sample_make(&p->v, "memory://frames");
	sample_unlock(&p->v);
	sample_packs_begin(&p->s, &p->v, lengths);
	for (uint32_t pack = 0; pack < 2; pack++) {
		sample_packer(&p->s, 1, 2);
		AUTO(framer) f = framer_new(p->s.packer, 1, 16, &err);
		for (uint32_t i = 0; i < FRAMES; i++) {
			uint8_t plain[PLAIN];
			struct framer_place at;
			const struct pack_run run = { 0, UNITS, i * UNITS };
			sample_fill(plain, PLAIN, pack * 1000 + i);
			must(framer_put(f, plain, PLAIN, &run, 1, tags, UNITS, &at, &err));
		}
		must(packer_finish(p->s.packer, &err));
		packer_free(p->s.packer);
	}
	const uint8_t *writer = vault_keyfile(p->v.vault)->id;
	p->keys = keyring_new(p->v.vault, writer, p->s.store, &err);
	p->fetch = fetch_new(p->v.vault, p->keys, writer, p->s.store, p->s.list, 2, NULL, &err);
	assert_true(p->keys && p->fetch);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	fetch_free(p->fetch);
	keyring_free(p->keys);
	sample_drop(&p->v);
	free(p);
	return 0;
}

static bool is_frame(const struct frames_entry *e, uint32_t pack, uint32_t frame)
{
	uint8_t want[PLAIN];
	sample_fill(want, PLAIN, pack * 1000 + frame);
	return e->len == PLAIN && memcmp(e->plain, want, PLAIN) == 0;
}

static void a_pinned_frame_is_decoded_once(void **state)
{
	struct place *p = *state;
	struct err err;
	AUTO(frames) f = frames_new(p->fetch, 3, &err);
	AUTO(fetch_worker) w = fetch_worker_new(&err);
	assert_non_null(f);
	const struct frames_entry *a = frames_get(f, 0, 5, w, &err), *b = frames_get(f, 0, 5, w, &err);
	assert_non_null(a);
	assert_ptr_equal(a, b);
	assert_true(is_frame(a, 0, 5));
	const struct frames_entry *other = frames_get(f, 1, 5, w, &err);
	assert_ptr_not_equal(a, other);
	assert_true(is_frame(other, 1, 5));
	/* with one cell left everything still goes through it */
	for (uint32_t i = 10; i < 20; i++) {
		const struct frames_entry *e = frames_get(f, 0, i, w, &err);
		assert_true(is_frame(e, 0, i));
		frames_put(f, e);
	}
	assert_true(is_frame(a, 0, 5));
	frames_put(f, a);
	frames_put(f, b);
	frames_put(f, other);
}

static void the_frame_used_longest_ago_goes_first(void **state)
{
	struct place *p = *state;
	struct err err;
	AUTO(frames) f = frames_new(p->fetch, 2, &err);
	AUTO(fetch_worker) w = fetch_worker_new(&err);
	const struct frames_entry *one = frames_get(f, 0, 1, w, &err);
	frames_put(f, one);
	const struct frames_entry *two = frames_get(f, 0, 2, w, &err);
	frames_put(f, two);
	frames_put(f, frames_get(f, 0, 1, w, &err));
	const struct frames_entry *three = frames_get(f, 0, 3, w, &err);
	assert_ptr_equal(three, two);
	assert_true(is_frame(one, 0, 1));
	frames_put(f, three);
}

struct reader {
	pthread_t thread;
	struct frames *frames;
	unsigned seed, wrong;
};

static void *read_some(void *arg)
{
	struct reader *r = arg;
	struct err err;
	struct fetch_worker *w = fetch_worker_new(&err);
	for (unsigned i = 0; i < GETS; i++) {
		r->seed = r->seed * 1664525 + 1013904223;
		uint32_t pack = r->seed >> 31, frame = (r->seed >> 16) % (i % 2 ? FRAMES : 4);
		const struct frames_entry *e = frames_get(r->frames, pack, frame, w, &err);
		if (!e || !is_frame(e, pack, frame)) {
			r->wrong++;
			continue;
		}
		frames_put(r->frames, e);
	}
	fetch_worker_free(w);
	return NULL;
}

static void four_threads_get_what_they_ask_for(void **state)
{
	struct place *p = *state;
	struct err err;
	/* one more than threads: always somebody waits */
	AUTO(frames) f = frames_new(p->fetch, THREADS + 1, &err);
	struct reader readers[THREADS];
	for (unsigned i = 0; i < THREADS; i++) {
		readers[i] = (struct reader){ .frames = f, .seed = i + 1 };
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_some, &readers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(readers[i].thread, NULL);
		assert_int_equal(readers[i].wrong, 0);
	}
}

static void four_threads_get_frames_of_packs_in_memory(void **state)
{
	struct place *p = *state;
	struct err err;
	static const uint32_t packs[] = { 1, 0 };
	static const uint64_t units[] = { UINT32_MAX, UINT32_MAX };
	must(fetch_plan(p->fetch, packs, units, 2, &err));
	four_threads_get_what_they_ask_for(state);
	fetch_consumed(p->fetch, 0, UINT32_MAX);
	fetch_consumed(p->fetch, 1, UINT32_MAX);
}

static void spoil_pack(struct place *p, uint32_t pack)
{
	struct err err;
	char name[NAMES_MAX];
	struct backend *b = vault_storage(p->v.vault);
	AUTO(buf) bytes = buf_new(PACK_BYTES, &err);
	names_pack(name, vault_keyfile(p->v.vault)->id, p->s.store, p->s.list[pack].id);
	must(storage_get_all(b, name, bytes, &err));
	/* somewhere in the first frame: those after it still open */
	bytes->bytes[PACK_HEADER_BYTES + 1000] ^= 1;
	must(storage_put(b, name, bytes->bytes, bytes->len, BACKEND_REPLACE, &err));
}

static void a_damaged_frame_is_an_error_each_time_and_others_are_not(void **state)
{
	struct place *p = *state;
	struct err err;
	spoil_pack(p, 0);
	AUTO(frames) f = frames_new(p->fetch, 2, &err);
	AUTO(fetch_worker) w = fetch_worker_new(&err);
	for (int i = 0; i < 5; i++) {
		err.code = ERR_NONE;
		assert_null(frames_get(f, 0, 0, w, &err));
		assert_int_equal(err.code, ERR_CORRUPT);
		assert_non_null(strstr(err.msg, "frame 0"));
		const struct frames_entry *e = frames_get(f, 0, 1, w, &err);
		assert_true(e && is_frame(e, 0, 1));
		frames_put(f, e);
	}
}

static void a_frame_that_is_not_there_is_an_error(void **state)
{
	struct place *p = *state;
	struct err err;
	AUTO(frames) f = frames_new(p->fetch, 2, &err);
	AUTO(fetch_worker) w = fetch_worker_new(&err);
	assert_null(frames_get(f, 0, FRAMES, w, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_null(frames_get(f, 1, UINT32_MAX, w, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
	frames_free(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_pinned_frame_is_decoded_once),
		TEST(the_frame_used_longest_ago_goes_first),
		TEST(four_threads_get_what_they_ask_for),
		TEST(four_threads_get_frames_of_packs_in_memory),
		TEST(a_damaged_frame_is_an_error_each_time_and_others_are_not),
		TEST(a_frame_that_is_not_there_is_an_error),
	};
	return cmocka_run_group_tests_name("frames", tests, NULL, NULL);
}
