#include "format/spki.h"

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

int spki_decode(uint8_t pk[SIGN_PUBLIC_BYTES], const uint8_t *bytes, size_t len, struct err *err)
{
	uint8_t der[DER_BYTES];
	struct line first, key, last;
	struct wire w = wire_over(bytes, len);
	if (!lines_next(&w, &first) || !line_is(&first, begin) || !lines_next(&w, &key) ||
	    !base64_decode_all(der, sizeof der, key.text, key.len) || !lines_next(&w, &last) ||
	    !line_is(&last, end) || !wire_done(&w) || memcmp(der, prefix, sizeof prefix) != 0)
		return err_set(err, ERR_CORRUPT, "not an Ed25519 public key in PEM");
	memcpy(pk, der + sizeof prefix, SIGN_PUBLIC_BYTES);
	return 0;
}
