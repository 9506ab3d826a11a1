#include "cli/text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/utf8.h"

char *text_size(char out[TEXT_MAX], uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes;
	size_t unit = 0;
	/* 1023.95 would print as 1024.0 */
	for (; value >= (unit ? 1023.95 : 1024.0); unit++)
		value /= 1024;
	snprintf(out, TEXT_MAX, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return out;
}

char *text_took(char out[TEXT_MAX], uint64_t duration_ms)
{
	uint64_t s = duration_ms / 1000;
	if (s < 60)
		snprintf(out, TEXT_MAX, "%" PRIu64 ".%" PRIu64 " s", s, duration_ms % 1000 / 100);
	else if (s < 3600)
		snprintf(out, TEXT_MAX, "%" PRIu64 ":%02" PRIu64 " min", s / 60, s % 60);
	else
		snprintf(out, TEXT_MAX, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64 " h", s / 3600,
		         s / 60 % 60, s % 60);
	return out;
}

char *text_age(char out[TEXT_MAX], int64_t seconds)
{
	if (seconds < 0)
		snprintf(out, TEXT_MAX, "in the future");
	else if (seconds < 120)
		snprintf(out, TEXT_MAX, "%" PRId64 " s", seconds);
	else if (seconds < 120 * 60)
		snprintf(out, TEXT_MAX, "%" PRId64 " min", seconds / 60);
	else if (seconds < 48 * 3600)
		snprintf(out, TEXT_MAX, "%" PRId64 " h", seconds / 3600);
	else
		snprintf(out, TEXT_MAX, "%" PRId64 " d", seconds / 86400);
	return out;
}

char *text_time(char out[TEXT_MAX], int64_t time_s)
{
	time_t t = (time_t)time_s;
	struct tm local;
	if (!localtime_r(&t, &local) || strftime(out, TEXT_MAX, "%Y-%m-%d %H:%M:%S", &local) == 0)
		snprintf(out, TEXT_MAX, "@%" PRId64, time_s);
	return out;
}

char *text_day(char out[TEXT_MAX], int64_t time_s, int64_t now_s)
{
	time_t t = (time_t)time_s, now = (time_t)now_s;
	struct tm then = { 0 }, today = { 0 };
	localtime_r(&t, &then);
	localtime_r(&now, &today);
	bool same_year = then.tm_year == today.tm_year;
	size_t len = !same_year                        ? strftime(out, TEXT_MAX, "%d %b %Y %H:%M", &then)
	             : then.tm_yday != today.tm_yday ? strftime(out, TEXT_MAX, "%a %d %b %H:%M", &then)
	                                             : strftime(out, TEXT_MAX, "today %H:%M", &then);
	if (len == 0)
		out[0] = '\0';
	return out;
}

char *text_percent(char out[TEXT_MAX], uint64_t part, uint64_t whole)
{
	snprintf(out, TEXT_MAX, "%.1f %%", whole ? 100.0 * (double)part / (double)whole : 0.0);
	return out;
}

static void spell(char out[8], const char *s, size_t len)
{
	if (len > 0)
		snprintf(out, 8, "%.*s", (int)len, s);
	else if (*s == '\n')
		snprintf(out, 8, "\\n");
	else if (*s == '\t')
		snprintf(out, 8, "\\t");
	else
		snprintf(out, 8, "\\x%02x", (unsigned char)*s);
}

char *text_escape(char *out, size_t cap, const char *text)
{
	size_t used = 0;
	while (*text) {
		char part[8];
		size_t len = utf8_printable(text);
		spell(part, text, len);
		size_t part_len = strlen(part);
		if (used + part_len >= cap)
			break;
		memcpy(out + used, part, part_len);
		used += part_len;
		text += len ? len : 1;
	}
	out[used] = '\0';
	return out;
}

/* the blocks of East Asian Width W and F, and the emoji, coarsely */
static size_t columns_of(uint32_t c)
{
	if (c >= 0x300 && c < 0x370)
		return 0;
	return (c >= 0x1100 && c < 0x1160) || (c >= 0x2e80 && c < 0xa4d0) ||
	       (c >= 0xac00 && c < 0xd7a4) || (c >= 0xf900 && c < 0xfb00) ||
	       (c >= 0xfe30 && c < 0xfe70) || (c >= 0xff00 && c < 0xff61) ||
	       (c >= 0x1f300 && c < 0x1f650) || (c >= 0x20000 && c < 0x40000) ? 2 : 1;
}

size_t text_columns(const char *text)
{
	size_t columns = 0;
	while (*text) {
		size_t len = utf8_printable(text);
		const unsigned char *p = (const unsigned char *)text;
		uint32_t c = len > 1 ? *p & (0xffu >> (len + 1)) : *p;
		for (size_t i = 1; i < len; i++)
			c = c << 6 | (p[i] & 0x3fu);
		columns += columns_of(c);
		text += len ? len : 1;
	}
	return columns;
}
