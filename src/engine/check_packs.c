#include "engine/check_packs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/hex.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "engine/check_files.h"
#include "engine/checking.h"
#include "engine/fetch.h"
#include "format/names.h"
#include "vault/storage.h"
#include "vault/vault.h"

enum {
	READERS = 2,
	NAMED_MAX = 32,          /* problems for which files are looked up: it can take a whole body */
	EPOCHS_MAX = 16,         /* lost epochs whose packs are told together */
};

/* ---- the list ---- */

void check_packs_clear(struct check_packs *p)
{
	free(p->list);
	*p = (struct check_packs){ 0 };
}

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, PACK_ID_BYTES);   /* the id is the first member */
}

static struct check_pack *find(const struct check_packs *p, const uint8_t id[32])
{
	return p->n ? bsearch(id, p->list, p->n, sizeof *p->list, by_id) : NULL;
}

const struct check_pack *check_packs_find(const struct check_packs *p, const uint8_t id[32])
{
	return find(p, id);
}

/* Count the packs that are known, append the others: the list is sorted again by the caller. */
static int add_all(struct check_packs *p, const struct head *head, struct err *err)
{
	size_t known = p->n;
	char hex[65];
	int rc = 0;
	for (uint32_t i = 0; i < head->n_packs; i++) {
		const struct head_pack *hp = &head->packs[i];
		struct check_packs before = { p->list, known };
		struct check_pack *there = find(&before, hp->id);
		if (!there) {
			p->list[p->n++] = (struct check_pack){ .pack = *hp, .first = head->seq,
			                                       .last = head->seq, .snapshots = 1 };
			continue;
		}
		if (there->pack.size != hp->size)
			rc = err_set(err, ERR_CORRUPT, "pack %s: snapshot %" PRIu64 " lists it with %" PRIu32
			             " bytes, snapshot %" PRIu64 " with %" PRIu32,
			             hex_encode(hex, hp->id, 32), head->seq, hp->size, there->first,
			             there->pack.size);
		there->snapshots += there->last != head->seq;
		there->last = head->seq;
	}
	return rc;
}

int check_packs_add(struct check_packs *p, const struct head *head, struct err *err)
{
	struct check_pack *list = realloc(p->list, (p->n + head->n_packs + 1) * sizeof *list);
	if (!list)
		return err_no_memory(err);
	p->list = list;
	size_t known = p->n;
	int rc = add_all(p, head, err);
	if (p->n > known)
		qsort(p->list, p->n, sizeof *p->list, by_id);
	return rc;
}

/* ---- telling ---- */

static void affected_snapshots(const struct check_pack *p, char out[96])
{
	if (p->first == p->last)
		snprintf(out, 96, "snapshot %" PRIu64, p->first);
	else if (p->last - p->first + 1 == p->snapshots)
		snprintf(out, 96, "snapshots %" PRIu64 " to %" PRIu64, p->first, p->last);
	else
		snprintf(out, 96, "%" PRIu32 " snapshots from %" PRIu64 " to %" PRIu64, p->snapshots,
		         p->first, p->last);
}

static bool names_files(struct checking *c)
{
	pthread_mutex_lock(&c->lock);
	bool few = c->result->problems < NAMED_MAX;
	pthread_mutex_unlock(&c->lock);
	return few && checking_reads(c);
}

/* What is wrong stands in err; say what is lost by it and what to do, and tell. */
static int tell(struct checking *c, struct check_pack *p, const struct pack_trailer *trailer,
                struct err *err)
{
	char snapshots[96], files[CHECK_FILES_TEXT] = "", what[sizeof err->msg];
	affected_snapshots(p, snapshots);
	if (names_files(c))
		check_files_affected(c, p->last, p->pack.id, trailer, files);
	memcpy(what, err->msg, sizeof what);
	err_set(err, err->code, "%.300s; affects %s%s%s", what, snapshots, *files ? ", " : "", files);
	err_hint(err, "copy the object back from another copy of the vault; for good backups from now "
	         "on: holdfast backup --full");
	p->bad = true;
	return checking_problem(c, err);
}

/* One lost key makes thousands of packs unreadable, which is one problem. */
struct lost_epoch {
	uint32_t epoch, more;        /* packs beside the first */
	struct check_pack first;     /* its range of snapshots is that of all */
	struct err why;
};

static int tell_lost(struct checking *c, const struct lost_epoch *l, struct err *err)
{
	char snapshots[96], others[64] = "";
	affected_snapshots(&l->first, snapshots);
	if (l->more > 0)
		snprintf(others, sizeof others, "; %" PRIu32 " more pack%s likewise", l->more,
		         l->more == 1 ? "" : "s");
	err_set(err, l->why.code, "%.420s%s; affects %s", l->why.msg, others, snapshots);
	err_hint(err, "without the key of epoch %" PRIu32 " nobody can read them; another copy of the "
	         "vault may hold it", l->epoch);
	return checking_problem(c, err);
}

static const char *object(const struct checking *c, const struct check_pack *p, char out[NAMES_MAX])
{
	return names_pack(out, c->store->writer, c->store->store, p->pack.id);
}

/* ---- are they there? ---- */

static const struct check_found *find_found(const struct check_found *found, size_t n,
                                            const uint8_t id[32])
{
	return n ? bsearch(id, found, n, sizeof *found, by_id) : NULL;
}

/* A backup may have stored it after the listing had passed: ask for the object itself. */
static int ask_again(struct checking *c, const struct check_pack *p, uint64_t *size, bool *there,
                     struct err *err)
{
	char name[NAMES_MAX];
	struct backend_object o;
	int rc = storage_stat(vault_storage(c->vault), object(c, p, name), &o, err);
	*there = rc == 0;
	*size = rc == 0 ? o.size_bytes : 0;
	return rc == ERR_ABSENT ? 0 : rc;
}

static int compare_one(struct checking *c, struct check_pack *p, const struct check_found *f,
                       struct err *err)
{
	char name[NAMES_MAX];
	bool there = f != NULL;
	uint64_t size = f ? f->size : 0;
	if (!f && ask_again(c, p, &size, &there, err) != 0)
		return tell(c, p, NULL, err);
	if (!there)
		err_set(err, ERR_CORRUPT, "pack %s: is not in the vault", object(c, p, name));
	else if (size != p->pack.size)
		err_set(err, ERR_CORRUPT, "pack %s: holds %" PRIu64 " bytes, not %" PRIu32,
		        object(c, p, name), size, p->pack.size);
	else if (f && f->doomed)
		err_set(err, ERR_CORRUPT, "pack %s: is marked for deletion, but in use",
		        object(c, p, name));
	else
		return 0;
	return tell(c, p, NULL, err);
}

int check_packs_compare(struct checking *c, struct check_packs *p, const struct check_found *found,
                        size_t n, struct err *err)
{
	c->result->packs = p->n;
	for (size_t i = 0; i < p->n; i++)
		if (compare_one(c, &p->list[i], find_found(found, n, p->list[i].pack.id), err) != 0)
			return err->code;
	for (size_t i = 0; i < n; i++)
		c->result->unreferenced += !find(p, found[i].id);
	return 0;
}

/* ---- are they what they were? ---- */

struct reading {
	struct checking *c;
	struct check_packs *packs;
	struct keyring *keys;
	uint64_t day;
	pthread_mutex_t lock;
	size_t next;
	struct err failed;           /* what ends the whole check */
	struct lost_epoch lost[EPOCHS_MAX];
	size_t n_lost;
};

bool check_packs_chosen(const uint8_t id[32], uint64_t day, unsigned percent)
{
	uint8_t key[40], hash[16];
	uint64_t n;
	memcpy(key, id, 32);
	for (unsigned i = 0; i < 8; i++)
		key[32 + i] = (uint8_t)(day >> (8 * i));
	hash_labelled(hash, sizeof hash, "hf1.subset", NULL, 0, key, sizeof key);
	memcpy(&n, hash, sizeof n);
	return percent == 0 || n % 100 < percent;
}

/* Without keys this much can be said of what the right hash has: it was made for this store. */
static int check_place(const struct checking *c, const uint8_t *memory, size_t len,
                       struct err *err)
{
	struct pack_header h;
	if (pack_header_decode(&h, memory, len, err) != 0)
		return err->code;
	if (memcmp(h.vault, vault_id(c->vault), 16) != 0 ||
	    memcmp(h.store, c->store->store, 16) != 0)
		return err_set(err, ERR_CORRUPT, "belongs to another vault or store");
	return 0;
}

static int verify(struct reading *r, struct fetch *f, const struct check_pack *p, uint8_t *memory,
                  struct err *err)
{
	char hex[65];
	if (fetch_verify(f, 0, memory, err) != 0)
		return err->code;
	meter_done(&r->c->meter, p->pack.size);
	pthread_mutex_lock(&r->c->lock);
	r->c->result->packs_read++;
	pthread_mutex_unlock(&r->c->lock);
	if (check_place(r->c, memory, p->pack.size, err) != 0)
		return err_wrap(err, "pack %s", hex_encode(hex, p->pack.id, 32));
	return 0;
}

static struct lost_epoch *find_lost(struct reading *r, uint32_t epoch)
{
	for (size_t i = 0; i < r->n_lost; i++)
		if (r->lost[i].epoch == epoch)
			return &r->lost[i];
	return NULL;
}

static void add_lost(struct lost_epoch *l, const struct check_pack *p)
{
	struct check_pack *first = &l->first;
	if (p->first < first->first)
		first->first = p->first;
	if (p->last > first->last)
		first->last = p->last;
	first->snapshots = (uint32_t)(first->last - first->first + 1);
	l->more++;
}

static bool key_is_lost(const struct checking *c, uint32_t epoch)
{
	char name[NAMES_MAX];
	uint8_t recipient[16];
	struct storekey k;
	struct err ignored;
	seal_key_id(recipient, vault_charter(c->vault)->recovery);
	names_key(name, c->store->writer, c->store->store, epoch, recipient);
	int rc = vault_open_key(c->vault, name, &k, &ignored);
	sodium_memzero(k.sk, sizeof k.sk);
	return rc == ERR_ABSENT || rc == ERR_CORRUPT;
}

/* The pack may be good: is it the key that is not there? Then keep it for one problem of all. */
static bool note_lost(struct reading *r, struct check_pack *p, uint32_t epoch,
                      const struct err *why)
{
	pthread_mutex_lock(&r->lock);
	struct lost_epoch *l = find_lost(r, epoch);
	if (l)
		add_lost(l, p);
	else if (r->n_lost < EPOCHS_MAX && key_is_lost(r->c, epoch)) {
		l = &r->lost[r->n_lost++];
		*l = (struct lost_epoch){ .epoch = epoch, .first = *p, .why = *why };
	}
	pthread_mutex_unlock(&r->lock);
	p->bad |= l != NULL;
	return l != NULL;
}

static int check_pack(struct reading *r, struct check_pack *p, uint8_t *memory, struct err *err)
{
	struct checking *c = r->c;
	const struct check_options *o = c->options;
	bool chosen = o->read_data && check_packs_chosen(p->pack.id, r->day, o->subset_percent);
	if ((!chosen && !r->keys) || p->bad)
		return 0;
	AUTO(fetch) f = fetch_new(c->vault, r->keys, c->store->writer, c->store->store, &p->pack, 1,
	                          &c->meter, err);
	if (!f)
		return err->code;
	int rc = chosen ? verify(r, f, p, memory, err) : 0;
	struct err why = { 0 };
	const struct pack_trailer *trailer = r->keys ? fetch_trailer(f, 0, &why) : NULL;
	if (rc == 0 && r->keys && !trailer) {
		*err = why;
		rc = note_lost(r, p, fetch_header(f, 0)->epoch, err) ? 0 : err->code;
	}
	pthread_mutex_lock(&c->lock);
	c->result->bytes_read += fetch_bytes(f);
	pthread_mutex_unlock(&c->lock);
	return rc == 0 ? 0 : tell(c, p, trailer, err);
}

static struct check_pack *next_pack(struct reading *r)
{
	pthread_mutex_lock(&r->lock);
	struct check_pack *p = r->next < r->packs->n && r->failed.code == ERR_NONE
	                     ? &r->packs->list[r->next++] : NULL;
	pthread_mutex_unlock(&r->lock);
	return p;
}

static int read_packs(struct reading *r, uint8_t *memory, struct err *err)
{
	for (struct check_pack *p; (p = next_pack(r)) != NULL;)
		if (meter_check(&r->c->meter, err) != 0 || check_pack(r, p, memory, err) != 0)
			return err->code;
	return 0;
}

static void *reader(void *arg)
{
	struct reading *r = arg;
	struct err err = { 0 };
	int rc = 0;
	uint8_t *memory = mmap(NULL, PACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
	                       -1, 0);
	if (memory == MAP_FAILED)
		rc = err_no_memory(&err);
	else {
		rc = read_packs(r, memory, &err);
		munmap(memory, PACK_BYTES);
	}
	if (rc != 0) {
		pthread_mutex_lock(&r->lock);
		if (r->failed.code == ERR_NONE)
			r->failed = err;
		pthread_mutex_unlock(&r->lock);
	}
	return NULL;
}

static uint64_t bytes_to_read(const struct reading *r)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < r->packs->n; i++) {
		const struct check_pack *p = &r->packs->list[i];
		if (!p->bad && check_packs_chosen(p->pack.id, r->day, r->c->options->subset_percent))
			sum += p->pack.size;
	}
	return sum;
}

int check_packs_read(struct checking *c, struct check_packs *p, struct keyring *keys,
                     struct err *err)
{
	struct reading r = { .c = c, .packs = p, .keys = keys, .day = (uint64_t)time(NULL) / 86400 };
	pthread_t threads[READERS];
	size_t n = 0;
	if (!keys && !c->options->read_data)
		return 0;
	meter_phase(&c->meter, "verifying", c->options->read_data ? bytes_to_read(&r) : 0);
	pthread_mutex_init(&r.lock, NULL);
	while (n < READERS && n + 1 < p->n && pthread_create(&threads[n], NULL, reader, &r) == 0)
		n++;
	if (n == 0)
		reader(&r);
	while (n > 0)
		pthread_join(threads[--n], NULL);
	pthread_mutex_destroy(&r.lock);
	if (r.failed.code != ERR_NONE) {
		*err = r.failed;
		return err->code;
	}
	for (size_t i = 0; i < r.n_lost; i++)
		if (tell_lost(c, &r.lost[i], err) != 0)
			return err->code;
	return 0;
}
