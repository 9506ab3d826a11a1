#include "engine/select_time.h"

#include <string.h>
#include <time.h>

/* Exactly `width` digits of at most max; NULL when there are others. NULL goes through. */
static const char *digits(const char *p, int width, int max, int *out)
{
	int n = 0;
	for (int i = 0; p && i < width; i++, p++) {
		if (*p < '0' || *p > '9')
			return NULL;
		n = n * 10 + (*p - '0');
	}
	if (!p || n > max)
		return NULL;
	*out = n;
	return p;
}

static const char *letter(const char *p, char c)
{
	return p && *p == c ? p + 1 : NULL;
}

static int days_in(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && leap);
}

static const char *date(const char *p, struct tm *tm)
{
	int year, month, day;
	p = letter(digits(p, 4, 9999, &year), '-');
	p = digits(letter(digits(p, 2, 12, &month), '-'), 2, 31, &day);
	if (!p || year < 1970 || month < 1 || day < 1 || day > days_in(year, month))
		return NULL;
	*tm = (struct tm){ .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day,
	                   .tm_isdst = -1 };
	return p;
}

static const char *clock_time(const char *p, struct tm *tm)
{
	p = digits(letter(digits(p, 2, 23, &tm->tm_hour), ':'), 2, 59, &tm->tm_min);
	return p && *p == ':' ? digits(p + 1, 2, 59, &tm->tm_sec) : p;
}

/* "Z" or "+HH:MM", and nothing behind it. */
static bool zone(const char *p, int *offset_s)
{
	int hours, minutes, sign = *p == '-' ? -1 : 1;
	*offset_s = 0;
	if (strcmp(p, "Z") == 0)
		return true;
	if (*p != '+' && *p != '-')
		return false;
	p = digits(letter(digits(p + 1, 2, 14, &hours), ':'), 2, 59, &minutes);
	if (!p || *p)
		return false;
	*offset_s = sign * (hours * 3600 + minutes * 60);
	return true;
}

/* The last second of the local day `tm`, also where that day has 23 or 25 hours. */
static int64_t end_of_day(struct tm *tm)
{
	tm->tm_mday++;
	tm->tm_hour = tm->tm_min = tm->tm_sec = 0;
	tm->tm_isdst = -1;
	return (int64_t)mktime(tm) - 1;
}

bool select_time(const char *text, int64_t now_s, int64_t *out)
{
	struct tm tm;
	time_t now = (time_t)now_s;
	int offset_s;
	if (strcmp(text, "yesterday") == 0) {
		if (!localtime_r(&now, &tm))
			return false;
		tm.tm_mday--;
		*out = end_of_day(&tm);
		return true;
	}
	const char *p = date(text, &tm);
	if (p && *p == '\0') {
		*out = end_of_day(&tm);
		return true;
	}
	if (!p || (*p != 'T' && *p != ' ') || !(p = clock_time(p + 1, &tm)))
		return false;
	if (*p == '\0') {
		*out = (int64_t)mktime(&tm);
		return true;
	}
	if (!zone(p, &offset_s))
		return false;
	*out = (int64_t)timegm(&tm) - offset_s;
	return true;
}
