/*
 * test_options - driver options from the environment: "ca-file=/x/ca.pem;known-hosts=/x/known_hosts".
 *
 * Keys are those of the configuration file. style=virtual is a bucket in the host's name; lock is
 * seconds, after "compliance " where it is that.
 */
#ifndef TEST_OPTIONS_H
#define TEST_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "holdfast/backend.h"

static inline const char **test_option_text(struct backend_options *o, const char *key)
{
	const struct {
		const char *key, **value;
	} texts[] = {
		{ "ca-file", &o->ca_file },           { "client-cert", &o->client_cert },
		{ "client-key", &o->client_key },     { "pinned-key", &o->pinned_key },
		{ "password-file", &o->password_file }, { "credentials", &o->credentials },
		{ "profile", &o->profile },           { "identity", &o->identity },
		{ "known-hosts", &o->known_hosts },   { "endpoint", &o->endpoint },
		{ "region", &o->region },             { "storage-class", &o->storage_class },
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (strcmp(texts[i].key, key) == 0)
			return texts[i].value;
	return NULL;
}

static inline bool test_option(struct backend_options *o, const char *key, const char *value)
{
	static const char compliance[] = "compliance ";
	const char **text = test_option_text(o, key);
	if (text) {
		*text = value;
	} else if (strcmp(key, "style") == 0) {
		o->virtual_host = strcmp(value, "virtual") == 0;
	} else if (strcmp(key, "lock") == 0) {
		o->lock_compliance = strncmp(value, compliance, strlen(compliance)) == 0;
		o->lock_s = strtoull(value + (o->lock_compliance ? strlen(compliance) : 0), NULL, 10);
	} else {
		fprintf(stderr, "test_options: unknown key '%s'\n", key);
		return false;
	}
	return true;
}

/* The strings live until the program ends. text NULL: no options. False, and says why on stderr, for
 * what is not understood. */
static inline bool test_options(struct backend_options *o, const char *text)
{
	char *rest = strdup(text ? text : "");
	for (char *entry; (entry = strsep(&rest, ";")) != NULL;) {
		char *value = strchr(entry, '=');
		if (*entry == '\0')
			continue;
		if (value)
			*value++ = '\0';
		if (!value || !test_option(o, entry, value))
			return false;
	}
	return true;
}

#endif
