#include "cli/runlog.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/json.h"
#include "holdfast/err.h"

enum { ROTATE_BYTES = 16 << 20, LINE_MAX_BYTES = 64 << 20 };

static int path_of(char out[PATH_MAX], const char *state_dir, const char *suffix, struct err *err)
{
	if (snprintf(out, PATH_MAX, "%s/runs.log%s", state_dir, suffix) < PATH_MAX)
		return 0;
	return err_set(err, ERR_LIMIT, "path is too long: %.100s...", state_dir);
}

static int rotate(const char *state_dir, const char *path, struct err *err)
{
	char old[PATH_MAX];
	struct stat st;
	if (stat(path, &st) != 0 || st.st_size < ROTATE_BYTES)
		return 0;
	if (path_of(old, state_dir, ".1", err) != 0)
		return err->code;
	return rename(path, old) == 0 ? 0 : err_sys(err, "%s", old);
}

/* A crash or a full disk may have left half a line, which must not swallow the next. */
static int end_torn_line(int fd, struct err *err)
{
	off_t end = lseek(fd, 0, SEEK_END);
	char last = '\n';
	size_t got;
	if (end > 0 && io_pread(fd, &last, 1, (uint64_t)end - 1, &got, err) != 0)
		return err->code;
	return last == '\n' ? 0 : io_write(fd, "\n", 1, err);
}

static int append(const char *path, const struct buf *line, struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "%s", path);
	/* two runs may end at once */
	flock(fd, LOCK_EX);
	int rc = end_torn_line(fd, err);
	if (rc == 0)
		rc = io_write(fd, line->bytes, line->len, err);
	if (rc == 0)
		rc = io_close(&fd, err);
	io_drop(&fd);
	return rc == 0 ? 0 : err_wrap(err, "%s", path);
}

int runlog_append(const char *state_dir, const json_t *run, struct err *err)
{
	char path[PATH_MAX];
	AUTO(buf) line = buf_new(LINE_MAX_BYTES, err);
	if (!line || json_encode(run, line, err) != 0 || buf_append(line, "\n", 1, err) != 0)
		return err->code;
	if (path_of(path, state_dir, "", err) != 0 || io_make_dirs(state_dir, 0700, err) != 0 ||
	    rotate(state_dir, path, err) != 0)
		return err->code;
	return append(path, line, err);
}

static int read_lines(FILE *file, runlog_visit *visit, void *arg, struct err *err)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	int rc = 0;
	while (rc == 0 && (len = getline(&line, &cap, file)) > 0) {
		struct err skipped;
		JSON_AUTO run = json_decode(line, (size_t)len, "runs.log", &skipped);
		if (run)
			rc = visit(arg, run, err);
	}
	free(line);
	return rc;
}

static int read_one(const char *state_dir, const char *suffix, runlog_visit *visit, void *arg,
                    struct err *err)
{
	char path[PATH_MAX];
	if (path_of(path, state_dir, suffix, err) != 0)
		return err->code;
	FILE *file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? 0 : err_sys(err, "%s", path);
	int rc = read_lines(file, visit, arg, err);
	fclose(file);
	return rc;
}

int runlog_read(const char *state_dir, runlog_visit *visit, void *arg, struct err *err)
{
	int rc = read_one(state_dir, ".1", visit, arg, err);
	return rc == 0 ? read_one(state_dir, "", visit, arg, err) : rc;
}
