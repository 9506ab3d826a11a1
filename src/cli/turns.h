/* turns - at which minutes of which days anything may become due: what a timer has to know. */
#ifndef TURNS_H
#define TURNS_H

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct config;
struct err;

enum { TURNS_MINUTES = 24 * 60 };

struct turns {
	uint8_t days[TURNS_MINUTES];   /* bit 0: Sunday */
};

/* Of all stores and drills; false if there is none. */
bool turns_of(const struct config *c, struct turns *out);

/* Append `OnCalendar=` lines for a timer of systemd. It leaves a moment out that summer time skips,
 * which happens on Sundays after midnight nearly everywhere: there it looks again an hour later. */
int turns_calendar(const struct turns *t, struct buf *out, struct err *err);

/* Append lines of a crontab: the times, then `rest`. */
int turns_cron(const struct turns *t, const char *rest, struct buf *out, struct err *err);

#endif
