/*
 * pack_memory - the memory of pack buffers, kept from one store to the next.
 *
 * A night of a thousand small stores fills a thousand packs of which each touches a few hundred KiB: taken
 * from the kernel each time, those pages are faulted in and zeroed again and again (bench-fleet: 95,000
 * faults). What lies behind a small pack's end is given back, so that a large store leaves nothing lying
 * about. Any thread may call; the memory holds sealed bytes only.
 */
#ifndef PACK_MEMORY_H
#define PACK_MEMORY_H

#include <stdint.h>

/* PACK_BYTES, page aligned, of any content; NULL if there is no memory. */
uint8_t *pack_memory_take(void);
/* Back to the spares, or to the kernel where there are enough; NULL is nothing. */
void pack_memory_give(uint8_t *bytes);

#endif
