/*
 * target - the file that a page file is restored into, until it is complete.
 *
 * FOLDER/.NAME.holdfast-<snapshot> is written, FOLDER/.NAME.holdfast-<snapshot>.done tells how many
 * bytes of it are good. An interrupted restore of the same snapshot finds both and goes on; that the
 * kept bytes are right is proved by the file's sum like that of all others.
 */
#ifndef TARGET_H
#define TARGET_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"

struct err;

struct target {
	char path[PATH_MAX], part[PATH_MAX], done[PATH_MAX];
	int fd;
	bool direct;               /* fd is open with O_DIRECT */
	uint64_t length;
	uint64_t kept;             /* bytes of an earlier attempt that are kept */
	uint64_t noted;            /* last value written to `done` */
};

/* Opens or continues. Checks for ERR_EXISTS (the final file is there and !overwrite) and ERR_SPACE
 * before anything is written. */
struct target *target_open(const char *folder, const char *name, const char *snapshot,
                           uint64_t length, bool overwrite, struct err *err);
/* Leaves the part in place. */
void target_free(struct target *t);
AUTO_FREE(target);

/* In order. data is 4096-aligned. */
int target_write(struct target *t, uint64_t offset, const uint8_t *data, size_t len,
                 struct err *err);
/* 1: data got the kept bytes of this region; 0: not kept. */
int target_reuse(struct target *t, uint64_t offset, uint8_t *data, size_t len, struct err *err);

/* fsync; then `part` may be put in place. */
int target_complete(struct target *t, struct err *err);
/* What was kept is wrong: begin anew next time. */
void target_discard(struct target *t);

#endif
