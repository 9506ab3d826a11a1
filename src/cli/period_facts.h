/*
 * period_facts - what a span of time gives evidence of, clause by clause, and where evidence is missing.
 *
 *   "sums":    {"drills","passed","failed","unverified","lost","missed","stores","drilled","backups",
 *               "backups_failed","rto_met","rto_set","rpo_met","rpo_set"}
 *   "facts":   [{"fact":"restored","good":N,"of":N}]       evidence where good > 0, a gap where good < of,
 *                                                          or where there is nothing at all
 *   "clauses": [{"clause":"ISO/IEC 27001:2022 A.8.13","facts":["restored",...]}]
 *
 * Evidence and gaps, never a verdict about law. Pure.
 */
#ifndef PERIOD_FACTS_H
#define PERIOD_FACTS_H

#include <jansson.h>
#include <stdbool.h>

struct err;

/* Add the three to a document of period.h that has all the rest. ERR_NOMEM. */
int period_add_facts(json_t *doc, struct err *err);

/* Of one of "facts". */
bool period_has_evidence(const json_t *fact);
bool period_has_gap(const json_t *fact);

/* By its name; NULL if the document has none. */
const json_t *period_fact(const json_t *doc, const char *name);

#endif
