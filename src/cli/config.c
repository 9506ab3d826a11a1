#include "cli/config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ini_guard.h"
#include "cli/config_value.h"
#include "cli/due.h"
#include "cli/nearest.h"
#include "cli/text.h"
#include "holdfast/backup.h"
#include "holdfast/fleet.h"
#include "holdfast/vault.h"

enum { SECTIONS_MAX = 1 << 16 };

static const struct config_key {
	const char *name;
	unsigned kinds;
	enum config_value value;
} keys[] = {
	{ "url", CONFIG_VAULT, VALUE_URL },
	{ "state", CONFIG_VAULT, VALUE_PATH },
	{ "keys", CONFIG_VAULT, VALUE_PATH },
	{ "passphrase-command", CONFIG_VAULT, VALUE_TEXT },
	{ "tsa", CONFIG_VAULT, VALUE_WEB },
	{ "tsa-ca", CONFIG_VAULT, VALUE_PATH },
	{ "allowed-signers", CONFIG_VAULT, VALUE_PATH },
	{ "copy", CONFIG_VAULT, VALUE_COPY },
	{ "ca-file", CONFIG_VAULT, VALUE_PATH },
	{ "client-cert", CONFIG_VAULT, VALUE_PATH },
	{ "client-key", CONFIG_VAULT, VALUE_PATH },
	{ "pinned-key", CONFIG_VAULT, VALUE_PIN },
	{ "proxy", CONFIG_VAULT, VALUE_URL },
	{ "limit-up", CONFIG_VAULT, VALUE_RATE },
	{ "limit-down", CONFIG_VAULT, VALUE_RATE },
	{ "connections", CONFIG_VAULT, VALUE_CONNECTIONS },
	{ "connect-timeout", CONFIG_VAULT, VALUE_DURATION },
	{ "stall-timeout", CONFIG_VAULT, VALUE_DURATION },
	{ "password-file", CONFIG_VAULT, VALUE_PATH },
	{ "credentials", CONFIG_VAULT, VALUE_PATH },
	{ "profile", CONFIG_VAULT, VALUE_TEXT },
	{ "identity", CONFIG_VAULT, VALUE_PATH },
	{ "known-hosts", CONFIG_VAULT, VALUE_PATH },
	{ "host-keys", CONFIG_VAULT, VALUE_HOST_KEYS },
	{ "endpoint", CONFIG_VAULT, VALUE_TEXT },
	{ "region", CONFIG_VAULT, VALUE_TEXT },
	{ "style", CONFIG_VAULT, VALUE_STYLE },
	{ "storage-class", CONFIG_VAULT, VALUE_TEXT },
	{ "lock", CONFIG_VAULT, VALUE_LOCK },
	{ "type", CONFIG_STORE, VALUE_TYPE },
	{ "path", CONFIG_STORE, VALUE_PATH },
	{ "name", CONFIG_STORE, VALUE_TEXT },
	{ "exclude", CONFIG_STORE, VALUE_TEXT },
	{ "command", CONFIG_STORE, VALUE_TEXT },
	{ "restore-command", CONFIG_STORE | CONFIG_DRILL, VALUE_TEXT },
	{ "end-marker", CONFIG_STORE, VALUE_TEXT },
	{ "shell", CONFIG_STORE | CONFIG_DRILL, VALUE_BOOL },
	{ "user", CONFIG_STORE, VALUE_TEXT },
	{ "defaults-file", CONFIG_STORE, VALUE_PATH },
	{ "database", CONFIG_STORE | CONFIG_ASSERT, VALUE_TEXT },
	{ "timeout", CONFIG_STORE | CONFIG_VAULT | CONFIG_DRILL, VALUE_DURATION },
	{ "one-file-system", CONFIG_STORE, VALUE_BOOL },
	{ "max-missing", CONFIG_STORE, VALUE_COUNT },
	{ "every", CONFIG_STORE | CONFIG_DEFAULTS | CONFIG_DRILL, VALUE_EVERY },
	{ "at", CONFIG_STORE | CONFIG_DEFAULTS | CONFIG_DRILL, VALUE_AT },
	{ "rpo", CONFIG_STORE | CONFIG_DEFAULTS | CONFIG_DRILL, VALUE_DURATION },
	{ "stores", CONFIG_DRILL, VALUE_TEXT },
	{ "select", CONFIG_DRILL, VALUE_SELECT },
	{ "rto", CONFIG_DRILL, VALUE_DURATION },
	{ "rpo-sql", CONFIG_DRILL, VALUE_TEXT },
	{ "check-command", CONFIG_DRILL, VALUE_TEXT },
	{ "foreign-keys", CONFIG_DRILL, VALUE_BOOL },
	{ "asset", CONFIG_DRILL, VALUE_TEXT },
	{ "owner", CONFIG_DRILL, VALUE_TEXT },
	{ "reviewer", CONFIG_DRILL, VALUE_TEXT },
	{ "runbook", CONFIG_DRILL, VALUE_PATH },
	{ "folder", CONFIG_DRILL, VALUE_PATH },
	{ "memory", CONFIG_DRILL, VALUE_BYTES },
	{ "disk", CONFIG_DRILL, VALUE_BYTES },
	{ "isolation", CONFIG_DRILL, VALUE_ISOLATION },
	{ "store", CONFIG_ASSERT, VALUE_TEXT },
	{ "sql", CONFIG_ASSERT, VALUE_TEXT },
	{ "expect", CONFIG_ASSERT, VALUE_EXPECT },
	{ "log", CONFIG_RUN, VALUE_LOG },
	{ "notify", CONFIG_RUN, VALUE_WEB },
	{ "notify-file", CONFIG_RUN, VALUE_PATH },
	{ "notify-command", CONFIG_RUN, VALUE_TEXT },
	{ "notify-when", CONFIG_RUN, VALUE_WHEN },
	{ "ping", CONFIG_RUN, VALUE_WEB },
	{ "ping-file", CONFIG_RUN, VALUE_PATH },
	{ "mail", CONFIG_RUN, VALUE_TEXT },
	{ "rotate", CONFIG_STORE | CONFIG_DEFAULTS, VALUE_DURATION },
	{ "rehash", CONFIG_STORE | CONFIG_DEFAULTS, VALUE_DURATION },
	{ "full-every", CONFIG_STORE | CONFIG_DEFAULTS, VALUE_DURATION },
	{ "level", CONFIG_STORE | CONFIG_DEFAULTS, VALUE_LEVEL },
	{ "unit", CONFIG_STORE | CONFIG_DEFAULTS, VALUE_UNIT },
	{ "paranoid", CONFIG_STORE | CONFIG_DEFAULTS, VALUE_BOOL },
};
enum { KEYS_N = sizeof keys / sizeof *keys };

static const struct config_key *key_find(const char *name)
{
	for (size_t i = 0; i < KEYS_N; i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

struct config *config_new(struct err *err)
{
	struct config *c = calloc(1, sizeof *c);
	if (!c)
		err_no_memory(err);
	return c;
}

static void section_free(struct config_section *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->entries[i].value);
	for (char **e = s->exclude; e && *e; e++)
		free(*e);
	free(s->exclude);
	free(s->entries);
	free(s->name);
	free(s->file);
}

void config_free(struct config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++)
		section_free(&c->sections[i]);
	free(c->sections);
	free(c->path);
	free(c);
}

static const char *kind_word(enum config_kind kind)
{
	switch (kind) {
	case CONFIG_VAULT: return "vault";
	case CONFIG_STORE: return "store";
	case CONFIG_RUN: return "run";
	case CONFIG_DRILL: return "drill";
	case CONFIG_ASSERT: return "assert";
	case CONFIG_DEFAULTS: break;
	}
	return "defaults";
}

const char *config_title(const struct config_section *s, char out[CONFIG_TITLE_MAX])
{
	snprintf(out, CONFIG_TITLE_MAX, "[%s%s%.50s]", kind_word(s->kind), *s->name ? " " : "", s->name);
	return out;
}

/* Split "store crm" into its kind and name. */
static int parse_title(const struct ini_place *at, const char *text, enum config_kind *kind,
                       const char **name, struct err *err)
{
	static const char *const words[] = { "vault", "store", "defaults", "run", "drill", "assert", NULL };
	static const enum config_kind kinds[] = { CONFIG_VAULT, CONFIG_STORE, CONFIG_DEFAULTS, CONFIG_RUN,
	                                          CONFIG_DRILL, CONFIG_ASSERT };
	char word[16];
	size_t len = strcspn(text, " \t");
	snprintf(word, sizeof word, "%.*s", (int)len, text);
	*name = text + len + strspn(text + len, " \t");
	*kind = 0;
	for (size_t i = 0; words[i]; i++)
		if (strcmp(word, words[i]) == 0)
			*kind = kinds[i];
	if (*kind & (CONFIG_DEFAULTS | CONFIG_RUN) && **name)
		*kind = 0;
	if (*kind & (CONFIG_STORE | CONFIG_DRILL | CONFIG_ASSERT) && !**name) {
		err_set(err, ERR_INVALID, "%s:%u: [%s] needs a name", at->file, at->line, word);
		return err_hint(err, "for example [%s %s]", word, *kind == CONFIG_STORE ? "crm"
		                : *kind == CONFIG_DRILL ? "weekly" : "fresh-orders");
	}
	if (*kind)
		return 0;
	err_set(err, ERR_INVALID, "%s:%u: unknown section [%s]", at->file, at->line, text);
	const char *near = nearest_of(word, words);
	return near ? err_hint(err, "did you mean [%s%s%s]?", near, **name ? " " : "", *name)
	            : err_hint(err, "known: [vault], [vault NAME], [defaults], [store NAME], [run], "
	                            "[drill NAME], [assert NAME]");
}

bool config_name_ok(const char *name)
{
	char safe[4 * VAULT_NAME_MAX + 1];
	size_t len = strlen(name);
	if (len == 0 || len > VAULT_NAME_MAX || strpbrk(name, "@*?[]\\{}"))
		return false;
	if (*name == '/' || *name == ' ' || name[len - 1] == ' ' || name[len - 1] == '/')
		return false;
	return strcmp(text_escape(safe, sizeof safe, name), name) == 0;
}

int config_bad_name(const char *file, unsigned line, const char *name, struct err *err)
{
	err_set(err, ERR_INVALID, "%s:%u: a store cannot be called '%s'", file, line, name);
	return err_hint(err, "up to %d bytes of UTF-8 without @ * ? [ ] { } \\ and control "
	                "characters", VAULT_NAME_MAX);
}

static int add_section(struct config *c, const struct ini_place *at, enum config_kind kind,
                       const char *name, struct err *err)
{
	if (c->n >= SECTIONS_MAX)
		return err_set(err, ERR_INVALID, "%s:%u: too many sections", at->file, at->line);
	struct config_section *grown = reallocarray(c->sections, c->n + 1, sizeof *grown);
	if (!grown)
		return err_no_memory(err);
	c->sections = grown;
	struct config_section *s = &grown[c->n++];
	*s = (struct config_section){ .kind = kind, .name = strdup(name), .file = strdup(at->file),
		                      .line = at->line };
	return s->name && s->file ? 0 : err_no_memory(err);
}

static int on_section(void *arg, const struct ini_place *at, const char *text, struct err *err)
{
	struct config *c = arg;
	enum config_kind kind;
	const char *name;
	if (parse_title(at, text, &kind, &name, err) != 0)
		return err->code;
	if (*name && !config_name_ok(name))
		return config_bad_name(at->file, at->line, name, err);
	const struct config_section *twin = config_find(c, kind, name);
	if (twin) {
		char shown[CONFIG_TITLE_MAX];
		err_set(err, ERR_INVALID, "%s:%u: %s is already at %s:%u", at->file, at->line,
		        config_title(twin, shown), twin->file, twin->line);
		return err_hint(err, "every section stands once");
	}
	return add_section(c, at, kind, name, err);
}

static int unknown_key(const struct ini_place *at, const struct config_section *s, const char *key,
                       struct err *err)
{
	char shown[CONFIG_TITLE_MAX];
	const char *best = NULL;
	size_t distance = SIZE_MAX;
	err_set(err, ERR_INVALID, "%s:%u: unknown key '%s' in %s", at->file, at->line, key,
	        config_title(s, shown));
	for (size_t i = 0; i < KEYS_N; i++)
		if (keys[i].kinds & s->kind)
			best = nearest_better(key, keys[i].name, best, &distance);
	if (best)
		return err_hint(err, "did you mean '%s'?", best);
	const struct config_key *elsewhere = key_find(key);
	if (elsewhere)
		return err_hint(err, "'%s' belongs into a [%s] section", key,
		                elsewhere->kinds & CONFIG_VAULT ? "vault"
		                : elsewhere->kinds & CONFIG_RUN ? "run"
		                : elsewhere->kinds & CONFIG_STORE ? "store"
		                : elsewhere->kinds & CONFIG_DRILL ? "drill" : "assert");
	return err_hint(err, "the known keys are in holdfast.conf(5)");
}

const struct config_entry *config_entry_of(const struct config_section *s, const char *key)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->entries[i].key, key) == 0)
			return &s->entries[i];
	return NULL;
}

static int add_entry(struct config_section *s, const struct ini_place *at, const char *key,
                     const char *value, struct err *err)
{
	struct config_entry *grown = reallocarray(s->entries, s->n + 1, sizeof *grown);
	if (!grown)
		return err_no_memory(err);
	s->entries = grown;
	grown[s->n] = (struct config_entry){ key, strdup(value), at->line };
	if (!grown[s->n].value)
		return err_no_memory(err);
	s->n++;
	return 0;
}

static int add_pattern(struct config_section *s, const char *text, size_t len, struct err *err)
{
	size_t n = 0;
	while (s->exclude && s->exclude[n])
		n++;
	char **grown = reallocarray(s->exclude, n + 2, sizeof *grown);
	if (!grown)
		return err_no_memory(err);
	s->exclude = grown;
	grown[n] = strndup(text, len);
	grown[n + 1] = NULL;
	return grown[n] ? 0 : err_no_memory(err);
}

/* `exclude` may stand several times, and hold several patterns with commas between them. */
static int add_exclude(struct config_section *s, const char *value, struct err *err)
{
	while (*value) {
		value += strspn(value, ", \t");
		size_t len = strcspn(value, ","), kept = len;
		while (kept > 0 && isspace((unsigned char)value[kept - 1]))
			kept--;
		if (kept > 0 && add_pattern(s, value, kept, err) != 0)
			return err->code;
		value += len;
	}
	return 0;
}

static int on_entry(void *arg, const struct ini_place *at, const char *name, const char *value,
                    struct err *err)
{
	struct config *c = arg;
	char shown[CONFIG_TITLE_MAX];
	if (c->n == 0 || strcmp(c->sections[c->n - 1].file, at->file) != 0)
		return err_set(err, ERR_INVALID, "%s:%u: '%s' stands before any section", at->file,
		               at->line, name);
	struct config_section *s = &c->sections[c->n - 1];
	const struct config_key *key = key_find(name);
	if (!key || !(key->kinds & s->kind))
		return unknown_key(at, s, name, err);
	if (config_value_check(key->value, value, err) != 0)
		return err_wrap(err, "%s:%u: '%s' in %s", at->file, at->line, name,
		                config_title(s, shown));
	if (strcmp(name, "exclude") == 0)
		return add_exclude(s, value, err);
	const struct config_entry *twin = config_entry_of(s, name);
	if (twin)
		return err_set(err, ERR_INVALID, "%s:%u: '%s' is already given in line %u",
		               at->file, at->line, name, twin->line);
	return add_entry(s, at, key->name, value, err);
}

int config_add(struct config *c, const char *file, const char *text, size_t len, struct err *err)
{
	const struct ini_visitor visitor = {
		on_section, on_entry, c,
		.long_name = "a longer store name goes into 'name = ...'",
		.long_line = "a long command goes into a script; 'exclude' may be repeated",
	};
	return ini_guard_read(file, text, len, &visitor, err);
}

const struct config_section *config_find(const struct config *c, enum config_kind kind,
                                         const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->sections[i].kind == kind && strcmp(c->sections[i].name, name) == 0)
			return &c->sections[i];
	return NULL;
}

const char *config_get(const struct config *c, const struct config_section *s, const char *key)
{
	const struct config_entry *e = config_entry_of(s, key);
	const struct config_section *defaults = config_find(c, CONFIG_DEFAULTS, "");
	if (!e && defaults && s->kind == CONFIG_STORE)
		e = config_entry_of(defaults, key);
	return e ? e->value : NULL;
}

uint64_t config_get_number(const struct config *c, const struct config_section *s, const char *key)
{
	const struct config_key *known = key_find(key);
	const char *text = config_get(c, s, key);
	return text && known ? config_value_number(known->value, text) : 0;
}

bool config_store_is_fleet(const struct config_section *s)
{
	const struct config_entry *type = config_entry_of(s, "type"), *path = config_entry_of(s, "path");
	return type && path && strcmp(type->value, "sqlite") == 0 && fleet_is_pattern(path->value);
}

const char *config_store_name(const struct config_section *s)
{
	const struct config_entry *name = config_entry_of(s, "name");
	return name ? name->value : s->name;
}

bool config_list_item(const char *list, size_t i, char *out, size_t cap)
{
	for (;;) {
		list += strspn(list, ", \t");
		size_t len = strcspn(list, ","), kept = len;
		if (len == 0)
			return false;
		while (kept > 0 && isspace((unsigned char)list[kept - 1]))
			kept--;
		if (i-- == 0) {
			snprintf(out, cap, "%.*s", (int)kept, list);
			return true;
		}
		list += len;
	}
}

void config_store_due(const struct config *c, const struct config_section *s, struct due *out)
{
	const char *at = config_get(c, s, "at");
	*out = DUE_DEFAULT;
	if (s->kind == CONFIG_DRILL)
		out->every_s = 7 * 86400;
	if (at)
		due_parse_at(at, &out->at);
	if (config_get(c, s, "every"))
		out->every_s = config_get_number(c, s, "every");
}

const char *config_run_value(const struct config *c, const char *key)
{
	const struct config_section *s = config_find(c, CONFIG_RUN, "");
	return s ? config_get(c, s, key) : NULL;
}

static void source_options(const struct config *c, const struct config_section *s,
                           struct source_options *out)
{
	out->type = config_get(c, s, "type");
	out->path = config_get(c, s, "path");
	out->command = config_get(c, s, "command");
	out->restore_command = config_get(c, s, "restore-command");
	out->end_marker = config_get(c, s, "end-marker");
	out->shell = config_get_number(c, s, "shell") != 0;
	out->user = config_get(c, s, "user");
	out->defaults_file = config_get(c, s, "defaults-file");
	out->database = config_get(c, s, "database");
	out->exclude = (const char *const *)s->exclude;
	out->timeout_s = (unsigned)config_get_number(c, s, "timeout");
	out->one_file_system = config_get_number(c, s, "one-file-system") != 0;
}

void config_backup_store(const struct config *c, const struct config_section *s, const char *name,
                         const char *path, struct backup_store *out)
{
	*out = (struct backup_store){ 0 };
	source_options(c, s, &out->source);
	out->source.name = name;
	if (path)
		out->source.path = path;
	out->unit_bytes = (uint32_t)config_get_number(c, s, "unit");
	out->level = (unsigned)config_get_number(c, s, "level");
	out->rotate_s = config_get_number(c, s, "rotate");
	out->rehash_s = config_get_number(c, s, "rehash");
	out->full_every_s = config_get_number(c, s, "full-every");
	out->paranoid = config_get_number(c, s, "paranoid") != 0;
}
