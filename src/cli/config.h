/*
 * config - the configuration file, read whole and checked key by key. (holdfast.conf(5))
 *
 * A section keeps its values as text; they were checked when they were read, so that the getters
 * below cannot fail. Sections are found again by kind and name.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"

struct backup_store;
struct due;
struct err;

enum config_kind {
	CONFIG_VAULT = 1, CONFIG_DEFAULTS = 2, CONFIG_STORE = 4, CONFIG_RUN = 8, CONFIG_DRILL = 16,
	CONFIG_ASSERT = 32,
};

struct config_entry {
	const char *key;         /* of the table of known keys */
	char *value;
	unsigned line;
};

struct config_section {
	enum config_kind kind;
	char *name;              /* "" for [vault], [defaults] and [run] */
	char *file;
	unsigned line;
	struct config_entry *entries;
	size_t n;
	char **exclude;          /* NULL-terminated, or NULL */
};

enum { CONFIG_TITLE_MAX = 64 };

struct config {
	char *path;              /* of the main file; NULL if there is none */
	struct config_section *sections;
	size_t n;
};

/* An empty one, for a bare machine. ERR_NOMEM. */
struct config *config_new(struct err *err);
void config_free(struct config *c);
AUTO_FREE(config);

/* Add what a text says; `file` is for messages. Sections may be incomplete until
 * config_complete. ERR_INVALID with file:line, ERR_NOMEM. */
int config_add(struct config *c, const char *file, const char *text, size_t len, struct err *err);
int config_complete(const struct config *c, struct err *err);

/* What the section itself says; NULL if nothing. */
const struct config_entry *config_entry_of(const struct config_section *s, const char *key);

/* "[store crm]", for messages. */
const char *config_title(const struct config_section *s, char out[CONFIG_TITLE_MAX]);

/* ERR_INVALID saying what a store may be called. */
int config_bad_name(const char *file, unsigned line, const char *name, struct err *err);

/* NULL if it is not there. */
const struct config_section *config_find(const struct config *c, enum config_kind kind,
                                         const char *name);

/* The value as text, else NULL. For stores, tuning keys fall back to [defaults]. */
const char *config_get(const struct config *c, const struct config_section *s, const char *key);
uint64_t config_get_number(const struct config *c, const struct config_section *s, const char *key);

/* The store's name, or its template if its path is a pattern. */
const char *config_store_name(const struct config_section *s);
bool config_store_is_fleet(const struct config_section *s);

/* When it is to be backed up: `at` and `every`. */
void config_store_due(const struct config *c, const struct config_section *s, struct due *out);

/* What an `asset`-like list of names with commas between them holds: the i-th; false behind the last. */
bool config_list_item(const char *list, size_t i, char *out, size_t cap);

/* A value of [run], or NULL. */
const char *config_run_value(const struct config *c, const char *key);

/* What backup_run wants to know of a store; strings stay the section's, name and path the caller's. */
void config_backup_store(const struct config *c, const struct config_section *s, const char *name,
                         const char *path, struct backup_store *out);

/* May a store be called so? No '@', no control characters, no pattern, at most VAULT_NAME_MAX. */
bool config_name_ok(const char *name);

#endif
