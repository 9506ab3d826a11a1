/* status - how old the newest snapshot of every store is, in each vault of the configuration. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/stores.h"
#include "cli/table.h"
#include "cli/text.h"
#include "holdfast/backend.h"
#include "holdfast/err.h"

/* A store as the first vault has it: what the others are held against. */
struct newest {
	struct store_entry *entry;
	struct snapshot_info info;
	bool found;
};

struct status {
	struct cli *cli;
	struct stores *stores;       /* of the first vault */
	struct newest *newest;       /* of each of them */
	struct table *table;
	size_t late, away;
};

/* ---- one line ---- */

static json_t *as_json(const char *vault, const struct store_entry *e, const struct newest *n,
                       bool late)
{
	json_t *j = json_pack("{s:o, s:o, s:b}", "vault", output_json_text(vault), "store",
	                      output_json_text(e->label), "late", late);
	if (j && n->found) {
		json_object_set_new(j, "snapshot", json_integer((json_int_t)n->info.seq));
		json_object_set_new(j, "time", json_integer((json_int_t)n->info.time_s));
		json_object_set_new(j, "age_s", json_integer((json_int_t)time(NULL) -
		                                             (json_int_t)n->info.time_s));
	}
	return j;
}

static int tell(struct status *s, const char *vault, const struct store_entry *e,
                const struct newest *n, bool late, struct err *err)
{
	char seq[TEXT_MAX] = "none", when[TEXT_MAX] = "", age[TEXT_MAX] = "";
	s->late += late;
	if (s->cli->options.json)
		return output_json(as_json(vault, e, n, late), err);
	if (n->found) {
		snprintf(seq, sizeof seq, "%" PRIu64, n->info.seq);
		text_time(when, n->info.time_s);
		text_age(age, (int64_t)time(NULL) - n->info.time_s);
	}
	return TABLE_ROW(s->table, err, e->label, vault, seq, when, age, late ? "LATE" : "");
}

/* ---- the first vault ---- */

static int look_at_first(struct status *s, const char *name, struct err *err)
{
	struct cli *cli = s->cli;
	s->stores = stores_load(cli, STORES_AS_THEY_ARE, err);
	if (!s->stores || stores_keep(s->stores, cli->options.operands, cli->options.n_operands, err) != 0)
		return err->code;
	s->newest = calloc(s->stores->n + 1, sizeof *s->newest);
	if (!s->newest)
		return err_set(err, ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < s->stores->n; i++) {
		struct newest *n = &s->newest[i];
		n->entry = &s->stores->entries[i];
		if (stores_newest(cli, n->entry, &n->info, &n->found, err) != 0) {
			output_name(err, n->entry->label);
			return err->code;
		}
		if (tell(s, name, n->entry, n, false, err) != 0)
			return err->code;
	}
	return 0;
}

/* ---- its copies ---- */

static int look_at_store(struct status *s, struct vault *v, const char *name, const struct newest *first,
                         struct err *err)
{
	struct newest n = { .found = false };
	int rc = snapshot_select(v, &first->entry->info, NULL, &n.info, err);
	n.found = rc == 0;
	if (rc != 0 && rc != ERR_ABSENT)
		return rc;
	bool late = first->found && (!n.found || n.info.seq < first->info.seq);
	return tell(s, name, first->entry, &n, late, err);
}

static int check_same(const struct status *s, const struct vault *v, struct err *err)
{
	if (strcmp(vault_id_text(v), vault_id_text(s->cli->vault)) == 0)
		return 0;
	return err_set(err, ERR_FORK, "is another vault (%s), no copy of %s", vault_short_id(v),
	               vault_short_id(s->cli->vault));
}

static int look_at_copy(struct status *s, const struct config_section *place, struct err *err)
{
	struct backend_options storage;
	char *url = cli_url_of(config_get(s->cli->config, place, "url"), err);
	if (!url)
		return err->code;
	cli_storage_options(s->cli, place, &storage);
	const struct vault_options o = { .url = url, .storage = &storage };
	struct vault *v = strcmp(url, s->cli->url) == 0 ? NULL : vault_open(&o, err);
	int rc = v ? check_same(s, v, err) : strcmp(url, s->cli->url) == 0 ? 0 : err->code;
	for (size_t i = 0; v && rc == 0 && i < s->stores->n; i++)
		rc = look_at_store(s, v, place->name, &s->newest[i], err);
	vault_free(v);
	free(url);
	return rc;
}

/* One that is away does not keep the others from being looked at. */
static int look_at_copies(struct status *s, struct err *err)
{
	const struct config *c = s->cli->config;
	for (size_t i = 0; i < c->n; i++) {
		const struct config_section *place = &c->sections[i];
		if (place->kind != CONFIG_VAULT || place == s->cli->place ||
		    look_at_copy(s, place, err) == 0)
			continue;
		if (err->code == ERR_NOMEM || err->code == ERR_STOPPED)
			return err->code;
		s->away++;
		err_wrap(err, "vault %.100s", *place->name ? place->name : "of [vault]");
		output_error(err);
	}
	return 0;
}

static void tell_abilities(const struct cli *cli)
{
	char text[VAULT_ABILITIES_MAX];
	struct passphrase_source source = cli_passphrase_source(cli);
	const char *more = passphrase_is_given(&source)
	                           ? "; a source of the recovery code is there: with it, everything" : "";
	printf("%s%s\n", vault_abilities_text(cli->vault, text), more);
}

static int report(const struct status *s)
{
	const struct options *o = &s->cli->options;
	bool fine = s->late == 0 && s->away == 0;
	if (!o->json && !(o->quiet && fine) && s->stores->n > 0)
		table_print(s->table);
	if (!o->json && !(o->quiet && fine))
		tell_abilities(s->cli);
	if (s->late > 0)
		output_note("%zu cop%s late: 'holdfast copy --to NAME' brings what is missing", s->late,
		            s->late == 1 ? "y is" : "ies are");
	return fine ? EXIT_DONE : EXIT_DEGRADED;
}

static int run(struct cli *cli, struct err *err)
{
	if (cli_open(cli, err) != 0)
		return err->code;
	const char *name = cli->place && *cli->place->name ? cli->place->name : "";
	AUTO(table) t = table_new("llrlrl", err);
	struct status s = { .cli = cli, .table = t };
	int rc = t ? TABLE_ROW(t, err, "STORE", "VAULT", "SNAPSHOT", "TIME", "AGE", "") : err->code;
	if (rc == 0)
		rc = look_at_first(&s, name, err);
	if (rc == 0)
		rc = look_at_copies(&s, err);
	if (rc == 0)
		rc = report(&s);
	stores_free(s.stores);
	free(s.newest);
	return rc;
}

const struct command cmd_status = {
	.name = "status",
	.summary = "how old the newest snapshots and their copies are",
	.usage = "[STORE|PATTERN...]",
	.about = "Tell the newest snapshot of the named stores, or of all, in each vault of the\n"
	         "configuration. A copy is late where the first vault has a newer snapshot. Exit status 4:\n"
	         "a copy is late, or its vault could not be looked at.\n",
	.run = run,
};
