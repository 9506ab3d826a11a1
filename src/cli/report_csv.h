/* report_csv - the tables of a period (period.h) as CSV: RFC 4180, UTF-8, a line of names first. Pure. */
#ifndef REPORT_CSV_H
#define REPORT_CSV_H

#include <jansson.h>

struct buf;
struct err;

enum report_table {
	REPORT_DRILLS, REPORT_INVENTORY, REPORT_BACKUPS, REPORT_FINDINGS, REPORT_MISSED, REPORT_KEYS,
	REPORT_EPOCHS, REPORT_GAPS, REPORT_TABLES
};

/* "drills.csv", ... */
const char *report_csv_name(enum report_table table);

/* Append the table. Times are UTC, ISO 8601; a field that a spreadsheet would take for a formula has an
 * apostrophe before it. ERR_LIMIT, ERR_NOMEM. */
int report_csv_put(const json_t *doc, enum report_table table, struct buf *out, struct err *err);

/* One field with its quotes. */
int report_csv_field(struct buf *out, const char *text, struct err *err);

#endif
