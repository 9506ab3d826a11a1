/*
 * Invariants: frames[depth - 1].fd is open whenever depth > 0. Frames deeper down than OPEN_MAX
 * below the top have fd -1 and are opened again through ".." when the walk comes back to them, and
 * only if that leads to the same inode.
 */
#include "source/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "holdfast/err.h"
#include "holdfast/source.h"

enum { OPEN_MAX = 32, DEPTH_MAX = SOURCE_PATH_MAX / 2 };

struct frame {
	int fd;
	dev_t dev;
	ino_t ino;
	char **names;
	size_t n, at;
	size_t path_len;   /* of the folder's own path in walk.path */
};

struct walk {
	struct frame frames[DEPTH_MAX];
	size_t depth;
	const char *name;
	char path[SOURCE_PATH_MAX];
};

struct walk *walk_new(void) { return calloc(1, sizeof(struct walk)); }

static void frame_clear(struct frame *f)
{
	io_drop(&f->fd);
	for (size_t i = 0; i < f->n; i++)
		free(f->names[i]);
	free(f->names);
	*f = (struct frame){ .fd = -1 };
}

void walk_free(struct walk *w)
{
	if (!w)
		return;
	while (w->depth > 0)
		frame_clear(&w->frames[--w->depth]);
	free(w);
}

static int add_name(struct frame *f, size_t *cap, const char *name, struct err *err)
{
	if (f->n == *cap) {
		size_t grown = *cap ? *cap * 2 : 16;
		char **names = reallocarray(f->names, grown, sizeof *names);
		if (!names)
			return err_no_memory(err);
		f->names = names;
		*cap = grown;
	}
	f->names[f->n] = strdup(name);
	if (!f->names[f->n])
		return err_no_memory(err);
	f->n++;
	return 0;
}

static int list_names(struct frame *f, DIR *dir, struct err *err)
{
	size_t cap = 0;
	for (;;) {
		errno = 0;
		const struct dirent *d = readdir(dir);
		if (!d)
			return errno ? err_sys(err, "list folder") : 0;
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (add_name(f, &cap, d->d_name, err) != 0)
			return err->code;
	}
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_folder(struct frame *f, struct err *err)
{
	struct stat st;
	if (fstat(f->fd, &st) != 0)
		return err_sys(err, "stat folder");
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	/* closedir closes its descriptor, and the walk needs one for openat */
	IO_AUTO_FD copy = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir)
		return err_sys(err, "open folder");
	copy = -1;
	rewinddir(dir);
	int rc = list_names(f, dir, err);
	closedir(dir);
	if (f->n > 1)
		qsort(f->names, f->n, sizeof *f->names, compare_names);
	return rc;
}

int walk_enter(struct walk *w, int fd, struct err *err)
{
	struct frame f = { .fd = fd, .path_len = strlen(w->path) };
	int rc = w->depth < DEPTH_MAX ? read_folder(&f, err)
	                              : err_set(err, ERR_LIMIT, "folders too deep");
	if (rc != 0) {
		frame_clear(&f);
		return err_wrap(err, "%.400s", w->path);
	}
	if (w->depth >= OPEN_MAX)
		io_drop(&w->frames[w->depth - OPEN_MAX].fd);
	w->frames[w->depth++] = f;
	return 0;
}

static int reopen(struct walk *w, struct frame *parent, int child_fd, struct err *err)
{
	struct stat st;
	IO_AUTO_FD fd = openat(child_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		return err_sys(err, "%.400s: folder above", w->path);
	if (st.st_dev != parent->dev || st.st_ino != parent->ino)
		return err_set(err, ERR_SOURCE, "%.400s: the folder was moved while it was read",
		               w->path);
	parent->fd = fd;
	fd = -1;
	return 0;
}

static int leave(struct walk *w, struct err *err)
{
	struct frame *f = &w->frames[w->depth - 1];
	w->path[f->path_len] = '\0';
	if (w->depth > 1 && f[-1].fd < 0 && reopen(w, &f[-1], f->fd, err) != 0)
		return err->code;
	frame_clear(f);
	w->depth--;
	return 0;
}

int walk_next(struct walk *w, struct err *err)
{
	while (w->depth > 0 && w->frames[w->depth - 1].at == w->frames[w->depth - 1].n)
		if (leave(w, err) != 0)
			return err->code;
	if (w->depth == 0)
		return 0;

	struct frame *f = &w->frames[w->depth - 1];
	const char *name = f->names[f->at];
	size_t room = sizeof w->path - f->path_len;
	int n = snprintf(w->path + f->path_len, room, "%s%s", f->path_len ? "/" : "", name);
	if (n < 0 || (size_t)n >= room) {
		w->path[f->path_len] = '\0';
		return err_set(err, ERR_LIMIT, "%.400s/...: path of more than %d bytes", w->path,
		               SOURCE_PATH_MAX - 1);
	}
	f->at++;
	w->name = name;
	return 1;
}

const char *walk_path(const struct walk *w) { return w->path; }
const char *walk_name(const struct walk *w) { return w->name; }
int walk_folder(const struct walk *w) { return w->frames[w->depth - 1].fd; }
