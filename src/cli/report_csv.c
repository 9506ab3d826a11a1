#include "cli/report_csv.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/json.h"
#include "holdfast/err.h"

enum { COLUMNS_MAX = 28, TIME_MAX = 32 };

enum kind { TEXT = 1, NUMBER, TIME, TRUTH };

struct column {
	const char *key;
	enum kind kind;
};

/* In the order of enum report_table; the file's columns are called as in the document. */
static const struct {
	const char *name, *list;
	struct column columns[COLUMNS_MAX];
} tables[REPORT_TABLES] = {
	[REPORT_DRILLS] = { "drills.csv", "drills", {
		{ "id", TEXT }, { "machine", TEXT }, { "name", TEXT }, { "state", TEXT }, { "due", TIME },
		{ "started", TIME }, { "finished", TIME }, { "retry", TRUTH }, { "store", TEXT },
		{ "store_name", TEXT }, { "asset", TEXT }, { "seq", NUMBER }, { "taken", TIME },
		{ "rto_ms", NUMBER }, { "rto_target_ms", NUMBER }, { "rpo_s", NUMBER },
		{ "rpo_target_s", NUMBER }, { "rpo_basis", TEXT }, { "passed", NUMBER },
		{ "failed", NUMBER }, { "skipped", NUMBER }, { "offsite", TRUTH }, { "other_machine", TRUTH },
		{ "why", TEXT }, { "approved", TIME }, { "approved_by", TEXT } } },
	[REPORT_INVENTORY] = { "inventory.csv", "stores", {
		{ "id", TEXT }, { "writer", TEXT }, { "name", TEXT }, { "asset", TEXT }, { "owner", TEXT },
		{ "newest", TIME }, { "snapshots", NUMBER }, { "drills", NUMBER }, { "drilled", TIME },
		{ "verdict", TEXT } } },
	[REPORT_BACKUPS] = { "backups.csv", "days", {
		{ "day", TEXT }, { "runs", NUMBER }, { "good", NUMBER }, { "failed", NUMBER } } },
	[REPORT_FINDINGS] = { "findings.csv", "findings", {
		{ "id", TEXT }, { "ticket", TEXT }, { "text", TEXT }, { "opened", TIME }, { "due", TIME },
		{ "closed", TIME } } },
	[REPORT_MISSED] = { "missed.csv", "missed", {
		{ "name", TEXT }, { "machine", TEXT }, { "since", TIME }, { "until", TIME } } },
	[REPORT_KEYS] = { "keys.csv", "keys", {
		{ "id", TEXT }, { "name", TEXT }, { "roles", TEXT }, { "enrolled", TIME }, { "by", TEXT },
		{ "fingerprint", TEXT } } },
	[REPORT_EPOCHS] = { "epochs.csv", "epochs", {
		{ "store", TEXT }, { "name", TEXT }, { "epoch", NUMBER }, { "since", TIME } } },
	[REPORT_GAPS] = { "facts.csv", "facts", {
		{ "fact", TEXT }, { "good", NUMBER }, { "of", NUMBER } } },
};

const char *report_csv_name(enum report_table table)
{
	return tables[table].name;
}

int report_csv_field(struct buf *out, const char *text, struct err *err)
{
	bool formula = *text && strchr("=+-@\t\r", *text);
	bool quoted = formula || strpbrk(text, ",\"\r\n") || *text == ' ';
	if (!quoted)
		return buf_append(out, text, strlen(text), err);
	if (buf_append(out, "\"", 1, err) != 0 || (formula && buf_append(out, "'", 1, err) != 0))
		return err->code;
	for (const char *p = text; *p; p++)
		if ((*p == '"' && buf_append(out, "\"", 1, err) != 0) || buf_append(out, p, 1, err) != 0)
			return err->code;
	return buf_append(out, "\"", 1, err);
}

static const char *time_text(int64_t t, char out[TIME_MAX])
{
	time_t at = (time_t)t;
	struct tm tm;
	out[0] = '\0';
	if (t > 0 && gmtime_r(&at, &tm))
		strftime(out, TIME_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return out;
}

static int put_value(const json_t *row, const struct column *c, struct buf *out, struct err *err)
{
	char when[TIME_MAX];
	const json_t *value = json_object_get(row, c->key);
	switch (c->kind) {
	case TEXT:
		return report_csv_field(out, json_text(row, c->key), err);
	case NUMBER:
		return json_is_integer(value)
		       ? buf_printf(out, err, "%" PRId64, json_int(row, c->key)) : 0;
	case TIME:
		return buf_printf(out, err, "%s", time_text(json_int(row, c->key), when));
	case TRUTH:
		return json_is_boolean(value) ? buf_printf(out, err, json_is_true(value) ? "yes" : "no") : 0;
	}
	return 0;
}

static int put_row(const struct column *columns, const json_t *row, struct buf *out, struct err *err)
{
	for (const struct column *c = columns; c->key; c++) {
		if (c > columns && buf_append(out, ",", 1, err) != 0)
			return err->code;
		int rc = row ? put_value(row, c, out, err) : buf_printf(out, err, "%s", c->key);
		if (rc != 0)
			return rc;
	}
	return buf_append(out, "\r\n", 2, err);
}

int report_csv_put(const json_t *doc, enum report_table table, struct buf *out, struct err *err)
{
	const json_t *row;
	size_t i;
	if (put_row(tables[table].columns, NULL, out, err) != 0)
		return err->code;
	json_array_foreach(json_object_get(doc, tables[table].list), i, row)
		if (put_row(tables[table].columns, row, out, err) != 0)
			return err->code;
	return 0;
}
