#include <fcntl.h>
#include <locale.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/live.h"
#include "cli/nearest.h"
#include "cli/output.h"
#include "cli/stop.h"
#include "crypto/hash.h"
#include "crypto/secret.h"
#include "holdfast/drill.h"
#include "holdfast/err.h"
#include "holdfast/mask.h"
#include "holdfast/vault.h"

/* a file opened later must not become standard output */
static void open_standard_descriptors(void)
{
	int fd;
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

/*
 * A thousand small stores need the same few buffers a thousand times. By default glibc gives those of
 * 128 KiB and more back to the kernel each time, and faulting them in again is two fifths of the
 * processor's work of such a night (bench-fleet: 280,000 faults, with this 100,000).
 */
static void keep_freed_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, 4 << 20);
	mallopt(M_TRIM_THRESHOLD, 16 << 20);
}

static int unknown_command(const char *name, struct err *err)
{
	const char *best = NULL;
	size_t distance = (size_t)-1;
	for (const struct command *const *c = commands; *c; c++)
		best = nearest_better(name, (*c)->name, best, &distance);
	err_set(err, ERR_INVALID, "unknown command '%s'", name);
	return best ? err_hint(err, "did you mean '%s'?", best)
	            : err_hint(err, "'holdfast help' lists the commands");
}

/* Options may stand before the command's name and behind it. */
static int parse(struct cli *cli, int argc, char **argv, struct err *err)
{
	struct options *o = &cli->options;
	if (options_parse(o, NULL, argc, argv, err) != 0)
		return err->code;
	cli->command = o->version ? &cmd_version : &cmd_help;
	if (o->version || o->n_operands == 0) {
		o->n_operands = 0;
		o->help = false;
		return 0;
	}
	cli->command = command_find(o->operands[0]);
	if (!cli->command)
		return unknown_command(o->operands[0], err);
	return options_parse(o, cli->command, (int)o->n_operands, o->operands, err);
}

static int run(struct cli *cli, int argc, char **argv, struct err *err)
{
	if (parse(cli, argc, argv, err) != 0)
		return err->code;
	if (cli->options.help) {
		options_help(cli->command);
		return EXIT_DONE;
	}
	/* nothing asked is a mistake, and the list of commands is the answer to it */
	int rc = cli->command->run(cli, err);
	return rc == EXIT_DONE && argc == 1 ? EXIT_USAGE : rc;
}

/* What the command itself has not told: done, but not from the vault alone. */
static enum exit_code tell_copies(const struct cli *cli, enum exit_code code)
{
	struct err told;
	if (!cli->vault || !vault_copies_used(cli->vault, NULL, &told))
		return code;
	output_error(&told);
	return code == EXIT_DONE ? EXIT_DEGRADED : code;
}

static enum exit_code conclude(const struct cli *cli, int rc, struct err *err)
{
	enum exit_code code = rc >= 0 ? (enum exit_code)rc
	                      : cli->no_vault ? EXIT_NO_VAULT : exit_code_of((enum err_code)rc);
	struct err ignored;
	live_clear();
	if (rc < 0)
		output_error(err);
	if (rc < 0 && cli->options.json)
		output_json(output_json_error(err, NULL), &ignored);
	code = tell_copies(cli, code);
	if (output_flush(err) == 0)
		return code;
	if (rc >= 0)
		output_error(err);
	return code == EXIT_DONE ? EXIT_FAILED : code;
}

int main(int argc, char **argv)
{
	struct cli cli = { 0 };
	struct err err = { 0 };
	/* the other half of a drill or of a masked restore, in its sandbox: it gets everything on standard
	 * input */
	if (argc == 2 && strcmp(argv[1], DRILL_TRIAL_WORD) == 0)
		return drill_trial_main();
	if (argc == 2 && strcmp(argv[1], MASK_INSIDE_WORD) == 0)
		return mask_inside_main();
	open_standard_descriptors();
	keep_freed_memory();
	/* archives spell names in UTF-8 under cron too, where no locale is set */
	setlocale(LC_CTYPE, "C.UTF-8");
	umask(077);
	secret_harden_process();
	if (crypto_start() != 0) {
		output_note("libsodium cannot be started");
		return EXIT_FAILED;
	}
	passphrase_take_environment();
	stop_install();
	int rc = run(&cli, argc, argv, &err);
	enum exit_code code = conclude(&cli, rc, &err);
	cli_end(&cli);
	passphrase_drop();
	return (int)code;
}
