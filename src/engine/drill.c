/*
 * The drill verb. However it ends, everything is taken down before the report is made, and there is a
 * report, unless nothing was begun.
 */
#include "holdfast/drill.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/io.h"
#include "base/json.h"
#include "crypto/sha256.h"
#include "engine/drill_notes.h"
#include "engine/drill_report.h"
#include "engine/drilling.h"
#include "vault/vault.h"

enum { RUNBOOK_MAX = 64 << 20 };

const char *drill_verdict_text(enum drill_verdict v)
{
	return report_verdict_word((enum report_verdict)v);
}

int drilling_phase(struct drilling *d, const char *next, struct err *err)
{
	int64_t now = clock_ms();
	const char *ended = d->phase;
	uint64_t ms = (uint64_t)(now - d->phase_ms);
	d->phase = next;
	d->phase_ms = now;
	return ended ? drill_add_phase(&d->report, ended, ms, err) : 0;
}

/* ---- the beginning ---- */

static int read_runbook(struct drilling *d, struct err *err)
{
	if (!d->o->runbook)
		return 0;
	AUTO(buf) text = buf_new(RUNBOOK_MAX, err);
	if (!text || io_read_file(d->o->runbook, text, err) != 0)
		return err_wrap(err, "runbook");
	sha256(d->report.runbook, text->bytes, text->len);
	return 0;
}

static unsigned place_of(const char *url)
{
	static const struct { const char *scheme; unsigned place; } places[] = {
		{ "file://", PLACE_LOCAL },   { "s3://", PLACE_S3 },          { "sftp://", PLACE_SFTP },
		{ "webdav://", PLACE_WEBDAV }, { "webdavs://", PLACE_WEBDAV }, { "https://", PLACE_WEBDAV },
	};
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
		if (strncmp(url, places[i].scheme, strlen(places[i].scheme)) == 0)
			return places[i].place;
	return PLACE_OTHER;
}

static void describe_choice(struct drilling *d)
{
	struct report *r = &d->report;
	const struct drill_candidate *c = d->c;
	memcpy(r->snapshot.writer, c->store->info.writer, 16);
	memcpy(r->snapshot.store, c->store->info.store, 16);
	memcpy(r->snapshot.head, c->head, 32);
	r->snapshot.seq = c->seq;
	r->snapshot.epoch = c->epoch;
	r->snapshot.time_s = (uint64_t)c->time_s;
	r->snapshot.kind = c->kind;
	r->selection.rule = d->o->named ? RULE_NAMED : d->choice.n == 1 ? RULE_NEWEST : RULE_DRAWN;
	memcpy(r->selection.seed, d->choice.seed, 32);
	r->selection.population = d->choice.n;
	r->selection.chosen = d->choice.chosen;
	r->selection.attempt = 1;
}

static int describe(struct drilling *d, struct err *err)
{
	struct report *r = &d->report;
	const struct keyfile *key = vault_keyfile(d->v);
	memcpy(r->vault, vault_id(d->v), 16);
	if (key)
		memcpy(r->machine, key->id, 16);
	randombytes_buf(r->drill, sizeof r->drill);
	randombytes_buf(r->salt, sizeof r->salt);
	r->due_s = (uint64_t)d->choice.due_s;
	r->operator_kind = d->o->by_timer ? OPERATOR_TIMER : OPERATOR_PERSON;
	snprintf(r->version, sizeof r->version, "%s", HOLDFAST_VERSION);
	snprintf(r->scenario, sizeof r->scenario, "restore");
	if (d->o->policy)
		sha256(r->policy.sha256, d->o->policy, strlen(d->o->policy));
	r->policy.every_s = d->o->every_s;
	r->source.kind = place_of(vault_url(d->v));
	r->source.offsite = r->source.kind != PLACE_LOCAL;
	r->isolation.other_machine = key && memcmp(key->id, d->c->store->info.writer, 16) != 0;
	/* as long as nothing is compared, nothing is equal */
	r->complete.tables = r->complete.rows = COMPLETE_SKIPPED;
	r->rto.target_ms = d->o->rto_s * 1000;
	r->rpo.target_s = d->o->rpo_s;
	r->approval_needed = d->o->reviewer != NULL;
	r->drill_name = drill_text(d->o->name);
	r->store_name = drill_text(d->c->store->info.name);
	r->asset = drill_text(d->o->asset);
	r->owner = drill_text(d->o->owner);
	r->operator = drill_text(d->o->operator);
	r->source_url = drill_text(vault_url(d->v));
	describe_choice(d);
	return drill_notes_load(d->v, r, err) == 0 ? read_runbook(d, err) : (int)err->code;
}

static int begin(struct drilling *d, struct err *err)
{
	unsigned swept;
	if (drill_choose(d->v, d->o, &d->choice, err) != 0)
		return err->code;
	d->c = &d->choice.all[d->choice.chosen];
	if (describe(d, err) != 0 || drilling_plan_recorded(d, err) != 0)
		return err->code;
	hex_encode(d->result->id, d->report.drill, sizeof d->report.drill);
	/* plain data of a drill that was killed lies about until now at the latest */
	if (sandbox_sweep(d->o->sandboxes, &swept, err) != 0)
		return err->code;
	d->report.started_s = (uint64_t)time(NULL);
	d->begun_ms = clock_ms();
	return 0;
}

/* ---- the end ---- */

static int take_down(struct drilling *d, struct err *err)
{
	struct err left;
	if (drilling_phase(d, "teardown", err) != 0)
		return err->code;
	if (!d->box)
		return drill_add_step(&d->report, "nothing-restored", true, err) == 0
		       ? drilling_phase(d, NULL, err) : (int)err->code;
	bool removed = sandbox_remove(d->box, &left) == 0;
	if (drill_add_step(&d->report, "processes-ended", sandbox_ended(d->box), err) != 0 ||
	    drill_add_step(&d->report, "files-removed", removed, err) != 0)
		return err->code;
	sandbox_free(TAKE(d->box));
	return drilling_phase(d, NULL, err);
}

static void measure_rto(struct drilling *d)
{
	struct report *r = &d->report;
	r->rto.measured = d->checked_ms > 0;
	r->rto.value_ms = d->checked_ms > 0 ? (uint64_t)(d->checked_ms - d->begun_ms) : 0;
	r->finished_s = (uint64_t)time(NULL);
	if (r->finished_s < r->started_s)
		r->finished_s = r->started_s;   /* the clock was set back meanwhile */
	uint64_t from = r->due_s > r->started_s ? r->due_s : r->started_s;
	r->fresh_until_s = from + d->o->every_s > r->finished_s ? from + d->o->every_s : r->finished_s;
}

/* Whatever happens is part of the report, except that there is no memory for it. */
static int conduct(struct drilling *d, struct err *err)
{
	struct err why;
	if (drilling_restore(d, &why) == 0 && drilling_trial(d, &why) == 0)
		return 0;
	const char *phase = d->phase ? d->phase : "checks";
	return drill_add_stop(&d->report, phase, d->finding, &why, err);
}

static int take_result(struct drilling *d, const struct buf *report, const struct buf *detail,
                       struct err *err)
{
	struct drill_result *r = d->result;
	r->verdict = (enum drill_verdict)d->report.verdict;
	r->report = strndup((const char *)report->bytes, report->len);
	r->detail = strndup((const char *)detail->bytes, detail->len);
	return r->report && r->detail ? 0 : err_no_memory(err);
}

static int finish(struct drilling *d, struct err *err)
{
	AUTO(buf) report = buf_new(REPORT_MAX, err);
	AUTO(buf) detail = report ? buf_new(REPORT_MAX, err) : NULL;
	measure_rto(d);
	if (!detail || report_encode(&d->report, report, detail, err) != 0 ||
	    take_result(d, report, detail, err) != 0)
		return err->code;
	return drilling_end_recorded(d, err);
}

static void clear(struct drilling *d)
{
	sandbox_free(d->box);
	open_snapshot_free(d->snapshot);
	json_drop(&d->recorded);
	free(d->file);
	free(d->database);
	report_clear(&d->report);
	drill_choice_clear(&d->choice);
}

static int check_options(const struct drill_options *o, struct err *err)
{
	if (!o->name || !*o->name || !o->sandboxes)
		return err_set(err, ERR_INVALID, "a drill needs a name and a folder for sandboxes");
	if (o->snapshot && o->n_stores != 1)
		return err_set(err, ERR_INVALID, "a snapshot can be named of one store only");
	return 0;
}

int drill_run(struct vault *v, const struct drill_options *options, struct drill_result *result,
              struct err *err)
{
	struct drilling d = { .v = v, .o = options, .result = result };
	*result = (struct drill_result){ .verdict = DRILL_UNVERIFIED };
	int rc = check_options(options, err);
	if (rc == 0)
		rc = begin(&d, err);
	if (rc == 0)
		rc = conduct(&d, err);
	if (rc == 0)
		rc = take_down(&d, err);
	if (rc == 0)
		rc = finish(&d, err);
	clear(&d);
	if (rc != 0)
		drill_result_clear(result);
	return rc;
}

void drill_result_clear(struct drill_result *r)
{
	free(r->report);
	free(r->detail);
	free(r->evidence);
	*r = (struct drill_result){ .verdict = DRILL_UNVERIFIED };
}

int drill_plan(struct vault *v, const struct drill_options *options, struct drill_plan *plan,
               struct err *err)
{
	struct drill_choice choice;
	if (drill_choose(v, options, &choice, err) != 0)
		return err->code;
	const struct drill_candidate *c = &choice.all[choice.chosen];
	*plan = (struct drill_plan){
		.store = c->store, .seq = c->seq, .population = choice.n, .chosen = choice.chosen,
		.due_s = choice.due_s, .time_s = c->time_s,
	};
	hex_encode(plan->seed, choice.seed, sizeof choice.seed);
	drill_choice_clear(&choice);
	return 0;
}
