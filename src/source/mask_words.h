/* mask_words - a dictionary: words that stand in for values. One a line; blank lines are left out. */
#ifndef MASK_WORDS_H
#define MASK_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"

struct err;
struct mask_words;

enum {
	MASK_WORDS_BYTES_MAX = 1 << 20,   /* of the file */
	MASK_WORDS_MAX = 65536,
	MASK_WORD_MAX = 200,              /* bytes of one, without a NUL */
};

/* ERR_INVALID (fewer than two words, one too long, too many, not printable UTF-8), ERR_LIMIT (of the
 * file), ERR_ABSENT, ERR_DENIED, ERR_IO, ERR_NOMEM. */
struct mask_words *mask_words_load(const char *path, struct err *err);

/* The same of text; `file` is for messages. */
struct mask_words *mask_words_parse(const char *file, const char *text, size_t len, struct err *err);
void mask_words_free(struct mask_words *w);
AUTO_FREE(mask_words);

size_t mask_words_count(const struct mask_words *w);

struct buf;

/* Append the text of a dictionary with the same words. ERR_LIMIT, ERR_NOMEM. */
int mask_words_write(const struct mask_words *w, struct buf *out, struct err *err);

/* The word that this number chooses: lives as long as the dictionary. */
const char *mask_words_choose(const struct mask_words *w, uint64_t number);

#endif
