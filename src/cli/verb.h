/* verb - commands that have verbs of their own: `holdfast key grant`, `holdfast drill run`. */
#ifndef VERB_H
#define VERB_H

#include <stddef.h>

struct cli;
struct command;
struct err;
struct options;

struct verb {
	const char *name;     /* NULL ends a table */
	size_t min, max;      /* operands behind it */
	unsigned takes;       /* of the command's options, a bit each by their place in its table */
	int (*run)(struct cli *cli, struct err *err);
	const char *usage;    /* what follows "holdfast COMMAND VERB" */
};

#define TAKES(option) (1u << (option))   /* for `takes` */

/* The verb that the first operand names, if operands and options are fit for it. NULL with ERR_INVALID. */
const struct verb *verb_choose(const struct command *command, const struct verb *verbs,
                               const struct options *o, struct err *err);

#endif
