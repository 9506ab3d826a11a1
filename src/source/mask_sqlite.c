#include "source/mask_sqlite.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "crypto/secret.h"
#include "source/mask_copy.h"
#include "source/mask_db.h"
#include "source/mask_schema.h"
#include "source/mask_value.h"

enum { KEY_BYTES = 32, CACHE_KIB = 65536 };

/* One database on its way into another. */
struct masking {
	const struct mask_request *request;
	struct mask_result *result;
	struct mask_schema *schema;
	struct secret *key;
	struct buf *room;            /* of one masked value */
	sqlite3 *from, *to;
	bool module_denied;          /* the last statement wanted a virtual table that is not made */
};

/* ---- the text of a schema, which may be anybody's ---- */

static bool is_known_module(const char *module)
{
	static const char *const known[] = { "fts3", "fts4", "fts5", "rtree", "rtree_i32" };
	for (size_t i = 0; module && i < sizeof known / sizeof *known; i++)
		if (sqlite3_stricmp(module, known[i]) == 0)
			return true;
	return false;
}

static int allow(void *arg, int action, const char *a, const char *b, const char *db, const char *by)
{
	struct masking *m = arg;
	(void)a, (void)db, (void)by;
	if (action == SQLITE_CREATE_VTABLE && !is_known_module(b)) {
		m->module_denied = true;
		return SQLITE_DENY;
	}
	if (action == SQLITE_FUNCTION && b && strcmp(b, "load_extension") == 0)
		return SQLITE_DENY;
	return action == SQLITE_ATTACH || action == SQLITE_DETACH ? SQLITE_DENY : SQLITE_OK;
}

/* One statement that creates something, and nothing behind it. */
static int create(struct masking *m, const char *sql, struct err *err)
{
	sqlite3_stmt *q = NULL;
	const char *rest = "";
	int rc = 0;
	if (strncasecmp(sql, "CREATE ", 7) != 0)
		return err_set(err, ERR_SOURCE, "its schema holds what creates nothing");
	m->module_denied = false;
	sqlite3_set_authorizer(m->to, allow, m);
	if (sqlite3_prepare_v2(m->to, sql, -1, &q, &rest) != SQLITE_OK)
		rc = mask_db_error(m->to, err);
	else if (rest[strspn(rest, " \t\r\n;")])
		rc = err_set(err, ERR_SOURCE, "its schema holds more than one statement in one");
	else if (sqlite3_step(q) != SQLITE_DONE)
		rc = mask_db_error(m->to, err);
	sqlite3_finalize(q);
	sqlite3_set_authorizer(m->to, NULL, NULL);
	return rc;
}

/* Does this table exist in the new database? Those that virtual ones are made of come with them. */
static bool is_listed(const struct masking *m, const char *table)
{
	for (size_t i = 0; i < m->schema->n; i++)
		if (sqlite3_stricmp(m->schema->tables[i].name, table) == 0)
			return true;
	return false;
}

static int create_row(void *arg, sqlite3_stmt *q, struct err *err)
{
	struct masking *m = arg;
	const char *name = (const char *)sqlite3_column_text(q, 0);
	const char *table = (const char *)sqlite3_column_text(q, 1);
	const char *sql = (const char *)sqlite3_column_text(q, 2);
	if (!name || !table || !sql || (sqlite3_column_int(q, 3) && !is_listed(m, table)))
		return 0;
	return create(m, sql, err) == 0 ? 0 : mask_db_at(name, NULL, err);
}

/* Indexes once the rows are there; triggers last, so that none fires. */
static int create_others(struct masking *m, struct err *err)
{
	return mask_db_each(m->from, "SELECT name, tbl_name, sql, type = 'index' FROM sqlite_schema "
	                    "WHERE type IN ('index', 'view', 'trigger') AND sql IS NOT NULL ORDER BY "
	                    "CASE type WHEN 'index' THEN 1 WHEN 'view' THEN 2 ELSE 3 END, rowid", NULL,
	                    create_row, m, err);
}

/* ---- all tables ---- */

/* A virtual table whose module this program does not know is left out: its rule said that it is empty. */
static int make_table(struct masking *m, const struct mask_table *t, struct err *err)
{
	if (create(m, t->sql, err) != 0) {
		if (!m->module_denied || t->rows != MASK_ROWS_DROPPED)
			return mask_db_at(t->name, NULL, err);
		m->result->left_out++;
		return 0;
	}
	m->result->empty_tables += t->rows == MASK_ROWS_DROPPED;
	const struct mask_copy copy = { m->from, m->to, m->key, m->room, m->request->stop };
	return t->rows == MASK_ROWS_KEPT ? mask_copy(&copy, t, m->result, err) : 0;
}

static int rebuild(struct masking *m, const struct mask_table *t, struct err *err)
{
	sqlite3_str *sql = sqlite3_str_new(m->to);
	sqlite3_str_appendall(sql, "INSERT INTO main.");
	mask_db_name(sql, t->name);
	sqlite3_str_appendchar(sql, 1, '(');
	mask_db_name(sql, t->name);
	sqlite3_str_appendall(sql, ") VALUES('rebuild')");
	sqlite3_stmt *q = mask_db_prepare(m->to, sql, err);
	int rc = !q ? (int)err->code : sqlite3_step(q) == SQLITE_DONE ? 0 : mask_db_error(m->to, err);
	sqlite3_finalize(q);
	m->result->rebuilt_tables += rc == 0;
	return rc == 0 ? 0 : mask_db_at(t->name, NULL, err);
}

/* A full-text index reads the table that it is over, so these come first. */
static int make_tables(struct masking *m, struct err *err)
{
	const struct mask_schema *s = m->schema;
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < s->n; i++)
			if (s->tables[i].is_virtual == pass && make_table(m, &s->tables[i], err) != 0)
				return err->code;
	for (size_t i = 0; i < s->n; i++)
		if (s->tables[i].rows == MASK_ROWS_REBUILT && rebuild(m, &s->tables[i], err) != 0)
			return err->code;
	return 0;
}

/* ---- the new database ---- */

static int copy_setting(struct masking *m, const char *pragma, struct err *err)
{
	char sql[80];
	int64_t value;
	snprintf(sql, sizeof sql, "PRAGMA %s", pragma);
	if (mask_db_number(m->from, sql, &value, err) != 0)
		return err->code;
	snprintf(sql, sizeof sql, "PRAGMA %s=%lld", pragma, (long long)value);
	return mask_db_run(m->to, sql, err);
}

static int copy_encoding(void *arg, sqlite3_stmt *q, struct err *err)
{
	struct masking *m = arg;
	const char *encoding = (const char *)sqlite3_column_text(q, 0);
	static const char *const known[][2] = { { "UTF-8", "PRAGMA encoding='UTF-8'" },
	                                        { "UTF-16le", "PRAGMA encoding='UTF-16le'" },
	                                        { "UTF-16be", "PRAGMA encoding='UTF-16be'" } };
	for (size_t i = 0; encoding && i < sizeof known / sizeof *known; i++)
		if (strcmp(encoding, known[i][0]) == 0)
			return mask_db_run(m->to, known[i][1], err);
	return err_set(err, ERR_SOURCE, "its encoding is not known");
}

/* Nobody sees the file before it is whole: what is cut short is made anew. */
static int open_new(struct masking *m, struct err *err)
{
	char sql[200];
	if (sqlite3_open_v2(m->request->to, &m->to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK)
		return m->to ? mask_db_error(m->to, err) : err_no_memory(err);
	snprintf(sql, sizeof sql, "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF; "
	         "PRAGMA secure_delete=ON; PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-%d", CACHE_KIB);
	if (mask_db_tame(m->to, m->request->stop, err) != 0 || mask_db_run(m->to, sql, err) != 0 ||
	    copy_setting(m, "page_size", err) != 0 ||
	    mask_db_each(m->from, "PRAGMA encoding", NULL, copy_encoding, m, err) != 0 ||
	    copy_setting(m, "application_id", err) != 0 || copy_setting(m, "user_version", err) != 0)
		return err->code;
	return mask_db_run(m->to, "BEGIN", err);
}

static int say_damage(void *arg, sqlite3_stmt *q, struct err *err)
{
	const char *said = (const char *)sqlite3_column_text(q, 0);
	(void)arg;
	if (said && strcmp(said, "ok") == 0)
		return 0;
	return err_set(err, ERR_SOURCE, "the masked database fails integrity_check: %.200s",
	               said ? said : "");
}

struct orphans {
	uint64_t n;
	char first[MASK_LABEL_MAX];
};

static int count_orphan(void *arg, sqlite3_stmt *q, struct err *err)
{
	struct orphans *o = arg;
	const char *table = (const char *)sqlite3_column_text(q, 0);
	(void)err;
	if (o->n++ == 0)
		mask_db_label(o->first, table ? table : "", NULL);
	return 0;
}

/* Applications that do not enforce their keys have rows without parents; masking may not make more. */
static int check_keys(struct masking *m, struct err *err)
{
	struct orphans before = { 0 }, after = { 0 };
	static const char sql[] = "PRAGMA foreign_key_check";
	if (mask_db_each(m->to, sql, NULL, count_orphan, &after, err) != 0)
		return err->code;
	if (after.n > 0 && mask_db_each(m->from, sql, NULL, count_orphan, &before, err) != 0)
		return err->code;
	m->result->orphans = after.n;
	if (after.n <= before.n)
		return 0;
	err_set(err, ERR_INVALID, "%s: %llu masked rows have no parent, %llu had none before", after.first,
	        (unsigned long long)after.n, (unsigned long long)before.n);
	return err_hint(err, "give both sides of a foreign key the same rule and domain=");
}

static int check_new(struct masking *m, struct err *err)
{
	if (mask_db_run(m->to, "COMMIT", err) != 0 ||
	    mask_db_each(m->to, "PRAGMA integrity_check", NULL, say_damage, NULL, err) != 0)
		return err->code;
	return check_keys(m, err);
}

static int close_new(struct masking *m, struct err *err)
{
	sqlite3 *db = m->to;
	m->to = NULL;
	if (sqlite3_close(db) == SQLITE_OK)
		return 0;
	return mask_db_error(db, err);
}

static int mask_all(struct masking *m, struct err *err)
{
	m->schema = mask_schema_read(m->from, err);
	if (!m->schema || mask_schema_decide(m->schema, m->request->rules, m->request->missing,
	                                     m->request->arg, m->result, err) != 0)
		return err->code;
	m->key = secret_random(KEY_BYTES, err);
	m->room = m->key ? buf_new(MASK_CELL_MAX, err) : NULL;
	if (!m->room || open_new(m, err) != 0 || make_tables(m, err) != 0 || create_others(m, err) != 0 ||
	    check_new(m, err) != 0)
		return err->code;
	return close_new(m, err);
}

int mask_sqlite(const struct mask_request *request, struct mask_result *result, struct err *err)
{
	struct masking m = { .request = request, .result = result, .from = request->from };
	*result = (struct mask_result){ 0 };
	int rc = mask_db_tame(request->from, request->stop, err);
	if (rc == 0)
		rc = mask_all(&m, err);
	sqlite3_close(m.to);
	mask_schema_free(m.schema);
	secret_free(m.key);
	buf_free(m.room);
	return rc;
}

int mask_sqlite_template(sqlite3 *from, const volatile sig_atomic_t *stop, struct buf *out,
                         struct err *err)
{
	if (mask_db_tame(from, stop, err) != 0)
		return err->code;
	AUTO(mask_schema) s = mask_schema_read(from, err);
	return s ? mask_schema_template(s, out, err) : (int)err->code;
}
