#include "base/split.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "holdfast/err.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Both cursors move on together; the text can only get shorter. */
struct cursor {
	const char *from;
	char *to;
};

static int copy_quoted(struct cursor *c, struct err *err)
{
	char quote = *c->from++;
	while (*c->from && *c->from != quote) {
		if (quote == '"' && *c->from == '\\' && c->from[1] && strchr("\"\\$`", c->from[1]))
			c->from++;
		*c->to++ = *c->from++;
	}
	if (!*c->from)
		return err_set(err, ERR_INVALID, "a %c is not closed", quote);
	c->from++;
	return 0;
}

static int copy_word(struct cursor *c, struct err *err)
{
	while (*c->from && !is_blank(*c->from)) {
		if (*c->from == '\'' || *c->from == '"') {
			if (copy_quoted(c, err) != 0)
				return err->code;
			continue;
		}
		if (*c->from == '\\' && !*++c->from)
			return err_set(err, ERR_INVALID, "nothing follows the last backslash");
		*c->to++ = *c->from++;
	}
	*c->to++ = '\0';
	return 0;
}

static int copy_words(const char *line, char **words, char *text, struct err *err)
{
	struct cursor c = { line, text };
	size_t n = 0;
	for (;;) {
		while (is_blank(*c.from))
			c.from++;
		if (!*c.from)
			break;
		words[n++] = c.to;
		if (copy_word(&c, err) != 0)
			return err->code;
	}
	words[n] = NULL;
	return n ? 0 : err_set(err, ERR_INVALID, "there is no word in it");
}

char **split_words(const char *line, struct err *err)
{
	/* every word takes at least one character and a blank; the text follows the pointers */
	size_t len = strlen(line), slots = len / 2 + 2;
	char **words = calloc(1, slots * sizeof *words + len + 1);
	if (!words) {
		err_no_memory(err);
		return NULL;
	}
	if (copy_words(line, words, (char *)(words + slots), err) != 0) {
		free(words);
		return NULL;
	}
	return words;
}

void split_free(char **words)
{
	free(words);
}
