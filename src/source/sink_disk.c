/*
 * sink_disk - files into a folder; the rules are in sink.h.
 *
 * Invariants: every name is reached from root_fd, one folder after the other, with O_NOFOLLOW; a
 * final name of a regular file appears only by rename, never in place of something else; `part` is
 * not empty exactly while a part file of ours exists.
 */
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/io.h"
#include "holdfast/err.h"
#include "holdfast/source.h"
#include "source/disk_file.h"
#include "source/disk_meta.h"
#include "source/disk_path.h"
#include "source/entry_meta.h"
#include "source/sink.h"
#include "source/walk.h"

enum { PART_TRIES = 10, PART_MAX = NAME_MAX + 32 };
static const char part_suffix[] = ".holdfast-part";
static const char kept_suffix[] = ".before-restore";

/* A folder's own attributes wait until nothing more is put into it. */
struct pending {
	char *path;
	void *extra;
	size_t extra_len;
	uint32_t mode, uid, gid;
	int64_t mtime_ns;
};

struct disk {
	struct sink sink;
	char *root;
	int root_fd;
	bool overwrite, set_root;
	struct disk_meta meta;
	struct pending *folders;
	size_t n_folders, cap_folders;
	/* the folder of the current name; most names share theirs with the one before */
	int folder;
	char folder_path[SOURCE_PATH_MAX];
	/* the current name */
	char path[SOURCE_PATH_MAX];
	const char *name;              /* within path */
	struct archive_entry *e;
	struct disk_file file;
	char part[PART_MAX];
	bool part_names_used;          /* this restore holds files that are named like our parts */
	/* what could not be set */
	uint64_t problems;
	struct err problem;
};

static struct disk *of(struct sink *k) { return (struct disk *)k; }

static int go_to(struct disk *k, const char *path, struct err *err)
{
	snprintf(k->path, sizeof k->path, "%s", path);
	size_t len = disk_path_parent(k->path);
	k->name = len ? k->path + len + 1 : k->path;
	if (k->folder >= 0 && strlen(k->folder_path) == len &&
	    memcmp(k->folder_path, k->path, len) == 0)
		return 0;
	int fd;
	if (disk_path_open(k->root_fd, k->path, len, true, &fd, err) != 0)
		return err->code;
	io_drop(&k->folder);
	k->folder = fd;
	memcpy(k->folder_path, k->path, len);
	k->folder_path[len] = '\0';
	return 0;
}

/* 1 and *st: the current name is taken; 0: it is free. */
static int is_taken(const struct disk *k, struct stat *st, struct err *err)
{
	if (fstatat(k->folder, k->name, st, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT ? 0 : err_sys(err, "stat");
}

static int refuse(struct err *err)
{
	err_set(err, ERR_EXISTS, "is there already, with other contents");
	return err_hint(err, "restore into an empty folder, or with --overwrite, which keeps it as "
	                     "NAME%s", kept_suffix);
}

/* Afterwards the current name is free, or it is an error. */
static int clear_way(const struct disk *k, struct err *err)
{
	struct stat st;
	int rc = is_taken(k, &st, err);
	if (rc <= 0)
		return rc;
	if (!k->overwrite)
		return refuse(err);
	char kept[NAME_MAX + sizeof kept_suffix];
	snprintf(kept, sizeof kept, "%s%s", k->name, kept_suffix);
	if (disk_path_rename(k->folder, k->name, kept) != 0)
		return err_sys(err, "keep what is there as '%.200s'", kept);
	return 0;
}

static void note(struct disk *k, const char *path, struct err *err)
{
	if (k->problems++ > 0)
		return;
	k->problem = *err;
	err_wrap(&k->problem, "%.200s/%.200s", k->root, path);
}

/* A full disk ends the restore; an attribute that this file system or user cannot set does not. */
static int apply(struct disk *k, int fd, struct err *err)
{
	if (disk_meta_apply(&k->meta, k->folder, k->name, fd, k->e, err) == 0)
		return 0;
	if (err->code == ERR_SPACE || err->code == ERR_NOMEM)
		return err->code;
	note(k, k->path, err);
	return 0;
}

static bool ends_with(const char *text, const char *suffix)
{
	size_t n = strlen(text), m = strlen(suffix);
	return n >= m && strcmp(text + n - m, suffix) == 0;
}

/* What an earlier attempt left under a part name is removed, but never a restored file that happens
 * to be named so. */
static int open_part(struct disk *k, struct err *err)
{
	int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int room = NAME_MAX - (int)sizeof part_suffix - 1;
	for (int i = 0; i < PART_TRIES; i++) {
		char part[PART_MAX];
		snprintf(part, sizeof part, ".%.*s%.*d%s", room, k->name, i > 0, i, part_suffix);
		int fd = openat(k->folder, part, flags, 0600);
		if (fd < 0 && errno == EEXIST && !k->part_names_used &&
		    unlinkat(k->folder, part, 0) == 0)
			fd = openat(k->folder, part, flags, 0600);
		if (fd < 0 && errno == EEXIST)
			continue;
		if (fd < 0)
			return err_sys(err, "create '%.200s'", part);
		k->file = (struct disk_file){ .fd = fd };
		snprintf(k->part, sizeof k->part, "%s", part);
		return 0;
	}
	return err_set(err, ERR_EXISTS, "its temporary names are taken: remove '.%.100s*%s'", k->name,
	               part_suffix);
}

static void drop_current(struct disk *k)
{
	io_drop(&k->file.fd);
	if (k->part[0])
		unlinkat(k->folder, k->part, 0);
	k->part[0] = '\0';
	archive_entry_free(k->e);
	k->e = NULL;
}

static int finish_part(struct disk *k, struct err *err)
{
	if (disk_file_finish(&k->file, err) != 0 || apply(k, k->file.fd, err) != 0 ||
	    io_close(&k->file.fd, err) != 0 || clear_way(k, err) != 0)
		return err->code;
	if (disk_path_rename(k->folder, k->part, k->name) != 0)
		return err_sys(err, "rename");
	k->part[0] = '\0';
	return 0;
}

/* The last byte of the current file has come. */
static int finish(struct disk *k, struct err *err)
{
	int rc = 0;
	if (k->e && k->file.fd >= 0) {
		if (archive_entry_size_is_set(k->e) &&
		    (uint64_t)archive_entry_size(k->e) != k->file.at)
			rc = err_set(err, ERR_CORRUPT, "%" PRIu64 " bytes came instead of %" PRIi64,
			             k->file.at, (int64_t)archive_entry_size(k->e));
		else
			rc = k->file.comparing ? apply(k, k->file.fd, err) : finish_part(k, err);
	}
	if (rc != 0)
		err_wrap(err, "%.200s/%.200s", k->root, k->path);
	drop_current(k);
	return rc;
}

static int remember_folder(struct disk *k, const struct source_entry *entry, struct err *err)
{
	if (k->n_folders == k->cap_folders) {
		size_t cap = k->cap_folders ? k->cap_folders * 2 : 64;
		struct pending *grown = reallocarray(k->folders, cap, sizeof *grown);
		if (!grown)
			return err_no_memory(err);
		k->folders = grown;
		k->cap_folders = cap;
	}
	struct pending *p = &k->folders[k->n_folders];
	*p = (struct pending){ strdup(entry->path), NULL, entry->extra_len, entry->mode, entry->uid,
		               entry->gid, entry->mtime_ns };
	k->n_folders++;
	if (entry->extra)
		p->extra = malloc(entry->extra_len + 1);
	if (!p->path || (entry->extra && !p->extra))
		return err_no_memory(err);
	if (entry->extra)
		memcpy(p->extra, entry->extra, entry->extra_len);
	return 0;
}

static int put_folder(struct disk *k, const struct source_entry *entry, struct err *err)
{
	struct stat st;
	int rc = is_taken(k, &st, err);
	if (rc < 0)
		return rc;
	if (rc == 0 || !S_ISDIR(st.st_mode)) {
		if (clear_way(k, err) != 0)
			return err->code;
		if (mkdirat(k->folder, k->name, 0700) != 0)
			return err_sys(err, "make folder");
	}
	return remember_folder(k, entry, err);
}

static int put_hard_link(struct disk *k, const char *first, struct err *err)
{
	if (!disk_path_is_safe(first))
		return err_set(err, ERR_CORRUPT, "hard link to '%.200s', outside", first);
	int fd;
	if (disk_path_open(k->root_fd, first, disk_path_parent(first), false, &fd, err) != 0)
		return err_wrap(err, "hard link to '%.200s'", first);
	IO_AUTO_FD folder = fd;
	const char *name = disk_path_parent(first) ? strrchr(first, '/') + 1 : first;
	struct stat there, st;
	if (fstatat(folder, name, &there, AT_SYMLINK_NOFOLLOW) != 0) {
		err_sys(err, "hard link to '%.200s'", first);
		return err_hint(err, "restore that file as well");
	}
	int rc = is_taken(k, &st, err);
	if (rc < 0)
		return rc;
	if (rc == 1 && st.st_dev == there.st_dev && st.st_ino == there.st_ino)
		return 0;
	if (clear_way(k, err) != 0)
		return err->code;
	if (linkat(folder, name, k->folder, k->name, 0) != 0)
		return err_sys(err, "hard link to '%.200s'", first);
	return 0;
}

static bool same_link(const struct disk *k, const char *target)
{
	char there[SOURCE_PATH_MAX];
	ssize_t n = readlinkat(k->folder, k->name, there, sizeof there);
	return n >= 0 && (size_t)n == strlen(target) && memcmp(there, target, (size_t)n) == 0;
}

static int put_symlink(struct disk *k, struct err *err)
{
	const char *target = archive_entry_symlink(k->e);
	if (!target)
		return err_set(err, ERR_CORRUPT, "symbolic link without a target");
	if (!same_link(k, target)) {
		if (clear_way(k, err) != 0)
			return err->code;
		if (symlinkat(target, k->folder, k->name) != 0)
			return err_sys(err, "make symbolic link");
	}
	return apply(k, -1, err);
}

/* A user other than root cannot make devices; that is noted, and the rest goes on. */
static int put_node(struct disk *k, struct err *err)
{
	mode_t type = archive_entry_filetype(k->e);
	dev_t dev = type == S_IFIFO ? 0 : makedev((unsigned)archive_entry_rdevmajor(k->e),
	                                          (unsigned)archive_entry_rdevminor(k->e));
	struct stat st;
	int rc = is_taken(k, &st, err);
	if (rc < 0)
		return rc;
	if (rc == 0 || (st.st_mode & S_IFMT) != type || (type != S_IFIFO && st.st_rdev != dev)) {
		if (clear_way(k, err) != 0)
			return err->code;
		if (mknodat(k->folder, k->name, type | 0600, dev) != 0) {
			if (err_sys(err, "make device or pipe") != ERR_DENIED)
				return err->code;
			note(k, k->path, err);
			return 0;
		}
	}
	return apply(k, -1, err);
}

/* A file of the right length may be the right one: then its bytes are compared as they come. */
static int put_file(struct disk *k, struct err *err)
{
	struct stat st;
	k->part_names_used |= ends_with(k->name, part_suffix);
	int rc = is_taken(k, &st, err);
	if (rc < 0)
		return rc;
	if (rc == 1 && S_ISREG(st.st_mode) && archive_entry_size_is_set(k->e) &&
	    st.st_size == archive_entry_size(k->e)) {
		int fd = openat(k->folder, k->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0) {
			k->file = (struct disk_file){ .fd = fd, .comparing = true };
			return 0;
		}
	}
	if (rc == 1 && !k->overwrite)
		return refuse(err);
	return open_part(k, err);
}

static int put(struct disk *k, const struct source_entry *entry, struct err *err)
{
	if (archive_entry_hardlink(k->e))
		return put_hard_link(k, archive_entry_hardlink(k->e), err);
	mode_t type = archive_entry_filetype(k->e);
	if (type == S_IFREG)
		return put_file(k, err);
	if (type == S_IFDIR)
		return put_folder(k, entry, err);
	if (type == S_IFLNK)
		return put_symlink(k, err);
	if (type == S_IFIFO || type == S_IFCHR || type == S_IFBLK)
		return put_node(k, err);
	return err_set(err, ERR_CORRUPT, "unknown kind of file %06o", (unsigned)type);
}

static int disk_entry(struct sink *sink, const struct source_entry *entry, struct err *err)
{
	struct disk *k = of(sink);
	if (finish(k, err) != 0)
		return err->code;
	bool is_root = strcmp(entry->path, ".") == 0;
	if (!is_root && !disk_path_is_safe(entry->path))
		return err_set(err, ERR_CORRUPT, "'%.300s': no path within the restored folder",
		               entry->path);
	k->e = entry_meta_decode(entry, err);
	if (!k->e)
		return err->code;
	if (is_root)
		return k->set_root ? remember_folder(k, entry, err) : 0;
	if (go_to(k, entry->path, err) != 0 || put(k, entry, err) != 0) {
		drop_current(k);
		return err_wrap(err, "%.200s/%.200s", k->root, entry->path);
	}
	return 0;
}

/* The file there turned out to be another one: go on writing beside it. */
static int stop_comparing(struct disk *k, struct err *err)
{
	if (!k->overwrite)
		return refuse(err);
	IO_AUTO_FD there = k->file.fd;
	uint64_t same = k->file.at;
	k->file.fd = -1;
	if (open_part(k, err) != 0)
		return err->code;
	return disk_file_copy(&k->file, there, same, err);
}

static int take(struct disk *k, const void *data, size_t len, struct err *err)
{
	if (k->file.fd < 0)
		return err_set(err, ERR_CORRUPT, "contents for something that is no regular file");
	if (k->file.comparing) {
		int rc = disk_file_compare(&k->file, data, len, err);
		if (rc != 0)
			return rc < 0 ? rc : 0;
		if (stop_comparing(k, err) != 0)
			return err->code;
	}
	return disk_file_write(&k->file, data, len, err);
}

static int disk_data(struct sink *sink, const void *data, size_t len, struct err *err)
{
	struct disk *k = of(sink);
	if (len == 0 || take(k, data, len, err) == 0)
		return 0;
	return err_wrap(err, "%.200s/%.200s", k->root, k->path);
}

static int set_folder(struct disk *k, const struct pending *p, struct err *err)
{
	struct source_entry entry = {
		.path = p->path, .extra = p->extra, .extra_len = p->extra_len, .mode = p->mode,
		.uid = p->uid, .gid = p->gid, .mtime_ns = p->mtime_ns,
	};
	k->e = entry_meta_decode(&entry, err);
	if (!k->e)
		return err->code;
	bool is_root = strcmp(p->path, ".") == 0;
	if (!is_root && go_to(k, p->path, err) != 0)
		return err->code;
	IO_AUTO_FD fd = openat(is_root ? k->root_fd : k->folder, is_root ? "." : k->name,
	                       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "open");
	return disk_meta_apply(&k->meta, k->folder, k->name, fd, k->e, err);
}

/* From the last to the first, so that no folder is closed to us before what it holds is done. */
static void set_folders(struct disk *k, struct err *err)
{
	for (size_t i = k->n_folders; i-- > 0;) {
		if (set_folder(k, &k->folders[i], err) != 0)
			note(k, k->folders[i].path, err);
		drop_current(k);
	}
}

static int disk_close(struct sink *sink, struct err *err)
{
	struct disk *k = of(sink);
	if (finish(k, err) != 0)
		return err->code;
	set_folders(k, err);
	/* one flush for all: an fsync for every small file would take hours */
	if (syncfs(k->root_fd) != 0)
		return err_sys(err, "%.400s: sync", k->root);
	if (k->problems == 0)
		return 0;
	*err = k->problem;
	return err_hint(err, "all contents are in place; %" PRIu64 " files lack something of their owner, "
	                "mode, attributes or kind: restore as root to a file system that has them",
	                k->problems);
}

static void disk_free(struct sink *sink)
{
	struct disk *k = of(sink);
	drop_current(k);
	for (size_t i = 0; i < k->n_folders; i++) {
		free(k->folders[i].path);
		free(k->folders[i].extra);
	}
	free(k->folders);
	io_drop(&k->folder);
	io_drop(&k->root_fd);
	free(k->root);
	free(k);
}

static const struct sink_ops disk_ops = {
	.entry = disk_entry,
	.data = disk_data,
	.close = disk_close,
	.free = disk_free,
};

static bool is_empty(int fd)
{
	struct walk *w = walk_new();
	struct err unused;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	bool empty = w && copy >= 0 && walk_enter(w, copy, &unused) == 0 &&
	             walk_next(w, &unused) == 0;
	walk_free(w);
	return empty;
}

static int open_root(struct disk *k, const char *dir, struct err *err)
{
	struct stat st;
	bool made = stat(dir, &st) != 0 && errno == ENOENT;
	if (made && io_make_dirs(dir, 0700, err) != 0)
		return err->code;
	k->root = strdup(dir);
	if (!k->root)
		return err_no_memory(err);
	k->root_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (k->root_fd < 0 || fstat(k->root_fd, &st) != 0)
		return err_sys(err, "%.500s", dir);
	k->set_root = made || is_empty(k->root_fd) ||
	              ((st.st_mode & 07777) == 0700 && st.st_uid == geteuid());
	return 0;
}

struct sink *sink_to_disk(const char *dir, bool overwrite, struct err *err)
{
	struct disk *k = calloc(1, sizeof *k);
	if (!k) {
		err_no_memory(err);
		return NULL;
	}
	k->sink.ops = &disk_ops;
	k->overwrite = overwrite;
	k->root_fd = k->folder = k->file.fd = -1;
	if (open_root(k, dir, err) != 0) {
		disk_free(&k->sink);
		return NULL;
	}
	return &k->sink;
}
