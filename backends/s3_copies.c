#include "s3_copies.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 8192 };   /* a vault read as of a past day has one for each of its objects */

struct copy {
	struct copy *next;
	char *version;
	char name[];
};

struct s3_copies {
	pthread_mutex_t lock;
	struct copy *buckets[BUCKETS];
};

struct s3_copies *s3_copies_new(void)
{
	struct s3_copies *c = calloc(1, sizeof *c);
	if (c)
		pthread_mutex_init(&c->lock, NULL);
	return c;
}

static void copy_free(struct copy *copy)
{
	if (copy)
		free(copy->version);
	free(copy);
}

void s3_copies_free(struct s3_copies *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while (c->buckets[i]) {
			struct copy *next = c->buckets[i]->next;
			copy_free(c->buckets[i]);
			c->buckets[i] = next;
		}
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static struct copy **find(struct s3_copies *c, const char *name)
{
	unsigned hash = 5381;
	for (const char *at = name; *at; at++)
		hash = hash * 33 + (unsigned char)*at;
	struct copy **at = &c->buckets[hash % BUCKETS];
	while (*at && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

char *s3_copies_get(struct s3_copies *c, const char *name, bool *known)
{
	pthread_mutex_lock(&c->lock);
	const struct copy *copy = *find(c, name);
	char *version = copy ? strdup(copy->version) : NULL;
	pthread_mutex_unlock(&c->lock);
	*known = copy != NULL;
	return version;
}

static struct copy *copy_new(const char *name, const char *version)
{
	struct copy *copy = calloc(1, sizeof *copy + strlen(name) + 1);
	if (!copy)
		return NULL;
	memcpy(copy->name, name, strlen(name) + 1);
	copy->version = strdup(version);
	if (copy->version)
		return copy;
	copy_free(copy);
	return NULL;
}

bool s3_copies_set(struct s3_copies *c, const char *name, const char *version)
{
	struct copy *fresh = copy_new(name, version);
	if (!fresh)
		return false;
	pthread_mutex_lock(&c->lock);
	struct copy **at = find(c, name), *old = *at;
	fresh->next = old ? old->next : NULL;
	*at = fresh;
	pthread_mutex_unlock(&c->lock);
	copy_free(old);
	return true;
}

void s3_copies_drop(struct s3_copies *c, const char *name)
{
	pthread_mutex_lock(&c->lock);
	struct copy **at = find(c, name), *old = *at;
	if (old)
		*at = old->next;
	pthread_mutex_unlock(&c->lock);
	copy_free(old);
}
