#include "cli/status_metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/io.h"
#include "cli/drill_status.h"
#include "cli/status_view.h"
#include "cli/text.h"

enum { METRICS_MAX_BYTES = 64 << 20, VALUE_MAX_BYTES = 4 * 1200 };

/* ---- one sample ---- */

/* In a label's value \, " and line feeds are escaped; what is no UTF-8 was spelled out before. */
static int put_label(struct buf *out, const char *name, const char *text, const char *before,
                     struct err *err)
{
	char safe[VALUE_MAX_BYTES];
	text_escape(safe, sizeof safe, text);
	if (buf_printf(out, err, "%s%s=\"", before, name) != 0)
		return err->code;
	for (const char *p = safe; *p; p++) {
		bool special = *p == '\\' || *p == '"';
		if ((special && buf_append(out, "\\", 1, err) != 0) || buf_append(out, p, 1, err) != 0)
			return err->code;
	}
	return buf_append(out, "\"", 1, err);
}

static int put_sample(struct buf *out, const char *metric, const char *store, const char *vault,
                      int64_t value, struct err *err)
{
	if (buf_printf(out, err, "%s", metric) != 0)
		return err->code;
	if (store && put_label(out, "store", store, "{", err) != 0)
		return err->code;
	if (vault && put_label(out, "vault", vault, store ? "," : "{", err) != 0)
		return err->code;
	return buf_printf(out, err, "%s %" PRId64 "\n", store || vault ? "}" : "", value);
}

static int put_head(struct buf *out, const char *metric, const char *help, struct err *err)
{
	return buf_printf(out, err, "# HELP %s %s\n# TYPE %s gauge\n", metric, help, metric);
}

static const char *vault_label(const struct status_vault *vault)
{
	return *vault->name ? vault->name : "main";
}

/* ---- of stores ---- */

typedef bool store_value(const struct status_view *v, const struct status_store *s, int64_t *out);

static bool last_success(const struct status_view *v, const struct status_store *s, int64_t *out)
{
	(void)v;
	*out = s->good_s;
	return s->good_s > 0;
}

static bool objective(const struct status_view *v, const struct status_store *s, int64_t *out)
{
	(void)v;
	*out = (int64_t)s->rpo_s;
	return s->rpo_s > 0;
}

static bool overdue(const struct status_view *v, const struct status_store *s, int64_t *out)
{
	(void)v;
	*out = s->overdue;
	return s->section != NULL;
}

static bool failures(const struct status_view *v, const struct status_store *s, int64_t *out)
{
	(void)v;
	*out = (int64_t)s->outcome.failures;
	return s->outcome.tried_s > 0;
}

static bool stored(const struct status_view *v, const struct status_store *s, int64_t *out)
{
	(void)v;
	*out = (int64_t)s->newest.new_bytes;
	return s->found;
}

static bool restore_size(const struct status_view *v, const struct status_store *s, int64_t *out)
{
	(void)v;
	*out = (int64_t)s->newest.listed_bytes;
	return s->found;
}

static bool epoch_start(const struct status_view *v, const struct status_store *s, int64_t *out)
{
	(void)v;
	*out = s->memory.epoch_since_s;
	return s->memory.epoch > 0;
}

static const struct {
	const char *metric, *help;
	store_value *value;
} of_stores[] = {
	{ "holdfast_store_last_success_timestamp_seconds",
	  "Time of the newest good snapshot, Unix seconds.", last_success },
	{ "holdfast_store_rpo_seconds", "How old the newest good snapshot may be.", objective },
	{ "holdfast_store_overdue",
	  "1 if it is older than its objective, or missed a whole turn where none is set.", overdue },
	{ "holdfast_store_failures", "Turns in a row whose backup failed.", failures },
	{ "holdfast_store_added_bytes", "What the newest snapshot added to the vault.", stored },
	{ "holdfast_store_fetch_bytes", "What a restore of the newest snapshot fetches at most.",
	  restore_size },
	{ "holdfast_store_epoch_start_timestamp_seconds",
	  "When the current generation of keys began, Unix seconds.", epoch_start },
};

static int put_of_stores(const struct status_view *v, struct buf *out, struct err *err)
{
	for (size_t m = 0; m < sizeof of_stores / sizeof *of_stores; m++) {
		bool begun = false;
		for (size_t i = 0; i < v->n; i++) {
			int64_t value;
			if (!of_stores[m].value(v, &v->stores[i], &value))
				continue;
			if (!begun && put_head(out, of_stores[m].metric, of_stores[m].help, err) != 0)
				return err->code;
			begun = true;
			if (put_sample(out, of_stores[m].metric, v->stores[i].label, NULL, value, err) != 0)
				return err->code;
		}
	}
	return 0;
}

/* ---- of copies ---- */

static int put_copies(const struct status_view *v, const char *metric, const char *help, bool late,
                      struct buf *out, struct err *err)
{
	bool begun = false;
	for (size_t k = 0; k < v->n_vaults; k++)
		for (size_t i = 0; v->vaults[k].copies && i < v->n; i++) {
			const struct status_copy *c = &v->vaults[k].copies[i];
			if (!v->stores[i].info || (!late && !c->found))
				continue;
			if (!begun && put_head(out, metric, help, err) != 0)
				return err->code;
			begun = true;
			if (put_sample(out, metric, v->stores[i].label, vault_label(&v->vaults[k]),
			               late ? c->late : c->time_s, err) != 0)
				return err->code;
		}
	return 0;
}

/* ---- of vaults ---- */

static int put_vaults(const struct status_view *v, struct buf *out, struct err *err)
{
	static const struct {
		const char *metric, *help;
	} spaces[] = {
		{ "holdfast_vault_free_bytes", "Free space where a local vault lies." },
		{ "holdfast_vault_size_bytes", "All space where a local vault lies." },
	};
	if (put_head(out, "holdfast_vault_up", "1 if the vault could be looked at.", err) != 0)
		return err->code;
	for (size_t k = 0; k < v->n_vaults; k++)
		if (put_sample(out, "holdfast_vault_up", NULL, vault_label(&v->vaults[k]),
		               v->vaults[k].away.code == ERR_NONE, err) != 0)
			return err->code;
	for (size_t m = 0; m < 2; m++) {
		bool begun = false;
		for (size_t k = 0; k < v->n_vaults; k++) {
			const struct status_vault *vault = &v->vaults[k];
			if (!vault->total_bytes)
				continue;
			if (!begun && put_head(out, spaces[m].metric, spaces[m].help, err) != 0)
				return err->code;
			begun = true;
			if (put_sample(out, spaces[m].metric, NULL, vault_label(vault),
			               (int64_t)(m ? vault->total_bytes : vault->free_bytes), err) != 0)
				return err->code;
		}
	}
	return 0;
}

/* ---- of drills ---- */

enum drill_metric { DRILL_LAST_PASSED, DRILL_OVERDUE, DRILL_FAILURES, DRILL_METRICS };

static bool drill_value(const struct drill_standing *d, enum drill_metric m, int64_t *out)
{
	*out = m == DRILL_LAST_PASSED ? d->passed_s : m == DRILL_OVERDUE ? d->overdue : (int64_t)d->failures;
	return m == DRILL_LAST_PASSED ? d->passed_s > 0 : m == DRILL_OVERDUE || d->tried_s > 0;
}

static int put_drill(struct buf *out, const char *metric, const char *drill, const char *verdict,
                     int64_t value, struct err *err)
{
	if (buf_printf(out, err, "%s", metric) != 0 || put_label(out, "drill", drill, "{", err) != 0 ||
	    (verdict && put_label(out, "verdict", verdict, ",", err) != 0))
		return err->code;
	return buf_printf(out, err, "} %" PRId64 "\n", value);
}

/* One sample for each verdict, of which one is 1: what was never drilled has none. */
static int put_verdicts(const struct drill_status *s, struct buf *out, struct err *err)
{
	static const char *const words[] = { "passed", "failed", "could-not-verify" };
	static const char metric[] = "holdfast_drill_verdict";
	bool begun = false;
	for (size_t i = 0; i < s->n; i++)
		for (size_t w = 0; s->all[i].tried_s && w < 3; w++) {
			if (!begun && put_head(out, metric, "1 for the verdict of the last drill.", err) != 0)
				return err->code;
			begun = true;
			if (put_drill(out, metric, s->all[i].name, words[w],
			              strcmp(s->all[i].verdict, words[w]) == 0, err) != 0)
				return err->code;
		}
	return 0;
}

static int put_drills(const struct drill_status *s, struct buf *out, struct err *err)
{
	static const struct {
		const char *metric, *help;
	} of[DRILL_METRICS] = {
		[DRILL_LAST_PASSED] = { "holdfast_drill_last_passed_timestamp_seconds",
		                        "Begin of the last drill that passed, Unix seconds." },
		[DRILL_OVERDUE] = { "holdfast_drill_overdue", "1 if a whole turn was missed." },
		[DRILL_FAILURES] = { "holdfast_drill_failures", "Turns in a row that did not pass." },
	};
	for (enum drill_metric m = 0; m < DRILL_METRICS; m++) {
		bool begun = false;
		for (size_t i = 0; i < s->n; i++) {
			int64_t value;
			if (!drill_value(&s->all[i], m, &value))
				continue;
			if (!begun && put_head(out, of[m].metric, of[m].help, err) != 0)
				return err->code;
			begun = true;
			if (put_drill(out, of[m].metric, s->all[i].name, NULL, value, err) != 0)
				return err->code;
		}
	}
	if (put_verdicts(s, out, err) != 0 || s->n == 0)
		return s->n == 0 ? 0 : err->code;
	if (put_head(out, "holdfast_drills_not_finished", "Drills of any machine that were killed.",
	             err) != 0)
		return err->code;
	return put_sample(out, "holdfast_drills_not_finished", NULL, NULL, (int64_t)s->lost, err);
}

int status_metrics_text(const struct status_view *v, const struct drill_status *drills, struct buf *out,
                        struct err *err)
{
	if (put_head(out, "holdfast_status_timestamp_seconds", "When this was found out, Unix seconds.",
	             err) != 0 ||
	    put_sample(out, "holdfast_status_timestamp_seconds", NULL, NULL, v->now_s, err) != 0 ||
	    put_vaults(v, out, err) != 0 || put_of_stores(v, out, err) != 0)
		return err->code;
	if (put_copies(v, "holdfast_copy_last_success_timestamp_seconds",
	               "Time of the newest snapshot that a further vault holds, Unix seconds.", false, out,
	               err) != 0)
		return err->code;
	if (put_copies(v, "holdfast_copy_late", "1 if the first vault has a newer snapshot.", true, out,
	               err) != 0)
		return err->code;
	return put_drills(drills, out, err);
}

int status_metrics_write(const struct status_view *v, const struct drill_status *drills, const char *path,
                         struct err *err)
{
	AUTO(buf) text = buf_new(METRICS_MAX_BYTES, err);
	if (!text || status_metrics_text(v, drills, text, err) != 0)
		return err->code;
	return io_write_file(path, text->bytes, text->len, 0644, err);
}
