/*
 * unitmac - Poly1305 (RFC 8439, 2.5) of many units of one length under one key, four at a time.
 *
 * One unit of 512 bytes is too short for a vector unit to show what it can; four side by side, one
 * per lane, go more than twice as fast. The result is exactly Poly1305's; where the processor has
 * no AVX2, libsodium computes it.
 *
 * The key is used for many messages: that is sound only because the tags never leave this machine
 * (see format/sum.h).
 */
#ifndef UNITMAC_H
#define UNITMAC_H

#include <stddef.h>
#include <stdint.h>

enum { UNITMAC_TAG_BYTES = 16, UNITMAC_KEY_BYTES = 32 };

/* tags: 16 bytes for each of n units of unit_bytes (a multiple of 16) at data. */
void unitmac(uint8_t *tags, const uint8_t *data, size_t n, size_t unit_bytes,
             const uint8_t key[UNITMAC_KEY_BYTES]);

/* The same by libsodium alone: what the tests compare with. */
void unitmac_plain(uint8_t *tags, const uint8_t *data, size_t n, size_t unit_bytes,
                   const uint8_t key[UNITMAC_KEY_BYTES]);

#endif
