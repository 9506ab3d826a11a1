/* The content-defined files of a session. (session.h) */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/wire.h"
#include "crypto/hash.h"
#include "engine/packuse.h"
#include "engine/session.h"
#include "engine/storer.h"
#include "holdfast/err.h"
#include "vault/chunkindex.h"

enum {
	LEVEL_DEFAULT = 1,
	CHECK_ONE_IN = 16,
	REHASH_DEFAULT_S = 7 * 86400,
	ROWS_PER_COMMIT = 4096,
	EXTENTS_BYTES_MAX = 1 << 29,
	BLOCK_UNITS = SUM_BLOCK_BYTES / BODY_STREAM_UNIT,
};

_Static_assert((int)STORER_READ_BYTES == (int)SUM_BLOCK_BYTES, "a block is read at once");

/* A file between being read and having all its chunks placed. */
struct entry {
	struct storer_file file;         /* first */
	struct entry *next, **link;      /* among those in work */
	struct chunkindex_file row;      /* its texts are in `text` */
	char text[];
};

struct stream {
	struct session *s;
	bool dry;
	atomic_bool given_up;            /* nothing of this run will be used */
	struct packuse *packs;
	struct storer *storer;
	/* under lock, with packs: storer's workers and the packer's uploaders use them too */
	pthread_mutex_t lock;
	struct chunkindex *index;
	struct entry *in_work;
	struct buf *coded;
	unsigned rows;                   /* since the last commit */
	/* what this run's files are */
	struct hash_state listing;
	uint8_t listing_hash[32];
	uint64_t bytes;
};

static void lock(struct stream *t) { pthread_mutex_lock(&t->lock); }
static void unlock(struct stream *t) { pthread_mutex_unlock(&t->lock); }

/* A damaged index is no failure: the session starts over, as a full. */
static int judge(struct stream *t, int rc, struct err *err)
{
	if (rc >= 0 || !t->index)
		return rc;
	lock(t);
	bool damaged = chunkindex_damaged(t->index);
	unlock(t);
	if (!damaged)
		return rc;
	if (t->dry)
		return err_hint(err, "a backup will make it anew");
	t->given_up = true;
	return 0;
}

/* No thread is to meet a packer that is finished. */
static int close_down(struct stream *t)
{
	storer_stop(t->storer);
	t->s->damaged = true;
	return 0;
}

/* ---- opening ---- */

/* Was this index.new written by a killed run for the very same snapshot? Then its page key is
 * continued, and with it what that run had stored. */
static void continue_full(struct session *s)
{
	static const uint8_t none[32];
	struct chunkindex_meta m;
	uint8_t key[SUM_KEY_BYTES];
	if (!chunkindex_peek(s->dir, key, &m))
		return;
	if (m.seq == s->next->seq && m.epoch == s->next->epoch && s->next->n_files == 0 &&
	    memcmp(m.base_hash, s->base ? s->base->head_hash : none, 32) == 0) {
		memcpy(s->next->page_key, key, sizeof key);
		sum_keys_derive(&s->keys, key);
	}
	sodium_memzero(key, sizeof key);
}

static int open_index(struct stream *t, struct err *err)
{
	struct session *s = t->s;
	enum chunkindex_place place = !s->full ? CHUNKINDEX_DB
	                            : t->dry ? CHUNKINDEX_TEMPORARY : CHUNKINDEX_NEW;
	if (place == CHUNKINDEX_NEW)
		continue_full(s);
	t->index = chunkindex_open(s->dir, place, s->next->page_key, err);
	if (!t->index)
		return err->code;
	struct chunkindex_meta *m = chunkindex_meta(t->index);
	m->seq = s->next->seq;
	m->epoch = s->next->epoch;
	memset(m->base_hash, 0, sizeof m->base_hash);
	if (s->base)
		memcpy(m->base_hash, s->base->head_hash, sizeof m->base_hash);
	/* a killed run may have used numbers that the base does not know of */
	if (s->next->next_number < m->next_number)
		s->next->next_number = m->next_number;
	if (s->packer)
		packer_skip_serials(s->packer, m->next_serial);
	return chunkindex_list_begin(t->index, err);
}

struct pack_check {
	struct stream *t;
	const struct inventory *there;
};

/* A row counts if its pack is there and is the base's, or was stored for this very snapshot. */
static int take_pack(void *arg, const struct chunkindex_pack *p, struct err *err)
{
	const struct pack_check *c = arg;
	struct session *s = c->t->s;
	const struct state_pack *b = s->base && !s->full ? state_find_pack(s->base, p->serial) : NULL;
	if (!inventory_find(c->there, p->id, p->size) ||
	    (b ? memcmp(b->id, p->id, 32) != 0 : p->seq != s->next->seq))
		return 0;
	struct packuse_pack *u = packuse_add(c->t->packs, p->serial, err);
	if (!u)
		return err->code;
	memcpy(u->id, p->id, 32);
	u->size = p->size;
	u->weight = p->weight;
	u->chunks = p->chunks;
	u->acknowledged = true;
	u->evacuate = b && s->evacuate && s->evacuate[p->serial - s->kept->first];
	return 0;
}

static void check_base_packs(struct stream *t, const struct inventory *there)
{
	struct session *s = t->s;
	for (uint32_t i = 0; s->base && !s->full && i < s->base->n_packs; i++) {
		const struct state_pack *p = &s->base->packs[i];
		char hex[65];
		if (inventory_find(there, p->id, p->size))
			continue;
		session_warn(s, ERR_ABSENT, "%s: pack %.16s... is gone from the vault, or is to be "
		             "deleted: earlier snapshots cannot be restored whole. A full snapshot was "
		             "taken", s->spec->source.name, hex_encode(hex, p->id, 32));
		t->given_up = !t->dry;
		return;
	}
}

static int load_packs(struct stream *t, struct err *err)
{
	if (session_inventory(t->s, err) != 0)
		return err->code;
	struct pack_check c = { t, t->s->there };
	if (chunkindex_packs(t->index, take_pack, &c, err) != 0)
		return err->code;
	check_base_packs(t, t->s->there);
	return 0;
}

static storer_placed entry_placed;

static int make_storer(struct stream *t, struct err *err)
{
	const struct session *s = t->s;
	uint32_t next_serial = chunkindex_meta(t->index)->next_serial;
	if (next_serial < s->next->next_serial)
		next_serial = s->next->next_serial;
	struct storer_options o = {
		.index = t->index, .packs = t->packs, .packer = s->packer, .key = s->keys.chunk,
		.lock = &t->lock, .workers = s->workers,
		.first_serial = next_serial,
		.level = (int)(s->spec->level ? s->spec->level : LEVEL_DEFAULT),
		.check_every = s->spec->paranoid ? 1 : CHECK_ONE_IN, .placed = entry_placed, .arg = t,
	};
	t->storer = storer_new(&o, err);
	return t->storer ? 0 : err->code;
}

static int stream_begin(struct stream *t, struct err *err)
{
	t->packs = packuse_new(err);
	t->coded = buf_new(EXTENTS_BYTES_MAX, err);
	if (!t->packs || !t->coded || open_index(t, err) != 0 || load_packs(t, err) != 0 ||
	    make_storer(t, err) != 0)
		return err->code;
	hash_begin(&t->listing, sizeof t->listing_hash, "hf1.listing", t->s->keys.sum,
	           sizeof t->s->keys.sum);
	meter_phase(&t->s->meter, "reading", 0);
	t->rows = ROWS_PER_COMMIT;
	return 0;
}

struct stream *stream_open(struct session *s, struct err *err)
{
	AUTO(stream) t = calloc(1, sizeof *t);
	if (!t) {
		err_no_memory(err);
		return NULL;
	}
	t->s = s;
	t->dry = s->options->dry_run;
	pthread_mutex_init(&t->lock, NULL);
	return judge(t, stream_begin(t, err), err) == 0 ? TAKE(t) : NULL;
}

void stream_stop(struct stream *t)
{
	storer_stop(t->storer);
}

static void entry_drop(struct entry *e)
{
	*e->link = e->next;
	if (e->next)
		e->next->link = e->link;
	free(e->file.extents);
	free(e);
}

void stream_free(struct stream *t)
{
	if (!t)
		return;
	storer_free(t->storer);
	while (t->in_work)
		entry_drop(t->in_work);
	chunkindex_free(t->index);
	packuse_free(t->packs);
	buf_free(t->coded);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* ---- the index ---- */

/* Rows may name packs that are still on their way: should they never arrive, nobody else's pack
 * gets their serials. With the lock held. */
static int commit(struct stream *t, struct err *err)
{
	struct chunkindex_meta *m = chunkindex_meta(t->index);
	t->rows = 0;
	if (t->dry)
		return 0;
	m->next_serial = packer_next_serial(t->s->packer);
	m->next_number = t->s->next->next_number;
	return chunkindex_commit(t->index, err);
}

static int commit_if_due(struct stream *t, struct err *err)
{
	lock(t);
	int rc = t->rows < ROWS_PER_COMMIT ? 0 : commit(t, err);
	unlock(t);
	return rc;
}

static int enter_pack(struct stream *t, const struct packer_done *done, struct err *err)
{
	struct packuse_pack *u = packuse_add(t->packs, done->serial, err);
	if (!u)
		return err->code;
	memcpy(u->id, done->id, 32);
	u->size = done->size;
	u->weight = done->weight;
	u->acknowledged = true;
	struct chunkindex_pack p = { .serial = u->serial, .size = u->size, .chunks = u->chunks,
	                             .weight = u->weight, .seq = t->s->next->seq };
	memcpy(p.id, u->id, 32);
	return chunkindex_put_pack(t->index, &p, err);
}

/* At once, so that a run killed after this finds the pack again. */
int stream_stored(struct stream *t, const struct packer_done *done, struct err *err)
{
	if (t->given_up)
		return 0;
	lock(t);
	int rc = enter_pack(t, done, err);
	if (rc == 0)
		rc = commit(t, err);
	unlock(t);
	return judge(t, rc, err);
}

/* With the lock held. */
static int put_row(struct stream *t, struct chunkindex_file *row, const struct extent *list,
                   size_t n, struct err *err)
{
	buf_clear(t->coded);
	if (t->dry)
		return 0;
	if (extents_encode(t->coded, list, n, err) != 0)
		return err_wrap(err, "%.200s", row->path);
	row->extents = t->coded->bytes;
	row->extents_len = t->coded->len;
	t->rows++;
	return chunkindex_put_file(t->index, row, err);
}

static int entry_placed(void *arg, struct storer_file *file, struct err *err)
{
	struct stream *t = arg;
	struct entry *e = (struct entry *)file;
	int rc = packuse_mark(t->packs, file->extents, file->n, err);
	if (rc == 0)
		rc = put_row(t, &e->row, file->extents, file->n, err);
	entry_drop(e);
	return rc;
}

/* ---- the listing ---- */

static void list_hash(struct stream *t, const struct chunkindex_file *f)
{
	uint8_t head[48], *p = wire_put_u32(head, f->number);
	p = wire_put_u32(p, f->mode);
	p = wire_put_u32(p, f->uid);
	p = wire_put_u32(p, f->gid);
	p = wire_put_u64(p, (uint64_t)f->mtime_ns);
	p = wire_put_u64(p, f->length);
	p = wire_put_u64(p, strlen(f->path));
	p = wire_put_u64(p, f->extra_len);
	hash_add(&t->listing, head, (size_t)(p - head));
	hash_add(&t->listing, f->sum, SUM_BYTES);
	hash_add(&t->listing, f->path, strlen(f->path));
	hash_add(&t->listing, f->extra, f->extra_len);
}

static int list(struct stream *t, const struct chunkindex_file *f, struct err *err)
{
	list_hash(t, f);
	t->bytes += f->length;
	lock(t);
	int rc = chunkindex_list_add(t->index, f->number, err);
	t->rows++;
	unlock(t);
	return rc;
}

/* ---- one entry ---- */

static bool is_due(const struct session *s, uint64_t read_s)
{
	uint64_t every = s->spec->rehash_s ? s->spec->rehash_s : REHASH_DEFAULT_S;
	return s->options->reread || s->now_s < read_s || s->now_s - read_s >= every;
}

static bool has_bytes(const struct source_entry *e)
{
	return S_ISREG(e->mode) && e->length_bytes != 0;
}

static bool same_metadata(const struct chunkindex_file *a, const struct source_entry *e)
{
	return a->mode == e->mode && a->uid == e->uid && a->gid == e->gid &&
	       a->mtime_ns == e->mtime_ns && a->extra_len == e->extra_len &&
	       (a->extra_len == 0 || memcmp(a->extra, e->extra, a->extra_len) == 0);
}

static void take_metadata(struct chunkindex_file *to, const struct source_entry *e)
{
	to->mode = e->mode;
	to->uid = e->uid;
	to->gid = e->gid;
	to->mtime_ns = e->mtime_ns;
	to->extra = e->extra;
	to->extra_len = e->extra_len;
}

/* 1: kept as it is known; 0: it is to be read. With the lock held. */
static int keep_locked(struct stream *t, const struct source_entry *e, struct chunkindex_file *f,
                       struct err *err)
{
	struct extent *places;
	size_t n;
	if (extents_decode(f->extents, f->extents_len, &places, &n, err) != 0)
		return err->code;
	int rc = packuse_holds(t->packs, places, n);
	if (rc == 1 && packuse_mark(t->packs, places, n, err) != 0)
		rc = err->code;
	if (rc == 1 && !same_metadata(f, e)) {
		take_metadata(f, e);
		int put = put_row(t, f, places, n, err);
		rc = put == 0 ? 1 : put;
	}
	free(places);
	return rc;
}

/* 1: unchanged, nothing to read; 0: to be read. */
static int keep(struct stream *t, const struct source_entry *e, struct chunkindex_file *f,
                struct err *err)
{
	if (!has_bytes(e) || e->stamp[0] == '\0' || strcmp(e->stamp, f->stamp) != 0 ||
	    is_due(t->s, f->read_s))
		return 0;
	lock(t);
	int rc = keep_locked(t, e, f, err);
	unlock(t);
	if (rc != 1)
		return rc;
	meter_done(&t->s->meter, f->length);
	return list(t, f, err) == 0 ? 1 : err->code;
}

static struct entry *entry_new(struct stream *t, const struct source_entry *from, uint32_t number,
                               struct err *err)
{
	size_t path = strlen(from->path) + 1, stamp = strlen(from->stamp) + 1;
	struct entry *e = calloc(1, sizeof *e + path + stamp + from->extra_len);
	if (!e) {
		err_no_memory(err);
		return NULL;
	}
	e->row.number = number;
	e->row.read_s = t->s->now_s;
	take_metadata(&e->row, from);
	e->row.path = memcpy(e->text, from->path, path);
	e->row.stamp = memcpy(e->text + path, from->stamp, stamp);
	e->row.extra = e->text + path + stamp;
	if (from->extra_len)
		memcpy(e->text + path + stamp, from->extra, from->extra_len);
	lock(t);
	e->next = t->in_work;
	e->link = &t->in_work;
	if (e->next)
		e->next->link = &e->next;
	t->in_work = e;
	unlock(t);
	return e;
}

static void add_leaf(struct stream *t, struct sum_fold *sum, uint64_t block, const uint8_t *bytes,
                     size_t len)
{
	uint8_t tags[BLOCK_UNITS * SUM_TAG_BYTES], leaf[SUM_BYTES];
	sum_tags(tags, bytes, len, BODY_STREAM_UNIT, &t->s->keys);
	sum_leaf(leaf, block, tags, (len + BODY_STREAM_UNIT - 1) / BODY_STREAM_UNIT, &t->s->keys);
	sum_add(sum, leaf);
}

static int read_block(struct stream *t, struct entry *e, struct sum_fold *sum, size_t *len,
                      struct err *err)
{
	struct session *s = t->s;
	uint8_t *to = storer_room(t->storer, err);
	if (!to || meter_check(&s->meter, err) != 0 || commit_if_due(t, err) != 0 ||
	    s->source->ops->read(s->source, to, SUM_BLOCK_BYTES, len, err) != 0)
		return err->code;
	if (*len == 0)
		return 0;
	add_leaf(t, sum, e->row.length / SUM_BLOCK_BYTES, to, *len);
	storer_feed(t->storer, &e->file, *len);
	e->row.length += *len;
	s->result->bytes_read += *len;
	meter_done(&s->meter, *len);
	return 0;
}

static int read_all(struct stream *t, struct entry *e, struct sum_fold *sum, struct err *err)
{
	size_t len;
	do {
		if (read_block(t, e, sum, &len, err) != 0)
			return err->code;
	} while (len == SUM_BLOCK_BYTES);
	return 0;
}

static int store(struct stream *t, const struct source_entry *from, uint32_t number,
                 struct err *err)
{
	struct entry *e = entry_new(t, from, number, err);
	struct sum_fold sum;
	if (!e)
		return err->code;
	sum_begin(&sum, number, 0, BODY_STREAM_UNIT, &t->s->keys);
	if (has_bytes(from) && read_all(t, e, &sum, err) != 0)
		return err->code;
	sum_end(&sum, e->row.length, e->row.sum);
	if (list(t, &e->row, err) != 0)
		return err->code;
	return storer_close(t->storer, &e->file, err);
}

/* Folders, links and empty files: written only where they differ from what is known. */
static int keep_bare(struct stream *t, const struct source_entry *e, struct chunkindex_file *f,
                     struct err *err)
{
	if (has_bytes(e) || f->length != 0 || !same_metadata(f, e))
		return 0;
	return list(t, f, err) == 0 ? 1 : err->code;
}

static int take_entry(struct stream *t, const struct source_entry *e, struct err *err)
{
	struct chunkindex_file known = { 0 };
	if (commit_if_due(t, err) != 0)
		return err->code;
	lock(t);
	int rc = chunkindex_file(t->index, e->path, &known, err);
	uint32_t number = rc == 0 ? t->s->next->next_number++ : known.number;
	unlock(t);
	if (rc < 0)
		return rc;
	if (rc == 1 && (rc = keep(t, e, &known, err)) == 0)
		rc = keep_bare(t, e, &known, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	return store(t, e, number, err);
}

/* A program's output has to be taken to its end, also when nobody wants it any more. */
static int drain(struct stream *t, const struct source_entry *e, struct err *err)
{
	size_t len = e->length_bytes == SOURCE_LENGTH_UNKNOWN ? 1 : 0;
	uint8_t *bytes = len ? malloc(SUM_BLOCK_BYTES) : NULL;
	if (len && !bytes)
		return err_no_memory(err);
	int rc = 0;
	while (len > 0 && rc == 0 && (rc = meter_check(&t->s->meter, err)) == 0)
		rc = t->s->source->ops->read(t->s->source, bytes, SUM_BLOCK_BYTES, &len, err);
	if (bytes)
		explicit_bzero(bytes, SUM_BLOCK_BYTES);
	free(bytes);
	return rc;
}

int stream_entry(struct stream *t, const struct source_entry *e, struct err *err)
{
	int rc = t->given_up ? 0 : judge(t, take_entry(t, e, err), err);
	return rc == 0 && t->given_up ? drain(t, e, err) : rc;
}

/* ---- the end ---- */

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
	int rc = t->given_up ? 0 : judge(t, flush(t, err), err);
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
	lock(t);
	int rc = chunkindex_files(t->index, add_body_file, &m, err);
	unlock(t);
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
