#include "engine/check_files.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/checking.h"
#include "engine/fetch.h"
#include "engine/open.h"
#include "engine/restore_page.h"
#include "engine/restore_stream.h"
#include "engine/zone.h"
#include "holdfast/source.h"

/* One snapshot whose files are gone through. */
struct walk {
	struct checking *c;
	struct open_snapshot *snapshot;
	struct fetch *fetch;
	struct body_reader *body;
};

static struct fetch *new_fetch(struct walk *w, struct err *err)
{
	const struct head *h = &w->snapshot->entry->head;
	return fetch_new(w->c->vault, w->snapshot->keys, h->writer, h->store, h->packs, h->n_packs,
	                 &w->c->meter, err);
}

static int walk_open(struct walk *w, uint64_t seq, struct err *err)
{
	const struct store_info *store = w->c->store;
	w->snapshot = open_snapshot_new(w->c->vault, store->writer, store->store, seq, err);
	if (!w->snapshot || !(w->fetch = new_fetch(w, err)) ||
	    !(w->body = open_snapshot_body(w->snapshot, err)))
		return err->code;
	return 0;
}

static void drop_fetch(struct walk *w)
{
	if (!w->fetch)
		return;
	pthread_mutex_lock(&w->c->lock);
	w->c->result->bytes_read += fetch_bytes(w->fetch);
	pthread_mutex_unlock(&w->c->lock);
	fetch_free(w->fetch);
	w->fetch = NULL;
}

static void walk_close(struct walk *w)
{
	drop_fetch(w);
	body_reader_free(w->body);
	open_snapshot_free(w->snapshot);
}

static int next_file(struct walk *w, struct body_file *f, struct err *err)
{
	if (meter_check(&w->c->meter, err) != 0)
		return err->code;
	return body_next(w->body, w->snapshot->entry->head.n_packs, f, err);
}

/* Tell what *err says of the snapshot. */
static int tell(const struct walk *w, uint64_t seq, struct err *err)
{
	err_wrap(err, "snapshot %" PRIu64, seq);
	return checking_problem(w->c, err);
}

/* ---- decoding ---- */

static int drop_region(void *arg, uint64_t offset, const uint8_t *data, size_t len,
                       struct err *err)
{
	(void)arg, (void)offset, (void)data, (void)len, (void)err;
	return 0;
}

static int drop_entry(struct sink *k, const struct source_entry *e, struct err *err)
{
	(void)k, (void)e, (void)err;
	return 0;
}

static int drop_data(struct sink *k, const void *data, size_t len, struct err *err)
{
	(void)k, (void)data, (void)len, (void)err;
	return 0;
}

static int drop_close(struct sink *k, struct err *err)
{
	(void)k, (void)err;
	return 0;
}

static void drop_free(struct sink *k) { (void)k; }

static const struct sink_ops drop_ops = { drop_entry, drop_data, drop_close, drop_free };

static unsigned cores(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	return n > 1 ? (unsigned)n : 1;
}

/* A fetch handle in which a pack failed stays failed: the next file gets a new one. */
static int after_failure(struct walk *w, struct err *err)
{
	drop_fetch(w);
	w->fetch = new_fetch(w, err);
	return w->fetch ? 0 : err->code;
}

static int decode_pages(struct walk *w, struct err *err)
{
	struct body_file f;
	uint64_t seq = w->snapshot->entry->head.seq;
	int rc;
	while ((rc = next_file(w, &f, err)) == 1) {
		if (f.page_bytes == 0)
			continue;
		struct restore_page_options o = {
			.fetch = w->fetch, .n_packs = w->snapshot->entry->head.n_packs, .file = &f,
			.keys = &w->snapshot->sum_keys, .workers = cores(), .meter = &w->c->meter,
			.write = drop_region,
		};
		if (restore_page_file(&o, err) != 0 &&
		    (tell(w, seq, err) != 0 || after_failure(w, err) != 0))
			return err->code;
	}
	return rc;
}

/* Their chunks share frames, so that they are read as one stream, up to the first that fails. */
static int decode_streams(struct walk *w, struct err *err)
{
	struct sink sink = { &drop_ops };
	struct body_file f;
	int rc;
	AUTO(restore_stream) stream = restore_stream_new(w->fetch, &w->snapshot->sum_keys, &sink,
	                                                 cores(), &w->c->meter, err);
	if (!stream)
		return err->code;
	body_reader_free(w->body);
	if (!(w->body = open_snapshot_body(w->snapshot, err)))
		return err->code;
	while ((rc = next_file(w, &f, err)) == 1)
		if (f.page_bytes == 0 && (rc = restore_stream_file(stream, &f, err)) != 0)
			return rc;
	return rc == 0 ? restore_stream_end(stream, err) : rc;
}

int check_files_decode(struct checking *c, uint64_t seq, struct err *err)
{
	struct walk w = { .c = c };
	int rc = walk_open(&w, seq, err);
	if (rc == 0) {
		meter_phase(&c->meter, "decrypting", w.snapshot->bytes);
		rc = decode_pages(&w, err);
	}
	if (rc == 0 && w.snapshot->files > w.snapshot->page_files)
		rc = decode_streams(&w, err);
	if (rc != 0)
		rc = tell(&w, seq, err);
	walk_close(&w);
	return rc;
}

/* ---- covering ---- */

static int cover_pages(struct walk *w, const struct body_file *f, struct err *err)
{
	struct zone_file file = { .number = f->number, .page_bytes = f->page_bytes,
	                          .unit_bytes = f->unit_bytes, .length = f->length,
	                          .n_packs = w->snapshot->entry->head.n_packs };
	uint64_t units = pack_units(f->length, f->unit_bytes);
	int rc = 0;
	for (uint64_t first = 0; first < units && rc == 0; first += ZONE_UNITS_MAX) {
		uint64_t n = units - first < ZONE_UNITS_MAX ? units - first : ZONE_UNITS_MAX;
		AUTO(zone) z = zone_plan(&file, first, n, w->fetch, err);
		rc = z ? meter_check(&w->c->meter, err) : err->code;
	}
	free(file.ranges);
	return rc;
}

static int cover_extents(struct walk *w, const struct body_file *f, struct err *err)
{
	for (uint32_t i = 0; i < f->n_extents; i++) {
		const struct body_extent *e = &f->extents[i];
		if (e->pack == UINT32_MAX)
			continue;
		const struct pack_trailer *t = fetch_trailer(w->fetch, e->pack, err);
		if (!t)
			return err->code;
		if (e->frame >= t->n_frames || t->frames[e->frame].n_runs != 0 ||
		    e->offset > t->frames[e->frame].plain ||
		    e->length > t->frames[e->frame].plain - e->offset)
			return err_set(err, ERR_CORRUPT, "extent %" PRIu32 " is not in the pack it names", i);
	}
	return 0;
}

static int cover_files(struct walk *w, struct err *err)
{
	struct body_file f;
	int rc;
	while ((rc = next_file(w, &f, err)) == 1) {
		rc = f.page_bytes ? cover_pages(w, &f, err) : cover_extents(w, &f, err);
		if (rc == 0)
			continue;
		err_wrap(err, "file '%.200s'", f.path);
		if (tell(w, w->snapshot->entry->head.seq, err) != 0)
			return err->code;
	}
	return rc;
}

int check_files_cover(struct checking *c, uint64_t seq, struct err *err)
{
	struct walk w = { .c = c };
	int rc = walk_open(&w, seq, err);
	if (rc == 0)
		rc = cover_files(&w, err);
	if (rc != 0)
		rc = tell(&w, seq, err);
	walk_close(&w);
	return rc;
}

/* ---- naming ---- */

struct naming {
	char *out;
	size_t len;
	unsigned shown, more, page_files;
};

enum { SHOWN_MAX = 3, PATH_SHOWN_MAX = 60, TAIL_ROOM = 40 };

static void name_one(struct naming *n, const char *path)
{
	char shown[PATH_SHOWN_MAX + 1];
	size_t len = strlen(path);
	/* the end of a path says more than its beginning */
	snprintf(shown, sizeof shown, "%s", len > PATH_SHOWN_MAX ? path + len - PATH_SHOWN_MAX : path);
	for (char *p = shown; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	size_t want = strlen(shown) + 10;
	if (n->shown == SHOWN_MAX || n->len + want + TAIL_ROOM > CHECK_FILES_TEXT) {
		n->more++;
		return;
	}
	int added = snprintf(n->out + n->len, CHECK_FILES_TEXT - n->len, "%s'%s'",
	                     n->shown ? ", " : "file ", shown);
	n->len += added > 0 ? (size_t)added : 0;
	n->shown++;
}

static bool uses(const struct body_file *f, uint32_t pack)
{
	for (uint32_t i = 0; i < f->n_extents; i++)
		if (f->extents[i].pack == pack)
			return true;
	return false;
}

/* Content-defined files are named by the body; page files by the trailer, or, without it, where
 * there is only one. */
static void name_from_body(struct naming *n, struct walk *w, const uint8_t id[32], bool pages_too)
{
	const struct head *h = &w->snapshot->entry->head;
	struct body_file f;
	struct err ignored;
	char only[BODY_PATH_MAX + 1] = "";
	uint32_t pack = 0;
	while (pack < h->n_packs && memcmp(h->packs[pack].id, id, 32) != 0)
		pack++;
	while (next_file(w, &f, &ignored) == 1)
		if (f.page_bytes) {
			n->page_files++;
			snprintf(only, sizeof only, "%s", f.path);
		} else if (uses(&f, pack))
			name_one(n, f.path);
	if (pages_too && n->page_files == 1)
		name_one(n, only);
}

static void finish(struct naming *n, bool unknown)
{
	size_t room = CHECK_FILES_TEXT - n->len;
	if (n->more)
		snprintf(n->out + n->len, room, " and %u more", n->more);
	else if (unknown)
		snprintf(n->out + n->len, room, "%sfiles cannot be named", n->len ? "; other " : "");
}

void check_files_affected(struct checking *c, uint64_t seq, const uint8_t pack[32],
                          const struct pack_trailer *trailer, char out[CHECK_FILES_TEXT])
{
	struct naming n = { .out = out };
	struct walk w = { .c = c };
	struct err ignored = { 0 };
	bool opened = false;
	out[0] = '\0';
	for (uint32_t i = 0; trailer && i < trailer->n_files; i++)
		name_one(&n, trailer->files[i].path);
	/* a pack of page files alone needs no look into the body */
	bool chunks = !trailer;
	for (uint32_t i = 0; trailer && i < trailer->n_frames; i++)
		chunks |= trailer->frames[i].n_runs == 0;
	if (chunks && walk_open(&w, seq, &ignored) == 0) {
		name_from_body(&n, &w, pack, !trailer);
		opened = true;
	}
	walk_close(&w);
	finish(&n, !trailer && (n.page_files > 1 || !opened));
}
