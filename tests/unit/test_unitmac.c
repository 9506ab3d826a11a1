#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "crypto/unitmac.h"

enum { UNITS = 67 };

static void compare(const uint8_t *data, size_t n, size_t unit, const uint8_t key[32])
{
	uint8_t fast[UNITS * 16], plain[UNITS * 16];
	unitmac(fast, data, n, unit, key);
	unitmac_plain(plain, data, n, unit, key);
	assert_memory_equal(fast, plain, n * 16);
}

static void it_is_poly1305_for_random_keys_and_units(void **state)
{
	static const size_t sizes[] = { 16, 32, 256, 512, 1024, 4096 };
	uint8_t *data = malloc(UNITS * 4096), key[32];
	(void)state;
	for (int round = 0; round < 200; round++) {
		size_t unit = sizes[round % 6];
		randombytes_buf(data, UNITS * unit);
		randombytes_buf(key, sizeof key);
		compare(data, UNITS - (size_t)(round % 9), unit, key);
	}
	free(data);
}

/* All ones make the largest limbs and the longest carries; results near 2^130 - 5 need the last
 * reduction. */
static void it_is_poly1305_at_the_edges_of_its_arithmetic(void **state)
{
	static uint8_t data[UNITS * 512];
	(void)state;
	for (int fill = 0; fill < 256; fill += 51)
		for (int k = 0; k < 256; k += 15) {
			uint8_t key[32];
			memset(data, fill, sizeof data);
			memset(key, k, sizeof key);
			compare(data, UNITS, 512, key);
		}
	for (int r = 0; r < 8; r++)
		for (int last = 0xf0; last < 0x100; last++) {
			uint8_t key[32] = { (uint8_t)r };
			memset(data, 0xff, sizeof data);
			data[0] = (uint8_t)last;
			compare(data, UNITS, 16, key);
		}
}

static void a_known_vector_is_met(void **state)
{
	/* RFC 8439 2.5.2's key over four equal blocks of zeros: the same tag as libsodium's */
	static const uint8_t key[32] = {
		0x85, 0xd6, 0xbe, 0x78, 0x57, 0x55, 0x6d, 0x33, 0x7f, 0x44, 0x52, 0xfe, 0x42, 0xd5,
		0x06, 0xa8, 0x01, 0x03, 0x80, 0x8a, 0xfb, 0x0d, 0xb2, 0xfd, 0x4a, 0xbf, 0xf6, 0xaf,
		0x41, 0x49, 0xf5, 0x1b };
	static const uint8_t message[] = "Cryptographic Forum Research Gro";
	uint8_t four[4 * 32], tags[64], want[16];
	(void)state;
	for (int i = 0; i < 4; i++)
		memcpy(four + 32 * i, message, 32);
	unitmac(tags, four, 4, 32, key);
	crypto_onetimeauth_poly1305(want, message, 32, key);
	for (int i = 0; i < 4; i++)
		assert_memory_equal(tags + 16 * i, want, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_poly1305_for_random_keys_and_units),
		cmocka_unit_test(it_is_poly1305_at_the_edges_of_its_arithmetic),
		cmocka_unit_test(a_known_vector_is_met),
	};
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
