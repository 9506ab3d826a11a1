#include "cli/schedule_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "cli/units.h"
#include "holdfast/err.h"

/* cron ignores files with a dot in their name */
static const char *const names[SCHEDULE_FILES_N] = { "holdfast.service", "holdfast.timer",
	                                             "holdfast-mail.service", "holdfast" };

static int user_folder(char out[PATH_MAX], struct err *err)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	bool given = xdg && *xdg == '/';
	if (!given && (!home || *home != '/'))
		return err_set(err, ERR_INVALID, "$HOME is not set");
	if (snprintf(out, PATH_MAX, "%s%s/systemd/user", given ? xdg : home, given ? "" : "/.config") <
	    PATH_MAX)
		return 0;
	return err_set(err, ERR_LIMIT, "path is too long: %.100s...", given ? xdg : home);
}

int schedule_file_path(const struct schedule_place *at, enum schedule_file which, char out[PATH_MAX],
                       struct err *err)
{
	char folder[PATH_MAX];
	if (at->user && which != SCHEDULE_CRON) {
		if (user_folder(folder, err) != 0)
			return err->code;
	} else {
		snprintf(folder, sizeof folder, "%s",
		         which == SCHEDULE_CRON ? "/etc/cron.d" : "/etc/systemd/system");
	}
	if (snprintf(out, PATH_MAX, "%s%s/%s", at->root, folder, names[which]) < PATH_MAX)
		return 0;
	return err_set(err, ERR_LIMIT, "path is too long: %.100s...", at->root);
}

int schedule_file_look(const char *path, enum schedule_found *found, struct err *err)
{
	char head[sizeof UNITS_MARK - 1];
	size_t got;
	IO_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	*found = SCHEDULE_NONE;
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : err_sys(err, "%s", path);
	if (io_read(fd, head, sizeof head, &got, err) != 0)
		return err_wrap(err, "%s", path);
	bool ours = got == sizeof head && memcmp(head, UNITS_MARK, sizeof head) == 0;
	*found = ours ? SCHEDULE_OURS : SCHEDULE_FOREIGN;
	return 0;
}

int schedule_file_check(const char *path, bool force, enum schedule_found *found, struct err *err)
{
	if (schedule_file_look(path, found, err) != 0)
		return err->code;
	if (*found != SCHEDULE_FOREIGN || force)
		return 0;
	err_set(err, ERR_EXISTS, "%s: was not written by 'holdfast schedule'; nothing was changed", path);
	return err_hint(err, "look at it; --force goes on all the same");
}

static int make_parent(const char *path, struct err *err)
{
	char folder[PATH_MAX];
	snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
	return io_make_dirs(folder, 0755, err);
}

int schedule_file_write(const char *path, const void *text, size_t len, bool force, struct err *err)
{
	enum schedule_found found;
	if (schedule_file_check(path, force, &found, err) != 0 || make_parent(path, err) != 0)
		return err->code;
	return io_write_file(path, text, len, 0644, err);
}

int schedule_file_remove(const char *path, bool force, bool *removed, struct err *err)
{
	enum schedule_found found;
	*removed = false;
	if (schedule_file_check(path, force, &found, err) != 0)
		return err->code;
	if (found == SCHEDULE_NONE)
		return 0;
	if (unlink(path) != 0)
		return err_sys(err, "%s", path);
	*removed = true;
	return 0;
}
