/*
 * cli - one invocation: its options, the configuration, the vault it speaks of.
 *
 * Commands ask for what they need (configuration, vault, recovery secret) and get it, or the error
 * that a user understands.
 */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>

#include "cli/config.h"
#include "cli/options.h"
#include "cli/passphrase.h"

struct backend_options;
struct command;
struct err;
struct progress;
struct vault;

struct cli {
	const struct command *command;
	struct options options;
	struct config *config;                /* after cli_config; empty if there is no file */
	const struct config_section *place;   /* the [vault] in use, or NULL */
	char *url, *state, *keys;             /* after cli_place */
	struct vault *vault;                  /* after cli_open */
	bool unattended;                      /* nobody is asked: there is no prompt */
	bool no_vault;                        /* the last error is that there is none: exit 10 */
};

void cli_end(struct cli *cli);

/* Load the configuration, if there is one. ERR_INVALID and errors of files. Repeatable, as the
 * other steps: each does what is still to do. */
int cli_config(struct cli *cli, struct err *err);

/* Decide which vault is meant, and where state and keys lie. ERR_INVALID if none can be. */
int cli_place(struct cli *cli, struct err *err);

/* Open it. A copy that is late may be read by whoever restores. */
int cli_open(struct cli *cli, struct err *err);
bool cli_is_copy(const struct cli *cli);   /* as all further vaults of the configuration are */

/* A vault that a NAME|URL means: *place is its section, or NULL if the configuration does not know
 * it; *url is to be freed. ERR_INVALID, ERR_NOMEM. */
int cli_find_vault(const struct cli *cli, const char *text, const struct config_section **place,
                   char **url, struct err *err);

/* What the section in use says of the machine's side (state, keys, passphrase-command): a further
 * vault is mostly a copy, and takes from [vault] what it does not say. NULL: nothing. */
const char *cli_place_value(const struct cli *cli, const char *key);

/* What a section (or NULL) says of its storage, and how to stop waiting for it. */
void cli_storage_options(const struct cli *cli, const struct config_section *place,
                         struct backend_options *out);

/* Get the recovery secret, if the vault is not unlocked yet. ERR_KEY without passphrase. */
int cli_unlock(struct cli *cli, struct err *err);

/* The same where it is only useful: *done is false if there is no passphrase. With `ask` the user
 * at a terminal is one. */
int cli_unlock_if_given(struct cli *cli, bool ask, bool *done, struct err *err);

struct passphrase_source cli_passphrase_source(const struct cli *cli);

/* What to hand to long work. */
const struct progress *cli_progress(const struct cli *cli);

/* The address that a --vault argument or url key means: a plain path becomes file://. To be freed;
 * NULL with ERR_NOMEM or ERR_INVALID. */
char *cli_url_of(const char *text, struct err *err);

#endif
