#include "source/mask_number.h"

#include "crypto/hash.h"
#include "crypto/secret.h"

enum {
	ROUNDS = 6,                /* Luby and Rackoff: four hide it from whoever may ask both ways */
	SMALL_HALF = 27,           /* 54 bits in two halves: the least that hold 53 */
	LARGE_HALF = 32,
};

static uint64_t round_of(const struct secret *key, unsigned half, unsigned round, uint64_t right)
{
	uint8_t in[10] = { (uint8_t)half, (uint8_t)round }, out[16];
	for (unsigned i = 0; i < 8; i++)
		in[2 + i] = (uint8_t)(right >> (8 * i));
	hash_labelled(out, sizeof out, "hf1.masknumber", key->bytes, key->len, in, sizeof in);
	uint64_t value = 0;
	for (unsigned i = 0; i < 8; i++)
		value |= (uint64_t)out[i] << (8 * i);
	return value & ((UINT64_C(1) << half) - 1);
}

/* A Feistel network over two halves: a permutation whatever its rounds are. */
static uint64_t feistel(const struct secret *key, unsigned half, uint64_t n)
{
	uint64_t left = n >> half, right = n & ((UINT64_C(1) << half) - 1);
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t next = left ^ round_of(key, half, round, right);
		left = right;
		right = next;
	}
	return left << half | right;
}

/* Repeated until it is back among its own: that is a permutation of these (cycle walking). */
int64_t mask_number(const struct secret *key, int64_t n)
{
	const uint64_t limit = UINT64_C(1) << MASK_NUMBER_BITS;
	uint64_t value = (uint64_t)n;
	if (value < limit) {
		do
			value = feistel(key, SMALL_HALF, value);
		while (value >= limit);
	} else {
		do
			value = feistel(key, LARGE_HALF, value);
		while (value < limit);
	}
	return (int64_t)value;
}
