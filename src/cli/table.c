#include "cli/table.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/text.h"
#include "holdfast/err.h"

enum { CELL_MAX = 1024 };

struct table {
	const char *align;
	size_t columns, rows, cap;
	size_t width[TABLE_COLUMNS_MAX];
	char **cells;   /* rows * columns */
};

struct table *table_new(const char *align, struct err *err)
{
	struct table *t = calloc(1, sizeof *t);
	if (!t) {
		err_no_memory(err);
		return NULL;
	}
	t->align = align;
	t->columns = strlen(align);
	return t;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->rows * t->columns; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
}

static int grow(struct table *t, struct err *err)
{
	if (t->rows < t->cap)
		return 0;
	size_t cap = t->cap ? t->cap * 2 : 16;
	char **cells = reallocarray(t->cells, cap * t->columns, sizeof *cells);
	if (!cells)
		return err_no_memory(err);
	t->cells = cells;
	t->cap = cap;
	return 0;
}

int table_row(struct table *t, const char *const *cells, struct err *err)
{
	if (grow(t, err) != 0)
		return err->code;
	char **row = t->cells + t->rows * t->columns;
	memset(row, 0, t->columns * sizeof *row);
	t->rows++;
	for (size_t i = 0; i < t->columns; i++) {
		char safe[CELL_MAX];
		row[i] = strdup(text_escape(safe, sizeof safe, cells[i]));
		if (!row[i])
			return err_no_memory(err);
		size_t width = text_columns(row[i]);
		if (width > t->width[i])
			t->width[i] = width;
	}
	return 0;
}

static void print_cell(const struct table *t, const char *cell, size_t column, bool last)
{
	int pad = (int)(t->width[column] - text_columns(cell));
	if (t->align[column] == 'r')
		printf("%*s%s", pad, "", cell);
	else
		printf("%s%*s", cell, last ? 0 : pad, "");
	fputs(last ? "\n" : "  ", stdout);
}

/* nothing but blanks is not printed at the end of a line */
static size_t used_columns(const struct table *t, char *const *row)
{
	size_t used = t->columns;
	while (used > 1 && !*row[used - 1])
		used--;
	return used;
}

void table_print(const struct table *t)
{
	for (size_t i = 0; i < t->rows; i++) {
		char *const *row = t->cells + i * t->columns;
		size_t used = used_columns(t, row);
		for (size_t column = 0; column < used; column++)
			print_cell(t, row[column], column, column + 1 == used);
	}
}
