/* known - the store names that the configuration and its fleets give. */
#ifndef KNOWN_H
#define KNOWN_H

#include "base/scope.h"

struct err;
struct known;
struct cli;

/* All of them; fleets that cannot be expanded now give none. NULL with ERR_NOMEM. */
struct known *known_names(struct cli *cli, struct err *err);
void known_free(struct known *k);
AUTO_FREE(known);

/* NULL-terminated; lives as long as k. */
const char *const *known_list(const struct known *k);

#endif
