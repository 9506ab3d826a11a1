#include "memory.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/scope.h"
#include "holdfast/backend.h"
#include "holdfast/err.h"

struct object {
	struct object *next;
	char *name;
	uint8_t *data;
	size_t len;
	int64_t time_s;
	unsigned long number;   /* of its put: no two contents have the same */
};

/* All handles of one name share it; it is never freed. */
struct shelf {
	struct shelf *next;
	char *name;
	struct object *objects;
};

struct memory {
	struct backend base;
	struct shelf *shelf;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;   /* over everything below */
static struct shelf *shelves;
static unsigned long put_count;

static void object_free(struct object *o)
{
	if (!o)
		return;
	free(o->name);
	free(o->data);
	free(o);
}
AUTO_FREE(object);

static struct object *object_new(const char *name, const void *data, size_t len)
{
	AUTO(object) o = calloc(1, sizeof *o);
	if (!o)
		return NULL;
	o->name = strdup(name);
	o->data = malloc(len ? len : 1);
	if (!o->name || !o->data)
		return NULL;
	if (len)
		memcpy(o->data, data, len);
	o->len = len;
	o->time_s = (int64_t)time(NULL);
	return TAKE(o);
}

static struct shelf *find_shelf(const char *name)
{
	struct shelf *s = shelves;
	while (s && strcmp(s->name, name) != 0)
		s = s->next;
	return s;
}

static struct shelf *add_shelf(const char *name)
{
	struct shelf *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->name = strdup(name);
	if (!s->name) {
		free(s);
		return NULL;
	}
	s->next = shelves;
	shelves = s;
	return s;
}

/* Where the object hangs, or the end of the list. */
static struct object **find(struct backend *b, const char *name)
{
	struct object **at = &((struct memory *)b)->shelf->objects;
	while (*at && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

static int absent(struct backend *b, struct err *err)
{
	return err_set(err, ERR_ABSENT, "no such object in memory://%s",
	               ((struct memory *)b)->shelf->name);
}

extern const struct backend_ops backend_memory;

static struct backend *memory_open(const struct backend_options *options, struct err *err)
{
	const char *location = options->location;
	struct memory *m = calloc(1, sizeof *m);
	pthread_mutex_lock(&lock);
	struct shelf *s = find_shelf(location);
	if (!s)
		s = add_shelf(location);
	pthread_mutex_unlock(&lock);
	if (!m || !s) {
		free(m);
		err_no_memory(err);
		return NULL;
	}
	m->base = (struct backend){ .ops = &backend_memory, .connections = 2 };
	m->shelf = s;
	return &m->base;
}

static void memory_free(struct backend *b)
{
	free(b);
}

static void set_tag(char tag[BACKEND_TAG_MAX], unsigned long number)
{
	snprintf(tag, BACKEND_TAG_MAX, "put-%lu", number);
}

static struct backend_object describe(const struct object *o, const char *name)
{
	struct backend_object out = { .name = name, .size_bytes = o->len, .time_s = o->time_s };
	set_tag(out.tag, o->number);
	return out;
}

static int memory_put(struct backend *b, const struct backend_put *put, char tag[BACKEND_TAG_MAX],
                      struct err *err)
{
	AUTO(object) o = object_new(put->name, put->data, put->len);
	if (!o)
		return err_set(err, ERR_NOMEM, "out of memory: %zu bytes", put->len);
	pthread_mutex_lock(&lock);
	struct object **at = find(b, put->name);
	struct object *old = *at;
	bool refused = old && put->mode == BACKEND_NEW;
	if (!refused) {
		o->number = ++put_count;
		if (tag)
			set_tag(tag, o->number);
		o->next = old ? old->next : NULL;
		*at = o;
		o = old;
	}
	pthread_mutex_unlock(&lock);
	return refused ? err_set(err, ERR_EXISTS, "is in the vault already") : 0;
}

static int memory_get(struct backend *b, const char *name, uint64_t offset, void *out, size_t cap,
                      size_t *len, struct err *err)
{
	pthread_mutex_lock(&lock);
	const struct object *o = *find(b, name);
	if (o) {
		size_t left = offset < o->len ? o->len - (size_t)offset : 0;
		*len = cap < left ? cap : left;
		if (*len)
			memcpy(out, o->data + offset, *len);
	}
	pthread_mutex_unlock(&lock);
	return o ? 0 : absent(b, err);
}

static int memory_stat(struct backend *b, const char *name, struct backend_object *object,
                       struct err *err)
{
	pthread_mutex_lock(&lock);
	const struct object *o = *find(b, name);
	if (o)
		*object = describe(o, name);
	pthread_mutex_unlock(&lock);
	return o ? 0 : absent(b, err);
}

static int memory_remove(struct backend *b, const char *name, struct err *err)
{
	pthread_mutex_lock(&lock);
	struct object **at = find(b, name);
	AUTO(object) o = *at;
	if (o)
		*at = o->next;
	pthread_mutex_unlock(&lock);
	return o ? 0 : absent(b, err);
}

static void objects_free(struct object *o)
{
	while (o) {
		struct object *next = o->next;
		object_free(o);
		o = next;
	}
}

/* Names, sizes and times of what begins with prefix, newest put first. False: out of memory. */
static bool copy_matching(struct backend *b, const char *prefix, struct object **copies)
{
	for (const struct object *o = ((struct memory *)b)->shelf->objects; o; o = o->next) {
		if (strncmp(o->name, prefix, strlen(prefix)) != 0)
			continue;
		struct object *copy = object_new(o->name, NULL, 0);
		if (!copy)
			return false;
		copy->len = o->len;
		copy->time_s = o->time_s;
		copy->number = o->number;
		copy->next = *copies;
		*copies = copy;
	}
	return true;
}

/* Visitors may call back into this driver: the lock is not held while they run. */
static int memory_list(struct backend *b, const char *prefix, backend_visit *visit, void *arg,
                       struct err *err)
{
	struct object *copies = NULL;
	pthread_mutex_lock(&lock);
	bool copied = copy_matching(b, prefix, &copies);
	pthread_mutex_unlock(&lock);
	int rc = copied ? 0 : err_no_memory(err);
	for (const struct object *o = copies; o && rc == 0; o = o->next) {
		struct backend_object seen = describe(o, o->name);
		rc = visit(arg, &seen, err);
	}
	objects_free(copies);
	return rc;
}

void memory_forget(const char *name)
{
	struct object *gone = NULL;
	pthread_mutex_lock(&lock);
	struct shelf *s = find_shelf(name);
	if (s) {
		gone = s->objects;
		s->objects = NULL;
	}
	pthread_mutex_unlock(&lock);
	objects_free(gone);
}

static int memory_next_copy(struct backend *b, const char *name, struct err *err)
{
	(void)name;
	return absent(b, err);
}

static int memory_retain(struct backend *b, const char *name, struct err *err)
{
	(void)b;
	(void)name;
	return err_set(err, ERR_INVALID, "memory cannot be locked");
}

static int memory_traits(struct backend *b, struct backend_traits *traits, struct err *err)
{
	(void)b;
	(void)err;
	traits->conditional = true;
	snprintf(traits->server, sizeof traits->server, "this process's memory");
	return 0;
}

const struct backend_ops backend_memory = {
	.scheme = "memory",
	.open = memory_open,
	.free = memory_free,
	.put = memory_put,
	.get = memory_get,
	.stat = memory_stat,
	.list = memory_list,
	.remove = memory_remove,
	.next_copy = memory_next_copy,
	.retain = memory_retain,
	.traits = memory_traits,
};
