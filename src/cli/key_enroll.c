/* key enroll, key recover: a key for this machine. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/key_verbs.h"
#include "cli/new_place.h"
#include "cli/output.h"
#include "holdfast/err.h"
#include "holdfast/ledger.h"
#include "holdfast/vault.h"

/* ---- enroll ---- */

static int read_roles(const struct cli *cli, unsigned *roles, struct err *err)
{
	const char *text = cli->options.own[KEY_ROLE];
	if (!text || !cli->options.own[KEY_NAME]) {
		err_set(err, ERR_INVALID, "--role and --name are needed");
		return err_hint(err, "for example 'holdfast key enroll --role drill --name drill1 "
		                "--vault URL'");
	}
	if (roles_parse(text, roles))
		return 0;
	err_set(err, ERR_INVALID, "'%.60s' is no role", text);
	return err_hint(err, "writer, drill, restorer, auditor, admin; several with commas between them");
}

static void print_request(const struct cli *cli, const struct enrol_machine *m, const char *request,
                          bool again)
{
	char roles[ROLES_TEXT_MAX];
	if (cli->options.quiet) {
		printf("%s\n", request);
		return;
	}
	printf("This machine %s vault %s, %s,\nto be enrolled as %s (%s).\n\n"
	       "  Vault fingerprint  %s   must be the recovery sheet's\n"
	       "  Key fingerprint    %s   must be what 'key accept' shows\n"
	       "  Key file           %s/%s.key\n\n"
	       "Where an admin's key is, or with the recovery code%s:\n\n"
	       "  holdfast key accept %s\n", again ? "has asked already" : "asks", vault_short_id(cli->vault),
	       vault_url(cli->vault), m->name, roles_text(roles, m->roles), vault_fingerprint(cli->vault),
	       m->fingerprint, cli->keys, vault_id_text(cli->vault),
	       m->roles & ROLE_ADMIN ? " (it must be the code, for an admin)" : "", request);
}

static int show_request(const struct cli *cli, const char *request, bool again, struct err *err)
{
	struct enrol_machine m;
	if (enrol_inspect(cli->vault, request, strlen(request), &m, err) != 0)
		return err->code;
	if (!cli->options.json) {
		print_request(cli, &m, request, again);
		return 0;
	}
	json_t *j = key_machine_json(&m);
	if (j) {
		json_object_set_new(j, "request", json_string(request));
		json_object_set_new(j, "vault", json_string(vault_id_text(cli->vault)));
		json_object_set_new(j, "fingerprint", json_string(vault_fingerprint(cli->vault)));
	}
	return output_json(j, err);
}

int key_enroll(struct cli *cli, struct err *err)
{
	unsigned roles;
	bool again;
	char request[ENROL_REQUEST_MAX];
	const char *name = cli->options.own[KEY_NAME];
	NEW_PLACE_AUTO place = { .cli = cli };
	if (read_roles(cli, &roles, err) != 0 || new_place_choose(&place, err) != 0 ||
	    cli_open(cli, err) != 0)
		return err->code;
	if (cli->options.dry_run) {
		output_note("would make a key for %s in %s", name, cli->keys);
		return 0;
	}
	if (enrol_request(cli->vault, cli->keys, roles, name, request, &again, err) != 0 ||
	    new_place_write(&place, err) != 0)
		return err->code;
	return show_request(cli, request, again, err);
}

/* ---- recover ---- */

static void print_recovered(const struct cli *cli, const char *wanted)
{
	const char *name = vault_machine(cli->vault);
	if (cli->options.quiet)
		return;
	printf("This machine is enrolled as %s, writer and admin of vault %s.\n", name,
	       vault_short_id(cli->vault));
	if (strcmp(name, wanted) != 0)
		printf("(%s is the name of the machine that was.)\n", wanted);
	printf("\nNext: 'holdfast add' its stores, and back up. The first snapshot of each is a full one:\n"
	       "stores belong to the machine that writes them. Older snapshots stay where they are:\n"
	       "'holdfast restore STORE' takes the newest of all machines, MACHINE:STORE one of them.\n");
}

int key_recover(struct cli *cli, struct err *err)
{
	char host[NEW_PLACE_NAME_MAX];
	struct enrol_machine self;
	const char *given = cli->options.own[KEY_NAME], *name = given ? given : new_place_machine(host);
	NEW_PLACE_AUTO place = { .cli = cli };
	if (new_place_choose(&place, err) != 0 || cli_open(cli, err) != 0)
		return err->code;
	if (cli->options.dry_run) {
		output_note("would enrol this machine as %s and make its key in %s", name, cli->keys);
		return 0;
	}
	if (key_unlock_root(cli, err) != 0 ||
	    enrol_recover(cli->vault, cli->keys, name, !given, err) != 0)
		return err->code;
	if (new_place_write(&place, err) != 0)
		return err_wrap(err, "this machine is enrolled, but its configuration is not written");
	if (!cli->options.json)
		print_recovered(cli, name);
	else if (key_self(cli, &self, err) != 0 || output_json(key_machine_json(&self), err) != 0)
		return err->code;
	struct err why;
	return key_told(ledger_tell_enrolment(cli->vault, vault_machine(cli->vault), &why), &why);
}
