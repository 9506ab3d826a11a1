#include "source/mask_rules.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/ini_guard.h"
#include "base/io.h"
#include "base/utf8.h"
#include "crypto/hash.h"
#include "source/mask_words.h"

enum { SPELL_BYTES = 8 };

struct mask_rules {
	struct mask_place *place;    /* while it is read */
	char *text;
	size_t len;
	struct mask_rules_table *tables;
	size_t n, count;
	uint8_t digest[SHA256_BYTES];
};

static void table_clear(struct mask_rules_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		mask_rule_clear(&t->columns[i].rule);
	free(t->columns);
}

void mask_rules_free(struct mask_rules *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++)
		table_clear(&r->tables[i]);
	free(r->tables);
	free(r->text);
	free(r);
}

/* ---- names ---- */

/* Can the name stand in the file as it is? */
static bool is_plain(const char *name)
{
	size_t len = strlen(name);
	if (len == 0 || len >= MASK_NAME_MAX || strchr("@#; \t", name[0]) || name[len - 1] == ' ')
		return false;
	for (size_t n; *name; name += n)
		if ((n = utf8_printable(name)) == 0 || strchr("=:[];\\\"'", *name))
			return false;
	return true;
}

/* SQL's names are told apart without regard to the case of ASCII letters. */
static void fold(char *name)
{
	for (; *name; name++)
		if (*name >= 'A' && *name <= 'Z')
			*name = (char)(*name + ('a' - 'A'));
}

static void spell_hash(char out[MASK_NAME_MAX], const char *name)
{
	uint8_t hash[16];
	struct hash_state h;
	hash_begin(&h, sizeof hash, "hf1.maskname", NULL, 0);
	for (; *name; name++) {
		char c[2] = { *name, 0 };
		fold(c);
		hash_add(&h, c, 1);
	}
	hash_end(&h, hash, sizeof hash);
	out[0] = '@';
	char hex[2 * sizeof hash + 1];
	hex_encode(hex, hash, SPELL_BYTES);
	memcpy(out + 1, hex, 2 * SPELL_BYTES + 1);
}

void mask_rules_spell(char out[MASK_NAME_MAX], const char *name)
{
	if (is_plain(name))
		snprintf(out, MASK_NAME_MAX, "%s", name);
	else
		spell_hash(out, name);
}

static bool is_spelled_hash(const char *text)
{
	return text[0] == '@' && strspn(text + 1, "0123456789abcdef") == 2 * SPELL_BYTES &&
	       text[1 + 2 * SPELL_BYTES] == '\0';
}

/* ---- reading ---- */

static void *grow(void *list, size_t n, size_t size, struct err *err)
{
	/* room for 1, 2, 4, 8, ... */
	if (n & (n - 1))
		return list;
	void *more = realloc(list, (n ? 2 * n : 1) * size);
	if (!more)
		err_no_memory(err);
	return more;
}

static int at_line(const struct ini_place *at, struct err *err)
{
	return err_wrap(err, "%.200s:%u", at->file, at->line);
}

static int refuse(const struct ini_place *at, const char *fact, struct err *err)
{
	return err_set(err, ERR_INVALID, "%.200s:%u: %s", at->file, at->line, fact);
}

static int check_name(const struct ini_place *at, const char *name, struct err *err)
{
	char spelled[MASK_NAME_MAX];
	mask_rules_spell(spelled, name);
	if (strcmp(spelled, name) == 0 || is_spelled_hash(name))
		return 0;
	refuse(at, "a name that cannot stand here", err);
	return err_hint(err, "'restore --mask-template' tells how it is written");
}

static const struct mask_rules_table *find(const struct mask_rules *r, const char *spelled)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcasecmp(r->tables[i].name, spelled) == 0)
			return &r->tables[i];
	return NULL;
}

static int on_section(void *arg, const struct ini_place *at, const char *name, struct err *err)
{
	struct mask_rules *r = arg;
	if (check_name(at, name, err) != 0)
		return err->code;
	if (find(r, name))
		return refuse(at, "this table has a section already", err);
	if (r->n == MASK_RULES_MAX)
		return err_set(err, ERR_LIMIT, "%.200s: too many tables", at->file);
	struct mask_rules_table *more = grow(r->tables, r->n, sizeof *more, err);
	if (!more)
		return err->code;
	r->tables = more;
	r->tables[r->n] = (struct mask_rules_table){ .n = 0 };
	snprintf(r->tables[r->n++].name, MASK_NAME_MAX, "%s", name);
	return 0;
}

static int read_rows(struct mask_rules_table *t, const struct ini_place *at, const char *value,
                     struct err *err)
{
	static const char *const words[] = { [MASK_ROWS_KEPT] = "keep", [MASK_ROWS_DROPPED] = "drop",
	                                     [MASK_ROWS_REBUILT] = "rebuild",
	                                     [MASK_ROWS_UNDECIDED] = "?" };
	if (t->rows_given)
		return refuse(at, "@rows is given already", err);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i], value) == 0) {
			t->rows = (enum mask_rows)i;
			t->rows_given = true;
			return 0;
		}
	return refuse(at, "@rows is one of keep, drop, rebuild", err);
}

static const struct mask_rules_column *find_column(const struct mask_rules_table *t, const char *spelled)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcasecmp(t->columns[i].name, spelled) == 0)
			return &t->columns[i];
	return NULL;
}

static int read_column(struct mask_rules *r, struct mask_rules_table *t, const struct ini_place *at,
                       const char *key, const char *value, struct err *err)
{
	if (check_name(at, key, err) != 0)
		return err->code;
	if (find_column(t, key))
		return refuse(at, "this column has a rule already", err);
	struct mask_rules_column *more = grow(t->columns, t->n, sizeof *more, err);
	if (!more)
		return err->code;
	t->columns = more;
	if (mask_rule_parse(&t->columns[t->n].rule, value, r->place, err) != 0)
		return at_line(at, err);
	snprintf(t->columns[t->n++].name, MASK_NAME_MAX, "%s", key);
	return 0;
}

static int on_entry(void *arg, const struct ini_place *at, const char *key, const char *value,
                    struct err *err)
{
	struct mask_rules *r = arg;
	if (r->n == 0)
		return refuse(at, "a rule before the first [table]", err);
	if (r->count++ == MASK_RULES_MAX)
		return err_set(err, ERR_LIMIT, "%.200s: too many rules", at->file);
	struct mask_rules_table *t = &r->tables[r->n - 1];
	if (strcmp(key, "@rows") == 0)
		return read_rows(t, at, value, err);
	return read_column(r, t, at, key, value, err);
}

static struct mask_rules *parse(const char *file, struct mask_place *place, const char *text, size_t len,
                                struct err *err)
{
	static const char spelled[] = "'restore --mask-template' tells how it is written";
	AUTO(mask_rules) r = calloc(1, sizeof *r);
	if (!r) {
		err_no_memory(err);
		return NULL;
	}
	r->place = place;
	r->len = len;
	r->text = malloc(len + 1);
	if (!r->text) {
		err_no_memory(err);
		return NULL;
	}
	memcpy(r->text, text, len);
	sha256(r->digest, text, len);
	const struct ini_visitor visitor = { on_section, on_entry, r, .long_name = spelled,
	                                     .long_line = "put the words into a dictionary" };
	if (ini_guard_read(file, text, len, &visitor, err) != 0)
		return NULL;
	r->place = NULL;
	return TAKE(r);
}

struct mask_rules *mask_rules_parse(const char *file, const char *folder, const char *text, size_t len,
                                    struct err *err)
{
	struct mask_place place = { .folder = folder };
	return parse(file, &place, text, len, err);
}

struct mask_rules *mask_rules_load(const char *path, struct err *err)
{
	char copy[PATH_MAX];
	AUTO(buf) text = buf_new(MASK_RULES_BYTES_MAX, err);
	if (!text)
		return NULL;
	if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy) {
		err_set(err, ERR_INVALID, "%.100s...: path is too long", path);
		return NULL;
	}
	if (io_read_file(path, text, err) != 0)
		return NULL;
	const char *bytes = text->bytes ? (const char *)text->bytes : "";
	return mask_rules_parse(path, dirname(copy), bytes, text->len, err);
}

/* ---- for another process ---- */

static const char stored_name[] = "rules";

static int write_in(const char *folder, const char *name, const void *data, size_t len, struct err *err)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
		return err_set(err, ERR_LIMIT, "path is too long: %.100s...", folder);
	return io_write_file_lazily(path, data, len, 0600, err);
}

static int store_words(const struct mask_words *w, const char *folder, unsigned number, struct err *err)
{
	char name[MASK_NUMBERED_MAX];
	AUTO(buf) text = buf_new(MASK_WORDS_BYTES_MAX, err);
	mask_place_number(name, number);
	if (!text || mask_words_write(w, text, err) != 0)
		return err->code;
	return write_in(folder, name, text->bytes, text->len, err);
}

/* Dictionaries get their numbers in the order in which they will be asked for. */
int mask_rules_store(const struct mask_rules *r, const char *folder, struct err *err)
{
	unsigned number = 0;
	if (write_in(folder, stored_name, r->text, r->len, err) != 0)
		return err->code;
	for (size_t i = 0; i < r->n; i++)
		for (size_t k = 0; k < r->tables[i].n; k++) {
			const struct mask_words *w = r->tables[i].columns[k].rule.words;
			if (w && store_words(w, folder, number++, err) != 0)
				return err->code;
		}
	return 0;
}

struct mask_rules *mask_rules_stored(const char *folder, struct err *err)
{
	char path[PATH_MAX];
	struct mask_place place = { .folder = folder, .numbered = true };
	AUTO(buf) text = buf_new(MASK_RULES_BYTES_MAX, err);
	snprintf(path, sizeof path, "%s/%s", folder, stored_name);
	if (!text || io_read_file(path, text, err) != 0)
		return NULL;
	return parse(stored_name, &place, text->bytes ? (const char *)text->bytes : "", text->len, err);
}

/* ---- asking ---- */

const struct mask_rules_table *mask_rules_find(const struct mask_rules *r, const char *table)
{
	char spelled[MASK_NAME_MAX];
	mask_rules_spell(spelled, table);
	return find(r, spelled);
}

const struct mask_rule *mask_rules_column(const struct mask_rules_table *t, const char *column)
{
	char spelled[MASK_NAME_MAX];
	mask_rules_spell(spelled, column);
	const struct mask_rules_column *c = find_column(t, spelled);
	return c ? &c->rule : NULL;
}

size_t mask_rules_count(const struct mask_rules *r) { return r->count; }

const uint8_t *mask_rules_digest(const struct mask_rules *r) { return r->digest; }
