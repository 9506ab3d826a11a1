/* run_news - one run as JSON: for the log of runs, for --json, and for whoever is notified. */
#ifndef RUN_NEWS_H
#define RUN_NEWS_H

#include <jansson.h>
#include <stdint.h>

struct duty_run;

/* The record for runlog.h. NULL when out of memory. */
json_t *run_news_record(const struct duty_run *r);

/* {"host","run","exit","result","started","finished","stores","failed","summary","lines":[{"kind",
 * "object","fact","more","next"}]}; result is "success", "warning" or "failure". At most 200 lines. */
json_t *run_news_object(const struct duty_run *r, const char *summary);

#endif
