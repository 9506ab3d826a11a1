/*
 * session - one invocation: its options, the configuration, the vault it speaks of.
 *
 * Commands ask for what they need (configuration, vault, recovery secret) and get it, or the error
 * that a user understands.
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>

#include "cli/config.h"
#include "cli/options.h"
#include "cli/passphrase.h"

struct command;
struct err;
struct progress;
struct vault;

struct session {
	const struct command *command;
	struct options options;
	struct config *config;                /* after session_config; empty if there is no file */
	const struct config_section *place;   /* the [vault] in use, or NULL */
	char *url, *state, *keys;             /* after session_place */
	struct vault *vault;                  /* after session_open */
	bool no_vault;                        /* the last error is that there is none: exit 10 */
};

void session_end(struct session *s);

/* Load the configuration, if there is one. ERR_INVALID and errors of files. Repeatable, as the
 * other steps: each does what is still to do. */
int session_config(struct session *s, struct err *err);

/* Decide which vault is meant, and where state and keys lie. ERR_INVALID if none can be. */
int session_place(struct session *s, struct err *err);

/* Open it. */
int session_open(struct session *s, struct err *err);

/* Get the recovery secret, if the vault is not unlocked yet. ERR_KEY without passphrase. */
int session_unlock(struct session *s, struct err *err);

/* The same where it is only useful: *done is false if there is no passphrase. With `ask` the user
 * at a terminal is one. */
int session_unlock_if_given(struct session *s, bool ask, bool *done, struct err *err);

struct passphrase_source session_passphrase_source(const struct session *s);

/* What to hand to long work. */
const struct progress *session_progress(const struct session *s);

/* The address that a --vault argument or url key means: a plain path becomes file://. To be freed;
 * NULL with ERR_NOMEM or ERR_INVALID. */
char *session_url_of(const char *text, struct err *err);

#endif
