/* evidence - the folder that goes to an auditor. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/json.h"
#include "base/tree.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/period.h"
#include "cli/report_csv.h"
#include "cli/report_html.h"
#include "cli/span.h"
#include "cli/text.h"
#include "holdfast/drill.h"
#include "holdfast/err.h"
#include "holdfast/evidence.h"
#include "holdfast/ledger.h"

enum { FROM, TO, OUT };
enum { FILE_BYTES_MAX = 64 << 20, COMMENT_MAX = 200 };

static const struct option_spec options[] = {
	[FROM] = { "from", 0, "T", "its beginning: 2026-10-01, 90d; default: 90 days before its end" },
	[TO] = { "to", 0, "T", "its end; a date: that day's end; default: now" },
	[OUT] = { "out", 0, "DIR", "the new folder" },
	{ 0 },
};

struct making {
	struct cli *cli;
	const json_t *doc;
	const char *dir;           /* where it is made: beside the folder that was asked for */
	size_t drills;
	uint64_t logs, entries;
};

static int write_buf(const struct making *m, const char *name, const struct buf *b, struct err *err)
{
	char path[PATH_MAX];
	return io_join(path, m->dir, name, err) == 0 ? io_write_file(path, b->bytes, b->len, 0644, err)
	                                             : err->code;
}

/* ---- tables and pages ---- */

static int write_tables(const struct making *m, struct err *err)
{
	for (enum report_table t = 0; t < REPORT_TABLES; t++) {
		AUTO(buf) out = buf_new(FILE_BYTES_MAX, err);
		if (!out || report_csv_put(m->doc, t, out, err) != 0 ||
		    write_buf(m, report_csv_name(t), out, err) != 0)
			return err->code;
	}
	return 0;
}

static int write_page(const struct making *m, const char *name, enum report_lang lang, struct err *err)
{
	AUTO(buf) out = buf_new(FILE_BYTES_MAX, err);
	return out && report_html(m->doc, lang, out, err) == 0 ? write_buf(m, name, out, err) : err->code;
}

static int write_document(const struct making *m, struct err *err)
{
	AUTO(buf) out = buf_new(FILE_BYTES_MAX, err);
	if (!out || json_encode(m->doc, out, err) != 0 || write_buf(m, "report.json", out, err) != 0)
		return err->code;
	buf_clear(out);
	if (buf_printf(out, err, "from %lld\nto %lld\n", (long long)json_int(m->doc, "from"),
	               (long long)json_int(m->doc, "to")) != 0)
		return err->code;
	return write_buf(m, "SPAN", out, err);
}

/* ---- drills and ledgers ---- */

static int fetch_drills(struct making *m, struct err *err)
{
	char path[PATH_MAX], name[64];
	const json_t *d;
	size_t i;
	if (io_join(path, m->dir, "drills", err) != 0 || io_make_dirs(path, 0755, err) != 0)
		return err->code;
	json_array_foreach(json_object_get(m->doc, "drills"), i, d) {
		if (!json_int(d, "finished") || json_is_true(json_object_get(d, "no_report")))
			continue;
		snprintf(name, sizeof name, "drills/%.32s", json_text(d, "id"));
		if (io_join(path, m->dir, name, err) != 0 ||
		    drill_fetch_evidence(m->cli->vault, json_text(d, "id"), path, err) != 0)
			return err->code;
		m->drills++;
	}
	return 0;
}

static int export_ledgers(struct making *m, struct err *err)
{
	char path[PATH_MAX];
	return io_join(path, m->dir, "ledger", err) == 0
	       ? ledger_export(m->cli->vault, path, &m->logs, &m->entries, err) : err->code;
}

/* ---- all of it ---- */

static int fill(struct making *m, struct err *err)
{
	char comment[COMMENT_MAX];
	if (io_make_dirs(m->dir, 0755, err) != 0 || export_ledgers(m, err) != 0 ||
	    fetch_drills(m, err) != 0 || write_tables(m, err) != 0 || write_document(m, err) != 0 ||
	    write_page(m, "report.html", REPORT_EN, err) != 0 ||
	    write_page(m, "report.zh.html", REPORT_ZH, err) != 0)
		return err->code;
	snprintf(comment, sizeof comment, "evidence\tvault:%.32s\tfrom:%lld\tto:%lld\tdrills:%zu",
	         json_text(m->doc, "vault"), (long long)json_int(m->doc, "from"),
	         (long long)json_int(m->doc, "to"), m->drills);
	return evidence_sign_folder(m->cli->vault, m->dir, comment, err);
}

static int put_in_place(const char *from, const char *to, struct err *err)
{
	if (rename(from, to) == 0)
		return io_sync_parent(to, err);
	if (errno != ENOTEMPTY && errno != EEXIST)
		return err_sys(err, "%s", to);
	err_set(err, ERR_EXISTS, "evidence: %s: exists and is not empty", to);
	return err_hint(err, "give a folder of its own to each span");
}

/* Whole or not at all: a folder without its signature must not look like evidence. */
static int make(struct making *m, const char *out, struct err *err)
{
	char partial[PATH_MAX];
	struct err ignored;
	if (tree_partial(out, partial, err) != 0)
		return err->code;
	m->dir = partial;
	if (fill(m, err) != 0 || put_in_place(partial, out, err) != 0) {
		tree_remove(partial, &ignored);
		return err->code;
	}
	return 0;
}

static int tell(const struct making *m, const char *out, struct err *err)
{
	char safe[4 * 1200];
	if (m->cli->options.json)
		return output_json(json_pack("{s:o, s:I, s:I, s:I}", "folder", output_json_text(out),
		                             "drills", (json_int_t)m->drills, "logs",
		                             (json_int_t)m->logs, "entries", (json_int_t)m->entries),
		                   err);
	if (!m->cli->options.quiet)
		printf("%s: %zu drill%s, %llu ledger%s; verify with: cd %s && sh VERIFY.txt KEYS\n",
		       text_escape(safe, sizeof safe, out), m->drills, m->drills == 1 ? "" : "s",
		       (unsigned long long)m->logs, m->logs == 1 ? "" : "s", safe);
	return 0;
}

static int run(struct cli *cli, struct err *err)
{
	const struct options *o = &cli->options;
	int64_t from, to;
	if (options_operands(o, &cmd_evidence, 0, 0, err) != 0 ||
	    span_read("evidence", o->own[FROM], o->own[TO], (int64_t)time(NULL), &from, &to, err) != 0)
		return err->code;
	if (!o->own[OUT]) {
		err_set(err, ERR_INVALID, "evidence: --out is missing");
		return err_hint(err, "for example --from 2026-10-01 --to 2026-12-31 --out evidence-2026-q4");
	}
	JSON_AUTO doc = period_document(cli, from, to, err);
	struct making m = { .cli = cli, .doc = doc };
	if (!doc || make(&m, o->own[OUT], err) != 0)
		return err->code;
	return tell(&m, o->own[OUT], err);
}

const struct command cmd_evidence = {
	.name = "evidence",
	.summary = "what goes to an auditor: a signed folder",
	.usage = "[--from T] [--to T] --out DIR",
	.about = "Bring together what an auditor needs of a span of time: the inventory of stores against\n"
	         "your register of assets, every drill with its own evidence, also those that failed, what\n"
	         "was missed, what is done about it, keys and epochs, all ledgers, and the report. The list\n"
	         "of all files is signed with this machine's report key. VERIFY.txt checks everything, with\n"
	         "a shell, minisign, openssl and coreutils. It has the names that this machine can read.\n",
	.options = options,
	.run = run,
};
