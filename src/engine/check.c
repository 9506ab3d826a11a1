/* The check verb: one store, snapshot by snapshot, then its packs. */
#include "holdfast/check.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "crypto/seal.h"
#include "engine/chain.h"
#include "engine/check_files.h"
#include "engine/check_packs.h"
#include "engine/checking.h"
#include "engine/keyring.h"
#include "engine/open.h"
#include "format/names.h"
#include "vault/heads.h"
#include "vault/state.h"
#include "vault/storage.h"
#include "vault/vault.h"

/* ---- telling ---- */

bool checking_reads(const struct checking *c)
{
	return c->store ? vault_reads_store(c->vault, c->store->writer, c->store->store)
	                : vault_can_read(c->vault);
}

int checking_problem(struct checking *c, const struct err *err)
{
	if (err->code == ERR_NOMEM || err->code == ERR_STOPPED || err->code == ERR_UNREACHABLE)
		return err->code;
	pthread_mutex_lock(&c->lock);
	c->result->problems++;
	c->tell(c->arg, err);
	pthread_mutex_unlock(&c->lock);
	return 0;
}

/* ---- what is there ---- */

struct found_snapshot {
	uint64_t seq, size;
	bool good;
};

struct store_check {
	struct checking *c;
	char prefix[NAMES_MAX];
	struct found_snapshot *snapshots;
	size_t n_snapshots, cap_snapshots;
	struct check_found *found;
	size_t n_found, cap_found;
	struct check_packs packs;
	struct heads_entry *before;      /* the snapshot in front, if it is good */
	uint32_t epoch;                  /* whose key object was looked at last, and that it failed */
	bool key_lost;
};

/* Room for one more. */
static int grow(void **list, size_t n, size_t *cap, size_t size, struct err *err)
{
	if (n < *cap)
		return 0;
	size_t more = *cap ? *cap * 2 : 64;
	void *bigger = realloc(*list, more * size);
	if (!bigger)
		return err_no_memory(err);
	*list = bigger;
	*cap = more;
	return 0;
}

static int add_snapshot(struct store_check *s, uint64_t seq, uint64_t size, struct err *err)
{
	void *list = s->snapshots;
	if (grow(&list, s->n_snapshots, &s->cap_snapshots, sizeof *s->snapshots, err) != 0)
		return err->code;
	s->snapshots = list;
	s->snapshots[s->n_snapshots++] = (struct found_snapshot){ .seq = seq, .size = size };
	return 0;
}

static int add_pack(struct store_check *s, const uint8_t id[32], uint64_t size, struct err *err)
{
	void *list = s->found;
	if (grow(&list, s->n_found, &s->cap_found, sizeof *s->found, err) != 0)
		return err->code;
	s->found = list;
	s->found[s->n_found] = (struct check_found){ .size = size };
	memcpy(s->found[s->n_found++].id, id, 32);
	return 0;
}

static int see(void *arg, const struct backend_object *o, struct err *err)
{
	struct store_check *s = arg;
	const struct store_info *store = s->c->store;
	const char *tail = o->name + strlen(s->prefix);
	char name[NAMES_MAX];
	uint8_t id[32];
	uint64_t seq;
	if (names_tail_number(tail, &seq) &&
	    strcmp(names_snapshot(name, store->writer, store->store, seq), o->name) == 0)
		return add_snapshot(s, seq, o->size_bytes, err);
	if (names_tail_id(tail, id, sizeof id) &&
	    strcmp(names_pack(name, store->writer, store->store, id), o->name) == 0)
		return add_pack(s, id, o->size_bytes, err);
	if (names_starts(tail, "wal/") || names_starts(tail, "seals/"))
		return 0;
	err_set(err, ERR_CORRUPT, "%s: does not belong here", o->name);
	err_hint(err, "Holdfast did not put it there; nothing that it needs is in it");
	return checking_problem(s->c, err);
}

static int by_seq(const void *a, const void *b)
{
	uint64_t x = ((const struct found_snapshot *)a)->seq;
	uint64_t y = ((const struct found_snapshot *)b)->seq;
	return (x > y) - (x < y);
}

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, 32);   /* the id is the first member */
}

static int mark_doomed(void *arg, const struct backend_object *o, struct err *err)
{
	struct store_check *s = arg;
	uint8_t id[32];
	(void)err;
	struct check_found *f = NULL;
	if (s->n_found && names_tail_id(o->name, id, sizeof id))
		f = bsearch(id, s->found, s->n_found, sizeof *s->found, by_id);
	if (f)
		f->doomed = true;
	return 0;
}

static int look(struct store_check *s, struct err *err)
{
	struct backend *b = vault_storage(s->c->vault);
	const struct store_info *store = s->c->store;
	char doomed[NAMES_MAX], hex[33];
	snprintf(s->prefix, sizeof s->prefix, "%s%s/", names_writer(doomed, store->writer),
	         hex_encode(hex, store->store, 16));
	if (storage_list(b, s->prefix, see, s, err) != 0)
		return err->code;
	if (s->n_snapshots)
		qsort(s->snapshots, s->n_snapshots, sizeof *s->snapshots, by_seq);
	if (s->n_found)
		qsort(s->found, s->n_found, sizeof *s->found, by_id);
	s->c->result->snapshots = s->n_snapshots;
	return storage_list(b, names_doomed(doomed, store->writer), mark_doomed, s, err);
}

/* ---- one snapshot ---- */

/* Where this machine can, it opens the body too; else its bytes are verified if data is read, and
 * at least that they are all there. */
static struct heads_entry *load(struct store_check *s, const struct found_snapshot *f,
                                struct err *err)
{
	struct vault *v = s->c->vault;
	const uint8_t *writer = s->c->store->writer, *store = s->c->store->store;
	if (checking_reads(s->c)) {
		AUTO(open_snapshot) o = open_snapshot_new(v, writer, store, f->seq, err);
		return o ? TAKE(o->entry) : NULL;
	}
	AUTO(heads_entry) e = heads_load(v, writer, store, f->seq, s->c->options->read_data, err);
	if (e && e->object_len != f->size) {
		char name[NAMES_MAX];
		err_set(err, ERR_CORRUPT, "snapshot %s: holds %" PRIu64 " bytes, not the %" PRIu64
		        " that were written", names_snapshot(name, writer, store, f->seq), f->size,
		        e->object_len);
		return NULL;
	}
	return TAKE(e);
}

/* The key that opens this epoch is in the vault, and is the one that the snapshot was sealed to. */
static int check_epoch(struct store_check *s, const struct head *h, struct err *err)
{
	char name[NAMES_MAX];
	uint8_t recipient[16];
	struct storekey k;
	if (s->epoch == h->epoch)
		return 0;
	s->epoch = h->epoch;
	s->key_lost = false;
	seal_key_id(recipient, vault_charter(s->c->vault)->recovery);
	names_key(name, h->writer, h->store, h->epoch, recipient);
	int rc = vault_open_key(s->c->vault, name, &k, err);
	sodium_memzero(k.sk, sizeof k.sk);
	if (rc == 0 && memcmp(k.pk, h->epoch_pk, 32) != 0)
		rc = err_set(err, ERR_CORRUPT, "%s: is another key than the one that snapshot %" PRIu64
		             " was sealed to", name, h->seq);
	if (rc == ERR_ABSENT) {
		err_set(err, ERR_CORRUPT, "%s: the key of epoch %" PRIu32 " is not in the vault: snapshot %"
		        PRIu64 " cannot be opened (shredded or lost)", name, h->epoch, h->seq);
		rc = err_hint(err, "copy it back from another copy of the vault, or start a new epoch with "
		              "'holdfast backup --full'");
	}
	s->key_lost = rc != 0;
	return rc == 0 ? 0 : checking_problem(s->c, err);
}

static int check_head(struct store_check *s, const struct heads_entry *e, struct err *err)
{
	if (s->before && chain_verify(s->before, e, err) != 0 && checking_problem(s->c, err) != 0)
		return err->code;
	if (check_packs_add(&s->packs, &e->head, err) != 0 && checking_problem(s->c, err) != 0)
		return err->code;
	return check_epoch(s, &e->head, err);
}

static int tell_snapshot(struct store_check *s, const struct err *why, struct err *err)
{
	*err = *why;
	err_hint(err, "the others can still be restored; another copy of the vault may hold it unharmed");
	return checking_problem(s->c, err);
}

static int check_snapshot(struct store_check *s, struct found_snapshot *f, struct err *err)
{
	const struct store_info *store = s->c->store;
	struct err why = { 0 };
	AUTO(heads_entry) e = load(s, f, &why);
	f->good = e != NULL;
	/* where only the body is damaged, its packs are still to be counted as listed */
	if (!e)
		e = heads_load(s->c->vault, store->writer, store->store, f->seq, false, err);
	if (e && check_head(s, e, err) != 0)
		return err->code;
	/* of an epoch whose key is lost, one problem says it all */
	bool said = e && s->key_lost && s->epoch == e->head.epoch;
	if (!f->good && !said && tell_snapshot(s, &why, err) != 0)
		return err->code;
	heads_entry_free(s->before);
	s->before = TAKE(e);
	return 0;
}

/* ---- this machine's memory ---- */

static int compare_state(struct store_check *s, const struct state *base, struct err *err)
{
	char name[NAMES_MAX];
	uint64_t newest = s->n_snapshots ? s->snapshots[s->n_snapshots - 1].seq : 0;
	names_snapshot(name, s->c->store->writer, s->c->store->store, base->seq);
	if (base->seq > newest && s->c->options->copy) {
		s->c->result->late += base->seq - newest;
		return 0;
	}
	if (base->seq > newest) {
		err_set(err, ERR_FORK, "snapshot %s: was written by this machine and is not in the vault: "
		        "it was deleted, or the vault was rolled back", name);
		err_hint(err, "find out who did it; the next backup will be a full one");
		return checking_problem(s->c, err);
	}
	if (base->seq == newest && s->before && s->before->head.seq == newest &&
	    memcmp(s->before->hash, base->head_hash, 32) != 0) {
		err_set(err, ERR_FORK, "snapshot %s: is not the one that this machine wrote: a copy of this "
		        "machine writes the same store", name);
		return checking_problem(s->c, err);
	}
	return 0;
}

/* Deleting the newest snapshot leaves no trace in the vault; the writer remembers it. */
static int check_memory(struct store_check *s, struct err *err)
{
	struct vault *v = s->c->vault;
	const struct keyfile *key = vault_keyfile(v);
	const uint8_t *store = s->c->store->store;
	char dir[PATH_MAX], hex[33];
	struct err ignored;
	if (!key || !vault_state_dir(v) || memcmp(key->id, s->c->store->writer, 16) != 0)
		return 0;
	snprintf(dir, sizeof dir, "%s/%s", vault_state_dir(v), hex_encode(hex, store, 16));
	/* damage here is no damage in the vault; the next backup deals with it */
	AUTO(state) base = state_load(dir, "base", store, key->state->bytes, &ignored);
	return base ? compare_state(s, base, err) : 0;
}

/* ---- files ---- */

static bool packs_are_good(const struct store_check *s, const struct heads_entry *e)
{
	for (uint32_t i = 0; i < e->head.n_packs; i++) {
		const struct check_pack *p = check_packs_find(&s->packs, e->head.packs[i].id);
		if (!p || p->bad)
			return false;
	}
	return true;
}

/* Snapshots whose packs are damaged were named already. */
static int cover_one(struct store_check *s, uint64_t seq, struct err *err)
{
	const struct store_info *store = s->c->store;
	AUTO(heads_entry) e = heads_load(s->c->vault, store->writer, store->store, seq, false, err);
	if (!e)
		return checking_problem(s->c, err);
	return packs_are_good(s, e) ? check_files_cover(s->c, seq, err) : 0;
}

static int check_contents(struct store_check *s, struct err *err)
{
	const struct check_options *o = s->c->options;
	bool newest = true;
	if (!o->read_data || !checking_reads(s->c) ||
	    (o->subset_percent != 0 && o->subset_percent < 100))
		return 0;
	for (size_t i = s->n_snapshots; i-- > 0;) {
		const struct found_snapshot *f = &s->snapshots[i];
		if (meter_check(&s->c->meter, err) != 0)
			return err->code;
		if (!f->good)
			continue;
		int rc = newest ? check_files_decode(s->c, f->seq, err) : cover_one(s, f->seq, err);
		if (rc != 0)
			return rc;
		newest = false;
	}
	return 0;
}

/* ---- the whole store ---- */

static int run_store(struct store_check *s, struct err *err)
{
	struct checking *c = s->c;
	if (look(s, err) != 0)
		return err->code;
	meter_phase(&c->meter, "checking", 0);
	for (size_t i = 0; i < s->n_snapshots; i++)
		if (meter_check(&c->meter, err) != 0 ||
		    check_snapshot(s, &s->snapshots[i], err) != 0)
			return err->code;
	if (check_memory(s, err) != 0 ||
	    check_packs_compare(c, &s->packs, s->found, s->n_found, err) != 0)
		return err->code;
	AUTO(keyring) keys = NULL;
	if (checking_reads(c) &&
	    !(keys = keyring_new(c->vault, c->store->writer, c->store->store, err)))
		return err->code;
	if (check_packs_read(c, &s->packs, keys, err) != 0)
		return err->code;
	return check_contents(s, err);
}

int check_store(struct checking *c, struct err *err)
{
	struct store_check s = { .c = c };
	int rc = run_store(&s, err);
	heads_entry_free(s.before);
	check_packs_clear(&s.packs);
	free(s.snapshots);
	free(s.found);
	return rc;
}

int check_run(struct vault *v, const struct store_info *store, const struct check_options *options,
              check_problem *problem, void *arg, struct check_result *result, struct err *err)
{
	struct checking c = { .vault = v, .store = store, .options = options, .result = result,
	                      .tell = problem, .arg = arg };
	*result = (struct check_result){ .decrypted = checking_reads(&c) };
	pthread_mutex_init(&c.lock, NULL);
	meter_begin(&c.meter, options->progress, store ? store->name : NULL);
	int rc = store ? check_store(&c, err) : check_vault(&c, err);
	meter_end(&c.meter);
	pthread_mutex_destroy(&c.lock);
	return rc;
}
