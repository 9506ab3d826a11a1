#include "cli/report_html.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "cli/html.h"
#include "cli/period_facts.h"
#include "cli/report_page.h"
#include "cli/text.h"
#include "holdfast/err.h"

enum { MARKUP_MAX = 2000, ID_SHOWN = 12 };

/* ---- writing ---- */

void report_page_put(struct report_page *p, const char *format, ...)
{
	char text[MARKUP_MAX];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (p->rc == 0 && n >= (int)sizeof text)
		p->rc = err_set(p->err, ERR_LIMIT, "report: a piece of the page is too long");
	if (p->rc == 0)
		p->rc = buf_append(p->out, text, (size_t)n, p->err);
}

void report_page_text(struct report_page *p, const char *text)
{
	if (p->rc == 0)
		p->rc = html_text(p->out, text, p->err);
}

void report_page_word(struct report_page *p, enum report_word w)
{
	report_page_text(p, report_word(w, p->lang));
}

#define put report_page_put
#define text_of report_page_text
#define word report_page_word

static const char style[] =
	"*{box-sizing:border-box}body{margin:0 auto;max-width:960px;padding:24px 20px;color:#1c2126;"
	"background:#fff;font:15px/1.5 system-ui,'Segoe UI','Noto Sans','Noto Sans CJK SC',"
	"'Microsoft YaHei',sans-serif}"
	"h1{font-size:26px;line-height:1.2;margin:0 0 12px}h2{font-size:18px;margin:32px 0 10px;"
	"padding-top:12px;border-top:1px solid #d5dae0}"
	"dl.head{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;margin:0}dt{color:#555e68}"
	"dd{margin:0;overflow-wrap:anywhere}"
	"ul.sums{list-style:none;display:grid;grid-template-columns:repeat(4,1fr);"
	"gap:10px;padding:0;margin:20px 0}ul.sums li{border:1px solid #d5dae0;border-radius:6px;"
	"padding:10px 12px}ul.sums b{display:block;font-size:24px;line-height:1.2}"
	"ul.sums li.bad{border-color:#b3261e;background:#fdf1f0}"
	"ul.attention{padding-left:20px}ul.attention li,td{overflow-wrap:anywhere}"
	"svg{display:block;width:100%;height:auto;font:12px system-ui,'Noto Sans CJK SC',sans-serif;"
	"fill:#4a535c}svg.calendar{max-width:100%}"
	".grid{stroke:#e1e5ea;fill:none}.aim{stroke:#b3261e;fill:none;stroke-width:2;stroke-dasharray:6 4}"
	"span.aim{color:#b3261e}g.good{fill:#1a7340;stroke:#1a7340}g.bad{fill:#b3261e;stroke:#b3261e}"
	"g.open{fill:#8a5a00;stroke:#8a5a00}.stem{stroke-width:1;opacity:.5;fill:none}"
	"rect.good{fill:#1a7340}rect.bad{fill:#b3261e}rect.none{fill:#e1e5ea}"
	".cross{stroke:#fff;stroke-width:2;fill:none}"
	"span.good,td.good{color:#1a7340}span.bad,td.bad{color:#b3261e}span.open,td.open{color:#7a5000}"
	"span.none{color:#aab2bb}td.good,td.bad,td.open{font-weight:600}"
	"p.legend{margin:6px 0;font-size:13px;color:#4a535c}p.legend span+span{margin-left:14px}"
	".wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:13px}"
	"th,td{text-align:left;vertical-align:top;padding:6px 10px 6px 0;border-bottom:1px solid #e1e5ea}"
	"th{color:#4a535c;font-weight:600;white-space:nowrap}td.time,td.id{white-space:nowrap}"
	"td.id{font-family:ui-monospace,'DejaVu Sans Mono',monospace;font-size:12px}"
	"td ul{margin:0;padding-left:16px}footer{margin-top:32px;color:#555e68;font-size:13px}"
	"@media(max-width:640px){body{padding:16px 14px}table{min-width:560px}svg:not(.calendar)"
	"{font-size:22px}svg .mid{display:none}ul.sums{grid-template-columns:repeat(2,1fr)}}"
	"@page{size:A4;margin:14mm}@media print{body{max-width:none;padding:0;font-size:10pt}"
	".wide{overflow:visible}table{font-size:8pt;min-width:0}tr,svg,li{break-inside:avoid}"
	"h2{break-after:avoid}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}";

static void cell(struct report_page *p, const char *class, const char *text)
{
	put(p, *class ? "<td class=\"%s\">" : "<td%s>", class);
	text_of(p, text);
	put(p, "</td>");
}

static void time_cell(struct report_page *p, int64_t t, enum report_word otherwise)
{
	char when[TEXT_MAX];
	if (t)
		text_time(when, t)[16] = '\0';
	cell(p, "time", t ? when : report_word(otherwise, p->lang));
}

static void id_cell(struct report_page *p, const char *id)
{
	char cut[ID_SHOWN + 1];
	snprintf(cut, sizeof cut, "%.*s", ID_SHOWN, id);
	cell(p, "id", cut);
}

static void table_begin(struct report_page *p, enum report_word title, const enum report_word *columns,
                        size_t n)
{
	put(p, "<h2>");
	word(p, title);
	/* what scrolls has to be reached with the keyboard */
	put(p, "</h2><div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"");
	word(p, title);
	put(p, "\"><table><thead><tr>");
	for (size_t i = 0; i < n; i++) {
		put(p, "<th scope=\"col\">");
		word(p, columns[i]);
		put(p, "</th>");
	}
	put(p, "</tr></thead><tbody>");
}

static void table_end(struct report_page *p)
{
	put(p, "</tbody></table></div>");
}

#define TABLE_BEGIN(p, title, ...) \
	table_begin(p, title, (const enum report_word[]){ __VA_ARGS__ }, \
	            sizeof (const enum report_word[]){ __VA_ARGS__ } / sizeof(enum report_word))

/* ---- head ---- */

static int64_t sum(const struct report_page *p, const char *key)
{
	return json_int(json_object_get(p->doc, "sums"), key);
}

static void head_line(struct report_page *p, enum report_word label, const char *text)
{
	put(p, "<dt>");
	word(p, label);
	put(p, "</dt><dd>");
	text_of(p, text);
	put(p, "</dd>");
}

static void head(struct report_page *p)
{
	char from[TEXT_MAX], to[TEXT_MAX], made[TEXT_MAX], line[400];
	put(p, "<h1>");
	word(p, W_TITLE);
	put(p, "</h1><dl class=\"head\">");
	text_time(from, json_int(p->doc, "from"))[16] = '\0';
	text_time(to, json_int(p->doc, "to"))[16] = '\0';
	text_time(made, json_int(p->doc, "made"))[16] = '\0';
	snprintf(line, sizeof line, "%s \xe2\x80\x93 %s", from, to);
	head_line(p, W_SPAN, line);
	head_line(p, W_VAULT, json_text(p->doc, "vault"));
	snprintf(line, sizeof line, "%s, %.200s", made, json_text(p->doc, "machine"));
	head_line(p, W_MADE, line);
	put(p, "</dl>");
}

static void tile(struct report_page *p, const char *value, enum report_word label, bool bad)
{
	put(p, "<li%s><b>%s</b>", bad ? " class=\"bad\"" : "", value);
	word(p, label);
	put(p, "</li>");
}

static void tiles(struct report_page *p)
{
	static const struct { const char *key; enum report_word label; bool bad; } all[] = {
		{ "drills", W_DRILLS, false }, { "passed", W_PASSED, false }, { "failed", W_FAILED, true },
		{ "unverified", W_UNVERIFIED, true }, { "lost", W_LOST, true }, { "missed", W_MISSED, true },
		{ "backups_failed", W_BACKUPS_FAILED, true },
	};
	char value[64];
	put(p, "<ul class=\"sums\">");
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		snprintf(value, sizeof value, "%" PRId64, sum(p, all[i].key));
		tile(p, value, all[i].label, all[i].bad && sum(p, all[i].key) > 0);
	}
	snprintf(value, sizeof value, "%" PRId64 " / %" PRId64, sum(p, "drilled"), sum(p, "stores"));
	tile(p, value, W_STORES_DRILLED, sum(p, "drilled") < sum(p, "stores"));
	put(p, "</ul>");
}

/* ---- what needs attention ---- */

/* It begins with the verdict, which stands before it already. */
static const char *why_of(const json_t *d)
{
	const char *why = json_text(d, "why"), *state = json_text(d, "state");
	size_t len = strlen(state);
	return strncmp(why, state, len) == 0 && strncmp(why + len, ": ", 2) == 0 ? why + len + 2 : why;
}

static const char *name_of(const json_t *d)
{
	return *json_text(d, "store_name") ? json_text(d, "store_name") : json_text(d, "store");
}

static void attention(struct report_page *p)
{
	const json_t *d;
	size_t i, n = 0;
	char when[TEXT_MAX];
	put(p, "<h2>");
	word(p, W_ATTENTION);
	put(p, "</h2><ul class=\"attention\">");
	json_array_foreach(json_object_get(p->doc, "drills"), i, d) {
		const char *state = json_text(d, "state");
		if (strcmp(state, "passed") == 0 || strcmp(state, "running") == 0 ||
		    strcmp(state, "planned") == 0)
			continue;
		n++;
		put(p, "<li>%s, ", text_time(when, json_int(d, "started")));
		text_of(p, name_of(d));
		put(p, ": <span class=\"bad\">");
		text_of(p, report_state(state, p->lang));
		put(p, "</span> ");
		text_of(p, why_of(d));
		put(p, "</li>");
	}
	json_array_foreach(json_object_get(p->doc, "missed"), i, d) {
		char until[TEXT_MAX];
		n++;
		put(p, "<li>");
		text_of(p, *json_text(d, "name") ? json_text(d, "name") : json_text(d, "machine"));
		put(p, ": <span class=\"bad\">");
		word(p, W_MISSED);
		put(p, "</span> %s &#8211; %s</li>", text_time(when, json_int(d, "since")),
		    text_time(until, json_int(d, "until")));
	}
	if (n == 0) {
		put(p, "<li>");
		word(p, W_NOTHING_WRONG);
		put(p, "</li>");
	}
	put(p, "</ul>");
}

/* ---- tables ---- */

static void measured_cell(struct report_page *p, const json_t *d, const char *value, const char *target,
                          uint64_t unit_ms, const char *note)
{
	char took[TEXT_MAX], aim[TEXT_MAX], both[2 * TEXT_MAX + 200];
	uint64_t t = (uint64_t)json_int(d, target) * unit_ms;
	uint64_t v = (uint64_t)json_int(d, value) * unit_ms;
	bool measured = json_object_get(d, value) != NULL;
	snprintf(both, sizeof both, "%s%s%s%s%.150s", measured ? text_took(took, v) : "-",
	         t ? " / " : "", t ? text_took(aim, t) : "", *note ? "; " : "", note);
	cell(p, measured && t && v > t ? "bad" : "", both);
}

static void drill_row(struct report_page *p, const json_t *d)
{
	const char *state = json_text(d, "state");
	char checks[80], of[400];
	put(p, "<tr>");
	id_cell(p, json_text(d, "id"));
	time_cell(p, json_int(d, "started"), W_NONE);
	snprintf(of, sizeof of, "%.200s%s%.100s", name_of(d), *json_text(d, "asset") ? ", " : "",
	         json_text(d, "asset"));
	cell(p, "", of);
	cell(p, "", json_text(d, "machine"));
	snprintf(of, sizeof of, "%s%s%s", report_state(state, p->lang),
	         json_is_true(json_object_get(d, "retry")) ? ", " : "",
	         json_is_true(json_object_get(d, "retry")) ? report_word(W_RETRY, p->lang) : "");
	cell(p, strcmp(state, "passed") == 0 ? "good"
	     : strcmp(state, "could-not-verify") == 0 ? "open" : "bad", of);
	measured_cell(p, d, "rto_ms", "rto_target_ms", 1, "");
	measured_cell(p, d, "rpo_s", "rpo_target_s", 1000,
	              strcmp(json_text(d, "rpo_basis"), "snapshot-time") == 0
	              ? report_word(W_BY_SNAPSHOT, p->lang) : "");
	int64_t passed = json_int(d, "passed");
	snprintf(checks, sizeof checks, "%" PRId64 " / %" PRId64, passed,
	         passed + json_int(d, "failed") + json_int(d, "skipped"));
	cell(p, "", checks);
	put(p, "</tr>");
}

static void drills(struct report_page *p)
{
	const json_t *d;
	size_t i;
	TABLE_BEGIN(p, W_DRILLS, W_DRILL, W_STARTED, W_STORE, W_MACHINE, W_VERDICT, W_RTO, W_RPO, W_CHECKS);
	json_array_foreach(json_object_get(p->doc, "drills"), i, d)
		drill_row(p, d);
	table_end(p);
	if (json_int(p->doc, "sealed") == 0)
		return;
	put(p, "<p class=\"legend\">%" PRId64 " ", json_int(p->doc, "sealed"));
	word(p, W_SEALED);
	put(p, "</p>");
}

static void findings(struct report_page *p)
{
	const json_t *f;
	size_t i;
	TABLE_BEGIN(p, W_FINDINGS, W_TICKET, W_TEXT, W_OPENED, W_DUE, W_CLOSED);
	json_array_foreach(json_object_get(p->doc, "findings"), i, f) {
		put(p, "<tr>");
		cell(p, "", *json_text(f, "ticket") ? json_text(f, "ticket") : json_text(f, "id"));
		cell(p, "", json_text(f, "text"));
		time_cell(p, json_int(f, "opened"), W_NONE);
		time_cell(p, json_int(f, "due"), W_NONE);
		time_cell(p, json_int(f, "closed"), W_OPEN);
		put(p, "</tr>");
	}
	if (i == 0) {
		put(p, "<tr><td colspan=\"5\">");
		word(p, W_NONE);
		put(p, "</td></tr>");
	}
	table_end(p);
}

static void inventory(struct report_page *p)
{
	const json_t *s;
	size_t i;
	TABLE_BEGIN(p, W_INVENTORY, W_STORE, W_ASSET, W_OWNER, W_NEWEST, W_LAST_DRILL, W_VERDICT);
	json_array_foreach(json_object_get(p->doc, "stores"), i, s) {
		const char *asset = json_text(s, "asset"), *verdict = json_text(s, "verdict");
		put(p, "<tr>");
		cell(p, "", *json_text(s, "name") ? json_text(s, "name") : json_text(s, "id"));
		cell(p, *asset ? "" : "bad", *asset ? asset : report_word(W_NO_ASSET, p->lang));
		cell(p, "", json_text(s, "owner"));
		time_cell(p, json_int(s, "newest"), W_NONE);
		time_cell(p, json_int(s, "drilled"), W_NEVER);
		cell(p, strcmp(verdict, "passed") == 0 ? "good" : "bad",
		     *verdict ? report_state(verdict, p->lang) : report_word(W_NONE, p->lang));
		put(p, "</tr>");
	}
	table_end(p);
}

static void keys(struct report_page *p)
{
	const json_t *k;
	size_t i;
	TABLE_BEGIN(p, W_KEYS, W_NAME, W_ROLES, W_ENROLLED, W_FINGERPRINT);
	json_array_foreach(json_object_get(p->doc, "keys"), i, k) {
		put(p, "<tr>");
		cell(p, "", json_text(k, "name"));
		cell(p, "", json_text(k, "roles"));
		time_cell(p, json_int(k, "enrolled"), W_NONE);
		cell(p, "id", json_text(k, "fingerprint"));
		put(p, "</tr>");
	}
	table_end(p);
	TABLE_BEGIN(p, W_EPOCHS, W_STORE, W_EPOCH, W_SINCE);
	json_array_foreach(json_object_get(p->doc, "epochs"), i, k) {
		put(p, "<tr>");
		cell(p, "", *json_text(k, "name") ? json_text(k, "name") : json_text(k, "store"));
		put(p, "<td>%" PRId64 "</td>", json_int(k, "epoch"));
		time_cell(p, json_int(k, "since"), W_NONE);
		put(p, "</tr>");
	}
	table_end(p);
}

/* ---- clauses ---- */

static void fact_list(struct report_page *p, const json_t *facts, bool gaps)
{
	const json_t *name;
	size_t i, n = 0;
	char line[REPORT_LINE_MAX];
	put(p, "<td><ul>");
	json_array_foreach(facts, i, name) {
		const char *which = json_string_value(name);
		const json_t *fact = which ? period_fact(p->doc, which) : NULL;
		if (!fact || !(gaps ? period_has_gap(fact) : period_has_evidence(fact)))
			continue;
		n++;
		put(p, "<li>");
		text_of(p, report_fact_line(fact, p->lang, line));
		put(p, "</li>");
	}
	if (n == 0) {
		put(p, "<li>");
		word(p, W_NONE);
		put(p, "</li>");
	}
	put(p, "</ul></td>");
}

static void matrix(struct report_page *p)
{
	const json_t *c;
	size_t i;
	TABLE_BEGIN(p, W_MATRIX, W_CLAUSE, W_EVIDENCE, W_GAPS);
	json_array_foreach(json_object_get(p->doc, "clauses"), i, c) {
		put(p, "<tr>");
		cell(p, "", json_text(c, "clause"));
		fact_list(p, json_object_get(c, "facts"), false);
		fact_list(p, json_object_get(c, "facts"), true);
		put(p, "</tr>");
	}
	table_end(p);
	put(p, "<p class=\"legend\">");
	word(p, W_MATRIX_NOTE);
	put(p, "</p>");
}

/* ---- the page ---- */

static void section(struct report_page *p, enum report_word title)
{
	put(p, "<h2>");
	word(p, title);
	put(p, "</h2>");
}

int report_html(const json_t *doc, enum report_lang lang, struct buf *out, struct err *err)
{
	struct report_page page = { .out = out, .err = err, .doc = doc, .lang = lang }, *p = &page;
	put(p, "<!DOCTYPE html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\">"
	       "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
	       "<link rel=\"icon\" href=\"data:,\"><title>", report_word(W_HTML_LANG, lang));
	word(p, W_TITLE);
	put(p, "</title><style>");
	if (p->rc == 0)
		p->rc = buf_append(out, style, sizeof style - 1, err);
	put(p, "</style></head><body><main>");
	head(p);
	tiles(p);
	attention(p);
	section(p, W_RTO_CHART);
	report_chart(p, W_RTO_CHART, "rto_ms", "rto_target_ms", 1);
	section(p, W_RPO_CHART);
	report_chart(p, W_RPO_CHART, "rpo_s", "rpo_target_s", 1000);
	section(p, W_CALENDAR);
	report_calendar(p);
	drills(p);
	findings(p);
	matrix(p);
	inventory(p);
	keys(p);
	put(p, "</main><footer>");
	word(p, W_FOOT);
	put(p, "</footer></body></html>\n");
	return p->rc;
}
