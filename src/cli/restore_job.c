#include "cli/restore_job.h"

#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crew.h"
#include "cli/asking.h"
#include "cli/cli.h"
#include "cli/config.h"
#include "holdfast/backup.h"
#include "holdfast/err.h"

enum { LARGE_BYTES = 16 << 20 };

void restore_jobs_free(struct restore_jobs *list)
{
	if (!list)
		return;
	for (size_t i = 0; i < list->n; i++) {
		free(list->jobs[i].to);
		free(list->jobs[i].first_file);
	}
	free(list->jobs);
	stores_free(list->stores);
	free(list);
}

/* The section that describes a single store of this machine; a fleet's says nothing of one file. */
static const struct config_section *section_of(const struct cli *cli,
                                               const struct store_entry *store)
{
	for (size_t i = 0; store->info.name && i < cli->config->n; i++) {
		const struct config_section *section = &cli->config->sections[i];
		if (section->kind == CONFIG_STORE && !config_store_is_fleet(section) &&
		    strcmp(config_store_name(section), store->info.name) == 0)
			return section;
	}
	return NULL;
}

/* A dump that was sent to a folder must not reach the database. */
static void keep_from_command(struct restore_job *job)
{
	job->command = NULL;
	job->source.restore_command = NULL;
}

static int set_to(struct restore_job *job, const char *folder, const char *below, struct err *err)
{
	free(job->to);
	job->to = NULL;
	if (asprintf(&job->to, "%s%s%s", folder, below ? "/" : "", below ? below : "") >= 0)
		return 0;
	job->to = NULL;
	return err_no_memory(err);
}

/* Without --to: back to where the configuration says that the store lives. */
static int set_home(struct cli *cli, struct restore_job *job, struct err *err)
{
	const char *type = job->source.type;
	if (type && strcmp(type, "sqlite") == 0) {
		char path[PATH_MAX];
		snprintf(path, sizeof path, "%s", job->source.path);
		return set_to(job, dirname(path), NULL, err);
	}
	job->command = job->source.restore_command;
	if (job->command)
		return set_to(job, ".", NULL, err);
	err_set(err, ERR_INVALID, "no folder to restore into is given");
	err_hint(err, "add --to DIR");
	return choice_wrap(cli, job->store->label, err);
}

static int look_at_file(void *arg, const struct snapshot_file *file, struct err *err)
{
	struct restore_job *job = arg;
	bool first = job->files++ == 0;
	job->small = first && file->entry.page_bytes && file->entry.length_bytes <= RESTORE_JOB_SMALL &&
	             job->snapshot.listed_bytes <= RESTORE_JOB_SMALL;
	if (!first)
		return 0;
	job->first_file = strdup(file->entry.path);
	return job->first_file ? 0 : err_no_memory(err);
}

static bool clashes(const struct restore_jobs *list, const struct restore_job *job)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct restore_job *other = &list->jobs[i];
		if (other != job && other->first_file && job->first_file &&
		    strcmp(other->first_file, job->first_file) == 0)
			return true;
	}
	return job->files != 1;
}

/* Store names come from the vault: they may not lead out of the folder. */
static bool is_folder_name(const char *name)
{
	if (*name == '/' || *name == '\0')
		return false;
	for (const char *part = name; part; part = strchr(part, '/')) {
		part += *part == '/';
		size_t len = strcspn(part, "/");
		if (len == 0 || (len <= 2 && strncmp(part, "..", len) == 0))
			return false;
	}
	return true;
}

static int place_below(struct cli *cli, struct restore_job *job, const char *to, struct err *err)
{
	if (is_folder_name(job->store->label))
		return set_to(job, to, job->store->label, err);
	err_set(err, ERR_INVALID, "its name cannot be a folder's name; restore it alone");
	return choice_wrap(cli, job->store->label, err);
}

/* ---- what is asked of each, many at once where the vault lies behind a network ---- */

struct asking {
	struct cli *cli;
	struct restore_jobs *list;
	const char *snapshot;
	pthread_mutex_t large;       /* lists of files of large stores may be large: one at a time */
};

/* One store of several that has no such snapshot, or a damaged one, keeps no other from being restored. */
static int keep_for_later(const struct asking *a, struct restore_job *job, struct err *err)
{
	if (a->list->n == 1 || !(err->code == ERR_ABSENT || asking_concerns_one((int)err->code)))
		return err->code;
	job->why = *err;
	return 0;
}

static int choose(void *arg, uint64_t number, struct err *err)
{
	const struct asking *a = arg;
	struct restore_job *job = &a->list->jobs[number];
	int rc = choice_select(a->cli, job->store, a->snapshot, &job->snapshot, err);
	return rc == 0 ? 0 : keep_for_later(a, job, err);
}

static int look_at_files(void *arg, uint64_t number, struct err *err)
{
	struct asking *a = arg;
	struct restore_job *job = &a->list->jobs[number];
	bool large = job->snapshot.listed_bytes > LARGE_BYTES;
	if (job->why.code != ERR_NONE)
		return 0;
	if (large)
		pthread_mutex_lock(&a->large);
	int rc = snapshot_files(a->cli->vault, &job->store->info, job->snapshot.seq, look_at_file, job,
	                        NULL, err);
	if (large)
		pthread_mutex_unlock(&a->large);
	if (rc == 0)
		return 0;
	choice_wrap(a->cli, job->store->label, err);
	return keep_for_later(a, job, err);
}

static int ask(struct cli *cli, struct restore_jobs *list, crew_work *work, const char *snapshot,
               struct err *err)
{
	struct asking a = { .cli = cli, .list = list, .snapshot = snapshot };
	pthread_mutex_init(&a.large, NULL);
	int rc = crew_run(vault_at_once(cli->vault), list->n, work, &a, err);
	pthread_mutex_destroy(&a.large);
	return rc;
}

/* Single files side by side in one folder, unless two have one name; trees each in their own. */
static int spread(struct cli *cli, struct restore_jobs *list, const char *to, struct err *err)
{
	if (ask(cli, list, look_at_files, NULL, err) != 0)
		return err->code;
	for (size_t i = 0; i < list->n; i++) {
		struct restore_job *job = &list->jobs[i];
		if (job->why.code != ERR_NONE)
			continue;
		int rc = clashes(list, job) ? place_below(cli, job, to, err)
		                            : set_to(job, to, NULL, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int place(struct cli *cli, struct restore_jobs *list, const char *to, struct err *err)
{
	for (size_t i = 0; to && i < list->n; i++)
		keep_from_command(&list->jobs[i]);
	if (to && list->n > 1)
		return spread(cli, list, to, err);
	for (size_t i = 0; i < list->n; i++) {
		struct restore_job *job = &list->jobs[i];
		if (job->why.code != ERR_NONE)
			continue;
		int rc = to ? set_to(job, to, NULL, err) : set_home(cli, job, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int make_jobs(struct cli *cli, struct restore_jobs *list, const char *snapshot,
                     struct err *err)
{
	list->jobs = calloc(list->stores->n + 1, sizeof *list->jobs);
	if (!list->jobs)
		return err_no_memory(err);
	for (size_t i = 0; i < list->stores->n; i++) {
		struct restore_job *job = &list->jobs[list->n++];
		struct backup_store settings;
		job->store = &list->stores->entries[i];
		const struct config_section *section = section_of(cli, job->store);
		if (section) {
			config_backup_store(cli->config, section, job->store->info.name, NULL,
			                    &settings);
			job->source = settings.source;
		}
	}
	return ask(cli, list, choose, snapshot, err);
}

/* A pattern may mean what has no name to compare it with. */
static void look_for_unnamed(struct restore_jobs *list, const char *pattern)
{
	for (size_t i = 0; strpbrk(pattern, "*?[") && i < list->stores->n; i++)
		if (list->stores->entries[i].info.damage)
			err_set(&list->unnamed, ERR_CORRUPT,
			        "%s: whether '%.100s' means its store is not known",
			        list->stores->entries[i].info.damage, pattern);
}

struct restore_jobs *restore_jobs_new(struct cli *cli, const char *operand, const char *to,
                                      struct err *err)
{
	struct store_spec spec;
	if (stores_parse_spec(operand, &spec, err) != 0)
		return NULL;
	AUTO(restore_jobs) list = calloc(1, sizeof *list);
	if (!list) {
		err_no_memory(err);
		return NULL;
	}
	char *pattern = spec.store;
	list->stores = stores_load_to_read(cli, pattern, err);
	if (!list->stores)
		return NULL;
	look_for_unnamed(list, pattern);
	if (stores_keep(list->stores, &pattern, 1, err) != 0 ||
	    choice_prefer(cli, list->stores, spec.snapshot, err) != 0 ||
	    make_jobs(cli, list, spec.snapshot, err) != 0 || place(cli, list, to, err) != 0)
		return NULL;
	return TAKE(list);
}
