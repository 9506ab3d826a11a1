#include "vault/inventory.h"

#include <stdlib.h>
#include <string.h>

#include "format/names.h"
#include "holdfast/err.h"
#include "vault/storage.h"
#include "vault/vault.h"

struct listing {
	struct inventory *to;
	char folder[NAMES_MAX];
};

static int add_pack(void *arg, const struct backend_object *o, struct err *err)
{
	struct listing *l = arg;
	struct inventory *i = l->to;
	if (i->n == i->cap) {
		size_t cap = i->cap ? i->cap * 2 : 64;
		struct inventory_pack *packs = realloc(i->packs, cap * sizeof *packs);
		if (!packs)
			return err_set(err, ERR_NOMEM, "out of memory");
		i->packs = packs;
		i->cap = cap;
	}
	struct inventory_pack *p = &i->packs[i->n];
	*p = (struct inventory_pack){ .size = o->size_bytes };
	/* a stranger among them stops nothing; check names it */
	i->n += names_directly_in(l->folder, o->name) && names_tail_id(o->name, p->id, sizeof p->id);
	return 0;
}

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, 32);   /* the id is the first member */
}

static struct inventory_pack *lookup(const struct inventory *i, const uint8_t id[32])
{
	return i->n ? bsearch(id, i->packs, i->n, sizeof *i->packs, by_id) : NULL;
}

static int mark_doomed(void *arg, const struct backend_object *o, struct err *err)
{
	uint8_t id[32];
	(void)err;
	struct inventory_pack *p = names_tail_id(o->name, id, sizeof id) ? lookup(arg, id) : NULL;
	if (p)
		p->doomed = true;
	return 0;
}

struct inventory *inventory_load(const struct vault *v, const uint8_t writer[16],
                                 const uint8_t store[16], struct err *err)
{
	char prefix[NAMES_MAX];
	AUTO(inventory) i = calloc(1, sizeof *i);
	if (!i) {
		err_set(err, ERR_NOMEM, "out of memory");
		return NULL;
	}
	struct listing l = { .to = i };
	if (storage_list(vault_storage(v), names_packs(l.folder, writer, store), add_pack, &l, err) != 0)
		return NULL;
	if (i->n)
		qsort(i->packs, i->n, sizeof *i->packs, by_id);
	if (storage_list(vault_storage(v), names_doomed(prefix, writer), mark_doomed, i, err) != 0)
		return NULL;
	return TAKE(i);
}

void inventory_free(struct inventory *i)
{
	if (!i)
		return;
	free(i->packs);
	free(i);
}

struct inventory_pack *inventory_find(const struct inventory *i, const uint8_t id[32],
                                      uint64_t size)
{
	struct inventory_pack *p = lookup(i, id);
	return p && p->size == size && !p->doomed ? p : NULL;
}
