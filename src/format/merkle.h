/*
 * merkle - the hash tree of RFC 6962, section 2.1: a log of n entries has one root, and short proofs
 * show that an entry is in it, and that a longer log begins with a shorter one.
 *
 *   leaf  = SHA-256(0x00 | entry)          node = SHA-256(0x01 | left | right)
 *   empty = SHA-256("")                    split at the largest power of two below n
 *
 * A node is named by its level (0: leaves) and its index there: node (l, i) covers the entries
 * i << l ... ((i + 1) << l) - 1. Pure; what a tree holds comes from a callback.
 */
#ifndef MERKLE_H
#define MERKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum {
	MERKLE_BYTES = 32,
	MERKLE_PROOF_MAX = 64,   /* hashes: more than any tree of 2^63 entries needs */
};

void merkle_leaf(uint8_t out[MERKLE_BYTES], const void *entry, size_t len);
void merkle_node(uint8_t out[MERKLE_BYTES], const uint8_t left[MERKLE_BYTES],
                 const uint8_t right[MERKLE_BYTES]);

/* The hash of a complete subtree. 0, or an error that ends the caller's work. */
typedef int merkle_read(void *arg, unsigned level, uint64_t index, uint8_t out[MERKLE_BYTES],
                        struct err *err);

/* The root over the first n entries. Errors are the callback's. */
int merkle_root(uint64_t n, merkle_read *read, void *arg, uint8_t out[MERKLE_BYTES],
                struct err *err);

struct merkle_proof {
	unsigned n;
	uint8_t hashes[MERKLE_PROOF_MAX][MERKLE_BYTES];   /* in the order of RFC 6962 */
};

/* That entry `index` is in the tree of n entries. ERR_INVALID if it cannot be; else the callback's. */
int merkle_prove_entry(uint64_t index, uint64_t n, merkle_read *read, void *arg,
                       struct merkle_proof *proof, struct err *err);

/* That the tree of n entries begins with the `old` entries of another. As above. */
int merkle_prove_growth(uint64_t old, uint64_t n, merkle_read *read, void *arg,
                        struct merkle_proof *proof, struct err *err);

/* RFC 9162, 2.1.3.2 and 2.1.4.2. */
bool merkle_verify_entry(const uint8_t leaf[MERKLE_BYTES], uint64_t index, uint64_t n,
                         const struct merkle_proof *proof, const uint8_t root[MERKLE_BYTES]);
bool merkle_verify_growth(uint64_t old, const uint8_t old_root[MERKLE_BYTES], uint64_t n,
                          const uint8_t root[MERKLE_BYTES], const struct merkle_proof *proof);

#endif
