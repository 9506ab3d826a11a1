#include "format/signed_line.h"

#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/json.h"
#include "crypto/hash.h"
#include "holdfast/err.h"

static const char label[] = "hf1.charter";

enum { TAIL = 1 + 2 * SIGN_BYTES + 1 };

int signed_line_append(struct buf *out, const json_t *j, const uint8_t sk[SIGN_SECRET_BYTES],
                       struct err *err)
{
	AUTO(buf) text = buf_new(SIGNED_LINE_MAX - TAIL, err);
	if (!text || json_encode(j, text, err) != 0)
		return err->code;
	uint8_t signature[SIGN_BYTES];
	char hex[2 * SIGN_BYTES + 1];
	sign_message(signature, label, text->bytes, text->len, sk);
	if (buf_append(out, text->bytes, text->len, err) != 0)
		return err->code;
	return buf_printf(out, err, "\t%s\n", hex_encode(hex, signature, sizeof signature));
}

int signed_line_split(struct signed_line *l, const uint8_t *bytes, size_t len, const char *what,
                      struct err *err)
{
	const uint8_t *lf = memchr(bytes, '\n', len < SIGNED_LINE_MAX ? len : SIGNED_LINE_MAX);
	char hex[2 * SIGN_BYTES + 1] = "";
	if (lf && lf - bytes >= TAIL) {
		l->bytes = bytes;
		l->len = (size_t)(lf - bytes) + 1;
		l->json_len = l->len - TAIL;
		memcpy(hex, bytes + l->json_len + 1, 2 * SIGN_BYTES);
	}
	if (!hex[0] || bytes[l->json_len] != '\t' || !hex_decode(l->signature, SIGN_BYTES, hex))
		return err_set(err, ERR_CORRUPT, "%s: not a signed line", what);
	return 0;
}

bool signed_line_verify(const struct signed_line *l, const uint8_t pk[SIGN_PUBLIC_BYTES])
{
	return sign_verify(l->signature, label, l->bytes, l->json_len, pk);
}

void signed_line_hash(uint8_t hash[32], const uint8_t *line, size_t len)
{
	hash_labelled(hash, 32, "hf1.line", NULL, 0, line, len);
}
