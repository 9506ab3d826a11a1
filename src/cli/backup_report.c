#include "cli/backup_report.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "cli/config.h"
#include "cli/output.h"
#include "cli/plan.h"
#include "cli/table.h"
#include "cli/text.h"
#include "holdfast/fleet.h"

static const char *store_name(const struct backup_report *r, size_t i)
{
	return r->plan->stores[i].source.name;
}

struct counts {
	size_t stores, failed, warned, forked, kinds[3];
	uint64_t read, changed, stored;
	enum err_code first_failure;
};

static void count_store(struct counts *c, const struct backup_result *result)
{
	c->stores++;
	if (result->err.code != ERR_NONE) {
		c->failed++;
		if (c->first_failure == ERR_NONE)
			c->first_failure = result->err.code;
		return;
	}
	c->warned += result->warning.code != ERR_NONE;
	c->forked += result->warning.code == ERR_FORK;
	c->kinds[result->kind]++;
	c->read += result->bytes_read;
	c->changed += result->bytes_changed;
	c->stored += result->bytes_stored;
}

static struct counts count_group(const struct backup_report *r, const struct plan_group *g)
{
	struct counts c = { 0 };
	for (size_t i = g->first; i < g->first + g->n; i++)
		count_store(&c, &r->results[i]);
	if (g->err.code == ERR_NONE)
		return c;
	return (struct counts){ .stores = 1, .failed = 1, .first_failure = g->err.code };
}

static struct counts count_all(const struct backup_report *r)
{
	struct counts all = { 0 };
	for (size_t i = 0; i < r->plan->n_groups; i++) {
		struct counts c = count_group(r, &r->plan->groups[i]);
		all.stores += c.stores;
		all.failed += c.failed;
		all.warned += c.warned + (r->plan->groups[i].too_many_missing && !r->accepted);
		all.forked += c.forked;
		all.read += c.read;
		all.stored += c.stored;
		if (all.first_failure == ERR_NONE)
			all.first_failure = c.first_failure;
	}
	return all;
}

size_t backup_report_stores(const struct backup_report *r, size_t *failed)
{
	struct counts c = count_all(r);
	*failed = c.failed;
	return c.stores;
}

/* The worst that befell the copies. */
static enum exit_code copies_exit(const struct backup_report *r)
{
	enum exit_code worst = r->copies_failed ? EXIT_DEGRADED : EXIT_DONE;
	for (size_t i = 0; i < r->n_copies; i++)
		if (r->copies[i].sum.problems || r->copies[i].err.code == ERR_FORK)
			worst = EXIT_DAMAGE;
		else if (r->copies[i].err.code != ERR_NONE && worst == EXIT_DONE)
			worst = EXIT_DEGRADED;
	return worst;
}

void backup_report_begin(struct backup_report *r)
{
	uint32_t id;
	/* only names a run in a log; but never blocks and never fails */
	if (getrandom(&id, sizeof id, GRND_NONBLOCK) != sizeof id)
		id = (uint32_t)time(NULL) ^ (uint32_t)getpid() << 16;
	snprintf(r->id, sizeof r->id, "%08" PRIx32, id);
	r->began_s = (int64_t)time(NULL);
}

enum exit_code backup_report_exit(const struct backup_report *r)
{
	struct counts c = count_all(r);
	if (c.failed)
		return c.stores > 1 ? EXIT_SOME_FAILED : exit_code_of(c.first_failure);
	/* committed, but two histories were found where there may be one: nobody must overlook it */
	enum exit_code copies = copies_exit(r);
	if (c.forked || copies == EXIT_DAMAGE || r->warning.code == ERR_FORK)
		return EXIT_DAMAGE;
	return c.warned || r->warning.code != ERR_NONE ? EXIT_DEGRADED : copies;
}

struct err backup_report_missing(const struct backup_report *r, const struct plan_group *g)
{
	struct err e = { 0 };
	if (!g->too_many_missing || r->accepted)
		return e;
	size_t now = g->fleet->n;
	const char *path = "", *name = g->section->name;
	for (size_t i = 0; i < g->section->n; i++)
		if (strcmp(g->section->entries[i].key, "path") == 0)
			path = g->section->entries[i].value;
	err_set(&e, ERR_SOURCE,
	        "%s: %zu file%s match%s %s, %zu at the last run; kept the old stores, "
	        "backed up %zu",
	        name, now, now == 1 ? "" : "s", now == 1 ? "es" : "", path,
	        now + g->fleet->n_vanished, g->n);
	err_hint(&e,
	         "is it mounted? If they are gone for good: 'holdfast backup %s --accept-missing'",
	         name);
	return e;
}

static void explain_denial(struct err *e, const char *path)
{
	const struct passwd *user = getpwuid(geteuid());
	if (e->code == ERR_DENIED && !e->hint[0] && path && strstr(e->msg, path))
		err_hint(e, "run as the owner of it, or 'setfacl -m u:%s:r' on file and folder",
		         user ? user->pw_name : "USER");
}

void backup_report_explain(const struct backup_report *r)
{
	for (size_t i = 0; i < r->plan->n; i++)
		explain_denial(&r->results[i].err, r->plan->stores[i].source.path);
}

static void store_messages(const struct backup_report *r, size_t i)
{
	struct backup_result *result = &r->results[i];
	if (result->err.code != ERR_NONE) {
		output_name(&result->err, store_name(r, i));
		output_error(&result->err);
	}
	if (result->warning.code != ERR_NONE) {
		output_name(&result->warning, store_name(r, i));
		output_error(&result->warning);
	}
}

void backup_report_messages(const struct backup_report *r)
{
	backup_report_explain(r);
	for (size_t i = 0; i < r->plan->n_groups; i++) {
		struct plan_group *g = &r->plan->groups[i];
		if (g->err.code != ERR_NONE) {
			output_name(&g->err, g->section->name);
			output_error(&g->err);
		}
		struct err missing = backup_report_missing(r, g);
		if (missing.code != ERR_NONE)
			output_error(&missing);
	}
	for (size_t i = 0; i < r->plan->n; i++)
		store_messages(r, i);
	if (r->warning.code != ERR_NONE)
		output_error(&r->warning);
	if (r->copies_failed)
		output_error(&r->copies_error);
	for (size_t i = 0; i < r->n_copies; i++)
		if (r->copies[i].err.code != ERR_NONE)
			output_error(&r->copies[i].err);
}

static int print_store(const struct backup_report *r, struct table *t, size_t i, struct err *err)
{
	const struct backup_result *result = &r->results[i];
	char snapshot[TEXT_MAX], changed[TEXT_MAX], percent[TEXT_MAX], stored[TEXT_MAX + 16],
		size[TEXT_MAX], took[TEXT_MAX];
	if (result->err.code != ERR_NONE)
		return TABLE_ROW(t, err, store_name(r, i), "FAILED", "", "", "",
		                 text_took(took, result->duration_ms));
	snprintf(snapshot, sizeof snapshot, "snapshot %" PRIu64, result->seq);
	snprintf(changed, sizeof changed, "%.20s changed",
	         text_percent(percent, result->bytes_changed, result->bytes_read));
	snprintf(stored, sizeof stored, "%s %s", text_size(size, result->bytes_stored),
	         r->dry_run ? "to store" : "stored");
	return TABLE_ROW(t, err, store_name(r, i), snapshot_kind_text(result->kind), snapshot,
	                 result->kind == SNAPSHOT_UNCHANGED ? "" : changed, stored,
	                 text_took(took, result->duration_ms));
}

static void describe(const struct counts *c, char *out, size_t cap)
{
	size_t used = 0;
	out[0] = '\0';
	for (int kind = 0; kind < 3 && used < cap; kind++)
		if (c->kinds[kind])
			used += (size_t)snprintf(out + used, cap - used, "%s%zu %s",
			                         used ? ", " : "", c->kinds[kind],
			                         snapshot_kind_text((enum snapshot_kind)kind));
	if (c->failed && used < cap)
		snprintf(out + used, cap - used, "%s%zu FAILED", used ? ", " : "", c->failed);
}

static int print_fleet(const struct backup_report *r, struct table *t, const struct plan_group *g,
                       struct err *err)
{
	struct counts c = count_group(r, g);
	char name[VAULT_NAME_MAX + 32], kinds[96], changed[TEXT_MAX], percent[TEXT_MAX],
		stored[TEXT_MAX + 16], size[TEXT_MAX];
	snprintf(name, sizeof name, "%s (%zu)", g->section->name, g->n);
	describe(&c, kinds, sizeof kinds);
	snprintf(changed, sizeof changed, "%.20s changed",
	         text_percent(percent, c.changed, c.read));
	snprintf(stored, sizeof stored, "%s %s", text_size(size, c.stored),
	         r->dry_run ? "to store" : "stored");
	return TABLE_ROW(t, err, name, kinds, "", c.changed ? changed : "", stored, "");
}

static int print_group(const struct backup_report *r, struct table *t, const struct plan_group *g,
                       bool all, struct err *err)
{
	if (g->err.code != ERR_NONE)
		return TABLE_ROW(t, err, g->section->name, "FAILED", "", "", "", "");
	if (g->fleet && !all && g->n > 1)
		return print_fleet(r, t, g, err);
	for (size_t i = g->first; i < g->first + g->n; i++)
		if (print_store(r, t, i, err) != 0)
			return err->code;
	return 0;
}

static void print_copies(const struct backup_report *r)
{
	for (size_t i = 0; i < r->n_copies; i++) {
		const struct backup_copy *c = &r->copies[i];
		char size[TEXT_MAX], took[TEXT_MAX];
		printf("%s to vault %s: %" PRIu64 " object%s, %s, %s\n",
		       c->err.code != ERR_NONE ? "copy FAILED" : "copied", c->to, c->sum.objects,
		       c->sum.objects == 1 ? "" : "s", text_size(size, c->sum.bytes),
		       text_took(took, c->duration_ms));
	}
}

int backup_report_print(const struct backup_report *r, bool all, struct err *err)
{
	AUTO(table) t = table_new("lllrrr", err);
	if (!t)
		return err->code;
	for (size_t i = 0; i < r->plan->n_groups; i++)
		if (print_group(r, t, &r->plan->groups[i], all, err) != 0)
			return err->code;
	table_print(t);
	struct counts c = count_all(r);
	char read[TEXT_MAX], stored[TEXT_MAX], took[TEXT_MAX];
	if (c.stores > 1 || c.failed)
		printf("%zu of %zu stores %s: %s read, %s stored, %s\n", c.stores - c.failed,
		       c.stores, r->dry_run ? "looked at" : "done", text_size(read, c.read),
		       text_size(stored, c.stored), text_took(took, r->duration_ms));
	print_copies(r);
	return 0;
}

static json_t *store_json(const struct backup_report *r, size_t i)
{
	const struct backup_result *result = &r->results[i];
	if (result->err.code != ERR_NONE)
		return output_json_error(&result->err, store_name(r, i));
	json_t *j = json_pack(
	    "{s:o, s:I, s:s, s:I, s:I, s:I, s:I, s:i, s:I}", "store",
	    output_json_text(store_name(r, i)), "snapshot", (json_int_t)result->seq, "kind",
	    snapshot_kind_text(result->kind), "bytes_read", (json_int_t)result->bytes_read,
	    "bytes_changed", (json_int_t)result->bytes_changed, "bytes_evacuated",
	    (json_int_t)result->bytes_evacuated, "bytes_stored", (json_int_t)result->bytes_stored,
	    "packs", (int)result->packs, "duration_ms", (json_int_t)result->duration_ms);
	if (j && r->dry_run)
		json_object_set_new(j, "dry_run", json_true());
	return j;
}

static int warning_json(const struct err *warning, const char *name, struct err *err)
{
	return output_json(json_pack("{s:o, s:o, s:o}", "warning", output_json_text(warning->msg),
	                             "hint", output_json_text(warning->hint), "store",
	                             output_json_text(name)), err);
}

static int group_json(const struct backup_report *r, const struct plan_group *g, struct err *err)
{
	if (g->err.code != ERR_NONE)
		return output_json(output_json_error(&g->err, g->section->name), err);
	struct err missing = backup_report_missing(r, g);
	return missing.code == ERR_NONE ? 0 : warning_json(&missing, g->section->name, err);
}

static int copy_json(const struct backup_copy *c, struct err *err)
{
	json_t *j = c->err.code != ERR_NONE ? output_json_error(&c->err, NULL) : json_object();
	json_t *what = json_pack("{s:o, s:I, s:I, s:I, s:I}", "copied_to", output_json_text(c->to),
	                         "objects", (json_int_t)c->sum.objects, "bytes",
	                         (json_int_t)c->sum.bytes, "problems", (json_int_t)c->sum.problems,
	                         "duration_ms", (json_int_t)c->duration_ms);
	json_object_update(j, what);
	json_decref(what);
	return output_json(j, err);
}

/* notes first, so that the output ends with an object for each store */
int backup_report_json(const struct backup_report *r, struct err *err)
{
	for (size_t i = 0; i < r->plan->n_groups; i++)
		if (group_json(r, &r->plan->groups[i], err) != 0)
			return err->code;
	for (size_t i = 0; i < r->plan->n; i++)
		if (r->results[i].warning.code != ERR_NONE &&
		    warning_json(&r->results[i].warning, store_name(r, i), err) != 0)
			return err->code;
	if (r->warning.code != ERR_NONE && warning_json(&r->warning, "ledger", err) != 0)
		return err->code;
	for (size_t i = 0; i < r->n_copies; i++)
		if (copy_json(&r->copies[i], err) != 0)
			return err->code;
	for (size_t i = 0; i < r->plan->n; i++)
		if (output_json(store_json(r, i), err) != 0)
			return err->code;
	return 0;
}

static json_t *run_store(const char *name, const struct err *failure,
                         const struct backup_result *result)
{
	if (failure->code != ERR_NONE)
		return json_pack("{s:o, s:s, s:o, s:I}", "store", output_json_text(name), "result",
		                 "failed", "error", output_json_text(failure->msg), "duration_ms",
		                 (json_int_t)(result ? result->duration_ms : 0));
	json_t *j = json_pack("{s:o, s:s, s:I, s:s, s:I, s:I}", "store", output_json_text(name),
	                      "result", result->warning.code ? "warning" : "done", "snapshot",
	                      (json_int_t)result->seq, "kind", snapshot_kind_text(result->kind),
	                      "bytes_stored", (json_int_t)result->bytes_stored, "duration_ms",
	                      (json_int_t)result->duration_ms);
	if (j && result->warning.code)
		json_object_set_new(j, "error", output_json_text(result->warning.msg));
	return j;
}

/* What was said of fleets as a whole, and of copies. */
static json_t *run_notes(const struct backup_report *r)
{
	json_t *notes = json_array();
	for (size_t i = 0; i < r->plan->n_groups; i++) {
		struct err missing = backup_report_missing(r, &r->plan->groups[i]);
		if (missing.code != ERR_NONE)
			json_array_append_new(notes, output_json_text(missing.msg));
	}
	if (r->warning.code != ERR_NONE)
		json_array_append_new(notes, output_json_text(r->warning.msg));
	if (r->copies_failed)
		json_array_append_new(notes, output_json_text(r->copies_error.msg));
	for (size_t i = 0; i < r->n_copies; i++)
		if (r->copies[i].err.code != ERR_NONE)
			json_array_append_new(notes, output_json_text(r->copies[i].err.msg));
	return notes;
}

static json_t *run_stores(const struct backup_report *r)
{
	json_t *stores = json_array();
	for (size_t i = 0; i < r->plan->n_groups; i++)
		if (r->plan->groups[i].err.code != ERR_NONE)
			json_array_append_new(stores, run_store(r->plan->groups[i].section->name,
			                                        &r->plan->groups[i].err, NULL));
	for (size_t i = 0; i < r->plan->n; i++)
		json_array_append_new(stores, run_store(store_name(r, i), &r->results[i].err,
		                                        &r->results[i]));
	return stores;
}

json_t *backup_report_run(const struct backup_report *r, const char *command)
{
	return json_pack("{s:s, s:i, s:s, s:o, s:o, s:I, s:I}", "command", command, "exit", (int)r->exit,
	                 "id", r->id, "notes", run_notes(r), "stores", run_stores(r), "time",
	                 (json_int_t)time(NULL), "duration_ms", (json_int_t)r->duration_ms);
}
