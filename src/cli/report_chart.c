/* The pictures of a report. Colour never says alone what shape and text do not say too. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "cli/report_page.h"
#include "cli/text.h"

enum {
	WIDTH = 720, HEIGHT = 240, LEFT = 84, RIGHT = 16, TOP = 16, BOTTOM = 36, POINTS_MAX = 5000,
	LINES_MAX = 5, CELL = 15, DAY_S = 86400, WEEK_DAYS = 7, CALENDAR_DAYS_MAX = 371,
	SECOND_MS = 1000, DATE_LEN = 10, MONTH_LEN = 7,
};

struct point {
	int64_t at;
	uint64_t value_ms, target_ms;     /* target 0: none */
	const json_t *drill;
};

struct chart {
	struct report_page *page;
	struct point *points;
	size_t n;
	int64_t from, to;
	uint64_t step, top;               /* ms */
};

/* ---- scales ---- */

static uint64_t step_of(uint64_t most)
{
	static const uint64_t steps[] = {
		100, 200, 500, 1000, 2000, 5000, 10000, 30000, 60000, 120000, 300000, 600000, 1800000,
		3600000, 7200000, 14400000, 21600000, 43200000, 86400000, 172800000, 604800000,
	};
	size_t last = sizeof steps / sizeof *steps - 1;
	for (size_t i = 0; i < last; i++)
		if (steps[i] * (LINES_MAX - 1) >= most)
			return steps[i];
	return most / (steps[last] * (LINES_MAX - 1)) * steps[last] + steps[last];
}

static int x_of(const struct chart *c, int64_t at)
{
	int64_t span = c->to - c->from;
	return LEFT + (int)((at - c->from) * (WIDTH - LEFT - RIGHT) / (span > 0 ? span : 1));
}

static int y_of(const struct chart *c, uint64_t ms)
{
	uint64_t room = HEIGHT - TOP - BOTTOM, at = ms > c->top ? c->top : ms;
	return HEIGHT - BOTTOM - (int)(at * room / c->top);
}

/* "1.5 s", "10 min", "2 h", "3 d": round values only */
static const char *axis_text(uint64_t ms, char out[TEXT_MAX])
{
	if (ms >= 172800000)
		snprintf(out, TEXT_MAX, "%" PRIu64 " d", ms / 86400000);
	else if (ms >= 7200000)
		snprintf(out, TEXT_MAX, "%" PRIu64 " h", ms / 3600000);
	else if (ms >= 120000)
		snprintf(out, TEXT_MAX, "%" PRIu64 " min", ms / 60000);
	else
		snprintf(out, TEXT_MAX, "%" PRIu64 ".%" PRIu64 " s", ms / 1000, ms % 1000 / 100);
	return out;
}

/* "2026-11-22", or no more than its first characters */
static void day_text(int64_t t, size_t len, char out[TEXT_MAX])
{
	time_t at = (time_t)t;
	struct tm tm = { 0 };
	localtime_r(&at, &tm);
	out[0] = '\0';
	strftime(out, TEXT_MAX, "%Y-%m-%d", &tm);
	out[len] = '\0';
}

/* ---- a chart ---- */

static int by_time(const void *a, const void *b)
{
	const struct point *x = a, *y = b;
	return x->at < y->at ? -1 : x->at > y->at;
}

static bool collect(struct chart *c, const char *value, const char *target, uint64_t unit_ms)
{
	const json_t *drills = json_object_get(c->page->doc, "drills"), *d;
	uint64_t most = SECOND_MS;
	size_t i;
	c->points = calloc(json_array_size(drills) + 1, sizeof *c->points);
	if (!c->points)
		return false;
	json_array_foreach(drills, i, d) {
		int64_t v = json_int(d, value), t = json_int(d, target);
		/* what is longer than ten years was not measured */
		int64_t limit = INT64_C(315360000) * 1000 / (int64_t)unit_ms;
		if (!json_object_get(d, value) || v < 0 || v > limit || t < 0 || t > limit ||
		    c->n >= POINTS_MAX)
			continue;
		struct point *p = &c->points[c->n++];
		*p = (struct point){ json_int(d, "finished"), (uint64_t)v * unit_ms,
		                     (uint64_t)t * unit_ms, d };
		most = p->value_ms > most ? p->value_ms : most;
		most = p->target_ms > most ? p->target_ms : most;
	}
	if (c->n > 1)
		qsort(c->points, c->n, sizeof *c->points, by_time);
	c->step = step_of(most);
	c->top = (most / c->step + 1) * c->step;
	return c->n > 0;
}

static void put_axes(const struct chart *c)
{
	char label[TEXT_MAX];
	for (uint64_t ms = 0; ms <= c->top; ms += c->step)
		report_page_put(c->page, "<path class=\"grid\" d=\"M%d %dH%d\"/><text x=\"%d\" y=\"%d\" "
		                "text-anchor=\"end\">%s</text>", LEFT, y_of(c, ms), WIDTH - RIGHT, LEFT - 8,
		                y_of(c, ms) + 4, axis_text(ms, label));
	static const char *const anchors[] = { "start", "middle", "middle", "middle", "end" };
	for (int i = 0; i <= 4; i++) {
		int64_t at = c->from + (c->to - c->from) / 4 * i;
		day_text(at, DATE_LEN, label);
		report_page_put(c->page, "<text%s x=\"%d\" y=\"%d\" text-anchor=\"%s\">%s</text>",
		                i % 2 ? " class=\"mid\"" : "", x_of(c, at), HEIGHT - 10, anchors[i], label);
	}
}

static void put_objective(const struct chart *c)
{
	bool any = false;
	for (size_t i = 0; i < c->n; i++) {
		const struct point *p = &c->points[i];
		if (!p->target_ms)
			continue;
		/* it holds until the next drill says otherwise */
		int64_t until = i + 1 < c->n ? c->points[i + 1].at : c->to;
		int begin = any ? x_of(c, p->at) : LEFT;
		report_page_put(c->page, "<path class=\"aim\" d=\"M%d %dH%d\"/>", begin,
		                y_of(c, p->target_ms), x_of(c, until));
		any = true;
	}
}

static void put_point(const struct chart *c, const struct point *p)
{
	const char *state = json_text(p->drill, "state");
	char took[TEXT_MAX], when[TEXT_MAX];
	int x = x_of(c, p->at), y = y_of(c, p->value_ms);
	report_page_put(c->page, "<g class=\"%s\"><path class=\"stem\" d=\"M%d %dV%d\"/>",
	                strcmp(state, "passed") == 0 ? "good" : strcmp(state, "failed") == 0 ? "bad" : "open",
	                x, HEIGHT - BOTTOM, y);
	if (strcmp(state, "passed") == 0)
		report_page_put(c->page, "<circle cx=\"%d\" cy=\"%d\" r=\"5\">", x, y);
	else
		report_page_put(c->page, "<path d=\"M%d %dl7 7-7 7-7-7z\">", x, y - 7);
	report_page_put(c->page, "<title>%s, %s, ", text_time(when, p->at), text_took(took, p->value_ms));
	report_page_text(c->page, report_state(state, c->page->lang));
	report_page_put(c->page, "</title>%s</g>", strcmp(state, "passed") == 0 ? "</circle>" : "</path>");
}

static void put_legend(struct report_page *p)
{
	report_page_put(p, "<p class=\"legend\"><span class=\"good\">&#9679;</span> ");
	report_page_word(p, W_PASSED);
	report_page_put(p, " <span class=\"bad\">&#9670;</span> ");
	report_page_word(p, W_FAILED);
	report_page_put(p, " <span class=\"open\">&#9670;</span> ");
	report_page_word(p, W_UNVERIFIED);
	report_page_put(p, " <span class=\"aim\">- -</span> ");
	report_page_word(p, W_OBJECTIVE);
	report_page_put(p, "</p>");
}

void report_chart(struct report_page *p, enum report_word title, const char *value, const char *target,
                  uint64_t unit_ms)
{
	struct chart c = { .page = p, .from = json_int(p->doc, "from"),
	                   .to = json_int(p->doc, "to") };
	if (!collect(&c, value, target, unit_ms)) {
		report_page_put(p, "<p>");
		report_page_word(p, W_NO_VALUES);
		report_page_put(p, "</p>");
		free(c.points);
		return;
	}
	report_page_put(p, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", WIDTH, HEIGHT);
	report_page_word(p, title);
	report_page_put(p, "\">");
	put_axes(&c);
	put_objective(&c);
	for (size_t i = 0; i < c.n; i++)
		put_point(&c, &c.points[i]);
	report_page_put(p, "</svg>");
	put_legend(p);
	free(c.points);
}

/* ---- the calendar: a column for each week, a row for each weekday, Monday first ---- */

static const json_t *day_named(const json_t *days, const char *name)
{
	const json_t *d;
	size_t i;
	json_array_foreach(days, i, d)
		if (strcmp(json_text(d, "day"), name) == 0)
			return d;
	return NULL;
}

static int weekday(int64_t t)
{
	time_t at = (time_t)t;
	struct tm tm = { 0 };
	localtime_r(&at, &tm);
	return (tm.tm_wday + 6) % WEEK_DAYS;
}

static void put_day(struct report_page *p, const char *name, const json_t *day, int x, int y)
{
	bool failed = json_int(day, "failed") > 0;
	report_page_put(p, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"><title>%s: ",
	                !day ? "none" : failed ? "bad" : "good", x, y, CELL - 2, CELL - 2, name);
	report_page_word(p, !day ? W_DAY_NONE : failed ? W_DAY_FAILED : W_DAY_GOOD);
	if (day)
		report_page_put(p, " (%lld / %lld)", (long long)json_int(day, "good"),
		                (long long)(json_int(day, "good") + json_int(day, "failed")));
	report_page_put(p, "</title></rect>");
	if (failed)
		report_page_put(p, "<path class=\"cross\" d=\"M%d %dl7 7m0-7l-7 7\"/>", x + 3, y + 3);
}

/* Noon, so that no change of the clock skips or repeats a day. */
static int64_t noon_of(int64_t t)
{
	time_t at = (time_t)t;
	struct tm tm = { 0 };
	localtime_r(&at, &tm);
	tm.tm_hour = 12;
	tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	return (int64_t)mktime(&tm);
}

static void put_days(struct report_page *p, int64_t from, int64_t to, int weeks)
{
	const json_t *days = json_object_get(p->doc, "days");
	char name[TEXT_MAX], month[TEXT_MAX] = "", last[TEXT_MAX] = "";
	int column = 0;
	report_page_put(p, "<svg class=\"calendar\" style=\"width:%dpx\" viewBox=\"0 0 %d %d\" role=\"img\" "
	                "aria-label=\"", weeks * CELL + 24, weeks * CELL + 24, 7 * CELL + 18);
	report_page_word(p, W_CALENDAR);
	report_page_put(p, "\">");
	for (int64_t t = from; t < to; t += DAY_S) {
		day_text(t, DATE_LEN, name);
		day_text(t, MONTH_LEN, month);
		/* of a month that has nearly ended the name would stand where the next one's must */
		if (strcmp(month, last) != 0 && (*last || strcmp(name + MONTH_LEN, "-08") < 0))
			report_page_put(p, "<text x=\"%d\" y=\"11\">%s</text>", column * CELL, month);
		snprintf(last, sizeof last, "%s", month);
		put_day(p, name, day_named(days, name), column * CELL, 18 + weekday(t) * CELL);
		column += weekday(t) == WEEK_DAYS - 1;
	}
	report_page_put(p, "</svg>");
}

void report_calendar(struct report_page *p)
{
	int64_t from = noon_of(json_int(p->doc, "from")), to = json_int(p->doc, "to");
	int64_t made = json_int(p->doc, "made");
	if (json_array_size(json_object_get(p->doc, "days")) == 0) {
		report_page_put(p, "<p>");
		report_page_word(p, W_NO_RUNS);
		report_page_put(p, "</p>");
		return;
	}
	to = noon_of((to < made ? to : made) - 1) + 1;
	if ((to - from) / DAY_S > CALENDAR_DAYS_MAX)
		from = to - (int64_t)CALENDAR_DAYS_MAX * DAY_S;
	put_days(p, from, to, (int)((to - from) / DAY_S + 2 * WEEK_DAYS) / WEEK_DAYS);
	report_page_put(p, "<p class=\"legend\"><span class=\"good\">&#9632;</span> ");
	report_page_word(p, W_DAY_GOOD);
	report_page_put(p, " <span class=\"bad\">&#9632;</span> &#215; ");
	report_page_word(p, W_DAY_FAILED);
	report_page_put(p, " <span class=\"none\">&#9632;</span> ");
	report_page_word(p, W_DAY_NONE);
	report_page_put(p, "</p>");
}
