/*
 * fuzz_mask_rules - rules are taken whole or refused; what is taken masks every kind of value or refuses it,
 * and NULL never becomes anything else but what was set.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "crypto/hash.h"
#include "crypto/secret.h"
#include "source/mask_rules.h"
#include "source/mask_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct mask_cell cells[] = {
	{ .type = MASK_IS_NULL },
	{ .type = MASK_IS_INTEGER, .integer = INT64_MIN },
	{ .type = MASK_IS_REAL, .real = -1e300 },
	{ .type = MASK_IS_TEXT, .bytes = "2024-02-29\xff@\xc3", .len = 13 },
	{ .type = MASK_IS_BLOB, .bytes = "", .len = 0 },
};
enum { CELLS = sizeof cells / sizeof *cells };

static void mask_all(const struct mask_rule *rule, const struct secret *restore_key)
{
	struct err err = { 0 };
	AUTO(secret) key = mask_value_key(restore_key, rule->kind, rule->domain, &err);
	AUTO(buf) room = buf_new(1 << 16, &err);
	if (!key || !room)
		return;
	const struct mask_how how = { rule, key, rule->nocase };
	for (int i = 0; i < CELLS; i++) {
		struct mask_cell out = { .type = MASK_IS_BLOB };
		int rc = mask_value(&how, &cells[i], &cells[CELLS - 1 - i], &out, room, &err);
		if (rc != 0 && rc != ERR_INVALID && rc != ERR_LIMIT)
			abort();
		if (rc == 0 && cells[i].type == MASK_IS_NULL && rule->kind != MASK_SET &&
		    out.type != MASK_IS_NULL)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "f", "x=y" };
	struct err err = { 0 };
	crypto_start();
	/* dictionaries are files of this machine */
	if (memchr(data, '/', len))
		return 0;
	AUTO(mask_rules) r = mask_rules_parse("fuzz", "/nowhere", (const char *)data, len, &err);
	if (!r) {
		if (err.code != ERR_INVALID && err.code != ERR_LIMIT && err.code != ERR_ABSENT)
			abort();
		return 0;
	}
	const struct mask_rules_table *t = mask_rules_find(r, "t");
	AUTO(secret) key = secret_random(32, &err);
	for (size_t i = 0; t && key && i < sizeof names / sizeof *names; i++) {
		const struct mask_rule *rule = mask_rules_column(t, names[i]);
		if (rule)
			mask_all(rule, key);
	}
	return 0;
}
