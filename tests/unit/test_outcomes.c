/* What is remembered of attempts: counted by turns, found again by vault, lost without harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/outcomes.h"
#include "holdfast/err.h"
#include "scratch.h"

static char folder[SCRATCH_MAX], file[SCRATCH_MAX + 32];
static const char id[] = "000102030405060708090a0b0c0d0e0f", url[] = "file:///srv/vault";

static int start(void **state)
{
	(void)state;
	if (!scratch_make(folder))
		return -1;
	snprintf(file, sizeof file, "%s/outcomes.json", folder);
	return 0;
}

static int end(void **state)
{
	(void)state;
	return scratch_remove(folder);
}

static struct outcomes *load(bool change, const char *vault_id)
{
	struct err err = { 0 };
	bool lost = false;
	struct outcomes *o = outcomes_load(folder, change, &lost, &err);
	assert_non_null(o);
	assert_false(lost);
	assert_int_equal(outcomes_of_vault(o, vault_id, url, &err), 0);
	return o;
}

static void store(struct outcomes *o)
{
	struct err err = { 0 };
	assert_int_equal(outcomes_store(o, &err), 0);
	outcomes_free(o);
}

static void nothing_is_known_at_first(void **state)
{
	(void)state;
	struct outcome got;
	AUTO(outcomes) o = load(false, NULL);
	outcomes_get(o, "backup", "crm", &got);
	assert_int_equal(got.good_s, 0);
	assert_int_equal(got.tried_s, 0);
	assert_int_equal(outcomes_newest(o, "backup"), 0);
	assert_int_not_equal(access(file, F_OK), 0);
}

static void what_was_noted_is_found_by_id_and_by_address(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct outcome got;
	struct stat st;
	struct outcomes *o = load(true, id);
	assert_int_equal(outcomes_note_good(o, "backup", "crm", 1000, &err), 0);
	assert_int_equal(outcomes_note_good(o, "backup", "\xff odd", 3000, &err), 0);
	assert_int_equal(outcomes_note_good(o, "copy", "second", 9000, &err), 0);
	store(o);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	for (int by_id = 0; by_id < 2; by_id++) {
		AUTO(outcomes) again = load(false, by_id ? id : NULL);
		outcomes_get(again, "backup", "crm", &got);
		assert_int_equal(got.good_s, 1000);
		assert_int_equal(got.tried_s, 1000);
		assert_int_equal(outcomes_newest(again, "backup"), 3000);
	}
	AUTO(outcomes) other = load(false, "ff0102030405060708090a0b0c0d0e0f");
	outcomes_get(other, "backup", "crm", &got);
	assert_int_equal(got.good_s, 0);
}

static void failures_are_counted_by_turns(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct outcome got;
	AUTO(outcomes) o = load(true, id);
	outcomes_note_good(o, "backup", "crm", 1000, &err);
	outcomes_note_failed(o, "backup", "crm", 2000, 1900, "first", &err);
	outcomes_note_failed(o, "backup", "crm", 2500, 1900, "again in that turn", &err);
	outcomes_get(o, "backup", "crm", &got);
	assert_int_equal(got.failures, 1);
	assert_int_equal(got.good_s, 1000);
	assert_int_equal(got.tried_s, 2500);
	assert_string_equal(got.error, "again in that turn");
	outcomes_note_failed(o, "backup", "crm", 3000, 2900, "second", &err);
	outcomes_get(o, "backup", "crm", &got);
	assert_int_equal(got.failures, 2);
	outcomes_note_good(o, "backup", "crm", 4000, &err);
	outcomes_get(o, "backup", "crm", &got);
	assert_int_equal(got.failures, 0);
	assert_int_equal(got.good_s, 4000);
	assert_string_equal(got.error, "");
}

static void write_text(const char *text)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void a_damaged_file_is_begun_anew(void **state)
{
	(void)state;
	static const char *const damaged[] = { "", "{", "[]", "{\"format\":2,\"vaults\":{}}",
		                               "{\"format\":1,\"vaults\":[]}" };
	struct err err = { 0 };
	for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
		bool lost = false;
		write_text(damaged[i]);
		AUTO(outcomes) o = outcomes_load(folder, false, &lost, &err);
		assert_non_null(o);
		assert_true(lost);
	}
}

/* Well-formed, but not of the shape that is written. */
static void odd_contents_are_as_good_as_none(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct outcome got;
	static const char odd[] =
		"{\"format\":1,\"vaults\":{\"000102030405060708090a0b0c0d0e0f\":{\"url\":7,\"done\":{"
		"\"backup/crm\":{\"good\":\"x\",\"tried\":-4,\"failures\":9223372036854775807},"
		"\"backup/x\":3}}}}";
	AUTO(outcomes) o = outcomes_parse(odd, strlen(odd), &err);
	assert_non_null(o);
	assert_int_equal(outcomes_of_vault(o, id, url, &err), 0);
	outcomes_get(o, "backup", "crm", &got);
	assert_int_equal(got.good_s + got.tried_s + (int64_t)got.failures, 0);
	assert_int_equal(outcomes_note_failed(o, "backup", "x", 5, 5, "why", &err), 0);
	outcomes_get(o, "backup", "x", &got);
	assert_int_equal(got.failures, 1);
}

static void who_changes_it_keeps_others_from_changing(void **state)
{
	(void)state;
	char lock[SCRATCH_MAX + 32];
	snprintf(lock, sizeof lock, "%s/outcomes.lock", folder);
	struct outcomes *o = load(true, id);
	int fd = open(lock, O_RDWR);
	assert_true(fd >= 0);
	assert_int_not_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	outcomes_free(o);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	close(fd);
}

static void of_a_vault_never_opened_nothing_is_remembered(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct outcome got;
	AUTO(outcomes) o = load(true, NULL);
	assert_int_equal(outcomes_note_failed(o, "backup", "crm", 5, 5, "away", &err), 0);
	outcomes_get(o, "backup", "crm", &got);
	assert_int_equal(got.failures, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_known_at_first, start, end),
		cmocka_unit_test_setup_teardown(what_was_noted_is_found_by_id_and_by_address, start, end),
		cmocka_unit_test_setup_teardown(failures_are_counted_by_turns, start, end),
		cmocka_unit_test_setup_teardown(a_damaged_file_is_begun_anew, start, end),
		cmocka_unit_test_setup_teardown(odd_contents_are_as_good_as_none, start, end),
		cmocka_unit_test_setup_teardown(who_changes_it_keeps_others_from_changing, start, end),
		cmocka_unit_test_setup_teardown(of_a_vault_never_opened_nothing_is_remembered, start, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
