/* trial_rows - how many rows a restored store has, table by table: "rows" of its facts. */
#ifndef TRIAL_ROWS_H
#define TRIAL_ROWS_H

#include <jansson.h>

struct err;

enum { TRIAL_ROWS_NAMED_MAX = 500 };   /* tables with a member of their own */

/* Further tables add up in one member more, "(others)". ERR_NOMEM. */
int trial_rows_add(json_t *rows, const char *table, json_int_t n, struct err *err);

#endif
