#include "format/minisign.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/lines.h"
#include "crypto/hash.h"
#include "format/base64.h"
#include "holdfast/err.h"

static const char untrusted[] = "untrusted comment: signature from a Holdfast report key";
static const char key_comment[] = "untrusted comment: minisign public key ";
static const char trusted[] = "trusted comment: ";

enum {
	HEAD = 2 + MINISIGN_ID_BYTES,
	KEY_BYTES = HEAD + SIGN_PUBLIC_BYTES,
	SIGNATURE_BYTES = HEAD + SIGN_BYTES,
	GLOBAL_MAX = SIGN_BYTES + MINISIGN_COMMENT_MAX,
};

void minisign_key_id(uint8_t id[MINISIGN_ID_BYTES], const uint8_t pk[SIGN_PUBLIC_BYTES])
{
	uint8_t hash[16];
	hash_labelled(hash, sizeof hash, "hf1.minisign", NULL, 0, pk, SIGN_PUBLIC_BYTES);
	memcpy(id, hash, MINISIGN_ID_BYTES);
}

static void put_head(uint8_t out[HEAD], const char algorithm[2], const uint8_t *pk)
{
	memcpy(out, algorithm, 2);
	minisign_key_id(out + 2, pk);
}

/* ---- keys ---- */

int minisign_encode_key(const uint8_t pk[SIGN_PUBLIC_BYTES], struct buf *out, struct err *err)
{
	uint8_t key[KEY_BYTES];
	put_head(key, "Ed", pk);
	memcpy(key + HEAD, pk, SIGN_PUBLIC_BYTES);
	char text[BASE64_TEXT_MAX];
	struct wire w = wire_over(key + 2, MINISIGN_ID_BYTES);
	return buf_printf(out, err, "%s%016" PRIX64 "\n%s\n", key_comment, wire_u64(&w),
	                  base64_encode(text, key, sizeof key));
}

int minisign_decode_key(uint8_t pk[SIGN_PUBLIC_BYTES], const uint8_t *bytes, size_t len,
                        struct err *err)
{
	uint8_t key[KEY_BYTES], expected[HEAD];
	struct line comment, line;
	struct wire w = wire_over(bytes, len);
	bool ok = lines_next(&w, &comment) && line_skip(&comment, key_comment) &&
	          lines_next(&w, &line) && wire_done(&w) &&
	          base64_decode_all(key, sizeof key, line.text, line.len);
	if (ok) {
		char id[17];
		put_head(expected, "Ed", key + HEAD);
		struct wire number = wire_over(expected + 2, MINISIGN_ID_BYTES);
		snprintf(id, sizeof id, "%016" PRIX64, wire_u64(&number));
		ok = memcmp(key, expected, HEAD) == 0 && line_is(&comment, id);
	}
	if (!ok)
		return err_set(err, ERR_CORRUPT, "not the minisign public key of a Holdfast report key");
	memcpy(pk, key + HEAD, SIGN_PUBLIC_BYTES);
	return 0;
}

/* ---- signatures ---- */

static bool is_comment(const char *text, size_t len)
{
	if (len >= MINISIGN_COMMENT_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((text[i] < ' ' || text[i] > '~') && text[i] != '\t')
			return false;
	return true;
}

/* What the second signature covers. */
static size_t global_text(uint8_t out[GLOBAL_MAX], const uint8_t signature[SIGN_BYTES],
                          const char *comment, size_t len)
{
	memcpy(out, signature, SIGN_BYTES);
	memcpy(out + SIGN_BYTES, comment, len);
	return SIGN_BYTES + len;
}

int minisign_sign(const void *data, size_t len, const char *comment,
                  const uint8_t sk[SIGN_SECRET_BYTES], struct buf *out, struct err *err)
{
	uint8_t pk[SIGN_PUBLIC_BYTES], blob[SIGNATURE_BYTES], text[GLOBAL_MAX], global[SIGN_BYTES];
	size_t comment_len = strlen(comment);
	if (!is_comment(comment, comment_len))
		return err_set(err, ERR_INVALID, "'%.100s' is no comment for a signature", comment);
	sign_public(pk, sk);
	put_head(blob, "ED", pk);
	/* without a label this is BLAKE2b-512 as it is */
	sign_message(blob + HEAD, "", data, len, sk);
	sign_plain(global, text, global_text(text, blob + HEAD, comment, comment_len), sk);
	char first[BASE64_TEXT_MAX], second[BASE64_TEXT_MAX];
	return buf_printf(out, err, "%s\n%s\n%s%s\n%s\n", untrusted,
	                  base64_encode(first, blob, sizeof blob), trusted, comment,
	                  base64_encode(second, global, sizeof global));
}

struct parts {
	uint8_t blob[SIGNATURE_BYTES], global[SIGN_BYTES];
	struct line comment;
};

static bool split(struct parts *p, const uint8_t *bytes, size_t len)
{
	struct line first, blob, global;
	struct wire w = wire_over(bytes, len);
	return len <= MINISIGN_MAX && lines_next(&w, &first) && line_is(&first, untrusted) &&
	       lines_next(&w, &blob) &&
	       base64_decode_all(p->blob, sizeof p->blob, blob.text, blob.len) &&
	       lines_next(&w, &p->comment) && line_skip(&p->comment, trusted) &&
	       is_comment(p->comment.text, p->comment.len) && lines_next(&w, &global) &&
	       base64_decode_all(p->global, sizeof p->global, global.text, global.len) &&
	       wire_done(&w);
}

int minisign_verify(const void *data, size_t len, const uint8_t *signature, size_t signature_len,
                    const uint8_t pk[SIGN_PUBLIC_BYTES], char comment[MINISIGN_COMMENT_MAX],
                    struct err *err)
{
	struct parts p;
	uint8_t head[HEAD], text[GLOBAL_MAX];
	if (!split(&p, signature, signature_len))
		return err_set(err, ERR_CORRUPT, "not a signature file of a Holdfast report key");
	put_head(head, "ED", pk);
	if (memcmp(p.blob, head, HEAD) != 0)
		return err_set(err, ERR_CORRUPT, "was signed by another key");
	if (!sign_verify(p.blob + HEAD, "", data, len, pk))
		return err_set(err, ERR_CORRUPT, "signature does not fit: the file was changed");
	size_t n = global_text(text, p.blob + HEAD, p.comment.text, p.comment.len);
	if (!sign_plain_verify(p.global, text, n, pk))
		return err_set(err, ERR_CORRUPT, "the signature's comment was changed");
	if (comment) {
		memcpy(comment, p.comment.text, p.comment.len);
		comment[p.comment.len] = '\0';
	}
	return 0;
}
