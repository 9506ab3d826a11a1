/* tree - a folder with all that is below it: how large, whose, gone. Never follows a symbolic link. */
#ifndef TREE_H
#define TREE_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

enum { TREE_DEPTH_MAX = 500 };

/* What its files take on the disk. What vanishes meanwhile is not counted. ERR_ABSENT, ERR_LIMIT
 * (deeper than TREE_DEPTH_MAX), ERR_DENIED, ERR_IO. */
int tree_usage(const char *path, uint64_t *bytes, struct err *err);

/* Give the folder and everything below to a user and group. As above. */
int tree_give(const char *path, uid_t uid, gid_t gid, struct err *err);

/* Where a folder is made that takes this path when it is whole: PATH.partial-RANDOM. Nobody can have meant
 * another one, so that it may be removed again. ERR_INVALID (too long), ERR_IO. */
int tree_partial(const char *path, char partial[PATH_MAX], struct err *err);

/* Remove the folder and everything below; what is absent already is no error. As above. */
int tree_remove(const char *path, struct err *err);

#endif
