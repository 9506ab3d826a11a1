/* text - numbers, times and foreign names as a person reads them. */
#ifndef TEXT_H
#define TEXT_H

#include <stddef.h>
#include <stdint.h>

enum { TEXT_MAX = 48 };   /* room for any of the formatted values below */

/* Each writes into out and returns it. */
char *text_size(char out[TEXT_MAX], uint64_t bytes);             /* "9.6 MiB" */
char *text_took(char out[TEXT_MAX], uint64_t duration_ms);       /* "0.4 s", "12:07 min" */
char *text_age(char out[TEXT_MAX], int64_t seconds);             /* "9 h", "3 d" */
char *text_time(char out[TEXT_MAX], int64_t time_s);             /* "2026-11-22 02:15:07", local */
/* "today 02:15", "Sat 21 Nov 02:15"; with its year where that is another one. Local. */
char *text_day(char out[TEXT_MAX], int64_t time_s, int64_t now_s);
char *text_percent(char out[TEXT_MAX], uint64_t part, uint64_t whole);   /* "6.1 %" */

/*
 * A name that may hold anything, safe for a terminal and on one line: the bytes of control
 * characters, of what is no UTF-8 and of marks that reorder text become \n, \t, \x1b. Cut at cap.
 * What a program is to read back comes from --json instead.
 */
char *text_escape(char *out, size_t cap, const char *text);

/* Columns that UTF-8 text takes on a terminal. */
size_t text_columns(const char *text);

#endif
