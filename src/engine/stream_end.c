/* The end of a session's content-defined files: what was found, and the list of them. (session.h) */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/streaming.h"
#include "holdfast/err.h"

/* No thread is to meet a packer that is finished. */
static int close_down(struct stream *t)
{
	storer_stop(t->storer);
	t->s->damaged = true;
	return 0;
}

/* ---- all is read ---- */

static bool same_as_base(const struct stream *t)
{
	const struct session *s = t->s;
	const struct chunkindex_meta *m = chunkindex_meta(t->index);
	return s->base && memcmp(m->head_hash, s->base->head_hash, 32) == 0 &&
	       memcmp(m->listing, t->listing_hash, 32) == 0;
}

static int flush(struct stream *t, struct err *err)
{
	struct session *s = t->s;
	if (storer_flush(t->storer, err) != 0)
		return err->code;
	if (t->in_work)
		return err_set(err, ERR_INVALID, "%s: '%.200s' was not stored", s->spec->source.name,
		               t->in_work->row.path);
	uint64_t changed, evacuated;
	storer_counts(t->storer, &changed, &evacuated);
	hash_end(&t->listing, t->listing_hash, sizeof t->listing_hash);
	s->result->bytes_changed += changed;
	s->result->bytes_evacuated += evacuated;
	s->changed |= changed > 0 || evacuated > 0 || !same_as_base(t);
	if (!s->full && t->bytes > 0)
		s->next->churn_ppm = (uint64_t)((double)changed / (double)t->bytes * 1e6);
	return 0;
}

int stream_flush(struct stream *t, struct err *err)
{
	int rc = t->given_up ? 0 : stream_judge(t, flush(t, err), err);
	return rc == 0 && t->given_up ? close_down(t) : rc;
}

static int list_packs(struct stream *t, struct err *err)
{
	for (uint32_t i = 0; i < t->packs->n; i++) {
		const struct packuse_pack *u = &t->packs->packs[i];
		struct state_pack p = { .serial = u->serial, .size = u->size, .weight = u->weight,
		                        .live = u->live };
		if (u->live == 0)
			continue;
		if (!u->acknowledged)
			return err_set(err, ERR_INVALID, "%s: pack %" PRIu32 " was not stored",
			               t->s->spec->source.name, u->serial);
		memcpy(p.id, u->id, 32);
		if (state_add_pack(t->s->next, &p, err) != 0)
			return err->code;
	}
	return 0;
}

int stream_packs(struct stream *t, struct err *err)
{
	return t->given_up ? close_down(t) : list_packs(t, err);
}

/* ---- the body ---- */

struct body_maker {
	struct stream *t;
	struct body_writer *body;
	struct body_extent *places;
	size_t cap;
};

static bool continues(const struct body_extent *last, const struct body_extent *e)
{
	if (last->pack != e->pack || e->length > UINT32_MAX - last->length)
		return false;
	return e->pack == UINT32_MAX ||
	       (last->frame == e->frame && last->offset + last->length == e->offset);
}

/* Neighbours in the same frame become one. False if a pack is not listed. */
static bool translate(struct body_maker *m, const struct extent *list, size_t n, uint32_t *out)
{
	const struct state *next = m->t->s->next;
	uint32_t k = 0;
	for (size_t i = 0; i < n; i++) {
		struct body_extent e = { .pack = UINT32_MAX, .length = list[i].length };
		if (list[i].serial != 0) {
			const struct state_pack *p = state_find_pack(next, list[i].serial);
			if (!p)
				return false;
			e.pack = (uint32_t)(p - next->packs);
			e.frame = list[i].frame;
			e.offset = list[i].offset;
		}
		if (k > 0 && continues(&m->places[k - 1], &e))
			m->places[k - 1].length += e.length;
		else
			m->places[k++] = e;
	}
	*out = k;
	return true;
}

static int reserve_places(struct body_maker *m, size_t n, struct err *err)
{
	if (n <= m->cap)
		return 0;
	if (n > BODY_EXTENTS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d extents", BODY_EXTENTS_MAX);
	struct body_extent *places = realloc(m->places, n * sizeof *places);
	if (!places)
		return err_no_memory(err);
	m->places = places;
	m->cap = n;
	return 0;
}

static int add_body_file(void *arg, const struct chunkindex_file *f, struct err *err)
{
	struct body_maker *m = arg;
	struct extent *list;
	size_t n;
	struct body_file b = { .number = f->number, .path = f->path, .path_len = strlen(f->path),
	                       .mode = f->mode, .uid = f->uid, .gid = f->gid,
	                       .mtime_ns = f->mtime_ns, .extra = f->extra,
	                       .extra_len = f->extra_len, .unit_bytes = BODY_STREAM_UNIT,
	                       .length = f->length };
	memcpy(b.sum, f->sum, SUM_BYTES);
	if (extents_decode(f->extents, f->extents_len, &list, &n, err) != 0)
		return err->code;
	int rc = reserve_places(m, n, err);
	if (rc == 0 && !translate(m, list, n, &b.n_extents))
		rc = err_set(err, ERR_INVALID, "%.200s: lies in a pack that is not listed", f->path);
	b.extents = m->places;
	free(list);
	return rc == 0 ? body_add(m->body, &b, err) : err_wrap(err, "%.200s", f->path);
}

int stream_body(struct stream *t, struct body_writer *body, struct err *err)
{
	struct body_maker m = { .t = t, .body = body };
	stream_lock(t);
	int rc = chunkindex_files(t->index, add_body_file, &m, err);
	stream_unlock(t);
	free(m.places);
	return rc;
}

/* ---- after the commit ---- */

struct drop_list {
	const struct state *next;
	struct chunkindex_pack *packs;
	size_t n;
};

static int find_dropped(void *arg, const struct chunkindex_pack *p, struct err *err)
{
	struct drop_list *d = arg;
	if (state_find_pack(d->next, p->serial))
		return 0;
	struct chunkindex_pack *packs = realloc(d->packs, (d->n + 1) * sizeof *packs);
	if (!packs)
		return err_no_memory(err);
	d->packs = packs;
	packs[d->n++] = *p;
	return 0;
}

static int drop_packs(struct stream *t, struct err *err)
{
	struct drop_list d = { .next = t->s->next };
	int rc = chunkindex_packs(t->index, find_dropped, &d, err);
	for (size_t i = 0; i < d.n && rc == 0; i++) {
		chunkindex_meta(t->index)->dead += d.packs[i].chunks;
		rc = chunkindex_drop_pack(t->index, d.packs[i].serial, err);
	}
	free(d.packs);
	return rc;
}

int stream_committed(struct stream *t, struct err *err)
{
	struct chunkindex_meta *m = chunkindex_meta(t->index);
	memcpy(m->head_hash, t->s->next->head_hash, sizeof m->head_hash);
	memcpy(m->listing, t->listing_hash, sizeof m->listing);
	m->next_number = t->s->next->next_number;
	m->next_serial = packer_next_serial(t->s->packer);
	if (drop_packs(t, err) != 0 || chunkindex_sweep(t->index, err) != 0)
		return err->code;
	return chunkindex_promote(t->index, err);
}
