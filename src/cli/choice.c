#include "cli/choice.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/output.h"
#include "holdfast/err.h"

void choice_free(struct choice *c)
{
	stores_free(c->stores);
	c->stores = NULL;
}

int choice_wrap(const struct cli *cli, const char *store, struct err *err)
{
	char prefix[VAULT_NAME_MAX + 120];
	size_t len = strlen(store);
	snprintf(prefix, sizeof prefix, "%s %s", cli->command->name, store);
	/* "crm: fact" becomes "restore crm: fact" */
	if (strncmp(err->msg, store, len) == 0 && err->msg[len] == ':') {
		char rest[sizeof err->msg];
		snprintf(rest, sizeof rest, "%s", err->msg + len);
		snprintf(err->msg, sizeof err->msg, "%s%.*s", prefix,
		         (int)(sizeof err->msg - sizeof prefix), rest);
	} else {
		output_name(err, prefix);
	}
	return err->code;
}

int choice_select(struct cli *cli, const struct store_entry *store, const char *spec,
                  struct snapshot_info *out, struct err *err)
{
	if (snapshot_select(cli->vault, &store->info, spec, out, err) != 0)
		return choice_wrap(cli, store->label, err);
	return 0;
}

int choice_open(struct cli *cli, const char *operand, struct choice *out, struct err *err)
{
	struct store_spec spec;
	*out = (struct choice){ 0 };
	if (stores_parse_spec(operand, &spec, err) != 0 || cli_open(cli, err) != 0 ||
	    cli_unlock(cli, err) != 0)
		return err->code;
	AUTO(stores) list = stores_load(cli, STORES_AS_THEY_ARE, err);
	const struct store_entry *store = list ? stores_one(list, spec.store, err) : NULL;
	if (!store || choice_select(cli, store, spec.snapshot, &out->snapshot, err) != 0)
		return err->code;
	out->store = store;
	out->stores = TAKE(list);
	return 0;
}
