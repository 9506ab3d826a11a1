#include "engine/ledger_facts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "crypto/sha256.h"
#include "format/names.h"
#include "holdfast/err.h"
#include "vault/storage.h"
#include "vault/vault.h"

struct ledger_facts *ledger_facts_new(struct err *err)
{
	struct ledger_facts *f = calloc(1, sizeof *f);
	if (!f) {
		err_no_memory(err);
		return NULL;
	}
	pthread_mutex_init(&f->lock, NULL);
	return f;
}

void ledger_facts_free(struct ledger_facts *f)
{
	if (!f)
		return;
	pthread_mutex_destroy(&f->lock);
	free(f->snapshots);
	free(f->drills);
	free(f->claims);
	free(f->charters);
	free(f);
}

/* ---- lists ---- */

static int read_list(const struct vault *v, const uint8_t key[16], const uint8_t digest[32],
                     struct buf *out, struct err *err)
{
	char name[NAMES_MAX];
	uint8_t found[32];
	names_list(name, key, digest);
	if (storage_get_all(vault_storage(v), name, out, err) != 0)
		return err->code;
	sha256(found, out->bytes, out->len);
	return memcmp(found, digest, 32) == 0
	     ? 0 : err_set(err, ERR_CORRUPT, "%s: is not what its name says (SHA-256)", name);
}

static void *copy_list(const void *list, size_t n, size_t size, struct err *err)
{
	void *copy = calloc(n + 1, size);
	if (!copy)
		err_no_memory(err);
	else if (n)
		memcpy(copy, list, n * size);
	return copy;
}

static bool is_named(const uint8_t digest[32])
{
	static const uint8_t none[32];
	return memcmp(digest, none, sizeof none) != 0;
}

int ledger_facts_items(const struct vault *v, const uint8_t key[16], const struct entry *e,
                       struct entry_item **items, size_t *n, struct err *err)
{
	if (!is_named(e->list)) {
		*items = copy_list(e->items, e->n_items, sizeof **items, err);
		*n = e->n_items;
		return *items ? 0 : err->code;
	}
	AUTO(buf) b = buf_new(ENTRY_LIST_MAX, err);
	if (!b || read_list(v, key, e->list, b, err) != 0)
		return err->code;
	return entry_items_decode(items, n, b->bytes, b->len, err);
}

int ledger_facts_stores(const struct vault *v, const uint8_t key[16], const struct entry *e,
                        uint8_t (**stores)[16], size_t *n, struct err *err)
{
	if (!is_named(e->covered)) {
		*stores = copy_list(e->covers, e->n_covers, sizeof **stores, err);
		*n = e->n_covers;
		return *stores ? 0 : err->code;
	}
	AUTO(buf) b = buf_new(ENTRY_LIST_MAX, err);
	if (!b || read_list(v, key, e->covered, b, err) != 0)
		return err->code;
	return entry_stores_decode(stores, n, b->bytes, b->len, err);
}

/* ---- adding ---- */

/* Room for one more of a growing array; false: out of memory. */
static bool grow(void **list, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return true;
	size_t wanted = *cap ? *cap * 2 : 64;
	void *grown = reallocarray(*list, wanted, size);
	if (!grown)
		return false;
	*list = grown;
	*cap = wanted;
	return true;
}

static bool add_items(struct ledger_facts *f, const uint8_t key[16], const struct entry_item *items,
                      size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!entry_is_snapshot(&items[i]))
			continue;
		if (!grow((void **)&f->snapshots, f->n_snapshots, &f->cap_snapshots,
		          sizeof *f->snapshots))
			return false;
		struct fact_snapshot *s = &f->snapshots[f->n_snapshots++];
		*s = (struct fact_snapshot){ .seq = items[i].number };
		memcpy(s->writer, key, 16);
		memcpy(s->store, items[i].store, 16);
		memcpy(s->head, items[i].hash, 32);
	}
	return true;
}

static bool add_claims(struct ledger_facts *f, const uint8_t key[16], uint64_t index,
                       const struct entry *e)
{
	for (size_t i = 0; i < e->n_logs; i++) {
		if (!grow((void **)&f->claims, f->n_claims, &f->cap_claims, sizeof *f->claims))
			return false;
		struct fact_claim *c = &f->claims[f->n_claims++];
		*c = (struct fact_claim){ .at = index, .log = e->logs[i] };
		memcpy(c->by, key, 16);
	}
	return true;
}

static bool add_drill(struct ledger_facts *f, const uint8_t key[16], const struct entry *e)
{
	if (!grow((void **)&f->drills, f->n_drills, &f->cap_drills, sizeof *f->drills))
		return false;
	struct fact_drill *d = &f->drills[f->n_drills++];
	*d = (struct fact_drill){ .kind = e->kind, .time_s = e->time_s, .due_s = e->due_s,
	                          .verdict = e->verdict };
	memcpy(d->key, key, 16);
	memcpy(d->drill, e->drill, 16);
	memcpy(d->report, e->report, 32);
	return true;
}

static bool add_charter(struct ledger_facts *f, const uint8_t key[16], uint64_t index,
                        const struct entry *e)
{
	if (!grow((void **)&f->charters, f->n_charters, &f->cap_charters, sizeof *f->charters))
		return false;
	struct fact_charter *c = &f->charters[f->n_charters++];
	*c = (struct fact_charter){ .at = index, .n = e->charter_n };
	memcpy(c->by, key, 16);
	memcpy(c->hash, e->charter, 32);
	memcpy(c->key, e->key, 16);
	return true;
}

static int add(struct ledger_facts *f, const struct vault *v, const uint8_t key[16], uint64_t index,
               const struct entry *e, struct err *err)
{
	struct entry_item *items = NULL;
	size_t n = 0;
	bool is_run = e->kind == ENTRY_RUN || e->kind == ENTRY_ADOPTED;
	if (is_run && ledger_facts_items(v, key, e, &items, &n, err) != 0)
		return err->code;
	pthread_mutex_lock(&f->lock);
	bool ok = is_run ? add_items(f, key, items, n)
	        : e->kind == ENTRY_SEEN ? add_claims(f, key, index, e)
	        : e->kind == ENTRY_ENROLL || e->kind == ENTRY_GRANT ? add_charter(f, key, index, e)
	        : e->kind < ENTRY_DRILL_PLANNED || add_drill(f, key, e);
	pthread_mutex_unlock(&f->lock);
	free(items);
	return ok ? 0 : err_no_memory(err);
}

/* Most entries say nothing that could be held against anything: those need not be decoded. A run that
 * made nothing is one of them. */
static bool is_of_use(const uint8_t *entry, size_t len)
{
	static const enum entry_kind others[] = { ENTRY_ADOPTED, ENTRY_SEEN, ENTRY_ENROLL, ENTRY_GRANT,
	                                          ENTRY_DRILL_PLANNED, ENTRY_DRILL_STARTED,
	                                          ENTRY_DRILL_FINISHED };
	static const char nothing[] = "\"items\":[]";
	if (entry_may_be(entry, len, ENTRY_RUN))
		return !memmem(entry, len, nothing, sizeof nothing - 1);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (entry_may_be(entry, len, others[i]))
			return true;
	return false;
}

/* Nearly all entries that tell of something are short runs. */
static int add_peeked(struct ledger_facts *f, const uint8_t key[16], const struct entry_item *items,
                      size_t n, struct err *err)
{
	pthread_mutex_lock(&f->lock);
	bool ok = add_items(f, key, items, n);
	pthread_mutex_unlock(&f->lock);
	return ok ? 0 : err_no_memory(err);
}

int ledger_facts_add(struct ledger_facts *f, const struct vault *v, const uint8_t key[16],
                     uint64_t index, const uint8_t *entry, size_t len, struct err *err)
{
	struct entry e;
	struct entry_item items[ENTRY_INLINE_MAX];
	size_t n;
	if (!is_of_use(entry, len))
		return 0;
	if ((entry_may_be(entry, len, ENTRY_RUN) || entry_may_be(entry, len, ENTRY_ADOPTED)) &&
	    entry_peek_items(entry, len, items, &n))
		return add_peeked(f, key, items, n, err);
	if (entry_decode(&e, entry, len, err) != 0)
		return err_wrap(err, "entry %" PRIu64, index);
	int rc = e.kind == ENTRY_OTHER ? 0 : add(f, v, key, index, &e, err);
	entry_clear(&e);
	return rc == 0 ? 0 : err_wrap(err, "entry %" PRIu64, index);
}

/* ---- order ---- */

static int by_snapshot(const void *a, const void *b)
{
	const struct fact_snapshot *x = a, *y = b;
	int rc = memcmp(x, y, 32);   /* writer, then store */
	if (rc == 0)
		rc = (x->seq > y->seq) - (x->seq < y->seq);
	return rc ? rc : memcmp(x->head, y->head, 32);
}

static int by_drill(const void *a, const void *b)
{
	const struct fact_drill *x = a, *y = b;
	int rc = memcmp(x, y, 32);   /* key, then drill */
	return rc ? rc : (x->kind > y->kind) - (x->kind < y->kind);
}

static int by_claim(const void *a, const void *b)
{
	const struct fact_claim *x = a, *y = b;
	int rc = memcmp(x->log.key, y->log.key, 16);
	return rc ? rc : (x->log.size > y->log.size) - (x->log.size < y->log.size);
}

void ledger_facts_sort(struct ledger_facts *f)
{
	size_t n = 0;
	if (f->n_snapshots)
		qsort(f->snapshots, f->n_snapshots, sizeof *f->snapshots, by_snapshot);
	for (size_t i = 0; i < f->n_snapshots; i++)
		if (n == 0 || by_snapshot(&f->snapshots[n - 1], &f->snapshots[i]) != 0)
			f->snapshots[n++] = f->snapshots[i];
	f->n_snapshots = n;
	if (f->n_drills)
		qsort(f->drills, f->n_drills, sizeof *f->drills, by_drill);
	if (f->n_claims)
		qsort(f->claims, f->n_claims, sizeof *f->claims, by_claim);
}

struct fact_drill *ledger_facts_drill(const struct ledger_facts *f, const uint8_t key[16],
                                      const uint8_t drill[16], enum entry_kind kind)
{
	struct fact_drill wanted = { .kind = kind };
	memcpy(wanted.key, key, 16);
	memcpy(wanted.drill, drill, 16);
	return f->n_drills ? bsearch(&wanted, f->drills, f->n_drills, sizeof wanted, by_drill) : NULL;
}

struct fact_snapshot *ledger_facts_snapshot(const struct ledger_facts *f,
                                            const struct fact_snapshot *wanted)
{
	return f->n_snapshots
	     ? bsearch(wanted, f->snapshots, f->n_snapshots, sizeof *wanted, by_snapshot) : NULL;
}
