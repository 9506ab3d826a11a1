#include "cli/paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "holdfast/err.h"

static const char system_config[] = "/etc/holdfast/holdfast.conf";

static char *format(struct err *err, const char *a, const char *b, const char *c)
{
	char *out;
	if (asprintf(&out, "%s%s%s", a, b, c) >= 0)
		return out;
	err_no_memory(err);
	return NULL;
}

/* `rest` below a folder of the XDG base directory specification */
static char *at_home(const char *variable, const char *fallback, const char *rest, struct err *err)
{
	const char *xdg = getenv(variable), *home = getenv("HOME");
	if (xdg && *xdg == '/')
		return format(err, xdg, "/holdfast", rest);
	if (home && *home == '/')
		return format(err, home, fallback, rest);
	err_set(err, ERR_INVALID, "$HOME is not set");
	return NULL;
}

static bool is_root(void)
{
	return geteuid() == 0;
}

char *paths_config(struct err *err)
{
	if (is_root())
		return format(err, system_config, "", "");
	return at_home("XDG_CONFIG_HOME", "/.config/holdfast", "/holdfast.conf", err);
}

char *paths_state(struct err *err)
{
	if (is_root())
		return format(err, "/var/lib/holdfast", "", "");
	return at_home("XDG_STATE_HOME", "/.local/state/holdfast", "", err);
}

char *paths_keys(struct err *err)
{
	if (is_root())
		return format(err, "/etc/holdfast/keys", "", "");
	return at_home("XDG_CONFIG_HOME", "/.config/holdfast", "/keys", err);
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

int paths_find_config(const char *given, char **out, struct err *err)
{
	const char *named = given ? given : getenv("HOLDFAST_CONFIG");
	*out = NULL;
	if (named && *named) {
		*out = format(err, named, "", "");
		return *out ? 0 : err->code;
	}
	struct err homeless;
	char *own = paths_config(&homeless);
	if (own && exists(own)) {
		*out = own;
		return 0;
	}
	free(own);
	if (!exists(system_config))
		return 0;
	*out = format(err, system_config, "", "");
	return *out ? 0 : err->code;
}

char *paths_absolute(const char *path, struct err *err)
{
	if (*path == '/')
		return format(err, path, "", "");
	char *here = getcwd(NULL, 0);
	if (!here) {
		err_sys(err, "current folder");
		return NULL;
	}
	while (path[0] == '.' && path[1] == '/')
		path += 2;
	char *out = format(err, here, "/", path);
	free(here);
	return out;
}
