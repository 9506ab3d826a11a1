/* status_text - how things stand, for people and as JSON. */
#ifndef STATUS_TEXT_H
#define STATUS_TEXT_H

#include <stdbool.h>

struct drill_status;
struct err;
struct status_view;

/* To standard output. Members of fleets are folded unless `all`. */
int status_text_print(const struct status_view *v, bool all, struct err *err);

/* A line for each vault, then one for each store in each. */
int status_text_json(const struct status_view *v, struct err *err);

/* A line for each drill, and one for those that were killed. */
void status_text_drills(const struct drill_status *s);
int status_text_drills_json(const struct drill_status *s, struct err *err);

#endif
