/* mask_rule - what is to be done with one column, read from the words of its line. */
#ifndef MASK_RULE_H
#define MASK_RULE_H

#include <stdbool.h>

#include "holdfast/mask.h"

struct mask_words;

enum mask_unit { MASK_SECONDS, MASK_MILLISECONDS, MASK_MICROSECONDS, MASK_DAYS };

enum {
	MASK_DOMAIN_MAX = 64,      /* with its NUL */
	MASK_LETTERS_MIN = 12, MASK_LETTERS = 24, MASK_LETTERS_MAX = 64,
	MASK_DAYS_MAX = 36500,
	MASK_ENDS_MAX = 1000,      /* of first= and last= */
};

struct mask_rule {
	enum mask_kind kind;
	char *text;                /* set: the value; pseudonym: the file; date-shift: the subject's column */
	char domain[MASK_DOMAIN_MAX];   /* "": its own, or that of the column it refers to */
	struct mask_words *words;  /* pseudonym */
	bool nocase;               /* hash, pseudonym, partial email: A and a are one value */
	unsigned letters;          /* hash: of a text */
	unsigned first, last;      /* partial: characters that stay */
	char fill;                 /* partial: stands for the others */
	unsigned days;             /* date-shift: at most */
	enum mask_unit unit;       /* date-shift: of numbers */
};

/* Where dictionaries are: files by their own paths, or, where rules were stored again, by number. */
struct mask_place {
	const char *folder;        /* of paths that are not absolute */
	bool numbered;
	unsigned next;             /* goes up with each dictionary; ERR_LIMIT at MASK_DICTIONARIES_MAX */
};
enum { MASK_DICTIONARIES_MAX = 256, MASK_NUMBERED_MAX = 24 };

/* The name of a numbered one. */
void mask_place_number(char out[MASK_NUMBERED_MAX], unsigned number);

/* Read `words`; a dictionary is read too.
 * ERR_INVALID (in words; *rule is empty), ERR_LIMIT, ERR_ABSENT, ERR_DENIED, ERR_IO, ERR_NOMEM. */
int mask_rule_parse(struct mask_rule *rule, const char *words, struct mask_place *place, struct err *err);
void mask_rule_clear(struct mask_rule *rule);

/* Does the same value become the same value under both, if they share a key and what case counts for? */
bool mask_rule_joins(const struct mask_rule *a, const struct mask_rule *b);

#endif
