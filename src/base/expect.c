#include "base/expect.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "holdfast/err.h"

/* The longer ones first. */
static const struct {
	const char *text;
	enum expect_operator op;
} operators[] = {
	{ "<=", EXPECT_LE }, { ">=", EXPECT_GE }, { "<>", EXPECT_NE }, { "!=", EXPECT_NE },
	{ "==", EXPECT_EQ }, { "=", EXPECT_EQ },  { "<", EXPECT_LT },  { ">", EXPECT_GT },
};

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t");
}

/* Decimal, and nothing else around it: no hexadecimal, no "inf", no "nan". */
static bool parse_number(const char *text, long double *out)
{
	char *end;
	text = skip_blanks(text);
	if (!*text || text[strspn(text, "0123456789+-.eE \t\r\n")])
		return false;
	long double n = strtold(text, &end);
	if (end == text || end[strspn(end, " \t\r\n")] || isinf(n) || isnan(n))
		return false;
	*out = n;
	return true;
}

static const char *parse_operator(const char *at, struct expect *e)
{
	e->op = EXPECT_EQ;
	for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
		size_t len = strlen(operators[i].text);
		if (strncmp(at, operators[i].text, len) == 0) {
			e->op = operators[i].op;
			return skip_blanks(at + len);
		}
	}
	return at;
}

/* What stands in quotes is a text, also where it looks like a number. */
static int parse_operand(struct expect *e, const char *at, struct err *err)
{
	size_t len = strlen(at);
	while (len > 0 && strchr(" \t", at[len - 1]))
		len--;
	bool quoted = len >= 2 && (*at == '\'' || *at == '"') && at[len - 1] == *at;
	if (len == 0)
		return err_set(err, ERR_INVALID, "nothing is expected");
	if (len - (quoted ? 2 : 0) >= sizeof e->text)
		return err_set(err, ERR_INVALID, "is longer than %d bytes", EXPECT_TEXT_MAX - 1);
	memcpy(e->text, at + quoted, len - (quoted ? 2 : 0));
	e->text[len - (quoted ? 2 : 0)] = '\0';
	e->is_number = !quoted && parse_number(e->text, &e->number);
	e->null = !quoted && strcasecmp(e->text, "null") == 0;
	return 0;
}

int expect_parse(struct expect *e, const char *text, struct err *err)
{
	struct expect parsed = { .op = EXPECT_EQ };
	const char *at = parse_operator(skip_blanks(text), &parsed);
	if (parse_operand(&parsed, at, err) != 0)
		return err->code;
	if (!parsed.is_number && parsed.op != EXPECT_EQ && parsed.op != EXPECT_NE) {
		err_set(err, ERR_INVALID, "'%.60s' is no number, and only numbers are less or more",
		        parsed.text);
		return err_hint(err, "for example: >= 1");
	}
	*e = parsed;
	return 0;
}

static bool compare(enum expect_operator op, long double a, long double b)
{
	switch (op) {
	case EXPECT_EQ: return a == b;
	case EXPECT_NE: return a != b;
	case EXPECT_LT: return a < b;
	case EXPECT_LE: return a <= b;
	case EXPECT_GT: return a > b;
	case EXPECT_GE: return a >= b;
	}
	return false;
}

bool expect_met(const struct expect *e, const char *value)
{
	long double n;
	if (e->null)
		return (value == NULL) == (e->op == EXPECT_EQ);
	if (!value)
		return false;
	if (e->is_number)
		return parse_number(value, &n) ? compare(e->op, n, e->number) : e->op == EXPECT_NE;
	return (strcmp(value, e->text) == 0) == (e->op == EXPECT_EQ);
}
