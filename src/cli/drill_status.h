/* drill_status - how the drills of this configuration stand: lines of `status`. */
#ifndef DRILL_STATUS_H
#define DRILL_STATUS_H

#include <stdbool.h>

#include "cli/exit_code.h"

struct cli;
struct err;

/* Print a line for each [drill] unless `silent`; with none, nothing is asked or said. *exit gets
 * EXIT_DRILL (the last one did not pass, or one was killed), EXIT_OVERDUE (a turn was missed) or
 * EXIT_DONE. The vault may be away: then what this machine remembers is told. ERR_NOMEM, errors of files
 * and of reading the ledgers. */
int drill_status(struct cli *cli, bool silent, enum exit_code *exit, struct err *err);

#endif
