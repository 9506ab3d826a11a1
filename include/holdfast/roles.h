/* roles - what a machine's key may be enrolled for, and the words for it. */
#ifndef HOLDFAST_ROLES_H
#define HOLDFAST_ROLES_H

#include <stdbool.h>

enum role {
	ROLE_WRITER = 1,     /* makes snapshots of its own stores */
	ROLE_ADMIN = 2,      /* enrols machines */
	ROLE_RESTORER = 4,   /* may be granted stores to read */
	ROLE_AUDITOR = 8,
	ROLE_DRILL = 16,     /* may be granted stores to read; proves that they restore */
};

enum {
	ROLES_READERS = ROLE_RESTORER | ROLE_DRILL,   /* to whom stores can be granted */
	ROLES_ALL = 31,
	ROLES_TEXT_MAX = 64,
};

/* "drill, restorer": names in alphabetic order; "" for none. Writes into out and returns it. */
char *roles_text(char out[ROLES_TEXT_MAX], unsigned roles);

/* A list as users type it, "writer,admin". False, with *roles untouched, if it is empty or holds
 * anything else than names of roles. */
bool roles_parse(const char *text, unsigned *roles);

/* The i-th name and its role in alphabetic order; NULL behind the last. */
const char *roles_name(unsigned i, unsigned *role);

#endif
