/* command_line - how commands that the user configured become words and an environment. */
#ifndef COMMAND_LINE_H
#define COMMAND_LINE_H

#include <stdbool.h>

struct err;

/* The words of the line, or with shell {"/bin/sh", "-c", line}. As split_words, for split_free. */
char **command_line_words(const char *line, bool shell, struct err *err);

/* A copy of NULL-terminated words in one block. As split_words. */
char **command_line_pack(const char *const *words, struct err *err);

/* What dump and restore programs keep of the environment, as struct launch wants it. */
extern const char *const command_line_env[];

#endif
