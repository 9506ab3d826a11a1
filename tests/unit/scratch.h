/* scratch - a folder of one's own for a test. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { SCRATCH_MAX = 200 };

/* Makes the folder and writes its path. False if that cannot be done. */
static inline bool scratch_make(char path[SCRATCH_MAX])
{
	const char *under = getenv("TMPDIR");
	snprintf(path, SCRATCH_MAX, "%.150s/holdfast-test-XXXXXX", under ? under : "/tmp");
	return mkdtemp(path) != NULL;
}

static inline int scratch_drop(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static inline int scratch_remove(const char *path)
{
	return nftw(path, scratch_drop, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

#endif
