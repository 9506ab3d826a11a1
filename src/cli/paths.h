/* paths - where configuration, state and keys lie: for root in the system, for others at home. */
#ifndef PATHS_H
#define PATHS_H

#include <stdbool.h>
#include <stddef.h>

struct err;

/* Each returns a string to be freed, or NULL with ERR_NOMEM or ERR_INVALID (no $HOME). */
char *paths_config(struct err *err);    /* the one to make when there is none */
char *paths_state(struct err *err);
char *paths_keys(struct err *err);

/* The configuration to read: `given`, $HOLDFAST_CONFIG, or the first that exists. *out is NULL if
 * none does. A file that was named need not exist; opening it will say so. */
int paths_find_config(const char *given, char **out, struct err *err);

/* The absolute spelling of a path that need not exist; symbolic links stay. To be freed. */
char *paths_absolute(const char *path, struct err *err);

#endif
