#include "engine/target.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "holdfast/err.h"

enum {
	ALIGN = 4096,
	NOTE_EVERY = 64 << 20,
};

static int make_names(struct target *t, const char *folder, const char *name,
                      const char *snapshot, struct err *err)
{
	int a = snprintf(t->path, PATH_MAX, "%s/%s", folder, name);
	int b = snprintf(t->part, PATH_MAX, "%s/.%s.holdfast-%s", folder, name, snapshot);
	int c = snprintf(t->done, PATH_MAX, "%s/.%s.holdfast-%s.done", folder, name, snapshot);
	if (a >= PATH_MAX || b >= PATH_MAX || c >= PATH_MAX)
		return err_set(err, ERR_LIMIT, "path is too long: %.100s/%.100s", folder, name);
	return 0;
}

static int refuse_existing(const struct target *t, bool overwrite, struct err *err)
{
	struct stat st;
	if (lstat(t->path, &st) != 0)
		return errno == ENOENT ? 0 : err_sys(err, "%s", t->path);
	if (S_ISDIR(st.st_mode))
		return err_set(err, ERR_EXISTS, "%s is a folder", t->path);
	if (overwrite)
		return 0;
	const char *name = strrchr(t->path, '/') + 1;
	err_set(err, ERR_EXISTS, "%s exists; nothing was changed", t->path);
	return err_hint(err, "another --to, or --overwrite (the old file is kept as "
	                "%.100s.before-restore)", name);
}

/* How much an earlier attempt left, as far as it noted it. */
static uint64_t kept_bytes(const struct target *t)
{
	struct err ignored;
	struct stat st;
	AUTO(buf) text = buf_new(64, &ignored);
	if (!text || io_read_file(t->done, text, &ignored) != 0)
		return 0;
	const char *digits = buf_text(text, &ignored);
	uint64_t n = digits ? strtoull(digits, NULL, 10) : 0;
	n -= n % ALIGN;
	return stat(t->part, &st) == 0 && (uint64_t)st.st_size == t->length && n <= t->length ? n : 0;
}

static int check_space(const struct target *t, const char *folder, struct err *err)
{
	struct statvfs vfs;
	struct stat st;
	uint64_t have = stat(t->part, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
	if (statvfs(folder, &vfs) != 0)
		return err_sys(err, "%s", folder);
	uint64_t free_bytes = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	if (t->length <= have || t->length - have <= free_bytes)
		return 0;
	err_set(err, ERR_SPACE, "needs %.1f MiB, %s has %.1f MiB free; nothing was written",
	        (double)(t->length - have) / 1048576, folder, (double)free_bytes / 1048576);
	return err_hint(err, "give another folder with --to");
}

static int open_part(struct target *t, struct err *err)
{
	int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (t->kept ? 0 : O_TRUNC);
	t->fd = open(t->part, flags | O_DIRECT, 0600);
	t->direct = t->fd >= 0;
	if (t->fd < 0 && errno == EINVAL)
		t->fd = open(t->part, flags, 0600);
	if (t->fd < 0)
		return err_sys(err, "%s", t->part);
	if (t->kept == 0 && t->length > 0 && fallocate(t->fd, 0, 0, (off_t)t->length) != 0) {
		if (errno == ENOSPC)
			return err_sys(err, "%s", t->part);
		/* no support: a file with a hole will do */
		if (ftruncate(t->fd, (off_t)t->length) != 0)
			return err_sys(err, "%s", t->part);
	}
	return 0;
}

struct target *target_open(const char *folder, const char *name, const char *snapshot,
                           uint64_t length, bool overwrite, struct err *err)
{
	AUTO(target) t = calloc(1, sizeof *t);
	if (!t) {
		err_no_memory(err);
		return NULL;
	}
	t->fd = -1;
	t->length = length;
	if (make_names(t, folder, name, snapshot, err) != 0 ||
	    refuse_existing(t, overwrite, err) != 0)
		return NULL;
	t->kept = t->noted = kept_bytes(t);
	if (check_space(t, folder, err) != 0 || open_part(t, err) != 0)
		return NULL;
	return TAKE(t);
}

void target_free(struct target *t)
{
	if (!t)
		return;
	io_drop(&t->fd);
	free(t);
}

/* The file's tail need not be a multiple of what O_DIRECT wants. */
static int leave_direct(struct target *t, struct err *err)
{
	int flags = fcntl(t->fd, F_GETFL);
	if (flags < 0 || fcntl(t->fd, F_SETFL, flags & ~O_DIRECT) != 0)
		return err_sys(err, "%s", t->part);
	t->direct = false;
	return 0;
}

static int note(struct target *t, uint64_t good, struct err *err)
{
	char text[32];
	if (good < t->noted + NOTE_EVERY)
		return 0;
	IO_AUTO_FD fd = open(t->done, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(err, "%s", t->done);
	int n = snprintf(text, sizeof text, "%020" PRIu64 "\n", good);
	t->noted = good;
	return io_pwrite(fd, text, (size_t)n, 0, err);
}

int target_write(struct target *t, uint64_t offset, const uint8_t *data, size_t len,
                 struct err *err)
{
	if (offset + len <= t->kept)
		return 0;
	if (t->direct && len % ALIGN != 0 && leave_direct(t, err) != 0)
		return err->code;
	if (io_pwrite(t->fd, data, len, offset, err) != 0)
		return err_wrap(err, "%s", t->part);
	return note(t, offset + len, err);
}

int target_reuse(struct target *t, uint64_t offset, uint8_t *data, size_t len, struct err *err)
{
	size_t got;
	if (offset + len > t->kept)
		return 0;
	if (io_pread(t->fd, data, len, offset, &got, err) != 0)
		return err_wrap(err, "%s", t->part);
	return got == len;
}

int target_complete(struct target *t, struct err *err)
{
	if (fsync(t->fd) != 0)
		return err_sys(err, "%s", t->part);
	if (io_close(&t->fd, err) != 0)
		return err_wrap(err, "%s", t->part);
	unlink(t->done);
	return 0;
}

void target_discard(struct target *t)
{
	unlink(t->done);
	unlink(t->part);
}
