/* pieces - a small cache of aligned pieces of packs, read when first needed, shared by threads. */
#ifndef PIECES_H
#define PIECES_H

#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"

struct err;
struct pieces;

enum { PIECES_BYTES = 512 << 10 };

/* Reads up to cap bytes of a pack at offset; *len is less only at the pack's end. */
typedef int pieces_read(void *arg, uint32_t pack, uint64_t offset, void *out, size_t cap,
                        size_t *len, struct err *err);

/* NULL with ERR_NOMEM. */
struct pieces *pieces_new(pieces_read *read, void *arg, struct err *err);
void pieces_free(struct pieces *p);
AUTO_FREE(pieces);

/* Copy a range out of a pack. ERR_CORRUPT if the pack ends before; what `read` gives. */
int pieces_copy(struct pieces *p, uint32_t pack, uint32_t offset, uint32_t len, uint8_t *out,
                struct err *err);

/* What is kept of this pack is no good: it is read anew when next needed. */
void pieces_forget(struct pieces *p, uint32_t pack);

#endif
