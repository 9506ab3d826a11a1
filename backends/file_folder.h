/*
 * file_folder - the folders that the file driver keeps objects in: below one top folder, made on
 * demand and durably, entered without following a symbolic link.
 *
 * Folders are named as in objects' names: "" is the top. A top folder that was there and is gone is
 * ERR_UNREACHABLE, and is not made again: its disk was unmounted, and what is put on the disk below is
 * no backup. May be used from several threads.
 */
#ifndef FILE_FOLDER_H
#define FILE_FOLDER_H

#include <dirent.h>
#include <sys/types.h>

#include "base/scope.h"

struct err;
struct file_root;

/* Unfinished objects: FILE_TEMPORARY<pid>-<random>. Of writers that crashed they are removed when a day
 * has passed. */
#define FILE_TEMPORARY ".tmp-"

/* `location` as in the URL; nothing is made yet. NULL with ERR_INVALID (not a folder), ERR_NOMEM, ERR_IO. */
struct file_root *file_root_new(const char *location, struct err *err);
void file_root_free(struct file_root *r);
AUTO_FREE(file_root);

/* The top folder's absolute path. */
const char *file_root_path(const struct file_root *r);

/* Descriptors, or an error: ERR_ABSENT where a part of the path is not there, ERR_UNREACHABLE, ERR_IO,
 * ERR_DENIED. flags are O_RDONLY or O_PATH. */
int file_open_top(struct file_root *r, int flags, struct err *err);
int file_open_folder(struct file_root *r, const char *folder, int flags, struct err *err);

/* To put into: made, with what is above it, if need be. It is remembered; forget it when a put finds it
 * gone. */
int file_open_to_put(struct file_root *r, const char *folder, struct err *err);
void file_forget(struct file_root *r, const char *folder);

/* From errno, with what was tried. What a dead network mount says is not the disk's own error:
 * ERR_UNREACHABLE. */
int file_fail(struct err *err, const char *what);
int file_sync_folder(int fd, struct err *err);
int file_set_mode(int fd, mode_t mode, struct err *err);
/* The caller's to close; fd stays open. NULL with an error. */
DIR *file_read_folder(int fd, struct err *err);

#endif
