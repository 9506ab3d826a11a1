#include "format/tlogproof.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/wire.h"
#include "format/base64.h"
#include "holdfast/err.h"

static const char first[] = "c2sp.org/tlog-proof@v1\nindex ";
enum { HASH_TEXT = 44 };

int tlogproof_encode(const struct tlogproof *p, struct buf *out, struct err *err)
{
	if (buf_printf(out, err, "%s%" PRIu64 "\n", first, p->index) != 0)
		return err->code;
	for (unsigned i = 0; i < p->path.n; i++) {
		char text[BASE64_TEXT_MAX];
		if (buf_printf(out, err, "%s\n", base64_encode(text, p->path.hashes[i], MERKLE_BYTES)) != 0)
			return err->code;
	}
	if (buf_append(out, "\n", 1, err) != 0)
		return err->code;
	return buf_append(out, p->checkpoint, p->checkpoint_len, err);
}

/* Decimal, at most 12 digits, no zero in front, and the LF behind it. */
static bool take_index(struct wire *w, uint64_t *out)
{
	unsigned digits = 0;
	*out = 0;
	while (wire_left(w) > 0 && *w->at >= '0' && *w->at <= '9' && digits < 12) {
		if (digits == 1 && *out == 0)
			return false;
		*out = *out * 10 + (uint64_t)(*w->at++ - '0');
		digits++;
	}
	return digits > 0 && wire_u8(w) == '\n';
}

static bool take_hash(struct wire *w, struct merkle_proof *path)
{
	size_t got;
	const char *text = (const char *)wire_bytes(w, HASH_TEXT);
	return text && path->n < MERKLE_PROOF_MAX && wire_u8(w) == '\n' &&
	       base64_decode(path->hashes[path->n++], MERKLE_BYTES, text, HASH_TEXT, &got) &&
	       got == MERKLE_BYTES;
}

int tlogproof_decode(struct tlogproof *p, const uint8_t *bytes, size_t len, struct err *err)
{
	struct tlogproof d = { .index = 0 };
	struct wire w = wire_over(bytes, len);
	const uint8_t *head = wire_bytes(&w, sizeof first - 1);
	bool ok = len <= TLOGPROOF_MAX && head && memcmp(head, first, sizeof first - 1) == 0 &&
	          take_index(&w, &d.index);
	while (ok && wire_left(&w) > 0 && *w.at != '\n')
		ok = take_hash(&w, &d.path);
	if (!ok || wire_u8(&w) != '\n' || wire_left(&w) == 0)
		return err_set(err, ERR_CORRUPT, "not a proof of a ledger's entry");
	d.checkpoint = w.at;
	d.checkpoint_len = wire_left(&w);
	*p = d;
	return 0;
}
