/* restore_job - which snapshots an operand of `restore` means, and where each is to go. */
#ifndef RESTORE_JOB_H
#define RESTORE_JOB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/scope.h"
#include "cli/choice.h"
#include "holdfast/err.h"
#include "holdfast/source.h"

struct cli;

enum { RESTORE_JOB_SMALL = 4 << 20 };

struct restore_job {
	const struct store_entry *store;
	struct snapshot_info snapshot;
	struct source_options source;   /* of the configuration, or empty */
	const char *command;            /* pipe the dump into this, or NULL */
	char *to;                       /* folder */
	char *first_file;               /* path inside the snapshot, while places are given out */
	size_t files;
	struct err why;                 /* code not 0: it cannot be restored; only where there are several */
	bool small;                     /* one page file that fits RESTORE_JOB_SMALL, as does what is fetched:
	                                   known only where there are several */
};

struct restore_jobs {
	struct stores *stores;
	struct restore_job *jobs;
	size_t n;
	struct err unnamed;             /* code not 0: a store whose name cannot be read might be meant too */
};

/* Opens and unlocks the vault. `to` is --to or NULL. */
struct restore_jobs *restore_jobs_new(struct cli *cli, const char *operand, const char *to,
                                      struct err *err);
void restore_jobs_free(struct restore_jobs *list);
AUTO_FREE(restore_jobs);

#endif
