/* drill run, drill plan */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/drill_job.h"
#include "cli/drill_page.h"
#include "cli/drill_verbs.h"
#include "cli/due.h"
#include "cli/exit_code.h"
#include "cli/live.h"
#include "cli/outcomes.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/text.h"
#include "holdfast/err.h"

/* Some drills of one command. */
struct drills {
	struct cli *cli;
	size_t done, bad;
	bool unrecorded, unstamped;
	enum exit_code failed;   /* of those that could not be run; damage outranks the first */
};

/* ---- what is remembered here ---- */

static int note(struct cli *cli, const struct drill_job *j, const struct drill_result *r,
                int64_t start_s, struct err *err)
{
	if (!cli->state)
		return 0;
	AUTO(outcomes) o = outcomes_load(cli->state, true, NULL, err);
	if (!o || outcomes_of_vault(o, vault_id_text(cli->vault), cli->url, err) != 0)
		return err->code;
	int rc = drill_job_note(j, r->verdict, start_s, o, err);
	return rc == 0 ? outcomes_store(o, err) : rc;
}

/* ---- one drill ---- */

static int tell(struct drills *d, const struct drill_result *r, struct err *err)
{
	const struct options *o = &d->cli->options;
	if (r->unrecorded.code != ERR_NONE)
		output_error(&r->unrecorded);
	if (r->unstamped.code != ERR_NONE)
		output_error(&r->unstamped);
	if (o->json)
		return drill_page_json(r, err);
	if (o->quiet) {
		drill_page_troubles(r);
		return 0;
	}
	if (d->done > 1)
		putchar('\n');
	if (drill_page_print(r, err) != 0)
		return err->code;
	if (r->evidence)
		printf("%-11s%s\n%11sholdfast drill verify %s\n", "Evidence", r->evidence, "", r->evidence);
	return 0;
}

static int run_one(struct drills *d, const struct drill_job *j, struct err *err)
{
	struct drill_result r;
	int64_t start_s = (int64_t)time(NULL);
	int rc = drill_run(d->cli->vault, &j->options, &r, err);
	live_clear();
	if (rc != 0)
		return rc;
	d->done++;
	d->bad += r.verdict != DRILL_PASSED;
	d->unrecorded |= r.unrecorded.code != ERR_NONE;
	d->unstamped |= r.unstamped.code != ERR_NONE;
	rc = tell(d, &r, err);
	if (rc == 0)
		rc = note(d->cli, j, &r, start_s, err);
	drill_result_clear(&r);
	return rc;
}

static int run_section(struct drills *d, const struct config_section *section, const char *operand,
                       struct err *err)
{
	AUTO(drill_job) j = drill_job_new(d->cli, section, operand, err);
	if (j && run_one(d, j, err) == 0)
		return 0;
	return err_wrap(err, "drill%s%.60s", section ? " " : "", section ? section->name : "");
}

/* ---- which ---- */

typedef int section_visit(struct drills *d, const struct config_section *section, struct err *err);

static void tell_failed(struct drills *d, const struct err *err)
{
	struct err ignored;
	enum exit_code code = exit_code_of(err->code);
	live_clear();
	output_error(err);
	if (d->cli->options.json)
		output_json(output_json_error(err, NULL), &ignored);
	if (d->failed == EXIT_DONE || code == EXIT_DAMAGE)
		d->failed = code;
}

/* One that cannot be run keeps no other from its turn. */
static int each_section(struct drills *d, section_visit *visit, struct err *err)
{
	const struct config *c = d->cli->config;
	size_t n = 0;
	for (size_t i = 0; i < c->n; i++) {
		if (c->sections[i].kind != CONFIG_DRILL)
			continue;
		n++;
		if (visit(d, &c->sections[i], err) == 0)
			continue;
		if (err->code == ERR_STOPPED)
			return err->code;
		tell_failed(d, err);
	}
	if (n > 0)
		return 0;
	err_set(err, ERR_INVALID, "drill: the configuration has no [drill NAME]");
	return err_hint(err, "add one (holdfast.conf(5)), or name a store: holdfast drill run STORE");
}

static int run_always(struct drills *d, const struct config_section *section, struct err *err)
{
	return run_section(d, section, NULL, err);
}

static int run_if_due(struct drills *d, const struct config_section *section, struct err *err)
{
	int64_t turn;
	AUTO(outcomes) o = outcomes_load(d->cli->state, false, NULL, err);
	if (!o || outcomes_of_vault(o, vault_id_text(d->cli->vault), d->cli->url, err) != 0)
		return err->code;
	if (!drill_is_due(d->cli, section, o, (int64_t)time(NULL), &turn))
		return 0;
	return run_section(d, section, NULL, err);
}

static int exit_of(const struct drills *d)
{
	if (d->failed == EXIT_DAMAGE)
		return EXIT_DAMAGE;
	if (d->bad)
		return EXIT_DRILL;
	if (d->failed != EXIT_DONE)
		return (int)d->failed;
	return d->unrecorded || d->unstamped ? EXIT_DEGRADED : EXIT_DONE;
}

int drill_verb_run(struct cli *cli, struct err *err)
{
	const struct options *o = &cli->options;
	struct drills d = { .cli = cli };
	const char *operand = o->n_operands > 1 ? o->operands[1] : NULL;
	if (operand && o->own[DRILL_DUE])
		return err_set(err, ERR_INVALID, "drill run: a name and --due exclude each other");
	if (cli_open(cli, err) != 0)
		return err->code;
	const struct config_section *section = operand ? drill_section(cli, operand) : NULL;
	int rc = section ? run_section(&d, section, NULL, err)
	         : operand ? run_section(&d, NULL, operand, err)
	                   : each_section(&d, o->own[DRILL_DUE] ? run_if_due : run_always, err);
	if (rc != 0)
		return rc;
	if (d.done == 0 && !d.failed && !o->quiet && !o->json)
		printf("no drill is due\n");
	return exit_of(&d);
}

/* ---- plan ---- */

static int64_t next_of(const struct cli *cli, const struct config_section *section, struct err *err)
{
	struct due due;
	struct outcome last = { .good_s = 0 };
	if (cli->state) {
		AUTO(outcomes) o = outcomes_load(cli->state, false, NULL, err);
		if (!o || outcomes_of_vault(o, vault_id_text(cli->vault), cli->url, err) != 0)
			return err->code;
		outcomes_get(o, "drill", section->name, &last);
	}
	config_store_due(cli->config, section, &due);
	return due_next(&due, last.tried_s > last.good_s ? last.tried_s : last.good_s,
	                (int64_t)time(NULL));
}

static int plan_one(struct drills *d, const struct config_section *section, struct err *err)
{
	struct drill_plan p;
	char when[TEXT_MAX], taken[TEXT_MAX], of[60], seq[24];
	int64_t next = next_of(d->cli, section, err);
	AUTO(drill_job) j = next >= 0 ? drill_job_new(d->cli, section, NULL, err) : NULL;
	if (!j || drill_plan(d->cli->vault, &j->options, &p, err) != 0)
		return err_wrap(err, "drill %.60s", section->name);
	const char *store = p.store->info.name ? p.store->info.name : "(name not known here)";
	if (d->cli->options.json)
		return output_json(json_pack("{s:o, s:I, s:o, s:I, s:I, s:I, s:s}", "drill",
		                             output_json_text(section->name), "next", (json_int_t)next,
		                             "store", output_json_text(store), "snapshot",
		                             (json_int_t)p.seq, "population", (json_int_t)p.population,
		                             "chosen", (json_int_t)p.chosen, "seed", p.seed), err);
	snprintf(of, sizeof of, "%llu of %llu", (unsigned long long)p.chosen + 1,
	         (unsigned long long)p.population);
	snprintf(seq, sizeof seq, "%llu", (unsigned long long)p.seq);
	char row[1000], name[4 * 300];
	snprintf(row, sizeof row, "%-16.100s %-16s %s@%s of %s, %s", section->name,
	         next <= (int64_t)time(NULL) ? "due now" : text_time(when, next), store, seq,
	         text_time(taken, p.time_s), of);
	printf("%s\n", text_escape(name, sizeof name, row));
	return 0;
}

int drill_verb_plan(struct cli *cli, struct err *err)
{
	struct drills d = { .cli = cli };
	if (cli_open(cli, err) != 0)
		return err->code;
	if (cli->options.n_operands < 2)
		return each_section(&d, plan_one, err) == 0 ? (int)exit_of(&d) : (int)err->code;
	const struct config_section *section = drill_section(cli, cli->options.operands[1]);
	if (section)
		return plan_one(&d, section, err);
	return err_set(err, ERR_INVALID, "drill plan: there is no [drill %.100s]", cli->options.operands[1]);
}
