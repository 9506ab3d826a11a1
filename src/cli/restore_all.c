#include "cli/restore_all.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/crew.h"
#include "cli/choice.h"
#include "cli/cli.h"
#include "cli/exit_code.h"
#include "cli/live.h"
#include "cli/output.h"
#include "cli/stop.h"
#include "cli/text.h"
#include "holdfast/err.h"
#include "holdfast/restore.h"

enum {
	AT_ONCE = 16,          /* small stores; each takes up to twice RESTORE_JOB_SMALL of memory */
	WINDOW = 256,          /* of which the results are kept until all before them are told */
};

struct run {
	struct cli *cli;
	const struct restore_jobs *jobs;
	const struct mask_job *mask;
	const struct restore_all_options *how;
	size_t failed;
	bool degraded;
};

static bool is_masked(const struct run *r)
{
	return r->mask->rules || r->mask->template_only;
}

/* ---- one ---- */

static int report(struct cli *cli, const struct restore_job *job, struct restore_result *r,
                  struct err *err)
{
	char when[TEXT_MAX], size[TEXT_MAX], took[TEXT_MAX], target[4 * sizeof r->target];
	if (r->warning.code != ERR_NONE) {
		choice_wrap(cli, job->store->label, &r->warning);
		output_error(&r->warning);
	}
	if (cli->options.json)
		return output_json(json_pack("{s:o, s:I, s:o, s:I, s:I, s:I, s:I, s:b}", "store",
		                             output_json_text(job->store->label), "snapshot",
		                             (json_int_t)job->snapshot.seq, "target",
		                             output_json_text(r->target), "files",
		                             (json_int_t)r->files, "bytes_written",
		                             (json_int_t)r->bytes_written, "bytes_fetched",
		                             (json_int_t)r->bytes_fetched, "duration_ms",
		                             (json_int_t)r->duration_ms, "degraded",
		                             r->warning.code != ERR_NONE), err);
	if (cli->options.quiet && r->warning.code == ERR_NONE)
		return 0;
	printf("%s@%" PRIu64 " of %s %s %s: %" PRIu64 " file%s, %s in %s\n", job->store->label,
	       job->snapshot.seq, text_time(when, job->snapshot.time_s),
	       cli->options.dry_run ? "would restore to" : "restored to",
	       text_escape(target, sizeof target, r->target[0] ? r->target : job->to), r->files,
	       r->files == 1 ? "" : "s", text_size(size, r->bytes_written),
	       text_took(took, r->duration_ms));
	return 0;
}

static int explain(struct cli *cli, const struct restore_job *job, struct err *err)
{
	if (err->code == ERR_EXISTS && !err->hint[0])
		err_hint(err, "another --to, or --overwrite (the old file is kept as "
		              "NAME.before-restore)");
	if (err->code == ERR_SPACE && !err->hint[0])
		err_hint(err, "another --to, or a part of it with --path");
	return choice_wrap(cli, job->store->label, err);
}

static int carry_out(const struct run *r, const struct restore_job *job, const struct progress *progress,
                     struct restore_result *result, struct err *err)
{
	const struct restore_options how = {
		.to = job->to,
		.path = r->how->path,
		.restore_command = job->command,
		.source = &job->source,
		.overwrite = r->how->overwrite,
		.dry_run = r->cli->options.dry_run,
		.one_of_many = r->jobs->n > 1,
		.progress = progress,
	};
	return restore_snapshot(r->cli->vault, &job->store->info, job->snapshot.seq, &how, result, err);
}

static int conclude(struct run *r, const struct restore_job *job, int rc, struct restore_result *result,
                    struct err *err)
{
	if (rc != 0)
		return explain(r->cli, job, err);
	r->degraded |= result->warning.code != ERR_NONE;
	return report(r->cli, job, result, err);
}

static int restore_one(struct run *r, const struct restore_job *job, struct err *err)
{
	struct restore_result result = { 0 };
	if (is_masked(r))
		return mask_job_run(r->cli, job, r->mask, &r->degraded, err) == 0
		     ? 0 : explain(r->cli, job, err);
	int rc = carry_out(r, job, cli_progress(r->cli), &result, err);
	live_clear();
	return conclude(r, job, rc, &result, err);
}

/* ---- several at once ---- */

struct ending {
	struct restore_result result;
	struct err err;
	int rc;
	bool ended;
};

struct window {
	struct run *run;
	const struct restore_job *jobs;
	size_t n, told;              /* told, and the endings: under the lock */
	struct ending endings[WINDOW];
	pthread_mutex_t lock;
};

/* In the order of the stores, whatever the order in which they end. What was stopped is told at the end. */
static void tell_ended(struct window *w)
{
	for (; w->told < w->n && w->endings[w->told].ended; w->told++) {
		struct ending *e = &w->endings[w->told];
		if (e->rc == ERR_STOPPED ||
		    conclude(w->run, &w->jobs[w->told], e->rc, &e->result, &e->err) == 0)
			continue;
		w->run->failed++;
		output_error(&e->err);
	}
}

static int restore_small(void *arg, uint64_t number, struct err *err)
{
	/* the lines of those that ended are progress enough */
	const struct progress progress = { .stop = stop_flag() };
	struct window *w = arg;
	struct ending *e = &w->endings[number];
	int rc = carry_out(w->run, &w->jobs[number], &progress, &e->result, &e->err);
	pthread_mutex_lock(&w->lock);
	e->rc = rc;
	e->ended = true;
	tell_ended(w);
	pthread_mutex_unlock(&w->lock);
	if (rc != ERR_STOPPED)
		return 0;
	*err = e->err;
	return explain(w->run->cli, &w->jobs[number], err);
}

static int restore_window(struct run *r, const struct restore_job *jobs, size_t n, struct err *err)
{
	unsigned at_once = vault_at_once(r->cli->vault);
	struct window *w = calloc(1, sizeof *w);
	if (!w)
		return err_no_memory(err);
	w->run = r;
	w->jobs = jobs;
	w->n = n;
	pthread_mutex_init(&w->lock, NULL);
	int rc = crew_run(at_once < AT_ONCE ? at_once : AT_ONCE, n, restore_small, w, err);
	pthread_mutex_destroy(&w->lock);
	free(w);
	return rc;
}

/* ---- all ---- */

/* How many from here on can be restored at once; 0: this one goes alone. */
static size_t small_from(const struct run *r, size_t at)
{
	size_t n = 0;
	if (vault_at_once(r->cli->vault) == 1 || is_masked(r))
		return 0;
	while (n < WINDOW && at + n < r->jobs->n && r->jobs->jobs[at + n].small)
		n++;
	return n;
}

static int restore_each(struct run *r, struct err *err)
{
	size_t n;
	for (size_t i = 0; i < r->jobs->n; i += n ? n : 1) {
		const struct restore_job *job = &r->jobs->jobs[i];
		n = small_from(r, i);
		*err = job->why;
		int rc = job->why.code != ERR_NONE ? (int)job->why.code
		         : n ? restore_window(r, job, n, err) : restore_one(r, job, err);
		if (rc == ERR_STOPPED || (n && rc != 0))
			return rc;
		if (rc == 0)
			continue;
		r->failed++;
		output_error(err);
	}
	return 0;
}

/* However they ended, the ledger gets what is kept of them; if not now, with the next entry. */
static int settle(struct run *r, int rc)
{
	struct err err;
	bool kept = !r->cli->options.dry_run && !is_masked(r);
	if (!kept || restore_settle(r->cli->vault, &err) == 0 || rc != 0)
		return rc;
	err_wrap(&err, "restore");
	output_error(&err);
	r->degraded = true;
	return 0;
}

int restore_all(struct cli *cli, const struct restore_jobs *jobs, const struct mask_job *mask,
                const struct restore_all_options *how, struct err *err)
{
	struct run r = { .cli = cli, .jobs = jobs, .mask = mask, .how = how };
	int rc = jobs->n == 1 ? restore_one(&r, &jobs->jobs[0], err) : settle(&r, restore_each(&r, err));
	if (rc != 0)
		return rc;
	if (jobs->unnamed.code != ERR_NONE)
		output_error(&jobs->unnamed);
	r.failed += jobs->unnamed.code != ERR_NONE;
	return r.failed ? EXIT_SOME_FAILED : r.degraded ? EXIT_DEGRADED : EXIT_DONE;
}
