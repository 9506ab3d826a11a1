/* plan - which stores `backup` is to take: single ones, and the members of fleets. */
#ifndef PLAN_H
#define PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/scope.h"
#include "holdfast/backup.h"
#include "holdfast/err.h"

struct config_section;
struct fleet;
struct cli;

/* What one [store] section comes to. */
struct plan_group {
	const struct config_section *section;
	struct fleet *fleet;     /* NULL for a single store */
	size_t first, n;         /* its stores */
	size_t missing;          /* vanished members that were asked for */
	bool too_many_missing;   /* more than max-missing */
	bool whole;              /* a fleet of which no member was left out by the operands */
	struct err err;          /* code not 0: the fleet could not be expanded, n is 0 */
};

struct plan {
	struct backup_store *stores;
	struct plan_group *groups;
	size_t n, n_groups;
};

/* From the configuration and the operands (names, section names, patterns; none: all). NULL with
 * ERR_INVALID if an operand means nothing, or there is no store at all. */
struct plan *plan_make(struct cli *cli, struct err *err);
void plan_free(struct plan *p);
AUTO_FREE(plan);

/* Leave only the stores that `keep` wants; what vanished from a fleet is told only with one of them. */
typedef bool plan_wants(void *arg, const struct plan_group *g, const struct backup_store *store);
void plan_keep(struct plan *p, plan_wants *keep, void *arg);

/* Remember which members are there; those that vanished beyond max-missing stay remembered until
 * `accept`, so that they are told of every night. */
int plan_remember(const struct plan *p, struct cli *cli, bool accept, struct err *err);

#endif
