/* objects - names and sizes of what lies below a prefix, sorted by name. */
#ifndef OBJECTS_H
#define OBJECTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"

struct backend;
struct err;

struct object_entry {
	char *name;
	uint64_t size;
};

struct objects {
	struct object_entry *list;
	size_t n, cap;
};

/* NULL with ERR_NOMEM, storage errors. */
struct objects *objects_list(struct backend *b, const char *prefix, struct err *err);
void objects_free(struct objects *o);
AUTO_FREE(objects);

/* NULL if it is not there. */
const struct object_entry *objects_find(const struct objects *o, const char *name);

#endif
