/* report_page - a page that is being written: it remembers its first error, so that writers need not. */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include <jansson.h>
#include <stdint.h>

#include "cli/report_words.h"

struct buf;
struct err;

struct report_page {
	struct buf *out;
	struct err *err;
	int rc;
	const json_t *doc;
	enum report_lang lang;
};

/* Markup of ours; then nothing in it comes from outside. */
void report_page_put(struct report_page *p, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Text from outside. */
void report_page_text(struct report_page *p, const char *text);

/* A word of ours. */
void report_page_word(struct report_page *p, enum report_word w);

/* The two charts, and the calendar of backups: inline SVG, or a sentence where there is nothing to show. */
void report_chart(struct report_page *p, enum report_word title, const char *value, const char *target,
                  uint64_t unit_ms);
void report_calendar(struct report_page *p);

#endif
