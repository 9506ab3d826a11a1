#include "base/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "holdfast/err.h"

/* One name of a folder: `at` is the folder. A folder itself is visited when all below it was. 0 or -1
 * with errno. */
typedef int visit_fn(void *arg, int at, const char *name, const struct stat *st);

struct walk {
	visit_fn *visit;
	void *arg;
	bool open_up;    /* folders that forbid their owner to look into them are changed */
};

static int walk_folder(const struct walk *w, int at, const char *name, unsigned depth);

static int walk_name(const struct walk *w, int at, const char *name, unsigned depth)
{
	struct stat st;
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0 : -1;
	if (S_ISDIR(st.st_mode) && walk_folder(w, at, name, depth) != 0)
		return -1;
	return w->visit(w->arg, at, name, &st) == 0 || errno == ENOENT ? 0 : -1;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int walk_folder(const struct walk *w, int at, const char *name, unsigned depth)
{
	if (depth == TREE_DEPTH_MAX) {
		errno = ELOOP;
		return -1;
	}
	if (w->open_up && fchmodat(at, name, 0700, 0) != 0)
		return errno == ENOENT ? 0 : -1;
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		int sys = errno;
		io_drop(&fd);
		errno = sys;
		return sys == ENOENT ? 0 : -1;
	}
	int rc = 0, sys = 0;
	for (struct dirent *e; rc == 0 && (e = readdir(dir));)
		if (!is_dots(e->d_name) && (rc = walk_name(w, fd, e->d_name, depth + 1)) != 0)
			sys = errno;
	closedir(dir);
	errno = sys;
	return rc;
}

static int walk(const struct walk *w, const char *path, struct err *err)
{
	struct stat st;
	if (lstat(path, &st) != 0)
		return err_sys(err, "%.200s", path);
	if (walk_name(w, AT_FDCWD, path, 0) == 0)
		return 0;
	if (errno == ELOOP)
		return err_set(err, ERR_LIMIT, "%.200s: folders deeper than %d", path, TREE_DEPTH_MAX);
	return err_sys(err, "%.200s", path);
}

static int add_size(void *arg, int at, const char *name, const struct stat *st)
{
	uint64_t *bytes = arg;
	(void)at;
	(void)name;
	*bytes += (uint64_t)st->st_blocks * 512;
	return 0;
}

int tree_usage(const char *path, uint64_t *bytes, struct err *err)
{
	uint64_t sum = 0;
	const struct walk w = { .visit = add_size, .arg = &sum };
	if (walk(&w, path, err) != 0)
		return err->code;
	*bytes = sum;
	return 0;
}

struct owner {
	uid_t uid;
	gid_t gid;
};

static int give(void *arg, int at, const char *name, const struct stat *st)
{
	const struct owner *o = arg;
	if (st->st_uid == o->uid && st->st_gid == o->gid)
		return 0;
	return fchownat(at, name, o->uid, o->gid, AT_SYMLINK_NOFOLLOW);
}

int tree_give(const char *path, uid_t uid, gid_t gid, struct err *err)
{
	struct owner o = { uid, gid };
	const struct walk w = { .visit = give, .arg = &o };
	return walk(&w, path, err);
}

int tree_partial(const char *path, char partial[PATH_MAX], struct err *err)
{
	uint64_t random;
	if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
		return err_sys(err, "random bytes");
	if (snprintf(partial, PATH_MAX, "%s.partial-%016llx", path, (unsigned long long)random) >= PATH_MAX)
		return err_set(err, ERR_INVALID, "path is too long: %.100s...", path);
	return 0;
}

static int drop(void *arg, int at, const char *name, const struct stat *st)
{
	(void)arg;
	return unlinkat(at, name, S_ISDIR(st->st_mode) ? AT_REMOVEDIR : 0);
}

int tree_remove(const char *path, struct err *err)
{
	const struct walk w = { .visit = drop, .open_up = true };
	if (walk(&w, path, err) == 0 || err->code == ERR_ABSENT)
		return 0;
	return err->code;
}
