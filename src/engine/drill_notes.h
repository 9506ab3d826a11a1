/* drill_notes - what is being done about drills that failed: STATE/<vault>/drills/findings.json. */
#ifndef DRILL_NOTES_H
#define DRILL_NOTES_H

#include "format/report.h"

struct err;
struct vault;

/* Put into a report what is open, and what was closed not long before it started. Where this machine
 * remembers nothing, nothing. ERR_CORRUPT, errors of files. */
int drill_notes_load(struct vault *v, struct report *r, struct err *err);

#endif
