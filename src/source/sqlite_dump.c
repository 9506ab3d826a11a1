#include "source/sqlite_dump.h"

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "holdfast/err.h"
#include "source/sqlite_conn.h"

/* Collects text and writes it in large pieces; after a failure it does nothing more. */
struct out {
	int fd, failed;
	struct err *err;
	size_t used;
	char bytes[65536];
};

static void flush(struct out *o)
{
	if (!o->failed && io_write(o->fd, o->bytes, o->used, o->err) != 0)
		o->failed = err_wrap(o->err, "dump");
	o->used = 0;
}

static void put(struct out *o, const void *data, size_t len)
{
	for (const char *at = data; len > 0;) {
		size_t room = sizeof o->bytes - o->used, n = len < room ? len : room;
		memcpy(o->bytes + o->used, at, n);
		o->used += n;
		at += n;
		len -= n;
		if (o->used == sizeof o->bytes)
			flush(o);
	}
}

static void put_text(struct out *o, const char *text)
{
	put(o, text, strlen(text));
}

static void put_quoted(struct out *o, char quote, const char *text, size_t len)
{
	put(o, &quote, 1);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == quote)
			put(o, &quote, 1);
		put(o, text + i, 1);
	}
	put(o, &quote, 1);
}

static void put_hex(struct out *o, const uint8_t *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	put_text(o, "X'");
	for (size_t i = 0; i < len; i++)
		put(o, (char[]){ digits[data[i] >> 4], digits[data[i] & 15] }, 2);
	put_text(o, "'");
}

static void put_real(struct out *o, double v)
{
	char text[40];
	if (isinf(v)) {
		put_text(o, v < 0 ? "-9e999" : "9e999");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	/* the user's locale may write a comma */
	char *comma = strchr(text, ',');
	if (comma)
		*comma = '.';
	put_text(o, text);
	if (!strpbrk(text, ".e"))
		put_text(o, ".0");
}

/* NUL ends a literal, and the shell drops CR before LF: such text goes as its bytes. */
static void put_string(struct out *o, const char *text, size_t len)
{
	if (!memchr(text, '\0', len) && !memchr(text, '\r', len)) {
		put_quoted(o, '\'', text, len);
		return;
	}
	put_text(o, "CAST(");
	put_hex(o, (const uint8_t *)text, len);
	put_text(o, " AS TEXT)");
}

static void put_value(struct out *o, sqlite3_stmt *row, int i)
{
	char number[32];
	const void *bytes;
	switch (sqlite3_column_type(row, i)) {
	case SQLITE_INTEGER:
		snprintf(number, sizeof number, "%lld", (long long)sqlite3_column_int64(row, i));
		put_text(o, number);
		return;
	case SQLITE_FLOAT: put_real(o, sqlite3_column_double(row, i)); return;
	case SQLITE_NULL: put_text(o, "NULL"); return;
	case SQLITE_TEXT: bytes = sqlite3_column_text(row, i); break;
	default: bytes = sqlite3_column_blob(row, i); break;
	}
	size_t len = (size_t)sqlite3_column_bytes(row, i);
	if (!bytes)
		len = 0;
	if (sqlite3_column_type(row, i) == SQLITE_TEXT)
		put_string(o, bytes ? bytes : "", len);
	else
		put_hex(o, bytes, len);
}

struct dump {
	struct sqlite_conn *conn;
	struct out *out;
	char *table;          /* as the schema spells it */
	sqlite3_str *select;  /* SELECT column, ... FROM table */
	sqlite3_str *insert;  /* INSERT INTO table(column, ...) VALUES( */
	int columns;
};

/* Calls row for each row of sql, whose one parameter, if it has one, is name. */
static int each(struct dump *d, const char *sql, const char *name,
                void (*row)(struct dump *, sqlite3_stmt *), struct err *err)
{
	sqlite3_stmt *q = NULL;
	int rc = sqlite3_prepare_v2(d->conn->db, sql, -1, &q, NULL);
	if (rc == SQLITE_OK && name)
		rc = sqlite3_bind_text(q, 1, name, -1, SQLITE_STATIC);
	while (rc == SQLITE_OK || (rc == SQLITE_ROW && !d->out->failed)) {
		rc = sqlite3_step(q);
		if (rc == SQLITE_ROW)
			row(d, q);
	}
	int result = 0;
	if (d->out->failed)
		result = err->code;
	else if (rc != SQLITE_DONE)
		result = sqlite_conn_error(d->conn, err);
	sqlite3_finalize(q);
	return result;
}

/* ---- finding the table ---- */

struct found {
	char *name;
	bool is_virtual, is_view;
};

static int find(struct sqlite_conn *c, const char *table, struct found *f, struct err *err)
{
	static const char sql[] =
		"SELECT name, sql LIKE 'CREATE VIRTUAL%', type = 'view' FROM sqlite_schema "
		"WHERE name = ?1 COLLATE NOCASE AND type IN ('table', 'view')";
	sqlite3_stmt *q = NULL;
	int rc = sqlite3_prepare_v2(c->db, sql, -1, &q, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(q, 1, table, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(q);
	int result = 0;
	if (rc == SQLITE_ROW) {
		const unsigned char *name = sqlite3_column_text(q, 0);
		f->name = name ? strdup((const char *)name) : NULL;
		f->is_virtual = sqlite3_column_int(q, 1);
		f->is_view = sqlite3_column_int(q, 2);
		if (!f->name)
			result = err_no_memory(err);
	} else if (rc != SQLITE_DONE) {
		result = sqlite_conn_error(c, err);
	}
	sqlite3_finalize(q);
	return result;
}

static int absent(struct sqlite_conn *c, const char *table, struct err *err)
{
	static const char sql[] =
		"SELECT group_concat(name, ', ') FROM (SELECT name FROM sqlite_schema "
		"WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
		"ORDER BY name NOT LIKE '%' || ?1 || '%', name LIMIT 20)";
	sqlite3_stmt *q = NULL;
	const unsigned char *names = NULL;
	if (sqlite3_prepare_v2(c->db, sql, -1, &q, NULL) == SQLITE_OK &&
	    sqlite3_bind_text(q, 1, table, -1, SQLITE_STATIC) == SQLITE_OK &&
	    sqlite3_step(q) == SQLITE_ROW)
		names = sqlite3_column_text(q, 0);
	err_set(err, ERR_ABSENT, "%s: has no table '%s'", c->label, table);
	err_hint(err, "its tables: %s", names ? (const char *)names : "none");
	sqlite3_finalize(q);
	return err->code;
}

static int find_table(struct sqlite_conn *c, const char *table, char **name, struct err *err)
{
	struct found f = { 0 };
	if (find(c, table, &f, err) != 0)
		return err->code;
	int rc = 0;
	if (!f.name)
		rc = absent(c, table, err);
	else if (f.is_virtual || f.is_view || sqlite3_strnicmp(f.name, "sqlite_", 7) == 0)
		rc = err_set(err, ERR_INVALID, "%s: '%s' is %s and has no rows of its own to dump",
		             c->label, f.name, f.is_virtual ? "a virtual table" :
		             f.is_view ? "a view" : "one of SQLite's own tables");
	if (rc == 0)
		*name = f.name;
	else
		free(f.name);
	return rc;
}

/* ---- the dump ---- */

static void put_statement(struct dump *d, sqlite3_stmt *row)
{
	const unsigned char *sql = sqlite3_column_text(row, 0);
	put_text(d->out, sql ? (const char *)sql : "");
	put_text(d->out, ";\n");
}

/* Generated columns make themselves; SQLite takes no values for them. */
static void add_column(struct dump *d, sqlite3_stmt *row)
{
	const char *comma = d->columns++ ? "," : "";
	sqlite3_str_appendf(d->select, "%s\"%w\"", comma, sqlite3_column_text(row, 0));
	sqlite3_str_appendf(d->insert, "%s\"%w\"", comma, sqlite3_column_text(row, 0));
}

static void put_row(struct dump *d, sqlite3_stmt *row)
{
	put(d->out, sqlite3_str_value(d->insert), (size_t)sqlite3_str_length(d->insert));
	for (int i = 0; i < d->columns; i++) {
		if (i > 0)
			put_text(d->out, ",");
		put_value(d->out, row, i);
	}
	put_text(d->out, ");\n");
}

static void put_sequence(struct dump *d, sqlite3_stmt *row)
{
	put_text(d->out, "DELETE FROM sqlite_sequence WHERE name=");
	put_value(d->out, row, 0);
	put_text(d->out, ";\nINSERT INTO sqlite_sequence(name,seq) VALUES(");
	put_value(d->out, row, 0);
	put_text(d->out, ",");
	put_value(d->out, row, 1);
	put_text(d->out, ");\n");
}

static int put_rows(struct dump *d, struct err *err)
{
	sqlite3_str_appendf(d->select, "SELECT ");
	sqlite3_str_appendf(d->insert, "INSERT INTO \"%w\"(", d->table);
	if (each(d, "SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0", d->table,
	         add_column, err) != 0)
		return err->code;
	sqlite3_str_appendf(d->select, " FROM \"%w\"", d->table);
	sqlite3_str_appendf(d->insert, ") VALUES(");
	if (sqlite3_str_errcode(d->select) || sqlite3_str_errcode(d->insert))
		return err_no_memory(err);
	return each(d, sqlite3_str_value(d->select), NULL, put_row, err);
}

static int put_counter(struct dump *d, struct err *err)
{
	int64_t there;
	if (sqlite_conn_number(d->conn, "SELECT count(*) FROM sqlite_schema "
	                                "WHERE name = 'sqlite_sequence'", &there, err) != 0)
		return err->code;
	if (!there)
		return 0;
	return each(d, "SELECT name, seq FROM sqlite_sequence WHERE name = ?1", d->table,
	            put_sequence, err);
}

static int put_table(struct dump *d, struct err *err)
{
	put_text(d->out, "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n");
	if (each(d, "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1", d->table,
	         put_statement, err) != 0 ||
	    put_rows(d, err) != 0 || put_counter(d, err) != 0 ||
	    each(d, "SELECT sql FROM sqlite_schema WHERE type IN ('index', 'trigger') AND "
	            "tbl_name = ?1 COLLATE NOCASE AND sql IS NOT NULL ORDER BY type, rowid",
	         d->table, put_statement, err) != 0)
		return err->code;
	put_text(d->out, "COMMIT;\n");
	flush(d->out);
	return d->out->failed;
}

static int dump(struct dump *d, struct err *err)
{
	d->select = sqlite3_str_new(d->conn->db);
	d->insert = sqlite3_str_new(d->conn->db);
	int rc = put_table(d, err);
	sqlite3_free(sqlite3_str_finish(d->select));
	sqlite3_free(sqlite3_str_finish(d->insert));
	return rc;
}

int sqlite_dump_table(const char *db_path, const char *table, int fd, struct err *err)
{
	AUTO(sqlite_conn) conn = sqlite_conn_new(db_path, 0, err);
	if (!conn || sqlite_conn_run(conn, "BEGIN", err) != 0)
		return err->code;
	struct dump d = { .conn = conn };
	if (find_table(conn, table, &d.table, err) != 0)
		return err->code;
	d.out = calloc(1, sizeof *d.out);
	int rc;
	if (d.out) {
		d.out->fd = fd;
		d.out->err = err;
		rc = dump(&d, err);
	} else {
		rc = err_no_memory(err);
	}
	free(d.out);
	free(d.table);
	return rc;
}
