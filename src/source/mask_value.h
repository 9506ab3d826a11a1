/* mask_value - one value masked by one rule. Knows no database. */
#ifndef MASK_VALUE_H
#define MASK_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "source/mask_rule.h"

struct buf;
struct secret;

enum mask_type { MASK_IS_NULL, MASK_IS_INTEGER, MASK_IS_REAL, MASK_IS_TEXT, MASK_IS_BLOB };

struct mask_cell {
	enum mask_type type;
	int64_t integer;
	double real;
	const void *bytes;         /* of text (UTF-8, no NUL behind it) and blobs */
	size_t len;
};

enum { MASK_CELL_MAX = 1 << 30 };

/* The key of one column: what has the same key, domain and kind of rule masks alike. 32 bytes; NULL with
 * ERR_NOMEM. */
struct secret *mask_value_key(const struct secret *restore_key, enum mask_kind kind, const char *domain,
                              struct err *err);

struct mask_how {
	const struct mask_rule *rule;
	const struct secret *key;
	bool nocase;                       /* A and a are one value, as the column or the rule has it */
};

/*
 * What is masked into *out; its bytes lie in `room` (which is cleared first) or in the rule. NULL stays
 * NULL under every rule but `set`. subject is that of date-shift, else it may be NULL. ERR_INVALID:
 * the rule does not fit this value (the message does not tell the value), ERR_NOMEM, ERR_LIMIT.
 */
int mask_value(const struct mask_how *how, const struct mask_cell *in, const struct mask_cell *subject,
               struct mask_cell *out, struct buf *room, struct err *err);

#endif
