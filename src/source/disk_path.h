/* disk_path - names below a folder that is being restored, reached without ever following a link. */
#ifndef DISK_PATH_H
#define DISK_PATH_H

#include <stdbool.h>
#include <stddef.h>

struct err;

/* Relative, shorter than SOURCE_PATH_MAX, and without an empty, "." or ".." part. */
bool disk_path_is_safe(const char *path);

/* Length of the part before the last '/', or 0. */
size_t disk_path_parent(const char *path);

/*
 * Open (O_PATH) the folder at the first len bytes of a safe path below root_fd, part by part; with
 * make, missing folders are made, 0700. ERR_EXISTS where a link or a file takes a folder's place,
 * ERR_ABSENT, ERR_LIMIT (name too long), ERR_DENIED, ERR_SPACE, ERR_IO.
 */
int disk_path_open(int root_fd, const char *path, size_t len, bool make, int *out, struct err *err);

/* rename(2) within a folder that replaces nothing, also where the file system cannot promise that by
 * itself. -1 and errno, EEXIST if `to` is taken. */
int disk_path_rename(int folder, const char *from, const char *to);

#endif
