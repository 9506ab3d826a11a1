/* The words of one rule are read whole or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/io.h"
#include "scratch.h"
#include "source/mask_rule.h"
#include "source/mask_words.h"

static char folder[SCRATCH_MAX];

static struct mask_place *here(void)
{
	static struct mask_place place;
	place = (struct mask_place){ .folder = folder };
	return &place;
}

static struct mask_rule parse(const char *words)
{
	struct err err = { 0 };
	struct mask_rule rule;
	assert_int_equal(mask_rule_parse(&rule, words, here(), &err), 0);
	return rule;
}

static void refused(const char *words, const char *message)
{
	struct err err = { 0 };
	struct mask_rule rule;
	assert_int_equal(mask_rule_parse(&rule, words, here(), &err), ERR_INVALID);
	assert_string_equal(err.msg, message);
	assert_int_equal(rule.kind, MASK_UNDECIDED);
	assert_null(rule.text);
}

static void every_rule_is_read(void **state)
{
	(void)state;
	static const struct { const char *words; enum mask_kind kind; } rules[] = {
		{ "keep", MASK_KEEP }, { "null", MASK_NULL }, { "set 'no body'", MASK_SET },
		{ "hash", MASK_HASH }, { "pseudonym names", MASK_PSEUDONYM },
		{ "partial last=4", MASK_PARTIAL },
		{ "partial email", MASK_EMAIL }, { "date-shift 30 by id", MASK_DATE_SHIFT },
		{ "?", MASK_UNDECIDED },
	};
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		struct mask_rule r = parse(rules[i].words);
		assert_int_equal(r.kind, rules[i].kind);
		mask_rule_clear(&r);
	}
}

static void options_are_read(void **state)
{
	(void)state;
	struct mask_rule r = parse("hash domain=person nocase letters=40");
	assert_string_equal(r.domain, "person");
	assert_true(r.nocase);
	assert_int_equal(r.letters, 40);
	mask_rule_clear(&r);
	r = parse("partial first=2 last=3 fill=#");
	assert_int_equal(r.first, 2);
	assert_int_equal(r.last, 3);
	assert_int_equal(r.fill, '#');
	mask_rule_clear(&r);
	r = parse("date-shift 365 by 'customer id' unit=ms domain=c");
	assert_int_equal(r.days, 365);
	assert_string_equal(r.text, "customer id");
	assert_int_equal(r.unit, MASK_MILLISECONDS);
	mask_rule_clear(&r);
	r = parse("set ''");
	assert_string_equal(r.text, "");
	mask_rule_clear(&r);
}

static void what_cannot_be_meant_is_refused(void **state)
{
	(void)state;
	refused("hsah", "'hsah' is no rule");
	refused("keep it", "nothing may follow this rule");
	refused("set", "set needs a value");
	refused("set a b", "set takes one value");
	refused("hash letters=11", "letters= needs a number from 12 to 64");
	refused("hash letters=65", "letters= needs a number from 12 to 64");
	refused("hash domain=", "domain= needs a name of at most 63 bytes");
	refused("hash first=1", "'first=1' is nothing that hash knows");
	refused("hash nocase=yes", "nocase takes no value");
	refused("partial", "partial needs 'first=N', 'last=N' or 'email'");
	refused("partial first=0", "partial needs 'first=N', 'last=N' or 'email'");
	refused("partial last=-1", "last= needs a number up to 1000");
	refused("partial first=4294967297", "first= needs a number up to 1000");
	refused("partial last=1 fill=ab", "fill= needs one printable ASCII character");
	refused("partial email last=1", "'last=1' is nothing that partial email knows");
	refused("date-shift", "date-shift needs DAYS, 'by' and the column that names the subject");
	refused("date-shift 0 by id", "date-shift needs DAYS, 'by' and the column that names the subject");
	refused("date-shift 30 id", "date-shift needs DAYS, 'by' and the column that names the subject");
	refused("date-shift 30 by", "date-shift needs DAYS, 'by' and the column that names the subject");
	refused("date-shift 30 by id unit=h", "unit= is one of s, ms, us, d");
	refused("pseudonym", "pseudonym needs a file of words");
	refused("set 'open", "a ' is not closed");
}

static void a_dictionary_lies_beside_the_rules(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct mask_rule rule = parse("pseudonym names domain=d");
	assert_int_equal(mask_words_count(rule.words), 2);
	mask_rule_clear(&rule);
	assert_int_equal(mask_rule_parse(&rule, "pseudonym others", here(), &err), ERR_ABSENT);
}

static void rules_join_when_they_do_the_same(void **state)
{
	(void)state;
	static const char *const same[][2] = {
		{ "hash domain=a", "hash domain=b" }, { "date-shift 30 by id", "date-shift 30 by customer" },
		{ "pseudonym names", "pseudonym names" }, { "set x", "set x" },
	};
	static const char *const other[][2] = {
		{ "hash", "keep" }, { "hash", "hash letters=20" },
		{ "pseudonym names", "pseudonym towns" }, { "partial last=3", "partial last=4" },
		{ "date-shift 30 by id", "date-shift 31 by id" }, { "set x", "set y" },
	};
	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		struct mask_rule a = parse(same[i][0]), b = parse(same[i][1]);
		assert_true(mask_rule_joins(&a, &b));
		mask_rule_clear(&a);
		mask_rule_clear(&b);
	}
	for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
		struct mask_rule a = parse(other[i][0]), b = parse(other[i][1]);
		assert_false(mask_rule_joins(&a, &b));
		mask_rule_clear(&a);
		mask_rule_clear(&b);
	}
}

static int make_words(void **state)
{
	(void)state;
	struct err err = { 0 };
	char path[SCRATCH_MAX + 10];
	if (!scratch_make(folder))
		return -1;
	snprintf(path, sizeof path, "%s/names", folder);
	if (io_write_file(path, "Anna\nBert\n", 10, 0600, &err) != 0)
		return -1;
	snprintf(path, sizeof path, "%s/towns", folder);
	return io_write_file(path, "Rome\nBern\n", 10, 0600, &err);
}

static int remove_words(void **state)
{
	(void)state;
	return scratch_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_rule_is_read),
		cmocka_unit_test(options_are_read),
		cmocka_unit_test(what_cannot_be_meant_is_refused),
		cmocka_unit_test(a_dictionary_lies_beside_the_rules),
		cmocka_unit_test(rules_join_when_they_do_the_same),
	};
	return cmocka_run_group_tests(tests, make_words, remove_words);
}
