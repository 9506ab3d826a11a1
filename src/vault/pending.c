#include "vault/pending.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/io.h"
#include "holdfast/err.h"
#include "vault/tlog.h"

struct pending {
	int fd;
	char path[PATH_MAX];
};

enum { LINE_MAX_BYTES = 256 };

static int runs_dir(const struct vault *v, char out[PATH_MAX], struct err *err)
{
	return tlog_state_path(v, "runs", out, PATH_MAX, err) != 0 || io_make_dirs(out, 0700, err) != 0
	     ? err->code : 0;
}

struct pending *pending_begin(const struct vault *v, const uint8_t run[16], struct err *err)
{
	char dir[PATH_MAX], hex[33];
	AUTO(pending) p = calloc(1, sizeof *p);
	if (!p) {
		err_no_memory(err);
		return NULL;
	}
	p->fd = -1;
	if (runs_dir(v, dir, err) != 0)
		return NULL;
	if (snprintf(p->path, sizeof p->path, "%s/%s", dir, hex_encode(hex, run, 16)) >= PATH_MAX) {
		err_set(err, ERR_LIMIT, "path is too long: %.100s...", dir);
		return NULL;
	}
	p->fd = open(p->path, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (p->fd < 0 || flock(p->fd, LOCK_EX | LOCK_NB) != 0) {
		err_sys(err, "%s", p->path);
		return NULL;
	}
	return TAKE(p);
}

int pending_add(struct pending *p, const struct entry_item *item, struct err *err)
{
	struct entry_item one = *item;
	AUTO(buf) line = buf_new(LINE_MAX_BYTES, err);
	if (!line || entry_items_encode(&one, 1, line, err) != 0)
		return err->code;
	/* one write: lines of several threads do not mix */
	return io_write(p->fd, line->bytes, line->len, err) == 0 ? 0 : err_wrap(err, "%s", p->path);
}

void pending_done(struct pending *p)
{
	unlink(p->path);
}

int pending_keep(struct pending *p, const struct entry_item *items, size_t n, struct err *err)
{
	int rc = ftruncate(p->fd, 0) == 0 && lseek(p->fd, 0, SEEK_SET) == 0 ? 0 : err_sys(err, "%s", p->path);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = pending_add(p, &items[i], err);
	return rc;
}

void pending_free(struct pending *p)
{
	struct err ignored;
	if (!p)
		return;
	/* nothing was put: nothing is left */
	if (p->fd >= 0 && lseek(p->fd, 0, SEEK_END) == 0)
		unlink(p->path);
	io_close(&p->fd, &ignored);
	free(p);
}

/* ---- what others left ---- */

static int add_line(struct pending_left *l, const char *line, size_t len, struct err *err)
{
	struct entry_item *one, *grown;
	struct err torn;
	size_t n;
	/* the last line of a machine that lost power may be torn */
	if (entry_items_decode(&one, &n, (const uint8_t *)line, len, &torn) != 0)
		return torn.code == ERR_NOMEM ? err_no_memory(err) : 0;
	grown = reallocarray(l->items, l->n + 1, sizeof *grown);
	if (grown) {
		l->items = grown;
		grown[l->n++] = *one;
	}
	free(one);
	return grown ? 0 : err_no_memory(err);
}

static int read_lines(struct pending_left *l, const char *path, struct err *err)
{
	AUTO(buf) b = buf_new(ENTRY_LIST_MAX, err);
	if (!b || io_read_file(path, b, err) != 0)
		return err->code;
	for (size_t at = 0; at < b->len;) {
		const char *line = (const char *)b->bytes + at;
		const char *end = memchr(line, '\n', b->len - at);
		size_t len = end ? (size_t)(end - line) + 1 : b->len - at;
		if (add_line(l, line, len, err) != 0)
			return err->code;
		at += len;
	}
	return 0;
}

static int add_file(struct pending_left *l, int fd, const char *name, struct err *err)
{
	int *fds = reallocarray(l->fds, l->n_files + 1, sizeof *fds);
	if (fds)
		l->fds = fds;
	char (*names)[33] = reallocarray(l->names, l->n_files + 1, sizeof *names);
	if (names)
		l->names = names;
	if (!fds || !names) {
		io_drop(&fd);
		return err_no_memory(err);
	}
	fds[l->n_files] = fd;
	snprintf(names[l->n_files++], sizeof *names, "%.32s", name);
	return 0;
}

static int take_over(struct pending_left *l, const char *name, struct err *err)
{
	char path[PATH_MAX];
	uint8_t id[16];
	if (!hex_decode(id, 16, name))
		return 0;
	snprintf(path, sizeof path, "%s/%.32s", l->dir, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(err, "%s", path);
	/* its run is under way */
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		io_drop(&fd);
		return 0;
	}
	return add_file(l, fd, name, err) == 0 ? read_lines(l, path, err) : err->code;
}

struct pending_left *pending_left(const struct vault *v, struct err *err)
{
	char dir[PATH_MAX];
	AUTO(pending_left) l = calloc(1, sizeof *l);
	if (l && runs_dir(v, dir, err) != 0)
		return NULL;
	if (!l || !(l->dir = strdup(dir))) {
		err_no_memory(err);
		return NULL;
	}
	int rc = 0;
	DIR *d = opendir(dir);
	if (!d) {
		err_sys(err, "%s", dir);
		return NULL;
	}
	for (struct dirent *e; rc == 0 && (e = readdir(d));)
		rc = take_over(l, e->d_name, err);
	closedir(d);
	return rc == 0 ? TAKE(l) : NULL;
}

void pending_left_done(struct pending_left *l)
{
	char path[PATH_MAX];
	for (size_t i = 0; i < l->n_files; i++) {
		snprintf(path, sizeof path, "%s/%.32s", l->dir, l->names[i]);
		unlink(path);
	}
}

void pending_left_free(struct pending_left *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n_files; i++)
		io_drop(&l->fds[i]);
	free(l->items);
	free(l->fds);
	free(l->names);
	free(l->dir);
	free(l);
}
