/*
 * mask_rules - the rules of a masked restore: an INI file, a section for each table, a line for each
 * column (docs/holdfast-mask.5).
 *
 * A name that cannot stand in such a file (long, or with = or ] or the like) is written as @ and 16 hex
 * digits of its hash. A key that begins with @ and no such digits is about the table.
 */
#ifndef MASK_RULES_H
#define MASK_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"
#include "crypto/sha256.h"
#include "holdfast/mask.h"
#include "source/mask_rule.h"

enum {
	MASK_RULES_BYTES_MAX = 2 << 20,
	MASK_RULES_MAX = 20000,          /* lines that are rules */
	MASK_NAME_MAX = 50,              /* of a name as it is written, with its NUL */
};

enum mask_rows { MASK_ROWS_KEPT, MASK_ROWS_DROPPED, MASK_ROWS_REBUILT, MASK_ROWS_UNDECIDED };

struct mask_rules_column {
	char name[MASK_NAME_MAX];
	struct mask_rule rule;
};

struct mask_rules_table {
	char name[MASK_NAME_MAX];
	enum mask_rows rows;
	bool rows_given;                 /* the file says "@rows" */
	struct mask_rules_column *columns;
	size_t n;
};

AUTO_FREE(mask_rules);

/* The same of text. `file` is for messages, dictionaries are looked for in `folder`. */
struct mask_rules *mask_rules_parse(const char *file, const char *folder, const char *text, size_t len,
                                    struct err *err);

/* Write rules and dictionaries into a folder, and read them there again, with the same order and the same
 * digest. NULL, or negative, with what the others give. */
int mask_rules_store(const struct mask_rules *r, const char *folder, struct err *err);
struct mask_rules *mask_rules_stored(const char *folder, struct err *err);

/* How a table's or column's name is written in rules. */
void mask_rules_spell(char out[MASK_NAME_MAX], const char *name);

/* NULL: the rules do not name it. Names are the database's: A and a are one name. */
const struct mask_rules_table *mask_rules_find(const struct mask_rules *r, const char *table);
const struct mask_rule *mask_rules_column(const struct mask_rules_table *t, const char *column);

size_t mask_rules_count(const struct mask_rules *r);   /* lines: "@rows" and columns */

#endif
