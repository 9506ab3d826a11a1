/* drill_listing - what the ledgers of all machines tell of drills. */
#ifndef DRILL_LISTING_H
#define DRILL_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"

struct cli;
struct err;

struct listed_drill {
	char id[33], machine[130], verdict[24];
	char report[65];                         /* SHA-256 of report.json, hex, once it finished */
	int64_t due_s, started_s, finished_s;    /* 0: not yet */
	bool retry;                              /* not the first attempt of its drill for its date */
	bool lost;                               /* started, and will not finish any more: it was killed */
};

struct drill_listing {
	struct listed_drill *all;                /* ledger by ledger, oldest first */
	size_t n;
};

/* The vault is open. NULL with what ledger_show gives. */
struct drill_listing *drill_listing_new(struct cli *cli, uint64_t since_s, struct err *err);
void drill_listing_free(struct drill_listing *l);
AUTO_FREE(drill_listing);

/* "passed", ..., "NOT FINISHED", "running", "planned" */
const char *drill_listing_state(const struct listed_drill *d);

#endif
