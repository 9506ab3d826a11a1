#include "sftp_list.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS = 6 };   /* size month day time-or-year name, and whatever is before */

struct word {
	const char *text;
	size_t len;
};

/* The last words of a line, words[FIELDS - 1] being the last; returns how many there are. User and
 * group, which may hold blanks, stand before them. */
static size_t last_words(const char *line, size_t len, struct word words[FIELDS])
{
	size_t n = 0;
	while (n < FIELDS) {
		while (len > 0 && line[len - 1] == ' ')
			len--;
		if (len == 0)
			break;
		size_t end = len;
		while (len > 0 && line[len - 1] != ' ')
			len--;
		words[FIELDS - 1 - n++] = (struct word){ line + len, end - len };
	}
	return n;
}

/* strchr alone takes a NUL for one. */
static bool is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c);
}

static bool is_name(const struct word *w)
{
	if (w->len == 0 || w->len >= SFTP_LIST_NAME_MAX)
		return false;
	for (size_t i = 0; i < w->len; i++)
		if (!isalnum((unsigned char)w->text[i]) && !is_one_of(w->text[i], "._-"))
			return false;
	return !(w->len == 1 && w->text[0] == '.') && !(w->len == 2 && memcmp(w->text, "..", 2) == 0);
}

static bool parse_number(const struct word *w, size_t digits, uint64_t *out)
{
	uint64_t value = 0;
	if (w->len == 0 || w->len > digits)
		return false;
	for (size_t i = 0; i < w->len; i++) {
		if (!isdigit((unsigned char)w->text[i]))
			return false;
		value = value * 10 + (uint64_t)(w->text[i] - '0');
	}
	*out = value;
	return true;
}

static bool parse_month(const struct word *w, int *month)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	for (*month = 0; *month < 12; ++*month)
		if (w->len == 3 && memcmp(w->text, names + *month * 3, 3) == 0)
			return true;
	return false;
}

/* "14:05" */
static bool parse_clock(const struct word *w, struct tm *t)
{
	uint64_t hour, minute;
	if (w->len != 5 || w->text[2] != ':' ||
	    !parse_number(&(struct word){ w->text, 2 }, 2, &hour) ||
	    !parse_number(&(struct word){ w->text + 3, 2 }, 2, &minute) || hour > 23 || minute > 59)
		return false;
	t->tm_hour = (int)hour;
	t->tm_min = (int)minute;
	return true;
}

/* The year that is missing is the last in which the moment lies in the past, or little beyond. */
static int64_t recent(struct tm t, int64_t now_s)
{
	struct tm now;
	time_t limit = (time_t)now_s + 24 * 60 * 60;
	gmtime_r(&limit, &now);
	t.tm_year = now.tm_year;
	struct tm copy = t;
	int64_t at = (int64_t)timegm(&copy);
	if (at <= (int64_t)limit)
		return at;
	t.tm_year--;
	return (int64_t)timegm(&t);
}

static bool parse_time(const struct word w[3], int64_t now_s, struct sftp_list_entry *e)
{
	struct tm t = { 0 };
	uint64_t day, year;
	if (!parse_month(&w[0], &t.tm_mon) || !parse_number(&w[1], 2, &day) || day < 1 || day > 31)
		return false;
	t.tm_mday = (int)day;
	e->minutes = parse_clock(&w[2], &t);
	if (e->minutes) {
		e->time_s = recent(t, now_s);
		return true;
	}
	if (w[2].len != 4 || !parse_number(&w[2], 4, &year) || year < 1970)
		return false;
	t.tm_year = (int)year - 1900;
	e->time_s = (int64_t)timegm(&t);
	return true;
}

static enum sftp_list_kind kind_of(char c)
{
	return c == '-' ? SFTP_LIST_FILE : c == 'd' ? SFTP_LIST_FOLDER : SFTP_LIST_OTHER;
}

/* drwxr-xr-x, perhaps with a mark of access lists */
static bool has_mode(const char *line, size_t len)
{
	if (len < 11 || !is_one_of(line[0], "-dlbcps"))
		return false;
	for (size_t i = 1; i < 10; i++)
		if (!is_one_of(line[i], "rwxsStT-"))
			return false;
	return line[10] == ' ' || is_one_of(line[10], "+.@");
}

static void parse_line(const char *line, size_t len, int64_t now_s, struct sftp_list_entry *e)
{
	struct word w[FIELDS] = { { NULL, 0 } };
	size_t n = last_words(line, len, w);
	const struct word *name = &w[FIELDS - 1];
	*e = (struct sftp_list_entry){ .kind = SFTP_LIST_OTHER };
	if (n == 0 || !is_name(name))
		return;
	memcpy(e->name, name->text, name->len);
	e->kind = SFTP_LIST_UNCLEAR;
	if (n < FIELDS || !has_mode(line, len))
		return;
	if (kind_of(line[0]) != SFTP_LIST_FILE)
		e->kind = kind_of(line[0]);
	else if (parse_number(&w[1], 18, &e->size_bytes) && parse_time(w + 2, now_s, e))
		e->kind = SFTP_LIST_FILE;
}

bool sftp_list_next(const char **at, const char *end, int64_t now_s, struct sftp_list_entry *e)
{
	if (*at >= end)
		return false;
	const char *newline = memchr(*at, '\n', (size_t)(end - *at));
	const char *stop = newline ? newline : end;
	size_t len = (size_t)(stop - *at);
	if (len > 0 && (*at)[len - 1] == '\r')
		len--;
	parse_line(*at, len, now_s, e);
	*at = newline ? newline + 1 : end;
	return true;
}
