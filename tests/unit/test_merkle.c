/* The tree of RFC 6962 against the vectors of Certificate Transparency's own tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/hex.h"
#include "format/merkle.h"
#include "holdfast/err.h"

static const struct { const char *bytes; size_t len; } leaves[8] = {
	{ "", 0 }, { "\x00", 1 }, { "\x10", 1 }, { "\x20\x21", 2 }, { "\x30\x31", 2 },
	{ "\x40\x41\x42\x43", 4 }, { "\x50\x51\x52\x53\x54\x55\x56\x57", 8 },
	{ "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16 },
};

static const char *const roots[9] = {
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
	"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
	"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
	"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
	"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
	"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
	"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

/* Any subtree of a log whose entries are leaves[i % 8]. */
static int node(void *arg, unsigned level, uint64_t index, uint8_t out[MERKLE_BYTES], struct err *err)
{
	uint8_t left[MERKLE_BYTES], right[MERKLE_BYTES];
	(void)arg;
	if (level == 0) {
		merkle_leaf(out, leaves[index % 8].bytes, leaves[index % 8].len);
		return 0;
	}
	node(arg, level - 1, 2 * index, left, err);
	node(arg, level - 1, 2 * index + 1, right, err);
	merkle_node(out, left, right);
	return 0;
}

static void assert_hex(const uint8_t got[MERKLE_BYTES], const char *expected)
{
	char hex[65];
	assert_string_equal(hex_encode(hex, got, MERKLE_BYTES), expected);
}

static void roots_are_those_of_certificate_transparency(void **state)
{
	struct err err;
	uint8_t root[MERKLE_BYTES];
	(void)state;
	for (uint64_t n = 0; n <= 8; n++) {
		assert_int_equal(merkle_root(n, node, NULL, root, &err), 0);
		assert_hex(root, roots[n]);
	}
}

static void proofs_are_those_of_certificate_transparency(void **state)
{
	static const char *const entry_0_of_8[] = {
		"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
		"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
		"6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
	};
	static const char *const from_6_to_8[] = {
		"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
		"ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	};
	struct err err;
	struct merkle_proof p;
	(void)state;
	assert_int_equal(merkle_prove_entry(0, 8, node, NULL, &p, &err), 0);
	assert_int_equal(p.n, 3);
	for (int i = 0; i < 3; i++)
		assert_hex(p.hashes[i], entry_0_of_8[i]);
	assert_int_equal(merkle_prove_growth(6, 8, node, NULL, &p, &err), 0);
	assert_int_equal(p.n, 3);
	for (int i = 0; i < 3; i++)
		assert_hex(p.hashes[i], from_6_to_8[i]);
}

enum { MOST = 70 };

static void every_entry_is_proved_and_no_other_place_is(void **state)
{
	struct err err;
	struct merkle_proof p;
	uint8_t root[MERKLE_BYTES], leaf[MERKLE_BYTES];
	(void)state;
	for (uint64_t n = 1; n <= MOST; n++) {
		merkle_root(n, node, NULL, root, &err);
		for (uint64_t i = 0; i < n; i++) {
			node(NULL, 0, i, leaf, &err);
			assert_int_equal(merkle_prove_entry(i, n, node, NULL, &p, &err), 0);
			assert_true(merkle_verify_entry(leaf, i, n, &p, root));
			if (n > 1)
				assert_false(merkle_verify_entry(leaf, (i + 1) % n, n, &p, root));
			leaf[3] ^= 1;
			assert_false(merkle_verify_entry(leaf, i, n, &p, root));
			leaf[3] ^= 1;
			p.n++;
			assert_false(merkle_verify_entry(leaf, i, n, &p, root));
			p.n -= 2;
			if (n > 1)
				assert_false(merkle_verify_entry(leaf, i, n, &p, root));
		}
	}
}

static void all_growth_is_proved_and_no_other_history_is(void **state)
{
	struct err err;
	struct merkle_proof p;
	uint8_t root[MERKLE_BYTES], old[MERKLE_BYTES];
	(void)state;
	for (uint64_t n = 1; n <= MOST; n++)
		for (uint64_t m = 1; m <= n; m++) {
			merkle_root(n, node, NULL, root, &err);
			merkle_root(m, node, NULL, old, &err);
			assert_int_equal(merkle_prove_growth(m, n, node, NULL, &p, &err), 0);
			assert_true(merkle_verify_growth(m, old, n, root, &p));
			old[31] ^= 1;
			assert_false(merkle_verify_growth(m, old, n, root, &p));
			old[31] ^= 1;
			root[0] ^= 1;
			assert_false(merkle_verify_growth(m, old, n, root, &p));
			root[0] ^= 1;
			if (m < n) {
				p.hashes[p.n - 1][5] ^= 1;
				assert_false(merkle_verify_growth(m, old, n, root, &p));
			}
		}
}

static void what_cannot_be_proved_is_refused(void **state)
{
	struct err err;
	struct merkle_proof p;
	(void)state;
	assert_int_equal(merkle_prove_entry(8, 8, node, NULL, &p, &err), ERR_INVALID);
	assert_int_equal(merkle_prove_growth(9, 8, node, NULL, &p, &err), ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roots_are_those_of_certificate_transparency),
		cmocka_unit_test(proofs_are_those_of_certificate_transparency),
		cmocka_unit_test(every_entry_is_proved_and_no_other_place_is),
		cmocka_unit_test(all_growth_is_proved_and_no_other_history_is),
		cmocka_unit_test(what_cannot_be_proved_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
