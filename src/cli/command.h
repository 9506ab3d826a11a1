/* command - what main.c and help need to know about one subcommand. */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>

struct err;
struct option_spec;
struct cli;

struct command {
	const char *name, *summary;
	const char *usage;                   /* what follows "holdfast NAME", one line */
	const char *about;                   /* the text of --help */
	const struct option_spec *options;   /* its own, ended by a NULL name, or NULL */
	bool changes;                        /* has -n/--dry-run */
	bool reads;                          /* has --as-of */
	bool falls_back;                     /* what is damaged or gone is read from other vaults */
	bool reads_late;                     /* a copy may know less of the charter than this machine saw */
	/* An enum exit_code, or a negative enum err_code with *err, which main.c prints. */
	int (*run)(struct cli *cli, struct err *err);
};

/* All commands in the order of help, ended by NULL. */
extern const struct command *const commands[];
const struct command *command_find(const char *name);

extern const struct command cmd_init, cmd_add, cmd_backup, cmd_snapshots, cmd_ls, cmd_restore,
	cmd_dump, cmd_check, cmd_copy, cmd_status, cmd_vault, cmd_diff, cmd_stats, cmd_log, cmd_rescue,
	cmd_drill, cmd_ledger, cmd_key, cmd_version, cmd_help, cmd_run, cmd_schedule,
	cmd_report, cmd_evidence;

#endif
