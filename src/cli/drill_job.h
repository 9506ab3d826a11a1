/* drill_job - a drill as the configuration describes it, on its way into the library. */
#ifndef DRILL_JOB_H
#define DRILL_JOB_H

#include "base/scope.h"
#include "cli/stores.h"
#include "holdfast/drill.h"

struct cli;
struct config_section;
struct err;
struct outcomes;

struct drill_job {
	const struct config_section *section;   /* NULL: of no [drill] */
	struct stores *stores;
	struct drill_store *list;
	struct drill_assertion *assertions;
	char *policy, *folder;
	const char *hidden[4];
	struct drill_options options;
};

/*
 * Opens the vault. A [drill] section: all its stores. An operand STORE[@SNAPSHOT]: that store, with the
 * settings of the first [drill] that has it, if any. ERR_ABSENT (no such store), ERR_INVALID.
 */
struct drill_job *drill_job_new(struct cli *cli, const struct config_section *section,
                                const char *operand, struct err *err);
void drill_job_free(struct drill_job *j);
AUTO_FREE(drill_job);

/* The [drill] of that name, or NULL. */
const struct config_section *drill_section(const struct cli *cli, const char *name);

/* Was it not tried yet in the turn that has begun? *turn_s is the beginning of that turn. */
bool drill_is_due(const struct cli *cli, const struct config_section *section,
                  const struct outcomes *o, int64_t now_s, int64_t *turn_s);

/* The first of its stores that this machine cannot read without the recovery secret, or NULL. */
const struct store_entry *drill_job_unreadable(const struct cli *cli, const struct drill_job *j);

/* Remember what became of it, where it was a turn of its section. ERR_NOMEM. */
int drill_job_note(const struct drill_job *j, enum drill_verdict verdict, int64_t start_s,
                   struct outcomes *o, struct err *err);

#endif
