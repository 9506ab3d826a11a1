/*
 * file_object - one object in an open folder: its bytes written and read, large ones past the page cache.
 *
 * An object appears under its name complete and synced, or not at all: it is written under a temporary
 * name in its folder (file_folder.h) and renamed.
 */
#ifndef FILE_OBJECT_H
#define FILE_OBJECT_H

#include <stddef.h>
#include <stdint.h>

#include "holdfast/backend.h"

struct err;

/* As backend_ops.put, into this folder under the name `leaf`. */
int file_object_put(int folder, const char *leaf, const struct backend_put *put, struct err *err);

/* As backend_ops.get, from an open regular file of size_bytes. */
int file_object_get(int fd, uint64_t size_bytes, uint64_t offset, void *out, size_t cap, size_t *len,
                    struct err *err);

#endif
