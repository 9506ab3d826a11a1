/*
 * chunker - find content-defined cut points in a byte stream, without telling what the bytes are.
 *
 * Chunks have 16 KiB to 256 KiB, 64 KiB on average over random bytes. Whoever sees sizes of stored
 * chunks must learn neither the key nor whether a known file is among them. Rolling hashes that
 * decide cuts themselves fail at that, keyed or not: every cut is an equation about the key
 * (eprint 2025/532 and 2025/558, which broke Borg, Restic, Tarsnap and others). So, as 2025/558
 * proves sound, a universal hash shortens the window and a PRF of its result decides:
 *
 *   h(b)      128 random bits for each byte value b, from the key
 *   H(w)      sum of x^(47-i) h(w[i]) in GF(2)[x]/(x^128 + 1): rotate by one, xor (cyclic hash)
 *   digest    80 neighbouring bits of H over the last 48 bytes: H[127:64], then H[63:48]
 *   cut       at the first byte from 16 KiB on where SipHash-1-3(k, digest) / 2 < 2^63 / 49510
 *
 * Universal: for two different windows H(w) ^ H(w') is a sum of q_b h(b), with some q_b not 0 and
 * of degree below 48. Up to a rotation of the uniform h(b), q_b has the constant term 1; fix any 47
 * bits in a row of h(b), and the other 81 bits of q_b h(b) follow from the rest of h(b) by a
 * triangular system: they are uniform (Lemire and Kaser 2010). So two windows collide in their
 * digests with probability 2^-80, and in all q windows of everything cut under one key with at
 * most q^2 / 2^81: 2^-9 for 64 GiB. While none collide, each cut is one independent biased coin per
 * distinct window, and sizes tell only which windows are equal, which any chunking must.
 *
 * SipHash-1-3 is ample here: no attack on it is known that sees whole outputs for chosen inputs,
 * and this one shows one bit in 49510 of an output, for inputs that nobody outside knows. The PRF
 * is evaluated at every byte from the minimum on; any cheaper test before it would leak in place
 * of it. The result is the same on every machine; AVX2 only computes four positions at once.
 */
#ifndef CHUNKER_H
#define CHUNKER_H

#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"

struct err;

enum {
	CHUNKER_MIN_BYTES = 16 << 10,
	CHUNKER_AVG_BYTES = 64 << 10,
	CHUNKER_MAX_BYTES = 256 << 10,
	CHUNKER_KEY_BYTES = 32,
};

struct chunker;

/* One stream at a time, used by one thread at a time. NULL with ERR_NOMEM. */
struct chunker *chunker_new(const uint8_t key[CHUNKER_KEY_BYTES], struct err *err);
void chunker_free(struct chunker *c); /* wipes what the key became */
AUTO_FREE(chunker);

/*
 * Consume bytes of the current chunk until it ends. Returns how many, 1..len, complete the chunk
 * (the next call begins another), or 0 when all of data belongs to it and more is wanted. Cuts
 * depend only on key and bytes since the last cut or reset, never on how the caller split the
 * stream. Cannot fail.
 */
size_t chunker_scan(struct chunker *c, const uint8_t *data, size_t len);

/* Forget a started chunk: the next byte is the first of a new file. */
void chunker_reset(struct chunker *c);

#endif
