#include "cli/status_view.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "cli/after_backup.h"
#include "cli/asking.h"
#include "cli/cli.h"
#include "cli/due.h"
#include "cli/known.h"
#include "cli/stores.h"
#include "holdfast/backend.h"
#include "holdfast/runs.h"

/* Lives as long as the view, which points into it. */
struct status_data {
	struct stores *there;      /* of the first vault; NULL when it is away */
	struct known *known;       /* of the configuration; NULL when the vault is away */
	struct outcomes *outcomes;
};

void status_view_free(struct status_view *v)
{
	if (!v)
		return;
	for (size_t i = 0; i < v->n_vaults; i++) {
		free(v->vaults[i].url);
		free(v->vaults[i].copies);
	}
	free(v->vaults);
	free(v->stores);
	if (v->data) {
		stores_free(v->data->there);
		known_free(v->data->known);
		outcomes_free(v->data->outcomes);
		free(v->data);
	}
	free(v);
}

/* ---- which stores there are ---- */

/* A fleet's members are known by what stands before the first '{' of its template. */
static bool is_of_section(const struct config_section *s, const char *name)
{
	const char *template = config_store_name(s);
	size_t len = strcspn(template, "{");
	if (!config_store_is_fleet(s))
		return strcmp(template, name) == 0;
	if (template[len])
		return len > 0 && strncmp(name, template, len) == 0;
	return strncmp(name, template, len) == 0 && name[len] == '/';
}

static const struct config_section *section_of(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->sections[i].kind == CONFIG_STORE && is_of_section(&c->sections[i], name))
			return &c->sections[i];
	return NULL;
}

static bool is_asked(const struct options *o, const struct status_store *s, const struct store_entry *e)
{
	for (size_t i = 0; i < o->n_operands; i++) {
		const char *operand = o->operands[i];
		if ((s->section && strcmp(s->section->name, operand) == 0) ||
		    (e ? stores_match(e, operand) : fnmatch(operand, s->label, 0) == 0))
			return true;
	}
	return o->n_operands == 0;
}

static int add(struct status_view *v, struct cli *cli, const struct status_store *s,
               const struct store_entry *e, struct err *err)
{
	if (!is_asked(&cli->options, s, e))
		return 0;
	struct status_store *grown = reallocarray(v->stores, v->n + 1, sizeof *grown);
	if (!grown)
		return err_no_memory(err);
	v->stores = grown;
	grown[v->n++] = *s;
	return 0;
}

static int add_there(struct status_view *v, struct cli *cli, struct err *err)
{
	const char *machine = vault_machine(cli->vault);
	for (size_t i = 0; i < v->data->there->n; i++) {
		const struct store_entry *e = &v->data->there->entries[i];
		bool ours = machine && e->info.name && strcmp(e->info.writer_name, machine) == 0;
		struct status_store s = { .label = e->label, .info = &e->info };
		s.section = ours ? section_of(cli->config, e->info.name) : NULL;
		if (add(v, cli, &s, e, err) != 0)
			return err->code;
	}
	return 0;
}

static bool is_there(const struct status_view *v, const struct cli *cli, const char *name)
{
	const char *machine = vault_machine(cli->vault);
	for (size_t i = 0; machine && i < v->data->there->n; i++) {
		const struct store_info *info = &v->data->there->entries[i].info;
		if (info->name && strcmp(info->name, name) == 0 && strcmp(info->writer_name, machine) == 0)
			return true;
	}
	return false;
}

/* What the configuration names and the vault does not hold. */
static int add_missing(struct status_view *v, struct cli *cli, struct err *err)
{
	v->data->known = known_names(cli, err);
	if (!v->data->known)
		return err->code;
	for (const char *const *name = known_list(v->data->known); *name; name++) {
		struct status_store s = { .label = *name, .section = section_of(cli->config, *name) };
		if (!is_there(v, cli, *name) && add(v, cli, &s, NULL, err) != 0)
			return err->code;
	}
	return 0;
}

/* Without the vault fleets cannot be told apart: one line stands for each. */
static int add_configured(struct status_view *v, struct cli *cli, struct err *err)
{
	for (size_t i = 0; i < cli->config->n; i++) {
		const struct config_section *s = &cli->config->sections[i];
		bool fleet = config_store_is_fleet(s);
		struct status_store store = { .section = s,
			                      .label = fleet ? s->name : config_store_name(s) };
		if (s->kind == CONFIG_STORE && add(v, cli, &store, NULL, err) != 0)
			return err->code;
	}
	return 0;
}

static int by_label(const void *a, const void *b)
{
	const struct status_store *x = a, *y = b;
	return strcmp(x->label, y->label);
}

static int check_operands(const struct status_view *v, struct cli *cli, struct err *err)
{
	if (cli->options.n_operands == 0 || v->n > 0)
		return 0;
	if (v->data->there)
		return stores_keep(v->data->there, cli->options.operands, cli->options.n_operands, err);
	return err_set(err, ERR_ABSENT, "%s: no such store in the configuration", cli->options.operands[0]);
}

/* ---- how each stands ---- */

static bool is_overdue(const struct status_view *v, const struct cli *cli, const struct status_store *s,
                       int64_t good_s)
{
	struct due due;
	if (!s->section)
		return false;
	if (good_s <= 0 || s->why.code != ERR_NONE)
		return true;
	if (s->rpo_s)
		return v->now_s - good_s > (int64_t)s->rpo_s;
	config_store_due(cli->config, s->section, &due);
	return due_is_late(&due, good_s, v->now_s);
}

static void look_at_store(struct status_view *v, struct cli *cli, struct status_store *s)
{
	struct err ignored;
	bool fleet = !s->info && s->section && config_store_is_fleet(s->section) && !v->data->there;
	if (s->section) {
		s->rpo_s = config_get_number(cli->config, s->section, "rpo");
		s->rotate_s = config_get_number(cli->config, s->section, "rotate");
	}
	if (s->section && v->data->outcomes)
		outcomes_get(v->data->outcomes, fleet ? "fleet" : "backup",
		             s->info && s->info->name ? s->info->name : s->label, &s->outcome);
	if (s->info && store_memory_load(cli->vault, s->info, &s->memory, &ignored) != 0)
		s->memory.epoch = 0;
	s->good_s = v->data->there ? (s->found ? s->newest.time_s : 0) : s->outcome.good_s;
}

static int find_newest(struct status_view *v, struct vault *vault, struct asking_newest **list, bool labels,
                       struct err *err)
{
	struct asking_newest *all = calloc(v->n + 1, sizeof *all);
	if (!all)
		return err_no_memory(err);
	for (size_t i = 0; i < v->n; i++)
		all[i] = (struct asking_newest){ .store = v->stores[i].info,
			                         .label = labels ? v->stores[i].label : NULL };
	if (asking_newest(vault, all, v->n, err) != 0) {
		free(all);
		return err->code;
	}
	*list = all;
	return 0;
}

static int look_at_newest(struct status_view *v, struct cli *cli, struct err *err)
{
	struct asking_newest *list;
	if (!v->data->there)
		return 0;
	if (find_newest(v, cli->vault, &list, true, err) != 0)
		return err->code;
	for (size_t i = 0; i < v->n; i++) {
		v->stores[i].why = list[i].why;
		v->stores[i].found = list[i].found;
		v->stores[i].newest = list[i].newest;
		v->damaged += list[i].why.code != ERR_NONE;
	}
	free(list);
	return 0;
}

/* What a run found unchanged is as good as new. */
static int look_at_runs(struct status_view *v, struct cli *cli, struct err *err)
{
	struct runs_query *queries = calloc(v->n + 1, sizeof *queries);
	size_t n = 0;
	if (!queries)
		return err_no_memory(err);
	for (size_t i = 0; i < v->n; i++)
		if (v->stores[i].info && v->stores[i].found)
			queries[n++] = (struct runs_query){ .store = v->stores[i].info,
				                            .since_s = v->stores[i].newest.time_s };
	int rc = n ? runs_newest(cli->vault, queries, n, err) : 0;
	for (size_t i = 0, k = 0; i < v->n && rc == 0; i++) {
		struct status_store *s = &v->stores[i];
		if (s->info && s->found && queries[k++].newest_s > s->good_s)
			s->good_s = queries[k - 1].newest_s;
	}
	free(queries);
	if (!asking_concerns_one(rc))
		return rc;
	v->ledger = *err;
	return 0;
}

static int look_at_stores(struct status_view *v, struct cli *cli, struct err *err)
{
	int rc = v->data->there ? add_there(v, cli, err) : add_configured(v, cli, err);
	if (rc == 0 && v->data->there)
		rc = add_missing(v, cli, err);
	if (rc == 0)
		rc = check_operands(v, cli, err);
	if (rc == 0 && v->n > 1)
		qsort(v->stores, v->n, sizeof *v->stores, by_label);
	if (rc == 0)
		rc = look_at_newest(v, cli, err);
	for (size_t i = 0; rc == 0 && i < v->n; i++)
		look_at_store(v, cli, &v->stores[i]);
	if (rc == 0 && v->data->there)
		rc = look_at_runs(v, cli, err);
	for (size_t i = 0; rc == 0 && i < v->n; i++) {
		v->stores[i].overdue = is_overdue(v, cli, &v->stores[i], v->stores[i].good_s);
		v->overdue += v->stores[i].overdue;
	}
	return rc;
}

/* ---- vaults ---- */

static void look_at_space(struct status_vault *vault)
{
	struct statvfs fs;
	if (strncmp(vault->url, "file://", 7) != 0 || statvfs(vault->url + 7, &fs) != 0)
		return;
	vault->free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	vault->total_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
}

static struct status_vault *add_vault(struct status_view *v, const char *name, char *url,
                                      struct err *err)
{
	struct status_vault *grown = reallocarray(v->vaults, v->n_vaults + 1, sizeof *grown);
	if (!grown) {
		free(url);
		err_no_memory(err);
		return NULL;
	}
	v->vaults = grown;
	grown[v->n_vaults] = (struct status_vault){ .name = name, .url = url, .first = v->n_vaults == 0 };
	return &grown[v->n_vaults++];
}

static int look_at_copies(struct status_view *v, const struct cli *cli, struct status_vault *there,
                          const struct config_section *place, struct vault *copy, struct err *err)
{
	struct asking_newest *list;
	there->copies = calloc(v->n + 1, sizeof *there->copies);
	if (!there->copies)
		return err_no_memory(err);
	if (find_newest(v, copy, &list, false, err) != 0)
		return err->code;
	for (size_t i = 0; i < v->n; i++) {
		const struct status_store *s = &v->stores[i];
		struct status_copy *c = &there->copies[i];
		const struct snapshot_info *info = &list[i].newest;
		if (!s->info)
			continue;
		if (list[i].why.code != ERR_NONE) {
			*err = list[i].why;
			free(list);
			return err->code;
		}
		if (list[i].found)
			*c = (struct status_copy){ .found = true, .time_s = info->time_s, .seq = info->seq };
		c->late = s->found && (!c->found || c->seq < s->newest.seq);
		c->overdue = c->late && after_backup_is_wanted(cli, place) &&
		             is_overdue(v, cli, s, c->time_s);
		there->late += c->late;
		v->overdue += c->overdue && !s->overdue;
		if (c->time_s > there->newest_s)
			there->newest_s = c->time_s;
	}
	free(list);
	v->late += there->late;
	return 0;
}

static int check_same(const struct cli *cli, const struct vault *copy, struct err *err)
{
	if (strcmp(vault_id_text(copy), vault_id_text(cli->vault)) == 0)
		return 0;
	return err_set(err, ERR_FORK, "is another vault (%s), no copy of %s", vault_short_id(copy),
	               vault_short_id(cli->vault));
}

static int open_copy(struct status_view *v, struct cli *cli, const struct config_section *place,
                     struct status_vault *there, struct err *err)
{
	struct backend_options storage;
	cli_storage_options(cli, place, &storage);
	const struct vault_options o = { .url = there->url, .storage = &storage };
	struct vault *copy = vault_open(&o, err);
	int rc = copy ? 0 : err->code;
	if (copy && v->data->there) {
		rc = check_same(cli, copy, err);
		if (rc == 0)
			rc = look_at_copies(v, cli, there, place, copy, err);
	}
	vault_free(copy);
	return rc;
}

/* One that is away does not keep the others from being looked at. */
static int look_at_copy_vault(struct status_view *v, struct cli *cli, const struct config_section *place,
                              struct err *err)
{
	char *url = cli_url_of(config_get(cli->config, place, "url"), err);
	if (!url)
		return err->code;
	if (strcmp(url, cli->url) == 0) {
		free(url);
		return 0;
	}
	struct status_vault *there = add_vault(v, place->name, url, err);
	if (!there)
		return err->code;
	look_at_space(there);
	if (open_copy(v, cli, place, there, &there->away) == 0) {
		there->away.code = ERR_NONE;
		return 0;
	}
	if (there->away.code == ERR_NOMEM || there->away.code == ERR_STOPPED) {
		*err = there->away;
		return err->code;
	}
	err_wrap(&there->away, "vault %.100s", *place->name ? place->name : "of [vault]");
	v->away++;
	return 0;
}

static int look_at_copy_vaults(struct status_view *v, struct cli *cli, struct err *err)
{
	for (size_t i = 0; i < cli->config->n; i++) {
		const struct config_section *place = &cli->config->sections[i];
		if (place->kind == CONFIG_VAULT && place != cli->place &&
		    look_at_copy_vault(v, cli, place, err) != 0)
			return err->code;
	}
	return 0;
}

/* What is no answer is an answer too; anything else ends it. */
static int look_at_first(struct status_view *v, struct cli *cli, struct err *err)
{
	char *url = strdup(cli->url);
	struct status_vault *first = url ? add_vault(v, cli->place ? cli->place->name : "", url, err) : NULL;
	if (!first)
		return url ? err->code : err_no_memory(err);
	look_at_space(first);
	int rc = cli_open(cli, &first->away);
	if (rc == 0)
		v->data->there = stores_load(cli, STORES_AS_THEY_ARE, &first->away);
	if (v->data->there) {
		first->away.code = ERR_NONE;
		return 0;
	}
	rc = first->away.code;
	if (rc == ERR_ABSENT || rc == ERR_UNREACHABLE || rc == ERR_IO || rc == ERR_DENIED) {
		v->away++;
		return 0;
	}
	*err = first->away;
	return rc;
}

/* ---- all of it ---- */

static int remember(struct status_view *v, struct cli *cli, struct err *err)
{
	struct err ignored;
	if (!cli->state)
		return 0;
	v->data->outcomes = outcomes_load(cli->state, false, NULL, &ignored);
	const char *id = cli->vault ? vault_id_text(cli->vault) : NULL;
	return v->data->outcomes ? outcomes_of_vault(v->data->outcomes, id, cli->url, err) : 0;
}

struct status_view *status_view_new(struct cli *cli, struct err *err)
{
	AUTO(status_view) v = calloc(1, sizeof *v);
	if (v)
		v->data = calloc(1, sizeof *v->data);
	if (!v || !v->data) {
		err_no_memory(err);
		return NULL;
	}
	v->now_s = (int64_t)time(NULL);
	if (cli_place(cli, err) != 0 || look_at_first(v, cli, err) != 0 || remember(v, cli, err) != 0 ||
	    look_at_stores(v, cli, err) != 0 || look_at_copy_vaults(v, cli, err) != 0)
		return NULL;
	return TAKE(v);
}
