/* The content-defined files of a session. (session.h) */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/wire.h"
#include "crypto/hash.h"
#include "engine/packuse.h"
#include "engine/streaming.h"
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

int stream_judge(struct stream *t, int rc, struct err *err)
{
	if (rc >= 0 || !t->index)
		return rc;
	stream_lock(t);
	bool damaged = chunkindex_damaged(t->index);
	stream_unlock(t);
	if (!damaged)
		return rc;
	if (t->dry)
		return err_hint(err, "a backup will make it anew");
	t->given_up = true;
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

static placing_file_placed entry_placed;

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
	return stream_judge(t, stream_begin(t, err), err) == 0 ? TAKE(t) : NULL;
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
	stream_lock(t);
	int rc = t->rows < ROWS_PER_COMMIT ? 0 : commit(t, err);
	stream_unlock(t);
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
	stream_lock(t);
	int rc = enter_pack(t, done, err);
	if (rc == 0)
		rc = commit(t, err);
	stream_unlock(t);
	return stream_judge(t, rc, err);
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

static int entry_placed(void *arg, struct placing_file *file, struct err *err)
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
	stream_lock(t);
	int rc = chunkindex_list_add(t->index, f->number, err);
	t->rows++;
	stream_unlock(t);
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
	stream_lock(t);
	int rc = keep_locked(t, e, f, err);
	stream_unlock(t);
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
	stream_lock(t);
	e->next = t->in_work;
	e->link = &t->in_work;
	if (e->next)
		e->next->link = &e->next;
	t->in_work = e;
	stream_unlock(t);
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
	stream_lock(t);
	int rc = chunkindex_file(t->index, e->path, &known, err);
	uint32_t number = rc == 0 ? t->s->next->next_number++ : known.number;
	stream_unlock(t);
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
	int rc = t->given_up ? 0 : stream_judge(t, take_entry(t, e, err), err);
	return rc == 0 && t->given_up ? drain(t, e, err) : rc;
}
