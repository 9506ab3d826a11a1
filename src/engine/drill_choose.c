#include "engine/drill_choose.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/wire.h"
#include "crypto/hash.h"
#include "format/report.h"
#include "holdfast/runs.h"
#include "vault/heads.h"
#include "vault/vault.h"

enum { DAY_S = 86400 };

struct drawing {
	struct vault *v;
	const struct drill_options *o;
	struct drill_choice *out;
	const struct drill_store **sorted;
	uint8_t (*newest)[32];       /* head hash of each of them; zeros: none, or damaged */
};

static int by_place(const struct store_info *a, const struct store_info *b)
{
	int rc = memcmp(a->writer, b->writer, sizeof a->writer);
	return rc ? rc : memcmp(a->store, b->store, sizeof a->store);
}

static int store_order(const void *a, const void *b)
{
	return by_place(&(*(const struct drill_store *const *)a)->info,
	                &(*(const struct drill_store *const *)b)->info);
}

static bool is_damage(int code)
{
	return code == ERR_CORRUPT || code == ERR_FORK || code == ERR_NEWER || code == ERR_ABSENT;
}

/* 0 also for a damaged one. */
static int look_at(const struct drawing *d, const struct drill_store *store, uint64_t seq,
                   struct drill_candidate *c, struct err *err)
{
	*c = (struct drill_candidate){ .store = store, .seq = seq };
	AUTO(heads_entry) e = heads_load(d->v, store->info.writer, store->info.store, seq, false, err);
	if (!e && !is_damage(err->code))
		return err->code;
	if (!e) {
		c->damage = *err;
		return 0;
	}
	c->epoch = e->head.epoch;
	c->packs = e->head.n_packs;
	c->time_s = (int64_t)e->head.time_s;
	c->kind = e->head.kind;
	memcpy(c->head, e->hash, sizeof c->head);
	return 0;
}

static int add(struct drawing *d, const struct drill_candidate *c, struct err *err)
{
	struct drill_candidate *grown = reallocarray(d->out->all, d->out->n + 1, sizeof *grown);
	if (!grown)
		return err_no_memory(err);
	d->out->all = grown;
	grown[d->out->n++] = *c;
	return 0;
}

/* ---- candidates of one store ---- */

static int add_all(struct drawing *d, const struct drill_store *s, const uint64_t *seqs, size_t n,
                   struct err *err)
{
	struct drill_candidate c;
	for (size_t i = 0; i < n; i++)
		if (look_at(d, s, seqs[i], &c, err) != 0 || add(d, &c, err) != 0)
			return err->code;
	return 0;
}

static int add_longest(struct drawing *d, const struct drill_store *s, const uint64_t *seqs, size_t n,
                       struct err *err)
{
	struct drill_candidate best = { .seq = 0 }, c;
	for (size_t i = 0; i < n; i++) {
		if (look_at(d, s, seqs[i], &c, err) != 0)
			return err->code;
		if (best.seq == 0 || c.packs >= best.packs)
			best = c;
	}
	return add(d, &best, err);
}

static int add_epochs(struct drawing *d, const struct drill_store *s, const uint64_t *seqs, size_t n,
                      struct err *err)
{
	struct drill_candidate c, last = { .seq = 0 };
	for (size_t i = 0; i < n; i++) {
		if (look_at(d, s, seqs[i], &c, err) != 0)
			return err->code;
		if (last.seq && c.epoch != last.epoch && add(d, &last, err) != 0)
			return err->code;
		last = c;
	}
	return add(d, &last, err);
}

static int add_named(struct drawing *d, const struct drill_store *s, const uint64_t *seqs, size_t n,
                     struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (seqs[i] == d->o->snapshot)
			return add_all(d, s, &seqs[i], 1, err);
	return err_set(err, ERR_ABSENT, "snapshot %llu is not in the vault",
	               (unsigned long long)d->o->snapshot);
}

static int add_selected(struct drawing *d, const struct drill_store *s, const uint64_t *seqs, size_t n,
                        struct err *err)
{
	if (d->o->snapshot)
		return add_named(d, s, seqs, n, err);
	switch (d->o->select) {
	case DRILL_LATEST: return add_all(d, s, &seqs[n - 1], 1, err);
	case DRILL_OLDEST: return add_all(d, s, seqs, 1, err);
	case DRILL_RANDOM: return add_all(d, s, seqs, n, err);
	case DRILL_LONGEST: return add_longest(d, s, seqs, n, err);
	case DRILL_EPOCHS: return add_epochs(d, s, seqs, n, err);
	}
	return err_set(err, ERR_INVALID, "drill %.60s: selects nothing", d->o->name);
}

static int add_store(struct drawing *d, size_t i, struct err *err)
{
	const struct drill_store *s = d->sorted[i];
	struct drill_candidate newest;
	uint64_t *seqs;
	size_t n;
	if (heads_list(d->v, s->info.writer, s->info.store, &seqs, &n, err) != 0)
		return err->code;
	int rc = 0;
	if (n > 0)
		rc = look_at(d, s, seqs[n - 1], &newest, err);
	if (n > 0 && rc == 0) {
		memcpy(d->newest[i], newest.head, sizeof newest.head);
		rc = add_selected(d, s, seqs, n, err);
	}
	free(seqs);
	return rc == 0 ? 0 : err_wrap(err, "%s", s->info.name ? s->info.name : "a store");
}

/* ---- the draw ---- */

static void draw(struct drawing *d)
{
	struct hash_state h;
	uint8_t due[8];
	const char *name = d->o->name;
	wire_put_u64(due, (uint64_t)d->out->due_s);
	hash_begin(&h, sizeof d->out->seed, "hf1.drilldraw", NULL, 0);
	hash_add(&h, name, strlen(name) + 1);
	hash_add(&h, due, sizeof due);
	hash_add(&h, vault_charter(d->v)->hash, 32);
	hash_add(&h, d->newest, d->o->n_stores * sizeof d->newest[0]);
	hash_end(&h, d->out->seed, sizeof d->out->seed);
	d->out->chosen = (size_t)report_draw(d->out->seed, d->out->n);
}

static int gather(struct drawing *d, struct err *err)
{
	size_t n = d->o->n_stores;
	for (size_t i = 0; i < n; i++)
		d->sorted[i] = &d->o->stores[i];
	qsort(d->sorted, n, sizeof *d->sorted, store_order);
	for (size_t i = 0; i < n; i++)
		if (add_store(d, i, err) != 0)
			return err->code;
	if (d->out->n > 0)
		return 0;
	err_set(err, ERR_ABSENT, "drill %.60s: there is no snapshot to restore", d->o->name);
	return err_hint(err, "take one with 'holdfast backup'");
}

int drill_choose(struct vault *v, const struct drill_options *o, struct drill_choice *out,
                 struct err *err)
{
	*out = (struct drill_choice){ .due_s = o->due_s };
	if (o->n_stores == 0)
		return err_set(err, ERR_INVALID, "drill %.60s: has no stores", o->name);
	if (out->due_s == 0)
		out->due_s = (int64_t)time(NULL) / DAY_S * DAY_S;
	struct drawing d = { .v = v, .o = o, .out = out };
	d.sorted = calloc(o->n_stores, sizeof *d.sorted);
	d.newest = calloc(o->n_stores, sizeof *d.newest);
	int rc = d.sorted && d.newest ? gather(&d, err) : err_no_memory(err);
	if (rc == 0)
		draw(&d);
	else
		drill_choice_clear(out);
	free(d.sorted);
	free(d.newest);
	return rc;
}

void drill_choice_clear(struct drill_choice *c)
{
	free(c->all);
	*c = (struct drill_choice){ .n = 0 };
}

static int64_t next_head(struct vault *v, const struct drill_candidate *c)
{
	struct err ignored;
	uint64_t *seqs;
	size_t n;
	int64_t next = 0;
	const struct store_info *s = &c->store->info;
	if (heads_list(v, s->writer, s->store, &seqs, &n, &ignored) != 0)
		return 0;
	for (size_t i = 0; i < n && next == 0; i++) {
		if (seqs[i] <= c->seq)
			continue;
		AUTO(heads_entry) e = heads_load(v, s->writer, s->store, seqs[i], false, &ignored);
		next = e ? (int64_t)e->head.time_s : 0;
	}
	free(seqs);
	return next;
}

int64_t drill_next_time(struct vault *v, const struct drill_candidate *c)
{
	struct err ignored;
	int64_t head = next_head(v, c), run = 0;
	/* a run that finds nothing changed puts no snapshot */
	if (runs_next(v, &c->store->info, c->time_s, &run, &ignored) != 0 || run == 0)
		return head;
	return head && head < run ? head : run;
}
