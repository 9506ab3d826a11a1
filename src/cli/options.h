/* options - the command line: a set common to all commands, and each command's own. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct command;
struct err;

enum { OPTIONS_OWN_MAX = 12 };

struct option_spec {
	const char *name;
	char letter;            /* 0: none */
	const char *argument;   /* what help calls it, or NULL: a switch */
	const char *help;
};

struct options {
	const char *config, *vault, *passphrase_file, *as_of;
	bool json, quiet, verbose, dry_run, help, version;
	const char *own[OPTIONS_OWN_MAX];   /* by place in the command's table; "" for a switch */
	char **operands;                    /* point into argv */
	size_t n_operands;
};

/*
 * Read argv[1...]. With a command: its options and operands in any order. With NULL: only what may
 * stand before the command's name; operands then begin with that name. ERR_INVALID with the nearest
 * known option as hint. Values already in *o are kept unless given again.
 */
int options_parse(struct options *o, const struct command *command, int argc, char **argv,
                  struct err *err);

/* Print the help of a command to standard output. */
void options_help(const struct command *command);

/* ERR_INVALID unless there are between min and max operands. */
int options_operands(const struct options *o, const struct command *command, size_t min, size_t max,
                     struct err *err);

#endif
