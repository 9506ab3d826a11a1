/*
 * logedge - the right edge of this machine's own log, kept between appends, so that an append reads
 * nothing; and what is about to be appended, so that a crash loses nothing.
 *
 *   STATE/<vault-id>/ledger/edge     size, root, the hashes and entries of the partial tiles
 *   STATE/<vault-id>/ledger/intent   entries, and the size and root they are to be added to: by an append
 *                                    that is under way, or, where they are kept, by the next one
 *
 * Both end in a keyed checksum. The intent is synced; the edge is not: it can be read from the vault.
 */
#ifndef LOGEDGE_H
#define LOGEDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/scope.h"
#include "format/note.h"
#include "format/tiles.h"

struct buf;
struct err;
struct vault;

struct logedge {
	struct tiles_edge tiles;
	uint8_t root[32];
	struct buf *bundle;          /* entries of the partial tile */
	uint8_t covered[32];         /* the list of stores that was put last */
};

struct logedge *logedge_new(struct err *err);
void logedge_free(struct logedge *e);
AUTO_FREE(logedge);

/* NULL with ERR_ABSENT, ERR_CORRUPT (checksum), ERR_IO. */
struct logedge *logedge_load(const struct vault *v, struct err *err);
int logedge_store(const struct vault *v, const struct logedge *e, struct err *err);

/* From the vault's tiles, for a checkpoint of this machine's log. NULL with ERR_ABSENT, ERR_CORRUPT
 * (they do not lead to its root), storage errors. */
struct logedge *logedge_read(const struct vault *v, const struct note *checkpoint, struct err *err);

struct logintent {
	uint64_t size;               /* of the log before */
	uint8_t root[32];
	struct buf *entries;         /* as in a bundle (tiles.h) */
	uint64_t n;
	bool kept;                   /* no append has begun with them: none of them is in the vault */
};
struct logintent *logintent_new(struct err *err);
void logintent_free(struct logintent *i);
AUTO_FREE(logintent);

/* NULL with ERR_ABSENT, ERR_CORRUPT, ERR_IO. */
struct logintent *logintent_load(const struct vault *v, struct err *err);
int logintent_store(const struct vault *v, const struct logintent *i, struct err *err);
int logintent_remove(const struct vault *v, struct err *err);

#endif
