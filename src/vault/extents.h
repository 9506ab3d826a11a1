/*
 * extents - where the chunks of one content-defined file lie, as the local index remembers it.
 *
 *   per chunk: length * 2 + next; unless next is 1: pack serial, or 0 for zeros; unless it is 0:
 *   frame, offset in the frame, ordinal in the pack. All varints. next: the chunk behind the one
 *   before, in the same frame.
 */
#ifndef EXTENTS_H
#define EXTENTS_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

struct extent {
	uint32_t serial;       /* of the pack; 0: zeros */
	uint32_t frame, offset;
	uint32_t length;
	uint32_t ordinal;      /* which chunk of its pack: 0, 1, ... in the order stored */
};

enum { EXTENTS_ORDINAL_MAX = 1 << 28 };

/* Append. ERR_LIMIT, ERR_NOMEM. */
int extents_encode(struct buf *b, const struct extent *list, size_t n, struct err *err);

/* *list is the caller's to free(). ERR_CORRUPT, ERR_NOMEM. */
int extents_decode(const uint8_t *bytes, size_t len, struct extent **list, size_t *n,
                   struct err *err);

#endif
