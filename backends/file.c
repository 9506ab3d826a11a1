/*
 * file - objects are files below one folder: file:///srv/vault.
 *
 * 1. An object appears under its name complete and synced, or not at all: it is written under
 *    `.tmp-<pid>-<random>` in its folder, which list never shows, and renamed.
 * 2. A folder that a put makes is synced into the one above it before the put returns.
 * 3. Below the top folder no symbolic link is followed.
 * 4. A top folder that was there and is gone is ERR_UNREACHABLE, and is not made again: its disk
 *    was unmounted. Nothing is known to be absent, and what is put on the disk below is no backup.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/scope.h"
#include "holdfast/backend.h"
#include "holdfast/err.h"

#define TEMPORARY ".tmp-"

enum {
	DIRECT_MIN = 1 << 20,          /* below this the page cache costs less than O_DIRECT saves */
	STALE_AFTER_S = 24 * 60 * 60,
	TEMPORARY_MAX = 64,
};

/* A folder that was put into before: it is there, and was swept. */
struct known {
	struct known *next;
	char folder[BACKEND_NAME_MAX + 1];
};

enum { KNOWN_BUCKETS = 1024 };

struct file {
	struct backend base;
	char *top;
	atomic_bool seen;         /* the top folder was there */
	pthread_mutex_t lock;     /* over known */
	struct known *known[KNOWN_BUCKETS];
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

/* What a dead network mount says is not the disk's own error. */
static int fail(struct err *err, const char *what)
{
	int sys = errno;
	err_sys(err, "%s", what);
	if (sys == ENOTCONN || sys == ESTALE || sys == ETIMEDOUT || sys == EHOSTDOWN ||
	    sys == EHOSTUNREACH)
		err->code = ERR_UNREACHABLE;
	return err->code;
}

static int no_such_object(const struct file *f, struct err *err)
{
	return err_set(err, ERR_ABSENT, "no such object in %s", f->top);
}

/* some file systems cannot sync a folder, and say EINVAL */
static int sync_folder(int fd, struct err *err)
{
	return fsync(fd) == 0 || errno == EINVAL ? 0 : fail(err, "fsync of the folder");
}

/* File systems without permissions (FAT) refuse what they cannot represent. */
static int set_mode(int fd, mode_t mode, struct err *err)
{
	if (fchmod(fd, mode) == 0 || errno == EPERM || errno == ENOTSUP)
		return 0;
	return fail(err, "chmod");
}

/* ---- folders ---- */

static int open_top(struct file *f, int flags, struct err *err)
{
	/* asked before: meanwhile another thread may make it */
	bool seen = atomic_load(&f->seen);
	int fd = open(f->top, flags | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		atomic_store(&f->seen, true);
		return fd;
	}
	if (errno != ENOENT)
		return fail(err, f->top);
	if (seen)
		err_set(err, ERR_UNREACHABLE, "the folder %s was there and is gone", f->top);
	else
		err_set(err, ERR_ABSENT, "the folder %s is not there", f->top);
	return err_hint(err, "is its disk mounted?");
}

/* The next part of a folder's path; false at its end. */
static bool next_part(const char **path, char part[NAME_MAX + 1])
{
	size_t len = strcspn(*path, "/");
	if (len == 0 || len > NAME_MAX)
		return false;
	memcpy(part, *path, len);
	part[len] = '\0';
	*path += len + ((*path)[len] == '/');
	return true;
}

static int open_below(int fd, const char *part, int flags, struct err *err)
{
	int below = openat(fd, part, flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (below >= 0)
		return below;
	if (errno != ENOTDIR && errno != ELOOP)
		return fail(err, part);
	/* below an object there is nothing; a symbolic link may hide anything */
	struct stat st;
	bool object = fstatat(fd, part, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
	return err_set(err, object ? ERR_ABSENT : ERR_IO, "'%s' on its path is not a folder", part);
}

/* All parts in one call, where the kernel can: Linux 5.6, and no filter of a container's. */
static int open_at_once(int top, const char *folder, int flags)
{
	struct open_how how = { .flags = (uint64_t)(unsigned)(flags | O_DIRECTORY | O_CLOEXEC),
		                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	return (int)syscall(SYS_openat2, top, folder, &how, sizeof how);
}

/* A descriptor, or an error: ERR_ABSENT where a part of the path is not there. */
static int open_folder(struct file *f, const char *folder, int flags, struct err *err)
{
	int fd = open_top(f, flags, err);
	int whole = fd >= 0 && *folder ? open_at_once(fd, folder, flags) : -1;
	if (whole >= 0) {
		close(fd);
		return whole;
	}
	/* part by part, to say which part is the trouble */
	char part[NAME_MAX + 1];
	while (fd >= 0 && next_part(&folder, part)) {
		int below = open_below(fd, part, flags, err);
		close(fd);
		fd = below;
	}
	return fd;
}

/* Those we may not open are not ours to sync. */
static int sync_above(const char *path, struct err *err)
{
	char above[PATH_MAX];
	snprintf(above, sizeof above, "%s", path);
	for (char *slash; (slash = strrchr(above, '/')) != NULL;) {
		slash[slash == above] = '\0';
		IO_AUTO_FD fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && sync_folder(fd, err) != 0)
			return err_wrap(err, "%s", above);
		if (slash == above)
			break;
	}
	return 0;
}

static int make_top(struct file *f, struct err *err)
{
	if (io_make_dirs(f->top, 0700, err) != 0)
		return err->code;
	return sync_above(f->top, err);
}

/* Open a folder below fd; make it if need be, and then sync fd, so that it holds it durably. */
static int enter(int fd, const char *part, struct err *err)
{
	bool made = mkdirat(fd, part, 0700) == 0;
	if (!made && errno != EEXIST)
		return fail(err, part);
	int below = open_below(fd, part, O_RDONLY, err);
	if (below < 0)
		return below;
	if (made && (set_mode(below, 0700, err) != 0 || sync_folder(fd, err) != 0)) {
		close(below);
		return err->code;
	}
	return below;
}

static int make_folder(struct file *f, const char *folder, struct err *err)
{
	int fd = open_folder(f, folder, O_RDONLY, err);
	if (fd != ERR_ABSENT)
		return fd;
	fd = open_top(f, O_RDONLY, err);
	if (fd == ERR_ABSENT && make_top(f, err) != 0)
		return err->code;
	if (fd == ERR_ABSENT)
		fd = open_top(f, O_RDONLY, err);
	char part[NAME_MAX + 1];
	while (fd >= 0 && next_part(&folder, part)) {
		int below = enter(fd, part, err);
		close(fd);
		fd = below;
	}
	return fd;
}

/* ---- leftovers of writers that crashed ---- */

static bool is_stale(int fd, const char *name, time_t now)
{
	if (strncmp(name, TEMPORARY, strlen(TEMPORARY)) != 0)
		return false;
	long pid = strtol(name + strlen(TEMPORARY), NULL, 10);
	struct stat st;
	return pid > 0 && pid <= INT_MAX && kill((pid_t)pid, 0) != 0 && errno == ESRCH &&
	       fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       st.st_mtime < now - STALE_AFTER_S;
}

static DIR *read_folder(int fd, struct err *err)
{
	int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = own < 0 ? NULL : fdopendir(own);
	if (!dir) {
		fail(err, "open the folder");
		io_drop(&own);
	}
	return dir;
}

/* A courtesy: what cannot be removed stays. */
static void sweep(int fd)
{
	struct err ignored;
	DIR *dir = read_folder(fd, &ignored);
	if (!dir)
		return;
	time_t now = time(NULL);
	for (const struct dirent *e; (e = readdir(dir)) != NULL;)
		if (is_stale(fd, e->d_name, now))
			unlinkat(fd, e->d_name, 0);
	closedir(dir);
}

/* ---- folders to put into ---- */

static struct known **find_known(struct file *f, const char *folder)
{
	unsigned hash = 5381;
	for (const char *c = folder; *c; c++)
		hash = hash * 33 + (unsigned char)*c;
	struct known **at = &f->known[hash % KNOWN_BUCKETS];
	while (*at && strcmp((*at)->folder, folder) != 0)
		at = &(*at)->next;
	return at;
}

static void forget(struct file *f, const char *folder)
{
	pthread_mutex_lock(&f->lock);
	struct known **at = find_known(f, folder);
	struct known *gone = *at;
	if (gone)
		*at = gone->next;
	pthread_mutex_unlock(&f->lock);
	free(gone);
}

static bool is_known(struct file *f, const char *folder)
{
	pthread_mutex_lock(&f->lock);
	bool known = *find_known(f, folder) != NULL;
	pthread_mutex_unlock(&f->lock);
	return known;
}

/* Not being able to remember costs time only. */
static void remember(struct file *f, const char *folder)
{
	struct known *k = malloc(sizeof *k);
	if (!k)
		return;
	snprintf(k->folder, sizeof k->folder, "%s", folder);
	k->next = NULL;
	pthread_mutex_lock(&f->lock);
	struct known **at = find_known(f, folder);
	if (!*at) {
		*at = k;
		k = NULL;
	}
	pthread_mutex_unlock(&f->lock);
	free(k);
}

static int open_to_put(struct file *f, const char *folder, struct err *err)
{
	if (is_known(f, folder))
		return open_folder(f, folder, O_RDONLY, err);
	int fd = make_folder(f, folder, err);
	if (fd >= 0) {
		sweep(fd);
		remember(f, folder);
	}
	return fd;
}

/* ---- put ---- */

static void set_direct(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags >= 0)
		(void)fcntl(fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT);
}

static bool aligned(const void *data)
{
	return (uintptr_t)data % BACKEND_ALIGN == 0;
}

/* fallocate and not posix_fallocate, which writes every block where there is no support */
static int reserve(int fd, size_t len, struct err *err)
{
	while (fallocate(fd, 0, 0, (off_t)len) != 0)
		if (errno == ENOSPC || errno == EDQUOT)
			return fail(err, "reserve space");
		else if (errno != EINTR)
			break;
	return 0;
}

/* Returns how much is written: the aligned part, or nothing where O_DIRECT is not to be had. */
static int write_direct(int fd, const void *data, size_t len, size_t *done, struct err *err)
{
	size_t whole = len - len % BACKEND_ALIGN;
	struct err why;
	set_direct(fd, true);
	int rc = io_pwrite(fd, data, whole, 0, &why);
	set_direct(fd, false);
	*done = rc == 0 ? whole : 0;
	if (rc == 0 || why.sys == EINVAL)
		return 0;
	*err = why;
	return rc;
}

static int write_object(int fd, const void *data, size_t len, struct err *err)
{
	size_t done = 0;
	if (set_mode(fd, 0600, err) != 0)
		return err->code;
	if (len >= DIRECT_MIN && reserve(fd, len, err) != 0)
		return err->code;
	if (len >= DIRECT_MIN && aligned(data) && write_direct(fd, data, len, &done, err) != 0)
		return err->code;
	if (done < len && io_pwrite(fd, (const uint8_t *)data + done, len - done, done, err) != 0)
		return err->code;
	return fsync(fd) == 0 ? 0 : fail(err, "fsync");
}

static int write_temporary(int folder, char name[TEMPORARY_MAX], const void *data, size_t len,
                           struct err *err)
{
	uint64_t random;
	if (getrandom(&random, sizeof random, 0) != sizeof random)
		return fail(err, "getrandom");
	snprintf(name, TEMPORARY_MAX, TEMPORARY "%d-%016" PRIx64, (int)getpid(), random);

	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(err, "create");
	int rc = write_object(fd, data, len, err);
	if (rc == 0)
		rc = io_close(&fd, err);
	io_drop(&fd);
	if (rc != 0)
		unlinkat(folder, name, 0);
	return rc;
}

/* Where rename cannot refuse to replace (NFS). */
static int link_new(int folder, const char *temporary, const char *leaf)
{
	int rc = linkat(folder, temporary, folder, leaf, 0);
	int sys = errno;
	struct stat st;
	/* a repeated request is told EEXIST of its own success */
	if (rc != 0 && sys == EEXIST && fstatat(folder, temporary, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_nlink == 2)
		rc = 0;
	if (rc == 0)
		unlinkat(folder, temporary, 0);
	errno = sys;
	return rc;
}

static int publish(int folder, const char *temporary, const char *leaf, enum backend_put_mode mode)
{
	if (mode == BACKEND_REPLACE)
		return renameat(folder, temporary, folder, leaf);
	if (renameat2(folder, temporary, folder, leaf, RENAME_NOREPLACE) == 0)
		return 0;
	return errno == EINVAL || errno == ENOSYS ? link_new(folder, temporary, leaf) : -1;
}

static int already_there(struct err *err)
{
	return err_set(err, ERR_EXISTS, "is in the vault already");
}

static int put_into(int folder, const char *leaf, const struct backend_put *put, struct err *err)
{
	struct stat st;
	if (put->mode == BACKEND_NEW && fstatat(folder, leaf, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return already_there(err);

	char temporary[TEMPORARY_MAX];
	if (write_temporary(folder, temporary, put->data, put->len, err) != 0)
		return err->code;
	if (publish(folder, temporary, leaf, put->mode) == 0)
		return sync_folder(folder, err);

	int rc = errno == EEXIST ? already_there(err) : fail(err, "rename");
	unlinkat(folder, temporary, 0);
	return rc;
}

static int put_once(struct file *f, const struct place *p, const struct backend_put *put,
                    struct err *err)
{
	IO_AUTO_FD folder = open_to_put(f, p->folder, err);
	if (folder < 0)
		return folder;
	return put_into(folder, p->leaf, put, err);
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
	forget(f, p.folder);
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
	int fd = open_folder(f, folder, flags, err);
	if (fd != ERR_ABSENT)
		return fd;
	IO_AUTO_FD top = open_top(f, O_PATH, err);
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
		return errno == ELOOP ? err_set(err, ERR_IO, "is a symbolic link") : fail(err, "open");
	if (fstat(fd, st) != 0)
		return fail(err, "stat");
	if (expect_regular(f, st, err) != 0)
		return err->code;
	int opened = fd;
	fd = -1;
	return opened;
}

/* As much as O_DIRECT gives; what it does not is read again the usual way, and errors show there. */
static size_t read_direct(int fd, void *out, size_t cap, uint64_t offset, size_t want)
{
	size_t done = 0;
	set_direct(fd, true);
	while (done < want) {
		ssize_t n = pread(fd, (uint8_t *)out + done, cap - done, (off_t)(offset + done));
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	set_direct(fd, false);
	return done < want ? done : want;
}

static int file_get(struct backend *b, const char *name, uint64_t offset, void *out, size_t cap,
                    size_t *len, struct err *err)
{
	struct stat st;
	IO_AUTO_FD fd = open_object((struct file *)b, name, &st, err);
	if (fd < 0)
		return fd;
	uint64_t left = offset < (uint64_t)st.st_size ? (uint64_t)st.st_size - offset : 0;
	size_t want = cap < left ? cap : (size_t)left;
	size_t done = 0, more = 0;
	if (want >= DIRECT_MIN && aligned(out) && (offset | cap) % BACKEND_ALIGN == 0)
		done = read_direct(fd, out, cap, offset, want);
	if (done < want &&
	    io_pread(fd, (uint8_t *)out + done, want - done, offset + done, &more, err) != 0)
		return err->code;
	*len = done + more;
	return 0;
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
		return errno == ENOENT ? no_such_object(f, err) : fail(err, "stat");
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
		return errno == ENOENT || errno == EISDIR ? no_such_object(f, err) : fail(err, "remove");
	return sync_folder(folder, err);
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
		return errno == ENOENT ? 0 : fail(w->err, w->name);
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
		return errno == ENOENT ? 0 : fail(w->err, w->name);
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
	DIR *dir = read_folder(fd, w->err);
	if (!dir)
		return w->err->code;
	int rc = 0;
	while (rc == 0) {
		errno = 0;
		const struct dirent *e = readdir(dir);
		if (!e && errno != 0)
			rc = fail(w->err, "read the folder");
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
	IO_AUTO_FD fd = open_folder((struct file *)b, prefix, O_RDONLY, err);
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

/* As given, but absolute: the process may change its folder later. */
static char *absolute(const char *location, struct err *err)
{
	char here[PATH_MAX] = "", path[PATH_MAX];
	if (location[0] != '/' && !getcwd(here, sizeof here)) {
		fail(err, "current folder");
		return NULL;
	}
	int len = snprintf(path, sizeof path, "%s%s%s", here, *here ? "/" : "", location);
	if (len < 0 || len >= (int)sizeof path) {
		err_set(err, ERR_INVALID, "path is too long: %.100s...", location);
		return NULL;
	}
	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	char *copy = strdup(path);
	if (!copy)
		err_set(err, ERR_NOMEM, "out of memory");
	return copy;
}

static int check_top(struct file *f, struct err *err)
{
	struct stat st;
	if (stat(f->top, &st) == 0) {
		atomic_store(&f->seen, true);
		return S_ISDIR(st.st_mode) ? 0 : err_set(err, ERR_INVALID, "%s is not a folder", f->top);
	}
	if (errno == ENOTDIR)
		return err_set(err, ERR_INVALID, "%s is not below a folder", f->top);
	return errno == ENOENT ? 0 : fail(err, f->top);
}

static void free_known(struct known *k)
{
	while (k) {
		struct known *next = k->next;
		free(k);
		k = next;
	}
}

static void file_free(struct backend *b)
{
	struct file *f = (struct file *)b;
	for (size_t i = 0; i < KNOWN_BUCKETS; i++)
		free_known(f->known[i]);
	pthread_mutex_destroy(&f->lock);
	free(f->top);
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
		err_set(err, ERR_NOMEM, "out of memory");
		return NULL;
	}
	f->base = (struct backend){ .ops = &backend_file, .connections = 2 };
	pthread_mutex_init(&f->lock, NULL);
	f->top = absolute(location, err);
	if (!f->top || check_top(f, err) != 0) {
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
