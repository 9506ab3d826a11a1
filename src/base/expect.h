/*
 * expect - what a value is expected to be, as a user writes it: `>= 1`, `= paid`, `!= null`.
 *
 * An operator (= == != <> < <= > >=), then a number or a text, which may stand in quotes: '...' or "...".
 * Without an operator it is `=`. Numbers are compared as numbers, whatever they look like (1, 1.0, 1e0); a
 * text with = and != only. A bare null, with = or !=, is SQL's NULL; no other expectation is met by NULL.
 */
#ifndef EXPECT_H
#define EXPECT_H

#include <stdbool.h>

struct err;

enum { EXPECT_TEXT_MAX = 200 };

enum expect_operator { EXPECT_EQ, EXPECT_NE, EXPECT_LT, EXPECT_LE, EXPECT_GT, EXPECT_GE };

struct expect {
	enum expect_operator op;
	bool null, is_number;
	long double number;
	char text[EXPECT_TEXT_MAX];
};

/* ERR_INVALID in words. */
int expect_parse(struct expect *e, const char *text, struct err *err);

/* value NULL: SQL's NULL. */
bool expect_met(const struct expect *e, const char *value);

#endif
