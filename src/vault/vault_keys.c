/* Store keys in keys/: made by writers, opened by whoever holds the recovery secret. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "format/names.h"
#include "holdfast/err.h"
#include "vault/storage.h"
#include "vault/vault.h"

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
	if (!by)
		return err_set(err, ERR_CORRUPT, "%s: its writer is not in the charter", name);
	if (storage_get_all(vault_storage(v), name, bytes, err) != 0)
		return err->code;
	if (storekey_verify(k, bytes->bytes, bytes->len, by->record, err) != 0)
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

static int encode_and_put(const struct vault *v, struct storekey *k, const char *name,
                          struct err *err)
{
	const struct keyfile *key = vault_keyfile(v);
	AUTO(buf) bytes = buf_new(STOREKEY_MAX_BYTES, err);
	if (!bytes || storekey_encode(k, vault_charter(v)->recovery, vault_psk(v),
	                              key->record_sk->bytes, bytes, err) != 0)
		return err->code;
	if (storage_put(vault_storage(v), name, bytes->bytes, bytes->len, BACKEND_NEW, err) != 0)
		return err->code;
	/* what is sealed to nobody cannot be read later: look at what the vault really holds */
	AUTO(buf) back = buf_new(STOREKEY_MAX_BYTES, err);
	if (!back || storage_get_all(vault_storage(v), name, back, err) != 0)
		return err->code;
	if (back->len != bytes->len || memcmp(back->bytes, bytes->bytes, back->len) != 0)
		return err_set(err, ERR_CORRUPT, "%s: reads back differently", name);
	return 0;
}

int vault_make_epoch(const struct vault *v, const char *store_name, uint32_t epoch,
                     uint8_t pk[32], struct err *err)
{
	const struct keyfile *key = vault_keyfile(v);
	char name[NAMES_MAX];
	AUTO(secret) holder = secret_new(sizeof(struct storekey), err);
	if (!holder)
		return err->code;
	struct storekey *k = (struct storekey *)(void *)holder->bytes;
	memcpy(k->vault, vault_id(v), 16);
	memcpy(k->writer, key->id, 16);
	vault_store_id(v, store_name, k->store);
	k->epoch = epoch;
	snprintf(k->name, sizeof k->name, "%s", store_name);
	seal_keypair(k->pk, k->sk);
	recovery_object(v, name, key->id, k->store, epoch);
	if (encode_and_put(v, k, name, err) != 0)
		return err->code;
	memcpy(pk, k->pk, 32);
	return 0;
}

struct newest {
	const struct vault *v;
	uint32_t epoch;
	uint32_t oldest, n;      /* epochs from `oldest` on */
	char name[NAMES_MAX];
};

static int newer(void *arg, const struct backend_object *o, struct err *err)
{
	struct newest *n = arg;
	uint8_t writer[16], store[16], recipient[16], mine[16];
	uint32_t epoch;
	(void)err;
	seal_key_id(mine, vault_charter(n->v)->recovery);
	if (!names_parse_key(o->name, writer, store, &epoch, recipient) ||
	    memcmp(recipient, mine, 16) != 0)
		return 0;
	n->n += epoch >= n->oldest;
	if (epoch > n->epoch) {
		n->epoch = epoch;
		snprintf(n->name, sizeof n->name, "%s", o->name);
	}
	return 0;
}

int vault_newest_epoch(const struct vault *v, const uint8_t store[16], uint32_t oldest,
                       uint32_t *epoch, uint8_t pk[32], bool *whole, struct err *err)
{
	const struct keyfile *key = vault_keyfile(v);
	struct newest n = { .v = v, .oldest = oldest };
	char prefix[NAMES_MAX];
	if (storage_list(vault_storage(v), names_keys(prefix, key->id, store), newer, &n, err) != 0)
		return err->code;
	*epoch = n.epoch;
	*whole = n.epoch >= oldest && n.n == n.epoch - oldest + 1;
	if (n.epoch == 0)
		return 0;
	struct storekey k;
	AUTO(buf) bytes = buf_new(STOREKEY_MAX_BYTES, err);
	if (!bytes || vault_read_key(v, n.name, &k, bytes, err) != 0)
		return err->code;
	memcpy(pk, k.pk, 32);
	return 0;
}

int vault_open_epoch(const struct vault *v, const uint8_t writer[16], const uint8_t store[16],
                     uint32_t epoch, struct storekey *out, struct err *err)
{
	char name[NAMES_MAX];
	AUTO(buf) bytes = buf_new(STOREKEY_MAX_BYTES, err);
	if (!bytes || vault_need_reader(v, err) != 0)
		return err->code;
	recovery_object(v, name, writer, store, epoch);
	if (vault_read_key(v, name, out, bytes, err) != 0)
		return err->code;
	if (storekey_open(out, bytes->bytes, bytes->len, vault_recovery_sk(v), vault_psk(v), err) != 0)
		return err_wrap(err, "%s", name);
	return 0;
}

/* ---- which stores are there ---- */

struct found {
	uint8_t writer[16], store[16];
	uint32_t epoch;          /* the newest */
};

struct finding {
	struct found *list;
	size_t n, cap;
};

static int find(void *arg, const struct backend_object *o, struct err *err)
{
	struct finding *f = arg;
	struct found one;
	uint8_t recipient[16];
	if (!names_parse_key(o->name, one.writer, one.store, &one.epoch, recipient))
		return 0;
	if (f->n == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 64;
		struct found *list = realloc(f->list, cap * sizeof *list);
		if (!list)
			return err_set(err, ERR_NOMEM, "out of memory");
		f->list = list;
		f->cap = cap;
	}
	f->list[f->n++] = one;
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	int d = memcmp(x, y, 32);   /* writer, then store */
	return d ? d : (x->epoch < y->epoch) - (x->epoch > y->epoch);
}

static const char *known_name(const struct vault *v, const struct found *f,
                              const char *const *known)
{
	const struct keyfile *key = vault_keyfile(v);
	if (!key || memcmp(key->id, f->writer, 16) != 0)
		return NULL;
	for (; known && *known; known++) {
		uint8_t id[16];
		vault_store_id(v, *known, id);
		if (memcmp(id, f->store, 16) == 0)
			return *known;
	}
	return NULL;
}

static int visit_one(struct vault *v, const struct found *f, const char *const *known,
                     store_visit *visit, void *arg, struct err *err)
{
	struct storekey k;
	const struct charter_key *by = charter_find(vault_charter(v), f->writer);
	struct store_info info = { .name = known_name(v, f, known), .writer_name = by ? by->name : "" };
	memcpy(info.writer, f->writer, 16);
	memcpy(info.store, f->store, 16);
	if (!info.name && vault_can_read(v)) {
		if (vault_open_epoch(v, f->writer, f->store, f->epoch, &k, err) != 0)
			return err->code;
		sodium_memzero(k.sk, sizeof k.sk);
		info.name = k.name;
	}
	return visit(arg, &info, err);
}

int vault_stores(struct vault *v, const char *const *known, store_visit *visit, void *arg,
                 struct err *err)
{
	struct finding f = { 0 };
	int rc = storage_list(vault_storage(v), NAMES_KEYS, find, &f, err);
	if (f.n)
		qsort(f.list, f.n, sizeof *f.list, by_place);
	for (size_t i = 0; rc == 0 && i < f.n; i++)
		if (i == 0 || memcmp(&f.list[i], &f.list[i - 1], 32) != 0)
			rc = visit_one(v, &f.list[i], known, visit, arg, err);
	free(f.list);
	return rc;
}
