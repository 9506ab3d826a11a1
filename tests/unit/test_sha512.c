#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/hex.h"
#include "crypto/sha512.h"

/* FIPS 180-4, example of NIST for "abc" */
static void a_known_digest_comes_out(void **state)
{
	uint8_t out[SHA512_BYTES];
	char hex[2 * SHA512_BYTES + 1];
	(void)state;
	sha512(out, "abc", 3);
	assert_string_equal(hex_encode(hex, out, sizeof out),
	                    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
	                    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_known_digest_comes_out) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
