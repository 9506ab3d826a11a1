/* A pattern becomes stores: which files count, what they are called, and which ones went missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/hash.h"
#include "holdfast/err.h"
#include "holdfast/fleet.h"
#include "holdfast/vault.h"
#include "scratch.h"

static char folder[SCRATCH_MAX], state_dir[SCRATCH_MAX + 20];
static struct vault *vault;
static struct err err;

static int set_up(void **state)
{
	(void)state;
	if (crypto_start() != 0 || !scratch_make(folder))
		return -1;
	char path[SCRATCH_MAX + 20], url[SCRATCH_MAX + 40];
	snprintf(url, sizeof url, "file://%s/vault", folder);
	snprintf(state_dir, sizeof state_dir, "%s/state", folder);
	snprintf(path, sizeof path, "%s/keys", folder);
	struct vault_options options = { .url = url, .state_dir = state_dir, .keys_dir = path };
	struct vault_init_options init = { .machine = "test", .passphrase = "six words of no great length",
		.passphrase_len = 28, .slot_ops = 1, .slot_mem_kib = 8192 };
	if (vault_init(&options, &init, &err) != 0 || !(vault = vault_open(&options, &err))) {
		printf("# %s\n", err.msg);
		return -1;
	}
	snprintf(path, sizeof path, "%s/db", folder);
	return mkdir(path, 0700);
}

static int tear_down(void **state)
{
	(void)state;
	vault_free(vault);
	return scratch_remove(folder);
}

static const char *in_folder(const char *name)
{
	static char path[SCRATCH_MAX + 300];
	snprintf(path, sizeof path, "%s/db/%s", folder, name);
	return path;
}

static void touch(const char *name)
{
	FILE *f = fopen(in_folder(name), "w");
	assert_non_null(f);
	fclose(f);
}

static struct fleet *expand(const char *pattern, const char *name)
{
	char path[SCRATCH_MAX + 300];
	snprintf(path, sizeof path, "%s", in_folder(pattern));
	return fleet_expand(vault, "crm", path, name, &err);
}

static void expect_refused(const char *pattern, const char *name, enum err_code code, const char *text)
{
	assert_null(expand(pattern, name));
	assert_int_equal(err.code, code);
	if (!strstr(err.msg, text))
		fail_msg("'%s' does not say '%s'", err.msg, text);
}

static void patterns_are_told_from_paths(void **state)
{
	(void)state;
	assert_true(fleet_is_pattern("/srv/*.db"));
	assert_true(fleet_is_pattern("/srv/?/crm.db"));
	assert_true(fleet_is_pattern("/srv/[ab].db"));
	assert_false(fleet_is_pattern("/srv/crm.db"));
}

static void every_matching_file_is_a_store_sorted_by_name(void **state)
{
	(void)state;
	touch("b.db");
	touch("a.b.db");
	touch("Ä ö.db");
	touch("c.txt");
	mkdir(in_folder("folder.db"), 0700);
	struct fleet *f = expand("*.db", "tenants/{stem}");
	assert_non_null(f);
	assert_int_equal(f->n, 3);
	assert_string_equal(f->members[0].name, "tenants/a.b");
	assert_string_equal(f->members[0].path, in_folder("a.b.db"));
	assert_string_equal(f->members[1].name, "tenants/b");
	assert_string_equal(f->members[2].name, "tenants/Ä ö");
	assert_int_equal(f->n_vanished, 0);
	fleet_free(f);
}

static void side_files_are_no_stores(void **state)
{
	(void)state;
	touch("a.db");
	touch("a.db-wal");
	touch("a.db-shm");
	touch("a.db-journal");
	struct fleet *f = expand("*", NULL);
	assert_non_null(f);
	assert_int_equal(f->n, 1);
	assert_string_equal(f->members[0].name, "a");
	fleet_free(f);
}

static void the_template_knows_stem_name_and_parent(void **state)
{
	(void)state;
	mkdir(in_folder("acme"), 0700);
	touch("acme/crm.db");
	struct fleet *f = expand("*/crm.db", "t/{parent}/{name}-{stem}");
	assert_non_null(f);
	assert_string_equal(f->members[0].name, "t/acme/crm.db-crm");
	fleet_free(f);
	expect_refused("*/crm.db", "{tenant}", ERR_INVALID, "'{tenant}' stands for nothing");
	expect_refused("*/crm.db", "{stem", ERR_INVALID, "not paired");
	expect_refused("*/crm.db", "stem}", ERR_INVALID, "not paired");
	expect_refused("*/crm.db", "{}", ERR_INVALID, "stands for nothing");
}

static void two_files_never_share_a_name(void **state)
{
	(void)state;
	mkdir(in_folder("a"), 0700);
	mkdir(in_folder("b"), 0700);
	touch("a/crm.db");
	touch("b/crm.db");
	expect_refused("*/crm.db", "{stem}", ERR_INVALID, "would both be store 'crm'");
	assert_non_null(strstr(err.hint, "{parent}"));
	struct fleet *f = expand("*/crm.db", "{parent}");
	assert_non_null(f);
	assert_int_equal(f->n, 2);
	fleet_free(f);
}

static void a_name_that_cannot_be_typed_is_refused(void **state)
{
	(void)state;
	static const char *const names[] = {
		"a@b.db", "-rf.db", "a\nb.db", "a\x1b[31m.db", "a\xff.db", "a\xc0\xaf.db", "a\xed\xa0\x80.db",
		"a\xc2\x85.db", "a\xe2\x80\xae.db", "a\x7f.db", "a\xf0\x9f\x98.db",
	};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		touch(names[i]);
		expect_refused("*.db", "{stem}", ERR_INVALID, "name");
		for (const char *c = err.msg; *c; c++)
			assert_true((unsigned char)*c >= ' ' && *c != 0x7f);
		assert_int_equal(unlink(in_folder(names[i])), 0);
	}
	char name[230];
	memset(name, 'a', sizeof name);
	memcpy(name + 201, ".db", 4);
	touch(name);
	expect_refused("*.db", "{stem}", ERR_INVALID, "too long");
	expect_refused("*.db", "", ERR_INVALID, "empty");
	expect_refused("*.db", "/x", ERR_INVALID, "begins");
	assert_int_equal(unlink(in_folder(name)), 0);
	memcpy(name + 200, ".db", 4);
	touch(name);
	struct fleet *f = expand("*.db", "{stem}");
	assert_non_null(f);
	fleet_free(f);
}

static void nothing_found_is_an_error(void **state)
{
	(void)state;
	touch("c.txt");
	expect_refused("*.db", "{stem}", ERR_SOURCE, "no file matches ");
	assert_string_equal(err.hint, "is it mounted?");
	expect_refused("no/such/folder/*.db", "{stem}", ERR_SOURCE, "no file matches ");
}

static void a_link_to_nowhere_is_not_left_out(void **state)
{
	(void)state;
	touch("a.db");
	assert_int_equal(symlink("/no/such/file", in_folder("b.db")), 0);
	struct fleet *f = expand("*.db", "{stem}");
	assert_non_null(f);
	assert_int_equal(f->n, 2);
	fleet_free(f);
}

static void a_folder_that_cannot_be_read_is_an_error(void **state)
{
	(void)state;
	touch("a.db");
	mkdir(in_folder("locked"), 0);
	if (geteuid() == 0 && seteuid(65534) != 0)
		skip();
	/* another user may not even enter the scratch folder: that is refused as well */
	struct fleet *f = expand("*/*.db", "{stem}");
	if (geteuid() == 65534)
		assert_int_equal(seteuid(0), 0);
	assert_null(f);
	assert_int_equal(err.code, ERR_DENIED);
}

static void files_of_the_last_run_are_missed(void **state)
{
	(void)state;
	touch("a.db");
	touch("b.db");
	touch("c.db");
	struct fleet *f = expand("*.db", "{stem}");
	assert_non_null(f);
	assert_int_equal(fleet_remember(vault, "crm", f, &err), 0);
	fleet_free(f);

	unlink(in_folder("a.db"));
	unlink(in_folder("c.db"));
	touch("d.db");
	f = expand("*.db", "{stem}");
	assert_non_null(f);
	assert_int_equal(f->n, 2);
	assert_int_equal(f->n_vanished, 2);
	assert_string_equal(f->vanished[0], "a");
	assert_string_equal(f->vanished[1], "c");
	assert_int_equal(fleet_remember(vault, "crm", f, &err), 0);
	fleet_free(f);

	f = expand("*.db", "{stem}");
	assert_non_null(f);
	assert_int_equal(f->n_vanished, 0);
	fleet_free(f);

	/* another section has a record of its own */
	char pattern[SCRATCH_MAX + 300];
	snprintf(pattern, sizeof pattern, "%s", in_folder("b.db*"));
	f = fleet_expand(vault, "other", pattern, "{stem}", &err);
	assert_non_null(f);
	assert_int_equal(f->n_vanished, 0);
	fleet_free(f);
}

static int damage_record(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)at;
	if (type != FTW_F || !strstr(path, "/fleets/"))
		return 0;
	assert_int_equal(st->st_mode & 07777, 0600);
	return truncate(path, 5);
}

static void a_damaged_record_is_not_an_absent_one(void **state)
{
	(void)state;
	touch("a.db");
	struct fleet *f = expand("*.db", "{stem}");
	assert_non_null(f);
	assert_int_equal(fleet_remember(vault, "crm", f, &err), 0);
	fleet_free(f);
	assert_int_equal(nftw(state_dir, damage_record, 16, FTW_PHYS), 0);
	expect_refused("*.db", "{stem}", ERR_CORRUPT, "/fleets/");
	assert_true(err.hint[0] != '\0');
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_are_told_from_paths),
		TEST(every_matching_file_is_a_store_sorted_by_name),
		TEST(side_files_are_no_stores),
		TEST(the_template_knows_stem_name_and_parent),
		TEST(two_files_never_share_a_name),
		TEST(a_name_that_cannot_be_typed_is_refused),
		TEST(nothing_found_is_an_error),
		TEST(a_link_to_nowhere_is_not_left_out),
		TEST(a_folder_that_cannot_be_read_is_an_error),
		TEST(files_of_the_last_run_are_missed),
		TEST(a_damaged_record_is_not_an_absent_one),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
