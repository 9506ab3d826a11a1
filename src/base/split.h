/*
 * split - cut a command line into words the way a shell would, and nothing else a shell does.
 *
 * Blanks separate words; '...' keeps everything; "..." keeps all but a backslash before one of
 * " \ $ `; elsewhere a backslash keeps the next character. Variables, `;`, `|`, `*` and `$()` are
 * plain characters.
 */
#ifndef SPLIT_H
#define SPLIT_H

struct err;

/* The words, NULL-terminated and at least one; end with split_free. NULL with ERR_INVALID (a quote
 * is not closed, nothing follows the last backslash, no word), ERR_NOMEM. */
char **split_words(const char *line, struct err *err);
void split_free(char **words);

#endif
