/* copy_job - stores of the open vault on their way to another one, and what is said of it. */
#ifndef COPY_JOB_H
#define COPY_JOB_H

#include <stdbool.h>

#include "holdfast/copy.h"

struct cli;
struct config_section;
struct stores;

struct copy_job {
	struct cli *cli;
	const struct stores *stores;
	const struct config_section *place;   /* of the target, or NULL */
	const char *url;
	const char *label;                    /* what users call the target */
	bool each;                            /* tell of every store, not only of all */
	struct copy_result sum;
	struct err output;                    /* why the stores could not be told of */
	uint64_t duration_ms;
};

/* Problems go to standard error while it runs; the sums are for copy_job_report. */
int copy_job_run(struct copy_job *job, struct err *err);

/* One line, or one JSON object. */
int copy_job_report(const struct copy_job *job, struct err *err);

#endif
