#include "cli/due.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { DAY_S = 86400, HOUR_S = 3600, WEEK_DAYS = 7, LOOK_AHEAD_DAYS = 8 };

static const char *const day_names[WEEK_DAYS] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" };

/* ---- how it is written ---- */

static int day_of(const char *text)
{
	for (int i = 0; i < WEEK_DAYS; i++)
		if (strncasecmp(text, day_names[i], 3) == 0)
			return i;
	return -1;
}

/* "mon" or "mon-fri", which may go over the week's end; NULL when it is neither. */
static const char *parse_days(const char *p, unsigned *days)
{
	int first = day_of(p), last = first;
	if (first < 0)
		return NULL;
	p += 3;
	if (*p == '-') {
		last = day_of(p + 1);
		if (last < 0)
			return NULL;
		p += 4;
	}
	for (int i = first;; i = (i + 1) % WEEK_DAYS) {
		*days |= 1u << i;
		if (i == last)
			return p;
	}
}

static bool parse_clock(const char *p, unsigned *minute)
{
	if (strlen(p) != 5 || p[2] != ':' || strspn(p, "0123456789:") != 5)
		return false;
	unsigned h = (unsigned)(p[0] - '0') * 10 + (unsigned)(p[1] - '0');
	unsigned m = (unsigned)(p[3] - '0') * 10 + (unsigned)(p[4] - '0');
	*minute = h * 60 + m;
	return isdigit((unsigned char)p[0]) && isdigit((unsigned char)p[1]) &&
	       isdigit((unsigned char)p[3]) && isdigit((unsigned char)p[4]) && h < 24 && m < 60;
}

bool due_parse_at(const char *text, struct due_at *out)
{
	struct due_at at = { 0, 0 };
	const char *p = text;
	while (isalpha((unsigned char)*p)) {
		p = parse_days(p, &at.days);
		if (!p || (*p != ' ' && (*p != ',' || !isalpha((unsigned char)p[1]))))
			return false;
		p += *p == ',';
	}
	if (at.days == 0)
		at.days = DUE_DAYS_ALL;
	else if (*p != ' ')
		return false;
	if (!parse_clock(p + strspn(p, " "), &at.minute))
		return false;
	*out = at;
	return true;
}

bool due_every_ok(uint64_t every_s)
{
	return every_s >= 60 && every_s % (every_s < DAY_S ? 60 : DAY_S) == 0;
}

enum { DAYS_TEXT_MAX = 4 * WEEK_DAYS + 2 };

/* Monday first, and what hangs together as a span; then a blank. "" for all days. */
static void days_text(unsigned days, char out[DAYS_TEXT_MAX])
{
	char *p = out;
	*p = '\0';
	for (int i = 1; days != DUE_DAYS_ALL && i <= WEEK_DAYS; i++) {
		int last = i;
		if (!(days >> i % WEEK_DAYS & 1))
			continue;
		while (last < WEEK_DAYS && days >> (last + 1) % WEEK_DAYS & 1)
			last++;
		if (p > out)
			*p++ = ',';
		p = mempcpy(p, day_names[i % WEEK_DAYS], 3);
		if (last > i) {
			*p++ = '-';
			p = mempcpy(p, day_names[last % WEEK_DAYS], 3);
		}
		i = last;
	}
	if (p > out)
		memcpy(p, " ", 2);
}

char *due_text(const struct due *d, char out[DUE_TEXT_MAX])
{
	char days[DAYS_TEXT_MAX], every[32] = "";
	days_text(d->at.days, days);
	uint64_t minutes = d->every_s / 60;
	if (d->every_s > DAY_S)
		snprintf(every, sizeof every, " every %" PRIu64 " d", d->every_s / DAY_S);
	else if (d->every_s < DAY_S && minutes % 60 == 0)
		snprintf(every, sizeof every, " every %" PRIu64 " h", minutes / 60);
	else if (d->every_s < DAY_S)
		snprintf(every, sizeof every, " every %" PRIu64 " min", minutes);
	snprintf(out, DUE_TEXT_MAX, "%s%02u:%02u%s", days, d->at.minute / 60, d->at.minute % 60, every);
	return out;
}

/* ---- local days ---- */

static struct tm local_of(int64_t t)
{
	time_t at = (time_t)t;
	struct tm tm = { 0 };
	localtime_r(&at, &tm);
	return tm;
}

/* Days since 1970-01-01 of a date in the calendar, whatever its length was here. */
static int64_t day_number(const struct tm *tm)
{
	struct tm date = { .tm_year = tm->tm_year, .tm_mon = tm->tm_mon, .tm_mday = tm->tm_mday };
	return (int64_t)timegm(&date) / DAY_S;
}

/* What the clock shows, as seconds that can be compared. */
static int64_t shown_at(int64_t t)
{
	struct tm tm = local_of(t);
	return (int64_t)timegm(&tm);
}

/* The clock jumps over `shown` within the day before t: the moment at which it does. */
static int64_t jump_over(int64_t shown, int64_t t)
{
	int64_t before = t - DAY_S - HOUR_S;
	while (t - before > 1) {
		int64_t middle = before + (t - before) / 2;
		if (shown_at(middle) < shown)
			before = middle;
		else
			t = middle;
	}
	return t;
}

/* The moment at which the clock shows that minute of that date. mktime alone would take either of two,
 * and anything of none. */
static int64_t moment(const struct tm *date, unsigned minute)
{
	int64_t first = INT64_MAX, latest = INT64_MIN, shown = 0;
	for (int isdst = -1; isdst <= 1; isdst++) {
		struct tm asked = { .tm_year = date->tm_year, .tm_mon = date->tm_mon,
			            .tm_mday = date->tm_mday, .tm_hour = (int)(minute / 60),
			            .tm_min = (int)(minute % 60), .tm_isdst = isdst };
		struct tm as_utc = asked, as_local = asked;
		int64_t t = (int64_t)mktime(&as_local);
		shown = (int64_t)timegm(&as_utc);
		if (shown_at(t) == shown && t < first)
			first = t;
		if (t > latest)
			latest = t;
	}
	return first != INT64_MAX ? first : jump_over(shown, latest);
}

/* The date so many days before (or behind) another one. */
static struct tm days_before(const struct tm *date, int days)
{
	struct tm tm = { .tm_year = date->tm_year, .tm_mon = date->tm_mon,
		         .tm_mday = date->tm_mday - days, .tm_hour = 12 };
	/* only the calendar is asked, so that no zone shifts the day */
	time_t noon = timegm(&tm);
	gmtime_r(&noon, &tm);
	return tm;
}

/* The newest moment of `at` that is not after t. */
static int64_t anchor(const struct due_at *at, int64_t t)
{
	struct tm today = local_of(t);
	for (int back = -1; back <= WEEK_DAYS + 1; back++) {
		struct tm date = days_before(&today, back);
		if (!(at->days >> date.tm_wday & 1))
			continue;
		int64_t slot = moment(&date, at->minute);
		if (slot <= t)
			return slot;
	}
	return t;
}

int64_t due_slot(const struct due *d, int64_t t)
{
	int64_t slot = anchor(&d->at, t), every = (int64_t)d->every_s;
	if (every > 0 && every < DAY_S)
		slot += (t - slot) / every * every;
	return slot;
}

/* ---- due ---- */

static int64_t days_between(int64_t from, int64_t to)
{
	struct tm a = local_of(from), b = local_of(to);
	return day_number(&b) - day_number(&a);
}

bool due_now(const struct due *d, int64_t last_s, int64_t now_s)
{
	if (last_s <= 0)
		return true;
	int64_t last = due_slot(d, last_s), slot = due_slot(d, now_s);
	if (slot <= last)
		return slot < last;
	return d->every_s <= DAY_S || days_between(last, slot) >= (int64_t)(d->every_s / DAY_S);
}

/* The first slot after t. */
static int64_t slot_after(const struct due *d, int64_t t)
{
	struct tm today = local_of(t);
	if (d->every_s < DAY_S) {
		int64_t next = due_slot(d, t) + (int64_t)d->every_s;
		/* the next day's own may come before */
		int64_t own = due_slot(d, next);
		return own > t ? own : next;
	}
	for (int ahead = 0; ahead <= LOOK_AHEAD_DAYS; ahead++) {
		struct tm date = days_before(&today, -ahead);
		if (!(d->at.days >> date.tm_wday & 1))
			continue;
		int64_t slot = moment(&date, d->at.minute);
		if (slot > t)
			return slot;
	}
	return t + DAY_S;
}

int64_t due_next(const struct due *d, int64_t last_s, int64_t now_s)
{
	if (due_now(d, last_s, now_s))
		return now_s;
	int64_t turns = d->every_s > DAY_S ? (int64_t)(d->every_s / DAY_S) + LOOK_AHEAD_DAYS : 1;
	int64_t slot = slot_after(d, now_s);
	while (turns-- > 0 && !due_now(d, last_s, slot))
		slot = slot_after(d, slot);
	return slot;
}

bool due_is_late(const struct due *d, int64_t last_s, int64_t now_s)
{
	if (!due_now(d, last_s, now_s))
		return false;
	if (last_s <= 0 || last_s > now_s)
		return true;
	if (d->every_s > DAY_S)
		return now_s - last_s > 2 * (int64_t)d->every_s;
	return last_s < due_slot(d, due_slot(d, now_s) - 1);
}
