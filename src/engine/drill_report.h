/* drill_report - fill in a report while a drill goes on (format/report.h). */
#ifndef DRILL_REPORT_H
#define DRILL_REPORT_H

#include <jansson.h>
#include <stdint.h>

#include "format/report.h"

struct err;

/* One thing that was checked; texts are copied, made UTF-8 and cut. Absent ones are NULL. */
struct drill_finding {
	const char *kind;            /* any text: it is made a word of */
	enum report_result result;
	const char *why;             /* a word, for what is not passed */
	uint64_t ms;
	const char *name, *statement, *expected, *actual, *message;
};

/* ERR_LIMIT (REPORT_CHECKS_MAX), ERR_NOMEM. */
int drill_add_check(struct report *r, const struct drill_finding *f, struct err *err);
int drill_add_phase(struct report *r, const char *name, uint64_t ms, struct err *err);
int drill_add_step(struct report *r, const char *name, bool done, struct err *err);

/* An error that ended the drill in this phase. If it says that what is in the vault does not restore, a
 * failed check says so too; else a skipped one says that it is not known. */
int drill_add_stop(struct report *r, const char *phase, bool finding, const struct err *why,
                   struct err *err);

/* A copy for the members of a report. NULL for NULL, and when out of memory. */
char *drill_text(const char *text);

/*
 * Hold what was restored against what the backup recorded, by the facts of both. `restored` NULL: it is
 * not known. Adds a check for each fact that is recorded, and sets complete and counts.
 */
int drill_compare_facts(struct report *r, const json_t *recorded, const json_t *restored,
                        struct err *err);

/* Unix seconds, as a number or as "2026-11-22 02:15:07" with optional fraction and zone (T and Z too);
 * UTC without a zone. False if it is neither. */
bool drill_parse_time(const char *text, int64_t *out);

#endif
