#include "engine/ledger_adopt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "engine/ledger_facts.h"
#include "engine/ledger_read.h"
#include "format/names.h"
#include "holdfast/backend.h"
#include "holdfast/err.h"
#include "vault/heads.h"
#include "vault/ledger.h"
#include "vault/pending.h"
#include "vault/storage.h"
#include "vault/vault.h"

void adopted_free(struct adopted *a)
{
	if (!a)
		return;
	free(a->items);
	free(a);
}

static int add(struct adopted *a, const struct entry_item *item, struct err *err)
{
	if (a->n == a->cap) {
		size_t cap = a->cap ? a->cap * 2 : 64;
		struct entry_item *grown = reallocarray(a->items, cap, sizeof *grown);
		if (!grown)
			return err_no_memory(err);
		a->items = grown;
		a->cap = cap;
	}
	a->items[a->n++] = *item;
	return 0;
}

/* ---- what a killed run noted ---- */

static int adopt_noted(struct adopted *a, const struct vault *v, const struct entry_item *item,
                       struct err *err)
{
	if (!entry_is_snapshot(item))
		return add(a, item, err);
	AUTO(heads_entry) e = heads_load(v, vault_keyfile(v)->id, item->store, item->number, false, err);
	if (e)
		return memcmp(e->hash, item->hash, 32) == 0 ? add(a, item, err) : 0;
	/* it was killed before the put; damage is for others to tell */
	return err->code == ERR_ABSENT || err->code == ERR_CORRUPT || err->code == ERR_FORK ? 0 : err->code;
}

/* ---- where nothing is remembered ---- */

struct search {
	struct vault *vault;
	struct adopted *adopted;
	struct ledger_facts *facts;
	const struct entry_item *own;
	size_t n_own;
};

static int take_in(void *arg, uint64_t index, const uint8_t *entry, size_t len, struct err *err)
{
	struct search *s = arg;
	int rc = ledger_facts_add(s->facts, s->vault, vault_keyfile(s->vault)->id, index, entry, len, err);
	/* an entry whose list is gone tells of nothing: what it told of is adopted */
	return rc == ERR_CORRUPT || rc == ERR_ABSENT || rc == ERR_NEWER ? 0 : rc;
}

static bool is_logged(const struct search *s, const struct entry_item *item)
{
	struct fact_snapshot wanted = { .seq = item->number };
	memcpy(wanted.writer, vault_keyfile(s->vault)->id, 16);
	memcpy(wanted.store, item->store, 16);
	memcpy(wanted.head, item->hash, 32);
	for (size_t i = 0; i < s->n_own; i++)
		if (entry_is_snapshot(&s->own[i]) && s->own[i].number == item->number &&
		    memcmp(s->own[i].store, item->store, 16) == 0)
			return true;
	for (size_t i = 0; i < s->adopted->n; i++)
		if (entry_is_snapshot(&s->adopted->items[i]) &&
		    s->adopted->items[i].number == item->number &&
		    memcmp(s->adopted->items[i].store, item->store, 16) == 0)
			return true;
	return ledger_facts_snapshot(s->facts, &wanted) != NULL;
}

static int adopt_stored(void *arg, const struct backend_object *o, struct err *err)
{
	struct search *s = arg;
	const uint8_t *key = vault_keyfile(s->vault)->id;
	struct entry_item item = { .did = DID_FULL };
	char prefix[NAMES_MAX], folder[NAMES_MAX], hex[33];
	snprintf(hex, sizeof hex, "%.32s", o->name + strlen(names_writer(prefix, key)));
	if (!hex_decode(item.store, 16, hex))
		return 0;
	names_snapshots(folder, key, item.store);
	if (!names_directly_in(folder, o->name) || !names_tail_number(o->name, &item.number))
		return 0;
	AUTO(heads_entry) e = heads_load(s->vault, key, item.store, item.number, false, err);
	if (!e)
		return err->code == ERR_CORRUPT || err->code == ERR_FORK || err->code == ERR_ABSENT ? 0
		                                                                                 : err->code;
	memcpy(item.hash, e->hash, 32);
	item.did = (enum entry_did)e->head.kind;
	return is_logged(s, &item) ? 0 : add(s->adopted, &item, err);
}

static int adopt_all(struct search *s, struct err *err)
{
	char prefix[NAMES_MAX];
	struct note note;
	const uint8_t *key = vault_keyfile(s->vault)->id;
	int rc = ledger_read(s->vault, key, &note, NULL, take_in, s, err);
	if (rc != 0 && rc != ERR_ABSENT)
		return rc;
	ledger_facts_sort(s->facts);
	return storage_list(vault_storage(s->vault), names_writer(prefix, key), adopt_stored, s, err);
}

struct adopted *ledger_adopt(struct vault *v, const struct ledger *l, const struct pending_left *left,
                             const struct entry_item *own, size_t n_own, struct err *err)
{
	AUTO(adopted) a = calloc(1, sizeof *a);
	AUTO(ledger_facts) facts = a ? ledger_facts_new(err) : NULL;
	if (!facts) {
		err_no_memory(err);
		return NULL;
	}
	struct search s = { v, a, facts, own, n_own };
	for (size_t i = 0; i < left->n; i++)
		if (adopt_noted(a, v, &left->items[i], err) != 0)
			return NULL;
	if (ledger_is_new(l) && adopt_all(&s, err) != 0)
		return NULL;
	return TAKE(a);
}
