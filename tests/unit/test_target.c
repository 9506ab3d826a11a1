#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/target.h"
#include "holdfast/err.h"
#include "scratch.h"

enum { REGION = 1 << 20, NOTED = 64 << 20 };

struct place {
	char dir[SCRATCH_MAX], final[SCRATCH_MAX + 20], part[SCRATCH_MAX + 40], done[SCRATCH_MAX + 50];
	uint8_t *region;
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	assert_non_null(p);
	assert_true(scratch_make(p->dir));
	snprintf(p->final, sizeof p->final, "%s/crm.db", p->dir);
	snprintf(p->part, sizeof p->part, "%s/.crm.db.holdfast-abc", p->dir);
	snprintf(p->done, sizeof p->done, "%s.done", p->part);
	p->region = aligned_alloc(4096, REGION);
	assert_non_null(p->region);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	free(p->region);
	scratch_remove(p->dir);
	free(p);
	return 0;
}

static struct target *open_target(const struct place *p, uint64_t length, struct err *err)
{
	return target_open(p->dir, "crm.db", "abc", length, false, err);
}

static void fill(struct place *p, uint64_t offset)
{
	for (size_t i = 0; i < REGION; i++)
		p->region[i] = (uint8_t)(offset / REGION * 31 + i % 251);
}

static void write_regions(struct place *p, struct target *t, uint64_t upto)
{
	struct err err;
	for (uint64_t at = 0; at < upto; at += REGION) {
		size_t n = t->length - at < REGION ? (size_t)(t->length - at) : REGION;
		fill(p, at);
		if (target_write(t, at, p->region, n, &err) != 0)
			fail_msg("%s", err.msg);
	}
}

static off_t size_of(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0 ? st.st_size : -1;
}

static void put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void assert_part(struct place *p, uint64_t length)
{
	int fd = open(p->part, O_RDONLY);
	uint8_t *got = malloc(REGION);
	assert_true(fd >= 0 && got);
	for (uint64_t at = 0; at < length; at += REGION) {
		size_t n = length - at < REGION ? (size_t)(length - at) : REGION;
		fill(p, at);
		assert_int_equal(pread(fd, got, n, (off_t)at), n);
		assert_memory_equal(got, p->region, n);
	}
	free(got);
	close(fd);
}

static void a_file_of_any_length_is_written_beside_its_place(void **state)
{
	struct place *p = *state;
	static const uint64_t lengths[] = { 0, 1, 512, 4096, REGION, REGION + 1, 3 * REGION - 512 };
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		struct err err;
		AUTO(target) t = open_target(p, lengths[i], &err);
		assert_non_null(t);
		write_regions(p, t, lengths[i]);
		assert_int_equal(target_complete(t, &err), 0);
		assert_int_equal(size_of(p->part), lengths[i]);
		assert_part(p, lengths[i]);
		assert_int_equal(size_of(p->final), -1);
		unlink(p->part);
	}
}

static void others_cannot_read_what_is_not_complete(void **state)
{
	struct place *p = *state;
	struct err err;
	struct stat st;
	AUTO(target) t = open_target(p, REGION, &err);
	assert_non_null(t);
	assert_int_equal(stat(p->part, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void an_interrupted_restore_goes_on_where_it_noted(void **state)
{
	struct place *p = *state;
	struct err err;
	uint64_t length = NOTED + 10 * REGION + 100;
	struct target *t = open_target(p, length, &err);
	assert_non_null(t);
	assert_int_equal(t->kept, 0);
	write_regions(p, t, NOTED + 5 * REGION);
	target_free(t);
	assert_true(size_of(p->done) > 0);

	t = open_target(p, length, &err);
	assert_non_null(t);
	assert_int_equal(t->kept, NOTED);
	fill(p, REGION);
	uint8_t *back = aligned_alloc(4096, REGION);
	assert_int_equal(target_reuse(t, REGION, back, REGION, &err), 1);
	assert_memory_equal(back, p->region, REGION);
	assert_int_equal(target_reuse(t, NOTED, back, REGION, &err), 0);
	/* what is kept is not written again */
	memset(p->region, 0, REGION);
	assert_int_equal(target_write(t, REGION, p->region, REGION, &err), 0);
	assert_int_equal(target_reuse(t, REGION, back, REGION, &err), 1);
	fill(p, REGION);
	assert_memory_equal(back, p->region, REGION);
	write_regions(p, t, length);
	assert_int_equal(target_complete(t, &err), 0);
	assert_part(p, length);
	assert_int_equal(size_of(p->done), -1);
	free(back);
	target_free(t);
}

static void what_an_earlier_attempt_left_counts_only_if_it_fits(void **state)
{
	struct place *p = *state;
	struct err err;
	static const char *const notes[] = { "", "x", "99999999999999999999", "18446744073709551615",
		                             "8192000", "-4096" };
	for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
		put_text(p->done, notes[i]);
		put_text(p->part, "left-over");
		AUTO(target) t = open_target(p, REGION, &err);
		assert_non_null(t);
		assert_int_equal(t->kept, 0);   /* another length */
		assert_int_equal(size_of(p->part), REGION);
	}
	/* right length, a note beyond it; then one that is not aligned */
	put_text(p->done, "00000000000001052672\n");
	AUTO(target) beyond = open_target(p, REGION, &err);
	assert_int_equal(beyond->kept, 0);
	put_text(p->done, "00000000000000005000\n");
	AUTO(target) odd = open_target(p, REGION, &err);
	assert_int_equal(odd->kept, 4096);
}

static void what_was_wrong_is_begun_anew(void **state)
{
	struct place *p = *state;
	struct err err;
	AUTO(target) t = open_target(p, NOTED + REGION, &err);
	write_regions(p, t, NOTED + REGION);
	target_discard(t);
	assert_int_equal(size_of(p->part), -1);
	assert_int_equal(size_of(p->done), -1);
	AUTO(target) again = open_target(p, NOTED + REGION, &err);
	assert_int_equal(again->kept, 0);
}

static void what_is_there_is_not_touched(void **state)
{
	struct place *p = *state;
	struct err err;
	put_text(p->final, "mine");
	assert_null(open_target(p, REGION, &err));
	assert_int_equal(err.code, ERR_EXISTS);
	assert_non_null(strstr(err.msg, p->final));
	assert_non_null(strstr(err.hint, "--overwrite"));
	assert_int_equal(size_of(p->final), 4);
	assert_int_equal(size_of(p->part), -1);
	AUTO(target) t = target_open(p->dir, "crm.db", "abc", REGION, true, &err);
	assert_non_null(t);
	assert_int_equal(size_of(p->final), 4);
}

static void a_folder_or_a_dangling_link_is_in_the_way(void **state)
{
	struct place *p = *state;
	struct err err;
	assert_int_equal(mkdir(p->final, 0700), 0);
	assert_null(target_open(p->dir, "crm.db", "abc", 1, true, &err));
	assert_int_equal(err.code, ERR_EXISTS);
	assert_int_equal(rmdir(p->final), 0);
	assert_int_equal(symlink("/nowhere/at/all", p->final), 0);
	assert_null(open_target(p, 1, &err));
	assert_int_equal(err.code, ERR_EXISTS);
}

static void nothing_is_written_through_a_link(void **state)
{
	struct place *p = *state;
	struct err err;
	char victim[SCRATCH_MAX + 20];
	snprintf(victim, sizeof victim, "%s/victim", p->dir);
	put_text(victim, "precious");
	assert_int_equal(symlink(victim, p->part), 0);
	assert_null(open_target(p, REGION, &err));
	assert_string_not_equal(err.msg, "");
	assert_int_equal(size_of(victim), 8);
}

static void more_than_the_disk_holds_is_refused_before_a_byte(void **state)
{
	struct place *p = *state;
	struct err err;
	assert_null(open_target(p, UINT64_C(1) << 55, &err));
	assert_int_equal(err.code, ERR_SPACE);
	assert_non_null(strstr(err.msg, p->dir));
	assert_string_not_equal(err.hint, "");
	assert_int_equal(size_of(p->part), -1);
}

static void a_missing_folder_is_an_error_with_its_name(void **state)
{
	struct place *p = *state;
	struct err err;
	char dir[SCRATCH_MAX + 20];
	snprintf(dir, sizeof dir, "%s/none", p->dir);
	assert_null(target_open(dir, "crm.db", "abc", 1, false, &err));
	assert_int_equal(err.code, ERR_ABSENT);
	assert_non_null(strstr(err.msg, dir));
}

static void a_path_too_long_is_an_error(void **state)
{
	struct place *p = *state;
	struct err err;
	char *name = malloc(PATH_MAX + 1);
	assert_non_null(name);
	memset(name, 'n', PATH_MAX);
	name[PATH_MAX] = '\0';
	assert_null(target_open(p->dir, name, "abc", 1, false, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	name[250] = '\0';   /* the final name would do, the temporary one not */
	assert_null(target_open(p->dir, name, "abc", 1, false, &err));
	assert_string_not_equal(err.msg, "");
	free(name);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_file_of_any_length_is_written_beside_its_place),
		TEST(others_cannot_read_what_is_not_complete),
		TEST(an_interrupted_restore_goes_on_where_it_noted),
		TEST(what_an_earlier_attempt_left_counts_only_if_it_fits),
		TEST(what_was_wrong_is_begun_anew),
		TEST(what_is_there_is_not_touched),
		TEST(a_folder_or_a_dangling_link_is_in_the_way),
		TEST(nothing_is_written_through_a_link),
		TEST(more_than_the_disk_holds_is_refused_before_a_byte),
		TEST(a_missing_folder_is_an_error_with_its_name),
		TEST(a_path_too_long_is_an_error),
	};
	return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
