/* key accept, key grant: places in the charter for other machines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/key_verbs.h"
#include "cli/output.h"
#include "cli/stores.h"
#include "cli/terminal.h"
#include "cli/text.h"
#include "holdfast/err.h"
#include "holdfast/grant.h"
#include "holdfast/ledger.h"
#include "holdfast/vault.h"

enum {
	INPUT_MAX = 4096,     /* a request with what mail programs put around its lines */
	NAMED_MAX = 20,       /* stores that a grant names one by one */
};

/* ---- accept ---- */

/* From the operand, or with "-" from standard input. */
static int read_request(const struct cli *cli, char out[INPUT_MAX], size_t *len, struct err *err)
{
	const char *given = cli->options.operands[1];
	if (strcmp(given, "-") == 0) {
		if (io_read(STDIN_FILENO, out, INPUT_MAX, len, err) != 0)
			return err_wrap(err, "standard input");
		return 0;
	}
	*len = strnlen(given, INPUT_MAX);
	memcpy(out, given, *len);
	return 0;
}

static int nobody_to_ask(struct err *err)
{
	err_set(err, ERR_INVALID, "there is no terminal to ask whether the fingerprints agree");
	return err_hint(err, "compare the key fingerprint with the one that 'key enroll' showed, and repeat "
	                "with --yes");
}

static int confirm(const struct cli *cli, const struct enrol_machine *m, bool *yes, struct err *err)
{
	char roles[ROLES_TEXT_MAX], question[ENROL_NAME_MAX + 160];
	*yes = true;
	if (!cli->options.json && !cli->options.quiet)
		printf("%s asks to be enrolled in vault %s as: %s\n  Key fingerprint    %s\n", m->name,
		       vault_short_id(cli->vault), roles_text(roles, m->roles), m->fingerprint);
	if (cli->options.own[KEY_YES] || cli->options.dry_run)
		return 0;
	if (!terminal_is_there())
		return nobody_to_ask(err);
	if (output_flush(err) != 0)
		return err->code;
	snprintf(question, sizeof question, "Is this the fingerprint that %s shows? [Y/n] ", m->name);
	return terminal_confirm(question, yes, err);
}

int key_told(int rc, const struct err *why)
{
	if (rc == 0)
		return 0;
	output_note("it is done, but not in the ledger: %s", why->msg);
	return EXIT_DEGRADED;
}

static int tell_accepted(const struct cli *cli, const struct enrol_machine *m, struct err *err)
{
	if (cli->options.json)
		return output_json(key_machine_json(m), err);
	if (cli->options.quiet)
		return 0;
	printf("%s is enrolled.\n", m->name);
	if (m->roles & ROLES_READERS)
		printf("It can read nothing yet. With the recovery code: holdfast key grant %s STORE\n",
		       m->name);
	return 0;
}

int key_accept(struct cli *cli, struct err *err)
{
	char text[INPUT_MAX];
	size_t len;
	bool yes;
	struct enrol_machine m;
	if (read_request(cli, text, &len, err) != 0 || cli_open(cli, err) != 0 ||
	    enrol_inspect(cli->vault, text, len, &m, err) != 0 || confirm(cli, &m, &yes, err) != 0)
		return err->code;
	if (!yes) {
		output_note("%s was not enrolled", m.name);
		return EXIT_FAILED;
	}
	if ((enrol_takes_root(cli->vault, &m) || cli->options.passphrase_file) &&
	    key_unlock_root(cli, err) != 0)
		return err->code;
	if (cli->options.dry_run)
		return 0;
	struct err why;
	if (enrol_accept(cli->vault, text, len, err) != 0 || tell_accepted(cli, &m, err) != 0)
		return err->code;
	return key_told(ledger_tell_enrolment(cli->vault, m.name, &why), &why);
}

/* ---- grant ---- */

static struct grant_store *places(const struct stores *list, struct err *err)
{
	struct grant_store *all = calloc(list->n + 1, sizeof *all);
	for (size_t i = 0; all && i < list->n; i++) {
		memcpy(all[i].writer, list->entries[i].info.writer, sizeof all[i].writer);
		memcpy(all[i].store, list->entries[i].info.store, sizeof all[i].store);
	}
	if (!all)
		err_no_memory(err);
	return all;
}

static void name_stores(const struct cli *cli, const struct stores *list)
{
	if (cli->options.json || cli->options.quiet)
		return;
	for (size_t i = 0; i < list->n && i < NAMED_MAX; i++) {
		char safe[4 * sizeof list->entries[i].label];
		printf("  %s\n", text_escape(safe, sizeof safe, list->entries[i].label));
	}
	if (list->n > NAMED_MAX)
		printf("  and %zu more\n", list->n - NAMED_MAX);
}

static int tell_granted(const struct cli *cli, const char *machine, const struct stores *list, bool all,
                        const struct grant_result *r, struct err *err)
{
	if (cli->options.json)
		return output_json(json_pack("{s:o, s:b, s:I, s:I, s:I}", "machine",
		                             output_json_text(machine), "all", all, "stores",
		                             (json_int_t)list->n, "keys_sealed", (json_int_t)r->keys,
		                             "keys_before", (json_int_t)r->keys_before), err);
	if (cli->options.quiet)
		return 0;
	printf("%s can read %s%zu store%s: %zu key%s sealed to it", machine,
	       all ? "every store, now " : "", list->n, list->n == 1 ? "" : "s", r->keys,
	       r->keys == 1 ? "" : "s");
	if (r->keys_before)
		printf(", %zu were before", r->keys_before);
	printf("\n");
	name_stores(cli, list);
	return 0;
}

static int grant(struct cli *cli, const struct stores *list, bool all, struct err *err)
{
	struct grant_result r;
	const char *machine = cli->options.operands[1];
	if (cli->options.dry_run) {
		printf("would grant %s:\n", machine);
		name_stores(cli, list);
		return 0;
	}
	struct grant_store *stores = places(list, err);
	if (!stores)
		return err->code;
	int rc = grant_stores(cli->vault, machine, stores, list->n, all, &r, err);
	free(stores);
	struct err why;
	if (rc != 0 || tell_granted(cli, machine, list, all, &r, err) != 0)
		return err->code;
	return key_told(ledger_tell_grant(cli->vault, machine, r.keys, &why), &why);
}

static int check_operands(const struct cli *cli, bool all, struct err *err)
{
	bool some = cli->options.n_operands > 2;
	if (all != some)
		return 0;
	err_set(err, ERR_INVALID, all ? "--all and names of stores exclude each other"
	                              : "no store is named");
	return err_hint(err, "usage: holdfast key grant NAME STORE|PATTERN...|--all");
}

int key_grant(struct cli *cli, struct err *err)
{
	bool all = cli->options.own[KEY_ALL] != NULL;
	if (check_operands(cli, all, err) != 0 || cli_open(cli, err) != 0 || key_unlock_root(cli, err) != 0)
		return err->code;
	AUTO(stores) list = stores_load(cli, STORES_AS_THEY_ARE, err);
	if (!list)
		return err->code;
	/* without the code no name is known: grant_stores says what is missing, not "no such store" */
	if (vault_can_read(cli->vault) &&
	    stores_keep(list, cli->options.operands + 2, cli->options.n_operands - 2, err) != 0)
		return err->code;
	return grant(cli, list, all, err);
}
