#include "cli/run_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/io.h"
#include "cli/text.h"
#include "holdfast/err.h"

enum { TEXT_BYTES = 64 };

static void read_holder(int fd, struct run_holder *holder)
{
	char text[TEXT_BYTES] = "";
	size_t got = 0;
	struct err ignored;
	*holder = (struct run_holder){ 0 };
	if (io_pread(fd, text, sizeof text - 1, 0, &got, &ignored) != 0 ||
	    sscanf(text, "%ld %" SCNd64, &holder->pid, &holder->since_s) != 2)
		*holder = (struct run_holder){ 0 };
}

static int busy(int fd, struct run_holder *holder, struct err *err)
{
	char since[TEXT_MAX];
	read_holder(fd, holder);
	if (holder->pid > 0)
		err_set(err, ERR_BUSY, "run: pid %ld runs since %s", holder->pid,
		        text_time(since, holder->since_s));
	else
		err_set(err, ERR_BUSY, "run: another run has just begun");
	return err_hint(err, "wait for it, or 'holdfast status'; there is no lock to remove");
}

int run_lock_open(const char *state_dir, const char *name, struct err *err)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof path, "%s/%s", state_dir, name) >= PATH_MAX)
		return err_set(err, ERR_LIMIT, "path is too long: %.100s...", state_dir);
	if (io_make_dirs(state_dir, 0700, err) != 0)
		return err->code;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return fd >= 0 ? fd : err_sys(err, "%s", path);
}

static int write_holder(int fd, int64_t now_s, struct err *err)
{
	char text[TEXT_BYTES];
	int len = snprintf(text, sizeof text, "%ld %" PRId64 "\n", (long)getpid(), now_s);
	if (ftruncate(fd, 0) != 0)
		return err_sys(err, "run.lock");
	return io_pwrite(fd, text, (size_t)len, 0, err) == 0 ? 0 : err_wrap(err, "run.lock");
}

int run_lock_take(const char *state_dir, int64_t now_s, struct run_holder *holder, struct err *err)
{
	int fd = run_lock_open(state_dir, "run.lock", err);
	if (fd < 0)
		return fd;
	int rc = 0;
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		rc = errno == EWOULDBLOCK ? busy(fd, holder, err) : err_sys(err, "run.lock");
	else
		rc = write_holder(fd, now_s, err);
	if (rc == 0)
		return fd;
	io_drop(&fd);
	return err->code;
}
