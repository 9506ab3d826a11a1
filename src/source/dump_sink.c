#include "source/dump_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/launch.h"
#include "base/process.h"
#include "base/split.h"
#include "holdfast/err.h"
#include "holdfast/source.h"
#include "source/command_line.h"

/* A server that builds indexes takes nothing for hours; only a day of that is a failure. */
enum { DEFAULT_TIMEOUT_S = 86400 };

struct pipe_sink {
	struct sink base;
	char **argv;
	char *user;
	unsigned timeout_ms;
	struct process *program;   /* from the first entry on */
};

static unsigned timeout_ms(const struct source_options *options)
{
	unsigned s = options->timeout_s ? options->timeout_s : DEFAULT_TIMEOUT_S;
	return s < INT_MAX / 1000 ? s * 1000 : INT_MAX;
}

static int one_file_only(bool begun, struct err *err)
{
	return begun ? err_set(err, ERR_INVALID, "a dump is one file, and a second one came") : 0;
}

static int pipe_entry(struct sink *k, const struct source_entry *entry, struct err *err)
{
	struct pipe_sink *s = (struct pipe_sink *)k;
	(void)entry;
	if (one_file_only(s->program, err) != 0)
		return err->code;
	struct process_options options = {
		.argv = (const char *const *)s->argv,
		.user = s->user,
		.keep_env = command_line_env,
		.input = true,
	};
	s->program = process_start(&options, err);
	return s->program ? 0 : (int)err->code;
}

static int pipe_data(struct sink *k, const void *data, size_t len, struct err *err)
{
	struct pipe_sink *s = (struct pipe_sink *)k;
	if (!s->program)
		return err_set(err, ERR_INVALID, "data before its entry");
	return process_write(s->program, data, len, s->timeout_ms, err);
}

static int pipe_close(struct sink *k, struct err *err)
{
	struct pipe_sink *s = (struct pipe_sink *)k;
	if (!s->program)
		return err_set(err, ERR_INVALID, "there is no dump to restore");
	if (process_end_input(s->program, s->timeout_ms, err) != 0)
		return err->code;
	return process_finish(s->program, s->timeout_ms, err);
}

static void pipe_free(struct sink *k)
{
	struct pipe_sink *s = (struct pipe_sink *)k;
	process_free(s->program);
	split_free(s->argv);
	free(s->user);
	free(s);
}

static const struct sink_ops pipe_ops = {
	.entry = pipe_entry,
	.data = pipe_data,
	.close = pipe_close,
	.free = pipe_free,
};

static int pipe_prepare(struct pipe_sink *s, const struct source_options *options, struct err *err)
{
	char path[PATH_MAX];
	s->timeout_ms = timeout_ms(options);
	s->argv = command_line_words(options->restore_command, options->shell, err);
	if (!s->argv)
		return err_wrap(err, "restore_command");
	if (launch_find(s->argv[0], path, err) != 0)
		return err->code;
	if (!options->user)
		return 0;
	s->user = strdup(options->user);
	if (!s->user)
		return err_no_memory(err);
	return launch_check_user(s->user, err);
}

static struct sink *pipe_new(const struct source_options *options, struct err *err)
{
	struct pipe_sink *s = calloc(1, sizeof *s);
	if (!s) {
		err_no_memory(err);
		return NULL;
	}
	s->base.ops = &pipe_ops;
	if (pipe_prepare(s, options, err) != 0) {
		pipe_free((struct sink *)s);
		return NULL;
	}
	return (struct sink *)s;
}

struct file_sink {
	struct sink base;
	bool overwrite;
	int fd;
	char dir[PATH_MAX];
	char target[PATH_MAX];      /* set by the entry */
	char temporary[PATH_MAX];   /* empty: there is none to remove */
};

/* The name comes out of a vault that others may write: it must not lead out of the folder. */
static int set_target(struct file_sink *s, const char *path, struct err *err)
{
	if (!*path || strchr(path, '/') || strcmp(path, ".") == 0 || strcmp(path, "..") == 0)
		return err_set(err, ERR_CORRUPT, "'%.100s': not the name of a dump", path);
	if (snprintf(s->target, sizeof s->target, "%s/%s", s->dir, path) >= (int)sizeof s->target ||
	    snprintf(s->temporary, sizeof s->temporary, "%s/.holdfast-XXXXXX", s->dir) >=
		    (int)sizeof s->temporary) {
		s->temporary[0] = '\0';
		return err_set(err, ERR_LIMIT, "%.100s...: path is too long", s->dir);
	}
	return 0;
}

static int in_the_way(const char *target, struct err *err)
{
	err_set(err, ERR_EXISTS, "%s: is already there", target);
	return err_hint(err, "restore to another folder, or overwrite (the old file is kept)");
}

static int file_entry(struct sink *k, const struct source_entry *entry, struct err *err)
{
	struct file_sink *s = (struct file_sink *)k;
	if (one_file_only(s->target[0], err) != 0 || set_target(s, entry->path, err) != 0)
		return err->code;
	struct stat st;
	int rc = 0;
	if (!s->overwrite && lstat(s->target, &st) == 0)
		rc = in_the_way(s->target, err);
	if (rc == 0)
		rc = io_make_dirs(s->dir, 0700, err);
	if (rc == 0 && (s->fd = mkostemp(s->temporary, O_CLOEXEC)) < 0)
		rc = err_sys(err, "%s", s->dir);
	if (rc != 0)
		s->temporary[0] = '\0';
	return rc;
}

static int file_data(struct sink *k, const void *data, size_t len, struct err *err)
{
	struct file_sink *s = (struct file_sink *)k;
	if (s->fd < 0)
		return err_set(err, ERR_INVALID, "data before its entry");
	return io_write(s->fd, data, len, err) == 0 ? 0 : err_wrap(err, "%s", s->target);
}

/* rename that replaces nothing; not every file system can promise that in one step. */
static int move_new(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	struct stat st;
	if (lstat(to, &st) == 0) {
		errno = EEXIST;
		return -1;
	}
	return rename(from, to);
}

/* A second overwriting restore must not drop what the first one kept: it is refused instead. */
static int keep_old(const char *target, struct err *err)
{
	char kept[PATH_MAX];
	if (snprintf(kept, sizeof kept, "%s.before-restore", target) >= (int)sizeof kept)
		return err_set(err, ERR_LIMIT, "%.100s...: path is too long", target);
	if (move_new(target, kept) == 0 || errno == ENOENT)
		return 0;
	if (errno != EEXIST)
		return err_sys(err, "%s", kept);
	err_set(err, ERR_EXISTS, "%s: is already there", kept);
	return err_hint(err, "it was kept by an earlier restore: move it away");
}

static int file_close(struct sink *k, struct err *err)
{
	struct file_sink *s = (struct file_sink *)k;
	if (s->fd < 0)
		return err_set(err, ERR_INVALID, "there is no dump to restore");
	if (fchmod(s->fd, 0600) != 0 || fsync(s->fd) != 0)
		return err_sys(err, "%s", s->target);
	if (io_close(&s->fd, err) != 0)
		return err_wrap(err, "%s", s->target);
	if (s->overwrite && keep_old(s->target, err) != 0)
		return err->code;
	if (move_new(s->temporary, s->target) != 0)
		return errno == EEXIST ? in_the_way(s->target, err) : err_sys(err, "%s", s->target);
	s->temporary[0] = '\0';
	return io_sync_parent(s->target, err);
}

static void file_free(struct sink *k)
{
	struct file_sink *s = (struct file_sink *)k;
	io_drop(&s->fd);
	if (s->temporary[0])
		unlink(s->temporary);
	free(s);
}

static const struct sink_ops file_ops = {
	.entry = file_entry,
	.data = file_data,
	.close = file_close,
	.free = file_free,
};

static struct sink *file_new(const char *dir, bool overwrite, struct err *err)
{
	struct file_sink *s = calloc(1, sizeof *s);
	if (!s) {
		err_no_memory(err);
		return NULL;
	}
	s->base.ops = &file_ops;
	s->overwrite = overwrite;
	s->fd = -1;
	if (snprintf(s->dir, sizeof s->dir, "%s", dir) >= (int)sizeof s->dir) {
		err_set(err, ERR_INVALID, "%.100s...: path is too long", dir);
		file_free(&s->base);
		return NULL;
	}
	return (struct sink *)s;
}

struct sink *dump_sink_new(const struct source_options *options, const char *dir, bool overwrite,
                           struct err *err)
{
	return options->restore_command ? pipe_new(options, err) : file_new(dir, overwrite, err);
}
