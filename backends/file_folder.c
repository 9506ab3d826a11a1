#include "file_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "holdfast/backend.h"
#include "holdfast/err.h"

enum { STALE_AFTER_S = 24 * 60 * 60 };


/* A folder that was put into before: it is there, and was swept. */
struct known {
	struct known *next;
	char folder[BACKEND_NAME_MAX + 1];
};

enum { KNOWN_BUCKETS = 1024 };

struct file_root {
	char *top;
	atomic_bool seen;         /* the top folder was there */
	pthread_mutex_t lock;     /* over known */
	struct known *known[KNOWN_BUCKETS];
};

/* What a dead network mount says is not the disk's own error. */
int file_fail(struct err *err, const char *what)
{
	int sys = errno;
	err_sys(err, "%s", what);
	if (sys == ENOTCONN || sys == ESTALE || sys == ETIMEDOUT || sys == EHOSTDOWN ||
	    sys == EHOSTUNREACH)
		err->code = ERR_UNREACHABLE;
	return err->code;
}

/* some file systems cannot sync a folder, and say EINVAL */
int file_sync_folder(int fd, struct err *err)
{
	return fsync(fd) == 0 || errno == EINVAL ? 0 : file_fail(err, "fsync of the folder");
}

/* File systems without permissions (FAT) refuse what they cannot represent. */
int file_set_mode(int fd, mode_t mode, struct err *err)
{
	if (fchmod(fd, mode) == 0 || errno == EPERM || errno == ENOTSUP)
		return 0;
	return file_fail(err, "chmod");
}

/* ---- folders ---- */

int file_open_top(struct file_root *r, int flags, struct err *err)
{
	/* asked before: meanwhile another thread may make it */
	bool seen = atomic_load(&r->seen);
	int fd = open(r->top, flags | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		atomic_store(&r->seen, true);
		return fd;
	}
	if (errno != ENOENT)
		return file_fail(err, r->top);
	if (seen)
		err_set(err, ERR_UNREACHABLE, "the folder %s was there and is gone", r->top);
	else
		err_set(err, ERR_ABSENT, "the folder %s is not there", r->top);
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
		return file_fail(err, part);
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
int file_open_folder(struct file_root *r, const char *folder, int flags, struct err *err)
{
	int fd = file_open_top(r, flags, err);
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
		if (fd >= 0 && file_sync_folder(fd, err) != 0)
			return err_wrap(err, "%s", above);
		if (slash == above)
			break;
	}
	return 0;
}

static int make_top(struct file_root *r, struct err *err)
{
	if (io_make_dirs(r->top, 0700, err) != 0)
		return err->code;
	return sync_above(r->top, err);
}

/* Open a folder below fd; make it if need be, and then sync fd, so that it holds it durably. */
static int enter(int fd, const char *part, struct err *err)
{
	bool made = mkdirat(fd, part, 0700) == 0;
	if (!made && errno != EEXIST)
		return file_fail(err, part);
	int below = open_below(fd, part, O_RDONLY, err);
	if (below < 0)
		return below;
	if (made && (file_set_mode(below, 0700, err) != 0 || file_sync_folder(fd, err) != 0)) {
		close(below);
		return err->code;
	}
	return below;
}

static int make_folder(struct file_root *r, const char *folder, struct err *err)
{
	int fd = file_open_folder(r, folder, O_RDONLY, err);
	if (fd != ERR_ABSENT)
		return fd;
	fd = file_open_top(r, O_RDONLY, err);
	if (fd == ERR_ABSENT && make_top(r, err) != 0)
		return err->code;
	if (fd == ERR_ABSENT)
		fd = file_open_top(r, O_RDONLY, err);
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
	if (strncmp(name, FILE_TEMPORARY, strlen(FILE_TEMPORARY)) != 0)
		return false;
	long pid = strtol(name + strlen(FILE_TEMPORARY), NULL, 10);
	struct stat st;
	return pid > 0 && pid <= INT_MAX && kill((pid_t)pid, 0) != 0 && errno == ESRCH &&
	       fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       st.st_mtime < now - STALE_AFTER_S;
}

DIR *file_read_folder(int fd, struct err *err)
{
	int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = own < 0 ? NULL : fdopendir(own);
	if (!dir) {
		file_fail(err, "open the folder");
		io_drop(&own);
	}
	return dir;
}

/* A courtesy: what cannot be removed stays. */
static void sweep(int fd)
{
	struct err ignored;
	DIR *dir = file_read_folder(fd, &ignored);
	if (!dir)
		return;
	time_t now = time(NULL);
	for (const struct dirent *e; (e = readdir(dir)) != NULL;)
		if (is_stale(fd, e->d_name, now))
			unlinkat(fd, e->d_name, 0);
	closedir(dir);
}

/* ---- folders to put into ---- */

static struct known **find_known(struct file_root *r, const char *folder)
{
	unsigned hash = 5381;
	for (const char *c = folder; *c; c++)
		hash = hash * 33 + (unsigned char)*c;
	struct known **at = &r->known[hash % KNOWN_BUCKETS];
	while (*at && strcmp((*at)->folder, folder) != 0)
		at = &(*at)->next;
	return at;
}

void file_forget(struct file_root *r, const char *folder)
{
	pthread_mutex_lock(&r->lock);
	struct known **at = find_known(r, folder);
	struct known *gone = *at;
	if (gone)
		*at = gone->next;
	pthread_mutex_unlock(&r->lock);
	free(gone);
}

static bool is_known(struct file_root *r, const char *folder)
{
	pthread_mutex_lock(&r->lock);
	bool known = *find_known(r, folder) != NULL;
	pthread_mutex_unlock(&r->lock);
	return known;
}

/* Not being able to remember costs time only. */
static void remember(struct file_root *r, const char *folder)
{
	struct known *k = malloc(sizeof *k);
	if (!k)
		return;
	snprintf(k->folder, sizeof k->folder, "%s", folder);
	k->next = NULL;
	pthread_mutex_lock(&r->lock);
	struct known **at = find_known(r, folder);
	if (!*at) {
		*at = k;
		k = NULL;
	}
	pthread_mutex_unlock(&r->lock);
	free(k);
}

int file_open_to_put(struct file_root *r, const char *folder, struct err *err)
{
	if (is_known(r, folder))
		return file_open_folder(r, folder, O_RDONLY, err);
	int fd = make_folder(r, folder, err);
	if (fd >= 0) {
		sweep(fd);
		remember(r, folder);
	}
	return fd;
}

/* ---- open, free ---- */

/* As given, but absolute: the process may change its folder later. */
static char *absolute(const char *location, struct err *err)
{
	char here[PATH_MAX] = "", path[PATH_MAX];
	if (location[0] != '/' && !getcwd(here, sizeof here)) {
		file_fail(err, "current folder");
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
		err_no_memory(err);
	return copy;
}

static int check_top(struct file_root *r, struct err *err)
{
	struct stat st;
	if (stat(r->top, &st) == 0) {
		atomic_store(&r->seen, true);
		return S_ISDIR(st.st_mode) ? 0 : err_set(err, ERR_INVALID, "%s is not a folder", r->top);
	}
	if (errno == ENOTDIR)
		return err_set(err, ERR_INVALID, "%s is not below a folder", r->top);
	return errno == ENOENT ? 0 : file_fail(err, r->top);
}

static void free_known(struct known *k)
{
	while (k) {
		struct known *next = k->next;
		free(k);
		k = next;
	}
}

struct file_root *file_root_new(const char *location, struct err *err)
{
	AUTO(file_root) r = calloc(1, sizeof *r);
	if (!r) {
		err_no_memory(err);
		return NULL;
	}
	pthread_mutex_init(&r->lock, NULL);
	r->top = absolute(location, err);
	return r->top && check_top(r, err) == 0 ? TAKE(r) : NULL;
}

void file_root_free(struct file_root *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < KNOWN_BUCKETS; i++)
		free_known(r->known[i]);
	pthread_mutex_destroy(&r->lock);
	free(r->top);
	free(r);
}

const char *file_root_path(const struct file_root *r)
{
	return r->top;
}
