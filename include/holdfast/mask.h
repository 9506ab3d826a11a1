/*
 * mask - rules by which a restored database is masked, for whoever must look but may not see.
 *
 * docs/holdfast-mask.5 describes the file. What no rule names is refused, never copied.
 *
 * A program that masks must call mask_inside_main when it is started with MASK_INSIDE_WORD as its first
 * argument: it is then the half that opens the database, in a sandbox.
 */
#ifndef HOLDFAST_MASK_H
#define HOLDFAST_MASK_H

#include <stddef.h>
#include <stdint.h>

#include "holdfast/err.h"

#define MASK_INSIDE_WORD "mask-inside"
int mask_inside_main(void);   /* the exit status */

enum mask_kind {
	MASK_KEEP,         /* as it is */
	MASK_NULL,
	MASK_SET,          /* one value for all */
	MASK_HASH,         /* a keyed hash of the value's own type */
	MASK_PSEUDONYM,    /* a word of a dictionary */
	MASK_PARTIAL,      /* first and last characters stay */
	MASK_EMAIL,        /* the domain stays */
	MASK_DATE_SHIFT,   /* days later or earlier, the same for all of one subject */
	MASK_UNDECIDED,    /* "?" of a skeleton: no rule */
};
enum { MASK_KINDS = MASK_UNDECIDED };
const char *mask_kind_text(enum mask_kind kind);   /* "keep", "partial email", ... */

struct mask_rules;

/* Read rules and their dictionaries. NULL with ERR_INVALID (in words, with file and line), ERR_LIMIT,
 * ERR_ABSENT, ERR_DENIED, ERR_IO, ERR_NOMEM. */
struct mask_rules *mask_rules_load(const char *path, struct err *err);
void mask_rules_free(struct mask_rules *r);

/* What `sha256sum` prints of the file, 32 bytes: the ledger names rules by it. */
const uint8_t *mask_rules_digest(const struct mask_rules *r);

/* What the rules say nothing of: a table, or with column not NULL one of its columns. Names are the
 * database's and may hold anything. */
typedef void mask_missing(void *arg, const char *table, const char *column);

/* Gets a file of rules in which everything is still to be decided. A code other than 0 is an error. */
typedef int mask_skeleton(void *arg, const char *text, struct err *err);

/* What was done. */
struct mask_result {
	uint64_t tables;                   /* whose rows were masked */
	uint64_t empty_tables;             /* left empty by a rule */
	uint64_t rebuilt_tables;           /* full-text indexes made anew */
	uint64_t left_out;                 /* virtual tables of a kind that cannot be made here */
	uint64_t columns[MASK_KINDS];      /* by rule, of the first */
	uint64_t rows;
	uint64_t bytes;                    /* of the masked database */
	uint64_t unused;                   /* rules for what is not there */
	uint64_t orphans;                  /* rows without a parent that they name, as in the original */
};

#endif
