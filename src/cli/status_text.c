#include "cli/status_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/config.h"
#include "cli/drill_status.h"
#include "cli/output.h"
#include "cli/status_view.h"
#include "cli/table.h"
#include "cli/text.h"

enum { NOTE_MAX = 300, AGES_MAX = 2 * TEXT_MAX, NAME_MAX_BYTES = VAULT_NAME_MAX + 120 };

/* ---- words ---- */

/* "57m", "33h", "9d" */
static char *short_age(char out[TEXT_MAX], int64_t s)
{
	if (s < 0)
		snprintf(out, TEXT_MAX, "future");
	else if (s < 2 * 3600)
		snprintf(out, TEXT_MAX, "%" PRId64 "m", s / 60);
	else if (s < 72 * 3600)
		snprintf(out, TEXT_MAX, "%" PRId64 "h", s / 3600);
	else
		snprintf(out, TEXT_MAX, "%" PRId64 "d", s / 86400);
	return out;
}

/* "9h/24h"; '-' where no objective is set */
static char *ages(char out[AGES_MAX], int64_t age_s, bool known, uint64_t limit_s)
{
	char age[TEXT_MAX], limit[TEXT_MAX];
	snprintf(out, AGES_MAX, "%s/%s", known ? short_age(age, age_s) : "?",
	         limit_s ? short_age(limit, (int64_t)limit_s) : "-");
	return out;
}

static void epoch_text(const struct status_view *v, const struct status_store *s, char out[AGES_MAX])
{
	char both[AGES_MAX];
	out[0] = '\0';
	if (s->memory.epoch == 0)
		return;
	ages(both, v->now_s - s->memory.epoch_since_s, true, s->rotate_s);
	snprintf(out, AGES_MAX, "%" PRIu32 ", %.60s", s->memory.epoch, both);
}

static void note_text(const struct status_store *s, char out[NOTE_MAX])
{
	size_t used = 0;
	out[0] = '\0';
	if (s->why.code != ERR_NONE)
		used = (size_t)snprintf(out, NOTE_MAX, "DAMAGED");
	else if (s->overdue)
		used = (size_t)snprintf(out, NOTE_MAX, "LATE");
	if (s->outcome.failures > 0)
		used += (size_t)snprintf(out + used, NOTE_MAX - used, "%sfailed %s", used ? ", " : "",
		                         s->outcome.failures > 1 ? "" : "once");
	if (s->outcome.failures > 1)
		used += (size_t)snprintf(out + used, NOTE_MAX - used, "%" PRIu64 " times in a row",
		                         s->outcome.failures);
	if (!s->section)
		snprintf(out + used, NOTE_MAX - used, "%snot of this configuration", used ? ", " : "");
}

/* ---- rows ---- */

struct rows {
	const struct status_view *view;
	struct table *table;
	bool all;             /* with the columns of single snapshots */
};

static int put_row(struct rows *r, const char *const cells[6], struct err *err)
{
	if (r->all)
		return table_row(r->table, cells, err);
	return TABLE_ROW(r->table, err, cells[0], cells[1], cells[2], cells[5]);
}

static int store_row(struct rows *r, size_t i, struct err *err)
{
	const struct status_view *v = r->view;
	const struct status_store *s = &v->stores[i];
	char day[TEXT_MAX], both[AGES_MAX], epoch[AGES_MAX], note[NOTE_MAX], seq[TEXT_MAX] = "";
	epoch_text(v, s, epoch);
	note_text(s, note);
	if (s->found)
		snprintf(seq, sizeof seq, "%" PRIu64, s->newest.seq);
	const char *const cells[] = {
		s->label, s->good_s ? text_day(day, s->good_s, v->now_s) : "never",
		ages(both, v->now_s - s->good_s, s->good_s > 0, s->rpo_s), seq, epoch, note,
	};
	return put_row(r, cells, err);
}

static bool is_folded(const struct status_view *v, size_t i, size_t *end)
{
	const struct status_store *s = &v->stores[i];
	*end = i + 1;
	if (!s->section || !config_store_is_fleet(s->section))
		return false;
	while (*end < v->n && v->stores[*end].section == s->section)
		(*end)++;
	return *end - i > 1;
}

/* The age is that of the oldest which is not late: what is late is named. */
static int fleet_row(struct rows *r, size_t first, size_t end, struct err *err)
{
	const struct status_view *v = r->view;
	char name[NAME_MAX_BYTES], good[TEXT_MAX], both[AGES_MAX], note[NOTE_MAX] = "", age[TEXT_MAX];
	const struct status_store *late = NULL;
	int64_t oldest = v->now_s;
	size_t n_late = 0;
	for (size_t i = first; i < end; i++) {
		const struct status_store *s = &v->stores[i];
		if (!s->overdue && s->good_s < oldest)
			oldest = s->good_s;
		if (s->overdue && (!late || s->good_s < late->good_s))
			late = s;
		n_late += s->overdue;
	}
	snprintf(name, sizeof name, "%s (%zu)", v->stores[first].section->name, end - first);
	snprintf(good, sizeof good, "%zu good", end - first - n_late);
	if (late)
		snprintf(note, sizeof note, "LATE: %.150s %s", late->label,
		         late->good_s ? short_age(age, v->now_s - late->good_s) : "never");
	size_t used = strlen(note);
	if (n_late > 1)
		snprintf(note + used, sizeof note - used, " and %zu more", n_late - 1);
	ages(both, v->now_s - oldest, n_late < end - first, v->stores[first].rpo_s);
	return put_row(r, (const char *const[]){ name, good, both, "", "", note }, err);
}

static int add_rows(struct rows *r, struct err *err)
{
	const struct status_view *v = r->view;
	for (size_t i = 0, end; i < v->n; i = end) {
		bool fold = is_folded(v, i, &end) && !r->all;
		int rc = fold ? fleet_row(r, i, end, err) : 0;
		for (size_t k = i; rc == 0 && !fold && k < end; k++)
			rc = store_row(r, k, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* ---- vaults ---- */

static void print_vault(const struct status_view *v, const struct status_vault *vault)
{
	char url[1200], name[NAME_MAX_BYTES], day[TEXT_MAX], free[TEXT_MAX], total[TEXT_MAX];
	printf("%-8s%s%s%s", vault->first ? "vault" : "copy",
	       *vault->name ? text_escape(name, sizeof name, vault->name) : "", *vault->name ? ": " : "",
	       text_escape(url, sizeof url, vault->url));
	if (vault->away.code != ERR_NONE) {
		printf(", cannot be looked at\n");
		return;
	}
	if (vault->total_bytes)
		printf(", %s free of %s", text_size(free, vault->free_bytes),
		       text_size(total, vault->total_bytes));
	if (!vault->first && vault->newest_s)
		printf(", newest %s", text_day(day, vault->newest_s, v->now_s));
	if (!vault->first && vault->late)
		printf(", %zu LATE", vault->late);
	putchar('\n');
}

static void print_sum(const struct status_view *v)
{
	const struct status_store *late = NULL;
	char label[NAME_MAX_BYTES];
	for (size_t i = 0; i < v->n; i++)
		if (v->stores[i].overdue && (!late || v->stores[i].good_s < late->good_s))
			late = &v->stores[i];
	if (v->overdue > 0)
		printf("%zu store%s late (exit 5).%s%s\n", v->overdue, v->overdue == 1 ? "" : "s",
		       late ? " Details: holdfast log " : "",
		       late ? text_escape(label, sizeof label, late->label) : "");
	for (size_t i = 0; i < v->n_vaults; i++)
		if (v->vaults[i].late > 0)
			printf("%zu cop%s late: 'holdfast copy --to %s' brings what is missing\n",
			       v->vaults[i].late, v->vaults[i].late == 1 ? "y is" : "ies are",
			       text_escape(label, sizeof label, v->vaults[i].name));
}

int status_text_print(const struct status_view *v, bool all, struct err *err)
{
	static const char *const head[] = { "STORE", "LAST GOOD", "AGE/RPO", "SNAPSHOT", "EPOCH", "" };
	AUTO(table) t = table_new(all ? "llrrll" : "llrl", err);
	struct rows rows = { v, t, all };
	if (!t || put_row(&rows, head, err) != 0 || add_rows(&rows, err) != 0)
		return err->code;
	for (size_t i = 0; i < v->n_vaults; i++)
		print_vault(v, &v->vaults[i]);
	if (v->vaults[0].away.code != ERR_NONE)
		printf("what follows is what this machine remembers\n");
	if (v->n > 0)
		table_print(t);
	print_sum(v);
	return 0;
}

/* ---- drills ---- */

void status_text_drills(const struct drill_status *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct drill_standing *d = &s->all[i];
		char name[4 * 200], day[TEXT_MAX];
		printf("drill   %s: %s%s%s%s\n", text_escape(name, sizeof name, d->name),
		       d->passed_s ? "last passed " : "never passed here",
		       d->passed_s ? text_day(day, d->passed_s, s->now_s) : "",
		       d->failures ? "; the last one did NOT PASS" : "", d->overdue ? "; OVERDUE" : "");
	}
	if (s->lost > 0)
		printf("drill   %zu started and NEVER FINISHED: holdfast drill list\n", s->lost);
}

int status_text_drills_json(const struct drill_status *s, struct err *err)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct drill_standing *d = &s->all[i];
		json_t *j = json_pack("{s:o, s:s, s:b, s:I, s:I}", "drill", output_json_text(d->name),
		                      "verdict", d->verdict, "overdue", d->overdue, "failures",
		                      (json_int_t)d->failures, "every_s", (json_int_t)d->every_s);
		if (j && d->tried_s)
			json_object_set_new(j, "tried", json_integer((json_int_t)d->tried_s));
		if (j && d->passed_s) {
			json_object_set_new(j, "passed", json_integer((json_int_t)d->passed_s));
			json_object_set_new(j, "age_s", json_integer((json_int_t)(s->now_s - d->passed_s)));
		}
		if (output_json(j, err) != 0)
			return err->code;
	}
	return s->n ? output_json(json_pack("{s:I}", "drills_not_finished", (json_int_t)s->lost), err) : 0;
}

/* ---- JSON ---- */

static int vault_json(const struct status_vault *vault, struct err *err)
{
	bool away = vault->away.code != ERR_NONE;
	json_t *j = json_pack("{s:o, s:o, s:b}", "vault", output_json_text(vault->name), "url",
	                      output_json_text(vault->url), "reachable", !away);
	if (j && vault->total_bytes) {
		json_object_set_new(j, "free_bytes", json_integer((json_int_t)vault->free_bytes));
		json_object_set_new(j, "total_bytes", json_integer((json_int_t)vault->total_bytes));
	}
	if (j && away)
		json_object_set_new(j, "error", output_json_text(vault->away.msg));
	return output_json(j, err);
}

static void set_time(json_t *j, const struct status_view *v, uint64_t seq, int64_t time_s)
{
	if (seq)
		json_object_set_new(j, "snapshot", json_integer((json_int_t)seq));
	if (!time_s)
		return;
	json_object_set_new(j, "time", json_integer((json_int_t)time_s));
	json_object_set_new(j, "age_s", json_integer((json_int_t)(v->now_s - time_s)));
}

static int store_json(const struct status_view *v, const struct status_store *s, struct err *err)
{
	json_t *j = json_pack("{s:o, s:o, s:b, s:b, s:I}", "vault", output_json_text(v->vaults[0].name),
	                      "store", output_json_text(s->label), "late", 0, "overdue", s->overdue,
	                      "failures", (json_int_t)s->outcome.failures);
	if (!j)
		return output_json(j, err);
	set_time(j, v, s->found ? s->newest.seq : 0, s->good_s);
	if (s->why.code != ERR_NONE)
		json_object_set_new(j, "error", output_json_text(s->why.msg));
	if (s->rpo_s)
		json_object_set_new(j, "rpo_s", json_integer((json_int_t)s->rpo_s));
	if (s->memory.epoch) {
		json_object_set_new(j, "epoch", json_integer(s->memory.epoch));
		json_object_set_new(j, "epoch_age_s",
		                    json_integer((json_int_t)(v->now_s - s->memory.epoch_since_s)));
	}
	return output_json(j, err);
}

static int copy_json(const struct status_view *v, const struct status_vault *vault, size_t i,
                     struct err *err)
{
	const struct status_copy *c = &vault->copies[i];
	if (!v->stores[i].info)
		return 0;
	json_t *j = json_pack("{s:o, s:o, s:b, s:b}", "vault", output_json_text(vault->name), "store",
	                      output_json_text(v->stores[i].label), "late", c->late, "overdue", c->overdue);
	if (j)
		set_time(j, v, c->seq, c->time_s);
	return output_json(j, err);
}

int status_text_json(const struct status_view *v, struct err *err)
{
	for (size_t i = 0; i < v->n_vaults; i++)
		if (vault_json(&v->vaults[i], err) != 0)
			return err->code;
	for (size_t i = 0; i < v->n; i++)
		if (store_json(v, &v->stores[i], err) != 0)
			return err->code;
	for (size_t k = 0; k < v->n_vaults; k++)
		for (size_t i = 0; v->vaults[k].copies && i < v->n; i++)
			if (copy_json(v, &v->vaults[k], i, err) != 0)
				return err->code;
	return 0;
}
