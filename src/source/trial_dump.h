/* trial_dump - what the kinds share whose store is one dump. */
#ifndef TRIAL_DUMP_H
#define TRIAL_DUMP_H

#include <limits.h>
#include <stddef.h>

struct buf;
struct err;
struct trial_options;

/* Where the dump lies. ERR_INVALID. */
int trial_dump_path(const struct trial_options *o, char path[PATH_MAX], struct err *err);

/* Its length. ERR_* of files. */
int trial_dump_bytes(const char *path, long long *bytes, struct err *err);

#endif
