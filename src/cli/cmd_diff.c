/* diff - what changed between two snapshots of a store. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/choice.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/text.h"
#include "holdfast/err.h"

struct diff {
	bool json;
	size_t changes;
};

static int visit_json(enum diff_change change, const char *path, uint64_t old_bytes,
                      uint64_t new_bytes, struct err *err)
{
	char letter[2] = { (char)change, '\0' };
	return output_json(json_pack("{s:s, s:o, s:I, s:I}", "change", letter, "path",
	                             output_json_text(path), "old_bytes", (json_int_t)old_bytes,
	                             "new_bytes", (json_int_t)new_bytes), err);
}

static int visit(void *arg, enum diff_change change, const char *path, uint64_t old_bytes,
                 uint64_t new_bytes, struct err *err)
{
	struct diff *d = arg;
	char safe[4 * 4096], old[TEXT_MAX], new[TEXT_MAX];
	d->changes++;
	if (d->json)
		return visit_json(change, path, old_bytes, new_bytes, err);
	printf("%c  %s", (char)change, text_escape(safe, sizeof safe, path));
	if (change == DIFF_CONTENT && old_bytes != new_bytes)
		printf("  %s -> %s", text_size(old, old_bytes), text_size(new, new_bytes));
	printf("\n");
	return 0;
}

/* The other snapshot's name: what is behind '@', or the whole operand. */
static int parse_other(const struct choice *t, const char *operand, const char **spec,
                       struct err *err)
{
	struct store_spec other;
	*spec = operand;
	if (!operand || !strchr(operand, '@'))
		return 0;
	if (stores_parse_spec(operand, &other, err) != 0)
		return err->code;
	*spec = other.snapshot;
	if (!*other.store || stores_match(t->store, other.store))
		return 0;
	return err_set(err, ERR_INVALID, "diff: '%s' and '%s' are different stores",
	               t->store->label, other.store);
}

static int compare(struct cli *cli, const struct choice *older, uint64_t newer, struct err *err)
{
	struct diff d = { cli->options.json, 0 };
	bool exact = true;
	if (snapshot_diff(cli->vault, &older->store->info, older->snapshot.seq, newer, visit, &d,
	                  &exact, err) != 0)
		return choice_wrap(cli, older->store->label, err);
	if (!exact)
		output_note("the two were made under different page keys: contents are compared by "
		            "length and time only");
	if (d.changes == 0 && !d.json && !cli->options.quiet)
		printf("no difference\n");
	return 0;
}

static int run(struct cli *cli, struct err *err)
{
	const struct options *o = &cli->options;
	CHOICE_AUTO older = { 0 };
	struct snapshot_info newer;
	const char *spec;
	if (options_operands(o, &cmd_diff, 1, 2, err) != 0 ||
	    choice_open(cli, o->operands[0], &older, err) != 0 ||
	    parse_other(&older, o->n_operands > 1 ? o->operands[1] : NULL, &spec, err) != 0 ||
	    choice_select(cli, older.store, spec, &newer, err) != 0)
		return err->code;
	return compare(cli, &older, newer.seq, err);
}

const struct command cmd_diff = {
	.name = "diff",
	.summary = "compare two snapshots of a store",
	.usage = "STORE@SNAPSHOT [STORE@SNAPSHOT|SNAPSHOT]",
	.about = "List what is different in the second snapshot (the default: the latest):\n"
	         "  +  added    -  removed    M  content changed    U  only owner, mode or time changed\n",
	.reads = true,
	.falls_back = true,
	.reads_late = true,
	.run = run,
};
