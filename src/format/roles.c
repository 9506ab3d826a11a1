#include "holdfast/roles.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct { const char *name; unsigned role; } names[] = {
	{ "admin", ROLE_ADMIN },       { "auditor", ROLE_AUDITOR }, { "drill", ROLE_DRILL },
	{ "restorer", ROLE_RESTORER }, { "writer", ROLE_WRITER },
};
enum { NAMES = sizeof names / sizeof *names };

const char *roles_name(unsigned i, unsigned *role)
{
	if (i >= NAMES)
		return NULL;
	*role = names[i].role;
	return names[i].name;
}

char *roles_text(char out[ROLES_TEXT_MAX], unsigned roles)
{
	size_t used = 0;
	out[0] = '\0';
	for (unsigned i = 0; i < NAMES; i++)
		if (roles & names[i].role)
			used += (size_t)snprintf(out + used, ROLES_TEXT_MAX - used, "%s%s", used ? ", " : "",
			                         names[i].name);
	return out;
}

static unsigned one(const char *text, size_t len)
{
	for (unsigned i = 0; i < NAMES; i++)
		if (strlen(names[i].name) == len && strncmp(names[i].name, text, len) == 0)
			return names[i].role;
	return 0;
}

bool roles_parse(const char *text, unsigned *roles)
{
	unsigned all = 0;
	for (const char *at = text;; at++) {
		at += strspn(at, " ");
		size_t len = strcspn(at, ", ");
		unsigned role = one(at, len);
		if (!role)
			return false;
		all |= role;
		at += len + strspn(at + len, " ");
		if (!*at)
			break;
		if (*at != ',')
			return false;
	}
	*roles = all;
	return true;
}
