/*
 * place_env - a storage place given by the environment, so that drivers which need a server are held
 * against the same tests as the others:
 *
 *     HOLDFAST_TEST_URL=s3://bucket/folder
 *     HOLDFAST_TEST_OPTIONS="endpoint=http://127.0.0.1:8000;credentials=FILE"
 *
 * The options are called as the members of struct backend_options, or with '-' as in a configuration.
 */
#ifndef PLACE_ENV_H
#define PLACE_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "holdfast/backend.h"

enum { PLACE_ENV_URL_MAX = 400, PLACE_ENV_OPTIONS_MAX = 2000 };

struct place_env {
	char text[PLACE_ENV_OPTIONS_MAX];   /* the strings of options */
	struct backend_options options;
};

enum place_env_kind { PLACE_ENV_TEXT, PLACE_ENV_FLAG, PLACE_ENV_UNSIGNED, PLACE_ENV_U64, PLACE_ENV_I64 };

#define PLACE_ENV_MEMBER(kind, member) { #member, (kind), offsetof(struct backend_options, member) }

static const struct {
	const char *name;
	enum place_env_kind kind;
	size_t at;
} place_env_members[] = {
	PLACE_ENV_MEMBER(PLACE_ENV_TEXT, ca_file),
	PLACE_ENV_MEMBER(PLACE_ENV_TEXT, client_cert),
	PLACE_ENV_MEMBER(PLACE_ENV_TEXT, client_key),
	PLACE_ENV_MEMBER(PLACE_ENV_TEXT, pinned_key),
	PLACE_ENV_MEMBER(PLACE_ENV_TEXT, proxy),
	PLACE_ENV_MEMBER(PLACE_ENV_TEXT, limit_up),
	PLACE_ENV_MEMBER(PLACE_ENV_TEXT, limit_down),
	PLACE_ENV_MEMBER(PLACE_ENV_UNSIGNED, connections),
	PLACE_ENV_MEMBER(PLACE_ENV_UNSIGNED, connect_timeout_s),
	PLACE_ENV_MEMBER(PLACE_ENV_UNSIGNED, stall_timeout_s),
	PLACE_ENV_MEMBER(PLACE_ENV_UNSIGNED, timeout_s),
	PLACE_ENV_MEMBER(PLACE_ENV_TEXT, password_file),
	PLACE_ENV_MEMBER(PLACE_ENV_TEXT, credentials),
	PLACE_ENV_MEMBER(PLACE_ENV_TEXT, profile),
	PLACE_ENV_MEMBER(PLACE_ENV_TEXT, identity),
	PLACE_ENV_MEMBER(PLACE_ENV_TEXT, known_hosts),
	PLACE_ENV_MEMBER(PLACE_ENV_FLAG, accept_new_host),
	PLACE_ENV_MEMBER(PLACE_ENV_TEXT, endpoint),
	PLACE_ENV_MEMBER(PLACE_ENV_TEXT, region),
	PLACE_ENV_MEMBER(PLACE_ENV_TEXT, storage_class),
	PLACE_ENV_MEMBER(PLACE_ENV_FLAG, virtual_host),
	PLACE_ENV_MEMBER(PLACE_ENV_FLAG, lock_compliance),
	PLACE_ENV_MEMBER(PLACE_ENV_U64, lock_s),
	PLACE_ENV_MEMBER(PLACE_ENV_I64, as_of_s),
};

static inline void place_env_set(struct backend_options *o, size_t i, const char *value)
{
	char *member = (char *)o + place_env_members[i].at;
	switch (place_env_members[i].kind) {
	case PLACE_ENV_TEXT: memcpy(member, &value, sizeof value); break;
	case PLACE_ENV_FLAG: *(bool *)member = strcmp(value, "yes") == 0; break;
	case PLACE_ENV_UNSIGNED: *(unsigned *)(void *)member = (unsigned)strtoul(value, NULL, 10); break;
	case PLACE_ENV_U64: *(uint64_t *)(void *)member = strtoull(value, NULL, 10); break;
	case PLACE_ENV_I64: *(int64_t *)(void *)member = strtoll(value, NULL, 10); break;
	}
}

static inline bool place_env_one(struct backend_options *o, char *pair)
{
	char *value = strchr(pair, '=');
	if (!value)
		return false;
	*value++ = '\0';
	for (char *dash; (dash = strchr(pair, '-')) != NULL;)
		*dash = '_';
	for (size_t i = 0; i < sizeof place_env_members / sizeof *place_env_members; i++)
		if (strcmp(place_env_members[i].name, pair) == 0) {
			place_env_set(o, i, value);
			return true;
		}
	return false;
}

/* False, with a word about it, for what is no option. */
static inline bool place_env_options(struct place_env *p)
{
	const char *text = getenv("HOLDFAST_TEST_OPTIONS");
	char *rest = p->text, *pair;
	*p = (struct place_env){ 0 };
	snprintf(p->text, sizeof p->text, "%s", text ? text : "");
	while ((pair = strsep(&rest, ";")) != NULL)
		if (*pair && !place_env_one(&p->options, pair)) {
			printf("# HOLDFAST_TEST_OPTIONS: what is '%s'?\n", pair);
			return false;
		}
	return true;
}

/* A folder below HOLDFAST_TEST_URL that nobody has used. */
static inline bool place_env_fresh_url(char url[PLACE_ENV_URL_MAX])
{
	uint64_t random;
	const char *base = getenv("HOLDFAST_TEST_URL");
	if (!base || getrandom(&random, sizeof random, 0) != sizeof random)
		return false;
	snprintf(url, PLACE_ENV_URL_MAX, "%.300s/t%016llx", base, (unsigned long long)random);
	return true;
}

#endif
