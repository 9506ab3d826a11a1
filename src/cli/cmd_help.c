/* help - the commands, or one of them. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "holdfast/err.h"

static void list(void)
{
	printf("Usage: holdfast COMMAND [OPTIONS]\n\n"
	       "Encrypted backups of databases that prove they restore.\n\nCommands:\n");
	for (const struct command *const *c = commands; *c; c++)
		printf("  %-10s %s\n", (*c)->name, (*c)->summary);
	printf("\nBegin with:  holdfast init --vault /srv/vault\n"
	       "             holdfast add crm /srv/crm/crm.db\n"
	       "             holdfast backup\n"
	       "Disaster:    holdfast restore --vault URL\n\n"
	       "'holdfast COMMAND --help' tells more; holdfast(1) tells all.\n");
}

static int run(struct cli *cli, struct err *err)
{
	if (options_operands(&cli->options, &cmd_help, 0, 1, err) != 0)
		return err->code;
	if (cli->options.n_operands == 0) {
		list();
		return 0;
	}
	const struct command *c = command_find(cli->options.operands[0]);
	if (!c)
		return err_set(err, ERR_INVALID, "help: no command '%s'", cli->options.operands[0]);
	options_help(c);
	return 0;
}

const struct command cmd_help = {
	.name = "help",
	.summary = "this list, or the help of a command",
	.usage = "[COMMAND]",
	.about = "List the commands, or explain one.\n",
	.run = run,
};
