#include "cli/after_backup.h"

#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/copy_job.h"
#include "cli/outcomes.h"
#include "cli/plan.h"
#include "cli/stores.h"
#include "cli/stop.h"
#include "holdfast/backup.h"
#include "holdfast/vault.h"

bool after_backup_is_wanted(const struct cli *cli, const struct config_section *place)
{
	/* only the first vault is copied: another one that was named takes its place for one night */
	bool first = cli->place && !*cli->place->name;
	return first && place->kind == CONFIG_VAULT && place != cli->place &&
	       config_get_number(cli->config, place, "copy") != 0;
}

bool after_backup_is_late(const struct outcomes *o, const struct config_section *place)
{
	struct outcome copy;
	int64_t newest = outcomes_newest(o, "backup");
	outcomes_get(o, "copy", place->name, &copy);
	return newest > 0 && (copy.failures > 0 || copy.good_s < newest);
}

/* Which stores go there: none, those of this run, or all. */
enum extent { NOTHING, THIS_RUN, ALL };

static enum extent extent_of(const struct cli *cli, const struct backup_report *r,
                             const struct outcomes *late, const struct config_section *place)
{
	if (!after_backup_is_wanted(cli, place))
		return NOTHING;
	if (r->catch_up && late && after_backup_is_late(late, place))
		return ALL;
	return r->plan->n > 0 ? THIS_RUN : NOTHING;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names of the stores that were backed up, sorted; to be freed. NULL with ERR_NOMEM. */
static const char **names_done(const struct backup_report *r, size_t *n, struct err *err)
{
	const char **names = calloc(r->plan->n + 1, sizeof *names);
	*n = 0;
	if (!names) {
		err_no_memory(err);
		return NULL;
	}
	for (size_t i = 0; i < r->plan->n; i++)
		if (r->results[i].err.code == ERR_NONE)
			names[(*n)++] = r->plan->stores[i].source.name;
	qsort(names, *n, sizeof *names, compare_names);
	return names;
}

static void swap(struct store_entry *entries, size_t a, size_t b)
{
	struct store_entry e = entries[a];
	entries[a] = entries[b];
	entries[b] = e;
}

/* This machine's stores: first, *n_done of them, those of this run. */
static struct stores *own_stores(struct cli *cli, const struct backup_report *r, size_t *n_done,
                                 struct err *err)
{
	const char *machine = vault_machine(cli->vault);
	size_t n, own = 0;
	const char **names = names_done(r, &n, err);
	struct stores *list = names ? stores_load(cli, STORES_AS_THEY_ARE, err) : NULL;
	*n_done = 0;
	for (size_t i = 0; list && i < list->n; i++) {
		struct store_entry *e = list->entries;
		if (!e[i].info.name || !machine || strcmp(e[i].info.writer_name, machine) != 0)
			continue;
		/* to the front, in exchange: what is behind is dropped */
		swap(e, i, own);
		if (bsearch(&e[own].info.name, names, n, sizeof *names, compare_names))
			swap(e, own, (*n_done)++);
		own++;
	}
	free(names);
	if (list)
		stores_shorten(list, own);
	return list;
}

static void explain(struct copy_job *job, struct err *why)
{
	err_wrap(why, "copy to vault %.100s", job->label);
	err_hint(why, "the backup itself is done; what is missing there is copied after the next one, or "
	         "now: 'holdfast copy --to %.100s'", job->label);
}

static int copy_to(struct cli *cli, const struct config_section *place, const struct stores *list,
                   struct backup_copy *out, struct err *err)
{
	struct copy_job job = { .cli = cli, .stores = list, .place = place, .label = place->name };
	char *url = cli_url_of(config_get(cli->config, place, "url"), err);
	if (!url)
		return err->code;
	job.url = url;
	struct err why = { 0 };
	*out = (struct backup_copy){ .to = place->name };
	if (copy_job_run(&job, &why) != 0) {
		explain(&job, &why);
		out->err = why;
	}
	out->sum = job.sum;
	out->duration_ms = job.duration_ms;
	free(url);
	return 0;
}

static int copy_all(struct cli *cli, struct backup_report *r, const struct outcomes *late,
                    const struct stores *list, size_t n_done, struct err *err)
{
	struct stores done = { list->entries, n_done };
	for (size_t i = 0; i < cli->config->n && !*stop_flag(); i++) {
		const struct config_section *s = &cli->config->sections[i];
		enum extent extent = extent_of(cli, r, late, s);
		const struct stores *stores = extent == ALL ? list : &done;
		if (extent == NOTHING || stores->n == 0)
			continue;
		struct backup_copy *grown = reallocarray(r->copies, r->n_copies + 1, sizeof *grown);
		if (!grown)
			return err_no_memory(err);
		r->copies = grown;
		if (copy_to(cli, s, stores, &grown[r->n_copies], err) != 0)
			return err->code;
		grown[r->n_copies++].partial = extent != ALL && late && after_backup_is_late(late, s);
	}
	return 0;
}

static bool any_to_do(const struct cli *cli, const struct backup_report *r,
                      const struct outcomes *late)
{
	for (size_t i = 0; i < cli->config->n; i++)
		if (extent_of(cli, r, late, &cli->config->sections[i]) != NOTHING)
			return true;
	return false;
}

int after_backup(struct cli *cli, struct backup_report *r, const struct outcomes *late,
                 struct err *err)
{
	size_t n_done;
	if (cli->options.dry_run || !any_to_do(cli, r, late))
		return 0;
	AUTO(stores) list = own_stores(cli, r, &n_done, err);
	if (!list)
		return err->code;
	return copy_all(cli, r, late, list, n_done, err);
}
