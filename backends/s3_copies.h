/* s3_copies - which version of an object is read, where it is not the newest: a map of names. */
#ifndef S3_COPIES_H
#define S3_COPIES_H

#include <stdbool.h>

#include "base/scope.h"

struct s3_copies;

/* NULL when out of memory. */
struct s3_copies *s3_copies_new(void);
void s3_copies_free(struct s3_copies *c);
AUTO_FREE(s3_copies);

/* A copy of the version's id, to be freed; NULL with *known false: none is set. NULL with *known true:
 * out of memory. Thread-safe, like the others. */
char *s3_copies_get(struct s3_copies *c, const char *name, bool *known);
bool s3_copies_set(struct s3_copies *c, const char *name, const char *version);
void s3_copies_drop(struct s3_copies *c, const char *name);

#endif
