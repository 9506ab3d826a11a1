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

static size_t same_name_from(const struct stores *list, size_t at)
{
	size_t end = at + 1;
	const char *name = list->entries[at].info.name;
	while (name && end < list->n && list->entries[end].info.name &&
	       strcmp(list->entries[end].info.name, name) == 0)
		end++;
	return end;
}

static int several(struct cli *cli, const struct stores *list, size_t a, size_t b, const char *spec,
                   struct err *err)
{
	err_set(err, ERR_INVALID, "%s: snapshot %.40s is there of several machines: '%s' and '%s'",
	        cli->command->name, spec, list->entries[a].label, list->entries[b].label);
	return err_hint(err, "name one of them");
}

/* *best: of the stores at [at, end) the one with the newest snapshot; `at` if none has such a one. */
static int find_newest(struct cli *cli, const struct stores *list, size_t at, size_t end,
                       const char *spec, size_t *best, struct err *err)
{
	bool number = spec && *spec && spec[strspn(spec, "0123456789")] == '\0', found = false;
	int64_t newest = 0;
	*best = at;
	for (size_t i = at; i < end; i++) {
		struct snapshot_info info;
		int rc = snapshot_select(cli->vault, &list->entries[i].info, spec, &info, err);
		if (rc == ERR_ABSENT)
			continue;
		if (rc != 0)
			return choice_wrap(cli, list->entries[i].label, err);
		if (found && number)
			return several(cli, list, *best, i, spec, err);
		if (!found || info.time_s > newest) {
			newest = info.time_s;
			*best = i;
		}
		found = true;
	}
	return 0;
}

int choice_prefer(struct cli *cli, struct stores *list, const char *spec, struct err *err)
{
	for (size_t at = 0; at < list->n; at++) {
		size_t best, end = same_name_from(list, at);
		if (end == at + 1)
			continue;
		if (find_newest(cli, list, at, end, spec, &best, err) != 0)
			return err->code;
		if (!cli->options.quiet)
			output_note("%zu machines have a store '%s'; the newest snapshot is in %s",
			            end - at, list->entries[at].info.name, list->entries[best].label);
		for (size_t i = end; i-- > at;)
			if (i != best)
				stores_remove(list, i);
	}
	return 0;
}

int choice_open(struct cli *cli, const char *operand, struct choice *out, struct err *err)
{
	struct store_spec spec;
	*out = (struct choice){ 0 };
	char *pattern = spec.store;
	if (stores_parse_spec(operand, &spec, err) != 0)
		return err->code;
	AUTO(stores) list = stores_load_to_read(cli, pattern, err);
	if (!list || stores_keep(list, &pattern, 1, err) != 0 ||
	    choice_prefer(cli, list, spec.snapshot, err) != 0)
		return err->code;
	const struct store_entry *store = stores_one(list, pattern, err);
	if (!store || choice_select(cli, store, spec.snapshot, &out->snapshot, err) != 0)
		return err->code;
	out->store = store;
	out->stores = TAKE(list);
	return 0;
}
