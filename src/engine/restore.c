/* The restore verb: open, verify, put back. */
#include "holdfast/restore.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"
#include "engine/fetch.h"
#include "engine/meter.h"
#include "engine/open.h"
#include "engine/restore_page.h"
#include "engine/restore_record.h"
#include "engine/restore_stream.h"
#include "engine/target.h"
#include "source/sink_masked.h"
#include "vault/vault.h"

/* One restore under way. */
struct restore {
	struct vault *vault;
	const struct store_info *store;
	const struct restore_options *options;   /* NULL: into a sink */
	const char *path;
	struct restore_result *result;
	struct meter meter;
	uint64_t began_ms;
	struct open_snapshot *snapshot;
	struct fetch *fetch;
	struct body_reader *body;
	unsigned workers;
	char id[17];                             /* of the snapshot, for temporary names */
	struct restored what;                    /* for the ledger */
};

static int restore_begin(struct restore *r, uint64_t seq, const struct progress *progress,
                         struct err *err)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	r->workers = cores > 1 ? (unsigned)cores : 1;
	r->began_ms = meter_now_ms();
	memset(r->result, 0, sizeof *r->result);
	meter_begin(&r->meter, progress, r->store->name);
	r->snapshot = open_snapshot_new(r->vault, r->store->writer, r->store->store, seq, err);
	if (!r->snapshot)
		return err->code;
	const struct heads_entry *e = r->snapshot->entry;
	memcpy(r->what.head, e->hash, sizeof r->what.head);
	snprintf(r->id, sizeof r->id, "%08" PRIu64 "-%02x%02x%02x", e->head.seq % 100000000,
	         e->hash[0], e->hash[1], e->hash[2]);
	r->fetch = fetch_new(r->vault, r->snapshot->keys, r->store->writer, r->store->store,
	                     e->head.packs, e->head.n_packs, &r->meter, err);
	r->body = r->fetch ? open_snapshot_body(r->snapshot, err) : NULL;
	return r->body ? 0 : err->code;
}

static void restore_end(struct restore *r)
{
	if (r->fetch)
		r->result->bytes_fetched = fetch_bytes(r->fetch);
	r->result->duration_ms = meter_now_ms() - r->began_ms;
	body_reader_free(r->body);
	fetch_free(r->fetch);
	open_snapshot_free(r->snapshot);
	meter_end(&r->meter);
}

/* Is the file the one asked for, or below the folder asked for? */
static bool wanted(const char *path, const char *want)
{
	size_t len = want ? strlen(want) : 0;
	while (len > 0 && want[len - 1] == '/')
		len--;
	return len == 0 || (strncmp(path, want, len) == 0 && (path[len] == '\0' || path[len] == '/'));
}

static struct restore_page_options page_options(const struct restore *r, const struct body_file *f)
{
	return (struct restore_page_options){
		.fetch = r->fetch, .n_packs = r->snapshot->entry->head.n_packs, .file = f,
		.keys = &r->snapshot->sum_keys, .workers = r->workers,
		.meter = (struct meter *)(uintptr_t)&r->meter,
	};
}

/* Damage has an object: find it where the message does not name it yet. */
static int blame(struct restore *r, struct err *err)
{
	if (err->code != ERR_CORRUPT || strstr(err->msg, "pack "))
		return err->code;
	return fetch_diagnose(r->fetch, err);
}

/* ---- page files into a folder ---- */

static int write_target(void *arg, uint64_t offset, const uint8_t *data, size_t len,
                        struct err *err)
{
	return target_write(arg, offset, data, len, err);
}

static int reuse_target(void *arg, uint64_t offset, uint8_t *data, size_t len, struct err *err)
{
	return target_reuse(arg, offset, data, len, err);
}

static int drop(void *arg, uint64_t offset, const uint8_t *data, size_t len, struct err *err)
{
	(void)arg, (void)offset, (void)data, (void)len, (void)err;
	return 0;
}

/* The driver that made the image knows how to put it back. */
static const struct source_ops *driver_of(const struct open_snapshot *s)
{
	struct err ignored;
	const char *engine;
	JSON_AUTO facts = json_decode(s->facts, strlen(s->facts), "facts", &ignored);
	if (!facts || json_get_text(facts, "engine", &engine, "facts", &ignored) != 0)
		return NULL;
	/* the facts of a preset name the engine that was dumped, as snapshots have it from the first */
	char dump[64];
	snprintf(dump, sizeof dump, "%.50s-dump", engine);
	const struct source_ops *driver = source_driver(engine);
	return driver ? driver : source_driver(dump);
}

static int settle(struct restore *r, struct target *t, const struct body_file *f,
                  struct err *err)
{
	struct source_entry entry;
	const struct source_ops *driver = driver_of(r->snapshot);
	open_entry(&entry, f);
	struct settle_request request = { .temporary = t->part, .target = t->path, .entry = &entry,
	                                  .overwrite = r->options->overwrite };
	if (!driver)
		return err_set(err, ERR_NEWER, "file '%.200s' is of a store kind that this program does "
		               "not know", f->path);
	return driver->settle(&request, err);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static int restore_file(struct restore *r, const struct body_file *f, struct err *err)
{
	struct restore_page_options o = page_options(r, f);
	meter_phase(&r->meter, "restoring", f->length);
	if (r->options->dry_run) {
		o.write = drop;
		return restore_page_file(&o, err) == 0 ? 0 : blame(r, err);
	}
	AUTO(target) t = target_open(r->options->to, base_name(f->path), r->id, f->length,
	                             r->options->overwrite, err);
	if (!t)
		return err->code;
	o.write = write_target;
	o.reuse = reuse_target;
	o.kept = t->kept;
	o.arg = t;
	if (restore_page_file(&o, err) != 0) {
		if (err->code == ERR_CORRUPT)
			target_discard(t);
		return blame(r, err);
	}
	meter_phase(&r->meter, "syncing", 0);
	if (target_complete(t, err) != 0)
		return err->code;
	snprintf(r->result->target, sizeof r->result->target, "%s", t->path);
	return settle(r, t, f, err);
}

/* ---- content-defined files into a sink ---- */

static int discard_entry(struct sink *k, const struct source_entry *e, struct err *err)
{
	(void)k, (void)e, (void)err;
	return 0;
}

static int discard_data(struct sink *k, const void *data, size_t len, struct err *err)
{
	(void)k, (void)data, (void)len, (void)err;
	return 0;
}

static int discard_close(struct sink *k, struct err *err)
{
	(void)k, (void)err;
	return 0;
}

static void discard_free(struct sink *k) { (void)k; }

static const struct sink_ops discard_ops = { discard_entry, discard_data, discard_close,
                                             discard_free };

static struct sink *sink_for(const struct restore *r, struct err *err)
{
	static struct sink discard = { &discard_ops };
	const struct restore_options *o = r->options;
	if (o->dry_run)
		return &discard;
	const struct source_ops *driver = driver_of(r->snapshot);
	struct source_options none = { .type = driver ? driver->type : NULL, .name = r->store->name,
	                               .restore_command = o->restore_command };
	if (!driver) {
		err_set(err, ERR_NEWER, "this snapshot is of a store kind that this program does not know");
		return NULL;
	}
	return driver->restore(o->source ? o->source : &none, o->to, o->overwrite, err);
}

/* Page files streamed into a sink, in order. */
static int write_sink(void *arg, uint64_t offset, const uint8_t *data, size_t len,
                      struct err *err)
{
	struct sink *k = arg;
	(void)offset;
	return k->ops->data(k, data, len, err);
}

static int stream_page_file(struct restore *r, const struct body_file *f, struct sink *sink,
                            struct err *err)
{
	struct restore_page_options o = page_options(r, f);
	struct source_entry entry;
	open_entry(&entry, f);
	if (sink->ops->entry(sink, &entry, err) != 0)
		return err->code;
	meter_phase(&r->meter, "restoring", f->length);
	o.write = write_sink;
	o.arg = sink;
	return restore_page_file(&o, err) == 0 ? 0 : blame(r, err);
}

static int into_sink(struct restore *r, struct sink *sink, struct err *err)
{
	struct body_file f;
	int rc;
	uint32_t n = r->snapshot->entry->head.n_packs;
	AUTO(restore_stream) stream = restore_stream_new(r->fetch, &r->snapshot->sum_keys, sink,
	                                                 r->workers, &r->meter, err);
	if (!stream)
		return err->code;
	while ((rc = body_next(r->body, n, &f, err)) == 1) {
		if (meter_check(&r->meter, err) != 0)
			return err->code;
		bool below = wanted(f.path, r->path);
		if (!below && !(S_ISDIR(f.mode) && r->path && wanted(r->path, f.path)))
			continue;
		rc = f.page_bytes ? stream_page_file(r, &f, sink, err)
		                  : restore_stream_file(stream, &f, err);
		if (rc != 0)
			return rc;
		r->result->files += below;
		r->result->bytes_written += f.length;
	}
	return rc == 0 ? restore_stream_end(stream, err) : rc;
}

static int nothing_matched(const struct restore *r, struct err *err)
{
	if (!r->path || r->result->files > 0)
		return 0;
	err_set(err, ERR_ABSENT, "'%.200s' is not in snapshot %" PRIu64 " of %s", r->path,
	        r->snapshot->entry->head.seq, r->store->name ? r->store->name : "this store");
	return err_hint(err, "list what is there with 'holdfast ls'");
}

/* ---- the verbs ---- */

static int restore_streams(struct restore *r, struct err *err)
{
	struct sink *sink = sink_for(r, err);
	if (!sink)
		return err->code;
	meter_phase(&r->meter, "restoring", r->snapshot->bytes);
	int rc = into_sink(r, sink, err);
	if (rc == 0)
		rc = nothing_matched(r, err);
	if (rc == 0)
		rc = sink->ops->close(sink, err);
	sink->ops->free(sink);
	snprintf(r->result->target, sizeof r->result->target, "%s", r->options->to);
	return rc;
}

static int restore_pages(struct restore *r, struct err *err)
{
	struct body_file f;
	int rc;
	while ((rc = body_next(r->body, r->snapshot->entry->head.n_packs, &f, err)) == 1) {
		if (!wanted(f.path, r->path))
			continue;
		if ((rc = restore_file(r, &f, err)) != 0)
			return rc;
		r->result->files++;
		r->result->bytes_written += f.length;
	}
	return rc == 0 ? nothing_matched(r, err) : rc;
}

/* The end of a verb: what is to be said of it, and its entry in the ledger. */
static int conclude(struct restore *r, int rc, struct err *err)
{
	static const struct err none = { .code = ERR_NONE };
	restore_end(r);
	if (rc == 0 && r->result->warning.code == ERR_NONE)
		vault_copies_used(r->vault, r->what.one_of_many ? r->store : NULL, &r->result->warning);
	if (!r->options || !r->options->dry_run)
		restore_record(r->vault, &r->what, rc == 0 ? &none : err, r->result);
	return rc == 0 ? 0 : err_wrap(err, "restore %s", r->store->name ? r->store->name : "store");
}

int restore_snapshot(struct vault *v, const struct store_info *store, uint64_t seq,
                     const struct restore_options *options, struct restore_result *result,
                     struct err *err)
{
	struct restore r = { .vault = v, .store = store, .options = options, .path = options->path,
	                     .result = result, .what = { .store = store, .seq = seq,
	                                                 .one_of_many = options->one_of_many } };
	int rc = restore_begin(&r, seq, options->progress, err);
	if (rc == 0 && !options->dry_run)
		rc = io_make_dirs(options->to, 0700, err);
	if (rc == 0)
		rc = r.snapshot->page_files ? restore_pages(&r, err) : restore_streams(&r, err);
	if (rc == ERR_SPACE && !err->hint[0])
		err_hint(err, "make room in %.200s and repeat, or give another folder with --to",
		         options->to);
	return conclude(&r, rc, err);
}

int restore_to_sink(struct vault *v, const struct store_info *store, uint64_t seq,
                    const char *path, struct sink *sink, const struct progress *progress,
                    struct restore_result *result, struct err *err)
{
	struct restore r = { .vault = v, .store = store, .path = path, .result = result,
	                     .what = { .store = store, .seq = seq } };
	int rc = restore_begin(&r, seq, progress, err);
	if (rc == 0)
		rc = into_sink(&r, sink, err);
	if (rc == 0)
		rc = nothing_matched(&r, err);
	if (rc == 0)
		rc = sink->ops->close(sink, err);
	return conclude(&r, rc, err);
}

/* ---- masked ---- */

static int check_maskable(const struct restore *r, struct err *err)
{
	const struct source_ops *driver = driver_of(r->snapshot);
	if (driver && strcmp(driver->type, "sqlite") == 0 && r->snapshot->page_files == 1)
		return 0;
	err_set(err, ERR_INVALID, "it is a store of type %.40s: only SQLite databases can be masked",
	        driver ? driver->type : "that this program does not know");
	return err_hint(err, "restore it where nobody may look, and mask it with its own tools");
}

static int into_masked(struct restore *r, const struct restore_mask *mask, const struct progress *progress,
                       struct err *err)
{
	const struct sink_masked_options o = {
		.folder = mask->to, .rules = mask->rules, .skeleton = mask->skeleton,
		.overwrite = mask->overwrite, .dry_run = mask->dry_run,
		.stop = progress ? progress->stop : NULL, .hidden = mask->hidden,
		.missing = mask->missing, .arg = mask->arg,
		.result = mask->result, .target = r->result->target, .target_size = sizeof r->result->target,
	};
	struct sink *sink = sink_masked(&o, err);
	if (!sink)
		return err->code;
	int rc = into_sink(r, sink, err);
	meter_phase(&r->meter, "masking", 0);
	if (rc == 0)
		rc = sink->ops->close(sink, err);
	sink->ops->free(sink);
	r->result->bytes_written = mask->result->bytes;
	return rc;
}

int restore_masked(struct vault *v, const struct store_info *store, uint64_t seq,
                   const struct restore_mask *mask, const struct progress *progress,
                   struct restore_result *result, struct err *err)
{
	const struct restore_options as = { .to = mask->to, .dry_run = mask->dry_run };
	struct restore r = { .vault = v, .store = store, .options = &as, .result = result,
	                     .what = { .store = store, .seq = seq } };
	if (mask->rules)
		memcpy(r.what.mask, mask_rules_digest(mask->rules), sizeof r.what.mask);
	int rc = restore_begin(&r, seq, progress, err);
	if (rc == 0)
		rc = check_maskable(&r, err);
	if (rc == 0 && mask->rules)
		rc = io_make_dirs(mask->to, 0700, err);
	if (rc == 0)
		rc = into_masked(&r, mask, progress, err);
	return conclude(&r, rc, err);
}
