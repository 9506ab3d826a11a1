/* A file of rules: a section for each table, a line for each column; nothing twice, nothing guessed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/hex.h"
#include "base/io.h"
#include "scratch.h"
#include "source/mask_rules.h"
#include "source/mask_words.h"

static struct mask_rules *parse(const char *text, struct err *err)
{
	return mask_rules_parse("rules", ".", text, strlen(text), err);
}

static void refused(const char *text, const char *message)
{
	struct err err = { 0 };
	assert_null(parse(text, &err));
	assert_int_equal(err.code, ERR_INVALID);
	assert_string_equal(err.msg, message);
}

static void tables_and_columns_are_found(void **state)
{
	(void)state;
	struct err err = { 0 };
	AUTO(mask_rules) r = parse("# why\n[customers]\nid = keep\nfirst name = null\nCity = hash\n"
	                           "[log]\n@rows = drop\n[search]\n@rows = rebuild\n"
	                           "[later]\n@rows = ?\n", &err);
	assert_non_null(r);
	const struct mask_rules_table *t = mask_rules_find(r, "Customers");
	assert_non_null(t);
	assert_int_equal(t->rows, MASK_ROWS_KEPT);
	assert_int_equal(mask_rules_column(t, "id")->kind, MASK_KEEP);
	assert_int_equal(mask_rules_column(t, "first name")->kind, MASK_NULL);
	assert_int_equal(mask_rules_column(t, "city")->kind, MASK_HASH);
	assert_null(mask_rules_column(t, "street"));
	assert_null(mask_rules_find(r, "orders"));
	assert_int_equal(mask_rules_find(r, "log")->rows, MASK_ROWS_DROPPED);
	assert_int_equal(mask_rules_find(r, "search")->rows, MASK_ROWS_REBUILT);
	assert_int_equal(mask_rules_find(r, "later")->rows, MASK_ROWS_UNDECIDED);
	assert_int_equal(mask_rules_count(r), 6);
}

static void every_name_can_be_written(void **state)
{
	(void)state;
	static const char *const odd[] = { "", "a=b", "a:b", "[x]", "@rows", "#c", ";c", " a", "a ", "a;b",
		"a\nb", "a\"b", "\xff", "123456789 123456789 123456789 123456789 123456789 " };
	char text[300];
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		struct err err = { 0 };
		char spelled[MASK_NAME_MAX];
		mask_rules_spell(spelled, odd[i]);
		assert_int_equal(spelled[0], '@');
		assert_int_equal(strlen(spelled), 17);
		snprintf(text, sizeof text, "[%s]\n%s = keep\n", spelled, spelled);
		AUTO(mask_rules) r = parse(text, &err);
		assert_non_null(r);
		assert_non_null(mask_rules_find(r, odd[i]));
		assert_non_null(mask_rules_column(mask_rules_find(r, odd[i]), odd[i]));
		assert_null(mask_rules_find(r, "another"));
	}
	char plain[MASK_NAME_MAX];
	mask_rules_spell(plain, "Straße 2");
	assert_string_equal(plain, "Straße 2");
}

static void what_is_unclear_is_refused(void **state)
{
	(void)state;
	refused("id = keep\n", "rules:1: a rule before the first [table]");
	refused("[t]\nid = keep\nID = hash\n", "rules:3: this column has a rule already");
	refused("[t]\n[T]\n", "rules:2: this table has a section already");
	refused("[t]\n@rows = keep\n@rows = drop\n", "rules:3: @rows is given already");
	refused("[t]\n@rows = some\n", "rules:2: @rows is one of keep, drop, rebuild");
	refused("[t]\n@row = keep\n", "rules:2: a name that cannot stand here");
	refused("[t]\nid = mask\n", "rules:2: 'mask' is no rule");
	refused("[t\n", "rules:1: ']' is missing");
}

static void the_digest_is_that_of_sha256sum(void **state)
{
	(void)state;
	struct err err = { 0 };
	char hex[65];
	AUTO(mask_rules) r = parse("[t]\n", &err);
	assert_non_null(r);
	hex_encode(hex, mask_rules_digest(r), 32);
	/* printf '[t]\n' | sha256sum */
	assert_string_equal(hex, "d7c11f2931d8549245166e48226e47e6cf86620935cdfef433e0d5b7aa4e2b59");
}

static void stored_rules_are_read_again_with_their_dictionaries(void **state)
{
	(void)state;
	struct err err = { 0 };
	char folder[SCRATCH_MAX], path[SCRATCH_MAX + 10];
	static const char text[] = "[t]\na = pseudonym names\nb = hash\nc = pseudonym towns\n";
	assert_true(scratch_make(folder));
	snprintf(path, sizeof path, "%s/names", folder);
	assert_int_equal(io_write_file(path, "Anna\nBert\nCleo\n", 15, 0600, &err), 0);
	snprintf(path, sizeof path, "%s/towns", folder);
	assert_int_equal(io_write_file(path, "Rome\n\nBern\n", 11, 0600, &err), 0);
	AUTO(mask_rules) r = mask_rules_parse("rules", folder, text, sizeof text - 1, &err);
	assert_non_null(r);
	assert_int_equal(mask_rules_store(r, folder, &err), 0);
	assert_int_equal(unlink(path), 0);
	AUTO(mask_rules) again = mask_rules_stored(folder, &err);
	assert_non_null(again);
	assert_memory_equal(mask_rules_digest(again), mask_rules_digest(r), 32);
	const struct mask_rules_table *t = mask_rules_find(again, "t");
	assert_int_equal(mask_words_count(mask_rules_column(t, "a")->words), 3);
	assert_string_equal(mask_words_choose(mask_rules_column(t, "c")->words, 1), "Bern");
	scratch_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_and_columns_are_found),
		cmocka_unit_test(every_name_can_be_written),
		cmocka_unit_test(what_is_unclear_is_refused),
		cmocka_unit_test(stored_rules_are_read_again_with_their_dictionaries),
		cmocka_unit_test(the_digest_is_that_of_sha256sum),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
