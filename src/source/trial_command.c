/* A dump of an unknown kind: what can be done with it is what its restore command does. */
#include <limits.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/split.h"
#include "holdfast/err.h"
#include "source/command_line.h"
#include "source/trial_dump.h"
#include "source/trial_none.h"
#include "source/trial_program.h"

extern const struct trial_ops trial_command;

struct command_trial {
	struct trial base;
	char dump[PATH_MAX];
	char **argv;             /* of the restore command; NULL: there is none */
	unsigned timeout_ms;
};

static void command_trial_free(struct trial *base)
{
	struct command_trial *t = (struct command_trial *)base;
	split_free(t->argv);
	free(t);
}

static struct trial *command_start(const struct trial_options *o, struct err *err)
{
	struct command_trial *t = calloc(1, sizeof *t);
	if (!t) {
		err_no_memory(err);
		return NULL;
	}
	t->base.ops = &trial_command;
	t->timeout_ms = o->timeout_ms;
	int rc = trial_dump_path(o, t->dump, err);
	if (rc == 0 && o->restore_command &&
	    !(t->argv = command_line_words(o->restore_command, o->shell, err)))
		rc = err_wrap(err, "restore-command");
	if (rc == 0)
		return &t->base;
	command_trial_free(&t->base);
	return NULL;
}

static int command_load(struct trial *base, trial_found *found, void *arg, struct err *err)
{
	const struct command_trial *t = (const struct command_trial *)base;
	static const char check[] = "restore-command", expected[] = "exits 0";
	if (!t->argv)
		return found(arg, check, TRIAL_SKIPPED, expected, "the store has none", err);
	const struct trial_program p = { .argv = (const char *const *)t->argv, .input = t->dump,
	                                 .timeout_ms = t->timeout_ms };
	if (trial_program_run(&p, NULL, err) == 0)
		return found(arg, check, TRIAL_PASSED, expected, "exited 0", err);
	if (err->code != ERR_SOURCE)
		return err_wrap(err, check);
	return found(arg, check, TRIAL_FAILED, expected, err->msg, err);
}

static int command_facts(struct trial *base, struct buf *out, struct err *err)
{
	const struct command_trial *t = (const struct command_trial *)base;
	long long bytes;
	if (trial_dump_bytes(t->dump, &bytes, err) != 0)
		return err->code;
	JSON_AUTO facts = json_pack("{s:s, s:I}", "engine", "command", "bytes", (json_int_t)bytes);
	return facts ? json_encode(facts, out, err) : err_no_memory(err);
}

const struct trial_ops trial_command = {
	.type = "command",
	.start = command_start,
	.free = command_trial_free,
	.load = command_load,
	.structure = trial_none_structure,
	.facts = command_facts,
	.query = trial_none_query,
	.env = trial_none_env,
	.stop = trial_none_stop,
};
