/*
 * frames - decoded frames that several regions and several workers need, within a fixed memory.
 *
 * A long chain of small increments puts a unit of many packs into every region: each of their
 * frames should be decoded once, not once a region.
 */
#ifndef FRAMES_H
#define FRAMES_H

#include <stdint.h>

#include "base/scope.h"

struct err;
struct fetch;
struct fetch_worker;
struct frames;

struct frames_entry {
	uint8_t *plain;
	uint32_t len;
};

/* Room for `n` frames of PACK_FRAME_PLAIN_MAX, allocated as they are needed. n must be more than
 * the number of threads. NULL with ERR_NOMEM. */
struct frames *frames_new(struct fetch *fetch, uint32_t n, struct err *err);
void frames_free(struct frames *f);
AUTO_FREE(frames);

/* Pin a decoded frame; decodes it if it is not there. NULL with what fetch_frame gives. */
const struct frames_entry *frames_get(struct frames *f, uint32_t pack, uint32_t frame,
                                      struct fetch_worker *w, struct err *err);
void frames_put(struct frames *f, const struct frames_entry *entry);

#endif
