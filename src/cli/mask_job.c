#include "cli/mask_job.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/live.h"
#include "cli/output.h"
#include "cli/restore_job.h"
#include "cli/text.h"
#include "holdfast/restore.h"

enum { NAME_MAX_SHOWN = 200 };

struct telling {
	struct cli *cli;
	const struct restore_job *job;
};

const char *mask_job_scratch(void)
{
	const char *folder = getenv("TMPDIR");
	return folder && *folder ? folder : "/var/tmp";
}

/* ---- while it runs ---- */

static void tell_missing(void *arg, const char *table, const char *column)
{
	const struct telling *t = arg;
	struct err ignored;
	char first[NAME_MAX_SHOWN], second[NAME_MAX_SHOWN];
	live_clear();
	if (t->cli->options.json) {
		output_json(json_pack("{s:o, s:s, s:o, s:o}", "store", output_json_text(t->job->store->label),
		                      "lacks", "rule", "table", output_json_text(table), "column",
		                      column ? output_json_text(column) : json_null()), &ignored);
		return;
	}
	text_escape(first, sizeof first, table);
	text_escape(second, sizeof second, column ? column : "");
	output_note("%s: no rule for %s %s%s%s", t->job->store->label, column ? "column" : "table", first,
	            column ? "." : "", second);
}

static int tell_skeleton(void *arg, const char *text, struct err *err)
{
	const struct telling *t = arg;
	live_clear();
	if (t->cli->options.json)
		return output_json(json_pack("{s:o, s:o}", "store", output_json_text(t->job->store->label),
		                             "rules", output_json_text(text)), err);
	return fputs(text, stdout) >= 0 ? 0 : err_sys(err, "standard output");
}

/* ---- when it is done ---- */

static json_t *columns_json(const struct mask_result *m)
{
	json_t *columns = json_object();
	for (int i = 0; columns && i < MASK_KINDS; i++)
		json_object_set_new(columns, mask_kind_text((enum mask_kind)i),
		                    json_integer((json_int_t)m->columns[i]));
	return columns;
}

static int report_json(const struct telling *t, const struct restore_result *r, const struct mask_job *mask,
                       const struct mask_result *m, struct err *err)
{
	JSON_AUTO j = json_pack("{s:o, s:I, s:o, s:b, s:o, s:o}", "store",
	                        output_json_text(t->job->store->label), "snapshot",
	                        (json_int_t)t->job->snapshot.seq, "target", output_json_text(r->target),
	                        "masked", 1, "rules_sha256", json_hex(mask_rules_digest(mask->rules), 32),
	                        "columns", columns_json(m));
	JSON_AUTO counts = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "tables", (json_int_t)m->tables,
	                             "empty_tables", (json_int_t)m->empty_tables, "rebuilt_tables",
	                             (json_int_t)m->rebuilt_tables, "left_out", (json_int_t)m->left_out,
	                             "rows", (json_int_t)m->rows, "unused_rules", (json_int_t)m->unused,
	                             "orphans", (json_int_t)m->orphans);
	JSON_AUTO cost = json_pack("{s:I, s:I, s:I, s:b}", "bytes_written", (json_int_t)r->bytes_written,
	                           "bytes_fetched", (json_int_t)r->bytes_fetched, "duration_ms",
	                           (json_int_t)r->duration_ms, "degraded", r->warning.code != ERR_NONE);
	if (!j || !counts || !cost || json_object_update(j, counts) != 0 || json_object_update(j, cost) != 0)
		return err_no_memory(err);
	return output_json(json_incref(j), err);
}

static const char *plural(uint64_t n) { return n == 1 ? "" : "s"; }

static void print_rules(const struct mask_result *m)
{
	const char *comma = "";
	printf("  columns:");
	for (int i = 0; i < MASK_KINDS; i++)
		if (m->columns[i] > 0) {
			printf("%s %" PRIu64 " %s", comma, m->columns[i], mask_kind_text((enum mask_kind)i));
			comma = ",";
		}
	printf("%s\n", *comma ? "" : " none");
}

static void print_rest(const struct mask_result *m)
{
	if (m->empty_tables > 0)
		printf("  %" PRIu64 " table%s left empty\n", m->empty_tables, plural(m->empty_tables));
	if (m->rebuilt_tables > 0)
		printf("  %" PRIu64 " full-text ind%s made anew\n", m->rebuilt_tables,
		       m->rebuilt_tables == 1 ? "ex" : "exes");
	if (m->left_out > 0)
		printf("  %" PRIu64 " virtual table%s left out: of a kind that this program does not know\n",
		       m->left_out, plural(m->left_out));
	if (m->orphans > 0)
		printf("  %" PRIu64 " row%s without the parent that a key names, as in the original\n",
		       m->orphans, plural(m->orphans));
	if (m->unused > 0)
		printf("  %" PRIu64 " rule%s for what is not there\n", m->unused, plural(m->unused));
}

static void report_text(const struct telling *t, const struct restore_result *r,
                        const struct mask_result *m)
{
	char when[TEXT_MAX], size[TEXT_MAX], took[TEXT_MAX], target[4 * sizeof r->target];
	bool dry = t->cli->options.dry_run;
	printf("%s@%" PRIu64 " of %s %s %s: %" PRIu64 " table%s, %" PRIu64 " row%s, %s in %s\n",
	       t->job->store->label, t->job->snapshot.seq, text_time(when, t->job->snapshot.time_s),
	       dry ? "would be masked to" : "masked to",
	       text_escape(target, sizeof target, dry ? t->job->to : r->target), m->tables,
	       plural(m->tables), m->rows, plural(m->rows), text_size(size, r->bytes_written),
	       text_took(took, r->duration_ms));
	print_rules(m);
	print_rest(m);
}

static int report(const struct telling *t, struct restore_result *r, const struct mask_job *mask,
                  const struct mask_result *m, struct err *err)
{
	if (r->warning.code != ERR_NONE) {
		choice_wrap(t->cli, t->job->store->label, &r->warning);
		output_error(&r->warning);
	}
	if (mask->template_only)
		return 0;
	if (t->cli->options.json)
		return report_json(t, r, mask, m, err);
	if (!t->cli->options.quiet || r->warning.code != ERR_NONE)
		report_text(t, r, m);
	return 0;
}

int mask_job_run(struct cli *cli, const struct restore_job *job, const struct mask_job *mask, bool *degraded,
                 struct err *err)
{
	struct mask_result masked = { 0 };
	struct restore_result result = { 0 };
	struct telling telling = { cli, job };
	const char *const hidden[] = { cli->keys ? cli->keys : cli->state,
	                               cli->keys ? cli->state : NULL, NULL };
	const struct restore_mask how = {
		.rules = mask->rules, .skeleton = tell_skeleton, .to = job->to, .overwrite = mask->overwrite,
		.dry_run = cli->options.dry_run, .missing = tell_missing, .arg = &telling, .result = &masked,
		.hidden = hidden,
	};
	int rc = restore_masked(cli->vault, &job->store->info, job->snapshot.seq, &how, cli_progress(cli),
	                        &result, err);
	live_clear();
	if (rc != 0)
		return rc;
	*degraded |= result.warning.code != ERR_NONE;
	return report(&telling, &result, mask, &masked, err);
}
