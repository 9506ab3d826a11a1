/*
 * period - what the ledgers, the evidence and the charter tell of a span of time, as one JSON document.
 *
 *   {"from","to","made","vault","machine","sealed",
 *    "stores":   [{"id","writer","name","asset","owner","newest","snapshots","drills","drilled","verdict"}],
 *    "days":     [{"day","runs","good","failed"}],
 *    "drills":   [{"id","machine","state","due","started","finished","retry","store","name","asset","seq",
 *                  "rto_ms","rto_target_ms","rpo_s","rpo_target_s","rpo_basis","passed","failed","skipped",
 *                  "why",...}],
 *    "missed":   [{"name","machine","since","until"}],
 *    "findings": [{"id","ticket","text","opened","due","closed"}],
 *    "keys":     [{"id","name","roles","enrolled","by"}],
 *    "epochs":   [{"store","name","epoch","since"}],
 *    "sums":     {...}, "facts": [...], "clauses": [...]}           (period_facts.h)
 *
 * Times are Unix seconds, 0: none. Names are those that this machine can read: a drill whose detail is
 * sealed to others has ids only, and `sealed` counts these. report, evidence and their pages all show
 * this document, so that no two of them disagree.
 */
#ifndef PERIOD_H
#define PERIOD_H

#include <jansson.h>
#include <stdint.h>

struct cli;
struct err;

/* Opens the vault, and unlocks it where that asks nobody. NULL with errors of reading the vault. */
json_t *period_document(struct cli *cli, int64_t from_s, int64_t to_s, struct err *err);

#endif
