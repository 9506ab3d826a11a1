#include "source/mask_schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "source/mask_db.h"

enum { HOPS_MAX = 64, TEMPLATE_NAME_MAX = 150 };

static void column_clear(struct mask_column *c)
{
	free(c->name);
	free(c->parent_table);
	free(c->parent_column);
	free(c->domain);
}

static void table_clear(struct mask_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		column_clear(&t->columns[i]);
	free(t->columns);
	free(t->name);
	free(t->sql);
}

void mask_schema_free(struct mask_schema *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		table_clear(&s->tables[i]);
	free(s->tables);
	free(s);
}

/* ---- reading ---- */

struct reading {
	sqlite3 *db;
	struct mask_schema *schema;
	struct mask_table *table;    /* whose columns are read */
};

static char *text_of(sqlite3_stmt *q, int i, struct err *err)
{
	const unsigned char *text = sqlite3_column_text(q, i);
	char *copy = strdup(text ? (const char *)text : "");
	if (!copy)
		err_no_memory(err);
	return copy;
}

/* Room for one more of n: for 1, 2, 4, 8, ... */
static int grow(void *list, size_t n, size_t size, struct err *err)
{
	void **at = list;
	if (n & (n - 1))
		return 0;
	void *more = realloc(*at, (n ? 2 * n : 1) * size);
	if (!more)
		return err_no_memory(err);
	*at = more;
	return 0;
}

static int add_table(void *arg, sqlite3_stmt *q, struct err *err)
{
	struct reading *r = arg;
	struct mask_schema *s = r->schema;
	if (s->n == MASK_TABLES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d tables", MASK_TABLES_MAX);
	if (grow(&s->tables, s->n, sizeof *s->tables, err) != 0)
		return err->code;
	struct mask_table *t = &s->tables[s->n++];
	*t = (struct mask_table){ .rows = MASK_ROWS_UNDECIDED };
	t->name = text_of(q, 0, err);
	t->sql = t->name ? text_of(q, 1, err) : NULL;
	t->is_virtual = sqlite3_column_int(q, 2);
	return t->sql ? 0 : (int)err->code;
}

/* 2 and 3 of `hidden` are generated columns, virtual and stored. */
static int add_column(void *arg, sqlite3_stmt *q, struct err *err)
{
	struct reading *r = arg;
	struct mask_table *t = r->table;
	const char *collation = NULL;
	if (grow(&t->columns, t->n, sizeof *t->columns, err) != 0)
		return err->code;
	struct mask_column *c = &t->columns[t->n++];
	*c = (struct mask_column){ .generated = sqlite3_column_int(q, 1) >= 2,
	                           .key = sqlite3_column_int(q, 2) > 0,
	                           .not_null = sqlite3_column_int(q, 3), .subject = MASK_NO_COLUMN };
	c->name = text_of(q, 0, err);
	if (!c->name)
		return err->code;
	if (sqlite3_table_column_metadata(r->db, "main", t->name, c->name, NULL, &collation, NULL, NULL,
	                                  NULL) != SQLITE_OK)
		return mask_db_error(r->db, err);
	c->nocase = collation && sqlite3_stricmp(collation, "nocase") == 0;
	return 0;
}

static struct mask_column *column_named(const struct mask_table *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (sqlite3_stricmp(t->columns[i].name, name) == 0)
			return &t->columns[i];
	return NULL;
}

/* The first key counts where a column belongs to several; the result is checked for all of them. */
static int add_reference(void *arg, sqlite3_stmt *q, struct err *err)
{
	struct reading *r = arg;
	const unsigned char *name = sqlite3_column_text(q, 1);
	struct mask_column *c = name ? column_named(r->table, (const char *)name) : NULL;
	if (!c || c->parent_table)
		return 0;
	c->parent_table = text_of(q, 0, err);
	c->parent_column = c->parent_table ? text_of(q, 2, err) : NULL;
	return c->parent_column ? 0 : (int)err->code;
}

static int read_columns(struct reading *r, struct mask_table *t, struct err *err)
{
	r->table = t;
	if (t->is_virtual)
		return 0;
	/* a key without columns means those of the parent's primary key, in order */
	return mask_db_each(r->db, "SELECT name, hidden, pk, \"notnull\" FROM pragma_table_xinfo(?1) "
	                    "ORDER BY cid", t->name, add_column, r, err) ||
	       mask_db_each(r->db, "SELECT f.\"table\", f.\"from\", coalesce(f.\"to\", (SELECT name FROM "
	                    "pragma_table_info(f.\"table\") WHERE pk = f.seq + 1)) "
	                    "FROM pragma_foreign_key_list(?1) f ORDER BY f.id, f.seq", t->name,
	                    add_reference, r, err) ? (int)err->code : 0;
}

/* Shadow tables hold what virtual ones are made of; sqlite_ names are SQLite's own. */
static const char list_tables[] =
	"SELECT l.name, s.sql, l.type = 'virtual' FROM pragma_table_list l JOIN sqlite_schema s "
	"ON s.type = 'table' AND s.name = l.name WHERE l.schema = 'main' AND l.type IN ('table', 'virtual') "
	"AND l.name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY l.name";

struct mask_schema *mask_schema_read(sqlite3 *db, struct err *err)
{
	AUTO(mask_schema) s = calloc(1, sizeof *s);
	if (!s) {
		err_no_memory(err);
		return NULL;
	}
	struct reading r = { .db = db, .schema = s };
	if (mask_db_each(db, list_tables, NULL, add_table, &r, err) != 0)
		return NULL;
	for (size_t i = 0; i < s->n; i++)
		if (read_columns(&r, &s->tables[i], err) != 0)
			return NULL;
	return TAKE(s);
}

/* ---- deciding ---- */

struct deciding {
	struct mask_schema *schema;
	const struct mask_rules *rules;
	mask_missing *missing;
	void *arg;
	size_t lacking;              /* tables and columns without a rule */
	size_t used;
	char first[MASK_LABEL_MAX];  /* that lacks one */
	struct err *err;
};

static void lacks(struct deciding *d, const char *table, const char *column)
{
	if (d->lacking++ == 0)
		mask_db_label(d->first, table, column);
	if (d->missing)
		d->missing(d->arg, table, column);
}

static int refuse(const struct deciding *d, const struct mask_table *t, const struct mask_column *c,
                  const char *fact, const char *hint)
{
	char label[MASK_LABEL_MAX];
	err_set(d->err, ERR_INVALID, "%s: %s", mask_db_label(label, t->name, c ? c->name : NULL), fact);
	return hint ? err_hint(d->err, "%s", hint) : (int)d->err->code;
}

static int decide_virtual(struct deciding *d, struct mask_table *t, const struct mask_rules_table *rules)
{
	t->rows = rules->rows;
	if (rules->n > 0 || t->rows == MASK_ROWS_KEPT)
		return refuse(d, t, NULL, "a virtual table is not copied",
		              "@rows = drop leaves it empty, @rows = rebuild fills a full-text index from "
		              "the table it is over");
	return 0;
}

static int check_rule(const struct deciding *d, const struct mask_table *t, struct mask_column *c)
{
	const struct mask_rule *r = c->rule;
	if (c->generated)
		return refuse(d, t, c, "is generated from other columns", "it needs no rule");
	if (r->kind == MASK_NULL && (c->not_null || c->key))
		return refuse(d, t, c, "takes no NULL", "set, or hash");
	if (r->kind != MASK_DATE_SHIFT)
		return 0;
	const struct mask_column *subject = column_named(t, r->text);
	if (!subject || subject->generated)
		return refuse(d, t, c, "the column that is to name the subject is not there", NULL);
	c->subject = (size_t)(subject - t->columns);
	return 0;
}

static int decide_columns(struct deciding *d, struct mask_table *t, const struct mask_rules_table *rules)
{
	for (size_t i = 0; i < t->n; i++) {
		struct mask_column *c = &t->columns[i];
		c->rule = mask_rules_column(rules, c->name);
		d->used += c->rule != NULL;
		if (c->rule && c->rule->kind != MASK_UNDECIDED) {
			if (check_rule(d, t, c) != 0)
				return d->err->code;
		} else if (!c->generated) {
			lacks(d, t->name, c->name);
		}
	}
	return 0;
}

static int decide_table(struct deciding *d, struct mask_table *t)
{
	const struct mask_rules_table *rules = mask_rules_find(d->rules, t->name);
	if (!rules || rules->rows == MASK_ROWS_UNDECIDED || (t->is_virtual && !rules->rows_given)) {
		lacks(d, t->name, NULL);
		return 0;
	}
	d->used += rules->rows_given;
	if (t->is_virtual)
		return decide_virtual(d, t, rules);
	t->rows = rules->rows;
	if (t->rows == MASK_ROWS_REBUILT)
		return refuse(d, t, NULL, "is no full-text index that could be made anew", NULL);
	if (t->rows == MASK_ROWS_KEPT)
		return decide_columns(d, t, rules);
	/* its columns have no rows: rules for them do no harm */
	for (size_t i = 0; i < t->n; i++)
		d->used += mask_rules_column(rules, t->columns[i].name) != NULL;
	return 0;
}

static int say_lacking(const struct deciding *d)
{
	if (d->lacking == 0)
		return 0;
	err_set(d->err, ERR_INVALID, "%zu table%s or column%s without a rule, beginning with %s", d->lacking,
	        d->lacking == 1 ? "" : "s", d->lacking == 1 ? "" : "s", d->first);
	return err_hint(d->err, "'holdfast restore STORE --mask-template' prints rules to fill in");
}

/* ---- what is masked alike ---- */

static const struct mask_column *parent_of(const struct mask_schema *s, const struct mask_column *c,
                                           const struct mask_table **table)
{
	for (size_t i = 0; c->parent_table && i < s->n; i++)
		if (sqlite3_stricmp(s->tables[i].name, c->parent_table) == 0) {
			*table = &s->tables[i];
			return column_named(&s->tables[i], c->parent_column);
		}
	return NULL;
}

/* A foreign key is of the domain of what it refers to, unless a rule names another. Case counts there as it
 * does for what it refers to: so SQLite compares them. */
static int set_domain(const struct deciding *d, const struct mask_table *t, struct mask_column *c)
{
	const struct mask_column *at = c, *up;
	const struct mask_table *of = t;
	for (int hops = 0; hops < HOPS_MAX && !at->rule->domain[0]; hops++) {
		const struct mask_table *above = NULL;
		if (!(up = parent_of(d->schema, at, &above)) || !up->rule || up == at)
			break;
		at = up;
		of = above;
	}
	c->fold = at->nocase || at->rule->nocase || c->rule->nocase;
	/* names are told apart in any case, and a domain of the rules never looks like one of these */
	int n = at->rule->domain[0] ? asprintf(&c->domain, "%s", at->rule->domain)
	      : c->rule->kind == MASK_DATE_SHIFT ? asprintf(&c->domain, "%s", "")
	      : asprintf(&c->domain, "%s%c%s", of->name, '\n', at->name);
	if (n >= 0)
		return 0;
	c->domain = NULL;
	return err_no_memory(d->err);
}

static int check_reference(const struct deciding *d, const struct mask_table *t, struct mask_column *c)
{
	const struct mask_table *table = NULL;
	const struct mask_column *parent = parent_of(d->schema, c, &table);
	if (!parent || c->rule->kind == MASK_NULL)
		return 0;
	if (!parent->rule)
		return parent->generated ? 0
		       : refuse(d, t, c, "refers to a table whose rows are dropped", "drop these too, or set "
		                "this column to null");
	if (mask_rule_joins(c->rule, parent->rule) && c->fold == parent->fold &&
	    strcmp(c->domain, parent->domain) == 0)
		return 0;
	return refuse(d, t, c, "is masked otherwise than the column that it refers to",
	              "give both the same rule, and the same domain= or none");
}

static int each_rule(const struct deciding *d,
                     int (*what)(const struct deciding *, const struct mask_table *, struct mask_column *))
{
	for (size_t i = 0; i < d->schema->n; i++)
		for (size_t k = 0; k < d->schema->tables[i].n; k++) {
			struct mask_column *c = &d->schema->tables[i].columns[k];
			if (c->rule && what(d, &d->schema->tables[i], c) != 0)
				return d->err->code;
		}
	return 0;
}

int mask_schema_decide(struct mask_schema *s, const struct mask_rules *rules, mask_missing *missing,
                       void *arg, struct mask_result *result, struct err *err)
{
	struct deciding d = { .schema = s, .rules = rules, .missing = missing, .arg = arg, .err = err };
	for (size_t i = 0; i < s->n; i++)
		if (decide_table(&d, &s->tables[i]) != 0)
			return err->code;
	if (say_lacking(&d) != 0 || each_rule(&d, set_domain) != 0 || each_rule(&d, check_reference) != 0)
		return err->code;
	result->unused = mask_rules_count(rules) - d.used;
	return 0;
}

/* ---- the skeleton ---- */

/* A name that is written as a hash is told in a comment above. */
static int add_name(struct buf *out, const char *before, const char *name, const char *behind,
                    struct err *err)
{
	char spelled[MASK_NAME_MAX], shown[TEMPLATE_NAME_MAX];
	mask_rules_spell(spelled, name);
	utf8_clean(shown, sizeof shown, name);
	if (spelled[0] == '@' && buf_printf(out, err, "# %s is written as %s\n", shown, spelled) != 0)
		return err->code;
	return buf_printf(out, err, "%s%s%s\n", before, spelled, behind);
}

static int add_rules(struct buf *out, const struct mask_table *t, struct err *err)
{
	if (buf_printf(out, err, "\n") != 0 || add_name(out, "[", t->name, "]", err) != 0)
		return err->code;
	if (t->is_virtual)
		return buf_printf(out, err, "# virtual: drop leaves it empty, rebuild fills a full-text "
		                            "index\n@rows = ?\n");
	if (buf_printf(out, err, "@rows = ?\n") != 0)
		return err->code;
	for (size_t i = 0; i < t->n; i++)
		if (!t->columns[i].generated && add_name(out, "", t->columns[i].name, " = ?", err) != 0)
			return err->code;
	return 0;
}

int mask_schema_template(const struct mask_schema *s, struct buf *out, struct err *err)
{
	static const char head[] =
		"# Rules of a masked restore; see holdfast-mask(5). Put a rule in place of each ?\n"
		"# @rows = keep|drop; columns: keep, null, set VALUE, hash, pseudonym FILE,\n"
		"# partial first=N last=N, partial email, date-shift DAYS by COLUMN\n";
	if (buf_append(out, head, sizeof head - 1, err) != 0)
		return err->code;
	for (size_t i = 0; i < s->n; i++)
		if (add_rules(out, &s->tables[i], err) != 0)
			return err->code;
	return 0;
}
