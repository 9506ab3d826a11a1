/* Comparing two snapshots by their bodies: one is kept as fixed-size records, the other is read. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "crypto/hash.h"
#include "engine/open.h"
#include "holdfast/err.h"
#include "holdfast/snapshot.h"

/* What is kept of a file; its path only as a hash, so that a tree of many files stays small. */
struct known {
	uint8_t path[16];
	uint8_t sum[SUM_BYTES];
	uint8_t extra[16];
	uint64_t length;
	int64_t mtime_ns;
	uint32_t number, page_bytes, unit_bytes, mode, uid, gid;
	bool seen;
};

struct diff {
	struct known *files;       /* of the older snapshot, sorted by path */
	size_t n;
	bool same_key;
	diff_visit *visit;
	void *arg;
};

static void path_hash(uint8_t out[16], const char *path)
{
	hash_labelled(out, 16, "hf1.diff", NULL, 0, path, strlen(path));
}

static void remember(struct known *k, const struct body_file *f)
{
	*k = (struct known){ .length = f->length, .mtime_ns = f->mtime_ns, .number = f->number,
	                     .page_bytes = f->page_bytes, .unit_bytes = f->unit_bytes,
	                     .mode = f->mode, .uid = f->uid, .gid = f->gid };
	path_hash(k->path, f->path);
	memcpy(k->sum, f->sum, SUM_BYTES);
	hash_labelled(k->extra, sizeof k->extra, "hf1.diff", NULL, 0, f->extra, f->extra_len);
}

static int by_path(const void *a, const void *b)
{
	return memcmp(a, b, 16);   /* the path's hash is the first member */
}

/* Call `each` for every file of the snapshot. */
static int each_file(const struct open_snapshot *s,
                     int (*each)(struct diff *, const struct body_file *, struct err *),
                     struct diff *d, struct err *err)
{
	struct body_file f;
	int rc;
	AUTO(body_reader) r = open_snapshot_body(s, err);
	if (!r)
		return err->code;
	while ((rc = body_next(r, s->entry->head.n_packs, &f, err)) == 1)
		if ((rc = each(d, &f, err)) != 0)
			return rc;
	return rc;
}

static int keep(struct diff *d, const struct body_file *f, struct err *err)
{
	(void)err;
	remember(&d->files[d->n++], f);
	return 0;
}

static struct known *find(const struct diff *d, const struct body_file *f)
{
	uint8_t path[16];
	path_hash(path, f->path);
	return d->n ? bsearch(path, d->files, d->n, sizeof *d->files, by_path) : NULL;
}

/* Sums are keyed by the page key, and cover number, page and unit: elsewhere they say nothing. */
static bool same_content(const struct diff *d, const struct known *a, const struct known *b)
{
	if (a->length != b->length || (a->mode & S_IFMT) != (b->mode & S_IFMT))
		return false;
	if (a->length == 0)
		return true;
	if (d->same_key && a->number == b->number && a->page_bytes == b->page_bytes &&
	    a->unit_bytes == b->unit_bytes)
		return memcmp(a->sum, b->sum, SUM_BYTES) == 0;
	return a->mtime_ns == b->mtime_ns;
}

static bool same_metadata(const struct known *a, const struct known *b)
{
	return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
	       a->mtime_ns == b->mtime_ns && memcmp(a->extra, b->extra, sizeof a->extra) == 0;
}

static int compare(struct diff *d, const struct body_file *f, struct err *err)
{
	struct known now, *old = find(d, f);
	if (!old)
		return d->visit(d->arg, DIFF_ADDED, f->path, 0, f->length, err);
	old->seen = true;
	remember(&now, f);
	bool content = same_content(d, old, &now);
	if (content && same_metadata(old, &now))
		return 0;
	return d->visit(d->arg, content ? DIFF_META : DIFF_CONTENT, f->path, old->length, f->length,
	                err);
}

static int report_removed(struct diff *d, const struct body_file *f, struct err *err)
{
	const struct known *old = find(d, f);
	if (!old || old->seen)
		return 0;
	return d->visit(d->arg, DIFF_REMOVED, f->path, f->length, 0, err);
}

/* Do both bodies have the same page key? */
static int compare_keys(const struct open_snapshot *a, const struct open_snapshot *b, bool *same,
                        struct err *err)
{
	AUTO(body_reader) x = open_snapshot_body(a, err);
	AUTO(body_reader) y = x ? open_snapshot_body(b, err) : NULL;
	if (!y)
		return err->code;
	*same = sodium_memcmp(body_page_key(x), body_page_key(y), SUM_KEY_BYTES) == 0;
	return 0;
}

static int run(struct diff *d, const struct open_snapshot *old, const struct open_snapshot *new,
               struct err *err)
{
	int rc = each_file(old, keep, d, err);
	if (rc == 0 && d->n)
		qsort(d->files, d->n, sizeof *d->files, by_path);
	if (rc == 0)
		rc = each_file(new, compare, d, err);
	return rc == 0 ? each_file(old, report_removed, d, err) : rc;
}

int snapshot_diff(struct vault *v, const struct store_info *store, uint64_t older, uint64_t newer,
                  diff_visit *visit, void *arg, bool *exact, struct err *err)
{
	struct diff d = { .visit = visit, .arg = arg };
	AUTO(open_snapshot) old = open_snapshot_new(v, store->writer, store->store, older, err);
	AUTO(open_snapshot) new = old ? open_snapshot_new(v, store->writer, store->store, newer, err)
	                              : NULL;
	if (!new || compare_keys(old, new, &d.same_key, err) != 0)
		return err->code;
	if (!(d.files = calloc(old->files + 1, sizeof *d.files)))
		return err_no_memory(err);
	int rc = run(&d, old, new, err);
	free(d.files);
	if (rc == 0)
		*exact = d.same_key;
	return rc;
}
