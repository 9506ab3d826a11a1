/* config_complete - what has to be there once all files are read, and what does not go together. */
#include <string.h>

#include "cli/config.h"
#include "cli/due.h"
#include "holdfast/err.h"

static int missing_key(const struct config_section *s, const char *key, struct err *err)
{
	char shown[CONFIG_TITLE_MAX];
	return err_set(err, ERR_INVALID, "%s:%u: '%s' is missing in %s", s->file, s->line, key,
	               config_title(s, shown));
}

static int complete_store(const struct config_section *s, struct err *err)
{
	const struct config_entry *type = config_entry_of(s, "type"), *name = config_entry_of(s, "name");
	unsigned line = name ? name->line : s->line;
	if (!type)
		return missing_key(s, "type", err);
	if ((strcmp(type->value, "sqlite") == 0 || strcmp(type->value, "files") == 0) &&
	    !config_entry_of(s, "path"))
		return missing_key(s, "path", err);
	if (strcmp(type->value, "command") == 0 && !config_entry_of(s, "command"))
		return missing_key(s, "command", err);
	if (config_store_is_fleet(s)) {
		if (!name || strchr(name->value, '{'))
			return 0;
		err_set(err, ERR_INVALID, "%s:%u: 'name' gives every file the same store name",
		        s->file, line);
		return err_hint(err, "for example 'name = %s/{stem}'", s->name);
	}
	const char *called = config_store_name(s);
	return config_name_ok(called) ? 0 : config_bad_name(s->file, line, called, err);
}

/* The slots between the days of `at` would be on other days. */
static int complete_times(const struct config *c, const struct config_section *s, struct err *err)
{
	struct due due;
	char shown[CONFIG_TITLE_MAX];
	config_store_due(c, s, &due);
	if (due.every_s >= 86400 || due.at.days == DUE_DAYS_ALL)
		return 0;
	err_set(err, ERR_INVALID, "%s:%u: %s is 'every' %s, and 'at' %s names days", s->file, s->line,
	        config_title(s, shown), config_get(c, s, "every"), config_get(c, s, "at"));
	return err_hint(err, "leave the days away, or make 'every' a day");
}

/* A secret address in the configuration and in a file: which one counts would be a guess. */
static int complete_run(const struct config_section *s, struct err *err)
{
	static const char *const pairs[][2] = { { "notify", "notify-file" }, { "ping", "ping-file" } };
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		const struct config_entry *file = config_entry_of(s, pairs[i][1]);
		if (file && config_entry_of(s, pairs[i][0]))
			return err_set(err, ERR_INVALID, "%s:%u: '%s' and '%s' exclude each other", s->file,
			               file->line, pairs[i][0], pairs[i][1]);
	}
	return 0;
}

/* Whether there is such a store, the vault tells (drill_job). */
static int complete_assert(const struct config_section *s, struct err *err)
{
	static const char *const needed[] = { "store", "sql", "expect" };
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		if (!config_entry_of(s, needed[i]))
			return missing_key(s, needed[i], err);
	return 0;
}

/* What nobody could verify is not asked for. */
static int complete_vault(const struct config_section *s, struct err *err)
{
	if (!config_entry_of(s, "url"))
		return missing_key(s, "url", err);
	if (!config_entry_of(s, "tsa") || config_entry_of(s, "tsa-ca"))
		return 0;
	missing_key(s, "tsa-ca", err);
	return err_hint(err, "the file (PEM) with the certificates of the timestamp authority");
}

int config_complete(const struct config *c, struct err *err)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct config_section *s = &c->sections[i];
		if (s->kind == CONFIG_VAULT && complete_vault(s, err) != 0)
			return err->code;
		if (s->kind == CONFIG_STORE &&
		    (complete_store(s, err) != 0 || complete_times(c, s, err) != 0))
			return err->code;
		if (s->kind == CONFIG_DRILL && complete_times(c, s, err) != 0)
			return err->code;
		if (s->kind == CONFIG_RUN && complete_run(s, err) != 0)
			return err->code;
		if (s->kind == CONFIG_ASSERT && complete_assert(s, err) != 0)
			return err->code;
	}
	return 0;
}
