/*
 * rescue - page files from packs and keys alone. Packs know their order (sequence, number) and which
 * units of which files they hold; lengths come from the newest pack that names the file. A full gives
 * a file a new number, so a path may have several: the newest that is complete is taken.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "engine/fetch.h"
#include "engine/keyring.h"
#include "engine/meter.h"
#include "engine/restore_page.h"
#include "engine/restore_record.h"
#include "engine/target.h"
#include "engine/zone.h"
#include "holdfast/restore.h"
#include "vault/inventory.h"
#include "vault/vault.h"

struct candidate {
	char *path;
	uint32_t number, page_bytes, unit_bytes;
	uint64_t length, missing;
};

struct rescue {
	struct restore_result *result;
	struct meter meter;
	struct keyring *keys;
	struct inventory *there;
	struct head_pack *packs;          /* those that open, oldest first */
	uint32_t n_packs, unreadable;
	struct fetch *fetch;
	struct candidate *files;          /* newest numbers first */
	uint32_t n_files;
};

static void rescue_end(struct rescue *r)
{
	fetch_free(r->fetch);
	keyring_free(r->keys);
	inventory_free(r->there);
	free(r->packs);
	for (uint32_t i = 0; i < r->n_files; i++)
		free(r->files[i].path);
	free(r->files);
	meter_end(&r->meter);
}

/* ---- which packs open, and in which order ---- */

struct ordered {
	struct head_pack pack;
	uint64_t seq;
	uint32_t number;
};

static int by_order(const void *a, const void *b)
{
	const struct ordered *x = a, *y = b;
	if (x->seq != y->seq)
		return x->seq < y->seq ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

/* Try every pack; those that do not open are counted, not fatal: that is what rescue is for. */
static int order_packs(struct rescue *r, struct vault *v, const struct store_info *store,
                       struct err *err)
{
	size_t n = r->there->n, kept = 0;
	struct head_pack *all = calloc(n + 1, sizeof *all);
	struct ordered *order = calloc(n + 1, sizeof *order);
	r->packs = calloc(n + 1, sizeof *r->packs);
	struct fetch *probe = NULL;
	if (!all || !order || !r->packs)
		err_no_memory(err);
	else {
		for (size_t i = 0; i < n; i++) {
			memcpy(all[i].id, r->there->packs[i].id, 32);
			all[i].size = r->there->packs[i].size > PACK_BYTES ? 0
			            : (uint32_t)r->there->packs[i].size;
		}
		probe = fetch_new(v, r->keys, store->writer, store->store, all, (uint32_t)n, NULL, err);
	}
	for (size_t i = 0; probe && i < n; i++) {
		struct err why;
		if (!fetch_trailer(probe, (uint32_t)i, &why)) {
			r->unreadable++;
			continue;
		}
		const struct pack_header *h = fetch_header(probe, (uint32_t)i);
		order[kept++] = (struct ordered){ all[i], h->seq, h->number };
		fetch_drop_runs(probe, (uint32_t)i);
	}
	if (probe && kept)
		qsort(order, kept, sizeof *order, by_order);
	for (size_t i = 0; i < kept; i++)
		r->packs[i] = order[i].pack;
	r->n_packs = (uint32_t)kept;
	bool ok = probe != NULL;
	fetch_free(probe);
	free(all);
	free(order);
	return ok ? 0 : err->code;
}

/* ---- which files they hold ---- */

static struct candidate *find_file(struct rescue *r, uint32_t number)
{
	for (uint32_t i = 0; i < r->n_files; i++)
		if (r->files[i].number == number)
			return &r->files[i];
	return NULL;
}

static int add_file(struct rescue *r, const struct pack_file *f, struct err *err)
{
	if (find_file(r, f->number))
		return 0;
	struct candidate *files = realloc(r->files, (r->n_files + 1) * sizeof *files);
	char *path = strdup(f->path);
	if (files)
		r->files = files;
	if (!files || !path) {
		free(path);
		return err_no_memory(err);
	}
	files[r->n_files++] = (struct candidate){ .path = path, .number = f->number,
	                                          .page_bytes = f->page_bytes,
	                                          .unit_bytes = f->unit_bytes, .length = f->length };
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	return (x->number < y->number) - (x->number > y->number);
}

/* Newest pack first, so that the first mention of a file is the newest. */
static int collect_files(struct rescue *r, struct err *err)
{
	for (uint32_t i = r->n_packs; i-- > 0;) {
		const struct pack_trailer *t = fetch_trailer(r->fetch, i, err);
		if (!t)
			return err->code;
		for (uint32_t k = 0; k < t->n_files; k++)
			if (add_file(r, &t->files[k], err) != 0)
				return err->code;
		fetch_drop_runs(r->fetch, i);
	}
	if (r->n_files)
		qsort(r->files, r->n_files, sizeof *r->files, by_number);
	return 0;
}

static int count_missing(struct rescue *r, struct candidate *c, struct err *err)
{
	struct zone_file f = { .number = c->number, .page_bytes = c->page_bytes,
	                       .unit_bytes = c->unit_bytes, .length = c->length,
	                       .n_packs = r->n_packs, .fill_missing = true };
	uint64_t units = pack_units(c->length, c->unit_bytes);
	int rc = 0;
	for (uint64_t first = 0; first < units && rc == 0; first += ZONE_UNITS_MAX) {
		uint64_t n = units - first < ZONE_UNITS_MAX ? units - first : ZONE_UNITS_MAX;
		AUTO(zone) z = zone_plan(&f, first, n, r->fetch, err);
		rc = z ? 0 : err->code;
	}
	free(f.ranges);
	c->missing = f.missing;
	return rc;
}

/* Of the numbers that a path has had: the newest complete one, else the least incomplete. */
static struct candidate *choose(struct rescue *r, const char *path, struct err *err)
{
	struct candidate *best = NULL;
	for (uint32_t i = 0; i < r->n_files; i++) {
		struct candidate *c = &r->files[i];
		if (strcmp(c->path, path) != 0)
			continue;
		if (count_missing(r, c, err) != 0)
			return NULL;
		if (!best || c->missing < best->missing)
			best = c;
		if (c->missing == 0)
			break;
	}
	return best;
}

/* ---- writing ---- */

static int write_target(void *arg, uint64_t offset, const uint8_t *data, size_t len,
                        struct err *err)
{
	return target_write(arg, offset, data, len, err);
}

static int write_file(struct rescue *r, const struct candidate *c, const char *to,
                      struct err *err)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	const char *slash = strrchr(c->path, '/');
	struct body_file f = { .number = c->number, .path = c->path, .page_bytes = c->page_bytes,
	                       .unit_bytes = c->unit_bytes, .length = c->length };
	AUTO(target) t = target_open(to, slash ? slash + 1 : c->path, "rescue", c->length, false, err);
	if (!t)
		return err->code;
	struct restore_page_options o = { .fetch = r->fetch, .n_packs = r->n_packs, .file = &f,
	                                  .fill_missing = true,
	                                  .workers = cores > 1 ? (unsigned)cores : 1,
	                                  .meter = &r->meter, .write = write_target, .arg = t };
	meter_phase(&r->meter, "rescuing", c->length);
	t->kept = 0;
	if (restore_page_file(&o, err) != 0 || target_complete(t, err) != 0)
		return err->code;
	if (rename(t->part, t->path) != 0)
		return err_sys(err, "%s", t->path);
	r->result->files++;
	r->result->bytes_written += c->length;
	snprintf(r->result->target, sizeof r->result->target, "%s", t->path);
	return io_sync_parent(t->path, err);
}

static void warn(struct rescue *r, uint64_t missing_bytes)
{
	struct err *w = &r->result->warning;
	err_set(w, ERR_CORRUPT, "rebuilt from packs alone: nothing proves which moment this is, or that "
	        "it is one moment");
	if (missing_bytes)
		err_set(w, ERR_CORRUPT, "rebuilt from packs alone, and %" PRIu64 " bytes were in no pack: "
		        "they are zeros. Nothing proves which moment this is", missing_bytes);
	if (r->unreadable) {
		char text[64];
		snprintf(text, sizeof text, "%" PRIu32 " packs did not open", r->unreadable);
		err_wrap(w, "%s", text);
	}
	err_hint(w, "check it with the database's own tools before using it");
}

static bool is_first_of_path(const struct rescue *r, uint32_t i)
{
	for (uint32_t k = 0; k < i; k++)
		if (strcmp(r->files[k].path, r->files[i].path) == 0)
			return false;
	return true;
}

static int write_files(struct rescue *r, const char *to, struct err *err)
{
	uint64_t missing_bytes = 0;
	for (uint32_t i = 0; i < r->n_files; i++) {
		if (!is_first_of_path(r, i))
			continue;
		const struct candidate *c = choose(r, r->files[i].path, err);
		if (!c || write_file(r, c, to, err) != 0)
			return err->code;
		missing_bytes += c->missing * c->unit_bytes;
	}
	warn(r, missing_bytes);
	return 0;
}

static int run(struct rescue *r, struct vault *v, const struct store_info *store, const char *to,
               struct err *err)
{
	r->keys = keyring_new(v, store->writer, store->store, err);
	if (!r->keys || !(r->there = inventory_load(v, store->writer, store->store, NULL, err)) ||
	    order_packs(r, v, store, err) != 0)
		return err->code;
	r->fetch = fetch_new(v, r->keys, store->writer, store->store, r->packs, r->n_packs, &r->meter,
	                     err);
	if (!r->fetch || collect_files(r, err) != 0)
		return err->code;
	if (r->n_files == 0) {
		err_set(err, ERR_ABSENT, "no pack of page files opens (%zu packs are there, %" PRIu32
		        " do not open)", r->there->n, r->unreadable);
		return err_hint(err, "only page files (SQLite) can be rebuilt from packs alone");
	}
	return io_make_dirs(to, 0700, err) == 0 ? write_files(r, to, err) : err->code;
}

int restore_rescue(struct vault *v, const struct store_info *store, const char *to,
                   const struct progress *progress, struct restore_result *result,
                   struct err *err)
{
	struct rescue r = { .result = result };
	uint64_t began = meter_now_ms();
	memset(result, 0, sizeof *result);
	meter_begin(&r.meter, progress, store->name);
	int rc = run(&r, v, store, to, err);
	result->bytes_fetched = r.fetch ? fetch_bytes(r.fetch) : 0;
	result->duration_ms = meter_now_ms() - began;
	rescue_end(&r);
	static const struct err none = { .code = ERR_NONE };
	const struct restored what = { .store = store };
	restore_record(v, &what, rc == 0 ? &none : err, result);
	return rc == 0 ? 0 : err_wrap(err, "rescue %s", store->name ? store->name : "store");
}
