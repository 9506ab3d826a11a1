/* terminal - ask the person at the controlling terminal, wherever standard input comes from. */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

struct err;

bool terminal_is_there(void);

/* A line on the terminal, wherever standard output goes. */
void terminal_tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Ask and read one line, without its newline, into cap bytes; *len says how many. With hidden the
 * echo is off. ERR_STOPPED (Ctrl-C, or end of file), ERR_LIMIT, ERR_IO. */
int terminal_ask(const char *question, bool hidden, char *out, size_t cap, size_t *len,
                 struct err *err);

/* Yes or no; an empty answer is yes. */
int terminal_confirm(const char *question, bool *yes, struct err *err);

#endif
