/* io - whole reads and writes, small files, durable replacement. */
#ifndef IO_H
#define IO_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct buf;
struct err;

/* Until len bytes or the end of file; *got says how many. ERR_IO. EINTR is retried. */
int io_read(int fd, void *out, size_t len, size_t *got, struct err *err);
int io_pread(int fd, void *out, size_t len, uint64_t offset, size_t *got, struct err *err);

/* All len bytes or an error. ERR_IO, ERR_SPACE. */
int io_write(int fd, const void *data, size_t len, struct err *err);
int io_pwrite(int fd, const void *data, size_t len, uint64_t offset, struct err *err);

/* Append all that is to be read to out, which caps it. ERR_LIMIT, ERR_IO, ERR_NOMEM. */
int io_read_all(int fd, struct buf *out, struct err *err);

/* The same of a whole file; ERR_ABSENT, ERR_DENIED, too. */
int io_read_file(const char *path, struct buf *out, struct err *err);

/* Replace path by these bytes, atomically and durably (temporary name beside it, fsync, rename,
 * fsync of the folder), with exactly this mode. ERR_IO, ERR_SPACE, ERR_DENIED. */
int io_write_file(const char *path, const void *data, size_t len, mode_t mode, struct err *err);

/* The same without syncing: after a power cut the old file, the new one or a torn one may be there. */
int io_write_file_lazily(const char *path, const void *data, size_t len, mode_t mode,
                         struct err *err);

/* fsync the folder that holds path. ERR_IO. */
int io_sync_parent(const char *path, struct err *err);

/* Create a folder and its parents with this mode; existing ones are left as they are. */
int io_make_dirs(const char *path, mode_t mode, struct err *err);

/* "dir/name", or the one where the other is "". ERR_INVALID: too long. */
int io_join(char out[PATH_MAX], const char *dir, const char *name, struct err *err);

/* Close and report what close() reports; fd becomes -1. Without error reporting: io_drop. */
int io_close(int *fd, struct err *err);
void io_drop(int *fd);

/* A descriptor as an automatic variable: IO_AUTO_FD fd = open(...); closed on scope exit. */
#define IO_AUTO_FD __attribute__((cleanup(io_drop))) int

#endif
