#include "source/sqlite_settle.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "holdfast/err.h"
#include "holdfast/source.h"

enum {
	LOCK_BYTES_AT = 1 << 30,   /* PENDING, RESERVED and SHARED locks: fileformat2.html 1.4 */
	LOCK_BYTES = 512,
	KEPT_MAX = 1000,
	NAME_ROOM = 64,            /* behind the target's name */
};

/* The database goes first: a log without its database is ignored, a database without its journal
 * would be believed. */
static const char *const parts[] = { "", "-wal", "-shm", "-journal" };
enum { PARTS = sizeof parts / sizeof parts[0] };

static bool exists(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0 || errno != ENOENT;
}

static void part_name(char out[PATH_MAX + NAME_ROOM], const char *target, const char *kept,
                      const char *part)
{
	snprintf(out, PATH_MAX + NAME_ROOM, "%s%s%s", target, kept, part);
}

static int check_unused(const char *target, struct err *err)
{
	IO_AUTO_FD fd = open(target, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return 0;
	struct flock lock = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = LOCK_BYTES_AT,
		.l_len = LOCK_BYTES,
	};
	if (fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK)
		return 0;
	err_set(err, ERR_BUSY, "%s: in use by process %d", target, (int)lock.l_pid);
	return err_hint(err, "stop that application, then repeat the restore");
}

static int check_free(const struct settle_request *r, struct err *err)
{
	struct stat st;
	if (lstat(r->target, &st) == 0 && S_ISDIR(st.st_mode))
		return err_set(err, ERR_INVALID, "%s: is a folder", r->target);
	for (int i = 0; i < PARTS && !r->overwrite; i++) {
		char name[PATH_MAX + NAME_ROOM];
		part_name(name, r->target, "", parts[i]);
		if (!exists(name))
			continue;
		err_set(err, ERR_EXISTS, "%s: exists already", name);
		return err_hint(err, "restore elsewhere, or with --overwrite, which keeps it as "
		                     "NAME.before-restore");
	}
	return check_unused(r->target, err);
}

static int dress(const struct settle_request *r, struct err *err)
{
	const struct source_entry *e = r->entry;
	int fd = open(r->temporary, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_sys(err, "%s", r->temporary);
	struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = e->mtime_ns / 1000000000, .tv_nsec = e->mtime_ns % 1000000000 },
	};
	if (times[1].tv_nsec < 0) {
		times[1].tv_sec--;
		times[1].tv_nsec += 1000000000;
	}
	int rc = 0;
	/* the mode comes after the owner: until then nobody else may read */
	if ((geteuid() == 0 && fchown(fd, e->uid, e->gid) != 0) ||
	    fchmod(fd, e->mode & 0777) != 0 || futimens(fd, times) != 0 || fsync(fd) != 0)
		rc = err_sys(err, "%s", r->temporary);
	if (rc == 0)
		rc = io_close(&fd, err);
	io_drop(&fd);
	return rc;
}

/* A free suffix for the whole set, so that the parts still find each other. */
static int choose_kept(const char *target, char kept[NAME_ROOM / 2], struct err *err)
{
	for (int n = 0; n < KEPT_MAX; n++) {
		snprintf(kept, NAME_ROOM / 2, n ? ".before-restore.%d" : ".before-restore", n);
		bool taken = false;
		for (int i = 0; i < PARTS && !taken; i++) {
			char name[PATH_MAX + NAME_ROOM];
			part_name(name, target, kept, parts[i]);
			taken = exists(name);
		}
		if (!taken)
			return 0;
	}
	return err_set(err, ERR_EXISTS, "%s.before-restore: %d earlier ones are there already",
	               target, (int)KEPT_MAX);
}

/* Some network file systems know no exclusive rename, a few no links either. */
static int rename_new(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (link(from, to) == 0)
		return unlink(from);
	if (errno == EEXIST)
		return -1;
	if (exists(to)) {
		errno = EEXIST;
		return -1;
	}
	return rename(from, to);
}

static void move_back(const char *target, const char *kept, int moved)
{
	for (int i = moved; i-- > 0;) {
		char from[PATH_MAX + NAME_ROOM], to[PATH_MAX + NAME_ROOM];
		part_name(from, target, kept, parts[i]);
		part_name(to, target, "", parts[i]);
		rename_new(from, to);
	}
}

static int move_aside(const char *target, const char *kept, int *moved, struct err *err)
{
	for (*moved = 0; *moved < PARTS; ++*moved) {
		char from[PATH_MAX + NAME_ROOM], to[PATH_MAX + NAME_ROOM];
		part_name(from, target, "", parts[*moved]);
		part_name(to, target, kept, parts[*moved]);
		if (rename_new(from, to) != 0 && errno != ENOENT)
			return err_sys(err, "%s", from);
	}
	return 0;
}

int sqlite_settle(const struct settle_request *r, struct err *err)
{
	if (strlen(r->target) >= PATH_MAX)
		return err_set(err, ERR_INVALID, "path is too long: %.100s...", r->target);
	char kept[NAME_ROOM / 2] = "";
	if (check_free(r, err) != 0 || dress(r, err) != 0 ||
	    (r->overwrite && choose_kept(r->target, kept, err) != 0))
		return err->code;

	int moved = 0, rc = 0;
	if (r->overwrite)
		rc = move_aside(r->target, kept, &moved, err);
	if (rc == 0 && rename_new(r->temporary, r->target) != 0)
		rc = err_sys(err, "%s", r->target);
	if (rc != 0) {
		move_back(r->target, kept, moved);
		return rc;
	}
	return io_sync_parent(r->target, err);
}
