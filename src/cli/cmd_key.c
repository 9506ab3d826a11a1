/* key - machines and their keys: `holdfast key enroll|accept|grant|list|show|recover`. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/key_verbs.h"
#include "cli/output.h"
#include "cli/verb.h"
#include "holdfast/err.h"
#include "holdfast/vault.h"

static const struct option_spec options[] = {
	[KEY_ROLE] = { "role", 0, "ROLES",
	               "enroll: writer, drill, restorer, auditor, admin; several: a,b" },
	[KEY_NAME] = { "name", 0, "NAME", "enroll, recover: what this machine is to be called" },
	[KEY_YES] = { "yes", 'y', NULL, "accept: do not ask" },
	[KEY_ALL] = { "all", 0, NULL, "grant: every store there is and will be" },
	{ 0 },
};

static const struct verb verbs[] = {
	{ "enroll", 0, 0, TAKES(KEY_ROLE) | TAKES(KEY_NAME), key_enroll, "--role ROLES --name NAME" },
	{ "accept", 1, 1, TAKES(KEY_YES), key_accept, "REQUEST|- [--yes]" },
	{ "grant", 1, SIZE_MAX, TAKES(KEY_ALL), key_grant, "NAME STORE|PATTERN...|--all" },
	{ "list", 0, 0, 0, key_list, "" },
	{ "show", 0, 1, 0, key_show, "[NAME]" },
	{ "recover", 0, 0, TAKES(KEY_NAME), key_recover, "[--name NAME]" },
	{ .name = NULL },
};

json_t *key_machine_json(const struct enrol_machine *m)
{
	char roles[ROLES_TEXT_MAX];
	json_t *j = json_pack("{s:o, s:s, s:s, s:s, s:b}", "name", output_json_text(m->name), "roles",
	                      roles_text(roles, m->roles), "key", m->id, "key_fingerprint", m->fingerprint,
	                      "self", m->self);
	if (j && m->enrolled_s) {
		json_object_set_new(j, "enrolled", json_integer((json_int_t)m->enrolled_s));
		json_object_set_new(j, "by", output_json_text(m->by));
	}
	return j;
}

static int find_self(void *arg, const struct enrol_machine *m, struct err *err)
{
	(void)err;
	if (m->self)
		*(struct enrol_machine *)arg = *m;
	return m->self;
}

int key_self(const struct cli *cli, struct enrol_machine *out, struct err *err)
{
	int rc = enrol_machines(cli->vault, find_self, out, err);
	if (rc < 0)
		return rc;
	if (rc > 0)
		return 0;
	err_set(err, ERR_ABSENT, "this machine has no key of vault %s", vault_short_id(cli->vault));
	return err_hint(err, "'holdfast key enroll' makes one");
}

int key_unlock_root(struct cli *cli, struct err *err)
{
	bool done;
	vault_keep_root(cli->vault);
	return cli_unlock_if_given(cli, true, &done, err);
}

static int run(struct cli *cli, struct err *err)
{
	const struct verb *v = verb_choose(&cmd_key, verbs, &cli->options, err);
	if (!v)
		return err->code;
	int rc = v->run(cli, err);
	return rc < 0 ? err_wrap(err, "key %s", v->name) : rc;
}

const struct command cmd_key = {
	.name = "key",
	.summary = "machines and their keys: who writes, who reads what",
	.usage = "enroll|accept|grant|list|show|recover [OPERANDS]",
	.about = "  key enroll --role ROLES --name NAME   on a new machine: make its key, print a request\n"
	         "  key accept REQUEST|-                  on an admin's: enter it in the charter\n"
	         "  key grant NAME STORE|PATTERN...       let a drill or restorer read these stores\n"
	         "                                        without the recovery code; --all: every store\n"
	         "  key list                              machines, roles and grants\n"
	         "  key show [NAME]                       one of them (this one) in detail\n"
	         "  key recover [--name NAME]             on a machine in place of a lost one: the key of\n"
	         "                                        a writer and admin\n"
	         "\n"
	         "accept needs an admin's key here or the recovery code; for an admin, and for grant and\n"
	         "recover, it must be the recovery code. Compare the fingerprints that are shown: the\n"
	         "vault's with the recovery sheet, the key's on both machines.\n",
	.options = options,
	.changes = true,
	.run = run,
};
