/* trial_dump - what the kinds share whose store is one dump. */
#ifndef TRIAL_DUMP_H
#define TRIAL_DUMP_H

#include <limits.h>
#include <stddef.h>

#include "source/trial.h"

struct buf;
struct err;

/* Where the dump lies. ERR_INVALID. */
int trial_dump_path(const struct trial_options *o, char path[PATH_MAX], struct err *err);

/* What became of a load, by err and its rc: a statement that fails is a finding. */
int trial_dump_told(int rc, trial_found *found, void *arg, struct err *err);

/* Its length. ERR_* of files. */
int trial_dump_bytes(const char *path, long long *bytes, struct err *err);

#endif
