#include "cli/choice.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "holdfast/err.h"

void choice_free(struct choice *c)
{
	stores_free(c->stores);
	c->stores = NULL;
}

/* What follows "crm: " or "restore crm: ", or the whole message. */
static const char *fact_of(const char *msg, const char *store)
{
	static const char verb[] = "restore ";
	const char *at = strncmp(msg, verb, sizeof verb - 1) == 0 ? msg + sizeof verb - 1 : msg;
	size_t len = strlen(store);
	return strncmp(at, store, len) == 0 && strncmp(at + len, ": ", 2) == 0 ? at + len + 2 : msg;
}

int choice_wrap(const struct cli *cli, const char *store, struct err *err)
{
	char fact[sizeof err->msg];
	snprintf(fact, sizeof fact, "%s", fact_of(err->msg, store));
	memcpy(err->msg, fact, sizeof fact);
	return err_wrap(err, "%s %s", cli->command->name, store);
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
	AUTO(stores) list = stores_load_holding(cli, spec.store, err);
	const struct store_entry *store = list ? stores_one(list, spec.store, err) : NULL;
	if (!store || choice_select(cli, store, spec.snapshot, &out->snapshot, err) != 0)
		return err->code;
	out->store = store;
	out->stores = TAKE(list);
	return 0;
}
