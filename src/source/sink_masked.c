#include "source/sink_masked.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "holdfast/source.h"
#include "source/mask_schema.h"
#include "source/mask_sqlite.h"
#include "source/sqlite_settle.h"
#include "source/veiled.h"

struct masked_sink {
	struct sink base;
	const struct sink_masked_options *o;
	struct veiled *original;
	bool begun;
	char path[PATH_MAX], part[PATH_MAX];
};

static struct masked_sink *of(struct sink *k) { return (struct masked_sink *)k; }

/* ---- the original comes ---- */

static int set_paths(struct masked_sink *s, const char *name, struct err *err)
{
	const char *slash = strrchr(name, '/');
	name = slash ? slash + 1 : name;
	int a = snprintf(s->path, PATH_MAX, "%s/%s", s->o->folder, name);
	int b = snprintf(s->part, PATH_MAX, "%s/.%s.holdfast-masked", s->o->folder, name);
	if (a < PATH_MAX && b < PATH_MAX)
		return 0;
	return err_set(err, ERR_LIMIT, "path is too long: %.100s/%.100s", s->o->folder, name);
}

/* Before hours of work; when the file gets its name this is looked at again. */
static int refuse_existing(const struct masked_sink *s, struct err *err)
{
	struct stat st;
	if (!s->o->rules || s->o->overwrite)
		return 0;
	if (lstat(s->path, &st) == 0)
		return err_set(err, ERR_EXISTS, "%s exists; nothing was changed", s->path);
	return errno == ENOENT ? 0 : err_sys(err, "%s", s->path);
}

static int masked_entry(struct sink *k, const struct source_entry *entry, struct err *err)
{
	struct masked_sink *s = of(k);
	if (s->begun || entry->page_bytes == 0)
		return err_set(err, ERR_INVALID, "only a store of one SQLite database can be masked");
	s->begun = true;
	return set_paths(s, entry->path, err) == 0 ? refuse_existing(s, err) : (int)err->code;
}

static int masked_data(struct sink *k, const void *data, size_t len, struct err *err)
{
	return veiled_write(of(k)->original, data, len, err);
}

/* ---- and the masked one is made ---- */

/* Whoever else may write into the folder could have put a file of their own there. */
static int check_own(int fd, const char *path, struct err *err)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_sys(err, "%s", path);
	if (S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_nlink == 1)
		return 0;
	err_set(err, ERR_EXISTS, "%s: is there, and is not ours", path);
	return err_hint(err, "remove it, or restore into a folder that nobody else can write to");
}

/* The lock tells a run that works from one that was killed. */
static int open_part(const char *path, struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return err_sys(err, "%s", path);
	int rc = check_own(fd, path, err);
	if (rc == 0 && flock(fd, LOCK_EX | LOCK_NB) != 0)
		rc = err_set(err, ERR_BUSY, "%s: another restore masks into it", path);
	if (rc == 0 && (fchmod(fd, 0600) != 0 || ftruncate(fd, 0) != 0))
		rc = err_sys(err, "%s", path);
	if (rc == 0)
		return fd;
	io_drop(&fd);
	return rc;
}

/* Its owner is who restores, and not who had the original. */
static int settle(const struct masked_sink *s, struct err *err)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	const struct source_entry entry = {
		.path = s->path, .mode = S_IFREG | 0600, .uid = geteuid(), .gid = getegid(),
		.mtime_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec,
	};
	const struct settle_request r = { .temporary = s->part, .target = s->path, .entry = &entry,
	                                  .overwrite = s->o->overwrite };
	return sqlite_settle(&r, err);
}

static int mask_into_part(const struct masked_sink *s, sqlite3 *db, int fd, struct err *err)
{
	struct stat st;
	const struct mask_request request = { .from = db, .rules = s->o->rules, .to = s->part,
	                                      .stop = s->o->stop, .missing = s->o->missing,
	                                      .arg = s->o->arg };
	if (mask_sqlite(&request, s->o->result, err) != 0)
		return err->code;
	if (fsync(fd) != 0 || fstat(fd, &st) != 0)
		return err_sys(err, "%s", s->part);
	s->o->result->bytes = (uint64_t)st.st_size;
	return s->o->dry_run ? 0 : settle(s, err);
}

static int mask(const struct masked_sink *s, sqlite3 *db, struct err *err)
{
	IO_AUTO_FD fd = open_part(s->part, err);
	if (fd < 0)
		return err->code;
	int rc = mask_into_part(s, db, fd, err);
	if (rc != 0 || s->o->dry_run)
		unlink(s->part);
	else if (s->o->target)
		snprintf(s->o->target, s->o->target_size, "%s", s->path);
	return rc;
}

static int tell_skeleton(const struct masked_sink *s, sqlite3 *db, struct err *err)
{
	AUTO(buf) text = buf_new(MASK_TEMPLATE_MAX, err);
	if (!text || mask_sqlite_template(db, s->o->stop, text, err) != 0)
		return err->code;
	const char *words = buf_text(text, err);
	return words ? s->o->skeleton(s->o->arg, words, err) : (int)err->code;
}

static int masked_close(struct sink *k, struct err *err)
{
	const struct masked_sink *s = of(k);
	sqlite3 *db = NULL;
	if (!s->begun)
		return err_set(err, ERR_INVALID, "there is no database to mask");
	if (veiled_open(s->original, &db, err) != 0)
		return err->code;
	int rc = s->o->rules ? mask(s, db, err) : tell_skeleton(s, db, err);
	sqlite3_close(db);
	return rc;
}

static void masked_free(struct sink *k)
{
	veiled_free(of(k)->original);
	free(k);
}

static const struct sink_ops masked_ops = {
	.entry = masked_entry,
	.data = masked_data,
	.close = masked_close,
	.free = masked_free,
};

struct sink *sink_masked(const struct sink_masked_options *options, struct err *err)
{
	struct masked_sink *s = calloc(1, sizeof *s);
	if (!s) {
		err_set(err, ERR_NOMEM, "out of memory");
		return NULL;
	}
	s->base.ops = &masked_ops;
	s->o = options;
	s->original = veiled_new(options->folder, err);
	if (s->original)
		return &s->base;
	free(s);
	return NULL;
}
