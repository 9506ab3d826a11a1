/* mask_schema - the tables and columns that a database has, and the rule for each of them. */
#ifndef MASK_SCHEMA_H
#define MASK_SCHEMA_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/scope.h"
#include "source/mask_rules.h"

struct buf;
struct err;

enum { MASK_TABLES_MAX = 10000, MASK_TEMPLATE_MAX = 16 << 20 };
#define MASK_NO_COLUMN ((size_t)-1)

struct mask_column {
	char *name;
	bool generated;                  /* made by SQLite from others, and never copied */
	bool key;                        /* of the primary key */
	bool not_null;
	bool nocase;                     /* so the column has it */
	char *parent_table, *parent_column;   /* what it refers to, or NULL */
	const struct mask_rule *rule;    /* after mask_schema_decide */
	char *domain;                    /* what shares it is masked alike */
	bool fold;                       /* A and a are one value */
	size_t subject;                  /* date-shift: the column that names it */
};

struct mask_table {
	char *name, *sql;
	bool is_virtual;
	enum mask_rows rows;             /* after mask_schema_decide */
	struct mask_column *columns;     /* none of virtual tables */
	size_t n;
};

struct mask_schema {
	struct mask_table *tables;       /* by name; not SQLite's own, nor what virtual ones are made of */
	size_t n;
};

/* ERR_SOURCE, ERR_LIMIT, ERR_STOPPED, ERR_NOMEM. */
struct mask_schema *mask_schema_read(sqlite3 *db, struct err *err);
void mask_schema_free(struct mask_schema *s);
AUTO_FREE(mask_schema);

/*
 * Find the rule of every table and column; rules live as long as the schema. Each that has none is told to
 * `missing` (which may be NULL) and is ERR_INVALID in the end; so is a rule that cannot hold (null in a
 * column that takes none, a foreign key whose two sides are masked differently, a subject that is no
 * column). result->unused is set.
 */
int mask_schema_decide(struct mask_schema *s, const struct mask_rules *rules, mask_missing *missing,
                       void *arg, struct mask_result *result, struct err *err);

/* Append a file of rules in which everything is still to be decided. ERR_LIMIT, ERR_NOMEM. */
int mask_schema_template(const struct mask_schema *s, struct buf *out, struct err *err);

#endif
