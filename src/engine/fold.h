/*
 * fold - folds the leaves of a file's blocks into its sum in block order, though workers finish
 * blocks in any order. A worker far ahead of the slowest waits; the slowest never does, so this
 * cannot dead-lock as long as a worker holds no other's block.
 */
#ifndef FOLD_H
#define FOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/scope.h"
#include "format/sum.h"

struct err;
struct fold;

/* NULL with ERR_NOMEM. */
struct fold *fold_new(struct err *err);
void fold_free(struct fold *f);
AUTO_FREE(fold);

/* Start a file. */
void fold_begin(struct fold *f, uint32_t file, uint32_t page_bytes, uint32_t unit_bytes,
                const struct sum_keys *keys);

/* The leaf of a block; every block from 0 on exactly once. False if fold_stop was called. */
bool fold_put(struct fold *f, uint64_t block, const uint8_t leaf[SUM_BYTES]);

/* All blocks were put. */
void fold_end(struct fold *f, uint64_t length, uint8_t sum[SUM_BYTES]);

/* Let nobody wait any more. */
void fold_stop(struct fold *f);

#endif
