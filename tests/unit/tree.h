/* tree - for tests of sources and sinks: record a store in memory, play it into a sink, compare two
 * folder trees in everything that a restore should bring back. */
#ifndef TREE_H
#define TREE_H

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "holdfast/err.h"
#include "holdfast/source.h"

enum { TREE_BLOCK = 1 << 18, TREE_XATTRS = 1 << 16 };

struct tree_entry {
	struct source_entry entry;   /* path and extra are owned */
	uint8_t *data;
	size_t len;
};

struct tree {
	struct tree_entry *entries;
	size_t n;
	char facts[4096];
};

static inline void *tree_copy(const void *p, size_t len)
{
	char *copy = malloc(len + 1);
	if (!copy)
		abort();
	if (len)
		memcpy(copy, p, len);
	copy[len] = '\0';
	return copy;
}

static inline void tree_drop(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free((char *)(uintptr_t)t->entries[i].entry.path);
		free((char *)(uintptr_t)t->entries[i].entry.extra);
		free(t->entries[i].data);
	}
	free(t->entries);
	*t = (struct tree){ 0 };
}

static inline struct tree_entry *tree_add(struct tree *t, const struct source_entry *entry)
{
	t->entries = realloc(t->entries, (t->n + 1) * sizeof *t->entries);
	if (!t->entries)
		abort();
	struct tree_entry *e = &t->entries[t->n++];
	*e = (struct tree_entry){ .entry = *entry };
	e->entry.path = tree_copy(entry->path, strlen(entry->path));
	e->entry.extra = entry->extra ? tree_copy(entry->extra, entry->extra_len) : NULL;
	return e;
}

static inline int tree_read(struct source *s, struct tree_entry *e, struct err *err)
{
	for (size_t got = 1; got > 0; e->len += got) {
		e->data = realloc(e->data, e->len + TREE_BLOCK);
		if (!e->data)
			abort();
		if (s->ops->read(s, e->data + e->len, TREE_BLOCK, &got, err) != 0)
			return err->code;
	}
	return 0;
}

static inline int tree_record_from(struct tree *t, struct source *s, struct err *err)
{
	struct source_entry entry;
	struct source_facts facts;
	char stamp[SOURCE_STAMP_MAX];
	int rc = s->ops->begin(s, err);
	while (rc == 0 && (rc = s->ops->next(s, &entry, err)) > 0)
		rc = tree_read(s, tree_add(t, &entry), err);
	if (rc == 0)
		rc = s->ops->end(s, &facts, stamp, err);
	if (rc == 0)
		snprintf(t->facts, sizeof t->facts, "%s", facts.json);
	return rc;
}

/* The whole store, entry by entry, with its facts. */
static inline int tree_record(struct tree *t, const struct source_options *options, struct err *err)
{
	*t = (struct tree){ 0 };
	struct source *s = source_open(options, err);
	if (!s)
		return err->code;
	int rc = tree_record_from(t, s, err);
	source_free(s);
	return rc;
}

/* Never NULL: a test that asks for what is not there ends. */
static inline struct tree_entry *tree_find(const struct tree *t, const char *path)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->entries[i].entry.path, path) == 0)
			return &t->entries[i];
	fprintf(stderr, "%s: not recorded\n", path);
	abort();
}

static inline int tree_play_one(const struct tree_entry *e, struct sink *k, struct err *err)
{
	int rc = k->ops->entry(k, &e->entry, err);
	for (size_t at = 0; rc == 0 && at < e->len; at += TREE_BLOCK)
		rc = k->ops->data(k, e->data + at, e->len - at < TREE_BLOCK ? e->len - at : TREE_BLOCK, err);
	return rc;
}

/* Everything into the sink, which is closed and freed. */
static inline int tree_play(const struct tree *t, struct sink *k, struct err *err)
{
	if (!k)
		return err->code;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < t->n; i++)
		rc = tree_play_one(&t->entries[i], k, err);
	if (rc == 0)
		rc = k->ops->close(k, err);
	sink_free(k);
	return rc;
}

static inline bool tree_differs(const char *name, const char *what)
{
	fprintf(stderr, "%s: %s differs\n", name, what);
	return false;
}

static inline bool tree_same_data(int a, int b)
{
	static char x[TREE_BLOCK], y[TREE_BLOCK];
	for (;;) {
		ssize_t n = read(a, x, sizeof x), m = read(b, y, sizeof y);
		if (n < 0 || n != m || memcmp(x, y, (size_t)n) != 0)
			return false;
		if (n == 0)
			return true;
	}
}

static inline bool tree_same_xattrs(const char *a, const char *b)
{
	static char names[TREE_XATTRS], others[TREE_XATTRS], x[TREE_XATTRS], y[TREE_XATTRS];
	ssize_t n = llistxattr(a, names, sizeof names), m = llistxattr(b, others, sizeof others);
	if (n != m)
		return false;
	for (const char *name = names; name < names + n; name += strlen(name) + 1) {
		ssize_t p = lgetxattr(a, name, x, sizeof x), q = lgetxattr(b, name, y, sizeof y);
		if (p < 0 || p != q || memcmp(x, y, (size_t)p) != 0)
			return false;
	}
	return true;
}

static inline bool tree_same_link(int a, int b, const char *name)
{
	char x[4096], y[4096];
	ssize_t n = readlinkat(a, name, x, sizeof x), m = readlinkat(b, name, y, sizeof y);
	return n == m && n >= 0 && memcmp(x, y, (size_t)n) == 0;
}

/* Sparse stays sparse: a few blocks more are the file system's own. */
static inline bool tree_same_stat(const char *name, const struct stat *x, const struct stat *y)
{
	if (x->st_mode != y->st_mode)
		return tree_differs(name, "mode");
	if (x->st_uid != y->st_uid || x->st_gid != y->st_gid)
		return tree_differs(name, "owner");
	if (x->st_mtim.tv_sec != y->st_mtim.tv_sec || x->st_mtim.tv_nsec != y->st_mtim.tv_nsec)
		return tree_differs(name, "time");
	if (x->st_nlink != y->st_nlink)
		return tree_differs(name, "link count");
	if (S_ISREG(x->st_mode) && (x->st_size != y->st_size || y->st_blocks > x->st_blocks + 64))
		return tree_differs(name, "size");
	if ((S_ISCHR(x->st_mode) || S_ISBLK(x->st_mode)) && x->st_rdev != y->st_rdev)
		return tree_differs(name, "device");
	return true;
}

static inline bool tree_same_folder(int a, int b);

static inline bool tree_same(int a, int b, const char *name)
{
	struct stat x, y;
	char pa[NAME_MAX + 64], pb[NAME_MAX + 64];
	snprintf(pa, sizeof pa, "/proc/self/fd/%d/%s", a, name);
	snprintf(pb, sizeof pb, "/proc/self/fd/%d/%s", b, name);
	if (fstatat(a, name, &x, AT_SYMLINK_NOFOLLOW) != 0 ||
	    fstatat(b, name, &y, AT_SYMLINK_NOFOLLOW) != 0)
		return tree_differs(name, "presence");
	if (!tree_same_stat(name, &x, &y))
		return false;
	if (!tree_same_xattrs(pa, pb))
		return tree_differs(name, "extended attributes");
	if (S_ISLNK(x.st_mode) && !tree_same_link(a, b, name))
		return tree_differs(name, "target");
	if (!S_ISREG(x.st_mode) && !S_ISDIR(x.st_mode))
		return true;
	int fa = openat(a, name, O_RDONLY), fb = openat(b, name, O_RDONLY);
	bool same = fa >= 0 && fb >= 0 &&
	            (S_ISDIR(x.st_mode) ? tree_same_folder(fa, fb) : tree_same_data(fa, fb));
	close(fa);
	close(fb);
	return same || (S_ISREG(x.st_mode) && tree_differs(name, "contents"));
}

static inline size_t tree_count(int fd)
{
	size_t n = 0;
	DIR *d = fdopendir(openat(fd, ".", O_RDONLY | O_DIRECTORY));
	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static inline bool tree_same_folder(int a, int b)
{
	if (tree_count(a) != tree_count(b))
		return tree_differs("folder", "number of names");
	bool same = true;
	DIR *d = fdopendir(openat(a, ".", O_RDONLY | O_DIRECTORY));
	for (const struct dirent *e; same && d && (e = readdir(d));)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			same = tree_same(a, b, e->d_name);
	if (d)
		closedir(d);
	return same && d;
}

/* True if both folders and all below agree; says on stderr what does not. */
static inline bool tree_equal(const char *a, const char *b)
{
	int fa = open(a, O_RDONLY | O_DIRECTORY), fb = open(b, O_RDONLY | O_DIRECTORY);
	bool same = fa >= 0 && fb >= 0 && tree_same(fa, fb, ".");
	close(fa);
	close(fb);
	return same;
}

#endif
