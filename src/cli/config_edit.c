#include "cli/config_edit.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/ini_guard.h"
#include "base/io.h"
#include "cli/config.h"
#include "holdfast/err.h"

enum { FILE_MAX_BYTES = 16 << 20 };

static int read_if_there(const char *path, struct buf *text, struct err *err)
{
	int rc = io_read_file(path, text, err);
	return rc == ERR_ABSENT ? 0 : rc;
}

static int append(struct buf *text, const char *section, struct err *err)
{
	bool open_line = text->len && text->bytes[text->len - 1] != '\n';
	if (open_line && buf_append(text, "\n", 1, err) != 0)
		return err->code;
	if (text->len && buf_append(text, "\n", 1, err) != 0)
		return err->code;
	return buf_append(text, section, strlen(section), err);
}

static int check(const char *path, const struct buf *text, struct err *err)
{
	AUTO(config) c = config_new(err);
	if (!c || config_add(c, path, (const char *)text->bytes, text->len, err) != 0)
		return err->code;
	return config_complete(c, err);
}

int config_edit_append(const char *path, const char *section, struct err *err)
{
	struct stat st;
	char real[PATH_MAX];
	/* the file behind a symbolic link is replaced, not the link */
	const char *file = realpath(path, real) ? real : path;
	mode_t mode = stat(file, &st) == 0 ? st.st_mode & 07777 : 0600;
	AUTO(buf) text = buf_new(FILE_MAX_BYTES, err);
	if (!text || read_if_there(file, text, err) != 0 || append(text, section, err) != 0 ||
	    check(path, text, err) != 0)
		return err->code;
	return io_write_file(file, text->bytes, text->len, mode, err);
}

int config_edit_check(const char *key, const char *value, struct err *err)
{
	return ini_guard_writable(key, value, err);
}
