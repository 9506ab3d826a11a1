#include "engine/evacuation.h"

#include <stdlib.h>
#include <string.h>

static const double fetch_limit = 1.5;
/* A store that changes by more than this empties its packs by itself. */
static const double churn_limit = 0.5;
enum { COUNT_FACTOR = 2, COUNT_FLOOR = 256 };

struct rank {
	double share, used;   /* used: stored bytes in use */
	uint64_t size;
	size_t index;
};

/* Equal shares: the oldest first, so that the choice is the same everywhere. */
static int by_share(const void *a, const void *b)
{
	const struct rank *x = a, *y = b;
	int order = (x->share > y->share) - (x->share < y->share);
	return order ? order : (x->index > y->index) - (x->index < y->index);
}

static struct rank rank_of(const struct evacuation_pack *p, size_t index)
{
	double share = p->weight ? (double)p->live / (double)p->weight : 0;
	if (share > 1)
		share = 1;
	return (struct rank){ share, share * (double)p->size, p->size, index };
}

void evacuation_choose(const struct evacuation_pack *packs, size_t n, double churn,
                       uint64_t full_packs, bool *chosen)
{
	memset(chosen, 0, n * sizeof *chosen);
	struct rank *order = calloc(n + 1, sizeof *order);
	if (!order)
		return;
	double used = 0, staying = 0, moved = 0;
	if (churn > churn_limit)
		churn = churn_limit;
	for (size_t i = 0; i < n; i++) {
		order[i] = rank_of(&packs[i], i);
		used += order[i].used;
		staying += (double)order[i].size;
	}
	qsort(order, n, sizeof *order, by_share);
	uint64_t most = COUNT_FACTOR * full_packs + COUNT_FLOOR;
	for (size_t i = 0; i < n; i++) {
		double fetched = staying + moved * (1 - churn) + used * churn;
		if (fetched <= fetch_limit * used && n - i <= most)
			break;
		chosen[order[i].index] = true;
		staying -= (double)order[i].size;
		moved += order[i].used;
	}
	free(order);
}
