/* What a killed run had stored: reused, where its journal belongs to the snapshot being made. */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/session.h"
#include "holdfast/err.h"
#include "vault/tagfile.h"

enum { ARRAYS_MAX = 64 };

/* Arrays being brought up to date: of any number of files, a few of them open. */
struct arrays {
	const char *dir;
	uint64_t generation;
	struct { uint32_t number, unit_bytes; } *files;
	uint32_t n_files;
	struct arrays_slot {
		uint32_t number;
		struct tagfile *t;
		struct tagfile_cache *c;     /* NULL: not open */
	} open[ARRAYS_MAX];
	uint32_t oldest;                 /* opened first: closed first */
};

static int slot_close(struct arrays_slot *o, struct err *err)
{
	int rc = o->c ? tagfile_cache_flush(o->c, err) : 0;
	tagfile_cache_free(o->c);
	tagfile_free(o->t);
	*o = (struct arrays_slot){ 0 };
	return rc;
}

/* Writes what is open; frees everything also on an error. */
static int arrays_close(struct arrays *a, struct err *err)
{
	int rc = 0;
	struct err why;
	for (uint32_t i = 0; i < ARRAYS_MAX; i++)
		if (slot_close(&a->open[i], &why) != 0 && rc == 0) {
			*err = why;
			rc = why.code;
		}
	free(a->files);
	a->files = NULL;
	a->n_files = 0;
	return rc;
}

static uint32_t unit_of(const struct arrays *a, uint32_t number)
{
	for (uint32_t i = 0; i < a->n_files; i++)
		if (a->files[i].number == number)
			return a->files[i].unit_bytes;
	return 0;
}

static int arrays_add(struct arrays *a, uint32_t number, uint32_t unit_bytes, struct err *err)
{
	if (unit_of(a, number))
		return 0;
	if ((a->n_files & (a->n_files - 1)) == 0) {
		void *files = realloc(a->files, (a->n_files ? 2 * a->n_files : 1) * sizeof *a->files);
		if (!files)
			return err_no_memory(err);
		a->files = files;
	}
	a->files[a->n_files].number = number;
	a->files[a->n_files++].unit_bytes = unit_bytes;
	return 0;
}

/* NULL with ERR_CORRUPT for a file that was not added. */
static struct tagfile_cache *arrays_find(struct arrays *a, uint32_t number, struct err *err)
{
	for (uint32_t i = 0; i < ARRAYS_MAX; i++)
		if (a->open[i].c && a->open[i].number == number)
			return a->open[i].c;
	uint32_t unit = unit_of(a, number);
	if (unit == 0) {
		err_set(err, ERR_CORRUPT, "state: the journal is damaged");
		return NULL;
	}
	struct arrays_slot *o = &a->open[a->oldest++ % ARRAYS_MAX];
	if (slot_close(o, err) != 0)
		return NULL;
	o->number = number;
	o->t = tagfile_open(a->dir, a->generation, number, unit, err);
	o->c = o->t ? tagfile_cache_new(o->t, err) : NULL;
	return o->c;
}

/* ---- replaying a journal into arrays ---- */

struct replay {
	struct session *s;
	struct arrays arrays;
	const struct inventory *inventory;    /* to take packs from a killed run; NULL after a commit */
	const struct state *state;            /* after a commit: whose packs count */
	struct state *journaled;              /* gets the killed run's files, or NULL */
	uint32_t max_number;
};

static int replay_file(void *arg, const struct journal_file *f, struct err *err)
{
	struct replay *r = arg;
	char *path = strdup(f->path);
	if (!path)
		return err_no_memory(err);
	struct state_file file = { .number = f->number, .path = path, .page_bytes = f->page_bytes,
	                           .unit_bytes = f->unit_bytes };
	bool ok = !r->journaled || state_add_file(r->journaled, &file, err);
	free(path);
	return ok ? arrays_add(&r->arrays, f->number, f->unit_bytes, err) : err->code;
}

static int take_pack(struct session *s, const struct journal_pack *p, struct err *err)
{
	struct state_pack *list = realloc(s->stored, (s->n_stored + 1) * sizeof *list);
	if (!list)
		return err_no_memory(err);
	s->stored = list;
	/* live and zeros are counted by the scan */
	list[s->n_stored] = (struct state_pack){ .serial = p->serial, .size = p->size,
	                                         .weight = p->weight };
	memcpy(list[s->n_stored++].id, p->id, 32);
	return 0;
}

/* A pack that is gone keeps its numbers: the journal still holds it when the next one is added. */
static void skip_numbers(struct replay *r, const struct journal_pack *p)
{
	if (p->serial >= r->s->next->next_serial)
		r->s->next->next_serial = p->serial + 1;
	if (p->number >= r->max_number)
		r->max_number = p->number + 1;
}

static int replay_pack(void *arg, const struct journal_pack *p, struct err *err)
{
	struct replay *r = arg;
	if (r->inventory) {
		skip_numbers(r, p);
		return inventory_find(r->inventory, p->id, p->size) ? take_pack(r->s, p, err) : 1;
	}
	const struct state_pack *listed = state_find_pack(r->state, p->serial);
	return listed && memcmp(listed->id, p->id, 32) == 0 ? 0 : 1;
}

static int replay_run(void *arg, const struct journal_pack *p, uint32_t file, uint64_t first,
                      uint32_t count, bool zero, const uint8_t *tags, struct err *err)
{
	struct replay *r = arg;
	struct tagfile_cache *c = arrays_find(&r->arrays, file, err);
	if (!c)
		return err->code;
	return tagfile_cache_put(c, first, count, tags, p->serial | (zero ? STATE_PACK_ZERO : 0), err);
}

/* Into the arrays of these files, and of those that the journal itself names. */
static int replay(struct replay *r, const struct state *files, struct journal *j, struct err *err)
{
	const struct journal_visit visit = { replay_file, replay_pack, replay_run };
	struct err later;
	int rc = 0;
	for (uint32_t i = 0; rc == 0 && files && i < files->n_files; i++)
		rc = arrays_add(&r->arrays, files->files[i].number, files->files[i].unit_bytes, err);
	if (rc == 0)
		rc = journal_replay(j, &visit, r, err);
	int closed = arrays_close(&r->arrays, rc == 0 ? err : &later);
	return rc != 0 ? rc : closed;
}

/* ---- after a commit ---- */

int session_apply(struct session *s, const struct state *next, struct journal *j, struct err *err)
{
	struct replay r = { .s = s, .state = next,
	                    .arrays = { .dir = s->dir, .generation = next->generation } };
	if (replay(&r, next, j, err) != 0)
		return err->code;
	for (uint32_t i = 0; i < next->n_files; i++) {
		const struct state_file *f = &next->files[i];
		AUTO(tagfile) t = tagfile_open(s->dir, next->generation, f->number, f->unit_bytes, err);
		if (!t || tagfile_truncate(t, pack_units(f->length, SUM_BLOCK_BYTES), err) != 0)
			return err->code;
	}
	return 0;
}

int session_recover(struct session *s, bool *recovered, struct err *err)
{
	const uint8_t *key = vault_keyfile(s->vault)->state->bytes;
	struct err why = { 0 };
	AUTO(state) next = state_load(s->dir, "base.new", s->store, key, &why);
	if (!next)
		return 0;
	char path[PATH_MAX + 16];
	if (!session_is_newest(s, next)) {
		snprintf(path, sizeof path, "%s/base.new", s->dir);
		return unlink(path) == 0 ? 0 : err_sys(err, "%s", path);
	}
	struct journal_head head;
	AUTO(journal) j = journal_open(s->dir, &head, key, &why);
	if (j && session_apply(s, next, j, err) != 0)
		return err->code;
	if (state_promote(s->dir, next->generation, err) != 0)
		return err->code;
	*recovered = true;
	return journal_remove(s->dir, err);
}

/* ---- a killed run ---- */

/* Beyond the file's end a record may hold what lay there when the file was longer. */
static void clear_rest(const struct tagfile *t, uint8_t *record, uint32_t units)
{
	for (uint32_t u = units; u < t->units_per_block; u++) {
		memset(tagfile_tag(t, record, u), 0, SUM_TAG_BYTES);
		tagfile_set_pack(t, record, u, 0);
	}
}

/* Copy one file's arrays, and prove on the way that they are those of the base. */
static int copy_file(struct session *s, const struct state_file *f, const struct sum_keys *keys,
                     struct usage *used, uint64_t generation, struct err *err)
{
	AUTO(tagfile) from = tagfile_open(s->dir, s->base->generation, f->number, f->unit_bytes, err);
	AUTO(tagfile) to = tagfile_open(s->dir, generation, f->number, f->unit_bytes, err);
	uint8_t *record = from && to ? malloc(from->record_bytes) : NULL;
	if (!record)
		return from && to ? err_no_memory(err) : err->code;
	uint64_t units = pack_units(f->length, f->unit_bytes), blocks = pack_units(f->length,
	                                                                           SUM_BLOCK_BYTES);
	struct sum_fold sum;
	uint8_t leaf[SUM_BYTES], total[SUM_BYTES];
	int rc = 0;
	sum_begin(&sum, f->number, f->page_bytes, f->unit_bytes, keys);
	for (uint64_t b = 0; rc == 0 && b < blocks; b++) {
		uint64_t left = units - b * from->units_per_block;
		uint32_t n = left < from->units_per_block ? (uint32_t)left : from->units_per_block;
		rc = tagfile_read(from, b, record, err);
		clear_rest(from, record, n);
		if (rc == 0)
			rc = tagfile_write(to, b, record, err);
		sum_leaf(leaf, b, record, n, keys);
		sum_add(&sum, leaf);
		for (uint32_t u = 0; rc == 0 && u < n; u++)
			s->damaged |= !usage_count(used, tagfile_pack(from, record, u), 1);
	}
	sum_end(&sum, f->length, total);
	s->damaged |= memcmp(total, f->sum, SUM_BYTES) != 0;
	free(record);
	return rc;
}

static int copy_arrays(struct session *s, uint64_t generation, struct err *err)
{
	struct sum_keys keys;
	uint32_t first = s->base->n_packs ? s->base->packs[0].serial : s->base->next_serial;
	AUTO(usage) used = usage_new(first, s->base->next_serial, err);
	if (!used)
		return err->code;
	sum_keys_derive(&keys, s->base->page_key);
	int rc = 0;
	for (uint32_t i = 0; i < s->base->n_files && rc == 0; i++)
		rc = copy_file(s, &s->base->files[i], &keys, used, generation, err);
	s->damaged |= !usage_matches(used, s->base);
	sodium_memzero(&keys, sizeof keys);
	return rc;
}

static bool fits(const struct session *s, const struct journal_head *h)
{
	static const uint8_t none[32];
	return h->seq == s->next->seq && h->full == s->full &&
	       memcmp(h->base_hash, s->base ? s->base->head_hash : none, 32) == 0;
}

/* Of the record on the disk, also where the vault disagrees with it. */
static uint64_t kept_generation(const struct session *s)
{
	return s->full ? s->next->generation - 1 : s->base->generation;
}

/*
 * The arrays of the base stay as they are until the commit: the killed run's units go into arrays
 * of the next generation. Its journal is continued, so that being killed again loses nothing.
 */
int session_resume(struct session *s, struct err *err)
{
	struct err why = { 0 };
	struct journal_head head;
	if (s->options->dry_run)
		return 0;
	struct journal *j = journal_open(s->dir, &head, vault_keyfile(s->vault)->state->bytes, &why);
	if (!j || !fits(s, &head)) {
		journal_free(j);
		/* a generation begins with empty arrays */
		if (s->full && state_keep_generation(s->dir, kept_generation(s), err) != 0)
			return err->code;
		return journal_remove(s->dir, err);
	}
	s->journal = j;
	if (session_inventory(s, err) != 0)
		return err->code;
	s->resumed = true;
	if (!s->full)
		s->next->generation++;
	memcpy(s->next->page_key, head.page_key, sizeof head.page_key);
	sodium_memzero(&head, sizeof head);
	if (state_keep_generation(s->dir, kept_generation(s), err) != 0 ||
	    (!s->full && copy_arrays(s, s->next->generation, err) != 0))
		return err->code;
	s->journaled = state_new(s->store, err);
	if (!s->journaled)
		return err->code;
	struct replay r = { .s = s, .inventory = s->there, .journaled = s->journaled,
	                    .arrays = { .dir = s->dir, .generation = s->next->generation } };
	if (replay(&r, s->full ? NULL : s->base, j, err) != 0)
		return err->code;
	s->first_number = r.max_number;
	for (uint32_t i = 0; i < s->journaled->n_files; i++)
		if (s->journaled->files[i].number >= s->next->next_number)
			s->next->next_number = s->journaled->files[i].number + 1;
	return 0;
}
