/*
 * veiled - a database that lies on the disk for a while, hidden, and can be read by nobody but this process
 * and the one that it hands the key to.
 *
 * Its bytes are under a key (crypto/veil.h) that is in memory only, so that neither the file nor what the
 * disk still holds of it later tells anything. SQLite reads it through a file system layer of its own,
 * read-only.
 */
#ifndef VEILED_H
#define VEILED_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"
#include "crypto/veil.h"

struct err;
struct veiled;

/* A new, empty file. NULL with ERR_EXISTS, ERR_ABSENT, ERR_DENIED, ERR_SPACE, ERR_IO, ERR_NOMEM. */
struct veiled *veiled_new(const char *path, struct err *err);

/* One that is there, to be read. NULL with ERR_ABSENT, ERR_DENIED, ERR_IO, ERR_NOMEM. */
struct veiled *veiled_attach(const char *path, const uint8_t key[VEIL_KEY_BYTES], struct err *err);

/* The key, to be handed on; the caller wipes what it copies. */
const uint8_t *veiled_key(const struct veiled *v);

/* Every connection is closed already. The file stays. */
void veiled_free(struct veiled *v);
AUTO_FREE(veiled);

/* Append. ERR_SPACE, ERR_IO. */
int veiled_write(struct veiled *v, const void *data, size_t len, struct err *err);

uint64_t veiled_length(const struct veiled *v);

/* A read-only connection, to be closed with sqlite3_close. ERR_SOURCE, ERR_NOMEM. */
int veiled_open(struct veiled *v, sqlite3 **db, struct err *err);

#endif
