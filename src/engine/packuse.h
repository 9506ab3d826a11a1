/* packuse - packs with chunks of content-defined files, and how much of each a snapshot uses: every
 * chunk counts once, however many files share it. Used by one thread at a time. */
#ifndef PACKUSE_H
#define PACKUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/scope.h"
#include "vault/extents.h"

struct err;

struct packuse_pack {
	uint32_t serial, size;
	uint8_t id[32];
	uint64_t weight;          /* bytes of its chunks */
	uint64_t live;            /* of that, what is in use */
	uint32_t chunks;          /* ordinals given out */
	bool acknowledged;        /* the vault has it: id, size and weight are known */
	bool evacuate;            /* its chunks in use are to be stored again */
	uint64_t *used;           /* a bit for each chunk */
	uint32_t words;
};

struct packuse {
	struct packuse_pack *packs;   /* ascending serials */
	uint32_t n, cap;
};

struct packuse *packuse_new(struct err *err);
void packuse_free(struct packuse *u);
AUTO_FREE(packuse);

/* NULL if it is not there. Valid until the next packuse_add. */
struct packuse_pack *packuse_find(const struct packuse *u, uint32_t serial);

/* The pack, added if it is not there. NULL with ERR_NOMEM. */
struct packuse_pack *packuse_add(struct packuse *u, uint32_t serial, struct err *err);

/* Are all these extents in packs that are known and not to be evacuated? */
bool packuse_holds(const struct packuse *u, const struct extent *list, size_t n);

/* Count these extents as used. Their packs are known. ERR_NOMEM. */
int packuse_mark(struct packuse *u, const struct extent *list, size_t n, struct err *err);

#endif
