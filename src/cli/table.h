/* table - rows of text in columns as wide as they need to be. */
#ifndef TABLE_H
#define TABLE_H

#include <stddef.h>

#include "base/scope.h"

struct err;
struct table;

enum { TABLE_COLUMNS_MAX = 10 };

/* align has one letter per column: 'l' or 'r'. NULL with ERR_NOMEM. */
struct table *table_new(const char *align, struct err *err);
void table_free(struct table *t);
AUTO_FREE(table);

/* One row: as many cells as columns; copied and made safe for a terminal. ERR_NOMEM. */
int table_row(struct table *t, const char *const *cells, struct err *err);

/* table_row(t, (const char *const[]){ ... }, err) */
#define TABLE_ROW(t, err, ...) table_row(t, (const char *const[]){ __VA_ARGS__ }, err)

/* To standard output, two blanks between columns. */
void table_print(const struct table *t);

#endif
