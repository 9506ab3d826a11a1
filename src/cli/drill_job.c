#include "cli/drill_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/choice.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/due.h"
#include "cli/outcomes.h"
#include "holdfast/backup.h"
#include "holdfast/err.h"

enum { POLICY_MAX = 1 << 20, NAME_BYTES = VAULT_NAME_MAX + 80 };
#define DEFAULT_MEMORY ((uint64_t)4 << 30)

void drill_job_free(struct drill_job *j)
{
	if (!j)
		return;
	stores_free(j->stores);
	free(j->list);
	free(j->assertions);
	free(j->policy);
	free(j->folder);
	free(j);
}

const struct config_section *drill_section(const struct cli *cli, const char *name)
{
	return config_find(cli->config, CONFIG_DRILL, name);
}

bool drill_is_due(const struct cli *cli, const struct config_section *section,
                  const struct outcomes *o, int64_t now_s, int64_t *turn_s)
{
	struct due due;
	struct outcome last;
	config_store_due(cli->config, section, &due);
	outcomes_get(o, "drill", section->name, &last);
	*turn_s = due_slot(&due, now_s);
	/* one that failed is told of, and not repeated until somebody looked at it, or the next turn */
	return due_now(&due, last.tried_s > last.good_s ? last.tried_s : last.good_s, now_s);
}

/* ---- which stores ---- */

static bool section_has(const struct cli *cli, const struct config_section *section,
                        const struct store_entry *e)
{
	const char *list = config_get(cli->config, section, "stores");
	char pattern[NAME_BYTES];
	for (size_t i = 0; list && config_list_item(list, i, pattern, sizeof pattern); i++)
		if (stores_match(e, pattern))
			return true;
	return !list;
}

static const struct config_section *section_of(const struct cli *cli, const struct store_entry *e)
{
	for (size_t i = 0; i < cli->config->n; i++)
		if (cli->config->sections[i].kind == CONFIG_DRILL &&
		    section_has(cli, &cli->config->sections[i], e))
			return &cli->config->sections[i];
	return NULL;
}

/* Of a store that is configured and was never backed up there is nothing to ask yet. */
static bool is_configured(const struct cli *cli, const char *pattern)
{
	for (size_t i = 0; i < cli->config->n; i++) {
		const struct config_section *s = &cli->config->sections[i];
		struct store_entry e = { .info = { .name = NULL } };
		if (s->kind != CONFIG_STORE || config_store_is_fleet(s))
			continue;
		e.info.name = config_store_name(s);
		if (stores_match(&e, pattern))
			return true;
	}
	return false;
}

/* A misspelt store would leave a statement unasked, and nobody would miss it. */
static int check_assertions(const struct cli *cli, const struct stores *all, struct err *err)
{
	for (size_t i = 0; i < cli->config->n; i++) {
		const struct config_section *a = &cli->config->sections[i];
		if (a->kind != CONFIG_ASSERT)
			continue;
		const char *pattern = config_get(cli->config, a, "store");
		if (!is_configured(cli, pattern) && stores_must_mean(all, pattern, err) != 0)
			return err_wrap(err, "assert %.60s", a->name);
	}
	return 0;
}

/* Each pattern must mean something: a drill that silently drills less is no drill. */
static int keep_stores(struct cli *cli, struct drill_job *j, struct err *err)
{
	const char *list = config_get(cli->config, j->section, "stores");
	char pattern[NAME_BYTES];
	size_t n = 0;
	for (size_t i = 0; list && config_list_item(list, i, pattern, sizeof pattern); i++)
		if (stores_must_mean(j->stores, pattern, err) != 0)
			return err->code;
	if (check_assertions(cli, j->stores, err) != 0)
		return err->code;
	for (size_t i = 0; i < j->stores->n; i++) {
		struct store_entry e = j->stores->entries[i];
		if (!section_has(cli, j->section, &e))
			continue;
		j->stores->entries[i] = j->stores->entries[n];
		j->stores->entries[n++] = e;
	}
	stores_shorten(j->stores, n);
	return 0;
}

static int keep_named(struct cli *cli, struct drill_job *j, const char *operand, struct err *err)
{
	struct store_spec spec;
	struct snapshot_info info;
	if (stores_parse_spec(operand, &spec, err) != 0)
		return err->code;
	const struct store_entry *one = stores_one(j->stores, spec.store, err);
	char *pattern = spec.store;
	if (!one || check_assertions(cli, j->stores, err) != 0)
		return err->code;
	j->section = section_of(cli, one);
	if (spec.snapshot && choice_select(cli, one, spec.snapshot, &info, err) != 0)
		return err->code;
	j->options.snapshot = spec.snapshot ? info.seq : 0;
	j->options.named = true;
	return stores_keep(j->stores, &pattern, 1, err);
}

static int choose_stores(struct cli *cli, struct drill_job *j, const char *operand, struct err *err)
{
	j->stores = stores_load(cli, STORES_ASK, err);
	if (!j->stores)
		return err->code;
	return j->section ? keep_stores(cli, j, err) : keep_named(cli, j, operand, err);
}

/* ---- what is asked of them ---- */

static const char *value(const struct cli *cli, const struct drill_job *j, const char *key)
{
	return j->section ? config_get(cli->config, j->section, key) : NULL;
}

static uint64_t number(const struct cli *cli, const struct drill_job *j, const char *key)
{
	return j->section ? config_get_number(cli->config, j->section, key) : 0;
}

static const struct config_section *store_section(const struct cli *cli, const struct store_entry *e)
{
	for (size_t i = 0; e->info.name && i < cli->config->n; i++) {
		const struct config_section *s = &cli->config->sections[i];
		if (s->kind == CONFIG_STORE && !config_store_is_fleet(s) &&
		    strcmp(config_store_name(s), e->info.name) == 0)
			return s;
	}
	return NULL;
}

static bool is_asked_of(const struct cli *cli, const struct config_section *a,
                        const struct store_entry *e)
{
	return a->kind == CONFIG_ASSERT && stores_match(e, config_get(cli->config, a, "store"));
}

/* Assertions of all stores one behind the other, each store's in a row. */
static void add_assertions(const struct cli *cli, const struct store_entry *e,
                           struct drill_assertion *all, size_t *n, struct drill_store *out)
{
	const struct config *c = cli->config;
	out->assertions = all + *n;
	for (size_t i = 0; i < c->n; i++) {
		const struct config_section *a = &c->sections[i];
		if (!is_asked_of(cli, a, e))
			continue;
		all[(*n)++] = (struct drill_assertion){
			.name = a->name, .sql = config_get(c, a, "sql"),
			.expect = config_get(c, a, "expect"), .database = config_get(c, a, "database"),
		};
		out->n_assertions++;
	}
}

static void describe_store(const struct cli *cli, struct drill_job *j, const struct store_entry *e,
                           struct drill_store *out)
{
	const struct config_section *s = store_section(cli, e);
	struct backup_store settings;
	*out = (struct drill_store){ .info = e->info };
	out->rpo_sql = value(cli, j, "rpo-sql");
	out->check_command = value(cli, j, "check-command");
	out->check_shell = number(cli, j, "shell") != 0;
	out->any_keys = value(cli, j, "foreign-keys") && !number(cli, j, "foreign-keys");
	out->restore_command = value(cli, j, "restore-command");
	out->shell = out->check_shell;
	if (!s)
		return;
	config_backup_store(cli->config, s, e->info.name, NULL, &settings);
	out->type = settings.source.type;
	out->database = settings.source.database;
	if (out->restore_command || !settings.source.restore_command)
		return;
	/* it is meant for the real server: it may only run where it cannot reach that */
	out->restore_command = settings.source.restore_command;
	out->shell = settings.source.shell;
	j->options.need_walls = true;
}

static int describe_stores(struct cli *cli, struct drill_job *j, struct err *err)
{
	size_t n = 0;
	j->list = calloc(j->stores->n + 1, sizeof *j->list);
	j->assertions = calloc(j->stores->n * cli->config->n + 1, sizeof *j->assertions);
	if (!j->list || !j->assertions)
		return err_no_memory(err);
	for (size_t i = 0; i < j->stores->n; i++) {
		describe_store(cli, j, &j->stores->entries[i], &j->list[i]);
		add_assertions(cli, &j->stores->entries[i], j->assertions, &n, &j->list[i]);
	}
	j->options.stores = j->list;
	j->options.n_stores = j->stores->n;
	return 0;
}

/* ---- the rest ---- */

static int add_section(struct buf *out, const char *kind, const struct config_section *s,
                       struct err *err)
{
	if (buf_printf(out, err, "[%s %s]\n", kind, s->name) != 0)
		return err->code;
	for (size_t i = 0; i < s->n; i++)
		if (buf_printf(out, err, "%s = %s\n", s->entries[i].key, s->entries[i].value) != 0)
			return err->code;
	return 0;
}

/* The sections that say how it drills, as they stand in the configuration. */
static int write_policy(const struct cli *cli, struct drill_job *j, struct err *err)
{
	AUTO(buf) out = buf_new(POLICY_MAX, err);
	if (!out || (j->section && add_section(out, "drill", j->section, err) != 0))
		return err->code;
	for (size_t i = 0; i < cli->config->n; i++) {
		const struct config_section *a = &cli->config->sections[i];
		bool asked = false;
		for (size_t k = 0; k < j->stores->n; k++)
			asked |= is_asked_of(cli, a, &j->stores->entries[k]);
		if (asked && add_section(out, "assert", a, err) != 0)
			return err->code;
	}
	const char *text = buf_text(out, err);
	if (text && !(j->policy = strdup(text)))
		return err_no_memory(err);
	return text ? 0 : (int)err->code;
}

static int set_folder(const struct cli *cli, struct drill_job *j, struct err *err)
{
	const char *given = value(cli, j, "folder");
	if (!given && !cli->state) {
		err_set(err, ERR_INVALID, "drill: no folder to restore into is known");
		return err_hint(err, "set 'folder' in [drill], or 'state' in [vault]");
	}
	if (asprintf(&j->folder, "%s%s", given ? given : cli->state, given ? "" : "/sandbox") < 0) {
		j->folder = NULL;
		return err_no_memory(err);
	}
	j->options.sandboxes = j->folder;
	size_t n = 0;
	if (cli->keys)
		j->hidden[n++] = cli->keys;
	if (cli->state)
		j->hidden[n++] = cli->state;
	j->options.hidden = j->hidden;
	return 0;
}

/* A grant is enough where there is one; else the recovery secret is asked for. */
static int unlock(void *arg, struct err *err)
{
	struct cli *cli = arg;
	return cli_unlock(cli, err);
}

const struct store_entry *drill_job_unreadable(const struct cli *cli, const struct drill_job *j)
{
	for (size_t i = 0; i < j->stores->n; i++)
		if (!vault_reads_store(cli->vault, j->stores->entries[i].info.writer,
		                       j->stores->entries[i].info.store))
			return &j->stores->entries[i];
	return NULL;
}

static int set_options(struct cli *cli, struct drill_job *j, struct err *err)
{
	struct drill_options *o = &j->options;
	struct due due;
	o->name = j->section ? j->section->name : "by-hand";
	o->select = (enum drill_select)number(cli, j, "select");
	if (j->section) {
		config_store_due(cli->config, j->section, &due);
		o->every_s = due.every_s;
		o->due_s = j->options.named ? 0 : due_slot(&due, (int64_t)time(NULL));
	}
	o->rto_s = number(cli, j, "rto");
	o->rpo_s = number(cli, j, "rpo");
	o->asset = value(cli, j, "asset");
	o->owner = value(cli, j, "owner");
	o->reviewer = value(cli, j, "reviewer");
	o->runbook = value(cli, j, "runbook");
	o->policy = j->policy;
	o->tsa = cli_place_value(cli, "tsa");
	o->tsa_ca = o->tsa ? cli_place_value(cli, "tsa-ca") : NULL;
	o->need_walls = o->need_walls || (value(cli, j, "isolation") && !number(cli, j, "isolation"));
	o->memory_bytes = value(cli, j, "memory") ? number(cli, j, "memory") : DEFAULT_MEMORY;
	o->disk_bytes = number(cli, j, "disk");
	o->timeout_s = (unsigned)number(cli, j, "timeout");
	o->unlock = drill_job_unreadable(cli, j) ? unlock : NULL;
	o->arg = cli;
	o->progress = cli_progress(cli);
	return set_folder(cli, j, err);
}

struct drill_job *drill_job_new(struct cli *cli, const struct config_section *section,
                                const char *operand, struct err *err)
{
	if (cli_open(cli, err) != 0)
		return NULL;
	AUTO(drill_job) j = calloc(1, sizeof *j);
	if (!j) {
		err_no_memory(err);
		return NULL;
	}
	j->section = section;
	if (choose_stores(cli, j, operand, err) != 0 || describe_stores(cli, j, err) != 0 ||
	    write_policy(cli, j, err) != 0 || set_options(cli, j, err) != 0)
		return NULL;
	return TAKE(j);
}

int drill_job_note(const struct drill_job *j, enum drill_verdict verdict, int64_t start_s,
                   struct outcomes *o, struct err *err)
{
	if (!j->section || j->options.named)
		return 0;
	if (verdict == DRILL_PASSED)
		return outcomes_note_good(o, "drill", j->section->name, start_s, err);
	return outcomes_note_failed(o, "drill", j->section->name, start_s, j->options.due_s,
	                            drill_verdict_text(verdict), err);
}
