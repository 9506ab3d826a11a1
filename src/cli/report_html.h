/*
 * report_html - a period (period.h) as one page: no script, nothing fetched, prints on A4. Pure.
 *
 * All that comes from outside goes through html_text.
 */
#ifndef REPORT_HTML_H
#define REPORT_HTML_H

#include <jansson.h>

#include "cli/report_words.h"

struct buf;
struct err;

/* Append the page. ERR_LIMIT, ERR_NOMEM. */
int report_html(const json_t *doc, enum report_lang lang, struct buf *out, struct err *err);

#endif
