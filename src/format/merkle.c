#include "format/merkle.h"

#include <string.h>

#include "crypto/sha256.h"
#include "holdfast/err.h"

void merkle_leaf(uint8_t out[MERKLE_BYTES], const void *entry, size_t len)
{
	static const uint8_t prefix = 0x00;
	struct sha256_state h;
	sha256_begin(&h);
	sha256_add(&h, &prefix, 1);
	sha256_add(&h, entry, len);
	sha256_end(&h, out);
}

void merkle_node(uint8_t out[MERKLE_BYTES], const uint8_t left[MERKLE_BYTES],
                 const uint8_t right[MERKLE_BYTES])
{
	uint8_t both[1 + 2 * MERKLE_BYTES] = { 0x01 };
	memcpy(both + 1, left, MERKLE_BYTES);
	memcpy(both + 1 + MERKLE_BYTES, right, MERKLE_BYTES);
	sha256(out, both, sizeof both);
}

/* ---- trees ---- */

struct tree {
	merkle_read *read;
	void *arg;
};

/* The largest power of two below n, as its exponent; n is at least 2. */
static unsigned split_level(uint64_t n)
{
	return 63u - (unsigned)__builtin_clzll(n - 1);
}

/* The root over entries [from, from + n), n at least 1. The recursion goes to the right only: what is
 * left of a split is complete. */
static int range_root(const struct tree *t, uint64_t from, uint64_t n, uint8_t out[MERKLE_BYTES],
                      struct err *err)
{
	uint8_t left[MERKLE_BYTES], right[MERKLE_BYTES];
	if ((n & (n - 1)) == 0) {
		unsigned level = (unsigned)__builtin_ctzll(n);
		return t->read(t->arg, level, from >> level, out, err);
	}
	unsigned level = split_level(n);
	uint64_t half = UINT64_C(1) << level;
	if (t->read(t->arg, level, from >> level, left, err) != 0 ||
	    range_root(t, from + half, n - half, right, err) != 0)
		return err->code;
	merkle_node(out, left, right);
	return 0;
}

int merkle_root(uint64_t n, merkle_read *read, void *arg, uint8_t out[MERKLE_BYTES],
                struct err *err)
{
	const struct tree t = { read, arg };
	if (n > 0)
		return range_root(&t, 0, n, out, err);
	sha256(out, "", 0);
	return 0;
}

/* One hash more, which stands in front of those there: proofs are made from the root downward, and
 * read from the leaf upward. */
static int push(const struct tree *t, uint64_t from, uint64_t n, struct merkle_proof *proof,
                struct err *err)
{
	if (proof->n == MERKLE_PROOF_MAX)
		return err_set(err, ERR_LIMIT, "a proof of more than %d hashes", MERKLE_PROOF_MAX);
	memmove(proof->hashes + 1, proof->hashes, proof->n * sizeof *proof->hashes);
	proof->n++;
	return range_root(t, from, n, proof->hashes[0], err);
}

int merkle_prove_entry(uint64_t index, uint64_t n, merkle_read *read, void *arg,
                       struct merkle_proof *proof, struct err *err)
{
	const struct tree t = { read, arg };
	uint64_t from = 0;
	proof->n = 0;
	if (index >= n)
		return err_set(err, ERR_INVALID, "entry %llu is not among the first %llu",
		               (unsigned long long)index, (unsigned long long)n);
	while (n > 1) {
		uint64_t half = UINT64_C(1) << split_level(n);
		bool right = index - from >= half;
		if (push(&t, right ? from : from + half, right ? half : n - half, proof, err) != 0)
			return err->code;
		from += right ? half : 0;
		n = right ? n - half : half;
	}
	return 0;
}

int merkle_prove_growth(uint64_t old, uint64_t n, merkle_read *read, void *arg,
                        struct merkle_proof *proof, struct err *err)
{
	const struct tree t = { read, arg };
	uint64_t from = 0;
	bool whole = true;   /* what is left of the old tree is all of it: its root is known */
	proof->n = 0;
	if (old > n)
		return err_set(err, ERR_INVALID, "a tree of %llu entries does not grow to %llu",
		               (unsigned long long)old, (unsigned long long)n);
	if (old == 0)
		return 0;
	while (old < n) {
		uint64_t half = UINT64_C(1) << split_level(n);
		bool right = old > half;
		if (push(&t, right ? from : from + half, right ? half : n - half, proof, err) != 0)
			return err->code;
		whole &= !right;
		from += right ? half : 0;
		old -= right ? half : 0;
		n = right ? n - half : half;
	}
	return whole ? 0 : push(&t, from, n, proof, err);
}

/* ---- proofs ---- */

/* Climb until the node is a right child, or the tree's left edge. */
static void climb(uint64_t *at, uint64_t *last)
{
	while (!(*at & 1) && *at != 0) {
		*at >>= 1;
		*last >>= 1;
	}
}

bool merkle_verify_entry(const uint8_t leaf[MERKLE_BYTES], uint64_t index, uint64_t n,
                         const struct merkle_proof *proof, const uint8_t root[MERKLE_BYTES])
{
	uint8_t r[MERKLE_BYTES];
	if (index >= n || proof->n > MERKLE_PROOF_MAX)
		return false;
	uint64_t at = index, last = n - 1;
	memcpy(r, leaf, sizeof r);
	for (unsigned i = 0; i < proof->n; i++, at >>= 1, last >>= 1) {
		if (last == 0)
			return false;
		if (!(at & 1) && at != last) {
			merkle_node(r, r, proof->hashes[i]);
			continue;
		}
		merkle_node(r, proof->hashes[i], r);
		if (!(at & 1))
			climb(&at, &last);
	}
	return last == 0 && memcmp(r, root, sizeof r) == 0;
}

bool merkle_verify_growth(uint64_t old, const uint8_t old_root[MERKLE_BYTES], uint64_t n,
                          const uint8_t root[MERKLE_BYTES], const struct merkle_proof *proof)
{
	uint8_t before[MERKLE_BYTES], now[MERKLE_BYTES];
	if (old > n || proof->n > MERKLE_PROOF_MAX)
		return false;
	if (old == 0 || old == n)
		return proof->n == 0 && (old == 0 || memcmp(old_root, root, MERKLE_BYTES) == 0);
	bool power = (old & (old - 1)) == 0;   /* then its root is the node where the proof begins */
	if (!power && proof->n == 0)
		return false;
	uint64_t at = old - 1, last = n - 1;
	for (; at & 1; at >>= 1)
		last >>= 1;
	memcpy(before, power ? old_root : proof->hashes[0], sizeof before);
	memcpy(now, before, sizeof now);
	for (unsigned i = power ? 0 : 1; i < proof->n; i++, at >>= 1, last >>= 1) {
		if (last == 0)
			return false;
		if (!(at & 1) && at != last) {
			merkle_node(now, now, proof->hashes[i]);
			continue;
		}
		merkle_node(before, proof->hashes[i], before);
		merkle_node(now, proof->hashes[i], now);
		if (!(at & 1))
			climb(&at, &last);
	}
	return last == 0 && memcmp(before, old_root, sizeof before) == 0 &&
	       memcmp(now, root, sizeof now) == 0;
}
