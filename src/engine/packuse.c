#include "engine/packuse.h"

#include <stdlib.h>
#include <string.h>

#include "holdfast/err.h"

struct packuse *packuse_new(struct err *err)
{
	struct packuse *u = calloc(1, sizeof *u);
	if (!u)
		err_no_memory(err);
	return u;
}

void packuse_free(struct packuse *u)
{
	if (!u)
		return;
	for (uint32_t i = 0; i < u->n; i++)
		free(u->packs[i].used);
	free(u->packs);
	free(u);
}

/* Where it is, or belongs. Mostly it is the last or a new one. */
static uint32_t position(const struct packuse *u, uint32_t serial)
{
	if (u->n == 0 || u->packs[u->n - 1].serial < serial)
		return u->n;
	uint32_t low = 0, high = u->n;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (u->packs[mid].serial < serial)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct packuse_pack *packuse_find(const struct packuse *u, uint32_t serial)
{
	uint32_t at = position(u, serial);
	return at < u->n && u->packs[at].serial == serial ? &u->packs[at] : NULL;
}

struct packuse_pack *packuse_add(struct packuse *u, uint32_t serial, struct err *err)
{
	uint32_t at = position(u, serial);
	if (at < u->n && u->packs[at].serial == serial)
		return &u->packs[at];
	if (u->n == u->cap) {
		uint32_t cap = u->cap ? u->cap * 2 : 16;
		struct packuse_pack *packs = realloc(u->packs, cap * sizeof *packs);
		if (!packs) {
			err_no_memory(err);
			return NULL;
		}
		u->packs = packs;
		u->cap = cap;
	}
	struct packuse_pack *p = &u->packs[at];
	memmove(p + 1, p, (u->n - at) * sizeof *p);
	u->n++;
	*p = (struct packuse_pack){ .serial = serial };
	return p;
}

bool packuse_holds(const struct packuse *u, const struct extent *list, size_t n)
{
	const struct packuse_pack *p = NULL;
	for (size_t i = 0; i < n; i++) {
		if (list[i].serial == 0)
			continue;
		if (!p || p->serial != list[i].serial)
			p = packuse_find(u, list[i].serial);
		if (!p || p->evacuate)
			return false;
	}
	return true;
}

static int grow(struct packuse_pack *p, uint32_t ordinal, struct err *err)
{
	uint32_t words = ordinal / 64 + 1;
	if (words <= p->words)
		return 0;
	if (words < p->chunks / 64 + 1)
		words = p->chunks / 64 + 1;
	if (words < 2 * p->words)
		words = 2 * p->words;
	uint64_t *used = realloc(p->used, words * sizeof *used);
	if (!used)
		return err_no_memory(err);
	memset(used + p->words, 0, (words - p->words) * sizeof *used);
	p->used = used;
	p->words = words;
	return 0;
}

int packuse_mark(struct packuse *u, const struct extent *list, size_t n, struct err *err)
{
	struct packuse_pack *p = NULL;
	for (size_t i = 0; i < n; i++) {
		const struct extent *e = &list[i];
		if (e->serial == 0)
			continue;
		if (!p || p->serial != e->serial)
			p = packuse_find(u, e->serial);
		if (!p)
			return err_set(err, ERR_INVALID, "pack %u is not known", (unsigned)e->serial);
		if (grow(p, e->ordinal, err) != 0)
			return err->code;
		uint64_t bit = UINT64_C(1) << e->ordinal % 64;
		if (!(p->used[e->ordinal / 64] & bit))
			p->live += e->length;
		p->used[e->ordinal / 64] |= bit;
	}
	return 0;
}
