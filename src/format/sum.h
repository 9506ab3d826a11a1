/*
 * sum - unit tags, and the keyed end-to-end check of a file.
 *
 *   tag key, sum key, chunk key = BLAKE2b-256("hf1.tag" | "hf1.sum" | "hf1.cut", key = page key)
 *   tag(unit)  = Poly1305(tag key, bytes of the unit)                          16 bytes
 *   leaf(i)    = BLAKE2b-256("hf1.leaf", sum key, i LE64 | tags of block i)    block = 256 KiB
 *   sum        = BLAKE2b-256("hf1.sum", sum key, file number LE32 | page LE32 | unit LE32 |
 *                leaf(0) | leaf(1) | ... | length LE64)
 *
 * Two levels, so that blocks can be tagged and verified by several threads in any order. Tags
 * never leave the machine: two tags of known units would give the tag key away.
 */
#ifndef SUM_H
#define SUM_H

#include <stddef.h>
#include <stdint.h>

#include "crypto/hash.h"

enum { SUM_BYTES = 32, SUM_TAG_BYTES = 16, SUM_BLOCK_BYTES = 256 << 10, SUM_KEY_BYTES = 32 };

struct sum_keys { uint8_t tag[32], sum[32], chunk[32]; };

void sum_keys_derive(struct sum_keys *keys, const uint8_t page_key[SUM_KEY_BYTES]);

/* Tags of len bytes in units (the last may be short) at tags, 16 bytes each. */
void sum_tags(uint8_t *tags, const void *data, size_t len, uint32_t unit_bytes,
              const struct sum_keys *keys);

void sum_leaf(uint8_t leaf[SUM_BYTES], uint64_t block, const void *tags, size_t n_tags,
              const struct sum_keys *keys);

struct sum_fold { struct hash_state state; };
void sum_begin(struct sum_fold *f, uint32_t file, uint32_t page_bytes, uint32_t unit_bytes,
               const struct sum_keys *keys);
void sum_add(struct sum_fold *f, const uint8_t leaf[SUM_BYTES]);
void sum_end(struct sum_fold *f, uint64_t length, uint8_t sum[SUM_BYTES]);

#endif
