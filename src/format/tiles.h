/*
 * tiles - how a log lies in storage: C2SP tlog-tiles (c2sp.org/tlog-tiles). Pure.
 *
 *   checkpoint                   the signed root (note.h)
 *   tile/<L>/<N>[.p/<W>]         256 hashes of 32 bytes, those of tree level 8 L from 256 N on; a
 *                                partial tile has its W hashes and its width in its name
 *   tile/entries/<N>[.p/<W>]     the entries themselves: for each a length (16 bits, big-endian) and
 *                                its bytes
 *
 * <N> is decimal in groups of three digits, all but the last with an 'x' before: x001/x234/067. A
 * tile of level L + 1 holds one hash for each full tile of level L. Full tiles never change.
 */
#ifndef TILES_H
#define TILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/merkle.h"

struct buf;
struct err;
struct wire;

enum {
	TILES_WIDTH = 256,
	TILES_HASHES_BYTES = TILES_WIDTH * MERKLE_BYTES,
	TILES_ENTRY_MAX = 65535,
	TILES_BUNDLE_MAX = TILES_WIDTH * (2 + TILES_ENTRY_MAX),
	TILES_LEVELS = 5,            /* hash tiles of levels 0 to 4 */
	TILES_ENTRIES = -1,          /* in place of a level */
	TILES_PATH_MAX = 48,
};
#define TILES_SIZE_MAX (UINT64_C(1) << 36)   /* entries of a log: a fifth level of tiles is not full */

/* Which tile: level (or TILES_ENTRIES), number, and how many of its 256 places are taken. */
struct tile {
	int level;
	uint64_t n;
	unsigned width;
};

/* tile/...; out holds TILES_PATH_MAX. Returns out. */
const char *tiles_path(char *out, const struct tile *t);

/* The reverse. False if this is no tile's path. */
bool tiles_parse(const char *path, struct tile *out);

/* How many hashes of level 8 * level (entries: entries) a log of `size` has. */
uint64_t tiles_count(uint64_t size, int level);

/* Tile n of a level in a log of `size`: its width is 0 if there is none. */
struct tile tiles_of(uint64_t size, int level, uint64_t n);

/* Append one entry to a bundle. ERR_LIMIT, ERR_NOMEM. */
int tiles_add_entry(struct buf *bundle, const void *entry, size_t len, struct err *err);

/* The next entry of a bundle in place; false at its end, or if it is malformed: then wire_done is
 * false too. */
bool tiles_next_entry(struct wire *bundle, const uint8_t **entry, size_t *len);

/*
 * The right edge of a growing log: the hashes that stand in its partial tiles. It is all that is
 * needed to add to the log, and to tell its root.
 */
struct tiles_edge {
	uint64_t size;
	uint8_t hashes[TILES_LEVELS][TILES_WIDTH][MERKLE_BYTES];
};

/* A tile of hashes has become full. */
typedef int tiles_full(void *arg, const struct tile *t, const uint8_t hashes[][MERKLE_BYTES],
                       struct err *err);

/* Add a leaf. Errors are the callback's, which is called for each level that fills; ERR_LIMIT. On an
 * error the edge is of no more use. */
int tiles_edge_add(struct tiles_edge *e, const uint8_t leaf[MERKLE_BYTES], tiles_full *full,
                   void *arg, struct err *err);
void tiles_edge_root(const struct tiles_edge *e, uint8_t out[MERKLE_BYTES]);

/* The hash over n places of a tile, a power of two: over all 256, one place in the tile above. Changes
 * `hashes`. */
void tiles_fold(uint8_t (*hashes)[MERKLE_BYTES], unsigned n, uint8_t out[MERKLE_BYTES]);

#endif
