/*
 * fleet - a store whose path is a pattern: one store per matching file.
 *
 * `path = /srv/tenants/<star>.db` with `name = tenants/{stem}`. Files ending in -wal, -shm and
 * -journal are skipped; {stem} is the file name without its last extension, {name} the file name,
 * {parent} its folder's name. What matched at the last completed run is kept in the state
 * directory, so that vanished files are noticed.
 */
#ifndef HOLDFAST_FLEET_H
#define HOLDFAST_FLEET_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct vault;

struct fleet_member { char *name, *path; };
struct fleet {
	struct fleet_member *members;   /* sorted by name */
	size_t n;
	char **vanished;                /* names that were there at the last run */
	size_t n_vanished;
};

/* Is this path a pattern? */
bool fleet_is_pattern(const char *path);

/* Expand. `section` names the fleet's own record in the state. NULL with ERR_SOURCE (nothing
 * matches), ERR_INVALID (two files give one name, or a name is not allowed), ERR_IO. */
struct fleet *fleet_expand(struct vault *v, const char *section, const char *pattern,
                           const char *name_template, struct err *err);
void fleet_free(struct fleet *f);

/* Remember the members as present, after a run. */
int fleet_remember(struct vault *v, const char *section, const struct fleet *f, struct err *err);

#endif
