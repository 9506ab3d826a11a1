/*
 * fuzz_charter_entries - a root that signs what it likes: the first line of the input is an anchor's
 * text, the others are entries' texts, and all get a right signature, number and link.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "crypto/hash.h"
#include "format/charter.h"
#include "holdfast/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint8_t root_pk[32], root_sk[SIGN_SECRET_BYTES];

static void must(int rc)
{
	if (rc != 0)
		abort();
}

static void sign_line(struct buf *out, const uint8_t *text, size_t len)
{
	struct err err;
	uint8_t signature[SIGN_BYTES];
	char hex[2 * SIGN_BYTES + 1];
	sign_message(signature, "hf1.charter", text, len, root_sk);
	must(buf_append(out, text, len, &err));
	must(buf_printf(out, &err, "\t%s\n", hex_encode(hex, signature, sizeof signature)));
}

/* '#' and '@' stand for the entry's number and its link to the line before, which no mutation finds. */
static void fill_in(struct buf *out, const uint8_t *text, size_t len, unsigned n,
                    const uint8_t prev[32])
{
	struct err err;
	char hex[65];
	for (size_t i = 0; i < len; i++)
		if (text[i] == '#')
			must(buf_printf(out, &err, "%u", n));
		else if (text[i] == '@')
			must(buf_printf(out, &err, "%s", hex_encode(hex, prev, 32)));
		else
			must(buf_append(out, &text[i], 1, &err));
}

static size_t line_len(const uint8_t *at, size_t left)
{
	const uint8_t *lf = memchr(at, '\n', left);
	return lf ? (size_t)(lf - at) : left;
}

static void check(const struct charter *c)
{
	for (size_t i = 0; i < c->n_keys; i++)
		if (strnlen(c->keys[i].name, CHARTER_NAME_MAX) == CHARTER_NAME_MAX || !c->keys[i].roles ||
		    charter_find(c, c->keys[i].id) != &c->keys[i])
			abort();
	for (size_t i = 0; i < c->n_grants; i++) {
		const struct charter_grant *g = &c->grants[i];
		static const uint8_t any[16];
		if (!charter_granted_any(c, g->to) || !!g->stores != (g->n_stores > 0) ||
		    !charter_granted(c, g->to, g->writer, g->stores ? g->stores[g->n_stores - 1] : any))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t seed[32] = { 1 };
	struct err err;
	struct charter_anchor anchor = { .vault = { 2 } };
	uint8_t prev[32] = { 0 };
	must(crypto_start());
	sign_keypair(root_pk, root_sk, seed);
	if (len > 20000)
		return 0;
	AUTO(buf) chain = buf_new(1 << 24, &err);
	AUTO(buf) line = buf_new(1 << 24, &err);
	size_t at = line_len(data, len);
	sign_line(line, data, at);
	(void)charter_decode_anchor(&anchor, line->bytes, line->len, &err);
	memcpy(anchor.root, root_pk, 32);
	for (unsigned n = 1; at < len; n++) {
		at++;   /* the line's end */
		size_t l = line_len(data + at, len - at), start = chain->len;
		buf_clear(line);
		fill_in(line, data + at, l, n, prev);
		sign_line(chain, line->bytes, line->len);
		hash_labelled(prev, 32, "hf1.line", NULL, 0, chain->bytes + start, chain->len - start);
		at += l;
	}
	AUTO(charter) c = charter_decode(chain->bytes, chain->len, &anchor, &err);
	if (c)
		check(c);
	return 0;
}
