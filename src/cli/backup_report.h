/* backup_report - what a backup did, for people, for programs and for the log. */
#ifndef BACKUP_REPORT_H
#define BACKUP_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/exit_code.h"
#include "holdfast/copy.h"

struct backup_result;
struct plan;

/* What became of a copy to another vault. */
struct backup_copy {
	const char *to;                  /* the vault's name in the configuration */
	struct err err;                  /* code not 0: not done, or not all of it */
	struct copy_result sum;
	uint64_t duration_ms;
};

struct backup_report {
	const struct plan *plan;
	struct backup_result *results;   /* one for each store of the plan */
	struct backup_copy *copies;      /* owned by who made the report */
	size_t n_copies;
	bool copies_failed;              /* all of them, before any began */
	struct err warning;              /* of the run as a whole: its entry in the ledger */
	uint64_t duration_ms;
	bool dry_run, accepted;          /* accepted: vanished files are gone on purpose */
	enum exit_code exit;
};

enum exit_code backup_report_exit(const struct backup_report *r);

/* Failures and warnings to standard error. */
void backup_report_messages(const struct backup_report *r);

/* The summary; fleets are folded into one line unless `all`. */
int backup_report_print(const struct backup_report *r, bool all, struct err *err);
int backup_report_json(const struct backup_report *r, struct err *err);

/* The record for runlog.h. */
json_t *backup_report_run(const struct backup_report *r, const char *command);

#endif
