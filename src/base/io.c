#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "holdfast/err.h"

enum { READ_AT_ONCE = 65536 };

int io_read(int fd, void *out, size_t len, size_t *got, struct err *err)
{
	size_t done = 0;
	while (done < len) {
		ssize_t n = read(fd, (uint8_t *)out + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "read");
		if (n == 0)
			break;
		done += (size_t)n;
	}
	*got = done;
	return 0;
}

int io_pread(int fd, void *out, size_t len, uint64_t offset, size_t *got, struct err *err)
{
	size_t done = 0;
	while (done < len) {
		ssize_t n = pread(fd, (uint8_t *)out + done, len - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "read");
		if (n == 0)
			break;
		done += (size_t)n;
	}
	*got = done;
	return 0;
}

int io_write(int fd, const void *data, size_t len, struct err *err)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = write(fd, (const uint8_t *)data + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "write");
		done += (size_t)n;
	}
	return 0;
}

int io_pwrite(int fd, const void *data, size_t len, uint64_t offset, struct err *err)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(fd, (const uint8_t *)data + done, len - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "write");
		done += (size_t)n;
	}
	return 0;
}

/* Is there a byte more? */
static int must_end(int fd, const struct buf *out, struct err *err)
{
	uint8_t more;
	size_t got;
	if (io_read(fd, &more, 1, &got, err) != 0)
		return err->code;
	return got == 0 ? 0 : err_set(err, ERR_LIMIT, "more than %zu bytes", out->max);
}

int io_read_all(int fd, struct buf *out, struct err *err)
{
	while (out->len < out->max) {
		size_t room = out->max - out->len, got;
		size_t want = room < READ_AT_ONCE ? room : READ_AT_ONCE;
		uint8_t *to = buf_reserve(out, want, err);
		if (!to || io_read(fd, to, want, &got, err) != 0)
			return err->code;
		out->len += got;
		if (got < want)
			return 0;
	}
	return must_end(fd, out, err);
}

int io_read_file(const char *path, struct buf *out, struct err *err)
{
	struct stat st;
	IO_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "%s", path);
	/* room for all of it at once, and for what shows its end */
	bool is_known = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	                (uint64_t)st.st_size + READ_AT_ONCE <= out->max - out->len;
	if (is_known && !buf_reserve(out, (size_t)st.st_size + READ_AT_ONCE, err))
		return err->code;
	return io_read_all(fd, out, err) == 0 ? 0 : err_wrap(err, "%s", path);
}

int io_sync_parent(const char *path, struct err *err)
{
	char copy[PATH_MAX];
	if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy)
		return err_set(err, ERR_LIMIT, "path is too long: %.100s...", path);
	IO_AUTO_FD fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "folder of %s", path);
	/* some file systems cannot sync a folder, and say EINVAL */
	if (fsync(fd) != 0 && errno != EINVAL)
		return err_sys(err, "folder of %s", path);
	return 0;
}

static int write_new(int fd, const void *data, size_t len, mode_t mode, bool sync, struct err *err)
{
	if (fchmod(fd, mode) != 0)
		return err_sys(err, "chmod");
	if (io_write(fd, data, len, err) != 0)
		return err->code;
	return !sync || fsync(fd) == 0 ? 0 : err_sys(err, "fsync");
}

static int replace_file(const char *path, const void *data, size_t len, mode_t mode, bool sync,
                        struct err *err)
{
	char temporary[PATH_MAX];
	if (snprintf(temporary, sizeof temporary, "%s.%d.tmp", path, (int)getpid()) >=
	    (int)sizeof temporary)
		return err_set(err, ERR_LIMIT, "path is too long: %.100s...", path);

	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(err, "%s", temporary);
	int rc = write_new(fd, data, len, mode, sync, err);
	if (rc == 0)
		rc = io_close(&fd, err);
	io_drop(&fd);
	if (rc == 0 && rename(temporary, path) != 0)
		rc = err_sys(err, "rename");
	if (rc != 0) {
		unlink(temporary);
		return err_wrap(err, "%s", path);
	}
	return 0;
}

int io_write_file(const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	int rc = replace_file(path, data, len, mode, true, err);
	return rc == 0 ? io_sync_parent(path, err) : rc;
}

int io_write_file_lazily(const char *path, const void *data, size_t len, mode_t mode,
                         struct err *err)
{
	return replace_file(path, data, len, mode, false, err);
}

int io_make_dirs(const char *path, mode_t mode, struct err *err)
{
	char part[PATH_MAX];
	size_t len = strlen(path);
	if (len == 0 || len >= sizeof part)
		return err_set(err, ERR_LIMIT, "path is empty or too long: '%.100s'", path);
	/* nearly always it is there */
	if (mkdir(path, mode) == 0 || errno == EEXIST)
		return 0;
	memcpy(part, path, len + 1);
	for (size_t i = 1; i <= len; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		char kept = part[i];
		part[i] = '\0';
		if (mkdir(part, mode) != 0 && errno != EEXIST)
			return err_sys(err, "%s", part);
		part[i] = kept;
	}
	return 0;
}

int io_join(char out[PATH_MAX], const char *dir, const char *name, struct err *err)
{
	int n = snprintf(out, PATH_MAX, "%s%s%s", dir, *dir && *name ? "/" : "", name);
	return n >= 0 && n < PATH_MAX ? 0
	                              : err_set(err, ERR_INVALID, "path is too long: %.100s...", dir);
}

int io_close(int *fd, struct err *err)
{
	int closing = *fd;
	*fd = -1;
	if (closing >= 0 && close(closing) != 0 && errno != EINTR)
		return err_sys(err, "close");
	return 0;
}

void io_drop(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}
