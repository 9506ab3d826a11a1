#include "cli/new_place.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/config_edit.h"
#include "cli/config_file.h"
#include "cli/paths.h"
#include "holdfast/err.h"

static int nothing_named(const struct cli *cli, struct err *err)
{
	err_set(err, ERR_INVALID, "%s: no vault is named", cli->command->name);
	return cli->command == &cmd_init
	               ? err_hint(err, "for example 'holdfast init --vault /srv/vault'")
	               : err_hint(err, "name it with --vault URL");
}

/* The section that the user means, by name, address or, with nothing said, as the only one. Here a
 * name that is none of the configuration is a folder's. */
static int find_place(struct cli *cli, const char *asked, struct err *err)
{
	const struct config_section *named = config_find(cli->config, CONFIG_VAULT, asked ? asked : "");
	char *url = cli_url_of(named ? config_get(cli->config, named, "url") : asked, err);
	int rc = url ? cli_find_vault(cli, url, &cli->place, &cli->url, err) : err->code;
	free(url);
	return rc;
}

/* A configuration that names another vault is somebody's work. */
static int choose_url(struct new_place *p, struct err *err)
{
	struct cli *cli = p->cli;
	const struct config_section *vault = config_find(cli->config, CONFIG_VAULT, "");
	const char *asked = cli->options.vault;
	if (!asked && !vault)
		return nothing_named(cli, err);
	if (find_place(cli, asked, err) != 0)
		return err->code;
	p->has_section = cli->place != NULL;
	if (cli->place || !vault)
		return 0;
	err_set(err, ERR_EXISTS, "%s: %s names another vault: %s", cli->command->name,
	        cli->config->path,
	        config_get(cli->config, vault, "url"));
	return err_hint(err, "name another configuration file with -c");
}

static int places(struct new_place *p, struct err *err)
{
	struct cli *cli = p->cli;
	const char *state = cli_place_value(cli, "state"), *keys = cli_place_value(cli, "keys");
	cli->state = state ? strdup(state) : paths_state(err);
	cli->keys = keys ? strdup(keys) : paths_keys(err);
	return cli->state && cli->keys ? 0 : err->code;
}

/* Read the file that is to be written, if it is there. */
static int load_config(struct new_place *p, struct err *err)
{
	struct cli *cli = p->cli;
	const char *named = cli->options.config ? cli->options.config : getenv("HOLDFAST_CONFIG");
	p->config_path = named && *named ? paths_absolute(named, err) : paths_config(err);
	if (!p->config_path)
		return err->code;
	bool there = access(p->config_path, F_OK) == 0;
	cli->config = there ? config_file_load(p->config_path, err) : config_new(err);
	return cli->config ? 0 : err->code;
}

/* What would only fail once the vault is made is tried before. */
static int prepare_config(const struct new_place *p, struct err *err)
{
	const struct cli *cli = p->cli;
	char copy[PATH_MAX], *slash;
	if (config_edit_check("url", cli->url, err) != 0 ||
	    config_edit_check("state", cli->state, err) != 0 ||
	    config_edit_check("keys", cli->keys, err) != 0)
		return err->code;
	snprintf(copy, sizeof copy, "%s", p->config_path);
	slash = strrchr(copy, '/');
	if (!slash || slash == copy)
		return 0;
	*slash = '\0';
	if (io_make_dirs(copy, 0700, err) != 0)
		return err->code;
	return access(copy, W_OK) == 0 ? 0 : err_sys(err, "%s: %s", cli->command->name, copy);
}

int new_place_choose(struct new_place *p, struct err *err)
{
	if (load_config(p, err) != 0 || choose_url(p, err) != 0 || places(p, err) != 0)
		return err->code;
	return prepare_config(p, err);
}

void new_place_free(struct new_place *p)
{
	free(p->config_path);
	p->config_path = NULL;
}

int new_place_write(const struct new_place *p, struct err *err)
{
	const struct cli *cli = p->cli;
	AUTO(buf) text = buf_new(8192, err);
	if (p->has_section)
		return 0;
	if (!text || buf_printf(text, err, "[vault]\nurl = %s\nstate = %s\nkeys = %s\n", cli->url,
	                        cli->state, cli->keys) != 0)
		return err->code;
	const char *section = buf_text(text, err);
	if (!section || config_edit_append(p->config_path, section, err) != 0)
		return err->code;
	return 0;
}

const char *new_place_machine(char out[NEW_PLACE_NAME_MAX])
{
	if (gethostname(out, 64) != 0 || !out[0])
		snprintf(out, NEW_PLACE_NAME_MAX, "localhost");
	out[64] = '\0';
	return out;
}
