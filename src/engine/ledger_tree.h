/*
 * ledger_tree - one whole log, read and hashed: every entry, every tile, by all cores.
 *
 * In memory stay the hashes over whole tiles of 256 entries and the nodes above them: 64 bytes for
 * 256 entries. The leaves of a tile are read again where they are needed.
 */
#ifndef LEDGER_TREE_H
#define LEDGER_TREE_H

#include <pthread.h>
#include <stdint.h>

#include "base/scope.h"
#include "format/note.h"
#include "format/tiles.h"

struct err;
struct vault;

enum { TREE_LEVELS = 40 };

struct ledger_tree {
	const struct vault *vault;
	uint8_t key[16];
	uint64_t size;
	uint8_t (*nodes[TREE_LEVELS])[MERKLE_BYTES];   /* by level, from 8 on; size >> level of them */
	uint8_t last[TILES_WIDTH][MERKLE_BYTES];       /* leaves of the partial tile */
	bool broken;                 /* something is missing: the root cannot be computed */
	bool sound;                  /* the root is the checkpoint's, and nothing is missing or changed */
	struct buf *have;            /* leaves of the full tile `have_n`, read again */
	uint64_t have_n;
};

struct ledger_tree_reader {
	/* Each entry, from any thread, in no order. Errors end the reading. */
	int (*entry)(void *arg, uint64_t index, const uint8_t *entry, size_t len, struct err *err);
	/* What is missing or changed, from any thread. */
	void (*problem)(void *arg, const struct err *problem);
	void *arg;
};

/* Read a log up to its checkpoint. What is wrong with it is told to the reader; NULL only when it could
 * not be read: storage errors, ERR_NOMEM, ERR_LIMIT. */
struct ledger_tree *ledger_tree_read(const struct vault *v, const uint8_t key[16],
                                     const struct note *checkpoint,
                                     const struct ledger_tree_reader *reader, struct err *err);
void ledger_tree_free(struct ledger_tree *t);
AUTO_FREE(ledger_tree);

/* Are these bytes the tile that was verified? */
bool ledger_tree_fits(const struct ledger_tree *t, const struct tile *tile, const struct buf *bytes);

/* The root over the first n entries, n at most its size; not if it is broken. ERR_CORRUPT, storage
 * errors. */
int ledger_tree_root(struct ledger_tree *t, uint64_t n, uint8_t out[MERKLE_BYTES], struct err *err);

#endif
