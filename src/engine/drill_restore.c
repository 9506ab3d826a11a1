/* The first half of a drill: what a restore does, into a sandbox, with a clock beside it. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/json.h"
#include "engine/drill_report.h"
#include "engine/drilling.h"
#include "holdfast/progress.h"
#include "holdfast/restore.h"

/* What the errors of a restore say of the backup itself, if all keys are at hand. */
static bool is_finding(const struct drilling *d, int code)
{
	bool all_keys = vault_can_read(d->v);
	return code == ERR_CORRUPT || code == ERR_FORK || code == ERR_ABSENT ||
	       (code == ERR_KEY && all_keys);
}

static int stop_at(struct drilling *d, struct err *err)
{
	d->finding = is_finding(d, err->code);
	return err->code;
}

/* ---- keys, find ---- */

static int get_keys(struct drilling *d, struct err *err)
{
	if (drilling_phase(d, "keys", err) != 0)
		return err->code;
	return d->o->unlock ? d->o->unlock(d->o->arg, err) : 0;
}

/* The kind of a store is what made its facts, unless the configuration says more. */
static int set_type(struct drilling *d, struct err *err)
{
	const char *engine = json_string_value(json_object_get(d->recorded, "engine"));
	const struct drill_store *s = d->c->store;
	bool dump = engine && (strcmp(engine, "mariadb") == 0 || strcmp(engine, "postgres") == 0);
	if (!s->type && !engine)
		return err_set(err, ERR_NEWER, "the snapshot does not say what kind of store it is of");
	snprintf(d->type, sizeof d->type, "%.20s%s", s->type ? s->type : engine,
	         !s->type && dump ? "-dump" : "");
	const char *database = json_string_value(json_object_get(d->recorded, "database"));
	d->database = drill_text(s->database ? s->database : database);
	return 0;
}

/* The one file's name as a restore gives it: without its folders. */
static int set_file(struct drilling *d, struct err *err)
{
	struct body_file f;
	if (d->snapshot->files != 1 || strcmp(d->type, "files") == 0)
		return 0;
	AUTO(body_reader) r = open_snapshot_body(d->snapshot, err);
	if (!r || body_next(r, d->snapshot->entry->head.n_packs, &f, err) != 1)
		return r ? err_set(err, ERR_CORRUPT, "the snapshot's list of files is empty")
		         : (int)err->code;
	const char *slash = strrchr(f.path, '/');
	d->file = strdup(slash ? slash + 1 : f.path);
	return d->file ? 0 : err_no_memory(err);
}

static int read_facts(struct drilling *d, struct err *err)
{
	const char *text = d->snapshot->facts;
	/* every driver tells facts: a snapshot without is of a kind that is not known here */
	d->recorded = json_decode(text, strlen(text), "the snapshot's facts", err);
	if (!d->recorded)
		return err->code;
	if (set_type(d, err) != 0)
		return err->code;
	if (strcmp(d->type, "files") != 0)
		return set_file(d, err);
	/* a tree's facts are its list */
	json_object_set_new(d->recorded, "entries", json_integer((json_int_t)d->snapshot->files));
	json_object_set_new(d->recorded, "bytes", json_integer((json_int_t)d->snapshot->bytes));
	return 0;
}

static int find(struct drilling *d, struct err *err)
{
	const struct store_info *s = &d->c->store->info;
	if (drilling_phase(d, "find", err) != 0)
		return err->code;
	if (d->c->damage.code != ERR_NONE) {
		*err = d->c->damage;
		return err->code;
	}
	d->snapshot = open_snapshot_new(d->v, s->writer, s->store, d->c->seq, err);
	return d->snapshot ? read_facts(d, err) : (int)err->code;
}

/* ---- the sandbox ---- */

static void take_isolation(struct drilling *d)
{
	struct sandbox_isolation i;
	sandbox_isolation(d->box, &i);
	d->report.isolation.own_user = i.own_user;
	d->report.isolation.private_network = i.walls == SANDBOX_NAMESPACES;
	d->report.isolation.private_socket = true;
}

static int make_folder(struct drilling *d, const char *name, char out[DRILL_PATH_MAX], struct err *err)
{
	snprintf(out, DRILL_PATH_MAX, "%s/%s", sandbox_folder(d->box), name);
	return mkdir(out, 0700) == 0 ? 0 : err_sys(err, "%.200s", out);
}

static int check_room(const struct drilling *d, struct err *err)
{
	uint64_t most = sandbox_disk(d->box);
	if (d->snapshot->bytes <= most)
		return 0;
	err_set(err, ERR_SPACE, "the sandbox may hold %llu MiB, and the store has %llu",
	        (unsigned long long)(most >> 20), (unsigned long long)(d->snapshot->bytes >> 20));
	return err_hint(err, "raise 'disk' of the drill, or give it another 'folder'");
}

static int make_box(struct drilling *d, struct err *err)
{
	char name[SANDBOX_NAME_MAX];
	if (drilling_phase(d, "sandbox", err) != 0)
		return err->code;
	snprintf(name, sizeof name, "drill-%s", d->result->id);
	const struct sandbox_options options = {
		.parent = d->o->sandboxes, .name = name, .hidden = d->o->hidden,
		.memory_bytes = d->o->memory_bytes, .disk_bytes = d->o->disk_bytes,
		.stop = d->o->progress ? d->o->progress->stop : NULL,
	};
	d->box = sandbox_new(&options, err);
	if (!d->box)
		return err->code;
	take_isolation(d);
	if (d->o->need_walls && !d->report.isolation.private_network) {
		err_set(err, ERR_DENIED, "the kernel refuses namespaces, without which the drill may not "
		                         "run");
		return err_hint(err, "run it as root, or set 'isolation = any'");
	}
	if (make_folder(d, "restored", d->restored, err) != 0 ||
	    make_folder(d, "scratch", d->scratch, err) != 0)
		return err->code;
	return check_room(d, err);
}

/* ---- fetch, write ---- */

/* A restore fetches, decrypts and writes at the same time. What is measured is until when it fetched. */
struct watch {
	const struct progress *inner;
	uint64_t fetched;
	int64_t last_ms;             /* when fetched grew last */
};

static void on_progress(void *arg, const struct progress_state *state)
{
	struct watch *w = arg;
	if (state->stored_bytes > w->fetched) {
		w->fetched = state->stored_bytes;
		w->last_ms = clock_ms();
	}
	if (w->inner && w->inner->report)
		w->inner->report(w->inner->arg, state);
}

static int add_sums(struct drilling *d, const struct restore_result *r, struct err *err)
{
	char expected[60], actual[60];
	snprintf(expected, sizeof expected, "%llu files", (unsigned long long)d->snapshot->files);
	snprintf(actual, sizeof actual, "%llu files", (unsigned long long)r->files);
	const struct drill_finding f = {
		.kind = "sums", .name = "sum of every file", .expected = expected, .actual = actual,
		.result = r->files == d->snapshot->files ? RESULT_PASSED : RESULT_FAILED, .why = "missing",
		.ms = r->duration_ms,
	};
	return drill_add_check(&d->report, &f, err);
}

static int restore(struct drilling *d, struct err *err)
{
	if (drilling_phase(d, "fetch", err) != 0)
		return err->code;
	struct watch watch = { .inner = d->o->progress, .last_ms = d->phase_ms };
	const struct progress progress = {
		.report = on_progress, .arg = &watch,
		.stop = d->o->progress ? d->o->progress->stop : NULL,
	};
	const struct restore_options options = { .to = d->restored, .progress = &progress };
	struct restore_result result = { 0 };
	if (restore_snapshot(d->v, &d->c->store->info, d->c->seq, &options, &result, err) != 0)
		return err->code;
	if (result.warning.code == ERR_FORK)
		d->result->set_back = result.warning;
	if (drill_add_phase(&d->report, "fetch", (uint64_t)(watch.last_ms - d->phase_ms), err) != 0)
		return err->code;
	d->phase = "write";
	d->phase_ms = watch.last_ms;
	if (add_sums(d, &result, err) != 0)
		return err->code;
	return sandbox_give(d->box, err);
}

int drilling_restore(struct drilling *d, struct err *err)
{
	if (get_keys(d, err) != 0)
		return err->code;
	if (find(d, err) != 0)
		return stop_at(d, err);
	if (make_box(d, err) != 0)
		return err->code;
	return restore(d, err) == 0 ? 0 : stop_at(d, err);
}
