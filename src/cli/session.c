#include "cli/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/live.h"
#include "cli/nearest.h"
#include "cli/output.h"
#include "cli/paths.h"
#include "cli/terminal.h"
#include "crypto/secret.h"
#include "holdfast/err.h"
#include "holdfast/vault.h"

enum { PROMPT_TRIES = 3 };

void session_end(struct session *s)
{
	vault_free(TAKE(s->vault));
	config_free(TAKE(s->config));
	free(TAKE(s->url));
	free(TAKE(s->state));
	free(TAKE(s->keys));
}

int session_config(struct session *s, struct err *err)
{
	char *path;
	if (s->config)
		return 0;
	if (paths_find_config(s->options.config, &path, err) != 0)
		return err->code;
	s->config = path ? config_load(path, err) : config_new(err);
	free(path);
	if (s->config)
		return 0;
	/* that a named file is not there is a mistake of the caller, not of the vault */
	if (err->code == ERR_ABSENT)
		err->code = ERR_INVALID;
	return err->code;
}

char *session_url_of(const char *text, struct err *err)
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
	if (!out)
		err_set(err, ERR_NOMEM, "out of memory");
	return out;
}

static const struct config_section *vault_by_url(const struct config *c, const char *url)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->sections[i].kind == CONFIG_VAULT &&
		    strcmp(config_get(c, &c->sections[i], "url"), url) == 0)
			return &c->sections[i];
	return NULL;
}

static int unknown_vault(const struct session *s, const char *name, struct err *err)
{
	const char *best = NULL;
	size_t distance = SIZE_MAX;
	err_set(err, ERR_INVALID, "%s: no [vault %s] in the configuration", name, name);
	for (size_t i = 0; i < s->config->n; i++)
		if (s->config->sections[i].kind == CONFIG_VAULT && *s->config->sections[i].name)
			best = nearest_better(name, s->config->sections[i].name, best, &distance);
	return best ? err_hint(err, "did you mean '%s'?", best)
	            : err_hint(err, "an address has '://' or begins with '/' or '.'");
}

static int no_place(const struct session *s, struct err *err)
{
	if (s->config->path)
		err_set(err, ERR_INVALID, "%s: there is no [vault] section", s->config->path);
	else
		err_set(err, ERR_INVALID, "no configuration, and no vault named");
	return err_hint(err, "begin with 'holdfast init --vault URL', or name one with --vault URL");
}

/* Sets s->url, and s->place if the configuration knows that vault. */
static int choose(struct session *s, struct err *err)
{
	const char *asked = s->options.vault ? s->options.vault : getenv("HOLDFAST_VAULT");
	const char *text = asked;
	if (!asked || !*asked) {
		s->place = config_find(s->config, CONFIG_VAULT, "");
		if (!s->place)
			return no_place(s, err);
	} else if (!strstr(asked, "://") && *asked != '/' && *asked != '.') {
		s->place = config_find(s->config, CONFIG_VAULT, asked);
		if (!s->place)
			return unknown_vault(s, asked, err);
	}
	if (s->place)
		text = config_get(s->config, s->place, "url");
	s->url = session_url_of(text, err);
	if (s->url && !s->place)
		s->place = vault_by_url(s->config, s->url);
	return s->url ? 0 : err->code;
}

static char *value_or(const struct session *s, const char *key, char *(*fallback)(struct err *),
                      struct err *err)
{
	const char *value = s->place ? config_get(s->config, s->place, key) : NULL;
	if (!value)
		return fallback(err);
	char *copy = strdup(value);
	if (!copy)
		err_set(err, ERR_NOMEM, "out of memory");
	return copy;
}

int session_place(struct session *s, struct err *err)
{
	if (s->url)
		return 0;
	if (session_config(s, err) != 0 || choose(s, err) != 0)
		return err->code;
	/* with no home a bare machine can still restore */
	s->keys = value_or(s, "keys", paths_keys, err);
	s->state = value_or(s, "state", paths_state, err);
	return !s->keys && err->code == ERR_NOMEM ? err->code : 0;
}

int session_open(struct session *s, struct err *err)
{
	if (s->vault)
		return 0;
	if (session_place(s, err) != 0)
		return err->code;
	/* a vault that only its address names is one to read from, except for backup itself */
	bool bare = !s->place && s->command != &cmd_backup;
	struct vault_options options = { s->url, bare ? NULL : s->state, s->keys };
	s->vault = vault_open(&options, err);
	if (s->vault)
		return 0;
	s->no_vault = err->code == ERR_ABSENT;
	if (s->no_vault && !err->hint[0])
		err_hint(err, "check the path; a new vault is made with 'holdfast init --vault URL'");
	return err->code;
}

struct passphrase_source session_passphrase_source(const struct session *s)
{
	const char *command = s->place ? config_get(s->config, s->place, "passphrase-command") : NULL;
	return (struct passphrase_source){ s->options.passphrase_file, command };
}

static int unlock_with(struct session *s, struct secret *passphrase, struct err *err)
{
	int rc = vault_unlock(s->vault, (const char *)passphrase->bytes, passphrase->len, err);
	secret_free(passphrase);
	if (rc == ERR_KEY && !err->hint[0])
		err_hint(err, "keyboard layout? The recovery sheet has the code");
	return rc;
}

static int unlock_by_prompt(struct session *s, struct err *err)
{
	char question[160];
	snprintf(question, sizeof question, "Recovery code or passphrase of vault %s: ",
	         vault_short_id(s->vault));
	for (int tries = 1;; tries++) {
		struct secret *typed = passphrase_prompt(question, err);
		int rc = typed ? unlock_with(s, typed, err) : err->code;
		if (rc != ERR_KEY || tries == PROMPT_TRIES)
			return rc;
		terminal_tell("%s\n", err->msg);
	}
}

static int nothing_opens(const struct session *s, struct err *err)
{
	const struct options *o = &s->options;
	if (vault_can_write(s->vault))
		err_set(err, ERR_KEY, "this machine holds only the writer key, which cannot read backups");
	else
		err_set(err, ERR_KEY, "this machine holds no key of vault %s", vault_short_id(s->vault));
	err_wrap(err, "%s%s%s", s->command->name, o->n_operands ? " " : "",
	         o->n_operands ? o->operands[0] : "");
	return err_hint(err, "run it where the restorer key is, or give the passphrase with "
	                     "--passphrase-file");
}

int session_unlock_if_given(struct session *s, bool ask, bool *done, struct err *err)
{
	struct passphrase_source source = session_passphrase_source(s);
	*done = true;
	if (vault_can_read(s->vault))
		return 0;
	if (passphrase_is_given(&source)) {
		struct secret *given = passphrase_given(&source, err);
		return given ? unlock_with(s, given, err) : err->code;
	}
	if (ask && terminal_is_there())
		return unlock_by_prompt(s, err);
	*done = false;
	return 0;
}

int session_unlock(struct session *s, struct err *err)
{
	bool done;
	if (session_unlock_if_given(s, true, &done, err) != 0)
		return err->code;
	return done ? 0 : nothing_opens(s, err);
}

const struct progress *session_progress(const struct session *s)
{
	return live_progress(!s->options.quiet);
}
