/* after_backup - copies of what was just backed up, to the vaults that ask for them. */
#ifndef AFTER_BACKUP_H
#define AFTER_BACKUP_H

#include "cli/backup_report.h"

struct cli;

/*
 * Copy the stores that were backed up into [vault] to each [vault NAME] with `copy = after-backup`.
 * A vault that is away is no lost night: what befell each copy goes into r->copies. ERR_* if none could
 * be begun.
 */
int after_backup(struct cli *cli, struct backup_report *r, struct err *err);

#endif
