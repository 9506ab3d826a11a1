/*
 * passphrase - get the passphrase without it ever standing on a command line.
 *
 * In this order: --passphrase-file, $HOLDFAST_PASSPHRASE_FILE, the file holdfast-passphrase in
 * $CREDENTIALS_DIRECTORY (systemd), $HOLDFAST_PASSPHRASE, passphrase-command, a prompt on the
 * terminal. Six words of the list are brought into their canonical spelling; of anything else one
 * newline at the end is cut and the rest taken as it is.
 */
#ifndef PASSPHRASE_H
#define PASSPHRASE_H

#include <stdbool.h>

struct err;
struct secret;

struct passphrase_source {
	const char *file;      /* --passphrase-file, "-" for standard input, or NULL */
	const char *command;   /* passphrase-command, or NULL */
};

/* Move $HOLDFAST_PASSPHRASE out of the environment, where child processes would see it. Before
 * anything is started. */
void passphrase_take_environment(void);
void passphrase_drop(void);

/* Is there a source other than the prompt? */
bool passphrase_is_given(const struct passphrase_source *source);

/* From the first source there is, without a prompt. NULL with ERR_KEY (none, or empty), ERR_LIMIT,
 * ERR_INVALID, ERR_STOPPED and the errors of files. */
struct secret *passphrase_given(const struct passphrase_source *source, struct err *err);

/* Ask on the terminal, echo off. NULL with ERR_STOPPED, ERR_KEY (empty), ERR_IO. */
struct secret *passphrase_prompt(const char *question, struct err *err);

#endif
