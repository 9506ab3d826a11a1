/* key list, key show: who is in the charter, and what each may read. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/key_verbs.h"
#include "cli/output.h"
#include "cli/stores.h"
#include "cli/table.h"
#include "cli/text.h"
#include "holdfast/err.h"
#include "holdfast/grant.h"
#include "holdfast/vault.h"

struct listing {
	struct cli *cli;
	struct stores *stores;
	struct table *table;   /* NULL: JSON */
	const char *wanted;    /* show: this name, or NULL: this machine */
	bool found;
};

/* ---- grants ---- */

static size_t count_granted(const struct listing *l, const char *machine)
{
	size_t n = 0;
	for (size_t i = 0; i < l->stores->n; i++)
		n += grant_covers(l->cli->vault, machine, &l->stores->entries[i].info);
	return n;
}

static void granted_text(const struct listing *l, const struct enrol_machine *m, char out[40])
{
	size_t n = count_granted(l, m->name);
	if (grant_covers_all(l->cli->vault, m->name))
		snprintf(out, 40, "every store");
	else if (n)
		snprintf(out, 40, "%zu store%s", n, n == 1 ? "" : "s");
	else
		snprintf(out, 40, "-");
}

static json_t *granted_json(const struct listing *l, const struct enrol_machine *m)
{
	json_t *list = json_array();
	for (size_t i = 0; list && i < l->stores->n; i++)
		if (grant_covers(l->cli->vault, m->name, &l->stores->entries[i].info))
			json_array_append_new(list, output_json_text(l->stores->entries[i].label));
	return list;
}

static json_t *as_json(const struct listing *l, const struct enrol_machine *m)
{
	json_t *j = key_machine_json(m);
	if (!j)
		return NULL;
	json_object_set_new(j, "reads_all", json_boolean(grant_covers_all(l->cli->vault, m->name)));
	json_object_set_new(j, "reads", granted_json(l, m));
	return j;
}

/* ---- list ---- */

static int list_one(void *arg, const struct enrol_machine *m, struct err *err)
{
	const struct listing *l = arg;
	char roles[ROLES_TEXT_MAX], when[TEXT_MAX] = "waiting", reads[40];
	if (!l->table)
		return output_json(as_json(l, m), err);
	if (m->enrolled_s)
		text_time(when, (int64_t)m->enrolled_s);
	granted_text(l, m, reads);
	return TABLE_ROW(l->table, err, m->self ? "*" : "", m->name, roles_text(roles, m->roles), when,
	                 m->by, reads, m->fingerprint);
}

static int load(struct listing *l, struct err *err)
{
	if (cli_open(l->cli, err) != 0)
		return err->code;
	l->stores = stores_load(l->cli, STORES_AS_THEY_ARE, err);
	return l->stores ? 0 : err->code;
}

static int print_list(struct listing *l, struct err *err)
{
	char abilities[VAULT_ABILITIES_MAX];
	AUTO(table) t = table_new("lllllll", err);
	if (!t || TABLE_ROW(t, err, "", "NAME", "ROLES", "ENROLLED", "BY", "CAN READ", "FINGERPRINT") != 0)
		return err->code;
	if (!l->cli->options.json)
		l->table = t;
	if (enrol_machines(l->cli->vault, list_one, l, err) != 0)
		return err->code;
	if (!l->table)
		return 0;
	table_print(t);
	printf("\n%s\n", vault_abilities_text(l->cli->vault, abilities));
	return 0;
}

int key_list(struct cli *cli, struct err *err)
{
	struct listing l = { .cli = cli };
	int rc = load(&l, err) == 0 ? print_list(&l, err) : err->code;
	stores_free(l.stores);
	return rc;
}

/* ---- show ---- */

static void print_label(const struct store_entry *e)
{
	char safe[4 * sizeof e->label];
	printf("  %s\n", text_escape(safe, sizeof safe, e->label));
}

static int print_stores(const struct listing *l, const struct enrol_machine *m)
{
	if (grant_covers_all(l->cli->vault, m->name))
		return printf("can read     every store there is and will be\n");
	if (count_granted(l, m->name) == 0)
		return printf("can read     nothing\n");
	printf("can read\n");
	for (size_t i = 0; i < l->stores->n; i++)
		if (grant_covers(l->cli->vault, m->name, &l->stores->entries[i].info))
			print_label(&l->stores->entries[i]);
	return 0;
}

static int print_machine(const struct listing *l, const struct enrol_machine *m, struct err *err)
{
	char roles[ROLES_TEXT_MAX], when[TEXT_MAX], request[ENROL_REQUEST_MAX];
	char name[4 * ENROL_NAME_MAX], by[4 * ENROL_NAME_MAX];
	text_escape(by, sizeof by, m->by);
	printf("name         %s%s\nroles        %s\nfingerprint  %s\nkey id       %s\n",
	       text_escape(name, sizeof name, m->name), m->self ? " (this machine)" : "",
	       roles_text(roles, m->roles), m->fingerprint, m->id);
	if (m->enrolled_s)
		printf("enrolled     %s by %s\n", text_time(when, (int64_t)m->enrolled_s), by);
	printf("record key   %s\nlog key      %s\nreport key   %s\nbox key      %s\n", m->record, m->log,
	       m->report, m->box);
	if (m->enrolled_s) {
		print_stores(l, m);
		return 0;
	}
	if (enrol_pending(l->cli->vault, request, err) == 0)
		printf("waits        holdfast key accept %s\n", request);
	else if (err->code == ERR_ABSENT)
		printf("waits        'holdfast key recover' was cut short: repeat it\n");
	else
		return err->code;
	return 0;
}

static int show_one(void *arg, const struct enrol_machine *m, struct err *err)
{
	struct listing *l = arg;
	if (l->found || (l->wanted ? strcmp(l->wanted, m->name) != 0 : !m->self))
		return 0;
	l->found = true;
	if (!l->cli->options.json)
		return print_machine(l, m, err);
	json_t *j = as_json(l, m);
	if (j) {
		json_object_set_new(j, "record", json_string(m->record));
		json_object_set_new(j, "log", json_string(m->log));
		json_object_set_new(j, "report", json_string(m->report));
		json_object_set_new(j, "box", json_string(m->box));
	}
	return output_json(j, err);
}

static int show(struct listing *l, struct err *err)
{
	struct enrol_machine self;
	if (load(l, err) != 0 || (!l->wanted && key_self(l->cli, &self, err) != 0) ||
	    enrol_machines(l->cli->vault, show_one, l, err) != 0)
		return err->code;
	if (l->found)
		return 0;
	err_set(err, ERR_ABSENT, "there is no machine '%.100s' in vault %s", l->wanted,
	        vault_short_id(l->cli->vault));
	return err_hint(err, "'holdfast key list' names them");
}

int key_show(struct cli *cli, struct err *err)
{
	struct listing l = { .cli = cli,
		             .wanted = cli->options.n_operands > 1 ? cli->options.operands[1] : NULL };
	int rc = show(&l, err);
	stores_free(l.stores);
	return rc;
}
