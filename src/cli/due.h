/*
 * due - when something is to be done that is done again and again, and whether it is late.
 *
 * Time is divided by slots: moments of the local clock. `at = 02:15` names one of every day, `at =
 * mon-fri 02:15` one of some days; with an `every` below a day further slots follow each of them at
 * that distance, until the next one. Something is due when a slot has begun since it was last done.
 * So any number of missed slots is caught up by doing it once, and what was done by hand in between
 * puts nothing off. With an `every` of several days so many local days lie between two times.
 *
 * For a moment that the clock skips (summer time begins) the jump itself stands; of one that comes
 * twice the first counts. Pure: the clock is an argument, the zone is the C library's.
 */
#ifndef DUE_H
#define DUE_H

#include <stdbool.h>
#include <stdint.h>

enum { DUE_TEXT_MAX = 80, DUE_DAYS_ALL = 0x7f };

struct due_at {
	unsigned minute;    /* of the day */
	unsigned days;      /* bit 0: Sunday, as tm_wday */
};

struct due {
	struct due_at at;
	uint64_t every_s;   /* below a day, or a multiple of it */
};

/* Every day at 02:15. */
#define DUE_DEFAULT ((struct due){ { 135, DUE_DAYS_ALL }, 86400 })

/* "02:15", "sun 03:00", "mon-fri,sun 22:30". */
bool due_parse_at(const char *text, struct due_at *out);

/* May `every` be this long? Whole minutes below a day, or whole days. */
bool due_every_ok(uint64_t every_s);

/* The newest slot that is not after t. */
int64_t due_slot(const struct due *d, int64_t t);

/* Is it to be done? last_s: when it was last done, as its start; 0: never. A time in the future (the
 * clock was set back) is as good as none where the clock now stands in an earlier slot. */
bool due_now(const struct due *d, int64_t last_s, int64_t now_s);

/* When it will be due: now_s if it is. */
int64_t due_next(const struct due *d, int64_t last_s, int64_t now_s);

/* Was a whole turn missed: would it have been due twice since? Never done is late. */
bool due_is_late(const struct due *d, int64_t last_s, int64_t now_s);

/* "mon-fri 02:15", "02:15 every 6 h", "03:00 every 7 d". */
char *due_text(const struct due *d, char out[DUE_TEXT_MAX]);

#endif
