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
struct plan_group;

enum { RUN_ID_MAX = 9 };                 /* eight hex digits */

/* What became of a copy to another vault. */
struct backup_copy {
	const char *to;                  /* the vault's name in the configuration */
	struct err err;                  /* code not 0: not done, or not all of it */
	struct copy_result sum;
	uint64_t duration_ms;
	bool partial;                    /* more than this was missing there */
};

struct backup_report {
	const struct plan *plan;
	struct backup_result *results;   /* one for each store of the plan */
	struct backup_copy *copies;      /* owned by who made the report */
	size_t n_copies;
	bool copies_failed;              /* all of them, before any began: for copies_error */
	struct err copies_error;
	struct err warning;              /* of the run as a whole: its entry in the ledger */
	int64_t began_s;
	char id[RUN_ID_MAX];             /* of the run, for the log */
	uint64_t duration_ms;
	bool catch_up;                   /* copy also what is missing from before */
	bool dry_run, accepted;          /* accepted: vanished files are gone on purpose */
	enum exit_code exit;
};

/* A new id and the present time. */
void backup_report_begin(struct backup_report *r);

enum exit_code backup_report_exit(const struct backup_report *r);

/* How many stores there are, and how many failed; a fleet that cannot be looked at is one. */
size_t backup_report_stores(const struct backup_report *r, size_t *failed);

/* Say what helps against denials; only here it is known who asked. */
void backup_report_explain(const struct backup_report *r);

/* Failures and warnings to standard error. */
void backup_report_messages(const struct backup_report *r);

/* The summary; fleets are folded into one line unless `all`. */
int backup_report_print(const struct backup_report *r, bool all, struct err *err);
int backup_report_json(const struct backup_report *r, struct err *err);

/* What is to be known of a fleet though its members are well: code 0 if nothing. */
struct err backup_report_missing(const struct backup_report *r, const struct plan_group *g);

/* The record for runlog.h. */
json_t *backup_report_run(const struct backup_report *r, const char *command);

#endif
