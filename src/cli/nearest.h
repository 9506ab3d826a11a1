/* nearest - the known word that a mistyped one most likely means. */
#ifndef NEAREST_H
#define NEAREST_H

#include <stddef.h>

/* Over a NULL-terminated list; NULL if none is near. */
const char *nearest_of(const char *word, const char *const *known);

/* The better of a candidate and the best so far (NULL at first); `*distance` starts at SIZE_MAX. */
const char *nearest_better(const char *word, const char *candidate, const char *best,
                           size_t *distance);

#endif
