/* duty_copy - what lacks in the vaults with `copy = after-backup`. */
#include <stdio.h>

#include "cli/after_backup.h"
#include "cli/backup_job.h"
#include "cli/cli.h"
#include "cli/duty.h"
#include "cli/logger.h"
#include "cli/outcomes.h"
#include "cli/output.h"
#include "cli/plan.h"
#include "cli/text.h"
#include "holdfast/err.h"
#include "holdfast/vault.h"

static bool is_late(const struct duty_run *r, const struct config_section *place)
{
	return after_backup_is_wanted(r->cli, place) && after_backup_is_late(r->outcomes, place);
}

/* Copies of what is backed up tonight are no reason to run, but go with it. */
static bool is_due(struct duty_run *r)
{
	for (size_t i = 0; i < r->cli->config->n; i++)
		if (is_late(r, &r->cli->config->sections[i]))
			return true;
	return false;
}

static int tell(struct duty_run *r, struct err *err)
{
	for (size_t i = 0; i < r->cli->config->n; i++) {
		char safe[4 * VAULT_NAME_MAX];
		const struct config_section *place = &r->cli->config->sections[i];
		if (!is_late(r, place))
			continue;
		if (!r->cli->options.json)
			printf("copy    to vault %s, which is late\n",
			       text_escape(safe, sizeof safe, place->name));
		else if (output_json(json_pack("{s:s, s:o}", "due", "copy", "vault",
		                               output_json_text(place->name)), err) != 0)
			return err->code;
	}
	return 0;
}

static int carry_out(struct duty_run *r, struct err *err)
{
	static const struct plan nothing = { 0 };
	(void)err;
	if (!r->plan)
		r->report.plan = &nothing;
	backup_job_copy(r->cli, &r->report, r->outcomes);
	for (size_t i = 0; i < r->report.n_copies; i++) {
		const struct backup_copy *c = &r->report.copies[i];
		char size[TEXT_MAX];
		if (c->err.code == ERR_NONE)
			logger_line(r->log, LOGGER_INFO, "copied to vault %s: %s", c->to,
			            text_size(size, c->sum.bytes));
	}
	return 0;
}

static int note(const struct duty_run *r, struct outcomes *o, struct err *err)
{
	return backup_job_note_copies(&r->report, o, err);
}

static int add(struct duty_run *r, const char *fact, const char *more, const char *next, struct err *err)
{
	return run_summary_add(r->summary, &(struct run_line){
		.kind = RUN_NOTE, .object = "", .fact = fact, .more = more, .next = next,
	}, err);
}

static int sum_up_copy(struct duty_run *r, const struct backup_copy *c, struct err *err)
{
	struct outcome o;
	struct err why = c->err;
	char more[200] = "", day[TEXT_MAX], next[300];
	bool damaged = why.code == ERR_NONE && c->sum.problems > 0;
	if (why.code == ERR_NONE && !damaged)
		return 0;
	if (damaged)
		err_set(&why, ERR_CORRUPT, "copy to vault %.100s: damaged objects were left out", c->to);
	outcomes_get(r->outcomes, "copy", c->to, &o);
	if (o.good_s)
		snprintf(more, sizeof more, "the last good copy is of %s",
		         text_day(day, o.good_s, r->report.began_s));
	snprintf(next, sizeof next, "%sholdfast copy --to %.100s", damaged ? "holdfast check; then " : "",
	         c->to);
	return add(r, why.msg, more, next, err);
}

static int sum_up(struct duty_run *r, struct err *err)
{
	const struct err *all = &r->report.copies_error;
	if (r->report.copies_failed && add(r, all->msg, "", all->hint, err) != 0)
		return err->code;
	for (size_t i = 0; i < r->report.n_copies; i++)
		if (sum_up_copy(r, &r->report.copies[i], err) != 0)
			return err->code;
	return 0;
}

const struct duty duty_copy = { "copy", is_due, tell, carry_out, note, sum_up };
