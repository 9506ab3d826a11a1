#include "source/disk_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "holdfast/err.h"
#include "holdfast/source.h"

bool disk_path_is_safe(const char *path)
{
	size_t len = strlen(path);
	if (len == 0 || len >= SOURCE_PATH_MAX)
		return false;
	for (const char *p = path;;) {
		size_t n = strcspn(p, "/");
		if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		if (p[n] == '\0')
			return true;
		p += n + 1;
	}
}

static int open_folder(int parent, const char *name, bool make)
{
	int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(parent, name, flags);
	if (fd >= 0 || errno != ENOENT || !make)
		return fd;
	if (mkdirat(parent, name, 0700) != 0 && errno != EEXIST)
		return -1;
	return openat(parent, name, flags);
}

int disk_path_open(int root_fd, const char *path, size_t len, bool make, int *out, struct err *err)
{
	IO_AUTO_FD fd = open_folder(root_fd, ".", false);
	if (fd < 0)
		return err_sys(err, "open");
	for (size_t at = 0; at < len;) {
		char name[NAME_MAX + 1];
		size_t n = strcspn(path + at, "/");
		if (n >= sizeof name)
			return err_set(err, ERR_LIMIT, "name of more than %d bytes", NAME_MAX);
		memcpy(name, path + at, n);
		name[n] = '\0';
		int next = open_folder(fd, name, make);
		if (next < 0 && (errno == ENOTDIR || errno == ELOOP))
			return err_set(err, ERR_EXISTS, "'%.200s' in this path is no folder but a link or "
			               "a file", name);
		if (next < 0)
			return err_sys(err, "folder '%.200s'", name);
		close(fd);
		fd = next;
		at += n + 1;
	}
	*out = fd;
	fd = -1;
	return 0;
}

size_t disk_path_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? (size_t)(slash - path) : 0;
}

int disk_path_rename(int folder, const char *from, const char *to)
{
	struct stat st;
	if (renameat2(folder, from, folder, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (fstatat(folder, to, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return renameat(folder, from, folder, to);
}
