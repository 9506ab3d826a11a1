/*
 * veil - hides what lies in a file for a while from whoever reads the disk later: ChaCha20 by offset.
 *
 * It authenticates nothing. A key is for one file, each offset of which is written once: two texts at one
 * offset give away their difference.
 */
#ifndef VEIL_H
#define VEIL_H

#include <stddef.h>
#include <stdint.h>

struct secret;

enum { VEIL_KEY_BYTES = 32 };

/* Hide, or show again, len bytes in place that stand at offset. Cannot fail. */
void veil_apply(const struct secret *key, uint64_t offset, void *data, size_t len);

#endif
