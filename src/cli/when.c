#include "cli/when.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const uint64_t duration_max = UINT64_C(100) * 366 * 86400;

static uint64_t unit_seconds(char unit)
{
	switch (unit) {
	case 's': return 1;
	case 'm': return 60;
	case 'h': return 3600;
	case 'd': return 86400;
	case 'w': return 7 * 86400;
	default: return 0;
	}
}

static const char *skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

/* One "90d"; NULL when it is none. */
static const char *one_part(const char *p, uint64_t *seconds)
{
	uint64_t n = 0;
	if (!isdigit((unsigned char)*p))
		return NULL;
	for (; isdigit((unsigned char)*p); p++) {
		n = n * 10 + (uint64_t)(*p - '0');
		if (n > duration_max)
			return NULL;
	}
	uint64_t unit = unit_seconds(*p);
	if (unit == 0 || n > duration_max / unit)
		return NULL;
	*seconds = n * unit;
	return p + 1;
}

bool when_duration(const char *text, uint64_t *seconds)
{
	const char *p = skip_blanks(text);
	if (strcmp(p, "never") == 0 || strcmp(p, "0") == 0) {
		*seconds = 0;
		return true;
	}
	uint64_t sum = 0, part;
	do {
		p = one_part(p, &part);
		if (!p || part > duration_max - sum)
			return false;
		sum += part;
		p = skip_blanks(p);
	} while (*p);
	*seconds = sum;
	return true;
}

/* Midnight at the start of the local day that holds t, `days` before it. */
static int64_t midnight(int64_t t, int days)
{
	time_t at = (time_t)t;
	struct tm tm;
	localtime_r(&at, &tm);
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_mday -= days;
	tm.tm_isdst = -1;
	return (int64_t)mktime(&tm);
}

/* "", "Z" or "+HH:MM": true if understood; *local says that there was none. */
static bool zone(const char *text, int *offset_s, bool *local)
{
	int hours, minutes, used = 0;
	char sign;
	*local = *text == '\0';
	*offset_s = 0;
	if (*local || strcmp(text, "Z") == 0)
		return true;
	if (sscanf(text, "%c%2d:%2d%n", &sign, &hours, &minutes, &used) != 3 ||
	    text[used] != '\0' || (sign != '+' && sign != '-') || used != 6 || hours > 14 ||
	    minutes > 59)
		return false;
	*offset_s = (hours * 3600 + minutes * 60) * (sign == '-' ? -1 : 1);
	return true;
}

static bool calendar(const char *text, int64_t *out)
{
	struct tm tm = { .tm_isdst = -1 };
	const char *rest = strptime(text, "%Y-%m-%d", &tm);
	if (rest && (*rest == 'T' || *rest == ' ')) {
		rest = strptime(rest + 1, "%H:%M", &tm);
		if (rest && *rest == ':')
			rest = strptime(rest + 1, "%S", &tm);
	}
	int offset_s;
	bool local;
	if (!rest || !zone(rest, &offset_s, &local))
		return false;
	tm.tm_isdst = -1;
	*out = local ? (int64_t)mktime(&tm) : (int64_t)timegm(&tm) - offset_s;
	return true;
}

bool when_since(const char *text, int64_t now_s, int64_t *out)
{
	uint64_t ago_s;
	if (strcmp(text, "today") == 0 || strcmp(text, "yesterday") == 0) {
		*out = midnight(now_s, *text == 'y');
		return true;
	}
	if (when_duration(text, &ago_s)) {
		*out = now_s - (int64_t)ago_s;
		return true;
	}
	return calendar(text, out);
}
