#include "engine/usage.h"

#include <stdlib.h>

#include "holdfast/err.h"
#include "vault/state.h"

struct usage *usage_new(uint32_t first, uint32_t end, struct err *err)
{
	struct usage *u = calloc(1, sizeof *u);
	if (u) {
		u->first = first;
		u->n = end > u->first ? end - u->first : 0;
		u->packs = calloc(u->n + 1u, sizeof *u->packs);
	}
	if (u && u->packs)
		return u;
	free(u);
	err_no_memory(err);
	return NULL;
}

void usage_free(struct usage *u)
{
	if (!u)
		return;
	free(u->packs);
	free(u);
}

bool usage_count(struct usage *u, uint32_t word, uint32_t units)
{
	uint32_t index = (word & ~STATE_PACK_ZERO) - u->first;
	if (index >= u->n)
		return false;
	if (word & STATE_PACK_ZERO)
		u->packs[index].zeros += units;
	else
		u->packs[index].live += units;
	return true;
}

void usage_add(struct usage *to, const struct usage *from)
{
	for (uint32_t i = 0; i < to->n && i < from->n; i++) {
		to->packs[i].live += from->packs[i].live;
		to->packs[i].zeros += from->packs[i].zeros;
	}
}

bool usage_matches(const struct usage *u, const struct state *base)
{
	uint32_t at = 0;
	for (uint32_t i = 0; i < u->n; i++) {
		const struct state_pack *p = at < base->n_packs ? &base->packs[at] : NULL;
		bool listed = p && p->serial == u->first + i;
		if (u->packs[i].live != (listed ? p->live : 0) ||
		    u->packs[i].zeros != (listed ? p->zeros : 0))
			return false;
		at += listed;
	}
	return at == base->n_packs;
}
