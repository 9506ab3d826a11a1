/*
 * schedule_files - where timers and crontabs lie, written and removed without touching what is not ours.
 */
#ifndef SCHEDULE_FILES_H
#define SCHEDULE_FILES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct err;

enum schedule_file { SCHEDULE_SERVICE, SCHEDULE_TIMER, SCHEDULE_MAIL, SCHEDULE_CRON, SCHEDULE_FILES_N };

struct schedule_place {
	const char *root;   /* "" or a folder in place of / */
	bool user;          /* a user's own units; there is no crontab of that kind */
};

/* ERR_LIMIT, ERR_INVALID (no home). */
int schedule_file_path(const struct schedule_place *at, enum schedule_file which, char out[PATH_MAX],
                       struct err *err);

enum schedule_found { SCHEDULE_NONE, SCHEDULE_OURS, SCHEDULE_FOREIGN };
/* Is there a file, and did we write it? ERR_DENIED, ERR_IO. */
int schedule_file_look(const char *path, enum schedule_found *found, struct err *err);

/* ERR_EXISTS if there is a file that is not ours, unless `force`; *found is set then too. */
int schedule_file_check(const char *path, bool force, enum schedule_found *found, struct err *err);

/* Write it, mode 0644. ERR_EXISTS for one that is not ours, unless `force`. */
int schedule_file_write(const char *path, const void *text, size_t len, bool force, struct err *err);

/* Remove it if it is ours; *removed says so. ERR_EXISTS for one that is not, unless `force`. */
int schedule_file_remove(const char *path, bool force, bool *removed, struct err *err);

#endif
