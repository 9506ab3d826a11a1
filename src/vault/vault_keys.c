/* Store keys in keys/: made by writers, opened by whoever holds the recovery secret or a grant. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/crew.h"
#include "base/hex.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "format/names.h"
#include "holdfast/err.h"
#include "vault/storage.h"
#include "vault/vault.h"
#include "vault/vault_struct.h"

static const char *recovery_object(const struct vault *v, char name[NAMES_MAX],
                                   const uint8_t writer[16], const uint8_t store[16],
                                   uint32_t epoch)
{
	uint8_t recipient[16];
	seal_key_id(recipient, vault_charter(v)->recovery);
	return names_key(name, writer, store, epoch, recipient);
}

static int read_once(const struct vault *v, const char *name, struct storekey *k, struct buf *bytes,
                     struct err *err)
{
	uint8_t writer[16], store[16], recipient[16];
	uint32_t epoch;
	const struct charter_key *by = names_parse_key(name, writer, store, &epoch, recipient)
	                             ? charter_find(vault_charter(v), writer) : NULL;
	if (!by || !(by->roles & ROLE_WRITER))
		return err_set(err, ERR_CORRUPT, "%s: no writer of the charter has that key", name);
	if (storage_get_all(vault_storage(v), name, bytes, err) != 0)
		return err->code;
	if (storekey_verify(k, bytes->bytes, bytes->len, by->record, v->anchor.root, err) != 0)
		return err_wrap(err, "%s", name);
	if (memcmp(k->vault, vault_id(v), 16) != 0 || memcmp(k->writer, writer, 16) != 0 ||
	    memcmp(k->store, store, 16) != 0 || k->epoch != epoch)
		return err_set(err, ERR_CORRUPT, "%s: belongs to another place (was it swapped?)", name);
	return 0;
}

int vault_read_key(const struct vault *v, const char *name, struct storekey *k, struct buf *bytes,
                   struct err *err)
{
	size_t before = bytes->len;
	int rc;
	do {
		bytes->len = before;
		rc = read_once(v, name, k, bytes, err);
	} while (rc != 0 && vault_other_copy(v, name, err));
	return rc;
}

/* ---- making ---- */

/* Seal k to pk, signed by sk, and store it under its name. `tag` may be NULL. */
static int seal_and_put(const struct vault *v, const struct storekey *k, const uint8_t pk[32],
                        const uint8_t sk[SIGN_SECRET_BYTES], struct buf *bytes, char name[NAMES_MAX],
                        char tag[BACKEND_TAG_MAX], struct err *err)
{
	uint8_t recipient[16];
	seal_key_id(recipient, pk);
	names_key(name, k->writer, k->store, k->epoch, recipient);
	if (storekey_encode(k, pk, vault_psk(v), sk, bytes, err) != 0)
		return err_wrap(err, "%s", name);
	return storage_put_tagged(v->storage, name, bytes->bytes, bytes->len, BACKEND_NEW, tag, err);
}

static int put_for_recovery(const struct vault *v, const struct storekey *k,
                            char tag[BACKEND_TAG_MAX], struct err *err)
{
	char name[NAMES_MAX];
	AUTO(buf) bytes = buf_new(STOREKEY_MAX_BYTES, err);
	if (!bytes || seal_and_put(v, k, v->charter->recovery, v->key->record_sk->bytes, bytes, name,
	                           tag, err) != 0)
		return err->code;
	/* what is sealed to nobody cannot be read later: look at what the vault really holds */
	AUTO(buf) back = buf_new(STOREKEY_MAX_BYTES, err);
	if (!back || storage_get_all(v->storage, name, back, err) != 0)
		return err->code;
	if (back->len != bytes->len || memcmp(back->bytes, bytes->bytes, back->len) != 0)
		return err_set(err, ERR_CORRUPT, "%s: reads back differently", name);
	return 0;
}

/* Behind the one for recovery: if this is cut short, the next run sees it and makes another epoch. */
static int put_for_grants(const struct vault *v, const struct storekey *k, struct err *err)
{
	for (size_t i = 0; i < v->charter->n_keys; i++) {
		const struct charter_key *to = &v->charter->keys[i];
		char name[NAMES_MAX];
		if (!charter_granted(v->charter, to->id, k->writer, k->store))
			continue;
		AUTO(buf) bytes = buf_new(STOREKEY_MAX_BYTES, err);
		if (!bytes || seal_and_put(v, k, to->box, v->key->record_sk->bytes, bytes, name, NULL,
		                           err) != 0)
			return err->code;
	}
	return 0;
}

int vault_make_epoch(const struct vault *v, const char *store_name, uint32_t number,
                     struct vault_epoch *e, struct err *err)
{
	struct vault_epoch made = { .number = number, .whole = true, .granted = true };
	AUTO(secret) holder = secret_new(sizeof(struct storekey), err);
	if (!holder)
		return err->code;
	struct storekey *k = (struct storekey *)(void *)holder->bytes;
	memcpy(k->vault, vault_id(v), 16);
	memcpy(k->writer, v->key->id, 16);
	vault_store_id(v, store_name, k->store);
	k->epoch = number;
	snprintf(k->name, sizeof k->name, "%s", store_name);
	seal_keypair(k->pk, k->sk);
	if (put_for_recovery(v, k, made.tag, err) != 0 || put_for_grants(v, k, err) != 0)
		return err->code;
	memcpy(made.pk, k->pk, 32);
	*e = made;
	return 0;
}

int vault_pass_key(const struct vault *v, const struct storekey *k, const struct charter_key *to,
                   struct err *err)
{
	char name[NAMES_MAX];
	AUTO(buf) bytes = buf_new(STOREKEY_MAX_BYTES, err);
	return bytes ? seal_and_put(v, k, to->box, vault_root_sk(v), bytes, name, NULL, err) : err->code;
}

/* ---- listing ---- */

struct listing {
	struct vault_key_place *list;
	size_t n, cap;
};

static int add_place(void *arg, const struct backend_object *o, struct err *err)
{
	struct listing *l = arg;
	struct vault_key_place one;
	if (!names_parse_key(o->name, one.writer, one.store, &one.epoch, one.recipient))
		return 0;
	memcpy(one.tag, o->tag, sizeof one.tag);
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct vault_key_place *list = reallocarray(l->list, cap, sizeof *list);
		if (!list)
			return err_no_memory(err);
		l->list = list;
		l->cap = cap;
	}
	l->list[l->n++] = one;
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct vault_key_place *x = a, *y = b;
	int d = memcmp(x->writer, y->writer, 16);
	if (d == 0)
		d = memcmp(x->store, y->store, 16);
	if (d == 0)
		d = memcmp(x->recipient, y->recipient, 16);
	return d ? d : (x->epoch < y->epoch) - (x->epoch > y->epoch);
}

static int list_below(const struct vault *v, const char *prefix, struct listing *l, struct err *err)
{
	int rc = storage_list(v->storage, prefix, add_place, l, err);
	if (rc != 0)
		free(l->list);
	else if (l->n)
		qsort(l->list, l->n, sizeof *l->list, by_place);
	return rc;
}

int vault_list_keys(const struct vault *v, struct vault_key_place **list, size_t *n, struct err *err)
{
	struct listing l = { .n = 0 };
	int rc = list_below(v, NAMES_KEYS, &l, err);
	if (rc == 0) {
		*list = l.list;
		*n = l.n;
	}
	return rc;
}

/* The newest epoch sealed to pk (NULL: none), and how many there are from `oldest` on. */
static const struct vault_key_place *newest_for(const struct listing *l, const uint8_t pk[32],
                                                uint32_t oldest, uint32_t *n)
{
	uint8_t recipient[16];
	const struct vault_key_place *newest = NULL;
	seal_key_id(recipient, pk);
	*n = 0;
	for (size_t i = 0; i < l->n; i++) {
		if (memcmp(l->list[i].recipient, recipient, 16) != 0)
			continue;
		newest = newest ? newest : &l->list[i];
		*n += l->list[i].epoch >= oldest;
	}
	return newest;
}

/* A run that was under way when the grant came may have made an epoch without it. */
static bool sealed_to_grants(const struct vault *v, const struct listing *l, const uint8_t store[16],
                             uint32_t epoch)
{
	uint32_t n;
	for (size_t i = 0; i < v->charter->n_keys; i++) {
		const struct charter_key *to = &v->charter->keys[i];
		if (!charter_granted(v->charter, to->id, v->key->id, store))
			continue;
		const struct vault_key_place *theirs = newest_for(l, to->box, 1, &n);
		if (!theirs || theirs->epoch < epoch)
			return false;
	}
	return true;
}

static int newest_pk(const struct vault *v, const uint8_t store[16], uint32_t epoch, uint8_t pk[32],
                     struct err *err)
{
	struct storekey k;
	char name[NAMES_MAX];
	AUTO(buf) bytes = buf_new(STOREKEY_MAX_BYTES, err);
	recovery_object(v, name, v->key->id, store, epoch);
	if (!bytes || vault_read_key(v, name, &k, bytes, err) != 0)
		return err->code;
	memcpy(pk, k.pk, 32);
	return 0;
}

int vault_newest_epoch(const struct vault *v, const uint8_t store[16], uint32_t oldest,
                       const struct vault_epoch *known, struct vault_epoch *e, struct err *err)
{
	struct listing l = { .n = 0 };
	char prefix[NAMES_MAX];
	uint32_t n;
	*e = (struct vault_epoch){ .number = 0 };
	if (list_below(v, names_keys(prefix, v->key->id, store), &l, err) != 0)
		return err->code;
	const struct vault_key_place *newest = newest_for(&l, v->charter->recovery, oldest, &n);
	if (newest) {
		e->number = newest->epoch;
		memcpy(e->tag, newest->tag, sizeof e->tag);
	}
	e->whole = e->number >= oldest && n == e->number - oldest + 1;
	e->granted = sealed_to_grants(v, &l, store, e->number);
	free(l.list);
	if (known && known->number == e->number && known->tag[0] && strcmp(known->tag, e->tag) == 0) {
		memcpy(e->pk, known->pk, sizeof e->pk);
		return 0;
	}
	int rc = e->number == 0 ? 0 : newest_pk(v, store, e->number, e->pk, err);
	e->damaged = rc == ERR_CORRUPT || rc == ERR_LIMIT;
	return e->damaged ? 0 : rc;
}

/* ---- opening ---- */

/* The secret key that opens what is sealed to this recipient, or NULL. */
static const uint8_t *secret_for(const struct vault *v, const uint8_t recipient[16])
{
	uint8_t id[16];
	seal_key_id(id, v->charter->recovery);
	if (memcmp(id, recipient, 16) == 0)
		return vault_recovery_sk(v);
	if (!v->self)
		return NULL;
	seal_key_id(id, v->self->box);
	return memcmp(id, recipient, 16) == 0 ? v->key->box_sk->bytes : NULL;
}

int vault_open_key(const struct vault *v, const char *name, struct storekey *k, struct err *err)
{
	uint8_t writer[16], store[16], recipient[16];
	uint32_t epoch;
	AUTO(buf) bytes = buf_new(STOREKEY_MAX_BYTES, err);
	if (!bytes || vault_read_key(v, name, k, bytes, err) != 0)
		return err->code;
	names_parse_key(name, writer, store, &epoch, recipient);
	const uint8_t *sk = secret_for(v, recipient);
	if (sk && storekey_open(k, bytes->bytes, bytes->len, sk, vault_psk(v), err) != 0)
		return err_wrap(err, "%s", name);
	return 0;
}

/* What is not there for this machine may be there for recovery: then it was only not passed on. */
static int not_passed_on(const struct vault *v, const uint8_t writer[16], const uint8_t store[16],
                         uint32_t epoch, struct err *err)
{
	char name[NAMES_MAX];
	struct backend_object o;
	if (storage_stat(v->storage, recovery_object(v, name, writer, store, epoch), &o, err) != 0)
		return err->code;
	err_set(err, ERR_KEY, "the key of epoch %" PRIu32 " was not sealed to this machine (%s)", epoch,
	        v->self->name);
	return err_hint(err, "repeat the grant, with the recovery code: 'holdfast key grant %.64s STORE'",
	                v->self->name);
}

int vault_open_epoch(const struct vault *v, const uint8_t writer[16], const uint8_t store[16],
                     uint32_t epoch, struct storekey *out, struct err *err)
{
	char name[NAMES_MAX];
	uint8_t recipient[16];
	if (vault_need_store(v, writer, store, err) != 0)
		return err->code;
	if (vault_can_read(v))
		return vault_open_key(v, recovery_object(v, name, writer, store, epoch), out, err);
	seal_key_id(recipient, v->self->box);
	int rc = vault_open_key(v, names_key(name, writer, store, epoch, recipient), out, err);
	return rc == ERR_ABSENT ? not_passed_on(v, writer, store, epoch, err) : rc;
}

/* ---- which stores are there ---- */

static const char *known_name(const struct vault *v, const struct vault_key_place *p,
                              const char *const *known)
{
	if (!v->key || memcmp(v->key->id, p->writer, 16) != 0)
		return NULL;
	for (; known && *known; known++) {
		uint8_t id[16];
		vault_store_id(v, *known, id);
		if (memcmp(id, p->store, 16) == 0)
			return *known;
	}
	return NULL;
}

/* The keys of one store, and its name as far as it is known. */
struct named {
	const struct vault_key_place *list;
	size_t n;
	bool done;
	char name[STOREKEY_NAME_MAX + 1];
	char *damage;                    /* of the newest key that should tell it */
};

/* The newest of one store's keys that this machine opens and that is older than `below`. */
static const struct vault_key_place *newest_readable(const struct vault *v, const struct named *s,
                                                     uint64_t below)
{
	const struct vault_key_place *best = NULL;
	for (size_t i = 0; i < s->n; i++) {
		const struct vault_key_place *p = &s->list[i];
		if (p->epoch < below && secret_for(v, p->recipient) && (!best || p->epoch > best->epoch))
			best = p;
	}
	return best;
}

/* Whoever may write below keys/ can leave junk there: it must not be able to stop a recovery. */
static bool is_of_one_object(int code)
{
	return code == ERR_CORRUPT || code == ERR_ABSENT || code == ERR_LIMIT || code == ERR_NEWER;
}

static int read_name(const struct vault *v, struct named *s, const struct vault_key_place *p, struct err *err)
{
	struct storekey k;
	char name[NAMES_MAX];
	names_key(name, p->writer, p->store, p->epoch, p->recipient);
	int rc = vault_open_key(v, name, &k, err);
	sodium_memzero(k.sk, sizeof k.sk);
	if (rc == 0)
		snprintf(s->name, sizeof s->name, "%s", k.name);
	return rc;
}

/* All epochs tell the same name: where the newest is damaged, an older one does. */
static int read_any_name(const struct vault *v, struct named *s, struct err *err)
{
	const struct vault_key_place *p;
	if (!vault_reads_store(v, s->list->writer, s->list->store))
		return 0;
	for (uint64_t below = UINT64_MAX; (p = newest_readable(v, s, below)); below = p->epoch) {
		int rc = read_name(v, s, p, err);
		if (rc == 0 || !is_of_one_object(rc))
			return rc;
		if (!s->damage && !(s->damage = strdup(err->msg)))
			return err_no_memory(err);
	}
	return 0;
}

struct naming {
	const struct vault *vault;
	const char *const *known;
	struct named *stores;
	size_t n;
};

/* Sorted places begin with writer and store. */
static int group(struct naming *all, const struct vault_key_place *list, size_t n, struct err *err)
{
	all->stores = calloc(n + 1, sizeof *all->stores);
	if (!all->stores)
		return err_no_memory(err);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || memcmp(&list[i - 1], &list[i], 32) != 0)
			all->stores[all->n++].list = &list[i];
		all->stores[all->n - 1].n++;
	}
	return 0;
}

static int find_name(void *arg, uint64_t number, struct err *err)
{
	const struct naming *all = arg;
	struct named *s = &all->stores[number];
	const char *known = known_name(all->vault, s->list, all->known);
	if (known)
		snprintf(s->name, sizeof s->name, "%s", known);
	else if (read_any_name(all->vault, s, err) != 0)
		return err->code;
	s->done = true;
	return 0;
}

static int visit_one(const struct vault *v, const struct named *s, store_visit *visit, void *arg,
                     struct err *err)
{
	const struct charter_key *by = charter_find(v->charter, s->list->writer);
	struct store_info info = { .name = s->name[0] ? s->name : NULL,
	                           .writer_name = by ? by->name : "",
	                           .damage = s->name[0] ? NULL : s->damage };
	memcpy(info.writer, s->list->writer, 16);
	memcpy(info.store, s->list->store, 16);
	return visit(arg, &info, err);
}

/* What cannot be named ends it, after those before it. */
static int visit_all(struct naming *all, store_visit *visit, void *arg, struct err *err)
{
	struct err why = { 0 };
	crew_run(vault_at_once(all->vault), all->n, find_name, all, &why);
	for (size_t i = 0; i < all->n && all->stores[i].done; i++) {
		int rc = visit_one(all->vault, &all->stores[i], visit, arg, err);
		if (rc != 0)
			return rc;
	}
	if (why.code != ERR_NONE)
		*err = why;
	return why.code;
}

int vault_stores(struct vault *v, const char *const *known, store_visit *visit, void *arg,
                 struct err *err)
{
	struct vault_key_place *list;
	size_t n;
	struct naming all = { .vault = v, .known = known };
	int rc = vault_list_keys(v, &list, &n, err);
	if (rc != 0)
		return rc;
	rc = group(&all, list, n, err) == 0 ? visit_all(&all, visit, arg, err) : err->code;
	for (size_t i = 0; i < all.n; i++)
		free(all.stores[i].damage);
	free(all.stores);
	free(list);
	return rc;
}
