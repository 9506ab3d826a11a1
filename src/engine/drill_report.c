#include "engine/drill_report.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err_word.h"
#include "base/utf8.h"
#include "holdfast/err.h"

static int out_of_memory(struct err *err)
{
	return err_no_memory(err);
}

char *drill_text(const char *text)
{
	char *out = text ? malloc(REPORT_TEXT_MAX) : NULL;
	if (out)
		utf8_clean(out, REPORT_TEXT_MAX, text);
	return out;
}

/* "CHECK TABLE" is the word check-table. */
static void make_word(char out[REPORT_WORD_MAX], const char *text)
{
	size_t n = 0;
	for (; *text && n + 1 < REPORT_WORD_MAX; text++)
		out[n++] = isalnum((unsigned char)*text) && !(*text & 0x80)
		           ? (char)tolower((unsigned char)*text) : '-';
	out[n] = '\0';
}

/* Room for one item more at the end of a list; NULL when out of memory or at `most`. */
static void *grow(struct record_list *list, size_t item_bytes, size_t most)
{
	char *items = list->n < most ? reallocarray(list->items, list->n + 1, item_bytes) : NULL;
	if (!items)
		return NULL;
	list->items = items;
	return memset(items + list->n++ * item_bytes, 0, item_bytes);
}

int drill_add_check(struct report *r, const struct drill_finding *f, struct err *err)
{
	struct report_check *c = grow(&r->checks, sizeof *c, REPORT_CHECKS_MAX);
	if (!c)
		return err_set(err, ERR_LIMIT, "a drill makes at most %d checks", REPORT_CHECKS_MAX);
	make_word(c->kind, f->kind);
	c->result = f->result;
	c->ms = f->ms;
	if (f->why && f->result != RESULT_PASSED)
		make_word(c->why, f->why);
	c->name = drill_text(f->name);
	c->statement = drill_text(f->statement);
	c->expected = drill_text(f->expected);
	c->actual = drill_text(f->actual);
	c->message = drill_text(f->message);
	return 0;
}

int drill_add_phase(struct report *r, const char *name, uint64_t ms, struct err *err)
{
	struct report_phase *p = grow(&r->phases, sizeof *p, REPORT_PHASES_MAX);
	if (!p)
		return out_of_memory(err);
	make_word(p->name, name);
	p->ms = ms;
	return 0;
}

int drill_add_step(struct report *r, const char *name, bool done, struct err *err)
{
	struct report_step *s = grow(&r->teardown, sizeof *s, REPORT_STEPS_MAX);
	if (!s)
		return out_of_memory(err);
	make_word(s->name, name);
	s->done = done;
	return 0;
}

int drill_add_stop(struct report *r, const char *phase, bool finding, const struct err *why,
                   struct err *err)
{
	const struct drill_finding f = {
		.kind = phase, .result = finding ? RESULT_FAILED : RESULT_SKIPPED, .why = err_word(why->code),
		.name = phase, .expected = "done", .message = why->msg,
	};
	make_word(r->stopped.phase, phase);
	r->stopped.code = (uint64_t)-(int)why->code;
	return drill_add_check(r, &f, err);
}

/* ---- facts ---- */

/* What a backup records and a restored store must show again. */
static const char *const same_keys[] = {
	"application_id", "bytes", "encoding", "entries", "freelist_count", "page_count", "page_size",
	"schema_hash", "schema_version", "table_count", "user_version",
};

static void describe(const json_t *value, char out[100])
{
	if (json_is_integer(value))
		snprintf(out, 100, "%lld", (long long)json_integer_value(value));
	else
		snprintf(out, 100, "%s", json_is_string(value) ? json_string_value(value) : "nothing");
}

static int compare_one(struct report *r, const char *key, const json_t *recorded,
                       const json_t *restored, struct err *err)
{
	char expected[100], actual[100];
	const json_t *found = json_object_get(restored, key);
	describe(recorded, expected);
	describe(found, actual);
	const struct drill_finding f = {
		.kind = "facts", .name = key, .expected = expected, .actual = restored ? actual : NULL,
		.result = !restored ? RESULT_SKIPPED : json_equal(recorded, found) ? RESULT_PASSED
		                                                                  : RESULT_FAILED,
		.why = restored ? "differs" : "not-known",
	};
	return drill_add_check(r, &f, err);
}

static uint64_t count_rows(const json_t *restored)
{
	uint64_t sum = 0;
	const char *table;
	json_t *n;
	json_object_foreach(json_object_get(restored, "rows"), table, n)
		if (json_integer_value(n) > 0)
			sum += (uint64_t)json_integer_value(n);
	return sum;
}

static void set_complete(struct report *r, const json_t *recorded, const json_t *restored)
{
	const json_t *tables = json_object_get(recorded, "table_count");
	const json_t *found = json_object_get(restored, "table_count");
	r->complete.tables = COMPLETE_NONE;
	r->complete.rows = COMPLETE_NONE;   /* a backup does not count rows (docs/DECISIONS.md) */
	r->counts.rows_actual = count_rows(restored);
	if (!json_is_integer(tables))
		return;
	r->complete.tables = !restored ? COMPLETE_SKIPPED : json_equal(tables, found) ? COMPLETE_EQUAL
	                                                                             : COMPLETE_DIFFERS;
	r->counts.tables_expected = (uint64_t)json_integer_value(tables);
	r->counts.tables_actual = (uint64_t)json_integer_value(found);
}

int drill_compare_facts(struct report *r, const json_t *recorded, const json_t *restored,
                        struct err *err)
{
	for (size_t i = 0; i < sizeof same_keys / sizeof same_keys[0]; i++) {
		const json_t *value = json_object_get(recorded, same_keys[i]);
		if (value && compare_one(r, same_keys[i], value, restored, err) != 0)
			return err->code;
	}
	set_complete(r, recorded, restored);
	return 0;
}

/* ---- moments ---- */

static bool parse_seconds(const char *text, int64_t *out)
{
	char *end;
	long long n = strtoll(text, &end, 10);
	if (end == text || n < 0)
		return false;
	if (*end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	*out = n;
	return *end == '\0';
}

/* "", "Z", "+02", "+0200", "+02:00": seconds to be taken off. */
static bool parse_zone(const char *text, int64_t *out)
{
	unsigned hours = 0, minutes = 0;
	int used = 0;
	text += strspn(text, " ");
	*out = 0;
	if (*text == '\0' || strcmp(text, "Z") == 0 || strcmp(text, "UTC") == 0)
		return true;
	if (*text != '+' && *text != '-')
		return false;
	if (sscanf(text + 1, "%2u:%2u%n", &hours, &minutes, &used) != 2 &&
	    sscanf(text + 1, "%2u%2u%n", &hours, &minutes, &used) != 2 &&
	    sscanf(text + 1, "%2u%n", &hours, &used) != 1)
		return false;
	*out = ((int64_t)hours * 60 + minutes) * 60 * (*text == '-' ? -1 : 1);
	return text[1 + used] == '\0' && hours < 24 && minutes < 60;
}

bool drill_parse_time(const char *text, int64_t *out)
{
	struct tm tm = { .tm_isdst = 0 };
	int64_t zone;
	int used = 0;
	char separator;
	if (parse_seconds(text, out))
		return true;
	if (sscanf(text, "%4d-%2d-%2d%c%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &separator,
	           &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &used) != 7 || !strchr(" T", separator))
		return false;
	text += used;
	if (*text == '.')
		text += 1 + strspn(text + 1, "0123456789");
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	if (tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 ||
	    tm.tm_min > 59 || tm.tm_sec > 60 || !parse_zone(text, &zone))
		return false;
	*out = (int64_t)timegm(&tm) - zone;
	return *out >= 0;
}
