#include "engine/run_record.h"

#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/hex.h"
#include "crypto/sha256.h"
#include "engine/ledger_adopt.h"
#include "holdfast/err.h"
#include "vault/ledger.h"
#include "vault/pending.h"
#include "vault/vault.h"

/* The newest snapshot of a store. */
struct newest {
	uint8_t store[16];
	uint64_t seq;                /* 0: not known */
	uint8_t head[32];
};

struct run_record {
	struct vault *vault;
	uint8_t id[16];
	uint64_t started_s;
	pthread_mutex_t lock;        /* around the items, the unsure ones and the first failure */
	struct pending *pending;
	struct ledger *ledger;       /* as it was when the run began; NULL: it could not be looked at */
	bool proves;
	struct entry_item *items;
	size_t n_items, cap_items;
	struct entry_item *unsure;   /* intended, and not (yet) said to have been made */
	size_t n_unsure, cap_unsure;
	struct newest *newest;       /* by store */
	size_t n;
	struct err failed;           /* the first that went wrong */
};

/* All that this machine put is in its ledger, and the vault's is the same. What stood in the way of the
 * look is told when the entry is to be written. */
static void look_at_ledger(struct run_record *r)
{
	struct err ignored = { 0 };
	AUTO(pending_left) left = pending_left(r->vault, &ignored);
	r->ledger = ledger_open(r->vault, &ignored);
	r->proves = left && left->n == 0 && r->ledger && ledger_agrees(r->ledger);
}

struct run_record *run_record_new(struct vault *v, size_t n, struct err *err)
{
	struct run_record *r = calloc(1, sizeof *r);
	struct newest *newest = calloc(n + 1, sizeof *newest);
	if (!r || !newest) {
		free(r);
		free(newest);
		err_no_memory(err);
		return NULL;
	}
	*r = (struct run_record){ .vault = v, .started_s = (uint64_t)time(NULL), .newest = newest, .n = n };
	pthread_mutex_init(&r->lock, NULL);
	randombytes_buf(r->id, sizeof r->id);
	r->pending = pending_begin(v, r->id, &r->failed);
	look_at_ledger(r);
	return r;
}

void run_record_free(struct run_record *r)
{
	if (!r)
		return;
	pthread_mutex_destroy(&r->lock);
	pending_free(r->pending);
	ledger_free(r->ledger);
	free(r->items);
	free(r->unsure);
	free(r->newest);
	free(r);
}

/* ---- during the run ---- */

bool run_record_proves(const struct run_record *r)
{
	return r && r->proves;
}

static void add(struct run_record *r, struct entry_item **list, size_t *n, size_t *cap,
                const struct entry_item *item)
{
	if (*n == *cap) {
		size_t wanted = *cap ? *cap * 2 : 64;
		struct entry_item *grown = reallocarray(*list, wanted, sizeof *grown);
		if (grown) {
			*list = grown;
			*cap = wanted;
		} else
			err_no_memory(&r->failed);
	}
	if (*n < *cap)
		(*list)[(*n)++] = *item;
}

void run_record_intend(struct run_record *r, const struct entry_item *item)
{
	struct err err = { 0 };
	if (!r || !r->pending)
		return;
	int rc = pending_add(r->pending, item, &err);
	pthread_mutex_lock(&r->lock);
	add(r, &r->unsure, &r->n_unsure, &r->cap_unsure, item);
	if (rc != 0 && r->failed.code == ERR_NONE)
		r->failed = err;
	pthread_mutex_unlock(&r->lock);
}

/* Few are on their way at any time. */
static void make_sure(struct run_record *r, const struct entry_item *item)
{
	for (size_t i = r->n_unsure; i-- > 0;) {
		const struct entry_item *u = &r->unsure[i];
		if (u->did != item->did || u->number != item->number ||
		    memcmp(u->store, item->store, 16) != 0)
			continue;
		r->unsure[i] = r->unsure[--r->n_unsure];
		return;
	}
}

void run_record_made(struct run_record *r, const struct entry_item *item)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	make_sure(r, item);
	add(r, &r->items, &r->n_items, &r->cap_items, item);
	pthread_mutex_unlock(&r->lock);
}

void run_record_current(struct run_record *r, size_t number, uint64_t seq, const uint8_t head[32])
{
	if (!r)
		return;
	r->newest[number].seq = seq;
	memcpy(r->newest[number].head, head, 32);
}

/* ---- the entry ---- */

static int by_store(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

/* Sorts the stores: they are not asked for by number any more. */
static int hash_current(struct run_record *r, uint8_t out[32], struct err *err)
{
	struct sha256_state h;
	sha256_begin(&h);
	if (r->n)
		qsort(r->newest, r->n, sizeof *r->newest, by_store);
	for (size_t i = 0; i < r->n; i++) {
		const struct newest *s = &r->newest[i];
		char store[33], head[65];
		AUTO(buf) line = buf_new(160, err);
		if (!line || buf_printf(line, err, "%s %" PRIu64 " %s\n", hex_encode(store, s->store, 16),
		                        s->seq, hex_encode(head, s->head, 32)) != 0)
			return err->code;
		if (s->seq)
			sha256_add(&h, line->bytes, line->len);
	}
	sha256_end(&h, out);
	return 0;
}

static void count(struct run_record *r, struct entry *e, const struct backup_store *stores,
                  const struct backup_result *results)
{
	e->stores = r->n;
	for (size_t i = 0; i < r->n_items; i++)
		e->made += entry_is_snapshot(&r->items[i]) && r->items[i].did != DID_UNCHANGED;
	for (size_t i = 0; i < r->n; i++) {
		struct entry_item item = { .did = DID_FAIL, .number = (uint64_t)-results[i].err.code };
		vault_store_id(r->vault, stores[i].source.name, r->newest[i].store);
		if (results[i].err.code == ERR_NONE)
			continue;
		memcpy(item.store, r->newest[i].store, 16);
		run_record_made(r, &item);
		e->failed++;
	}
	e->unchanged = e->stores - e->failed > e->made ? e->stores - e->failed - e->made : 0;
}

static int fill(struct run_record *r, struct ledger *l, struct entry *e,
                const struct backup_store *stores, const struct backup_result *results,
                struct err *err)
{
	*e = (struct entry){ .kind = ENTRY_RUN, .started_s = r->started_s,
	                     .finished_s = (uint64_t)time(NULL) };
	e->time_s = e->finished_s;
	memcpy(e->run, r->id, 16);
	count(r, e, stores, results);
	if (hash_current(r, e->current, err) != 0)
		return err->code;
	e->items = r->items;
	e->n_items = r->n_items;
	e->covers = calloc(r->n + 1, sizeof *e->covers);
	if (!e->covers)
		return err_no_memory(err);
	for (e->n_covers = 0; e->n_covers < r->n; e->n_covers++)
		memcpy(e->covers[e->n_covers], r->newest[e->n_covers].store, 16);
	return ledger_put_items(l, e, err) == 0 ? ledger_put_stores(l, e, err) : err->code;
}

/* The answer to a put may be lost, and the object be there: the next run looks, and adopts it. */
static void settle_pending(struct run_record *r)
{
	struct err err = { 0 };
	if (!r->pending)
		return;
	if (r->n_unsure == 0)
		pending_done(r->pending);
	else if (pending_keep(r->pending, r->unsure, r->n_unsure, &err) != 0 && r->failed.code == ERR_NONE)
		r->failed = err;
}

static int write_entry(struct run_record *r, const struct backup_store *stores,
                       const struct backup_result *results, struct err *err)
{
	struct entry entries[2] = { { .kind = ENTRY_ADOPTED, .time_s = (uint64_t)time(NULL) } };
	AUTO(ledger) l = r->ledger ? TAKE(r->ledger) : ledger_open(r->vault, err);
	AUTO(pending_left) left = l ? pending_left(r->vault, err) : NULL;
	AUTO(adopted) adopted = left ? ledger_adopt(r->vault, l, left, r->items, r->n_items, err) : NULL;
	if (!adopted)
		return err->code;
	size_t first = adopted->n ? 0 : 1;
	entries[0].items = adopted->items;
	entries[0].n_items = adopted->n;
	int rc = first == 0 ? ledger_put_items(l, &entries[0], err) : 0;
	if (rc == 0)
		rc = fill(r, l, &entries[1], stores, results, err);
	if (rc == 0)
		rc = ledger_append(l, &entries[first], 2 - first, err);
	free(entries[1].covers);
	/* set back: the entries were added all the same */
	if (rc == 0 || (rc == ERR_FORK && ledger_agrees(l))) {
		pending_left_done(left);
		settle_pending(r);
	}
	return rc;
}

int run_record_end(struct run_record *r, const struct backup_store *stores,
                   const struct backup_result *results, struct err *err)
{
	int rc = write_entry(r, stores, results, err);
	if (rc == 0 && r->failed.code != ERR_NONE) {
		*err = r->failed;
		rc = err->code;
	}
	if (rc != 0 && !strstr(err->msg, "ledger"))
		err_wrap(err, "ledger");
	return rc;
}
