/*
 * pages - a store that lives in memory: page files that a test changes at will, behind a source
 * driver of type "pages". source_options.path is the name under which the store is known.
 */
#ifndef PAGES_H
#define PAGES_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "holdfast/err.h"
#include "holdfast/source.h"

enum { PAGES_FILES = 128, PAGES_STORES = 8, PAGES_NAME = 40, PAGES_STORE_NAME = 300 };

struct pages_file {
	char path[PAGES_NAME];
	uint32_t page_bytes;
	uint8_t *bytes;
	size_t len;
	int64_t mtime_ns;
};

/* The files of one moment, sorted by path. */
struct pages_image {
	struct pages_file files[PAGES_FILES];
	size_t n;
};

struct pages_store {
	char name[PAGES_STORE_NAME];
	struct pages_image now;
	unsigned long version;       /* pages_touch: what the stamp tells; 0: no stamp */
	unsigned long fail_read;     /* this read fails, from 1; 0: none */
	unsigned long reads;         /* since begin */
	void (*on_read)(void *arg);  /* in the middle of a backup; may be NULL */
	void *arg;
};

static struct pages_store *pages_stores[PAGES_STORES];

/* ---- images ---- */

static inline void pages_clear(struct pages_image *i)
{
	for (size_t k = 0; k < i->n; k++)
		free(i->files[k].bytes);
	i->n = 0;
}

/* An exact allocation, so that a sanitizer sees whoever reads too far. */
static inline bool pages_resize(struct pages_file *f, size_t len)
{
	uint8_t *bytes = realloc(f->bytes, len ? len : 1);
	if (!bytes)
		return false;
	if (len > f->len)
		memset(bytes + f->len, 0, len - f->len);
	f->bytes = bytes;
	f->len = len;
	return true;
}

static inline struct pages_file *pages_find(struct pages_image *i, const char *path)
{
	for (size_t k = 0; k < i->n; k++)
		if (strcmp(i->files[k].path, path) == 0)
			return &i->files[k];
	return NULL;
}

static inline struct pages_file *pages_add(struct pages_image *i, const char *path,
                                           uint32_t page_bytes, size_t len)
{
	size_t at = 0;
	if (i->n == PAGES_FILES)
		return NULL;
	while (at < i->n && strcmp(i->files[at].path, path) < 0)
		at++;
	memmove(&i->files[at + 1], &i->files[at], (i->n - at) * sizeof i->files[0]);
	i->n++;
	struct pages_file *f = &i->files[at];
	*f = (struct pages_file){ .page_bytes = page_bytes, .mtime_ns = 1 };
	snprintf(f->path, sizeof f->path, "%s", path);
	return pages_resize(f, len) ? f : NULL;
}

static inline void pages_remove(struct pages_image *i, size_t at)
{
	free(i->files[at].bytes);
	i->n--;
	memmove(&i->files[at], &i->files[at + 1], (i->n - at) * sizeof i->files[0]);
}

static inline bool pages_copy(struct pages_image *to, const struct pages_image *from)
{
	to->n = 0;
	for (size_t k = 0; k < from->n; k++) {
		const struct pages_file *f = &from->files[k];
		struct pages_file *copy = pages_add(to, f->path, f->page_bytes, f->len);
		if (!copy)
			return false;
		if (f->len)
			memcpy(copy->bytes, f->bytes, f->len);
		copy->mtime_ns = f->mtime_ns;
	}
	return true;
}

/* NULL if equal, else what is not. */
static inline const char *pages_unlike(const struct pages_image *a, const struct pages_image *b)
{
	if (a->n != b->n)
		return "another number of files";
	for (size_t k = 0; k < a->n; k++) {
		const struct pages_file *x = &a->files[k], *y = &b->files[k];
		if (strcmp(x->path, y->path) != 0)
			return "other files";
		if (x->len != y->len)
			return "another length";
		if (x->len && memcmp(x->bytes, y->bytes, x->len) != 0)
			return "other bytes";
		if (x->page_bytes != y->page_bytes || x->mtime_ns != y->mtime_ns)
			return "other metadata";
	}
	return NULL;
}

/* Bytes that repeat for each value; 0 are zeros. */
static inline void pages_fill(uint8_t *to, size_t len, uint64_t value)
{
	uint64_t x = value * UINT64_C(0x9e3779b97f4a7c15);
	for (size_t at = 0; at < len; at += 8)
		memcpy(to + at, &x, len - at < 8 ? len - at : 8);
}

/* Bytes that do not compress. */
static inline void pages_noise(uint8_t *to, size_t len, uint64_t seed)
{
	uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	for (size_t at = 0; at < len; at += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(to + at, &x, len - at < 8 ? len - at : 8);
	}
}

/* ---- the driver ---- */

struct pages_source {
	struct source base;
	struct pages_store *store;
	const struct pages_file *file;
	size_t next, at;
};

static inline struct pages_store **pages_slot(const char *name)
{
	for (size_t i = 0; i < PAGES_STORES; i++)
		if (name ? pages_stores[i] && strcmp(pages_stores[i]->name, name) == 0
		         : !pages_stores[i])
			return &pages_stores[i];
	return NULL;
}

extern const struct source_ops pages_ops;

static struct source *pages_open(const struct source_options *o, struct err *err)
{
	struct pages_store **slot = o->path ? pages_slot(o->path) : NULL;
	struct pages_source *s = slot ? calloc(1, sizeof *s) : NULL;
	if (!s) {
		err_set(err, ERR_ABSENT, "%s: no such store of pages", o->name);
		return NULL;
	}
	s->base.ops = &pages_ops;
	s->store = *slot;
	return &s->base;
}

static void pages_free(struct source *s) { free(s); }

static int pages_stamp(struct source *s, char stamp[SOURCE_STAMP_MAX], struct err *err)
{
	const struct pages_store *t = ((struct pages_source *)s)->store;
	(void)err;
	stamp[0] = '\0';
	if (t->version)
		snprintf(stamp, SOURCE_STAMP_MAX, "version %lu", t->version);
	return 0;
}

static int pages_begin(struct source *s, struct err *err)
{
	(void)err;
	((struct pages_source *)s)->store->reads = 0;
	return 0;
}

static int pages_next(struct source *s, struct source_entry *e, struct err *err)
{
	struct pages_source *p = (struct pages_source *)s;
	(void)err;
	if (p->next == p->store->now.n)
		return 0;
	p->file = &p->store->now.files[p->next++];
	p->at = 0;
	*e = (struct source_entry){ .path = p->file->path, .page_bytes = p->file->page_bytes,
	                            .length_bytes = p->file->len, .mode = S_IFREG | 0600,
	                            .mtime_ns = p->file->mtime_ns };
	return 1;
}

static int pages_read(struct source *s, void *out, size_t cap, size_t *len, struct err *err)
{
	struct pages_source *p = (struct pages_source *)s;
	if (p->store->on_read)
		p->store->on_read(p->store->arg);
	if (++p->store->reads == p->store->fail_read)
		return err_set(err, ERR_SOURCE, "%s: this read was made to fail", p->file->path);
	size_t left = p->file->len - p->at;
	*len = left < cap ? left : cap;
	memcpy(out, p->file->bytes + p->at, *len);
	p->at += *len;
	return 0;
}

static int pages_reread(struct source *s, uint64_t offset, void *out, size_t len, struct err *err)
{
	(void)s, (void)offset, (void)out, (void)len;
	return err_set(err, ERR_INVALID, "pages cannot go back");
}

static int pages_end(struct source *s, struct source_facts *facts, char stamp[SOURCE_STAMP_MAX],
                     struct err *err)
{
	facts->json = "{\"engine\":\"pages\"}";
	return pages_stamp(s, stamp, err);
}

static int pages_settle(const struct settle_request *r, struct err *err)
{
	return rename(r->temporary, r->target) == 0 ? 0 : err_sys(err, "%s", r->target);
}

static struct sink *pages_restore(const struct source_options *o, const char *dir, bool overwrite,
                                  struct err *err)
{
	(void)o, (void)dir, (void)overwrite;
	err_set(err, ERR_INVALID, "pages are page files");
	return NULL;
}

const struct source_ops pages_ops = {
	.type = "pages",
	.open = pages_open,
	.free = pages_free,
	.stamp = pages_stamp,
	.begin = pages_begin,
	.next = pages_next,
	.read = pages_read,
	.reread = pages_reread,
	.end = pages_end,
	.settle = pages_settle,
	.restore = pages_restore,
};

/* Make the store known under its name; it stays the caller's. */
static inline bool pages_begin_store(struct pages_store *s, const char *name)
{
	struct err err;
	struct pages_store **slot = pages_slot(NULL);
	if (!slot || (!source_driver("pages") && source_register(&pages_ops, &err) != 0))
		return false;
	snprintf(s->name, sizeof s->name, "%s", name);
	*slot = s;
	return true;
}

static inline void pages_end_store(struct pages_store *s)
{
	struct pages_store **slot = pages_slot(s->name);
	if (slot)
		*slot = NULL;
	pages_clear(&s->now);
}

/* ---- taking files back ---- */

struct pages_sink {
	struct sink base;
	struct pages_image *image;
	struct pages_file *file;
	bool closed;
};

static int pages_sink_entry(struct sink *k, const struct source_entry *e, struct err *err)
{
	struct pages_sink *p = (struct pages_sink *)k;
	p->file = pages_add(p->image, e->path, e->page_bytes, e->length_bytes);
	if (!p->file)
		return err_set(err, ERR_NOMEM, "no room for %s", e->path);
	p->file->mtime_ns = e->mtime_ns;
	p->file->len = 0;   /* grows with what arrives */
	return 0;
}

static int pages_sink_data(struct sink *k, const void *data, size_t len, struct err *err)
{
	struct pages_sink *p = (struct pages_sink *)k;
	size_t at = p->file->len;
	if (!pages_resize(p->file, at + len))
		return err_no_memory(err);
	memcpy(p->file->bytes + at, data, len);
	return 0;
}

static int pages_sink_close(struct sink *k, struct err *err)
{
	(void)err;
	((struct pages_sink *)k)->closed = true;
	return 0;
}

static void pages_sink_free(struct sink *k) { (void)k; }

static const struct sink_ops pages_sink_ops = { pages_sink_entry, pages_sink_data,
                                                pages_sink_close, pages_sink_free };

static inline struct pages_sink pages_sink_to(struct pages_image *image)
{
	return (struct pages_sink){ .base = { &pages_sink_ops }, .image = image };
}

#endif
