/* unit_needs - what a run of this configuration must be allowed to do. */
#ifndef UNIT_NEEDS_H
#define UNIT_NEEDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/scope.h"

struct cli;
struct err;

struct unit_needs {
	const char *commands;    /* what names a command, which may do anything; NULL: nothing does */
	bool drills;             /* start engines in namespaces of their own */
	bool network;
	bool other_users;        /* dumps run as somebody else */
	bool writes_others;      /* into folders of other users */
	bool in_tmp;             /* what lies in /tmp or /var/tmp is backed up, or written */
	char **writable;         /* folders, absolute; each once */
	size_t n_writable;
};

/* After cli_place. NULL with ERR_NOMEM, ERR_INVALID. */
struct unit_needs *unit_needs_of(const struct cli *cli, struct err *err);
void unit_needs_free(struct unit_needs *n);
AUTO_FREE(unit_needs);

#endif
