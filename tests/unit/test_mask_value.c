/* What each rule makes of a value: the same for the same, another for another, and never the value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/io.h"
#include "crypto/hash.h"
#include "crypto/secret.h"
#include "scratch.h"
#include "source/mask_value.h"

static char folder[SCRATCH_MAX];

static struct mask_place *here(void)
{
	static struct mask_place place;
	place = (struct mask_place){ .folder = folder };
	return &place;
}
static struct secret *restore_key;

static struct mask_cell text(const char *s)
{
	return (struct mask_cell){ .type = MASK_IS_TEXT, .bytes = s, .len = strlen(s) };
}

static struct mask_cell integer(int64_t n)
{
	return (struct mask_cell){ .type = MASK_IS_INTEGER, .integer = n };
}

static struct mask_cell real(double n)
{
	return (struct mask_cell){ .type = MASK_IS_REAL, .real = n };
}

/* A masked value that owns its bytes. */
struct masked {
	struct mask_cell cell;
	char bytes[300];
	int code;
};

static struct masked masked_by(const struct mask_rule *rule, const char *domain, const struct mask_cell *in,
                               const struct mask_cell *subject)
{
	struct err err = { 0 };
	struct masked m = { .code = 0 };
	AUTO(buf) room = buf_new(1 << 20, &err);
	AUTO(secret) key = mask_value_key(restore_key, rule->kind, domain, &err);
	assert_non_null(room);
	assert_non_null(key);
	const struct mask_how how = { rule, key, rule->nocase };
	m.code = mask_value(&how, in, subject, &m.cell, room, &err);
	if (m.code == 0 && m.cell.bytes) {
		assert_true(m.cell.len < sizeof m.bytes);
		memcpy(m.bytes, m.cell.bytes, m.cell.len);
	}
	return m;
}

static struct masked mask_in(const char *words, const char *domain, struct mask_cell in,
                             struct mask_cell subject)
{
	struct err err = { 0 };
	struct mask_rule rule;
	assert_int_equal(mask_rule_parse(&rule, words, here(), &err), 0);
	struct masked m = masked_by(&rule, domain, &in, &subject);
	mask_rule_clear(&rule);
	return m;
}

static struct masked mask(const char *words, struct mask_cell in)
{
	return mask_in(words, "d", in, (struct mask_cell){ .type = MASK_IS_NULL });
}

static bool same(const struct masked *a, const struct masked *b)
{
	return a->cell.type == b->cell.type && a->cell.integer == b->cell.integer &&
	       a->cell.len == b->cell.len && memcmp(a->bytes, b->bytes, a->cell.len) == 0;
}

static void null_stays_null_unless_it_is_set(void **state)
{
	(void)state;
	static const char *const rules[] = { "keep", "null", "hash", "pseudonym names", "partial last=2",
	                                     "partial email", "date-shift 3 by id" };
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		struct masked m = mask(rules[i], (struct mask_cell){ .type = MASK_IS_NULL });
		assert_int_equal(m.cell.type, MASK_IS_NULL);
	}
	assert_string_equal(mask("set x", (struct mask_cell){ .type = MASK_IS_NULL }).bytes, "x");
}

static void a_hash_is_of_the_type_of_its_value(void **state)
{
	(void)state;
	struct masked m = mask("hash", text("Anna Secret"));
	assert_int_equal(m.cell.type, MASK_IS_TEXT);
	assert_int_equal(strlen(m.bytes), 24);
	assert_int_equal(strspn(m.bytes, "abcdefghijklmnop"), 24);
	assert_int_equal(strlen(mask("hash letters=12", text("Anna")).bytes), 12);
	assert_int_equal(strlen(mask("hash letters=64", text("Anna")).bytes), 64);
	m = mask("hash", integer(4711));
	assert_int_equal(m.cell.type, MASK_IS_INTEGER);
	assert_true(m.cell.integer != 4711);
	assert_int_equal(mask("hash", real(0.25)).cell.type, MASK_IS_REAL);
	m = mask("hash", (struct mask_cell){ .type = MASK_IS_BLOB, .bytes = "\0\1", .len = 2 });
	assert_int_equal(m.cell.type, MASK_IS_BLOB);
	assert_int_equal(m.cell.len, 32);
}

static void the_same_is_masked_alike_in_one_domain_only(void **state)
{
	(void)state;
	struct mask_cell none = { .type = MASK_IS_NULL };
	struct masked a = mask_in("hash", "person", text("Anna"), none);
	struct masked b = mask_in("hash", "person", text("Anna"), none);
	struct masked c = mask_in("hash", "city", text("Anna"), none);
	struct masked d = mask_in("hash", "person", text("anna"), none);
	assert_true(same(&a, &b));
	assert_false(same(&a, &c));
	assert_false(same(&a, &d));
	a = mask_in("hash", "person", integer(7), none);
	b = mask_in("hash", "person", integer(7), none);
	c = mask_in("hash", "city", integer(7), none);
	assert_true(same(&a, &b));
	assert_false(same(&a, &c));
	/* what SQL holds for equal */
	assert_true(mask("hash", real(7.0)).cell.real == (double)mask("hash", integer(7)).cell.integer);
}

static void case_is_left_out_where_it_does_not_count(void **state)
{
	(void)state;
	struct masked a = mask("hash nocase", text("Anna@X")), b = mask("hash nocase", text("aNNA@x"));
	assert_true(same(&a, &b));
	a = mask("partial email nocase", text("Anna@x"));
	b = mask("partial email nocase", text("anna@x"));
	assert_true(same(&a, &b));
}

static void parts_stay_and_the_rest_is_hidden(void **state)
{
	(void)state;
	assert_string_equal(mask("partial last=4", text("4111111111111234")).bytes, "************1234");
	assert_string_equal(mask("partial first=3 last=2 fill=x", text("+49 171 555")).bytes, "+49xxxxxx55");
	assert_string_equal(mask("partial first=1", text("Özlem")).bytes, "Ö****");
	assert_string_equal(mask("partial last=2", text("\xff\xc3\xa9z")).bytes, "*\xc3\xa9z");
	assert_int_equal(mask("partial last=2", integer(123456)).cell.integer, 56);
	assert_int_equal(mask("partial first=2", integer(-123456)).cell.integer, -120000);
	assert_int_equal(mask("partial last=2", integer(INT64_MIN)).cell.integer, -8);
}

static void what_is_as_short_as_what_may_stay_is_hidden_whole(void **state)
{
	(void)state;
	assert_string_equal(mask("partial last=4", text("1234")).bytes, "****");
	assert_string_equal(mask("partial first=2 last=2", text("abc")).bytes, "***");
	assert_int_equal(mask("partial last=4", integer(1234)).cell.integer, 0);
	assert_int_equal(mask("partial last=4", text("")).cell.len, 0);
}

static void an_address_keeps_its_domain(void **state)
{
	(void)state;
	struct masked m = mask("partial email", text("anna@secret@example.org"));
	assert_int_equal(strlen(m.bytes), 16 + strlen("@example.org"));
	assert_string_equal(m.bytes + 16, "@example.org");
	assert_null(strstr(m.bytes, "secret"));
	assert_int_equal(strlen(mask("partial email", text("no address")).bytes), 16);
}

static void a_pseudonym_is_a_word_and_always_the_same(void **state)
{
	(void)state;
	bool seen[2] = { false };
	char value[20];
	for (int i = 0; i < 50; i++) {
		snprintf(value, sizeof value, "person %d", i);
		struct masked a = mask("pseudonym names", text(value));
		struct masked b = mask("pseudonym names", text(value));
		assert_true(same(&a, &b));
		assert_true(strcmp(a.bytes, "Anna") == 0 || strcmp(a.bytes, "Bert") == 0);
		seen[strcmp(a.bytes, "Bert") == 0] = true;
	}
	assert_true(seen[0] && seen[1]);
}

static void dates_of_one_subject_move_together(void **state)
{
	(void)state;
	int64_t most = 0;
	for (int64_t subject = 0; subject < 200; subject++) {
		struct mask_cell of = integer(subject);
		struct masked a = mask_in("date-shift 5 by id", "d", integer(1000000000), of);
		struct masked b = mask_in("date-shift 5 by id", "d", integer(1000086401), of);
		struct masked c = mask_in("date-shift 5 by id unit=d", "d", real(2460000.5), of);
		struct masked t = mask_in("date-shift 5 by id", "d", text("2001-09-09 01:46:40"), of);
		int64_t days = (a.cell.integer - 1000000000) / 86400;
		assert_int_equal(b.cell.integer - a.cell.integer, 86401);
		assert_int_equal((a.cell.integer - 1000000000) % 86400, 0);
		assert_true(c.cell.real == 2460000.5 + (double)days);
		assert_true(days != 0 && days >= -5 && days <= 5);
		assert_string_equal(t.bytes + 10, " 01:46:40");
		assert_true(strncmp(t.bytes, "2001-09-09", 10) != 0);
		most = days > most ? days : most;
	}
	assert_int_equal(most, 5);
}

static void a_rule_that_does_not_fit_says_so_without_the_value(void **state)
{
	(void)state;
	struct err err = { 0 };
	assert_int_equal(mask("partial last=2", real(1.5)).code, ERR_INVALID);
	assert_int_equal(mask("partial email", integer(1)).code, ERR_INVALID);
	assert_int_equal(mask("date-shift 3 by id", text("soon")).code, ERR_INVALID);
	assert_int_equal(mask("?", integer(1)).code, ERR_INVALID);
	struct mask_rule rule;
	struct mask_cell in = text("Anna Secret"), out;
	AUTO(buf) room = buf_new(1000, &err);
	assert_int_equal(mask_rule_parse(&rule, "date-shift 3 by id", here(), &err), 0);
	const struct mask_how how = { &rule, restore_key, false };
	assert_int_equal(mask_value(&how, &in, NULL, &out, room, &err), ERR_INVALID);
	assert_null(strstr(err.msg, "Secret"));
	mask_rule_clear(&rule);
}

static int begin(void **state)
{
	(void)state;
	struct err err = { 0 };
	char path[SCRATCH_MAX + 10];
	crypto_start();
	restore_key = secret_random(32, &err);
	if (!restore_key || !scratch_make(folder))
		return -1;
	snprintf(path, sizeof path, "%s/names", folder);
	return io_write_file(path, "Anna\nBert\n", 10, 0600, &err);
}

static int end(void **state)
{
	(void)state;
	secret_free(restore_key);
	return scratch_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(null_stays_null_unless_it_is_set),
		cmocka_unit_test(a_hash_is_of_the_type_of_its_value),
		cmocka_unit_test(the_same_is_masked_alike_in_one_domain_only),
		cmocka_unit_test(case_is_left_out_where_it_does_not_count),
		cmocka_unit_test(parts_stay_and_the_rest_is_hidden),
		cmocka_unit_test(what_is_as_short_as_what_may_stay_is_hidden_whole),
		cmocka_unit_test(an_address_keeps_its_domain),
		cmocka_unit_test(a_pseudonym_is_a_word_and_always_the_same),
		cmocka_unit_test(dates_of_one_subject_move_together),
		cmocka_unit_test(a_rule_that_does_not_fit_says_so_without_the_value),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
