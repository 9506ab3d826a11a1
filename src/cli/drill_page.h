/* drill_page - a drill's report as a page to read. */
#ifndef DRILL_PAGE_H
#define DRILL_PAGE_H

#include <stddef.h>

struct drill_result;
struct err;

/* To standard output. Without its detail names, statements and values are missing, and it says so. */
int drill_page_print(const struct drill_result *r, struct err *err);

/* The two documents as one JSON line. */
int drill_page_json(const struct drill_result *r, struct err *err);

/* Every check that did not pass, and what stopped it, on standard error. */
void drill_page_troubles(const struct drill_result *r);

/* The verdict and the first thing that speaks against it: "failed: crm: fresh-orders failed: 12". */
void drill_page_why(const struct drill_result *r, char *out, size_t cap);

#endif
