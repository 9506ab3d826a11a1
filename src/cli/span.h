/* span - --from and --to: the days of which a report tells. */
#ifndef SPAN_H
#define SPAN_H

#include <stdint.h>

struct err;

/* Moments as when_since reads them. No `to`: now; no `from`: 90 days before it. A `to` that is a date
 * alone means the end of that day. `command` begins messages. ERR_INVALID. */
int span_read(const char *command, const char *from, const char *to, int64_t now_s, int64_t *from_s,
              int64_t *to_s, struct err *err);

#endif
