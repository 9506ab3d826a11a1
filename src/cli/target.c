#include "cli/target.h"

#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/session.h"
#include "holdfast/err.h"

void target_free(struct target *t)
{
	stores_free(t->stores);
	t->stores = NULL;
}

int target_wrap(const struct session *s, const char *store, struct err *err)
{
	char prefix[VAULT_NAME_MAX + 120];
	size_t len = strlen(store);
	snprintf(prefix, sizeof prefix, "%s %s", s->command->name, store);
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

int target_select(struct session *s, const struct store_entry *store, const char *spec,
                  struct snapshot_info *out, struct err *err)
{
	if (snapshot_select(s->vault, &store->info, spec, out, err) != 0)
		return target_wrap(s, store->label, err);
	return 0;
}

int target_open(struct session *s, const char *operand, struct target *out, struct err *err)
{
	struct store_spec spec;
	*out = (struct target){ 0 };
	if (stores_parse_spec(operand, &spec, err) != 0 || session_open(s, err) != 0 ||
	    session_unlock(s, err) != 0)
		return err->code;
	AUTO(stores) list = stores_load(s, STORES_AS_THEY_ARE, err);
	const struct store_entry *store = list ? stores_one(list, spec.store, err) : NULL;
	if (!store || target_select(s, store, spec.snapshot, &out->snapshot, err) != 0)
		return err->code;
	out->store = store;
	out->stores = TAKE(list);
	return 0;
}
