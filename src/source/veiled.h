/*
 * veiled - a database that lies on the disk for a while, hidden, without a name, and can be read by nobody
 * but this process.
 *
 * The file has no name from the first byte, so that nothing is left when the process dies. Its bytes are
 * under a key (crypto/veil.h) that is in secret memory only, so that what the disk still holds later tells
 * nothing. SQLite reads it through a file system layer of its own, read-only.
 */
#ifndef VEILED_H
#define VEILED_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"

struct err;
struct veiled;

/* An empty file on the disk of that folder. NULL with ERR_ABSENT, ERR_DENIED, ERR_SPACE, ERR_IO,
 * ERR_NOMEM. */
struct veiled *veiled_new(const char *folder, struct err *err);

/* Every connection is closed already. */
void veiled_free(struct veiled *v);
AUTO_FREE(veiled);

/* Append. ERR_SPACE, ERR_IO. */
int veiled_write(struct veiled *v, const void *data, size_t len, struct err *err);

uint64_t veiled_length(const struct veiled *v);

/* A read-only connection, to be closed with sqlite3_close. ERR_SOURCE, ERR_NOMEM. */
int veiled_open(struct veiled *v, sqlite3 **db, struct err *err);

#endif
