#include "format/chunker.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "crypto/hash.h"
#include "holdfast/err.h"

enum {
	WINDOW = 48,
	BATCH = 64, /* positions hashed before the PRF looks at them */
	LANES = 4,  /* of which the PRF takes so many at once */
	DIGEST_BYTES = 10,
};

/* P(cut) = 1 / 49510: 16 KiB and a geometric length ended at 240 KiB average 64 KiB together */
static const int64_t cut_below_half = INT64_MAX / 49510;

typedef uint64_t lanes __attribute__((vector_size(LANES * sizeof(uint64_t))));
typedef uint32_t halves __attribute__((vector_size(LANES * sizeof(uint64_t))));
typedef int64_t signed_lanes __attribute__((vector_size(LANES * sizeof(int64_t))));

struct cyclic {
	uint64_t high, low;
};

struct chunker {
	uint64_t key[2];
	struct cyclic in[256];  /* h(b) */
	struct cyclic out[256]; /* x^48 h(b): what b adds when it leaves the window */
	struct cyclic zeros;    /* hash of 48 zero bytes, so that a window can start from them */
	struct cyclic hash;
	size_t length;                  /* of the current chunk so far */
	bool avx2;                      /* this processor has it */
	uint8_t recent[WINDOW + BATCH]; /* the window, and behind it the batch being rolled in */
};

/* Of each position in a batch; tail is SipHash's last block: length and 16 bits of the digest. */
struct digests {
	uint64_t first[BATCH], tail[BATCH];
};

static struct cyclic rotated(struct cyclic h, unsigned bits)
{
	return (struct cyclic){ h.high << bits | h.low >> (64 - bits),
		                h.low << bits | h.high >> (64 - bits) };
}

static void derive(struct chunker *c, const uint8_t key[CHUNKER_KEY_BYTES])
{
	uint8_t bytes[16];
	hash_labelled(bytes, sizeof bytes, "hf1.cut.prf", key, CHUNKER_KEY_BYTES, NULL, 0);
	struct wire w = wire_over(bytes, sizeof bytes);
	c->key[0] = wire_u64(&w);
	c->key[1] = wire_u64(&w);
	for (unsigned b = 0; b < 256; b++) {
		uint8_t value = (uint8_t)b;
		hash_labelled(bytes, sizeof bytes, "hf1.cut.table", key, CHUNKER_KEY_BYTES, &value,
		              1);
		w = wire_over(bytes, sizeof bytes);
		c->in[b].high = wire_u64(&w);
		c->in[b].low = wire_u64(&w);
		c->out[b] = rotated(c->in[b], WINDOW);
	}
	sodium_memzero(bytes, sizeof bytes);
	for (int i = 0; i < WINDOW; i++) {
		c->zeros = rotated(c->zeros, 1);
		c->zeros.high ^= c->in[0].high;
		c->zeros.low ^= c->in[0].low;
	}
}

static bool has_avx2(void)
{
#ifdef __x86_64__
	return __builtin_cpu_supports("avx2");
#else
	return false;
#endif
}

struct chunker *chunker_new(const uint8_t key[CHUNKER_KEY_BYTES], struct err *err)
{
	struct chunker *c = calloc(1, sizeof *c);
	if (!c) {
		err_no_memory(err);
		return NULL;
	}
	derive(c, key);
	c->avx2 = has_avx2();
	chunker_reset(c);
	return c;
}

void chunker_free(struct chunker *c)
{
	if (!c)
		return;
	sodium_memzero(c, sizeof *c);
	free(c);
}

void chunker_reset(struct chunker *c)
{
	c->length = 0;
	c->hash = c->zeros;
	memset(c->recent, 0, sizeof c->recent);
}

/*
 * Append n bytes, at most BATCH, to the window and note the digest after each. The sums stand for
 * shifts and ors: compilers make two instructions of one, and a slow double shift of the other.
 */
static void roll(struct chunker *c, const uint8_t *data, size_t n, struct digests *digests)
{
	struct cyclic h = c->hash;
	memcpy(c->recent + WINDOW, data, n);
	for (size_t i = 0; i < n; i++) {
		const struct cyclic *in = &c->in[c->recent[i + WINDOW]];
		const struct cyclic *out = &c->out[c->recent[i]];
		uint64_t high = (h.high + h.high + (h.low >> 63)) ^ in->high ^ out->high;
		uint64_t low = (h.low + h.low + (h.high >> 63)) ^ in->low ^ out->low;
		h = (struct cyclic){ high, low };
		digests->first[i] = high;
		digests->tail[i] = (uint64_t)DIGEST_BYTES << 56 | low >> 48;
	}
	c->hash = h;
	c->length += n;
	memmove(c->recent, c->recent + n, WINDOW);
}

/* Macros: as arguments of functions, vectors would need an ABI that plain x86-64 does not have. */
#define ROTATE(v, bits) ((v) << (bits) | (v) >> (64 - (bits)))
#define SWAP 1, 0, 3, 2, 5, 4, 7, 6
#define SWAP_HALVES(v)                                                                             \
	(shuffle ? (lanes)__builtin_shufflevector((halves)(v), (halves)(v), SWAP) : ROTATE(v, 32))
#define SIP_ROUND                                                                                  \
	do {                                                                                       \
		v0 += v1, v1 = ROTATE(v1, 13) ^ v0, v0 = SWAP_HALVES(v0);                          \
		v2 += v3, v3 = ROTATE(v3, 16) ^ v2;                                                \
		v0 += v3, v3 = ROTATE(v3, 21) ^ v0;                                                \
		v2 += v1, v1 = ROTATE(v1, 17) ^ v2, v2 = SWAP_HALVES(v2);                          \
	} while (0)

/*
 * The first position of n at which SipHash-1-3 allows a cut, or n. Values are halved for the
 * comparison, because AVX2 compares signed numbers only. A shuffle beats shifts only on AVX2.
 */
static inline __attribute__((always_inline)) size_t
first_cut(const uint64_t key[2], const struct digests *digests, size_t n, const bool shuffle)
{
	const lanes zero = { 0 };
	const lanes k0 = zero + (key[0] ^ 0x736f6d6570736575);
	const lanes k1 = zero + (key[1] ^ 0x646f72616e646f6d);
	const lanes k2 = zero + (key[0] ^ 0x6c7967656e657261);
	const lanes k3 = zero + (key[1] ^ 0x7465646279746573);
	for (size_t i = 0; i < n; i += LANES) {
		lanes first, tail;
		memcpy(&first, digests->first + i, sizeof first);
		memcpy(&tail, digests->tail + i, sizeof tail);
		lanes v0 = k0, v1 = k1, v2 = k2, v3 = k3 ^ first;
		SIP_ROUND;
		v0 ^= first, v3 ^= tail;
		SIP_ROUND;
		v0 ^= tail, v2 ^= 0xff;
		SIP_ROUND;
		SIP_ROUND;
		SIP_ROUND;
		lanes half = (v0 ^ v1 ^ v2 ^ v3) >> 1;
		signed_lanes hit = (signed_lanes)half < cut_below_half;
		if (hit[0] | hit[1] | hit[2] | hit[3])
			for (size_t j = 0; j < LANES && i + j < n; j++)
				if (hit[j])
					return i + j;
	}
	return n;
}

#ifdef __x86_64__
__attribute__((target("avx2")))
#endif
static size_t
first_cut_avx2(const uint64_t key[2], const struct digests *digests, size_t n)
{
	return first_cut(key, digests, n, true);
}

static size_t first_cut_plain(const uint64_t key[2], const struct digests *digests, size_t n)
{
	return first_cut(key, digests, n, false);
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* How many of len bytes to take at once, without crossing the minimum or the maximum. */
static size_t next_batch(const struct chunker *c, size_t len)
{
	size_t end = c->length < CHUNKER_MIN_BYTES - 1 ? CHUNKER_MIN_BYTES - 1 : CHUNKER_MAX_BYTES;
	return least(least(len, BATCH), end - c->length);
}

size_t chunker_scan(struct chunker *c, const uint8_t *data, size_t len)
{
	/* up to one window before the minimum no byte can matter */
	size_t skip = CHUNKER_MIN_BYTES - WINDOW;
	size_t used = c->length < skip ? least(len, skip - c->length) : 0;
	c->length += used;

	struct digests digests = { 0 };
	while (used < len) {
		bool test = c->length >= CHUNKER_MIN_BYTES - 1;
		size_t n = next_batch(c, len - used), at = n;
		roll(c, data + used, n, &digests);
		if (test)
			at = c->avx2 ? first_cut_avx2(c->key, &digests, n)
			             : first_cut_plain(c->key, &digests, n);
		if (at < n || c->length == CHUNKER_MAX_BYTES) {
			chunker_reset(c);
			return used + least(at + 1, n);
		}
		used += n;
	}
	return 0;
}
