#include "format/base64.h"

#include <sodium.h>

const char *base64_encode(char out[BASE64_TEXT_MAX], const void *data, size_t len)
{
	return sodium_bin2base64(out, BASE64_TEXT_MAX, data, len, sodium_base64_VARIANT_ORIGINAL);
}

bool base64_decode(uint8_t *out, size_t cap, const char *text, size_t len, size_t *got)
{
	const char *end;
	/* libsodium takes some bytes that are not ASCII for others that are */
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] >= 0x80)
			return false;
	return sodium_base642bin(out, cap, text, len, NULL, got, &end,
	                         sodium_base64_VARIANT_ORIGINAL) == 0 && end == text + len;
}

bool base64_decode_all(void *out, size_t len, const char *text, size_t text_len)
{
	size_t got;
	return base64_decode(out, len, text, text_len, &got) && got == len;
}
