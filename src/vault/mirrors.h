/*
 * mirrors - a vault's storage, with older versions and other places of the same vault behind it.
 *
 * It is a backend itself, so that whoever reads the vault need not know. Everything goes to the
 * first place, until next_copy is called for a name: then that object is read from the next copy
 * there is, which is an older version in the same place, or what another place holds under the name.
 * A place is asked for its vault.json before it is believed to be the same vault, and only then.
 */
#ifndef MIRRORS_H
#define MIRRORS_H

#include <stdbool.h>
#include <stddef.h>

#include "holdfast/backend.h"

struct charter_anchor;
struct err;

enum { MIRRORS_MAX = 8 };

/* Takes `first` over, unless it fails: NULL with ERR_NOMEM. */
struct backend *mirrors_new(struct backend *first, const struct charter_anchor *anchor,
                            struct err *err);

/* One more place; label is what users call it. Takes it over, also when it fails: ERR_NOMEM,
 * ERR_LIMIT. */
int mirrors_add(struct backend *m, const char *label, struct backend *place, struct err *err);

/* From now on listings visit what the other places hold too, most of it repeatedly. False if they
 * did already, or there is none. */
bool mirrors_widen(struct backend *m);
bool mirrors_are_wide(struct backend *m);   /* listings do, and there is another place */

/* What was read from a copy and not told yet, as an error for the user, of objects with `part` in their
 * names (NULL: of all); false: nothing. */
bool mirrors_used(struct backend *backend, const char *part, struct err *told);

#endif
