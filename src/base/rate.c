#include "base/rate.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "holdfast/err.h"

#define NS INT64_C(1000000000)

enum { DAY_MIN = 24 * 60, BURST_FRACTION = 4, ENOUGH_FRACTION = 64, LIMIT_MIN = 1024 };

/* ---- parsing ---- */

static bool read_bytes(const char **at, uint64_t *out)
{
	char *end;
	if (!isdigit((unsigned char)**at))
		return false;
	double n = strtod(*at, &end);
	unsigned shift = 0;
	switch (toupper((unsigned char)*end)) {
	case 'K': shift = 10; break;
	case 'M': shift = 20; break;
	case 'G': shift = 30; break;
	default: break;
	}
	*at = end + (shift != 0);
	n *= (double)(UINT64_C(1) << shift);
	if (!(n >= LIMIT_MIN && n <= 1e15))
		return false;
	*out = (uint64_t)n;
	return true;
}

static bool read_hours(const char **at, struct rate_rule *rule)
{
	unsigned h1, m1, h2, m2;
	int used = 0;
	if (sscanf(*at, "%2u:%2u-%2u:%2u%n", &h1, &m1, &h2, &m2, &used) != 4 || h1 > 24 || h2 > 24 ||
	    m1 > 59 || m2 > 59)
		return false;
	rule->from_min = (uint16_t)((h1 * 60 + m1) % DAY_MIN);
	rule->to_min = (uint16_t)((h2 * 60 + m2) % DAY_MIN);
	*at += used;
	return true;
}

static void skip_blanks(const char **at)
{
	*at += strspn(*at, " \t");
}

static bool read_rule(const char **at, struct rate_rule *rule)
{
	*rule = (struct rate_rule){ 0 };
	skip_blanks(at);
	if (!read_bytes(at, &rule->bytes_per_s))
		return false;
	skip_blanks(at);
	if (isdigit((unsigned char)**at) && !read_hours(at, rule))
		return false;
	skip_blanks(at);
	return true;
}

int rate_parse(struct rate *r, const char *text, struct err *err)
{
	*r = (struct rate){ .looked_s = -1 };
	const char *at = text ? text : "";
	bool ok = true;
	while (ok && *at) {
		ok = r->n < RATE_RULES_MAX && read_rule(&at, &r->rules[r->n]);
		r->n += ok;
		if (ok && *at == ',')
			ok = *++at != '\0';
		else if (ok)
			ok = *at == '\0';
	}
	if (ok)
		return 0;
	err_set(err, ERR_INVALID, "'%.60s' is not a limit in bytes a second", text);
	return err_hint(err, "for example 20M, or 20M 08:00-18:00");
}

/* ---- the bucket ---- */

static bool in_hours(const struct rate_rule *rule, unsigned minute)
{
	if (rule->from_min == rule->to_min)
		return true;
	if (rule->from_min < rule->to_min)
		return minute >= rule->from_min && minute < rule->to_min;
	return minute >= rule->from_min || minute < rule->to_min;
}

uint64_t rate_at(const struct rate *r, unsigned minute)
{
	for (unsigned i = 0; i < r->n; i++)
		if (in_hours(&r->rules[i], minute))
			return r->rules[i].bytes_per_s;
	return 0;
}

static unsigned minute_of_day(void)
{
	time_t now = time(NULL);
	struct tm tm;
	return localtime_r(&now, &tm) ? (unsigned)(tm.tm_hour * 60 + tm.tm_min) : 0;
}

void rate_refill(struct rate *r, int64_t now_ns)
{
	if (r->n == 0)
		return;
	if (now_ns / NS != r->looked_s) {
		r->looked_s = now_ns / NS;
		r->limit = rate_at(r, minute_of_day());
	}
	int64_t passed = now_ns - r->filled_ns;
	r->filled_ns = now_ns;
	if (r->limit == 0) {
		r->tokens = 0;
		return;
	}
	int64_t burst = (int64_t)(r->limit / BURST_FRACTION) + 1;
	double more = (double)passed * (double)r->limit / (double)NS;
	r->tokens = more > (double)(burst - r->tokens) ? burst : r->tokens + (int64_t)more;
}

int64_t rate_wait_ns(const struct rate *r)
{
	int64_t enough = (int64_t)(r->limit / ENOUGH_FRACTION) + 1;
	if (r->limit == 0 || r->tokens >= enough)
		return 0;
	return (int64_t)((double)(enough - r->tokens) * (double)NS / (double)r->limit) + 1;
}

size_t rate_allows(const struct rate *r, size_t want)
{
	return r->limit && (int64_t)want > r->tokens ? (size_t)(r->tokens > 0 ? r->tokens : 0) : want;
}

void rate_take(struct rate *r, uint64_t bytes)
{
	if (r->limit)
		r->tokens -= (int64_t)bytes;
}
