/* mask_job - one store restored masked, or a skeleton of rules for it, and what is said of it. */
#ifndef MASK_JOB_H
#define MASK_JOB_H

#include <stdbool.h>

#include "base/scope.h"
#include "holdfast/mask.h"

struct cli;
struct err;
struct restore_job;

struct mask_job {
	const struct mask_rules *rules;   /* NULL: no masking */
	bool template_only;
	bool overwrite;
};
AUTO_FREE(mask_rules);

/* Where the original lies veiled while only rules are printed. */
const char *mask_job_scratch(void);

/* *degraded becomes true if there was a warning. The codes of restore_masked; each table and column that
 * lacks a rule was printed then. */
int mask_job_run(struct cli *cli, const struct restore_job *job, const struct mask_job *mask, bool *degraded,
                 struct err *err);

#endif
