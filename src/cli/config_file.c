#include "cli/config_file.h"

#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/io.h"
#include "cli/config.h"
#include "holdfast/err.h"

enum { FILE_MAX_BYTES = 16 << 20 };

/* The file's content; whoever can write it has commands run as whoever backs up. */
static int read_checked(const char *path, struct buf *text, struct err *err)
{
	struct stat st;
	if (io_read_file(path, text, err) != 0)
		return err->code;
	if (stat(path, &st) != 0)
		return err_sys(err, "%s", path);
	if (!(st.st_mode & S_IWOTH))
		return 0;
	err_set(err, ERR_INVALID, "%s: everybody may write this file, and it names commands to run",
	        path);
	return err_hint(err, "chmod o-w '%s'", path);
}

static int load_file(struct config *c, const char *path, struct err *err)
{
	AUTO(buf) text = buf_new(FILE_MAX_BYTES, err);
	if (!text || read_checked(path, text, err) != 0)
		return err->code;
	/* an empty file has no bytes at all */
	return config_add(c, path, text->len ? (const char *)text->bytes : "", text->len, err);
}

static int load_folder(struct config *c, const char *path, struct err *err)
{
	char copy[PATH_MAX], pattern[PATH_MAX + 16];
	glob_t found;
	snprintf(copy, sizeof copy, "%s", path);
	if (strcmp(basename(copy), "holdfast.conf") != 0)
		return 0;
	snprintf(copy, sizeof copy, "%s", path);
	snprintf(pattern, sizeof pattern, "%s/conf.d/*.conf", dirname(copy));
	if (glob(pattern, 0, NULL, &found) != 0)
		return 0;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++)
		rc = load_file(c, found.gl_pathv[i], err);
	globfree(&found);
	return rc;
}

struct config *config_file_load(const char *path, struct err *err)
{
	AUTO(config) c = config_new(err);
	if (!c)
		return NULL;
	c->path = strdup(path);
	if (!c->path)
		err_no_memory(err);
	else if (load_file(c, path, err) == 0 && load_folder(c, path, err) == 0 &&
	         config_complete(c, err) == 0)
		return TAKE(c);
	return NULL;
}
