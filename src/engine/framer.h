/* framer - one worker's tools to turn plain bytes into a sealed frame: compress, reserve, seal,
 * and now and then open again and compare before it leaves. Not thread-safe: one per worker. */
#ifndef FRAMER_H
#define FRAMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"
#include "format/pack.h"

struct err;
struct packer;

struct framer;
/* check_every: 1 = every frame, 16 = one in 16. NULL with ERR_NOMEM. */
struct framer *framer_new(struct packer *p, int level, unsigned check_every, struct err *err);
void framer_free(struct framer *f);
AUTO_FREE(framer);

struct framer_place { uint32_t serial, frame; };

/* Store plain bytes (1..PACK_FRAME_PLAIN_MAX). Page frames give runs (file numbers), tags of all
 * their units, and weight = units; chunk frames give neither, and weight = len. ERR_CORRUPT if the
 * comparison fails: this machine computes wrongly. */
int framer_put(struct framer *f, const uint8_t *plain, size_t len, const struct pack_run *runs,
               size_t n_runs, const uint8_t *tags, uint64_t weight, struct framer_place *place,
               struct err *err);

#endif
