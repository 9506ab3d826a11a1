/* period_drills - the drills of a span: done, begun and lost, missed, and what is done about them. */
#ifndef PERIOD_DRILLS_H
#define PERIOD_DRILLS_H

#include <jansson.h>

struct cli;
struct err;

/* Add "drills", "missed", "findings" and "sealed" to a document that has "from", "to", "made". Errors of
 * reading the vault; a report that is gone or damaged is told in its drill. */
int period_add_drills(json_t *doc, struct cli *cli, struct err *err);

#endif
