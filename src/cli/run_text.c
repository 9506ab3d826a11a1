#include "cli/run_text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "cli/duty.h"
#include "cli/text.h"
#include "holdfast/err.h"
#include "holdfast/vault.h"

enum { SPAN_MAX = 64 };

const char *run_text_host(const struct duty_run *r, char out[RUN_TEXT_HOST_MAX])
{
	const char *machine = r->cli->vault ? vault_machine(r->cli->vault) : NULL;
	if (machine)
		snprintf(out, RUN_TEXT_HOST_MAX, "%s", machine);
	else if (gethostname(out, RUN_TEXT_HOST_MAX) != 0)
		snprintf(out, RUN_TEXT_HOST_MAX, "this machine");
	out[RUN_TEXT_HOST_MAX - 1] = '\0';
	return out;
}

/* "2026-11-23 02:15-02:33 +08:00"; the second date only where it is another one */
static void span(int64_t began_s, int64_t end_s, char out[SPAN_MAX])
{
	time_t a = (time_t)began_s, b = (time_t)end_s;
	struct tm from = { 0 }, to = { 0 };
	char begin[24], end[24], zone[8];
	localtime_r(&a, &from);
	localtime_r(&b, &to);
	bool same_day = from.tm_year == to.tm_year && from.tm_yday == to.tm_yday;
	strftime(begin, sizeof begin, "%Y-%m-%d %H:%M", &from);
	if (same_day)
		strftime(end, sizeof end, "%H:%M", &to);
	else
		strftime(end, sizeof end, "%Y-%m-%d %H:%M", &to);
	strftime(zone, sizeof zone, "%z", &to);
	snprintf(out, SPAN_MAX, "%s%s%s %.3s:%s", begin, same_day ? "-" : " - ", end, zone, zone + 3);
}

static bool has_stores(const struct duty_run *r)
{
	for (size_t i = 0; i < r->cli->config->n; i++)
		if (r->cli->config->sections[i].kind == CONFIG_STORE)
			return true;
	return false;
}

static int put_stores(const struct duty_run *r, size_t drills, struct buf *out, struct err *err)
{
	size_t failed = 0, stores = r->plan ? backup_report_stores(&r->report, &failed) : 0;
	if (failed > 0)
		return buf_printf(out, err, "%zu of %zu store%s FAILED, %zu good", failed, stores,
		                  stores == 1 ? "" : "s", stores - failed);
	if (stores > 0)
		return buf_printf(out, err, "%zu store%s good", stores, stores == 1 ? "" : "s");
	if (!has_stores(r))
		return drills ? 0 : buf_printf(out, err, "nothing was done");
	return buf_printf(out, err, r->report.n_copies || r->n_drills ? "no backup was due"
	                                                              : "nothing was due");
}

static int put_result(const struct duty_run *r, struct buf *out, struct err *err)
{
	size_t bad, drills = duty_drill_count(r, &bad);
	if (r->vault.code != ERR_NONE)
		return buf_printf(out, err, "FAILED, nothing was %s", has_stores(r) ? "backed up" : "done");
	if (put_stores(r, drills, out, err) != 0)
		return err->code;
	if (drills == 0)
		return 0;
	const char *before = has_stores(r) ? "; " : "", *plural = drills == 1 ? "" : "s";
	return bad ? buf_printf(out, err, "%s%zu of %zu drill%s NOT PASSED", before, bad, drills, plural)
	           : buf_printf(out, err, "%s%zu drill%s passed", before, drills, plural);
}

int run_text_head(const struct duty_run *r, struct buf *out, struct err *err)
{
	char host[RUN_TEXT_HOST_MAX], safe[4 * RUN_TEXT_HOST_MAX], when[SPAN_MAX];
	span(r->report.began_s, (int64_t)time(NULL), when);
	text_escape(safe, sizeof safe, run_text_host(r, host));
	if (buf_printf(out, err, "holdfast run on %s, %s: ", safe, when) != 0 ||
	    put_result(r, out, err) != 0)
		return err->code;
	return buf_printf(out, err, "\n");
}

int run_text_rest(const struct duty_run *r, struct buf *out, struct err *err)
{
	if (run_summary_text(r->summary, out, err) != 0)
		return err->code;
	return buf_printf(out, err, "exit %d; log: holdfast log --run %s\n", (int)r->report.exit,
	                  r->report.id);
}
