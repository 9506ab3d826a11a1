#include "file_object.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/scope.h"
#include "file_folder.h"
#include "holdfast/err.h"

enum {
	DIRECT_MIN = 1 << 20,          /* below this the page cache costs less than O_DIRECT saves */
	TEMPORARY_MAX = 64,
};

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
			return file_fail(err, "reserve space");
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
	if (file_set_mode(fd, 0600, err) != 0)
		return err->code;
	if (len >= DIRECT_MIN && reserve(fd, len, err) != 0)
		return err->code;
	if (len >= DIRECT_MIN && aligned(data) && write_direct(fd, data, len, &done, err) != 0)
		return err->code;
	if (done < len && io_pwrite(fd, (const uint8_t *)data + done, len - done, done, err) != 0)
		return err->code;
	return fsync(fd) == 0 ? 0 : file_fail(err, "fsync");
}

static int write_temporary(int folder, char name[TEMPORARY_MAX], const void *data, size_t len,
                           struct err *err)
{
	uint64_t random;
	if (getrandom(&random, sizeof random, 0) != sizeof random)
		return file_fail(err, "getrandom");
	snprintf(name, TEMPORARY_MAX, FILE_TEMPORARY "%d-%016" PRIx64, (int)getpid(), random);

	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return file_fail(err, "create");
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

int file_object_put(int folder, const char *leaf, const struct backend_put *put, struct err *err)
{
	struct stat st;
	if (put->mode == BACKEND_NEW && fstatat(folder, leaf, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return already_there(err);

	char temporary[TEMPORARY_MAX];
	if (write_temporary(folder, temporary, put->data, put->len, err) != 0)
		return err->code;
	if (publish(folder, temporary, leaf, put->mode) == 0)
		return file_sync_folder(folder, err);

	int rc = errno == EEXIST ? already_there(err) : file_fail(err, "rename");
	unlinkat(folder, temporary, 0);
	return rc;
}

/* ---- get ---- */

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

int file_object_get(int fd, uint64_t size_bytes, uint64_t offset, void *out, size_t cap, size_t *len,
                    struct err *err)
{
	uint64_t left = offset < size_bytes ? size_bytes - offset : 0;
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
