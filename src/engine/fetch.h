/*
 * fetch - frames of a list of packs, from whole packs kept in memory or from pieces of a fixed grid.
 *
 * Packs that `fetch_plan` announces as dense are read whole by threads that run ahead; they leave
 * memory when all that was announced of them was consumed. Everything else is read in aligned pieces
 * of 512 KiB, so that requests show nothing of where frames lie. Messages name the pack's object.
 *
 * Nobody can make a frame without the session key, and files have sums: so packs are not hashed
 * here, which would cost a restore a fifth of its time. fetch_verify does, for checks;
 * fetch_diagnose does after a sum did not fit, to say which object was changed.
 */
#ifndef FETCH_H
#define FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"
#include "format/head.h"
#include "format/pack.h"

struct err;
struct fetch;
struct fetch_worker;
struct keyring;
struct meter;
struct vault;

/* packs lives as long as the handle. NULL with ERR_NOMEM. */
struct fetch *fetch_new(const struct vault *v, struct keyring *keys, const uint8_t writer[16],
                        const uint8_t store[16], const struct head_pack *packs, uint32_t n,
                        struct meter *meter, struct err *err);
void fetch_free(struct fetch *f);
AUTO_FREE(fetch);

/* Tools of one thread. */
struct fetch_worker *fetch_worker_new(struct err *err);
void fetch_worker_free(struct fetch_worker *w);
AUTO_FREE(fetch_worker);

/* Header and trailer of a pack, opened. Runs are dropped by fetch_drop_runs and read again when
 * next asked for; frames stay. Not to be called while other threads use the same pack. */
const struct pack_trailer *fetch_trailer(struct fetch *f, uint32_t pack, struct err *err);
const struct pack_header *fetch_header(struct fetch *f, uint32_t pack);
void fetch_drop_runs(struct fetch *f, uint32_t pack);

/* Announce: these packs, in this order, will be needed up to units[i] units each (fetch_consumed
 * counts them down). Replaces the plan before, whose work must be done. */
int fetch_plan(struct fetch *f, const uint32_t *packs, const uint64_t *units, uint32_t n,
               struct err *err);
void fetch_consumed(struct fetch *f, uint32_t pack, uint64_t units);

/* Decrypt and decompress one frame into out (PACK_FRAME_PLAIN_MAX bytes). Thread-safe with one
 * worker per thread. ERR_CORRUPT, ERR_ABSENT, storage errors. */
int fetch_frame(struct fetch *f, uint32_t pack, uint32_t frame, uint8_t *out,
                uint32_t *plain_len, struct fetch_worker *w, struct err *err);

uint64_t fetch_bytes(const struct fetch *f);

/* Whole pack, hash verified, into memory of PACK_BYTES (aligned): for checks. */
int fetch_verify(struct fetch *f, uint32_t pack, uint8_t *memory, struct err *err);

/* *err says that something did not fit, and names no pack: look at all, and put the name of the
 * first that is not what it should be in front. Returns err->code. */
int fetch_diagnose(struct fetch *f, struct err *err);

#endif
