/* report - what a span of time proves about backups and drills, and what it does not. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/period.h"
#include "cli/period_facts.h"
#include "cli/report_csv.h"
#include "cli/report_html.h"
#include "cli/report_words.h"
#include "cli/span.h"
#include "cli/text.h"
#include "holdfast/err.h"

enum { FROM, TO, HTML, CSV, LANG };
enum { REPORT_BYTES_MAX = 64 << 20 };

static const struct option_spec options[] = {
	[FROM] = { "from", 0, "T", "its beginning: 2026-10-01, 90d; default: 90 days before its end" },
	[TO] = { "to", 0, "T", "its end; a date: that day's end; default: now" },
	[HTML] = { "html", 0, "FILE", "one page to read and to print" },
	[CSV] = { "csv", 0, NULL, "the drills as a table" },
	[LANG] = { "lang", 0, "en|zh", "of the page; default: en" },
	{ 0 },
};

static int print_csv(const json_t *doc, struct err *err)
{
	AUTO(buf) out = buf_new(REPORT_BYTES_MAX, err);
	if (!out || report_csv_put(doc, REPORT_DRILLS, out, err) != 0)
		return err->code;
	fwrite(out->bytes, 1, out->len, stdout);
	return output_flush(err);
}

static int write_html(const json_t *doc, const char *path, enum report_lang lang, struct err *err)
{
	AUTO(buf) out = buf_new(REPORT_BYTES_MAX, err);
	if (!out || report_html(doc, lang, out, err) != 0)
		return err->code;
	return io_write_file(path, out->bytes, out->len, 0644, err);
}

static long long sum(const json_t *doc, const char *key)
{
	return (long long)json_int(json_object_get(doc, "sums"), key);
}

static void print_gaps(const json_t *doc)
{
	const json_t *f;
	size_t i;
	json_array_foreach(json_object_get(doc, "facts"), i, f) {
		char line[REPORT_LINE_MAX];
		printf("%s     %s\n", period_has_gap(f) ? "GAP" : "ok ",
		       report_fact_line(f, REPORT_EN, line));
	}
}

static int print_text(const json_t *doc)
{
	char from[TEXT_MAX], to[TEXT_MAX];
	printf("%s to %s\n", text_time(from, json_int(doc, "from")),
	       text_time(to, json_int(doc, "to")));
	printf("drills  %lld done: %lld passed, %lld failed, %lld could not verify; %lld never finished, "
	       "%lld missed\n", sum(doc, "drills"), sum(doc, "passed"), sum(doc, "failed"),
	       sum(doc, "unverified"), sum(doc, "lost"), sum(doc, "missed"));
	printf("stores  %lld, of which %lld were drilled; %lld backups, %lld failed\n", sum(doc, "stores"),
	       sum(doc, "drilled"), sum(doc, "backups"), sum(doc, "backups_failed"));
	print_gaps(doc);
	return 0;
}

static int run(struct cli *cli, struct err *err)
{
	const struct options *o = &cli->options;
	enum report_lang lang;
	int64_t from, to;
	if (options_operands(o, &cmd_report, 0, 0, err) != 0 ||
	    span_read("report", o->own[FROM], o->own[TO], (int64_t)time(NULL), &from, &to, err) != 0)
		return err->code;
	if (!report_lang_of(o->own[LANG] ? o->own[LANG] : "en", &lang))
		return err_set(err, ERR_INVALID, "report: --lang is en or zh, not '%.20s'", o->own[LANG]);
	if ((o->own[HTML] != NULL) + (o->own[CSV] != NULL) + o->json > 1)
		return err_set(err, ERR_INVALID, "report: --html, --csv and --json exclude each other");
	JSON_AUTO doc = period_document(cli, from, to, err);
	if (!doc)
		return err->code;
	if (o->json)
		return output_json(json_incref(doc), err);
	if (o->own[CSV])
		return print_csv(doc, err);
	if (o->own[HTML])
		return write_html(doc, o->own[HTML], lang, err);
	return print_text(doc);
}

const struct command cmd_report = {
	.name = "report",
	.summary = "what a span of time proves, and what is missing",
	.usage = "[--from T] [--to T] [--html FILE|--csv|--json] [--lang en|zh]",
	.about = "Tell of the drills of a span of time: done, missed, failed; how long recovery took and\n"
	         "what would have been lost, against the objectives; backups day by day; epochs of keys;\n"
	         "and clause by clause of common standards what is evidence and what is missing. From the\n"
	         "ledgers and the evidence of drills, with the names that this machine can read. --html\n"
	         "writes one page that needs nothing else, and prints.\n",
	.options = options,
	.run = run,
};
