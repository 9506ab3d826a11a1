/* drill list, show, verify, keys, finding, approve */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/drill_job.h"
#include "cli/drill_listing.h"
#include "cli/drill_page.h"
#include "cli/drill_verbs.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/when.h"
#include "holdfast/drill.h"
#include "holdfast/err.h"
#include "holdfast/evidence.h"

/* ---- list ---- */

static int list_row(struct cli *cli, struct table *t, const struct listed_drill *e,
                    struct err *err)
{
	char due[TEXT_MAX] = "", started[TEXT_MAX] = "", took[TEXT_MAX] = "", id[13];
	const char *state = drill_listing_state(e);
	if (cli->options.json)
		return output_json(json_pack("{s:s, s:o, s:s, s:I, s:I, s:I, s:b}", "id", e->id, "machine",
		                             output_json_text(e->machine), "state", state, "due",
		                             (json_int_t)e->due_s, "started", (json_int_t)e->started_s,
		                             "finished", (json_int_t)e->finished_s, "retry", e->retry),
		                   err);
	snprintf(id, sizeof id, "%.12s", e->id);
	if (e->due_s)
		text_time(due, e->due_s);
	if (e->started_s)
		text_time(started, e->started_s);
	if (e->finished_s)
		text_took(took, (uint64_t)(e->finished_s - e->started_s) * 1000);
	return TABLE_ROW(t, err, id, e->machine, due, started, took, state, e->retry ? "retry" : "");
}

int drill_verb_list(struct cli *cli, struct err *err)
{
	if (cli_open(cli, err) != 0)
		return err->code;
	AUTO(drill_listing) l = drill_listing_new(cli, 0, err);
	AUTO(table) t = table_new("llllrll", err);
	if (!l || !t ||
	    TABLE_ROW(t, err, "DRILL", "MACHINE", "DUE", "STARTED", "TOOK", "VERDICT", "") != 0)
		return err->code;
	bool lost = false;
	for (size_t i = 0; i < l->n; i++) {
		if (list_row(cli, t, &l->all[i], err) != 0)
			return err->code;
		lost |= l->all[i].lost;
	}
	if (!cli->options.json && l->n > 0)
		table_print(t);
	return lost ? EXIT_DRILL : EXIT_DONE;
}

/* ---- show ---- */

int drill_verb_show(struct cli *cli, struct err *err)
{
	const struct options *o = &cli->options;
	struct drill_result r;
	bool unlocked;
	if (cli_open(cli, err) != 0 || cli_unlock_if_given(cli, false, &unlocked, err) != 0)
		return err->code;
	const struct drill_known known = { .signers = cli_place_value(cli, "allowed-signers") };
	if (drill_load(cli->vault, o->operands[1], &known, &r, err) != 0)
		return err->code;
	int rc = o->json ? drill_page_json(&r, err) : drill_page_print(&r, err);
	if (rc == 0 && o->own[DRILL_TO])
		rc = drill_fetch_evidence(cli->vault, r.id, o->own[DRILL_TO], err);
	if (rc == 0 && o->own[DRILL_TO] && !o->json)
		printf("%-11s%s\n", "Evidence", o->own[DRILL_TO]);
	drill_result_clear(&r);
	return rc;
}

/* ---- verify ---- */

static const char *word_of(enum evidence_state s)
{
	static const char *const words[] = { [EVIDENCE_OK] = "ok", [EVIDENCE_FAILED] = "FAILED",
	                                     [EVIDENCE_ABSENT] = "absent",
	                                     [EVIDENCE_UNPROVEN] = "not proved" };
	return words[s];
}

static int evidence_json(const struct evidence_result *r, struct err *err)
{
	json_t *checks = json_array();
	for (int i = 0; checks && i < EVIDENCE_CHECKS; i++)
		json_array_append_new(checks, json_pack("{s:s, s:s, s:o}", "name", r->checks[i].name,
		                                        "state", word_of(r->checks[i].state), "said",
		                                        output_json_text(r->checks[i].said)));
	return output_json(json_pack("{s:b, s:b, s:s, s:s, s:o}", "sound", r->sound, "anchored",
	                             r->anchored, "drill", r->drill, "verdict",
	                             r->verdict ? r->verdict : "", "checks", checks), err);
}

static int evidence_lines(const struct evidence_result *r, const char *dir, struct err *err)
{
	char safe[1200];
	AUTO(table) t = table_new("lll", err);
	for (int i = 0; t && i < EVIDENCE_CHECKS; i++)
		if (TABLE_ROW(t, err, r->checks[i].name, word_of(r->checks[i].state), r->checks[i].said) != 0)
			return err->code;
	if (!t)
		return err->code;
	table_print(t);
	printf("%s: %s%s; the drill %s%s\n", text_escape(safe, sizeof safe, dir),
	       r->sound ? "sound" : "NOT SOUND", r->anchored ? "" : ", by the keys that lie beside it",
	       r->verdict ? "says: " : "cannot be read", r->verdict ? r->verdict : "");
	return 0;
}

int drill_verb_verify(struct cli *cli, struct err *err)
{
	struct evidence_result r;
	const char *dir = cli->options.operands[1];
	if (evidence_verify(dir, cli->options.own[DRILL_KEYS], &r, err) != 0)
		return err->code;
	int rc = cli->options.json ? evidence_json(&r, err)
	         : cli->options.quiet && r.sound ? 0 : evidence_lines(&r, dir, err);
	return rc != 0 ? rc : !r.sound ? EXIT_DAMAGE : r.anchored ? EXIT_DONE : EXIT_DEGRADED;
}

int drill_verb_keys(struct cli *cli, struct err *err)
{
	const char *dir = cli->options.operands[1];
	char safe[1200];
	if (cli_open(cli, err) != 0 ||
	    drill_write_keys(cli->vault, dir, cli_place_value(cli, "tsa-ca"),
	                     cli_place_value(cli, "allowed-signers"), err) != 0)
		return err->code;
	if (!cli->options.quiet && !cli->options.json)
		printf("%s: give this folder to the auditor once, by hand; then\n"
		       "holdfast drill verify EVIDENCE --keys DIR\n", text_escape(safe, sizeof safe, dir));
	return EXIT_DONE;
}

/* ---- finding ---- */

int drill_verb_finding(struct cli *cli, struct err *err)
{
	const struct options *o = &cli->options;
	struct drill_finding_note n = {
		.drill = o->operands[1], .ticket = o->own[DRILL_TICKET], .text = o->own[DRILL_TEXT],
		.close = o->own[DRILL_CLOSE] != NULL,
	};
	if (!n.ticket) {
		err_set(err, ERR_INVALID, "drill finding: --ticket is missing");
		return err_hint(err, "for example --ticket OPS-311 --by 2026-12-01");
	}
	if (o->own[DRILL_BY] && !when_since(o->own[DRILL_BY], (int64_t)time(NULL), &n.due_s))
		return err_set(err, ERR_INVALID, "drill finding: '%.60s' is no date", o->own[DRILL_BY]);
	if (cli_open(cli, err) != 0)
		return err->code;
	return drill_note_finding(cli->vault, &n, err);
}

/* ---- approve ---- */

enum { SIGNATURE_MAX = 4096 };

/* Whom the configuration names for this drill, or NULL; the text is the configuration's. */
static int find_reviewer(const struct cli *cli, const char *id, const char **out, struct err *err)
{
	struct drill_result r;
	if (drill_load(cli->vault, id, NULL, &r, err) != 0)
		return err->code;
	JSON_AUTO detail = r.detail
	                   ? json_decode(r.detail, strlen(r.detail), "detail of the drill", err) : NULL;
	const char *name = json_string_value(json_object_get(detail, "drill_name"));
	const struct config_section *section = name ? drill_section(cli, name) : NULL;
	*out = section ? config_get(cli->config, section, "reviewer") : NULL;
	bool fine = detail || !r.detail;
	drill_result_clear(&r);
	return fine ? 0 : (int)err->code;
}

static int tell_approval(const struct cli *cli, const char *id, const char *who, struct err *err)
{
	char safe[4 * DRILL_REVIEWER_MAX];
	if (cli->options.json)
		return output_json(json_pack("{s:s, s:o}", "drill", id, "approved_by", output_json_text(who)),
		                   err);
	if (!cli->options.quiet)
		printf("drill %.12s: approved by %s\n", id, text_escape(safe, sizeof safe, who));
	return EXIT_DONE;
}

int drill_verb_approve(struct cli *cli, struct err *err)
{
	const struct options *o = &cli->options;
	const char *id = o->operands[1], *file = o->own[DRILL_SIGNATURE];
	char who[DRILL_REVIEWER_MAX];
	AUTO(buf) signature = buf_new(SIGNATURE_MAX, err);
	if (!file) {
		err_set(err, ERR_INVALID, "drill approve: --signature is missing");
		return err_hint(err, "ssh-keygen -Y sign -n holdfast-drill -f KEY report.json makes one");
	}
	if (!signature || io_read_file(file, signature, err) != 0 || cli_open(cli, err) != 0)
		return err->code;
	struct drill_approval a = { .signature = signature->bytes, .signature_len = signature->len,
		                    .signers = cli_place_value(cli, "allowed-signers") };
	if (!a.signers) {
		err_set(err, ERR_INVALID, "drill approve: it is not known who may approve");
		return err_hint(err, "set 'allowed-signers' in [vault] (holdfast.conf(5))");
	}
	if (find_reviewer(cli, id, &a.reviewer, err) != 0 ||
	    drill_approve(cli->vault, id, &a, who, err) != 0)
		return err->code;
	return tell_approval(cli, id, who, err);
}
