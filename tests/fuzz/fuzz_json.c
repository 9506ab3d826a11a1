/* fuzz_json - what parses as canonical JSON must encode to the very same bytes again. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "holdfast/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct err err = { 0 };
	JSON_AUTO loose = json_decode((const char *)data, len, "fuzz", &err);
	if (!loose && err.code != ERR_CORRUPT)
		abort();
	JSON_AUTO strict = json_decode_canonical((const char *)data, len, "fuzz", &err);
	if (!strict)
		return 0;
	if (!loose)
		abort();

	AUTO(buf) again = buf_new(len + 1, &err);
	if (!again || json_encode(strict, again, &err) != 0 || again->len != len ||
	    memcmp(again->bytes, data, len) != 0)
		abort();

	uint8_t id[16];
	uint64_t number;
	const char *text;
	(void)json_get_hex(strict, "id", id, sizeof id, "fuzz", &err);
	(void)json_get_text(strict, "text", &text, "fuzz", &err);
	if (json_get_u64(strict, "number", 1000, &number, "fuzz", &err) == 0 && number > 1000)
		abort();
	return 0;
}
