/* when - durations and moments as a person writes them. */
#ifndef WHEN_H
#define WHEN_H

#include <stdbool.h>
#include <stdint.h>

/* "90d", "12h 30m", "45s", "2w"; "never" and "0" are 0. At most 100 years. */
bool when_duration(const char *text, uint64_t *seconds);

/* The start of a span that ends now: "today", "yesterday" (from their midnight), a duration ("7d":
 * so long ago), "2026-11-22", "2026-11-22T02:15[:SS]" with optional Z or +HH:MM. */
bool when_since(const char *text, int64_t now_s, int64_t *out);

#endif
