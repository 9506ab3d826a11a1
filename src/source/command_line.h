/* command_line - how commands that the user configured become words and an environment. */
#ifndef COMMAND_LINE_H
#define COMMAND_LINE_H

#include <stdbool.h>

struct err;

/* The words of the line, or with shell {"/bin/sh", "-c", line}. As split_words, for split_free. */
char **command_line_words(const char *line, bool shell, struct err *err);

/* What dump and restore programs keep of the environment, as struct launch wants it. */
extern const char *const command_line_env[];

#endif
