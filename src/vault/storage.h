/* storage - the one way to a storage driver: names, sizes and modes are checked here, once. */
#ifndef STORAGE_H
#define STORAGE_H

#include <stdbool.h>

#include "base/scope.h"
#include "holdfast/backend.h"

struct buf;

/* Opens the driver that the URL's scheme names; options (NULL: none) without their location. NULL with
 * ERR_INVALID (no such scheme; the message lists those there are) or what the driver's open gives. */
struct backend *storage_open(const char *url, const struct backend_options *options,
                             struct err *err);
void storage_free(struct backend *b);
static inline void backend_free(struct backend *b) { storage_free(b); }
AUTO_FREE(backend);

bool storage_name_ok(const char *name);

/* As in backend.h; messages are prefixed with the object's name. ERR_INVALID for bad names. What is
 * locked where a lock is configured is decided here: see names_retained. `tag` may be NULL. */
int storage_put_tagged(struct backend *b, const char *name, const void *data, size_t len,
                       enum backend_put_mode mode, char tag[BACKEND_TAG_MAX], struct err *err);
int storage_put(struct backend *b, const char *name, const void *data, size_t len,
                enum backend_put_mode mode, struct err *err);
int storage_get(struct backend *b, const char *name, uint64_t offset, void *out, size_t cap,
                size_t *len, struct err *err);
int storage_stat(struct backend *b, const char *name, struct backend_object *object,
                 struct err *err);
int storage_list(struct backend *b, const char *prefix, backend_visit *visit, void *arg,
                 struct err *err);
int storage_remove(struct backend *b, const char *name, struct err *err);
int storage_next_copy(struct backend *b, const char *name, struct err *err);
int storage_retain(struct backend *b, const char *name, struct err *err);
int storage_traits(struct backend *b, struct backend_traits *traits, struct err *err);

/* The whole object appended to out, whose cap it must not exceed: ERR_LIMIT. */
int storage_get_all(struct backend *b, const char *name, struct buf *out, struct err *err);

#endif
