#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/config_file.h"
#include "cli/config_storage.h"
#include "cli/live.h"
#include "cli/nearest.h"
#include "cli/output.h"
#include "cli/paths.h"
#include "cli/stop.h"
#include "cli/terminal.h"
#include "cli/when.h"
#include "crypto/secret.h"
#include "holdfast/backend.h"
#include "holdfast/err.h"
#include "holdfast/roles.h"
#include "holdfast/vault.h"

enum { PROMPT_TRIES = 3 };

void cli_end(struct cli *cli)
{
	vault_free(TAKE(cli->vault));
	config_free(TAKE(cli->config));
	free(TAKE(cli->url));
	free(TAKE(cli->state));
	free(TAKE(cli->keys));
}

int cli_config(struct cli *cli, struct err *err)
{
	char *path;
	if (cli->config)
		return 0;
	if (paths_find_config(cli->options.config, &path, err) != 0)
		return err->code;
	cli->config = path ? config_file_load(path, err) : config_new(err);
	free(path);
	if (cli->config)
		return 0;
	/* that a named file is not there is a mistake of the caller, not of the vault */
	if (err->code == ERR_ABSENT)
		err->code = ERR_INVALID;
	return err->code;
}

char *cli_url_of(const char *text, struct err *err)
{
	char *out = NULL;
	if (strstr(text, "://")) {
		out = strdup(text);
	} else {
		char *path = paths_absolute(text, err);
		if (!path)
			return NULL;
		if (asprintf(&out, "file://%s", path) < 0)
			out = NULL;
		free(path);
	}
	if (!out) {
		err_no_memory(err);
		return NULL;
	}
	/* "/srv/vault/" is "/srv/vault", but "file:///" stays */
	for (size_t len = strlen(out); len > 1 && out[len - 1] == '/' && out[len - 2] != '/'; len--)
		out[len - 1] = '\0';
	return out;
}

static bool is_url(const char *text, const char *url)
{
	struct err ignored;
	char *other = cli_url_of(text, &ignored);
	bool same = other && strcmp(other, url) == 0;
	free(other);
	return same;
}

static const struct config_section *vault_by_url(const struct config *c, const char *url)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->sections[i].kind == CONFIG_VAULT &&
		    is_url(config_get(c, &c->sections[i], "url"), url))
			return &c->sections[i];
	return NULL;
}

static int unknown_vault(const struct cli *cli, const char *name, struct err *err)
{
	const char *best = NULL;
	size_t distance = SIZE_MAX;
	err_set(err, ERR_INVALID, "%s: no [vault %s] in the configuration", name, name);
	for (size_t i = 0; i < cli->config->n; i++)
		if (cli->config->sections[i].kind == CONFIG_VAULT && *cli->config->sections[i].name)
			best = nearest_better(name, cli->config->sections[i].name, best, &distance);
	return best ? err_hint(err, "did you mean '%s'?", best)
	            : err_hint(err, "an address has '://' or begins with '/' or '.'");
}

static int no_place(const struct cli *cli, struct err *err)
{
	if (cli->config->path)
		err_set(err, ERR_INVALID, "%s: there is no [vault] section", cli->config->path);
	else
		err_set(err, ERR_INVALID, "no configuration, and no vault named");
	return err_hint(err,
	                "begin with 'holdfast init --vault URL', or name one with --vault URL");
}

static bool is_address(const char *text)
{
	return strstr(text, "://") || *text == '/' || *text == '.';
}

int cli_find_vault(const struct cli *cli, const char *text, const struct config_section **place,
                   char **url, struct err *err)
{
	const struct config_section *named = is_address(text) ? NULL
	                                     : config_find(cli->config, CONFIG_VAULT, text);
	if (!named && !is_address(text))
		return unknown_vault(cli, text, err);
	*url = cli_url_of(named ? config_get(cli->config, named, "url") : text, err);
	if (!*url)
		return err->code;
	*place = named ? named : vault_by_url(cli->config, *url);
	return 0;
}

/* Sets cli->url, and cli->place if the configuration knows that vault. */
static int choose(struct cli *cli, struct err *err)
{
	const char *asked = cli->options.vault ? cli->options.vault : getenv("HOLDFAST_VAULT");
	if (asked && *asked)
		return cli_find_vault(cli, asked, &cli->place, &cli->url, err);
	cli->place = config_find(cli->config, CONFIG_VAULT, "");
	if (!cli->place)
		return no_place(cli, err);
	cli->url = cli_url_of(config_get(cli->config, cli->place, "url"), err);
	return cli->url ? 0 : err->code;
}

const char *cli_place_value(const struct cli *cli, const char *key)
{
	const struct config_section *first = config_find(cli->config, CONFIG_VAULT, "");
	const char *value = cli->place ? config_get(cli->config, cli->place, key) : NULL;
	return value || !cli->place || !first ? value : config_get(cli->config, first, key);
}

static char *value_or(const struct cli *cli, const char *key, char *(*fallback)(struct err *),
                      struct err *err)
{
	const char *value = cli_place_value(cli, key);
	if (!value)
		return fallback(err);
	char *copy = strdup(value);
	if (!copy)
		err_no_memory(err);
	return copy;
}

int cli_place(struct cli *cli, struct err *err)
{
	if (cli->url)
		return 0;
	if (cli_config(cli, err) != 0 || choose(cli, err) != 0)
		return err->code;
	/* with no home a bare machine can still restore */
	cli->keys = value_or(cli, "keys", paths_keys, err);
	cli->state = value_or(cli, "state", paths_state, err);
	return !cli->keys && err->code == ERR_NOMEM ? err->code : 0;
}

void cli_storage_options(const struct cli *cli, const struct config_section *place,
                         struct backend_options *out)
{
	config_backend_options(cli->config, place, out);
	out->stop = stop_flag();
}

/* Storage without versions would show the present and call it the past. */
static int set_as_of(const struct cli *cli, struct backend_options *out, struct err *err)
{
	const char *text = cli->options.as_of, *name = cli->command->name;
	if (!text)
		return 0;
	if (!when_since(text, (int64_t)time(NULL), &out->as_of_s)) {
		err_set(err, ERR_INVALID, "%s: '%.100s' is not a time", name, text);
		return err_hint(err, "for example yesterday, 7d, 2026-11-22 or 2026-11-22T02:15");
	}
	if (strncmp(cli->url, "s3://", 5) == 0)
		return 0;
	err_set(err, ERR_INVALID, "%s: --as-of needs storage that keeps versions: s3", name);
	return err_hint(err, "an earlier snapshot is STORE@TIME");
}

/* One that cannot be opened is one less: the vault itself may be whole. */
static int add_mirror(struct cli *cli, const struct config_section *place, struct err *err)
{
	struct backend_options storage;
	struct err why;
	char *url = cli_url_of(config_get(cli->config, place, "url"), err);
	if (!url)
		return err->code;
	cli_storage_options(cli, place, &storage);
	int rc = strcmp(url, cli->url) == 0 ? 0
	         : vault_add_mirror(cli->vault, *place->name ? place->name : url, url, &storage, &why);
	if (rc != 0)
		output_error(&why);
	free(url);
	return 0;
}

static int add_mirrors(struct cli *cli, struct err *err)
{
	if (!cli->command->falls_back || cli->options.as_of)
		return 0;
	if (vault_use_copies(cli->vault, err) != 0)
		return err->code;
	for (size_t i = 0; i < cli->config->n; i++)
		if (cli->config->sections[i].kind == CONFIG_VAULT &&
		    add_mirror(cli, &cli->config->sections[i], err) != 0)
			return err->code;
	return 0;
}

/* Another vault of the configuration that may answer where this one does not. */
static const struct config_section *another_vault(const struct cli *cli)
{
	for (size_t i = 0; i < cli->config->n; i++) {
		const struct config_section *s = &cli->config->sections[i];
		if (s->kind == CONFIG_VAULT && s != cli->place && *s->name)
			return s;
	}
	return NULL;
}

static int was_not_there(const struct cli *cli, struct err *err)
{
	err_set(err, ERR_ABSENT, "%.150s: there was no vault as of %.40s", cli->url, cli->options.as_of);
	return err_hint(err, "it was made later, or its older versions are gone: give --as-of a later time, "
	                "or leave it out");
}

static int cannot_open(struct cli *cli, struct err *err)
{
	const struct config_section *other = another_vault(cli);
	bool away = err->code == ERR_ABSENT || err->code == ERR_UNREACHABLE || err->code == ERR_IO;
	cli->no_vault = err->code == ERR_ABSENT;
	if (cli->no_vault && cli->options.as_of)
		return was_not_there(cli, err);
	if (other && away)
		return err_hint(err, "is it reachable from here? The configuration has another one: "
		                "--vault %s", other->name);
	if (cli->no_vault && !err->hint[0])
		err_hint(err,
		         "check the path; a new vault is made with 'holdfast init --vault URL'");
	return err->code;
}

bool cli_is_copy(const struct cli *cli)
{
	return cli->place && *cli->place->name;
}

/* A machine enrolled or a grant given since the last copy: it reads as on a machine that never saw more. */
static struct vault *open_late_copy(const struct vault_options *options, struct err *err)
{
	struct vault_options bare = *options;
	struct err why;
	bare.state_dir = NULL;
	struct vault *v = vault_open(&bare, &why);
	if (v)
		output_note("%s; it is a copy and may be late, so it is read all the same", err->msg);
	return v;
}

int cli_open(struct cli *cli, struct err *err)
{
	struct backend_options storage;
	if (cli->vault)
		return 0;
	if (cli_place(cli, err) != 0)
		return err->code;
	cli_storage_options(cli, cli->place, &storage);
	if (set_as_of(cli, &storage, err) != 0)
		return err->code;
	/* a vault that only its address names is one to read from, except for backup itself; and the past
	 * is no reason to forget how far the vault has come */
	bool bare = (!cli->place && cli->command != &cmd_backup) || cli->options.as_of;
	struct vault_options options = { .url = cli->url, .storage = &storage,
		                         .state_dir = bare ? NULL : cli->state,
		                         .keys_dir = cli->keys,
		                         .brief = cli->command == &cmd_backup ||
		                                  cli->command == &cmd_run };
	cli->vault = vault_open(&options, err);
	if (!cli->vault && err->code == ERR_FORK && cli_is_copy(cli) && cli->command->reads_late)
		cli->vault = open_late_copy(&options, err);
	return cli->vault ? add_mirrors(cli, err) : cannot_open(cli, err);
}

struct passphrase_source cli_passphrase_source(const struct cli *cli)
{
	return (struct passphrase_source){ cli->options.passphrase_file,
		                           cli_place_value(cli, "passphrase-command") };
}

static int unlock_with(struct cli *cli, struct secret *passphrase, struct err *err)
{
	int rc = vault_unlock(cli->vault, (const char *)passphrase->bytes, passphrase->len, err);
	secret_free(passphrase);
	if (rc == ERR_KEY && !err->hint[0])
		err_hint(err, "keyboard layout? The recovery sheet has the code");
	return rc;
}

static int unlock_by_prompt(struct cli *cli, struct err *err)
{
	char question[160];
	snprintf(question, sizeof question, "Recovery code or passphrase of vault %s: ",
	         vault_short_id(cli->vault));
	for (int tries = 1;; tries++) {
		struct secret *typed = passphrase_prompt(question, err);
		int rc = typed ? unlock_with(cli, typed, err) : err->code;
		if (rc != ERR_KEY || tries == PROMPT_TRIES)
			return rc;
		terminal_tell("%s\n", err->msg);
	}
}

static int nothing_opens(const struct cli *cli, struct err *err)
{
	const struct options *o = &cli->options;
	struct vault_abilities here;
	vault_abilities(cli->vault, &here);
	if (here.waiting || here.roles & ROLES_READERS) {
		vault_need_reader(cli->vault, err);
		if (!here.waiting && o->n_operands)
			err_hint(err, "with the recovery code: 'holdfast key grant %s %.*s'", here.machine,
			         (int)strcspn(o->operands[0], "@"), o->operands[0]);
		return err_wrap(err, "%s%s%s", cli->command->name, o->n_operands ? " " : "",
		                o->n_operands ? o->operands[0] : "");
	}
	if (vault_can_write(cli->vault))
		err_set(err, ERR_KEY,
		        "this machine holds only the writer key, which cannot read backups");
	else
		err_set(err, ERR_KEY, "this machine holds no key of vault %s",
		        vault_short_id(cli->vault));
	err_wrap(err, "%s%s%s", cli->command->name, o->n_operands ? " " : "",
	         o->n_operands ? o->operands[0] : "");
	return err_hint(err, "run it where the restorer key is, or give the passphrase with "
	                     "--passphrase-file");
}

int cli_unlock_if_given(struct cli *cli, bool ask, bool *done, struct err *err)
{
	struct passphrase_source source = cli_passphrase_source(cli);
	*done = true;
	if (vault_can_read(cli->vault))
		return 0;
	if (passphrase_is_given(&source)) {
		struct secret *given = passphrase_given(&source, err);
		return given ? unlock_with(cli, given, err) : err->code;
	}
	if (ask && !cli->unattended && terminal_is_there())
		return unlock_by_prompt(cli, err);
	*done = false;
	return 0;
}

int cli_unlock(struct cli *cli, struct err *err)
{
	bool done;
	if (cli_unlock_if_given(cli, true, &done, err) != 0)
		return err->code;
	return done ? 0 : nothing_opens(cli, err);
}

const struct progress *cli_progress(const struct cli *cli)
{
	const char *moved = cli->command == &cmd_backup ? "stored"
	                    : cli->command == &cmd_copy ? "copied" : "fetched";
	return live_progress(!cli->options.quiet, moved);
}
