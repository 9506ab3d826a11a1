#include "cli/copy_job.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/live.h"
#include "cli/output.h"
#include "cli/stores.h"
#include "cli/text.h"
#include "holdfast/backend.h"

static uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void on_problem(void *arg, const struct err *problem)
{
	const struct copy_job *job = arg;
	struct err ignored;
	output_error(problem);
	if (job->cli->options.json)
		output_json(output_json_error(problem, NULL), &ignored);
}

static json_t *as_json(const struct copy_job *job, const struct copy_result *r)
{
	return json_pack("{s:o, s:I, s:I, s:I, s:I, s:b}", "to", output_json_text(job->label), "objects",
	                 (json_int_t)r->objects, "bytes", (json_int_t)r->bytes, "skipped",
	                 (json_int_t)r->skipped, "problems", (json_int_t)r->problems, "dry_run",
	                 job->cli->options.dry_run);
}

static int tell_store(const struct copy_job *job, const struct store_entry *store,
                      const struct copy_result *r, struct err *err)
{
	char size[TEXT_MAX], label[4 * sizeof store->label];
	const struct options *o = &job->cli->options;
	live_clear();
	if (o->json) {
		json_t *j = as_json(job, r);
		json_object_set_new(j, "store", output_json_text(store->label));
		return output_json(j, err);
	}
	if (r->problems || (!o->quiet && (o->verbose || r->objects)))
		printf("%s  %" PRIu64 " object%s, %s\n", text_escape(label, sizeof label, store->label),
		       r->objects, r->objects == 1 ? "" : "s", text_size(size, r->bytes));
	return 0;
}

static void add(struct copy_result *sum, const struct copy_result *r)
{
	sum->objects += r->objects;
	sum->bytes += r->bytes;
	sum->skipped += r->skipped;
	sum->problems += r->problems;
}

static void on_finished(void *arg, size_t i, bool failed, const struct copy_result *r)
{
	struct copy_job *job = arg;
	add(&job->sum, r);
	if (job->each && !failed && job->output.code == ERR_NONE)
		tell_store(job, &job->stores->entries[i], r, &job->output);
}

static int copy_all(struct copy_job *job, struct copy *copy, struct err *err)
{
	size_t n = job->stores->n;
	const struct store_info **stores = calloc(n + 1, sizeof *stores);
	if (!stores)
		return err_no_memory(err);
	for (size_t i = 0; i < n; i++)
		stores[i] = &job->stores->entries[i].info;
	int rc = copy_vault(copy, &job->sum, err);
	if (rc == 0)
		rc = copy_stores(copy, stores, n, err);
	free(stores);
	if (rc == 0)
		rc = copy_ledgers(copy, &job->sum, err);
	if (rc != 0 || job->output.code == ERR_NONE)
		return rc;
	*err = job->output;
	return err->code;
}

int copy_job_run(struct copy_job *job, struct err *err)
{
	uint64_t began_ms = now_ms();
	struct backend_options storage;
	const struct copy_options how = { .dry_run = job->cli->options.dry_run,
		                          .progress = cli_progress(job->cli),
		                          .problem = on_problem, .finished = on_finished,
		                          .arg = job };
	job->sum = (struct copy_result){ 0 };
	job->output = (struct err){ 0 };
	cli_storage_options(job->cli, job->place, &storage);
	struct copy *copy = copy_open(job->cli->vault, job->url, &storage, &how, err);
	int rc = copy ? copy_all(job, copy, err) : err->code;
	copy_free(copy);
	live_clear();
	job->duration_ms = now_ms() - began_ms;
	return rc;
}

int copy_job_report(const struct copy_job *job, struct err *err)
{
	const struct options *o = &job->cli->options;
	const struct copy_result *r = &job->sum;
	char size[TEXT_MAX], took[TEXT_MAX], label[600];
	if (o->json) {
		json_t *j = as_json(job, r);
		json_object_set_new(j, "stores", json_integer((json_int_t)job->stores->n));
		json_object_set_new(j, "duration_ms", json_integer((json_int_t)job->duration_ms));
		return output_json(j, err);
	}
	printf("%zu store%s %s %s: %" PRIu64 " object%s, %s; %" PRIu64 " there already; %s\n",
	       job->stores->n, job->stores->n == 1 ? "" : "s", o->dry_run ? "to copy to" : "copied to",
	       text_escape(label, sizeof label, job->label), r->objects, r->objects == 1 ? "" : "s",
	       text_size(size, r->bytes), r->skipped, text_took(took, job->duration_ms));
	return 0;
}
