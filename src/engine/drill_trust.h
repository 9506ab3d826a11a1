/* drill_trust - is what lies in a drill's folder of the vault from the machine that drilled? Whoever can
 * write there can put files; they lack that machine's keys, which the charter names. */
#ifndef DRILL_TRUST_H
#define DRILL_TRUST_H

#include "engine/evidence_folder.h"
#include "format/charter.h"
#include "format/report.h"

struct buf;
struct err;
struct vault;

/* Is the report of that machine, and signed by its report key? ERR_CORRUPT. */
int drill_trust_report(const struct vault *v, const struct charter_key *by, const struct report *r,
                       const struct buf *text, const struct buf *signature, struct err *err);

/* Is it the one that the machine's ledger tells of? `digest`: its SHA-256 there in hex, or NULL: it is looked
 * up. ERR_CORRUPT, errors of ledger_show. */
int drill_trust_ledger(struct vault *v, const struct charter_key *by, const struct report *r,
                       const struct buf *text, const char *digest, struct err *err);

/* What evidence_judge holds the folder against: the machine's keys of the charter, reviewers of the file
 * `signers` (NULL: those that the machine listed with the approval), and the authority that it named. NULL
 * with ERR_NOMEM, errors of files. */
struct evidence_folder *drill_trust_keys(const struct vault *v, const struct charter_key *by,
                                         const struct evidence_folder *f, const char *signers,
                                         struct err *err);

#endif
