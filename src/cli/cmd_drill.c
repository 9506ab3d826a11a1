/* drill - prove that what is backed up restores. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/drill_verbs.h"
#include "holdfast/err.h"

static const struct option_spec options[] = {
	[DRILL_DUE] = { "due", 0, NULL, "run: those whose turn it is" },
	[DRILL_TICKET] = { "ticket", 0, "T", "finding: what it is called where work is tracked" },
	[DRILL_TEXT] = { "text", 0, "TEXT", "finding: what is wrong" },
	[DRILL_BY] = { "by", 0, "DATE", "finding: when it is to be done: 2026-12-01" },
	[DRILL_CLOSE] = { "close", 0, NULL, "finding: it is done" },
	[DRILL_TO] = { "to", 0, "DIR", "show: bring the evidence into this new folder" },
	[DRILL_KEYS] = { "keys", 0, "DIR", "verify: the keys that you were given by hand" },
	{ 0 },
};

#define BIT(o) (1u << (o))

static const struct verb {
	const char *name;
	size_t min, max;      /* operands */
	unsigned takes;       /* options, a bit each */
	int (*run)(struct cli *cli, struct err *err);
	const char *usage;
} verbs[] = {
	{ "run", 0, 1, BIT(DRILL_DUE), drill_verb_run, "[DRILL|STORE[@SNAPSHOT]|--due]" },
	{ "plan", 0, 1, 0, drill_verb_plan, "[DRILL]" },
	{ "list", 0, 0, 0, drill_verb_list, "" },
	{ "show", 1, 1, BIT(DRILL_TO), drill_verb_show, "ID [--to DIR]" },
	{ "verify", 1, 1, BIT(DRILL_KEYS), drill_verb_verify, "DIR [--keys DIR]" },
	{ "keys", 1, 1, 0, drill_verb_keys, "DIR" },
	{ "finding", 1, 1, BIT(DRILL_TICKET) | BIT(DRILL_TEXT) | BIT(DRILL_BY) | BIT(DRILL_CLOSE),
	  drill_verb_finding, "ID --ticket T [--text TEXT] [--by DATE] [--close]" },
};
enum { VERBS = sizeof verbs / sizeof *verbs };

static int unfit(const struct verb *v, struct err *err)
{
	return err_hint(err, "usage: holdfast drill %s %s", v->name, v->usage);
}

static int check_usage(const struct verb *v, const struct options *o, struct err *err)
{
	size_t n = o->n_operands - 1;
	if (n < v->min || n > v->max) {
		err_set(err, ERR_INVALID, n < v->min ? "drill %s: an operand is missing"
		                                     : "drill %s: too many operands", v->name);
		return unfit(v, err);
	}
	for (size_t i = 0; options[i].name; i++)
		if (o->own[i] && !(v->takes & BIT(i))) {
			err_set(err, ERR_INVALID, "drill %s: --%s means nothing here", v->name,
			        options[i].name);
			return unfit(v, err);
		}
	return 0;
}

static int run(struct cli *cli, struct err *err)
{
	if (options_operands(&cli->options, &cmd_drill, 1, SIZE_MAX, err) != 0)
		return err->code;
	const char *word = cli->options.operands[0];
	for (size_t i = 0; i < VERBS; i++) {
		if (strcmp(verbs[i].name, word) != 0)
			continue;
		int rc = check_usage(&verbs[i], &cli->options, err);
		return rc == 0 ? verbs[i].run(cli, err) : rc;
	}
	err_set(err, ERR_INVALID, "drill: '%.100s' is not known", word);
	return err_hint(err, "run, plan, list, show, verify, keys or finding");
}

const struct command cmd_drill = {
	.name = "drill",
	.summary = "prove that what is backed up restores",
	.usage = "run|plan|list|show|verify|keys|finding [OPERANDS]",
	.about = "  drill run [DRILL|STORE[@SNAPSHOT]]   restore into a sandbox, check, report; --due: those\n"
	         "                                       of the configuration whose turn it is\n"
	         "  drill plan [DRILL]                   what would be drawn now, and when it is due\n"
	         "  drill list                           all that the ledgers tell of; status 6 if one was\n"
	         "                                       started and never finished\n"
	         "  drill show ID [--to DIR]             a report; its evidence for an auditor\n"
	         "  drill verify DIR [--keys DIR]        check evidence, without a vault\n"
	         "  drill keys DIR                       this machine's public keys, for an auditor\n"
	         "  drill finding ID --ticket T          what is done about it: [--text] [--by] [--close]\n"
	         "\n"
	         "A drill draws a snapshot, restores it out of the vault into a sandbox without network,\n"
	         "starts its engine, runs the checks and the statements of the configuration, removes it\n"
	         "all, and signs a report. Its verdict is passed, failed or could-not-verify; exit\n"
	         "status 6 unless it is passed.\n",
	.options = options,
	.run = run,
};
