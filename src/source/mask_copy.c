#include "source/mask_copy.h"

#include <stdlib.h>

#include "base/buf.h"
#include "crypto/secret.h"
#include "source/mask_db.h"
#include "source/mask_schema.h"
#include "source/mask_value.h"

enum { STOP_ROWS = 256 };

/* One table on its way. */
struct copying {
	const struct mask_copy *of;
	const struct mask_table *table;
	size_t *at;                  /* columns that are copied */
	struct mask_how *how;
	struct secret **keys;
	size_t n;
	sqlite3_stmt *in, *out;
	uint64_t rows;
};

static void copying_end(struct copying *c)
{
	for (size_t i = 0; c->keys && i < c->n; i++)
		secret_free(c->keys[i]);
	free(c->at);
	free(c->how);
	free(c->keys);
	sqlite3_finalize(c->in);
	sqlite3_finalize(c->out);
}

static bool needs_key(enum mask_kind kind)
{
	return kind == MASK_HASH || kind == MASK_PSEUDONYM || kind == MASK_EMAIL || kind == MASK_DATE_SHIFT;
}

static int choose_columns(struct copying *c, struct err *err)
{
	const struct mask_table *t = c->table;
	c->at = calloc(t->n + 1, sizeof *c->at);
	c->how = calloc(t->n + 1, sizeof *c->how);
	c->keys = calloc(t->n + 1, sizeof *c->keys);
	if (!c->at || !c->how || !c->keys)
		return err_no_memory(err);
	for (size_t i = 0; i < t->n; i++) {
		const struct mask_column *column = &t->columns[i];
		if (column->generated)
			continue;
		size_t k = c->n++;
		c->at[k] = i;
		c->how[k] = (struct mask_how){ .rule = column->rule, .nocase = column->fold };
		if (!needs_key(column->rule->kind))
			continue;
		c->keys[k] = mask_value_key(c->of->key, column->rule->kind, column->domain, err);
		if (!c->keys[k])
			return err->code;
		c->how[k].key = c->keys[k];
	}
	return 0;
}

static void add_columns(const struct copying *c, sqlite3_str *sql)
{
	for (size_t k = 0; k < c->n; k++) {
		if (k > 0)
			sqlite3_str_appendchar(sql, 1, ',');
		mask_db_name(sql, c->table->columns[c->at[k]].name);
	}
}

static int prepare_read(struct copying *c, struct err *err)
{
	sqlite3_str *sql = sqlite3_str_new(c->of->from);
	sqlite3_str_appendall(sql, "SELECT ");
	add_columns(c, sql);
	sqlite3_str_appendall(sql, " FROM main.");
	mask_db_name(sql, c->table->name);
	/* the table itself: an index of a damaged database may not have all rows */
	sqlite3_str_appendall(sql, " NOT INDEXED");
	c->in = mask_db_prepare(c->of->from, sql, err);
	return c->in ? 0 : (int)err->code;
}

/* ABORT, whatever the table says: a row that masking made like another must not vanish in silence. */
static int prepare_write(struct copying *c, struct err *err)
{
	sqlite3_str *sql = sqlite3_str_new(c->of->to);
	sqlite3_str_appendall(sql, "INSERT OR ABORT INTO main.");
	mask_db_name(sql, c->table->name);
	sqlite3_str_appendchar(sql, 1, '(');
	add_columns(c, sql);
	sqlite3_str_appendall(sql, ") VALUES(?");
	for (size_t k = 1; k < c->n; k++)
		sqlite3_str_appendall(sql, ",?");
	sqlite3_str_appendchar(sql, 1, ')');
	c->out = mask_db_prepare(c->of->to, sql, err);
	return c->out ? 0 : (int)err->code;
}

static struct mask_cell cell_of(sqlite3_stmt *q, int i)
{
	struct mask_cell c = { .type = MASK_IS_NULL };
	switch (sqlite3_column_type(q, i)) {
	case SQLITE_INTEGER:
		c.type = MASK_IS_INTEGER;
		c.integer = sqlite3_column_int64(q, i);
		return c;
	case SQLITE_FLOAT:
		c.type = MASK_IS_REAL;
		c.real = sqlite3_column_double(q, i);
		return c;
	case SQLITE_NULL: return c;
	case SQLITE_TEXT:
		c.type = MASK_IS_TEXT;
		c.bytes = sqlite3_column_text(q, i);
		break;
	default:
		c.type = MASK_IS_BLOB;
		c.bytes = sqlite3_column_blob(q, i);
		break;
	}
	c.len = c.bytes ? (size_t)sqlite3_column_bytes(q, i) : 0;
	c.bytes = c.bytes ? c.bytes : "";
	return c;
}

static int bind(sqlite3_stmt *q, int i, const struct mask_cell *c)
{
	switch (c->type) {
	case MASK_IS_NULL: return sqlite3_bind_null(q, i);
	case MASK_IS_INTEGER: return sqlite3_bind_int64(q, i, c->integer);
	case MASK_IS_REAL: return sqlite3_bind_double(q, i, c->real);
	case MASK_IS_TEXT:
		return sqlite3_bind_text64(q, i, c->bytes, c->len, SQLITE_TRANSIENT, SQLITE_UTF8);
	case MASK_IS_BLOB: break;
	}
	return sqlite3_bind_blob64(q, i, c->bytes, c->len, SQLITE_TRANSIENT);
}

static int position_of(const struct copying *c, size_t column)
{
	for (size_t k = 0; k < c->n; k++)
		if (c->at[k] == column)
			return (int)k;
	return 0;
}

static int copy_value(struct copying *c, size_t k, struct err *err)
{
	const struct mask_column *column = &c->table->columns[c->at[k]];
	struct mask_cell in, out, subject, *of = NULL;
	if (column->rule->kind == MASK_KEEP) {
		if (sqlite3_bind_value(c->out, (int)k + 1, sqlite3_column_value(c->in, (int)k)) == SQLITE_OK)
			return 0;
		return mask_db_error(c->of->to, err);
	}
	in = cell_of(c->in, (int)k);
	if (column->subject != MASK_NO_COLUMN) {
		subject = cell_of(c->in, position_of(c, column->subject));
		of = &subject;
	}
	if (mask_value(&c->how[k], &in, of, &out, c->of->room, err) != 0)
		return mask_db_at(c->table->name, column->name, err);
	return bind(c->out, (int)k + 1, &out) == SQLITE_OK ? 0 : mask_db_error(c->of->to, err);
}

/* SQLite names table, column and constraint, never the value. */
static int insert_fails(struct copying *c, struct err *err)
{
	bool constraint = (sqlite3_errcode(c->of->to) & 0xff) == SQLITE_CONSTRAINT ||
	                  (sqlite3_errcode(c->of->to) & 0xff) == SQLITE_MISMATCH;
	mask_db_error(c->of->to, err);
	if (!constraint)
		return mask_db_at(c->table->name, NULL, err);
	char label[MASK_LABEL_MAX];
	err_set(err, ERR_INVALID, "%s: a masked row does not fit the table: %s",
	        mask_db_label(label, c->table->name, NULL), sqlite3_errmsg(c->of->to));
	return err_hint(err, "hash keeps what is unique unique; set can give a value that a CHECK wants");
}

static int copy_row(struct copying *c, struct err *err)
{
	for (size_t k = 0; k < c->n; k++)
		if (copy_value(c, k, err) != 0)
			return err->code;
	if (sqlite3_step(c->out) != SQLITE_DONE)
		return insert_fails(c, err);
	sqlite3_reset(c->out);
	if (++c->rows % STOP_ROWS == 0 && c->of->stop && *c->of->stop)
		return err_set(err, ERR_STOPPED, "interrupted");
	return 0;
}

static int copy_rows(struct copying *c, struct err *err)
{
	int rc;
	while ((rc = sqlite3_step(c->in)) == SQLITE_ROW)
		if (copy_row(c, err) != 0)
			return err->code;
	if (rc == SQLITE_DONE)
		return 0;
	mask_db_error(c->of->from, err);
	return mask_db_at(c->table->name, NULL, err);
}

static void count_table(const struct copying *c, struct mask_result *result)
{
	result->tables++;
	result->rows += c->rows;
	for (size_t k = 0; k < c->n; k++)
		result->columns[c->how[k].rule->kind]++;
}

int mask_copy(const struct mask_copy *copy, const struct mask_table *t, struct mask_result *result,
              struct err *err)
{
	struct copying c = { .of = copy, .table = t };
	int rc = choose_columns(&c, err);
	if (rc == 0)
		rc = prepare_read(&c, err);
	if (rc == 0)
		rc = prepare_write(&c, err);
	if (rc == 0)
		rc = copy_rows(&c, err);
	if (rc == 0)
		count_table(&c, result);
	copying_end(&c);
	return rc;
}
