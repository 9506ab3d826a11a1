/* after_backup - copies of what was just backed up, to the vaults that ask for them. */
#ifndef AFTER_BACKUP_H
#define AFTER_BACKUP_H

#include "cli/backup_report.h"

struct cli;
struct config_section;
struct outcomes;

/*
 * Copy the stores that were backed up into [vault] to each [vault NAME] with `copy = after-backup`;
 * with r->catch_up all stores of this machine to one that is late. `late` (may be NULL) knows which
 * are. A vault that is away is no lost night: what befell each copy goes into r->copies. ERR_* if
 * none could be begun.
 */
int after_backup(struct cli *cli, struct backup_report *r, const struct outcomes *late,
                 struct err *err);

/* Does this section want copies, as things are on this command line? */
bool after_backup_is_wanted(const struct cli *cli, const struct config_section *place);

/* Is something there missing, as far as is remembered: a backup newer than the last good copy? */
bool after_backup_is_late(const struct outcomes *o, const struct config_section *place);

#endif
