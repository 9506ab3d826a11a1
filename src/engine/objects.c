#include "engine/objects.h"

#include <stdlib.h>
#include <string.h>

#include "holdfast/err.h"
#include "vault/storage.h"

static int add(void *arg, const struct backend_object *object, struct err *err)
{
	struct objects *o = arg;
	if (o->n == o->cap) {
		size_t cap = o->cap ? o->cap * 2 : 64;
		struct object_entry *grown = realloc(o->list, cap * sizeof *grown);
		if (!grown)
			return err_no_memory(err);
		o->list = grown;
		o->cap = cap;
	}
	struct object_entry *e = &o->list[o->n];
	*e = (struct object_entry){ strdup(object->name), object->size_bytes };
	if (!e->name)
		return err_no_memory(err);
	o->n++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct object_entry *)a)->name, ((const struct object_entry *)b)->name);
}

struct objects *objects_list(struct backend *b, const char *prefix, struct err *err)
{
	AUTO(objects) o = calloc(1, sizeof *o);
	if (!o) {
		err_no_memory(err);
		return NULL;
	}
	if (storage_list(b, prefix, add, o, err) != 0)
		return NULL;
	if (o->n)
		qsort(o->list, o->n, sizeof *o->list, by_name);
	return TAKE(o);
}

void objects_free(struct objects *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->n; i++)
		free(o->list[i].name);
	free(o->list);
	free(o);
}

const struct object_entry *objects_find(const struct objects *o, const char *name)
{
	const struct object_entry key = { .name = (char *)(uintptr_t)name };
	return o->n ? bsearch(&key, o->list, o->n, sizeof *o->list, by_name) : NULL;
}
