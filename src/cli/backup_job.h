/* backup_job - stores on their way into the vault, and what is remembered of it: `backup` and `run`. */
#ifndef BACKUP_JOB_H
#define BACKUP_JOB_H

#include <stdbool.h>

#include "cli/backup_report.h"
#include "holdfast/backup.h"

struct cli;
struct err;
struct outcomes;

/* Back up r->plan, whose results are allocated. ERR_* only for what stopped all of it; what befell
 * single stores is in the results. */
int backup_job_run(struct cli *cli, struct backup_report *r, const struct backup_options *how,
                   struct err *err);

/* Copy it to where that is wanted (after_backup.h); what befell that is in the report. */
void backup_job_copy(struct cli *cli, struct backup_report *r, const struct outcomes *late);

/* Note every store and fleet, and every copy of the report. ERR_NOMEM. */
int backup_job_note(const struct cli *cli, const struct backup_report *r, struct outcomes *o,
                    struct err *err);
int backup_job_note_copies(const struct backup_report *r, struct outcomes *o, struct err *err);

/* Keep all records of a `backup`: fleets' members, outcomes, the log of runs. Nothing of a dry run. A
 * failure is a reason for exit status 4, not for a lost night. */
int backup_job_remember(struct cli *cli, const struct backup_report *r, struct err *err);

#endif
