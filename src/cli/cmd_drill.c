/* drill - prove that what is backed up restores. */
#include <stddef.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/drill_verbs.h"
#include "cli/verb.h"
#include "holdfast/err.h"

static const struct option_spec options[] = {
	[DRILL_DUE] = { "due", 0, NULL, "run: those whose turn it is" },
	[DRILL_TICKET] = { "ticket", 0, "T", "finding: what it is called where work is tracked" },
	[DRILL_TEXT] = { "text", 0, "TEXT", "finding: what is wrong" },
	[DRILL_BY] = { "by", 0, "DATE", "finding: when it is to be done: 2026-12-01" },
	[DRILL_CLOSE] = { "close", 0, NULL, "finding: it is done" },
	[DRILL_TO] = { "to", 0, "DIR", "show: bring the evidence into this new folder" },
	[DRILL_KEYS] = { "keys", 0, "DIR", "verify: the keys that you were given by hand" },
	[DRILL_SIGNATURE] = { "signature", 0, "FILE", "approve: what ssh-keygen -Y sign made" },
	{ 0 },
};

static const struct verb verbs[] = {
	{ "run", 0, 1, TAKES(DRILL_DUE), drill_verb_run, "[DRILL|STORE[@SNAPSHOT]|--due]" },
	{ "plan", 0, 1, 0, drill_verb_plan, "[DRILL]" },
	{ "list", 0, 0, 0, drill_verb_list, "" },
	{ "show", 1, 1, TAKES(DRILL_TO), drill_verb_show, "ID [--to DIR]" },
	{ "verify", 1, 1, TAKES(DRILL_KEYS), drill_verb_verify, "DIR [--keys DIR]" },
	{ "keys", 1, 1, 0, drill_verb_keys, "DIR" },
	{ "finding", 1, 1, TAKES(DRILL_TICKET) | TAKES(DRILL_TEXT) | TAKES(DRILL_BY) | TAKES(DRILL_CLOSE),
	  drill_verb_finding, "ID --ticket T [--text TEXT] [--by DATE] [--close]" },
	{ "approve", 1, 1, TAKES(DRILL_SIGNATURE), drill_verb_approve, "ID --signature FILE" },
	{ .name = NULL },
};

static int run(struct cli *cli, struct err *err)
{
	const struct verb *v = verb_choose(&cmd_drill, verbs, &cli->options, err);
	return v ? v->run(cli, err) : (int)err->code;
}

const struct command cmd_drill = {
	.name = "drill",
	.summary = "prove that what is backed up restores",
	.usage = "run|plan|list|show|verify|keys|finding|approve [OPERANDS]",
	.about = "  drill run [DRILL|STORE[@SNAPSHOT]]   restore into a sandbox, check, report; --due:\n"
	         "                                       those of the configuration whose turn it is\n"
	         "  drill plan [DRILL]                   what would be drawn now, and when it is due\n"
	         "  drill list                           all that the ledgers tell of; status 6 if one was\n"
	         "                                       started and never finished\n"
	         "  drill show ID [--to DIR]             a report; its evidence for an auditor\n"
	         "  drill verify DIR [--keys DIR]        check evidence, without a vault\n"
	         "  drill keys DIR                       this machine's public keys, for an auditor\n"
	         "  drill finding ID --ticket T          what is done about it: [--text] [--by] [--close]\n"
	         "  drill approve ID --signature FILE    a reviewer's signature of the report\n"
	         "\n"
	         "A drill draws a snapshot, restores it out of the vault into a sandbox without network,\n"
	         "starts its engine, runs the checks and statements of the configuration, removes it\n"
	         "all, and signs a report. Its verdict is passed, failed or could-not-verify; exit\n"
	         "status 6 unless it is passed.\n",
	.options = options,
	.run = run,
};
