/*
 * Runs between clone and exec, maybe in the copy of a process with threads: system calls only, no
 * memory, no locks. Each step returns true, or false with errno.
 */
#include "base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROCESSES_MAX = 512, FILES_MAX = 4096 };

int confine_namespaces(const struct confine *c)
{
	if (!c->namespaces)
		return 0;
	return CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
	       (c->maps_user ? CLONE_NEWUSER : 0);
}

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	int sys = errno;
	close(fd);
	errno = sys;
	return done;
}

/* "ID ID 1", without snprintf, which is not async-signal-safe. */
static const char *map_line(char out[48], unsigned id)
{
	char digits[12];
	size_t n = sizeof digits, len;
	do
		digits[--n] = (char)('0' + id % 10);
	while ((id /= 10) > 0);
	len = sizeof digits - n;
	memcpy(out, digits + n, len);
	out[len] = ' ';
	memcpy(out + len + 1, digits + n, len);
	memcpy(out + 2 * len + 1, " 1", 3);
	return out;
}

/* /proc/self belongs to root while the process is kept from being traced. */
static bool map_user(const struct confine *c)
{
	char line[48];
	int traceable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
	return !c->maps_user || (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0 &&
	                         write_text("/proc/self/setgroups", "deny") &&
	                         write_text("/proc/self/uid_map", map_line(line, c->uid)) &&
	                         write_text("/proc/self/gid_map", map_line(line, c->gid)) &&
	                         (traceable == 1 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0));
}

/* What is not there, or is no folder, needs no hiding. */
static bool hide(const char *path)
{
	return mount("tmpfs", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
	             "size=4k,nr_inodes=2,mode=755") == 0 || errno == ENOENT || errno == ENOTDIR;
}

/* A container may forbid a /proc that shows more than its own; then there is none. */
static bool own_proc(void)
{
	return mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0 ||
	       hide("/proc");
}

static bool set_read_only(const char *path, bool on)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID };
	if (on)
		attr.attr_set |= MOUNT_ATTR_RDONLY;
	else
		attr.attr_clr = MOUNT_ATTR_RDONLY;
	return mount_setattr(AT_FDCWD, path, on ? AT_RECURSIVE : 0, &attr, sizeof attr) == 0;
}

/* The box first: it may lie below what is hidden then. */
static bool own_files(const struct confine *c)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return false;
	if (c->passwd && mount(c->passwd, "/etc/passwd", NULL, MS_BIND, NULL) != 0)
		return false;
	if (mount(c->folder, CONFINE_INSIDE, NULL, MS_BIND, NULL) != 0)
		return false;
	for (const char *const *h = c->hidden; *h; h++)
		if (!hide(*h))
			return false;
	return own_proc() && set_read_only("/", true) && set_read_only(CONFINE_INSIDE, false);
}

static bool limit(__rlimit_resource_t what, uint64_t most)
{
	const struct rlimit l = { most, most };
	return setrlimit(what, &l) == 0;
}

static bool set_limits(const struct confine *c)
{
	return limit(RLIMIT_CORE, 0) && limit(RLIMIT_NOFILE, FILES_MAX) &&
	       (!c->memory_bytes || limit(RLIMIT_AS, c->memory_bytes)) &&
	       (!c->file_bytes || limit(RLIMIT_FSIZE, c->file_bytes)) &&
	       /* counts all that run as this user, so it is only for one that is ours alone */
	       (!c->switches_user || limit(RLIMIT_NPROC, PROCESSES_MAX));
}

static bool become(const struct confine *c)
{
	return !c->switches_user ||
	       (setgroups(0, NULL) == 0 && setresgid(c->gid, c->gid, c->gid) == 0 &&
	        setresuid(c->uid, c->uid, c->uid) == 0);
}

/* After `become`, which would undo the signal. The caller may be dead before it is asked for. */
static bool die_with_caller(const struct confine *c)
{
	struct pollfd line = { c->lifeline, POLLIN, 0 };
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return false;
	if (poll(&line, 1, 0) == 0)
		return true;
	errno = ECANCELED;
	return false;
}

int confine_enter(const void *arg)
{
	const struct confine *c = arg;
	bool ready = map_user(c) && (!c->namespaces || own_files(c)) &&
	             chdir(c->namespaces ? CONFINE_INSIDE : c->folder) == 0 && set_limits(c) &&
	             become(c) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && die_with_caller(c);
	return ready ? 0 : errno ? errno : EPERM;
}
