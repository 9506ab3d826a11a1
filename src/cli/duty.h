/*
 * duty - what `holdfast run` looks after, and one run of it.
 *
 * A duty says from what is remembered whether something is due, and does it. The run asks all of them in
 * the order of the table, so that each finds what those before it did. What befalls single stores goes
 * into the summary and ends nothing.
 */
#ifndef DUTY_H
#define DUTY_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/backup_report.h"
#include "cli/run_summary.h"
#include "holdfast/err.h"

struct cli;
struct config_section;
struct logger;
struct outcomes;
struct plan;

/* A drill whose turn had come. */
struct duty_drill_done {
	const struct config_section *section;
	int64_t start_s, turn_s;
	char id[33];                     /* "": it came to no report, and `why` says why not */
	const char *verdict;
	bool passed, unread;             /* unread: left alone, since nothing here opens its stores */
	char fact[600];                  /* what speaks against it */
	struct err why;                  /* with an id: why it is in no ledger, or not stamped, or how
	                                    the vault was set back */
};

struct duty_run {
	struct cli *cli;
	struct outcomes *outcomes;       /* as they were before the run */
	struct run_summary *summary;
	struct logger *log;
	struct backup_report report;     /* of the backups and their copies; its id is the run's */
	struct plan *plan;               /* what the report speaks of; owned; NULL: no store is due */
	struct duty_drill_done *drills;  /* owned */
	size_t n_drills;
	struct err vault;                /* code not 0: the vault cannot be used, and why */
};

struct duty {
	const char *name;
	/* Is anything due, by configuration and memory alone? Nothing is printed, no vault is asked. */
	bool (*is_due)(struct duty_run *r);
	/* Say what is due, for a dry run: one line each on standard output, or one JSON object. */
	int (*tell)(struct duty_run *r, struct err *err);
	/* Do it; the vault is open. ERR_* only for what leaves no sense in going on. */
	int (*carry_out)(struct duty_run *r, struct err *err);
	/* Remember what became of it, also where the vault could not be opened. ERR_NOMEM. */
	int (*note)(const struct duty_run *r, struct outcomes *o, struct err *err);
	/* Add its lines to the summary, when all is noted in r->outcomes. ERR_NOMEM. */
	int (*sum_up)(struct duty_run *r, struct err *err);
};

/* In the order in which they are carried out, ended by NULL. */
extern const struct duty *const duties[];
extern const struct duty duty_backup, duty_copy, duty_drill;

/* How many drills were done or could not be, and how many of them did not pass. */
size_t duty_drill_count(const struct duty_run *r, size_t *bad);

/* When the next one has its turn, and which; INT64_MAX where there is none. */
int64_t duty_drill_next(const struct duty_run *r, const struct config_section **which);

#endif
