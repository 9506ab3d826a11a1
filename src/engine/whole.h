/*
 * whole - packs kept whole in memory for as long as they are needed, read ahead in parts by several threads.
 *
 * What is needed is planned: which packs, in which order, for how many units. A pack leaves memory when
 * all its units are consumed, and makes room for the next. The parts of one pack are asked for before those
 * of the next, many at once: behind a network the first is there soon, and no connection waits for another.
 */
#ifndef WHOLE_H
#define WHOLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/scope.h"
#include "format/head.h"

struct err;
struct whole;

enum {
	WHOLE_MAX = 3,                /* packs in memory */
	WHOLE_PART_BYTES = 4 << 20,   /* asked for at once, where it is remote */
};

/* Reads bytes of a pack from offset on: len of them, fewer only where `list` says that the pack ends. It is
 * an error where it ends elsewhere. *copy says of which copy of the object they are. */
typedef int whole_read(void *arg, uint32_t pack, uint64_t offset, void *out, size_t len,
                       unsigned *copy, struct err *err);

/* list lives as long as the handle. NULL with ERR_NOMEM. */
struct whole *whole_new(whole_read *read, void *arg, const struct head_pack *list, uint32_t n,
                        bool remote, struct err *err);
void whole_free(struct whole *w);
AUTO_FREE(whole);

/* These packs, in this order, until units[i] units of each are consumed. Replaces the plan before,
 * whose work must be done. ERR_NOMEM. */
int whole_plan(struct whole *w, const uint32_t *packs, const uint64_t *units, uint32_t n,
               struct err *err);
void whole_consumed(struct whole *w, uint32_t pack, uint64_t units);

/*
 * The pack in memory, pinned, and of which copy it is; or NULL: it is not planned, or its turn depends on
 * others being consumed, or its parts are of different copies. Waits for a pack that is being read, or
 * that is next and has room. Once `read` has failed, what it gave, for every pack.
 */
int whole_pin(struct whole *w, uint32_t pack, const uint8_t **memory, unsigned *copy,
              struct err *err);
void whole_unpin(struct whole *w, uint32_t pack);

/* PACK_BYTES, aligned, of large pages where there are any; NULL with ERR_NOMEM. */
uint8_t *whole_map(struct err *err);
void whole_unmap(uint8_t *memory);

#endif
