#include "cli/options.h"

#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/nearest.h"
#include "holdfast/err.h"

enum common {
	VAULT, PASSPHRASE_FILE, CONFIG, AS_OF, JSON, QUIET, VERBOSE, HELP, DRY_RUN, VERSION, COMMON_N
};

static const struct option_spec common[COMMON_N] = {
	[VAULT] = { "vault", 0, "NAME|URL", "a vault of the configuration, or any by its address" },
	[PASSPHRASE_FILE] = { "passphrase-file", 0, "FILE", "the passphrase; -: standard input" },
	[CONFIG] = { "config", 'c', "FILE", "this configuration file and no other" },
	[AS_OF] = { "as-of", 0, "TIME", "read the vault as it was then, where its storage keeps versions" },
	[JSON] = { "json", 0, NULL, "results as JSON, one object a line" },
	[QUIET] = { "quiet", 'q', NULL, "no output when all went well" },
	[VERBOSE] = { "verbose", 'v', NULL, "more detail" },
	[HELP] = { "help", 'h', NULL, "this text" },
	[DRY_RUN] = { "dry-run", 'n', NULL, "say what would be done, change nothing" },
	[VERSION] = { "version", 0, NULL, "the program's version" },
};

enum { CODE_COMMON = 256, CODE_OWN = 512 };

struct table {
	const struct command *command;
	struct option longs[COMMON_N + OPTIONS_OWN_MAX + 1];
	char shorts[3 * (COMMON_N + OPTIONS_OWN_MAX) + 3];
	size_t n;
};

static bool applies(enum common c, const struct command *command)
{
	if (c == VERSION)
		return !command;
	if (c == AS_OF)
		return command && command->reads;
	return c != DRY_RUN || (command && command->changes);
}

static void add(struct table *t, const struct option_spec *spec, int code)
{
	t->longs[t->n++] = (struct option){ spec->name,
		                            spec->argument ? required_argument : no_argument, NULL,
		                            code };
	if (!spec->letter)
		return;
	size_t used = strlen(t->shorts);
	t->shorts[used++] = spec->letter;
	if (spec->argument)
		t->shorts[used++] = ':';
	t->shorts[used] = '\0';
}

static void build(struct table *t, const struct command *command)
{
	*t = (struct table){ .command = command };
	/* before the command's name options end at the first operand: the name; ':' tells a missing
	 * argument from an unknown option */
	snprintf(t->shorts, sizeof t->shorts, "%s:", command ? "" : "+");
	for (int i = 0; i < COMMON_N; i++)
		if (applies((enum common)i, command))
			add(t, &common[i], CODE_COMMON + i);
	for (int i = 0; command && command->options && command->options[i].name; i++)
		add(t, &command->options[i], CODE_OWN + i);
}

static int invalid(const struct command *command, struct err *err, const char *fact,
                   const char *option)
{
	err_set(err, ERR_INVALID, "%s%s%s '%s'", command ? command->name : "", command ? ": " : "",
	        fact, option);
	return err_hint(err, "'holdfast %s%s--help' lists the options",
	                command ? command->name : "", command ? " " : "");
}

static int unknown(const struct table *t, const char *given, struct err *err)
{
	char option[64];
	snprintf(option, sizeof option, "%.*s", (int)strcspn(given, "="), given);
	invalid(t->command, err, "unknown option", option);

	const char *best = NULL;
	size_t distance = SIZE_MAX, len = strlen(option);
	for (const struct option *l = t->longs; len > 3 && l->name; l++) {
		best = nearest_better(option + 2, l->name, best, &distance);
		/* a beginning is the likeliest mistake, however much is missing */
		if (strncmp(option + 2, l->name, len - 2) == 0) {
			best = l->name;
			distance = 0;
		}
	}
	return best ? err_hint(err, "did you mean '--%s'?", best) : err->code;
}

/* getopt_long takes any unambiguous beginning, which scripts would come to rely on */
static bool is_exact(const struct table *t, int index, char **argv)
{
	const struct option *l = &t->longs[index];
	const char *given = argv[optind - 1];
	if (l->has_arg && optarg == given)
		given = argv[optind - 2];
	return strncmp(given, "--", 2) == 0 && strcspn(given + 2, "=") == strlen(l->name);
}

static void set_common(struct options *o, enum common c, const char *value)
{
	switch (c) {
	case VAULT: o->vault = value; break;
	case PASSPHRASE_FILE: o->passphrase_file = value; break;
	case CONFIG: o->config = value; break;
	case AS_OF: o->as_of = value; break;
	case JSON: o->json = true; break;
	case QUIET: o->quiet = true; break;
	case VERBOSE: o->verbose = true; break;
	case HELP: o->help = true; break;
	case DRY_RUN: o->dry_run = true; break;
	case VERSION: o->version = true; break;
	case COMMON_N: break;
	}
}

static int code_of_letter(const struct table *t, int letter)
{
	for (int i = 0; i < COMMON_N; i++)
		if (common[i].letter == letter)
			return CODE_COMMON + i;
	for (int i = 0; t->command && t->command->options && t->command->options[i].name; i++)
		if (t->command->options[i].letter == letter)
			return CODE_OWN + i;
	return -1;
}

static int refuse(const struct table *t, int got, char **argv, struct err *err)
{
	const char *given = argv[optind - 1];
	char letter[3] = { '-', (char)optopt, '\0' };
	if (got == ':')
		return invalid(t->command, err, "an argument is missing behind", given);
	if (optopt >= CODE_COMMON)
		return invalid(t->command, err, "no argument is allowed in", given);
	return optopt ? invalid(t->command, err, "unknown option", letter) : unknown(t, given, err);
}

int options_parse(struct options *o, const struct command *command, int argc, char **argv,
                  struct err *err)
{
	struct table t;
	build(&t, command);
	opterr = 0;
	optind = 0;   /* glibc: start anew */
	for (;;) {
		int index = -1, got = getopt_long(argc, argv, t.shorts, t.longs, &index);
		if (got == -1)
			break;
		if (got == '?' || got == ':')
			return refuse(&t, got, argv, err);
		if (index >= 0 && !is_exact(&t, index, argv))
			return unknown(&t, argv[optind - (optarg == argv[optind - 1] ? 2 : 1)],
			               err);
		int code = index >= 0 ? got : code_of_letter(&t, got);
		if (code >= CODE_OWN)
			o->own[code - CODE_OWN] = optarg ? optarg : "";
		else
			set_common(o, (enum common)(code - CODE_COMMON), optarg);
	}
	o->operands = argv + optind;
	o->n_operands = (size_t)(argc - optind);
	return 0;
}

int options_operands(const struct options *o, const struct command *command, size_t min, size_t max,
                     struct err *err)
{
	if (o->n_operands >= min && o->n_operands <= max)
		return 0;
	if (o->n_operands < min)
		err_set(err, ERR_INVALID, "%s: an operand is missing", command->name);
	else
		err_set(err, ERR_INVALID, "%s: too many operands: '%s'", command->name,
		        o->operands[max]);
	return err_hint(err, "usage: holdfast %s %s", command->name, command->usage);
}

static void print_option(const struct option_spec *spec)
{
	char left[48];
	int used = spec->letter ? snprintf(left, sizeof left, "-%c, --%s", spec->letter, spec->name)
	                        : snprintf(left, sizeof left, "    --%s", spec->name);
	if (spec->argument)
		snprintf(left + used, sizeof left - (size_t)used, " %s", spec->argument);
	printf("  %-30s %s\n", left, spec->help);
}

void options_help(const struct command *command)
{
	printf("Usage: holdfast %s %s\n\n%s\nOptions:\n", command->name, command->usage,
	       command->about);
	for (const struct option_spec *s = command->options; s && s->name; s++)
		print_option(s);
	for (int i = 0; i < COMMON_N; i++)
		if (applies((enum common)i, command))
			print_option(&common[i]);
}
