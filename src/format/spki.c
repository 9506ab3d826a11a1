#include "format/spki.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/lines.h"
#include "format/base64.h"
#include "holdfast/err.h"

static const char begin[] = "-----BEGIN PUBLIC KEY-----";
static const char end[] = "-----END PUBLIC KEY-----";
static const uint8_t prefix[] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
	                          0x2b, 0x65, 0x70, 0x03, 0x21, 0x00 };
enum { DER_BYTES = sizeof prefix + SIGN_PUBLIC_BYTES };

int spki_encode(const uint8_t pk[SIGN_PUBLIC_BYTES], struct buf *out, struct err *err)
{
	uint8_t der[DER_BYTES];
	memcpy(der, prefix, sizeof prefix);
	memcpy(der + sizeof prefix, pk, SIGN_PUBLIC_BYTES);
	char text[BASE64_TEXT_MAX];
	return buf_printf(out, err, "%s\n%s\n%s\n", begin, base64_encode(text, der, sizeof der), end);
}

/* One line of base64 of `head` and 32 bytes, between these. */
struct pem { const char *begin, *end; const uint8_t *head; size_t head_len; };

enum { KEY_BYTES = 32, DER_MAX = 64 };

static bool decode(const struct pem *p, uint8_t key[KEY_BYTES], const uint8_t *bytes, size_t len)
{
	uint8_t der[DER_MAX];
	struct line first, text, last;
	struct wire w = wire_over(bytes, len);
	bool good = lines_next(&w, &first) && line_is(&first, p->begin) && lines_next(&w, &text) &&
	            base64_decode_all(der, p->head_len + KEY_BYTES, text.text, text.len) &&
	            lines_next(&w, &last) && line_is(&last, p->end) && wire_done(&w) &&
	            memcmp(der, p->head, p->head_len) == 0;
	if (good)
		memcpy(key, der + p->head_len, KEY_BYTES);
	explicit_bzero(der, sizeof der);
	return good;
}

int spki_decode(uint8_t pk[SIGN_PUBLIC_BYTES], const uint8_t *bytes, size_t len, struct err *err)
{
	const struct pem public = { begin, end, prefix, sizeof prefix };
	return decode(&public, pk, bytes, len) ? 0 : err_set(err, ERR_CORRUPT,
	                                                     "not an Ed25519 public key in PEM");
}

int spki_decode_seed(uint8_t seed[SIGN_SEED_BYTES], const uint8_t *bytes, size_t len, struct err *err)
{
	static const uint8_t head[] = { 0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
		                        0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20 };
	const struct pem private = { "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", head,
		                     sizeof head };
	if (decode(&private, seed, bytes, len))
		return 0;
	err_set(err, ERR_CORRUPT, "not an Ed25519 private key in PEM without a passphrase");
	return err_hint(err, "openssl genpkey -algorithm ed25519 -out FILE makes one");
}
