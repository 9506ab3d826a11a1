/* readback - a name is taken: by an attempt of ours whose answer was lost? */
#ifndef READBACK_H
#define READBACK_H

#include <stdbool.h>

#include "holdfast/backend.h"

/* 1 if the object is there and holds exactly these bytes, 0 if it holds others or is absent, or what
 * the driver's stat and get give. With 1, tag (may be NULL) is the storage's own of it. */
int readback_matches(struct backend *b, const struct backend_put *put, char tag[BACKEND_TAG_MAX],
                     struct err *err);

/* What a refused BACKEND_NEW comes to: 0 if an attempt before may have been carried out (unheard), and
 * readback_matches; else ERR_EXISTS, or what that gives. */
int readback_taken(struct backend *b, const struct backend_put *put, bool unheard,
                   char tag[BACKEND_TAG_MAX], struct err *err);

int readback_exists(struct err *err);   /* ERR_EXISTS, in the words of all drivers */

#endif
