/*
 * strike - ends a program's changes to local files at a chosen call: from there on each fails, as if
 * the process had been killed and what it still does did not count; or it is killed indeed.
 *
 * The test that includes this names the functions for the linker:
 *     wrap: open64 write pwrite64 rename unlink unlinkat ftruncate64 mkdir
 */
#ifndef STRIKE_H
#define STRIKE_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum strike_how { STRIKE_NEVER, STRIKE_FAIL, STRIKE_KILL, STRIKE_KILL_AFTER };

static struct {
	atomic_int how;
	atomic_ulong calls, at;
} strike;

/* Strike at the Nth change from now on. */
static inline void strike_at(enum strike_how how, unsigned long n)
{
	strike.at = n;
	strike.calls = 0;
	strike.how = (int)how;
}

/* Changes seen since strike_at. */
static inline unsigned long strike_end(void)
{
	strike.how = STRIKE_NEVER;
	return strike.calls;
}

static inline bool strike_now(void)
{
	if (strike.how == STRIKE_NEVER)
		return false;
	unsigned long n = ++strike.calls;
	if (strike.how == STRIKE_KILL && n == strike.at)
		raise(SIGKILL);
	if (strike.how != STRIKE_FAIL || n < strike.at)
		return false;
	errno = EIO;
	return true;
}

/* What the call did is done. */
static inline void strike_done(void)
{
	if (strike.how == STRIKE_KILL_AFTER && strike.calls == strike.at)
		raise(SIGKILL);
}

#define STRIKE_WRAP(type, name, parameters, arguments)                                             \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		if (strike_now())                                                                  \
			return -1;                                                                 \
		type rc_ = __real_##name arguments;                                                \
		strike_done();                                                                     \
		return rc_;                                                                        \
	}

STRIKE_WRAP(ssize_t, write, (int fd, const void *data, size_t len), (fd, data, len))
STRIKE_WRAP(ssize_t, pwrite64, (int fd, const void *data, size_t len, off_t at),
            (fd, data, len, at))
STRIKE_WRAP(int, rename, (const char *from, const char *to), (from, to))
STRIKE_WRAP(int, unlink, (const char *path), (path))
STRIKE_WRAP(int, unlinkat, (int dir, const char *path, int flags), (dir, path, flags))
STRIKE_WRAP(int, ftruncate64, (int fd, off_t len), (fd, len))
STRIKE_WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode))

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
	va_list args;
	va_start(args, flags);
	mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	bool changes = (flags & (O_CREAT | O_TRUNC)) != 0;
	if (changes && strike_now())
		return -1;
	int fd = __real_open64(path, flags, mode);
	if (changes)
		strike_done();
	return fd;
}

#endif
