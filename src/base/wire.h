/*
 * wire - little-endian integers, varints and counted bytes, with the bounds checked.
 *
 * A reader never leaves [at, end). The first violation sets `bad` and every later read returns
 * zero, so a decoder may read a whole record and test wire_ok once, before it uses any value as a
 * size. Varints are LEB128, at most ten bytes, shortest form only.
 */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

struct wire {
	const uint8_t *at, *end;
	bool bad;
};

static inline struct wire wire_over(const void *data, size_t len)
{
	static const uint8_t nothing = 0;   /* data may be NULL then: an empty blob of SQLite's is */
	const uint8_t *at = len ? data : &nothing;
	return (struct wire){ at, at + len, false };
}
static inline bool wire_ok(const struct wire *w) { return !w->bad; }
static inline size_t wire_left(const struct wire *w) { return (size_t)(w->end - w->at); }

/* True when nothing was violated and nothing is left over. */
static inline bool wire_done(const struct wire *w) { return !w->bad && w->at == w->end; }

uint8_t wire_u8(struct wire *w);
uint16_t wire_u16(struct wire *w);
uint32_t wire_u32(struct wire *w);
uint64_t wire_u64(struct wire *w);
uint64_t wire_varint(struct wire *w);

/* A varint that must not exceed max; above it the reader turns bad and 0 is returned. */
uint64_t wire_bounded(struct wire *w, uint64_t max);

/* len bytes in place, or NULL (and bad) if fewer are left. len 0 gives a non-NULL pointer. */
const uint8_t *wire_bytes(struct wire *w, size_t len);

/* Copy len bytes out; zeros on violation. */
void wire_copy(struct wire *w, void *out, size_t len);

/* A varint length of at most max, then that many bytes in place. */
const uint8_t *wire_counted(struct wire *w, size_t max, size_t *len);

/* Store at p; return the byte behind. p has room. */
uint8_t *wire_put_u16(uint8_t *p, uint16_t v);
uint8_t *wire_put_u32(uint8_t *p, uint32_t v);
uint8_t *wire_put_u64(uint8_t *p, uint64_t v);
uint8_t *wire_put_bytes(uint8_t *p, const void *data, size_t len);

enum { WIRE_VARINT_MAX = 10 };
/* At most WIRE_VARINT_MAX bytes at p; returns the byte behind. */
uint8_t *wire_put_varint(uint8_t *p, uint64_t v);

/* Append to a buf; ERR_LIMIT, ERR_NOMEM. */
int wire_add_u8(struct buf *b, uint8_t v, struct err *err);
int wire_add_u32(struct buf *b, uint32_t v, struct err *err);
int wire_add_u64(struct buf *b, uint64_t v, struct err *err);
int wire_add_varint(struct buf *b, uint64_t v, struct err *err);
int wire_add_counted(struct buf *b, const void *data, size_t len, struct err *err);

#endif
