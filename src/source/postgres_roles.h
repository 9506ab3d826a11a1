/* postgres_roles - whom a plain dump of PostgreSQL speaks of as owner or grantee. */
#ifndef POSTGRES_ROLES_H
#define POSTGRES_ROLES_H

#include <stdbool.h>

struct err;

enum { POSTGRES_ROLES_MAX = 1000, POSTGRES_ROLE_MAX = 200 };

/* role is spelled as in the dump, quoted where it has to be. */
typedef int postgres_role_visit(void *arg, const char *role, struct err *err);

/* Visit every role once. Lines of data that look like statements may give roles that nobody needs.
 * ERR_LIMIT beyond POSTGRES_ROLES_MAX, errors of files, what visit returns. */
int postgres_roles(const char *dump_path, postgres_role_visit *visit, void *arg, struct err *err);

/* The role that a line names, spelled as there; false if none. */
bool postgres_role_of(const char *line, char role[POSTGRES_ROLE_MAX]);

#endif
