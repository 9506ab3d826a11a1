#include "cli/command.h"

#include <stddef.h>
#include <string.h>

const struct command *const commands[] = {
	&cmd_init, &cmd_add,   &cmd_backup, &cmd_run,    &cmd_schedule, &cmd_snapshots, &cmd_ls,
	&cmd_restore, &cmd_dump, &cmd_diff, &cmd_check, &cmd_copy, &cmd_stats, &cmd_log, &cmd_rescue,
	&cmd_status, &cmd_drill, &cmd_report, &cmd_evidence, &cmd_ledger, &cmd_vault, &cmd_key,
	&cmd_version, &cmd_help, NULL,
};

const struct command *command_find(const char *name)
{
	for (const struct command *const *c = commands; *c; c++)
		if (strcmp((*c)->name, name) == 0)
			return *c;
	return NULL;
}
