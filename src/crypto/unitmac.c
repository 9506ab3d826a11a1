#include "crypto/unitmac.h"

#include <sodium.h>
#include <string.h>

void unitmac_plain(uint8_t *tags, const uint8_t *data, size_t n, size_t unit_bytes,
                   const uint8_t key[UNITMAC_KEY_BYTES])
{
	for (size_t i = 0; i < n; i++)
		crypto_onetimeauth_poly1305(tags + i * UNITMAC_TAG_BYTES, data + i * unit_bytes,
		                            unit_bytes, key);
}

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

/*
 * Numbers modulo 2^130 - 5 as five limbs of 26 bits, each in a 64-bit lane; lane i belongs to
 * message i. Before a multiplication limbs are below 2^27, r's below 2^26 and 5 * r's below 2^29, so
 * that the five products of a limb stay below 2^59.
 */
enum { LIMBS = 5, LANES = 4 };
__extension__ typedef unsigned __int128 uint128;
#define LIMB_MASK 0x3ffffffULL

struct multiplier {
	__m256i r[LIMBS], s[LIMBS];      /* s = 5 * r */
};

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

/* r with the bits that RFC 8439 2.5.1 clears */
static AVX2 void load_multiplier(struct multiplier *m, const uint8_t key[UNITMAC_KEY_BYTES])
{
	uint64_t lo = load64(key) & 0x0ffffffc0fffffffULL;
	uint64_t hi = load64(key + 8) & 0x0ffffffc0ffffffcULL;
	const uint64_t r[LIMBS] = { lo & LIMB_MASK, lo >> 26 & LIMB_MASK,
	                            (lo >> 52 | hi << 12) & LIMB_MASK, hi >> 14 & LIMB_MASK,
	                            hi >> 40 };
	for (int i = 0; i < LIMBS; i++) {
		m->r[i] = _mm256_set1_epi64x((long long)r[i]);
		m->s[i] = _mm256_set1_epi64x((long long)(5 * r[i]));
	}
}

/* Add the next 16 bytes of each message, with the bit that Poly1305 sets behind them. */
static AVX2 inline void add_block(__m256i h[LIMBS], const uint8_t *at, size_t stride)
{
	const __m256i mask = _mm256_set1_epi64x((long long)LIMB_MASK);
	const __m256i ac = _mm256_inserti128_si256(
		_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)at)),
		_mm_loadu_si128((const __m128i *)(const void *)(at + 2 * stride)), 1);
	const __m256i bd = _mm256_inserti128_si256(
		_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)(at + stride))),
		_mm_loadu_si128((const __m128i *)(const void *)(at + 3 * stride)), 1);
	const __m256i lo = _mm256_unpacklo_epi64(ac, bd), hi = _mm256_unpackhi_epi64(ac, bd);
	const __m256i mid = _mm256_or_si256(_mm256_srli_epi64(lo, 52), _mm256_slli_epi64(hi, 12));
	h[0] = _mm256_add_epi64(h[0], _mm256_and_si256(lo, mask));
	h[1] = _mm256_add_epi64(h[1], _mm256_and_si256(_mm256_srli_epi64(lo, 26), mask));
	h[2] = _mm256_add_epi64(h[2], _mm256_and_si256(mid, mask));
	h[3] = _mm256_add_epi64(h[3], _mm256_and_si256(_mm256_srli_epi64(hi, 14), mask));
	h[4] = _mm256_add_epi64(h[4], _mm256_or_si256(_mm256_srli_epi64(hi, 40),
	                                              _mm256_set1_epi64x(1 << 24)));
}

#define MUL(a, b) _mm256_mul_epu32(a, b)
#define SUM5(a, b, c, d, e)                                                                        \
	_mm256_add_epi64(_mm256_add_epi64(_mm256_add_epi64(a, b), _mm256_add_epi64(c, d)), e)

/* h = h * r, carried so far that limbs are below 2^26 plus a little. */
static AVX2 inline void multiply(__m256i h[LIMBS], const struct multiplier *m)
{
	const __m256i mask = _mm256_set1_epi64x((long long)LIMB_MASK);
	const __m256i *r = m->r, *s = m->s;
	__m256i d0 = SUM5(MUL(h[0], r[0]), MUL(h[1], s[4]), MUL(h[2], s[3]), MUL(h[3], s[2]),
	                  MUL(h[4], s[1]));
	__m256i d1 = SUM5(MUL(h[0], r[1]), MUL(h[1], r[0]), MUL(h[2], s[4]), MUL(h[3], s[3]),
	                  MUL(h[4], s[2]));
	__m256i d2 = SUM5(MUL(h[0], r[2]), MUL(h[1], r[1]), MUL(h[2], r[0]), MUL(h[3], s[4]),
	                  MUL(h[4], s[3]));
	__m256i d3 = SUM5(MUL(h[0], r[3]), MUL(h[1], r[2]), MUL(h[2], r[1]), MUL(h[3], r[0]),
	                  MUL(h[4], s[4]));
	__m256i d4 = SUM5(MUL(h[0], r[4]), MUL(h[1], r[3]), MUL(h[2], r[2]), MUL(h[3], r[1]),
	                  MUL(h[4], r[0]));
	/* two chains of carries at once: 0 -> 1 -> 2 and 3 -> 4 -> 0 -> 1, 2 -> 3 -> 4 */
	d1 = _mm256_add_epi64(d1, _mm256_srli_epi64(d0, 26));
	d4 = _mm256_add_epi64(d4, _mm256_srli_epi64(d3, 26));
	h[0] = _mm256_and_si256(d0, mask);
	h[3] = _mm256_and_si256(d3, mask);
	__m256i over = _mm256_srli_epi64(d4, 26);
	d2 = _mm256_add_epi64(d2, _mm256_srli_epi64(d1, 26));
	h[4] = _mm256_and_si256(d4, mask);
	h[1] = _mm256_and_si256(d1, mask);
	h[0] = _mm256_add_epi64(h[0], _mm256_add_epi64(over, _mm256_slli_epi64(over, 2)));
	h[3] = _mm256_add_epi64(h[3], _mm256_srli_epi64(d2, 26));
	h[2] = _mm256_and_si256(d2, mask);
	h[1] = _mm256_add_epi64(h[1], _mm256_srli_epi64(h[0], 26));
	h[0] = _mm256_and_si256(h[0], mask);
	h[4] = _mm256_add_epi64(h[4], _mm256_srli_epi64(h[3], 26));
	h[3] = _mm256_and_si256(h[3], mask);
}

/* Carry fully, reduce, add the key's second half modulo 2^128. Constant time. */
static void finish(uint8_t tag[UNITMAC_TAG_BYTES], uint64_t h[LIMBS], const uint8_t *key)
{
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < LIMBS - 1; i++) {
			h[i + 1] += h[i] >> 26;
			h[i] &= LIMB_MASK;
		}
		h[0] += 5 * (h[4] >> 26);
		h[4] &= LIMB_MASK;
	}
	h[1] += h[0] >> 26;
	h[0] &= LIMB_MASK;
	/* g = h + 5 - 2^130: taken where it is not negative */
	uint64_t g[LIMBS], carry = 5;
	for (int i = 0; i < LIMBS; i++) {
		g[i] = h[i] + carry;
		carry = g[i] >> 26;
		g[i] &= LIMB_MASK;
	}
	uint64_t take = 0 - carry;
	for (int i = 0; i < LIMBS; i++)
		h[i] = (h[i] & ~take) | (g[i] & take);
	uint128 low = h[0] | h[1] << 26;
	low += (uint128)h[2] << 52;
	low += (uint128)h[3] << 78;
	low += (uint128)h[4] << 104;
	low += (uint128)load64(key + 24) << 64 | load64(key + 16);
	memcpy(tag, &low, UNITMAC_TAG_BYTES);
}

static AVX2 void four_units(uint8_t *tags, const uint8_t *data, size_t unit_bytes,
                            const struct multiplier *m, const uint8_t *key)
{
	__m256i h[LIMBS];
	for (int i = 0; i < LIMBS; i++)
		h[i] = _mm256_setzero_si256();
	for (size_t at = 0; at < unit_bytes; at += 16) {
		add_block(h, data + at, unit_bytes);
		multiply(h, m);
	}
	uint64_t limbs[LIMBS][LANES];
	for (int i = 0; i < LIMBS; i++)
		_mm256_storeu_si256((__m256i *)(void *)limbs[i], h[i]);
	for (int lane = 0; lane < LANES; lane++) {
		uint64_t one[LIMBS];
		for (int i = 0; i < LIMBS; i++)
			one[i] = limbs[i][lane];
		finish(tags + lane * UNITMAC_TAG_BYTES, one, key);
	}
}

static AVX2 size_t by_four(uint8_t *tags, const uint8_t *data, size_t n, size_t unit_bytes,
                           const uint8_t *key)
{
	struct multiplier m;
	size_t i = 0;
	load_multiplier(&m, key);
	for (; i + LANES <= n; i += LANES)
		four_units(tags + i * UNITMAC_TAG_BYTES, data + i * unit_bytes, unit_bytes, &m, key);
	sodium_memzero(&m, sizeof m);
	return i;
}

void unitmac(uint8_t *tags, const uint8_t *data, size_t n, size_t unit_bytes,
             const uint8_t key[UNITMAC_KEY_BYTES])
{
	size_t done = __builtin_cpu_supports("avx2") ? by_four(tags, data, n, unit_bytes, key) : 0;
	unitmac_plain(tags + done * UNITMAC_TAG_BYTES, data + done * unit_bytes, n - done, unit_bytes,
	              key);
}

#else

void unitmac(uint8_t *tags, const uint8_t *data, size_t n, size_t unit_bytes,
             const uint8_t key[UNITMAC_KEY_BYTES])
{
	unitmac_plain(tags, data, n, unit_bytes, key);
}

#endif
