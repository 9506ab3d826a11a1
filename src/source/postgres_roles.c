#include "source/postgres_roles.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "holdfast/err.h"

/* How the lines of pg_dump begin that name a role, and what stands before it. */
static const struct {
	const char *begins, *before;
} forms[] = {
	{ "ALTER ", " OWNER TO " },
	{ "ALTER DEFAULT PRIVILEGES FOR ROLE ", "FOR ROLE " },
	{ "CREATE SCHEMA ", " AUTHORIZATION " },
	{ "GRANT ", " TO " },
	{ "REVOKE ", " FROM " },
	{ "SET SESSION AUTHORIZATION ", "AUTHORIZATION " },
};

/* An identifier as PostgreSQL prints it: "quoted" with doubled quotes, or a plain word. */
static size_t identifier_length(const char *at)
{
	size_t n = 0;
	if (*at != '"') {
		while (isalnum((unsigned char)at[n]) || at[n] == '_' || at[n] == '$' || (at[n] & 0x80))
			n++;
		return n;
	}
	for (n = 1; at[n]; n++)
		if (at[n] == '"' && at[++n] != '"')
			return n;
	return 0;
}

/* The last occurrence: names of objects come before it. */
static const char *find_last(const char *line, const char *what)
{
	const char *last = NULL;
	for (const char *at = line; (at = strstr(at, what)); at += strlen(what))
		last = at;
	return last;
}

bool postgres_role_of(const char *line, char role[POSTGRES_ROLE_MAX])
{
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		if (strncmp(line, forms[i].begins, strlen(forms[i].begins)) != 0)
			continue;
		const char *at = find_last(line, forms[i].before);
		if (!at)
			continue;
		at += strlen(forms[i].before);
		size_t n = identifier_length(at);
		if (n == 0 || n >= POSTGRES_ROLE_MAX || strncmp(at, "PUBLIC", n) == 0)
			continue;
		memcpy(role, at, n);
		role[n] = '\0';
		return true;
	}
	return false;
}

struct seen {
	char (*roles)[POSTGRES_ROLE_MAX];
	size_t n;
};

static bool is_seen(const struct seen *s, const char *role)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->roles[i], role) == 0)
			return true;
	return false;
}

static int visit_once(struct seen *s, const char *role, postgres_role_visit *visit, void *arg,
                      struct err *err)
{
	if (is_seen(s, role))
		return 0;
	if (s->n == POSTGRES_ROLES_MAX)
		return err_set(err, ERR_LIMIT, "the dump speaks of more than %d roles", POSTGRES_ROLES_MAX);
	char(*grown)[POSTGRES_ROLE_MAX] = reallocarray(s->roles, s->n + 1, sizeof *grown);
	if (!grown)
		return err_no_memory(err);
	s->roles = grown;
	snprintf(grown[s->n++], POSTGRES_ROLE_MAX, "%s", role);
	return visit(arg, role, err);
}

/* Lines of data may have any length; the beginning of a longer one is all that is looked at. */
static int read_lines(FILE *f, struct seen *s, postgres_role_visit *visit, void *arg, struct err *err)
{
	char line[1000], role[POSTGRES_ROLE_MAX];
	bool inside = false;
	int rc = 0;
	while (rc == 0 && fgets(line, sizeof line, f)) {
		bool first = !inside;
		inside = !strchr(line, '\n');
		if (first && postgres_role_of(line, role))
			rc = visit_once(s, role, visit, arg, err);
	}
	return rc;
}

int postgres_roles(const char *dump_path, postgres_role_visit *visit, void *arg, struct err *err)
{
	struct seen seen = { .n = 0 };
	FILE *f = fopen(dump_path, "re");
	if (!f)
		return err_sys(err, "%.200s", dump_path);
	int rc = read_lines(f, &seen, visit, arg, err);
	if (rc == 0 && ferror(f))
		rc = err_sys(err, "%.200s", dump_path);
	fclose(f);
	free(seen.roles);
	return rc;
}
