/* ledger_match - is everything that the vault holds in a log, and the other way round? */
#ifndef LEDGER_MATCH_H
#define LEDGER_MATCH_H

#include "holdfast/ledger.h"

struct err;
struct ledger_facts;
struct vault;

/* Called from one thread at a time. */
typedef void ledger_match_told(void *arg, enum ledger_severity severity, const struct err *problem);

struct ledger_match_how {
	ledger_match_told *told;
	void *arg;
	bool copy;                   /* as in struct ledger_verify_options */
};

/* Every snapshot and drill report below every key of the charter against sorted facts, and back. Counts
 * what was looked at. Storage errors, ERR_NOMEM. */
int ledger_match(const struct vault *v, struct ledger_facts *facts, const struct ledger_match_how *how,
                 struct ledger_verify_result *result, struct err *err);

#endif
