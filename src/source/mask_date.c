#include "source/mask_date.h"

#include <stdint.h>
#include <string.h>

enum { DATE_LEN = 10, TAIL_MAX = 40 };

struct day { int year, month, date; };

static bool digits(const char *text, size_t n, int *out)
{
	*out = 0;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		*out = *out * 10 + (text[i] - '0');
	}
	return true;
}

static int month_days(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && leap);
}

static bool is_time(const char *tail, size_t len)
{
	if (len == 0)
		return true;
	if (len > TAIL_MAX || (*tail != ' ' && *tail != 'T'))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!memchr("0123456789:.,+-Z ", tail[i], 17))
			return false;
	return true;
}

static bool read_date(const char *text, size_t len, struct day *d)
{
	return len >= DATE_LEN && digits(text, 4, &d->year) && text[4] == '-' &&
	       digits(text + 5, 2, &d->month) && text[7] == '-' && digits(text + 8, 2, &d->date) &&
	       d->year >= 1 && d->month >= 1 && d->month <= 12 && d->date >= 1 &&
	       d->date <= month_days(d->year, d->month) && is_time(text + DATE_LEN, len - DATE_LEN);
}

/* Days of the Gregorian calendar since the year 0, and back: H. Hinnant, "chrono-compatible low-level date
 * algorithms". Years begin in March, so that the leap day is their last. */
static int days_of(const struct day *d)
{
	int y = d->year - (d->month <= 2), era = y / 400, of_era = y - era * 400;
	int of_year = (153 * (d->month + (d->month > 2 ? -3 : 9)) + 2) / 5 + d->date - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
}

static struct day day_of(int days)
{
	int era = days / 146097, n = days - era * 146097;
	int of_era = (n - n / 1460 + n / 36524 - n / 146096) / 365;
	int of_year = n - (365 * of_era + of_era / 4 - of_era / 100), m = (5 * of_year + 2) / 153;
	struct day d = { .month = m < 10 ? m + 3 : m - 9, .date = of_year - (153 * m + 2) / 5 + 1 };
	d.year = era * 400 + of_era + (d.month <= 2);
	return d;
}

static void write_digits(char *out, size_t n, int value)
{
	for (size_t i = n; i-- > 0; value /= 10)
		out[i] = (char)('0' + value % 10);
}

bool mask_date_move(char *text, size_t len, int days)
{
	static const struct day last = { 9999, 12, 31 }, first = { 1, 1, 1 };
	struct day d;
	if (!read_date(text, len, &d))
		return false;
	int64_t moved = (int64_t)days_of(&d) + days;
	if (moved < days_of(&first) || moved > days_of(&last))
		return false;
	d = day_of((int)moved);
	write_digits(text, 4, d.year);
	write_digits(text + 5, 2, d.month);
	write_digits(text + 8, 2, d.date);
	return true;
}
