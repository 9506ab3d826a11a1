/* copy - bring what is missing to another vault, object by object. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/copy_job.h"
#include "cli/output.h"
#include "cli/stores.h"
#include "holdfast/err.h"

enum { TO };

static const struct option_spec options[] = {
	[TO] = { "to", 0, "NAME|URL", "the vault to copy to; an empty place becomes one" },
	{ 0 },
};

static int find_target(struct cli *cli, struct copy_job *job, char **url, struct err *err)
{
	const char *to = cli->options.own[TO];
	if (!to) {
		err_set(err, ERR_INVALID, "copy: no vault to copy to is named");
		return err_hint(err, "add --to NAME|URL");
	}
	if (cli_place(cli, err) != 0 || cli_find_vault(cli, to, &job->place, url, err) != 0)
		return err->code;
	job->url = *url;
	job->label = to;
	if (strcmp(*url, cli->url) != 0)
		return 0;
	err_set(err, ERR_INVALID, "copy: %s is the vault that is copied", *url);
	return err_hint(err, "--vault names the one to copy from, --to the other");
}

static int copy(struct cli *cli, struct copy_job *job, struct err *err)
{
	const struct options *o = &cli->options;
	if (cli_open(cli, err) != 0)
		return err->code;
	AUTO(stores) list = stores_load(cli, STORES_AS_THEY_ARE, err);
	if (!list || stores_keep(list, o->operands, o->n_operands, err) != 0)
		return err->code;
	job->stores = list;
	if (copy_job_run(job, err) != 0)
		return err_wrap(err, "copy to %.150s", job->label);
	bool silent = o->quiet && job->sum.problems == 0;
	if (!silent && copy_job_report(job, err) != 0)
		return err->code;
	return job->sum.problems ? EXIT_DAMAGE : EXIT_DONE;
}

static int run(struct cli *cli, struct err *err)
{
	struct copy_job job = { .cli = cli, .each = true };
	char *url = NULL;
	int rc = find_target(cli, &job, &url, err);
	if (rc == 0)
		rc = copy(cli, &job, err);
	free(url);
	return rc;
}

const struct command cmd_copy = {
	.name = "copy",
	.summary = "bring what is missing to another vault",
	.usage = "[STORE|PATTERN...] --to VAULT [--vault VAULT]",
	.about = "Copy the named stores, or all, to another vault: only what is missing there, and without\n"
	         "any key. An empty place becomes a copy of the vault; one that holds another vault is\n"
	         "refused. Packs, snapshots and keys are verified on the way. What is damaged is named and\n"
	         "left out, with the snapshots that need it: exit status 20. An interrupted copy goes on\n"
	         "when repeated. To move a vault: copy it, then give its section the new url.\n",
	.options = options,
	.changes = true,
	.reads = true,
	.run = run,
};
