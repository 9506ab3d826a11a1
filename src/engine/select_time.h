/* select_time - the moment that a user names, as the last second that still belongs to it. */
#ifndef SELECT_TIME_H
#define SELECT_TIME_H

#include <stdbool.h>
#include <stdint.h>

/*
 * "yesterday" and "2026-11-22" are the last second of that day in the local zone;
 * "2026-11-22T02:15[:SS]" (or with a blank for the T) is that second, in the local zone or with
 * "Z" or "+HH:MM" behind it in that one. False, with *out untouched, for anything else.
 */
bool select_time(const char *text, int64_t now_s, int64_t *out);

#endif
