#include "engine/chain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "format/names.h"
#include "holdfast/err.h"
#include "holdfast/snapshot.h"
#include "vault/heads.h"

int chain_verify(const struct heads_entry *before, const struct heads_entry *e, struct err *err)
{
	const struct head *h = &e->head;
	if (before->head.seq + 1 != h->seq || memcmp(before->hash, h->prev, 32) == 0)
		return 0;
	char name[NAMES_MAX], older[NAMES_MAX];
	names_snapshot(name, h->writer, h->store, h->seq);
	names_snapshot(older, h->writer, h->store, before->head.seq);
	err_set(err, ERR_FORK, "snapshot %s: does not follow %s: it was made after another snapshot %"
	        PRIu64, name, older, before->head.seq);
	return err_hint(err, "a copied or restored machine, or a vault that was rolled back: find out "
	                "which of the two machines is the real one before the next backup");
}

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, PACK_ID_BYTES);   /* the id is the first member */
}

/* Packs of e that `before` does not list. */
static int count_new(struct snapshot_info *info, const struct heads_entry *before,
                     const struct heads_entry *e, struct err *err)
{
	size_t n = before->head.n_packs;
	struct head_pack *known = malloc((n + 1) * sizeof *known);
	if (!known)
		return err_no_memory(err);
	if (n > 0) {
		memcpy(known, before->head.packs, n * sizeof *known);
		qsort(known, n, sizeof *known, by_id);
	}
	for (uint32_t i = 0; i < e->head.n_packs; i++) {
		const struct head_pack *p = &e->head.packs[i];
		if (n > 0 && bsearch(p, known, n, sizeof *known, by_id))
			continue;
		info->new_packs++;
		info->new_bytes += p->size;
	}
	free(known);
	return 0;
}

int chain_describe(struct snapshot_info *info, const struct heads_entry *before,
                   const struct heads_entry *e, struct err *err)
{
	const struct head *h = &e->head;
	struct snapshot_info i = { .seq = h->seq, .time_s = (int64_t)h->time_s,
	                           .kind = (enum snapshot_kind)h->kind, .epoch = h->epoch,
	                           .packs = h->n_packs };
	for (uint32_t p = 0; p < h->n_packs; p++)
		i.listed_bytes += h->packs[p].size;
	hex_encode(i.id, e->hash, 8);
	if (before && count_new(&i, before, e, err) != 0)
		return err->code;
	if (!before && i.kind == SNAPSHOT_FULL) {
		/* a full lists nothing that is older than itself */
		i.new_packs = i.packs;
		i.new_bytes = i.listed_bytes;
	}
	*info = i;
	return 0;
}
