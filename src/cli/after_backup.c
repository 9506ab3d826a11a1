#include "cli/after_backup.h"

#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/copy_job.h"
#include "cli/plan.h"
#include "cli/stores.h"
#include "cli/stop.h"
#include "holdfast/backup.h"
#include "holdfast/vault.h"

static bool is_wanted(const struct cli *cli, const struct config_section *s)
{
	return s->kind == CONFIG_VAULT && s != cli->place &&
	       config_get_number(cli->config, s, "copy") != 0;
}

static bool any_wanted(const struct cli *cli)
{
	for (size_t i = 0; i < cli->config->n; i++)
		if (is_wanted(cli, &cli->config->sections[i]))
			return true;
	return false;
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
		err_set(err, ERR_NOMEM, "out of memory");
		return NULL;
	}
	for (size_t i = 0; i < r->plan->n; i++)
		if (r->results[i].err.code == ERR_NONE)
			names[(*n)++] = r->plan->stores[i].source.name;
	qsort(names, *n, sizeof *names, compare_names);
	return names;
}

/* This machine's own stores of those names. */
static struct stores *stores_done(struct cli *cli, const struct backup_report *r, struct err *err)
{
	size_t n, kept = 0;
	const char **names = names_done(r, &n, err), *machine = vault_machine(cli->vault);
	struct stores *list = names ? stores_load(cli, STORES_AS_THEY_ARE, err) : NULL;
	for (size_t i = 0; list && i < list->n; i++) {
		struct store_entry e = list->entries[i];
		bool done = e.info.name && machine && strcmp(e.info.writer_name, machine) == 0 &&
		            bsearch(&e.info.name, names, n, sizeof *names, compare_names);
		/* to the front, in exchange: what is behind is dropped */
		if (!done)
			continue;
		list->entries[i] = list->entries[kept];
		list->entries[kept++] = e;
	}
	free(names);
	if (list)
		stores_shorten(list, kept);
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

static int copy_all(struct cli *cli, struct backup_report *r, const struct stores *list,
                    struct err *err)
{
	for (size_t i = 0; i < cli->config->n && !*stop_flag(); i++) {
		const struct config_section *s = &cli->config->sections[i];
		if (!is_wanted(cli, s))
			continue;
		struct backup_copy *grown = reallocarray(r->copies, r->n_copies + 1, sizeof *grown);
		if (!grown)
			return err_set(err, ERR_NOMEM, "out of memory");
		r->copies = grown;
		if (copy_to(cli, s, list, &grown[r->n_copies], err) != 0)
			return err->code;
		r->n_copies++;
	}
	return 0;
}

int after_backup(struct cli *cli, struct backup_report *r, struct err *err)
{
	/* only the first vault is copied: another one that was named takes its place for one night */
	if (cli->options.dry_run || !cli->place || *cli->place->name || !any_wanted(cli))
		return 0;
	AUTO(stores) list = stores_done(cli, r, err);
	if (!list)
		return err->code;
	return list->n ? copy_all(cli, r, list, err) : 0;
}
