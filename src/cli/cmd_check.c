/* check - is everything there, and is it what was written? */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/live.h"
#include "cli/output.h"
#include "cli/stores.h"
#include "cli/text.h"
#include "holdfast/check.h"
#include "holdfast/err.h"

enum { READ_DATA, SUBSET };

static const struct option_spec options[] = {
	[READ_DATA] = { "read-data", 0, NULL, "read the packs too, not only their names and lengths" },
	[SUBSET] = { "read-data-subset", 0, "N%", "read this part of the packs, others each day" },
	{ 0 },
};

struct check {
	struct cli *cli;
	struct check_options how;
	struct check_result sum;
	size_t closed;            /* stores that cannot be decrypted here */
	const char *subject;
};

static int parse_subset(const char *text, unsigned *out, struct err *err)
{
	char *end;
	unsigned long percent = strtoul(text, &end, 10);
	if (*text >= '0' && *text <= '9' && strcmp(end, "%") == 0 && percent >= 1 &&
	    percent <= 100) {
		*out = (unsigned)percent;
		return 0;
	}
	return err_set(err, ERR_INVALID, "check: '%s' is not a percentage such as 5%%", text);
}

static void on_problem(void *arg, const struct err *problem)
{
	struct check *c = arg;
	struct err shown = *problem, err;
	output_name(&shown, c->subject);
	output_error(&shown);
	if (c->cli->options.json)
		output_json(output_json_error(problem, c->subject), &err);
}

static int as_json(const struct check *c, const struct check_result *r, struct err *err)
{
	if (!c->cli->options.json)
		return 0;
	return output_json(json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "checked",
	                             output_json_text(c->subject), "snapshots",
	                             (json_int_t)r->snapshots, "packs", (json_int_t)r->packs,
	                             "packs_read", (json_int_t)r->packs_read, "bytes_read",
	                             (json_int_t)r->bytes_read, "problems", (json_int_t)r->problems,
	                             "unreferenced", (json_int_t)r->unreferenced, "late",
	                             (json_int_t)r->late, "decrypted", r->decrypted), err);
}

static int check_one(struct check *c, const struct store_entry *store, struct err *err)
{
	struct check_result r = { 0 };
	c->subject = store ? store->label : "vault";
	int rc = check_run(c->cli->vault, store ? &store->info : NULL, &c->how, on_problem, c, &r,
	                   err);
	live_clear();
	if (rc != 0) {
		output_name(err, c->subject);
		return err->code;
	}
	c->sum.snapshots += r.snapshots;
	c->sum.packs += r.packs;
	c->sum.packs_read += r.packs_read;
	c->sum.bytes_read += r.bytes_read;
	c->sum.problems += r.problems;
	c->sum.unreferenced += r.unreferenced;
	c->sum.late += r.late;
	c->sum.decrypted |= r.decrypted;
	c->closed += store && !r.decrypted;
	return as_json(c, &r, err);
}

static void print_found(const struct check *c, size_t stores)
{
	const struct check_result *r = &c->sum;
	char read[TEXT_MAX];
	if (r->problems)
		printf("%" PRIu64 " problem%s", r->problems, r->problems == 1 ? "" : "s");
	else
		printf("no problems");
	printf(" found in %zu store%s, %" PRIu64 " snapshot%s, %" PRIu64 " pack%s", stores,
	       stores == 1 ? "" : "s", r->snapshots, r->snapshots == 1 ? "" : "s", r->packs,
	       r->packs == 1 ? "" : "s");
	if (r->packs_read)
		printf("; %" PRIu64 " read, %s", r->packs_read, text_size(read, r->bytes_read));
	printf("\n");
}

static void summarize(const struct check *c, size_t stores)
{
	const struct check_result *r = &c->sum;
	const struct options *o = &c->cli->options;
	if (o->json || (o->quiet && r->problems == 0 && r->late == 0))
		return;
	print_found(c, stores);
	if (r->late)
		printf("%" PRIu64 " snapshot%s that this machine made %s not in this copy: it is late, or "
		       "was set back. 'holdfast copy --to NAME' brings what is missing.\n", r->late,
		       r->late == 1 ? "" : "s", r->late == 1 ? "is" : "are");
	if (r->unreferenced && o->verbose)
		printf("%" PRIu64 " packs are listed by no snapshot: left by interrupted backups\n",
		       r->unreferenced);
	if (c->how.read_data && !r->decrypted)
		printf("Contents were not decrypted: hashes and signatures only, no passphrase "
		       "given.\n");
	else if (c->how.read_data && c->closed)
		printf("Contents of %zu store%s were not decrypted: hashes and signatures only, not granted "
		       "to this machine.\n", c->closed, c->closed == 1 ? "" : "s");
	if (!c->how.read_data)
		printf("Packs were not read: names and lengths only. --read-data reads them.\n");
}

static int check_all(struct check *c, const struct stores *list, bool vault_too, struct err *err)
{
	if (vault_too && check_one(c, NULL, err) != 0)
		return err->code;
	for (size_t i = 0; i < list->n; i++)
		if (check_one(c, &list->entries[i], err) != 0)
			return err->code;
	summarize(c, list->n);
	return c->sum.problems ? EXIT_DAMAGE : c->sum.late ? EXIT_DEGRADED : EXIT_DONE;
}

static int run(struct cli *cli, struct err *err)
{
	const struct options *o = &cli->options;
	struct check c = { .cli = cli, .how.progress = cli_progress(cli) };
	struct vault_abilities here;
	bool unlocked;
	c.how.read_data = o->own[READ_DATA] || o->own[SUBSET];
	if (o->own[SUBSET] && parse_subset(o->own[SUBSET], &c.how.subset_percent, err) != 0)
		return err->code;
	/* from cron without a passphrase, hashes and signatures are still worth checking */
	if (cli_open(cli, err) != 0)
		return err->code;
	c.how.copy = cli_is_copy(cli);
	vault_abilities(cli->vault, &here);
	bool ask = c.how.read_data && !o->quiet && here.read == READS_NOTHING;
	if (cli_unlock_if_given(cli, ask, &unlocked, err) != 0)
		return err->code;
	AUTO(stores) list = stores_load(cli, STORES_AS_THEY_ARE, err);
	if (!list || stores_keep(list, o->operands, o->n_operands, err) != 0)
		return err->code;
	return check_all(&c, list, o->n_operands == 0, err);
}

const struct command cmd_check = {
	.name = "check",
	.summary = "verify that the vault is whole",
	.usage = "[STORE|PATTERN...] [--read-data] [--read-data-subset=N%]",
	.about = "Verify signatures, histories and that every pack is there in its length. --read-data also\n"
	         "reads the packs and verifies their hashes and, with a passphrase, opens them and\n"
	         "recomputes the sums of the newest snapshots. Exit status 20: problems were found; 4: the\n"
	         "vault is a copy, and snapshots that this machine made are not in it yet.\n",
	.options = options,
	.reads = true,
	.reads_late = true,
	.run = run,
};
