#include "cli/turns.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cli/config.h"
#include "cli/due.h"
#include "holdfast/err.h"

enum { HOURS = 24, HOUR_MIN = 60, SUNDAY = 1, NIGHT_ENDS_MIN = 3 * HOUR_MIN, LIST_MAX = 80 };

static void add(struct turns *t, const struct due *due)
{
	unsigned step = due->every_s < 86400 ? (unsigned)(due->every_s / 60) : TURNS_MINUTES;
	/* the slots up to the next day's first one */
	for (unsigned after = 0; after < TURNS_MINUTES; after += step)
		t->days[(due->at.minute + after) % TURNS_MINUTES] |= (uint8_t)due->at.days;
}

bool turns_of(const struct config *c, struct turns *out)
{
	bool any = false;
	*out = (struct turns){ { 0 } };
	for (size_t i = 0; i < c->n; i++) {
		struct due due;
		if (!(c->sections[i].kind & (CONFIG_STORE | CONFIG_DRILL)))
			continue;
		config_store_due(c, &c->sections[i], &due);
		add(out, &due);
		any = true;
	}
	return any;
}

/* ---- lines: hours that share a minute and their days stand in one ---- */

struct line {
	unsigned days, minute;
	uint32_t hours;
};

typedef int put_line(const struct line *line, void *arg, struct buf *out, struct err *err);

static uint32_t hours_with(const struct turns *t, unsigned minute, unsigned days)
{
	uint32_t hours = 0;
	for (unsigned h = 0; h < HOURS; h++)
		if (t->days[h * HOUR_MIN + minute] == days)
			hours |= UINT32_C(1) << h;
	return hours;
}

static int each_line(const struct turns *t, put_line *put, void *arg, struct buf *out, struct err *err)
{
	for (unsigned minute = 0; minute < HOUR_MIN; minute++)
		for (unsigned days = 1; days <= DUE_DAYS_ALL; days++) {
			struct line line = { days, minute, hours_with(t, minute, days) };
			if (line.hours && put(&line, arg, out, err) != 0)
				return err->code;
		}
	return 0;
}

/* "*" for all, or numbers with commas; 24 of two digits at most. */
static void list(uint32_t bits, unsigned n, unsigned digits, char out[LIST_MAX])
{
	size_t used = 0;
	if (bits == (UINT32_C(1) << n) - 1) {
		memcpy(out, "*", 2);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		if (bits >> i & 1)
			used += (size_t)snprintf(out + used, LIST_MAX - used, "%s%0*u", used ? "," : "",
			                         (int)digits, i);
}

static int put_calendar(const struct line *line, void *arg, struct buf *out, struct err *err)
{
	static const char *const names[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	char hours[LIST_MAX];
	(void)arg;
	list(line->hours, HOURS, 2, hours);
	if (buf_printf(out, err, "OnCalendar=") != 0)
		return err->code;
	const char *comma = "";
	for (unsigned i = 0; line->days != DUE_DAYS_ALL && i < 7; i++) {
		if (!(line->days >> i & 1))
			continue;
		if (buf_printf(out, err, "%s%s", comma, names[i]) != 0)
			return err->code;
		comma = ",";
	}
	return buf_printf(out, err, "%s*-*-* %s:%02u:00\n", *comma ? " " : "", hours, line->minute);
}

int turns_calendar(const struct turns *t, struct buf *out, struct err *err)
{
	struct turns again = *t;
	for (unsigned m = 0; m < NIGHT_ENDS_MIN; m++)
		again.days[m + HOUR_MIN] |= t->days[m] & SUNDAY;
	return each_line(&again, put_calendar, NULL, out, err);
}

static int put_cron(const struct line *line, void *arg, struct buf *out, struct err *err)
{
	char hours[LIST_MAX], days[LIST_MAX];
	const char *rest = arg;
	list(line->hours, HOURS, 1, hours);
	list(line->days, 7, 1, days);
	return buf_printf(out, err, "%u %s * * %s %s\n", line->minute, hours, days, rest);
}

int turns_cron(const struct turns *t, const char *rest, struct buf *out, struct err *err)
{
	return each_line(t, put_cron, (void *)(uintptr_t)rest, out, err);
}
