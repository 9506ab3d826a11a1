/*
 * ends - headers and last bytes of packs, asked for ahead by several threads.
 *
 * A plan reads the trailers of all packs, one after the other; over a network each would cost two
 * round trips. What is taken is given up; what nobody takes is given up for what is wanted.
 */
#ifndef ENDS_H
#define ENDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"
#include "engine/pieces.h"
#include "format/head.h"

struct ends;

enum { ENDS_TAIL_BYTES = 64 << 10 };

/* read and list live as long as the handle. Threads are started when first needed. NULL without
 * memory: then nothing is read ahead. */
struct ends *ends_new(pieces_read *read, void *arg, const struct head_pack *list, uint32_t n);
void ends_free(struct ends *e);
AUTO_FREE(ends);

/* The first len bytes of a pack, or the last len (at most ENDS_TAIL_BYTES), and ask for the packs that
 * will be wanted next. false: read it yourself, and see what is wrong with it. */
bool ends_header(struct ends *e, uint32_t pack, uint8_t *out, size_t len);
bool ends_tail(struct ends *e, uint32_t pack, uint8_t *out, size_t len);

#endif
