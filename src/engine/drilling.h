/* drilling - one drill under way: what its parts share. */
#ifndef DRILLING_H
#define DRILLING_H

#include <jansson.h>
#include <stdint.h>

#include "base/sandbox.h"
#include "engine/drill_choose.h"
#include "engine/open.h"
#include "format/report.h"
#include "holdfast/drill.h"

enum { DRILL_PATH_MAX = 4200 };

struct drilling {
	struct vault *v;
	const struct drill_options *o;
	struct drill_choice choice;
	const struct drill_candidate *c;   /* the chosen one */
	struct report report;
	struct drill_result *result;

	int64_t begun_ms, checked_ms;      /* the clock of the RTO; checked_ms 0: the checks did not end */
	const char *phase;                 /* where it is */
	int64_t phase_ms;
	bool finding;                      /* the error that ended it says that the backup is no good */

	struct open_snapshot *snapshot;
	json_t *recorded;                  /* the snapshot's facts */
	char type[32];                     /* of the trial */
	char *file;                        /* its one file; NULL: a tree */
	char *database;
	struct sandbox *box;
	char restored[DRILL_PATH_MAX], scratch[DRILL_PATH_MAX];
};

/* A phase ends, the next one begins; NULL: none. */
int drilling_phase(struct drilling *d, const char *next, struct err *err);

/* drill_restore.c: the snapshot into the box, in the phases keys, find, fetch, write. */
int drilling_restore(struct drilling *d, struct err *err);

/* drill_trial.c: all that is asked of it there, in the phases start, replay, checks. */
int drilling_trial(struct drilling *d, struct err *err);

/* drill_record.c: into the ledger before it begins, and into ledger and vault at its end. */
int drilling_plan_recorded(struct drilling *d, struct err *err);
int drilling_end_recorded(struct drilling *d, struct err *err);

#endif
