/* status - how old the newest snapshot of every store is, in each vault, against its objective. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/drill_status.h"
#include "cli/output.h"
#include "cli/passphrase.h"
#include "cli/status_metrics.h"
#include "cli/status_text.h"
#include "cli/status_view.h"
#include "holdfast/err.h"
#include "holdfast/vault.h"

enum { PROMETHEUS };

static const struct option_spec options[] = {
	[PROMETHEUS] = { "prometheus", 0, "FILE", "write metrics to FILE, for node_exporter" },
	{ 0 },
};

static enum exit_code exit_of(const struct cli *cli, const struct status_view *v)
{
	const struct err *away = &v->vaults[0].away;
	if (v->damaged > 0 || v->ledger.code != ERR_NONE)
		return EXIT_DAMAGE;
	if (v->overdue > 0)
		return EXIT_OVERDUE;
	if (away->code != ERR_NONE)
		return cli->no_vault ? EXIT_NO_VAULT : exit_code_of(away->code);
	return v->late > 0 || v->away > 0 ? EXIT_DEGRADED : EXIT_DONE;
}

/* Where the vault could not be opened nobody knows. */
static void tell_abilities(const struct cli *cli)
{
	char text[VAULT_ABILITIES_MAX];
	struct passphrase_source source = cli_passphrase_source(cli);
	const char *more = passphrase_is_given(&source)
	                           ? "; a source of the recovery code is there: with it, everything" : "";
	if (cli->vault)
		printf("%s%s\n", vault_abilities_text(cli->vault, text), more);
}

/* What is told of stores outranks drills, but for copies that are late; damage outranks all. */
static enum exit_code both(enum exit_code stores, enum exit_code drills)
{
	if (drills == EXIT_DAMAGE)
		return drills;
	return drills != EXIT_DONE && (stores == EXIT_DONE || stores == EXIT_DEGRADED) ? drills : stores;
}

static int tell(struct cli *cli, const struct status_view *v, const struct drill_status *drills,
                enum exit_code code, struct err *err)
{
	const struct options *o = &cli->options;
	if (o->json)
		return status_text_json(v, err) == 0 ? status_text_drills_json(drills, err) : err->code;
	if (o->quiet && code == EXIT_DONE)
		return 0;
	if (status_text_print(v, o->verbose || o->n_operands > 0, err) != 0)
		return err->code;
	status_text_drills(drills);
	tell_abilities(cli);
	return 0;
}

static void tell_trouble(const struct err *what)
{
	if (what->code != ERR_NONE)
		output_error(what);
}

static void tell_troubles(const struct status_view *v, const struct drill_status *drills)
{
	for (size_t i = 0; i < v->n_vaults; i++)
		tell_trouble(&v->vaults[i].away);
	for (size_t i = 0; i < v->n; i++)
		tell_trouble(&v->stores[i].why);
	tell_trouble(&v->ledger);
	if (v->ledger.code != drills->unread.code)
		tell_trouble(&drills->unread);
}

static int run(struct cli *cli, struct err *err)
{
	static const struct drill_status nothing = { 0 };
	const struct options *o = &cli->options;
	AUTO(status_view) v = status_view_new(cli, err);
	/* who asks for stores by name is told of these */
	AUTO(drill_status) own = v && o->n_operands == 0 ? drill_status_new(cli, err) : NULL;
	if (!v || (!own && o->n_operands == 0))
		return err->code;
	const struct drill_status *drills = own ? own : &nothing;
	enum exit_code code = both(exit_of(cli, v), drill_status_exit(drills));
	tell_troubles(v, drills);
	if (o->own[PROMETHEUS] && status_metrics_write(v, drills, o->own[PROMETHEUS], err) != 0)
		return err->code;
	int rc = tell(cli, v, drills, code, err);
	return rc != 0 ? rc : (int)code;
}

const struct command cmd_status = {
	.name = "status",
	.summary = "how old the newest snapshots and their copies are",
	.usage = "[STORE|PATTERN...] [--prometheus FILE]",
	.about = "Tell the newest snapshot of the named stores, or of all, and hold its age against 'rpo',\n"
	         "or where none is set against the schedule: late is what missed a whole turn. A copy is\n"
	         "late where the first vault has a newer snapshot. With -v fleets are unfolded, and keys'\n"
	         "epochs shown. Exit status 5: a store or a drill is overdue; 6: the last drill did not\n"
	         "pass, or one was killed; 4: a copy is late, or a further vault could not be looked at;\n"
	         "20: a snapshot or a ledger is damaged, and what it would tell is missing here.\n",
	.options = options,
	.reads_late = true,
	.run = run,
};
