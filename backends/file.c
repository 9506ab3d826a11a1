/*
 * file - objects are files below one folder: file:///srv/vault.
 *
 * 1. An object appears under its name complete and synced, or not at all: it is written under
 *    `.tmp-<pid>-<random>` in its folder, which list never shows, and renamed. (file_object)
 * 2. A folder that a put makes is synced into the one above it before the put returns. (file_folder)
 * 3. Below the top folder no symbolic link is followed.
 * 4. A top folder that was there and is gone is ERR_UNREACHABLE, and is not made again: its disk
 *    was unmounted. Nothing is known to be absent, and what is put on the disk below is no backup.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/scope.h"
#include "file_folder.h"
#include "file_object.h"
#include "holdfast/backend.h"
#include "holdfast/err.h"

struct file {
	struct backend base;
	struct file_root *root;
};

/* An object's name taken apart. */
struct place {
	char folder[BACKEND_NAME_MAX + 1];   /* "" for the top */
	const char *leaf;
};

static struct place place_of(const char *name)
{
	struct place p = { .leaf = name };
	const char *slash = strrchr(name, '/');
	if (slash) {
		memcpy(p.folder, name, (size_t)(slash - name));
		p.leaf = slash + 1;
	}
	return p;
}

static int no_such_object(const struct file *f, struct err *err)
{
	return err_set(err, ERR_ABSENT, "no such object in %s", file_root_path(f->root));
}

/* ---- put ---- */

static int put_once(struct file *f, const struct place *p, const struct backend_put *put,
                    struct err *err)
{
	IO_AUTO_FD folder = file_open_to_put(f->root, p->folder, err);
	if (folder < 0)
		return folder;
	return file_object_put(folder, p->leaf, put, err);
}

static int file_put(struct backend *b, const struct backend_put *put, char tag[BACKEND_TAG_MAX],
                    struct err *err)
{
	struct file *f = (struct file *)b;
	struct place p = place_of(put->name);
	if (tag)
		tag[0] = '\0';
	int rc = put_once(f, &p, put, err);
	if (rc != ERR_ABSENT)
		return rc;
	/* somebody removed a folder we knew */
	file_forget(f->root, p.folder);
	rc = put_once(f, &p, put, err);
	if (rc == ERR_ABSENT)
		rc = err->code = ERR_IO;
	return rc;
}

/* ---- get, stat, remove ---- */

static int expect_regular(const struct file *f, const struct stat *st, struct err *err)
{
	if (S_ISREG(st->st_mode))
		return 0;
	if (S_ISDIR(st->st_mode))
		return no_such_object(f, err);
	return err_set(err, ERR_IO, "is not a regular file");
}

/* The folder of an object that should be there. */
static int open_parent(struct file *f, const char *folder, int flags, struct err *err)
{
	int fd = file_open_folder(f->root, folder, flags, err);
	if (fd != ERR_ABSENT)
		return fd;
	IO_AUTO_FD top = file_open_top(f->root, O_PATH, err);
	return top < 0 ? top : no_such_object(f, err);
}

static int open_object(struct file *f, const char *name, struct stat *st, struct err *err)
{
	struct place p = place_of(name);
	IO_AUTO_FD folder = open_parent(f, p.folder, O_PATH, err);
	if (folder < 0)
		return folder;
	/* O_NONBLOCK: a FIFO must not hold us up */
	IO_AUTO_FD fd = openat(folder, p.leaf, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return no_such_object(f, err);
	if (fd < 0)
		return errno == ELOOP ? err_set(err, ERR_IO, "is a symbolic link") : file_fail(err, "open");
	if (fstat(fd, st) != 0)
		return file_fail(err, "stat");
	if (expect_regular(f, st, err) != 0)
		return err->code;
	int opened = fd;
	fd = -1;
	return opened;
}

static int file_get(struct backend *b, const char *name, uint64_t offset, void *out, size_t cap,
                    size_t *len, struct err *err)
{
	struct stat st;
	IO_AUTO_FD fd = open_object((struct file *)b, name, &st, err);
	if (fd < 0)
		return fd;
	return file_object_get(fd, (uint64_t)st.st_size, offset, out, cap, len, err);
}

static struct backend_object object_of(const char *name, const struct stat *st)
{
	return (struct backend_object){ .name = name, .size_bytes = (uint64_t)st->st_size,
	                                .time_s = (int64_t)st->st_mtime };
}

static int file_stat(struct backend *b, const char *name, struct backend_object *object,
                     struct err *err)
{
	struct file *f = (struct file *)b;
	struct place p = place_of(name);
	IO_AUTO_FD folder = open_parent(f, p.folder, O_PATH, err);
	if (folder < 0)
		return folder;
	struct stat st;
	if (fstatat(folder, p.leaf, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? no_such_object(f, err) : file_fail(err, "stat");
	if (expect_regular(f, &st, err) != 0)
		return err->code;
	*object = object_of(name, &st);
	return 0;
}

static int file_remove(struct backend *b, const char *name, struct err *err)
{
	struct file *f = (struct file *)b;
	struct place p = place_of(name);
	IO_AUTO_FD folder = open_parent(f, p.folder, O_RDONLY, err);
	if (folder < 0)
		return folder;
	if (unlinkat(folder, p.leaf, 0) != 0)
		return errno == ENOENT || errno == EISDIR ? no_such_object(f, err) : file_fail(err, "remove");
	return file_sync_folder(folder, err);
}

/* ---- list ---- */

struct walk {
	backend_visit *visit;
	void *arg;
	struct err *err;
	char name[BACKEND_NAME_MAX + 1];
};

/* Others (lost+found, which nobody may read) are not ours. */
static bool is_ours(const char *part)
{
	for (const char *p = part; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
			return false;
	return part[0] != '.';
}

static int walk_folder(struct walk *w, size_t len, int fd);

static int walk_below(struct walk *w, size_t len, int fd, const char *part)
{
	if (len >= BACKEND_NAME_MAX)
		return 0;
	IO_AUTO_FD below = openat(fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (below < 0)
		return errno == ENOENT ? 0 : file_fail(w->err, w->name);
	w->name[len] = '/';
	w->name[len + 1] = '\0';
	return walk_folder(w, len + 1, below);
}

static int walk_entry(struct walk *w, size_t len, int fd, const char *part)
{
	size_t more = strlen(part);
	if (!is_ours(part) || more > BACKEND_NAME_MAX - len)
		return 0;
	memcpy(w->name + len, part, more + 1);
	struct stat st;
	if (fstatat(fd, part, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0 : file_fail(w->err, w->name);
	if (S_ISDIR(st.st_mode))
		return walk_below(w, len + more, fd, part);
	if (!S_ISREG(st.st_mode))
		return 0;
	struct backend_object object = object_of(w->name, &st);
	return w->visit(w->arg, &object, w->err);
}

/* len is that of the folder's own part of w->name, with its '/'. */
static int walk_folder(struct walk *w, size_t len, int fd)
{
	DIR *dir = file_read_folder(fd, w->err);
	if (!dir)
		return w->err->code;
	int rc = 0;
	while (rc == 0) {
		errno = 0;
		const struct dirent *e = readdir(dir);
		if (!e && errno != 0)
			rc = file_fail(w->err, "read the folder");
		if (!e)
			break;
		rc = walk_entry(w, len, fd, e->d_name);
	}
	closedir(dir);
	return rc;
}

static int file_list(struct backend *b, const char *prefix, backend_visit *visit, void *arg,
                     struct err *err)
{
	struct walk w = { .visit = visit, .arg = arg, .err = err };
	size_t len = strlen(prefix);
	memcpy(w.name, prefix, len + 1);
	IO_AUTO_FD fd = file_open_folder(((struct file *)b)->root, prefix, O_RDONLY, err);
	if (fd < 0)
		return fd == ERR_ABSENT ? 0 : fd;
	return walk_folder(&w, len, fd);
}

/* ---- what a folder does not have ---- */

static int file_next_copy(struct backend *b, const char *name, struct err *err)
{
	(void)name;
	return no_such_object((struct file *)b, err);
}

static int file_retain(struct backend *b, const char *name, struct err *err)
{
	(void)b;
	(void)name;
	return err_set(err, ERR_INVALID, "what lies in a folder cannot be locked");
}

static int file_traits(struct backend *b, struct backend_traits *traits, struct err *err)
{
	(void)b;
	(void)err;
	traits->conditional = true;
	snprintf(traits->server, sizeof traits->server, "a folder of this machine");
	return 0;
}

/* ---- open, free ---- */

static void file_free(struct backend *b)
{
	struct file *f = (struct file *)b;
	file_root_free(f->root);
	free(f);
}

extern const struct backend_ops backend_file;

static struct backend *file_open(const struct backend_options *options, struct err *err)
{
	const char *location = options->location;
	if (options->as_of_s || options->lock_s) {
		err_set(err, ERR_INVALID, "file://%.100s: a folder keeps no older versions and no locks",
		        location);
		err_hint(err, "'lock' and '--as-of' are for s3:// with a versioned bucket");
		return NULL;
	}
	if (location[0] != '/' && location[0] != '.') {
		err_set(err, ERR_INVALID, "'file://%.100s' does not name a folder", location);
		err_hint(err, "an absolute path makes three slashes: file:///srv/vault");
		return NULL;
	}
	struct file *f = calloc(1, sizeof *f);
	if (!f) {
		err_no_memory(err);
		return NULL;
	}
	f->base = (struct backend){ .ops = &backend_file, .connections = 2 };
	f->root = file_root_new(location, err);
	if (!f->root) {
		file_free(&f->base);
		return NULL;
	}
	return &f->base;
}

const struct backend_ops backend_file = {
	.scheme = "file",
	.open = file_open,
	.free = file_free,
	.put = file_put,
	.get = file_get,
	.stat = file_stat,
	.list = file_list,
	.remove = file_remove,
	.next_copy = file_next_copy,
	.retain = file_retain,
	.traits = file_traits,
};
