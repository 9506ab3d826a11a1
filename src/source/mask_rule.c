#include "source/mask_rule.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/split.h"
#include "source/mask_words.h"

static const char *const kinds[] = {
	[MASK_KEEP] = "keep", [MASK_NULL] = "null", [MASK_SET] = "set", [MASK_HASH] = "hash",
	[MASK_PSEUDONYM] = "pseudonym", [MASK_PARTIAL] = "partial", [MASK_EMAIL] = "partial email",
	[MASK_DATE_SHIFT] = "date-shift", [MASK_UNDECIDED] = "?",
};
static const char *const units[] = {
	[MASK_SECONDS] = "s", [MASK_MILLISECONDS] = "ms", [MASK_MICROSECONDS] = "us", [MASK_DAYS] = "d",
};
#define COUNT(a) (sizeof(a) / sizeof *(a))

const char *mask_kind_text(enum mask_kind kind) { return kinds[kind]; }

void mask_place_number(char out[MASK_NUMBERED_MAX], unsigned number)
{
	snprintf(out, MASK_NUMBERED_MAX, "words-%u", number);
}

void mask_rule_clear(struct mask_rule *rule)
{
	free(rule->text);
	mask_words_free(rule->words);
	*rule = (struct mask_rule){ .kind = MASK_UNDECIDED };
}

/* One rule while it is read. */
struct reading {
	struct mask_rule *rule;
	char **at;                 /* the next word */
	struct mask_place *place;
	struct err *err;
};

static int refuse(struct reading *r, const char *fact, const char *hint)
{
	err_set(r->err, ERR_INVALID, "%s", fact);
	return hint ? err_hint(r->err, "%s", hint) : (int)r->err->code;
}

static bool number(const char *text, unsigned least, unsigned most, unsigned *out)
{
	char *end;
	if (*text < '0' || *text > '9' || strlen(text) > 9)
		return false;
	unsigned long n = strtoul(text, &end, 10);
	if (*end || n < least || n > most)
		return false;
	*out = (unsigned)n;
	return true;
}

/* ---- options: KEY=VALUE, or a word ---- */

static int domain_option(struct reading *r, const char *value)
{
	size_t len = strlen(value);
	if (len == 0 || len >= MASK_DOMAIN_MAX)
		return refuse(r, "domain= needs a name of at most 63 bytes", NULL);
	memcpy(r->rule->domain, value, len + 1);
	return 0;
}

static int letters_option(struct reading *r, const char *value)
{
	return number(value, MASK_LETTERS_MIN, MASK_LETTERS_MAX, &r->rule->letters)
	       ? 0 : refuse(r, "letters= needs a number from 12 to 64", NULL);
}

static int first_option(struct reading *r, const char *value)
{
	return number(value, 0, MASK_ENDS_MAX, &r->rule->first)
	       ? 0 : refuse(r, "first= needs a number up to 1000", NULL);
}

static int last_option(struct reading *r, const char *value)
{
	return number(value, 0, MASK_ENDS_MAX, &r->rule->last)
	       ? 0 : refuse(r, "last= needs a number up to 1000", NULL);
}

static int fill_option(struct reading *r, const char *value)
{
	if (strlen(value) != 1 || *value <= ' ' || *value > '~')
		return refuse(r, "fill= needs one printable ASCII character", NULL);
	r->rule->fill = *value;
	return 0;
}

static int unit_option(struct reading *r, const char *value)
{
	for (size_t i = 0; i < COUNT(units); i++)
		if (strcmp(units[i], value) == 0) {
			r->rule->unit = (enum mask_unit)i;
			return 0;
		}
	return refuse(r, "unit= is one of s, ms, us, d", NULL);
}

static int nocase_option(struct reading *r, const char *value)
{
	if (*value)
		return refuse(r, "nocase takes no value", NULL);
	r->rule->nocase = true;
	return 0;
}

enum { OF_HASH = 1, OF_PSEUDONYM = 2, OF_PARTIAL = 4, OF_EMAIL = 8, OF_DATE = 16 };

static const struct {
	const char *name;
	unsigned kinds;
	int (*read)(struct reading *r, const char *value);
} options[] = {
	{ "domain", OF_HASH | OF_PSEUDONYM | OF_EMAIL | OF_DATE, domain_option },
	{ "nocase", OF_HASH | OF_PSEUDONYM | OF_EMAIL, nocase_option },
	{ "letters", OF_HASH, letters_option },
	{ "first", OF_PARTIAL, first_option },
	{ "last", OF_PARTIAL, last_option },
	{ "fill", OF_PARTIAL, fill_option },
	{ "unit", OF_DATE, unit_option },
};

static int option(struct reading *r, const char *word, unsigned kind)
{
	size_t len = strcspn(word, "=");
	for (size_t i = 0; i < COUNT(options); i++)
		if ((options[i].kinds & kind) && strlen(options[i].name) == len &&
		    memcmp(options[i].name, word, len) == 0)
			return options[i].read(r, word + len + (word[len] == '='));
	return err_set(r->err, ERR_INVALID, "'%.60s' is nothing that %s knows", word,
	               mask_kind_text(r->rule->kind));
}

static int read_options(struct reading *r, unsigned kind)
{
	while (*r->at)
		if (option(r, *r->at++, kind) != 0)
			return r->err->code;
	return 0;
}

/* ---- rules ---- */

static int take_text(struct reading *r, const char *missing)
{
	if (!*r->at)
		return refuse(r, missing, NULL);
	r->rule->text = strdup(*r->at++);
	return r->rule->text ? 0 : err_no_memory(r->err);
}

static int read_set(struct reading *r)
{
	if (take_text(r, "set needs a value") != 0)
		return r->err->code;
	return *r->at ? refuse(r, "set takes one value", "put '...' around a value with blanks") : 0;
}

static int read_hash(struct reading *r)
{
	r->rule->letters = MASK_LETTERS;
	return read_options(r, OF_HASH);
}

static int read_pseudonym(struct reading *r)
{
	char path[PATH_MAX];
	if (take_text(r, "pseudonym needs a file of words") != 0)
		return r->err->code;
	char numbered[MASK_NUMBERED_MAX];
	const char *file = r->rule->text;
	if (r->place->next == MASK_DICTIONARIES_MAX)
		return err_set(r->err, ERR_LIMIT, "more than 256 dictionaries");
	mask_place_number(numbered, r->place->next++);
	if (r->place->numbered)
		file = numbered;
	int n = snprintf(path, sizeof path, "%s%s%s", *file == '/' ? "" : r->place->folder,
	                 *file == '/' ? "" : "/", file);
	if (n >= (int)sizeof path)
		return refuse(r, "the path of the words is too long", NULL);
	r->rule->words = mask_words_load(path, r->err);
	return r->rule->words ? read_options(r, OF_PSEUDONYM) : (int)r->err->code;
}

static int read_partial(struct reading *r)
{
	if (*r->at && strcmp(*r->at, "email") == 0) {
		r->at++;
		r->rule->kind = MASK_EMAIL;
		return read_options(r, OF_EMAIL);
	}
	r->rule->fill = '*';
	if (read_options(r, OF_PARTIAL) != 0)
		return r->err->code;
	if (r->rule->first + r->rule->last == 0)
		return refuse(r, "partial needs 'first=N', 'last=N' or 'email'", NULL);
	return 0;
}

static int read_date_shift(struct reading *r)
{
	static const char form[] = "date-shift needs DAYS, 'by' and the column that names the subject";
	if (!*r->at || !number(*r->at++, 1, MASK_DAYS_MAX, &r->rule->days) || !*r->at ||
	    strcmp(*r->at++, "by") != 0)
		return refuse(r, form, "such as: date-shift 30 by customer_id");
	return take_text(r, form) != 0 ? (int)r->err->code : read_options(r, OF_DATE);
}

static int read_nothing(struct reading *r)
{
	return *r->at ? refuse(r, "nothing may follow this rule", NULL) : 0;
}

static int unknown(struct reading *r, const char *word)
{
	err_set(r->err, ERR_INVALID, "'%.60s' is no rule", word);
	return err_hint(r->err, "keep, null, set, hash, pseudonym, partial, date-shift");
}

static int read_rule(struct reading *r)
{
	static int (*const read[])(struct reading *) = {
		[MASK_KEEP] = read_nothing, [MASK_NULL] = read_nothing, [MASK_SET] = read_set,
		[MASK_HASH] = read_hash, [MASK_PSEUDONYM] = read_pseudonym, [MASK_PARTIAL] = read_partial,
		[MASK_EMAIL] = read_partial, [MASK_DATE_SHIFT] = read_date_shift,
		[MASK_UNDECIDED] = read_nothing,
	};
	const char *word = *r->at++;
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (strcmp(kinds[i], word) == 0) {
			r->rule->kind = (enum mask_kind)i;
			return read[i](r);
		}
	return unknown(r, word);
}

int mask_rule_parse(struct mask_rule *rule, const char *words, struct mask_place *place, struct err *err)
{
	struct mask_rule read = { .kind = MASK_UNDECIDED };
	char **list = split_words(words, err);
	*rule = read;
	if (!list)
		return err->code;
	struct reading r = { &read, list, place, err };
	int rc = read_rule(&r);
	split_free(list);
	if (rc != 0)
		mask_rule_clear(&read);
	*rule = read;
	return rc;
}

static bool same_words(const struct mask_words *a, const struct mask_words *b)
{
	if (!a || !b || mask_words_count(a) != mask_words_count(b))
		return a == b;
	for (size_t i = 0; i < mask_words_count(a); i++)
		if (strcmp(mask_words_choose(a, i), mask_words_choose(b, i)) != 0)
			return false;
	return true;
}

/* Days are compared, not the columns that name the subjects: those have other names in other tables. */
bool mask_rule_joins(const struct mask_rule *a, const struct mask_rule *b)
{
	return a->kind == b->kind && a->letters == b->letters &&
	       a->first == b->first && a->last == b->last && a->fill == b->fill && a->days == b->days &&
	       a->unit == b->unit && same_words(a->words, b->words) &&
	       (a->kind != MASK_SET || strcmp(a->text, b->text) == 0);
}
