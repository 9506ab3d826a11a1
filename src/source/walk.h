/*
 * walk - the names in a folder tree: parents first, siblings in byte order, never through a
 * symbolic link. Works on descriptors, so that a path longer than PATH_MAX or a folder that is
 * exchanged meanwhile leads nowhere else; at most a few dozen are open however deep the tree.
 */
#ifndef WALK_H
#define WALK_H

struct err;
struct walk;

/* NULL with ERR_NOMEM. */
struct walk *walk_new(void);
void walk_free(struct walk *w);

/*
 * Go into the folder that is open as fd (it then belongs to the walk, also on failure): the root
 * the first time, later the folder that walk_next has just named. ERR_IO, ERR_NOMEM.
 */
int walk_enter(struct walk *w, int fd, struct err *err);

/* 1: the next name; 0: no more. ERR_SOURCE if a folder was moved away meanwhile, ERR_LIMIT for a
 * path that is too long, ERR_IO. */
int walk_next(struct walk *w, struct err *err);

/* Of the name that walk_next gave: its path below the root, its last part, and the open folder that
 * holds it. Valid until the next call. */
const char *walk_path(const struct walk *w);
const char *walk_name(const struct walk *w);
int walk_folder(const struct walk *w);

#endif
