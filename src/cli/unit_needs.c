#include "cli/unit_needs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/config.h"
#include "holdfast/err.h"
#include "holdfast/fleet.h"

void unit_needs_free(struct unit_needs *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->n_writable; i++)
		free(n->writable[i]);
	free(n->writable);
	free(n);
}

static bool is_below(const char *path, const char *folder)
{
	size_t len = strlen(folder);
	return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static void note_tmp(struct unit_needs *n, const char *path)
{
	n->in_tmp |= is_below(path, "/tmp") || is_below(path, "/var/tmp");
}

/* ---- folders that are written ---- */

static int add_writable(struct unit_needs *n, const char *path, size_t len, struct err *err)
{
	while (len > 1 && path[len - 1] == '/')
		len--;
	for (size_t i = 0; i < n->n_writable; i++)
		if (strncmp(n->writable[i], path, len) == 0 && n->writable[i][len] == '\0')
			return 0;
	char **grown = reallocarray(n->writable, n->n_writable + 1, sizeof *grown);
	if (!grown)
		return err_no_memory(err);
	n->writable = grown;
	char *copy = grown[n->n_writable] = strndup(path, len);
	if (!copy)
		return err_no_memory(err);
	n->n_writable++;
	note_tmp(n, copy);
	struct stat st;
	n->writes_others |= stat(copy, &st) == 0 && st.st_uid != 0;
	return 0;
}

static int add_folder(struct unit_needs *n, const char *path, struct err *err)
{
	return path ? add_writable(n, path, strlen(path), err) : 0;
}

static int add_parent(struct unit_needs *n, const char *path, struct err *err)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	return slash ? add_writable(n, path, slash > path ? (size_t)(slash - path) : 1, err) : 0;
}

/* ---- what the sections ask for ---- */

static int need_vault(struct unit_needs *n, const struct cli *cli, const struct config_section *s,
                      struct err *err)
{
	char *url = cli_url_of(config_get(cli->config, s, "url"), err);
	if (!url)
		return err->code;
	bool local = strncmp(url, "file://", 7) == 0;
	n->network |= !local || config_get(cli->config, s, "tsa");
	int rc = local ? add_folder(n, url + 7, err) : 0;
	free(url);
	/* a first connection adds a line to it */
	if (rc == 0 && config_get_number(cli->config, s, "host-keys") != 0)
		rc = add_parent(n, config_get(cli->config, s, "known-hosts"), err);
	return rc;
}

/* SQLite makes and locks -wal and -shm beside a database in WAL mode, also to read it, and gives them to
 * its owner. The folder of a pattern is what comes before it. */
static int need_sqlite(struct unit_needs *n, const char *path, struct err *err)
{
	char *real = realpath(path, NULL);
	int rc = real && strcmp(real, path) != 0 ? add_parent(n, real, err) : 0;
	free(real);
	if (rc != 0)
		return rc;
	size_t len = fleet_is_pattern(path) ? strcspn(path, "*?[") : strlen(path);
	while (len > 1 && path[len - 1] != '/')
		len--;
	n->writes_others = true;
	return add_writable(n, path, len, err);
}

static int need_store(struct unit_needs *n, const struct config *c, const struct config_section *s,
                      struct err *err)
{
	const char *type = config_get(c, s, "type"), *path = config_get(c, s, "path");
	if (path)
		note_tmp(n, path);
	n->other_users |= config_get(c, s, "user") != NULL;
	n->network |= strstr(type, "-dump") != NULL;
	if (strcmp(type, "command") == 0)
		n->commands = "type = command";
	return strcmp(type, "sqlite") == 0 ? need_sqlite(n, path, err) : 0;
}

/* What it starts is confined by the drill itself, which needs the kernel for that. */
static int need_drill(struct unit_needs *n, const struct config *c, const struct config_section *s,
                      struct err *err)
{
	n->drills = true;
	if (!n->commands)
		n->commands = "[drill]";
	return add_folder(n, config_get(c, s, "folder"), err);
}

static int need_run(struct unit_needs *n, const struct config *c, struct err *err)
{
	static const char *const web[] = { "notify", "notify-file", "ping", "ping-file" };
	const char *log = config_run_value(c, "log");
	for (size_t i = 0; i < sizeof web / sizeof *web; i++)
		n->network |= config_run_value(c, web[i]) != NULL;
	if (config_run_value(c, "notify-command"))
		n->commands = "notify-command";
	/* a folder, since what rotates logs makes new files */
	return log && *log == '/' ? add_parent(n, log, err) : 0;
}

static int gather(struct unit_needs *n, const struct cli *cli, struct err *err)
{
	const struct config *c = cli->config;
	if (add_folder(n, cli->state, err) != 0 || add_folder(n, cli->keys, err) != 0 ||
	    need_run(n, c, err) != 0)
		return err->code;
	for (size_t i = 0; i < c->n; i++) {
		const struct config_section *s = &c->sections[i];
		int rc = s->kind == CONFIG_VAULT   ? need_vault(n, cli, s, err)
		         : s->kind == CONFIG_STORE ? need_store(n, c, s, err)
		         : s->kind == CONFIG_DRILL ? need_drill(n, c, s, err) : 0;
		if (rc != 0)
			return rc;
	}
	return 0;
}

struct unit_needs *unit_needs_of(const struct cli *cli, struct err *err)
{
	AUTO(unit_needs) n = calloc(1, sizeof *n);
	if (!n) {
		err_no_memory(err);
		return NULL;
	}
	return gather(n, cli, err) == 0 ? TAKE(n) : NULL;
}
